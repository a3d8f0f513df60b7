"""Owns the reading of one receipt: its kind, its total, its number, its tax split, and why. PURE.

Order of the questions: is it anything but a sale (training, aborted, a report, a bill before payment, an order, a reprint, a copy)? is it a
refund? what is the total, and does the rest of the receipt agree? A receipt that does not answer clearly is ``unknown``, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from posagent.doors import words as w
from posagent.doors.amounts import Line, read_lines, squeeze
from posagent.doors.escpos_text import Document
from posagent.doors.profiles import PLAIN, Profile
from posagent.doors.receipt_no import find_receipt_no
from posagent.doors.tax_table import find_tax_split
from posagent.doors.totals import NoTotal, Total, find_total

Kind = Literal["sale", "refund", "reprint", "prebill", "order", "report", "test", "unknown"]
Confidence = Literal["high", "medium", "none"]
"""high: the profile's own words, or the receipt's arithmetic confirms the total; medium: a label alone; none: not a sale or no total."""

MOST_LINES = 1000
LONGEST = 256 * 1024


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a document says. ``total`` is tax included, negative for refunds, None where it cannot be told (and for every report)."""

    kind: Kind
    total: int | None = None
    receipt_no: str | None = None
    tax_split: Mapping[int, int] = field(default_factory=dict)  # rate in basis points -> gross
    paid: bool = False  # a payment stands on it
    confidence: Confidence = "none"
    why: tuple[str, ...] = ()
    ask: bool = False  # may well be a sale, but the amount must be entered by hand


def read_document(document: Document, profile: Profile = PLAIN) -> Receipt:
    """A printed document. One that no cut ended where cuts are usual is the caller's to judge."""
    if document.too_long:
        return Receipt("unknown", why=(f"longer than {LONGEST // 1024} kB: no receipt",))
    if document.pictures and not any(line.strip() for line in document.lines):
        codes = f"; codes on it: {', '.join(document.codes)}" if document.codes else ""
        return Receipt("unknown", why=(f"image receipt: the amount cannot be read{codes}",), ask=True)
    return read_text(document.text, profile)


def read_text(text: str, profile: Profile = PLAIN) -> Receipt:
    """One receipt's text. Never raises."""
    if len(text) > LONGEST:
        return Receipt("unknown", why=(f"longer than {LONGEST // 1024} kB: no receipt",))
    lines = read_lines(text, most=MOST_LINES + 1)
    if len(lines) > MOST_LINES:
        return Receipt("unknown", why=(f"more than {MOST_LINES} lines: no receipt",))
    if not lines:
        return Receipt("unknown", why=("nothing is written on it",))
    titles = [line for line in lines if not any(amount.sure for amount in line.amounts)]
    found = find_total(lines, profile)
    not_sale = _not_a_sale(lines, titles, found, profile)
    number, number_why = find_receipt_no(lines, profile)
    if not_sale is not None:
        kind, why = not_sale
        keep = kind in {"reprint", "prebill"} and isinstance(found, Total)
        total = found.value if keep and isinstance(found, Total) else None
        if kind == "reprint" and total is None:
            total = _copied(lines)
        return Receipt(kind, total, number, why=(why,))
    if isinstance(number_why, str) and number is None and number_why:
        return Receipt("unknown", why=(number_why,), ask=True)
    steps = [number_why] if number_why else []
    refund = _refund(titles, lines)
    if isinstance(found, NoTotal):
        return _without_total(lines, titles, found, refund, number)
    if refund or found.value < 0:
        return Receipt(
            "refund", -abs(found.value), number, paid=True, confidence=found.confidence, why=(refund or "the total is negative", *found.why)
        )
    mixed = next((line.text for line in lines if _is_returned_item(line)), "")
    if mixed:
        return Receipt("unknown", None, number, why=(f"a sale and a return on one receipt ({mixed!r}): enter the amount by hand",), ask=True)
    if found.value == 0:
        return Receipt("unknown", 0, number, why=("the total is 0: nothing to grant for",))
    if found.value > profile.most:
        too_much = f"the total {found.value:,} is above the profile's limit of {profile.most:,}: too large for one sale"
        return Receipt("unknown", None, number, why=(too_much,), ask=True)
    split, split_why = find_tax_split(lines, found.value)
    paid = profile.paid == "always" or _is_paid(lines, titles)
    return Receipt("sale", found.value, number, split, paid, found.confidence, (*found.why, *steps, *split_why))


def _without_total(lines: tuple[Line, ...], titles: list[Line], found: NoTotal, refund: str, number: str | None) -> Receipt:
    if refund and (amount := _refunded(lines)):
        why_amount = "the amount stands beside the refund's own word"
        return Receipt("refund", -abs(amount), number, paid=True, confidence="medium", why=(refund, why_amount))
    if refund:
        return Receipt("refund", None, number, why=(refund, found.why))
    order = next((line for line in titles if w.WEAK_ORDER.search(line.squeezed)), None)
    if order and not found.ask:
        return Receipt("order", None, number, why=(f"an order: {_shown(order)}, and no total",))
    return Receipt("unknown", None, number, why=(found.why,), ask=found.ask)


def _is_paid(lines: tuple[Line, ...], titles: list[Line]) -> bool:
    """A means of payment with its amount, or the words of a receipt for money received. What is asked for (お支払額) is not paid yet."""
    amounts = [amount for line in lines for amount in line.amounts if amount.value]
    if any(w.PAYMENT.search(amount.label) and not w.PAY.fullmatch(amount.label) for amount in amounts):
        return True
    return any(w.PAYMENT.search(line.squeezed) and not w.POLICY.search(line.squeezed) for line in titles)


# ---------------------------------------------------------------- kinds

_IN_ORDER: tuple[tuple[Kind, re.Pattern[str], str], ...] = (
    ("test", w.TEST, "training or test"),
    ("report", w.REPORT, "a report"),
    ("unknown", w.ABORTED, "aborted: no sale took place"),
    ("prebill", w.PREBILL, "a bill before payment"),
    ("prebill", w.PREBILL_SENTENCE, "a bill before payment"),
    ("order", w.ORDER, "an order"),
    ("reprint", w.REPRINT, "a reprint or a copy"),
    ("unknown", w.CARD_SLIP, "a card slip, not the sale"),
    ("unknown", w.NOT_A_SALE, "not a sale"),
)


def _not_a_sale(lines: tuple[Line, ...], titles: list[Line], found: Total | NoTotal, profile: Profile) -> tuple[Kind, str] | None:
    for line in lines:
        own = next((word for word in profile.ignore if squeeze(word) in line.squeezed), None)
        if own:
            return "unknown", f"the profile ignores receipts with {own!r}"
    charged = next((line for line in lines for amount in line.amounts if w.CHARGED.search(amount.label)), None)
    if charged:
        return "unknown", f"value was loaded, nothing was sold: {_shown(charged)}"
    for kind, pattern, why in _IN_ORDER:
        for line in titles:
            if not _says(line, pattern):
                continue
            if pattern is not w.PREBILL_SENTENCE and w.POLICY.search(line.squeezed):
                continue
            return kind, f"{why}: {_shown(line)}"
        if kind == "report" and (why_report := _report_by_numbers(lines, titles)):
            return kind, why_report
    if not (isinstance(found, Total) and found.confidence == "high"):
        order = next((line for line in titles if w.MAYBE_ORDER.search(line.squeezed)), None)
        if order:
            return "order", f"an order: {_shown(order)}"
        aside = next((line for line in titles if w.WEAK_NOT_A_SALE.search(line.squeezed)), None)
        if aside:
            return "unknown", f"not a sale: {_shown(aside)}"
    marked = next((line for line in lines if line not in titles and _MARKED.search(line.text)), None)
    if marked:
        return "reprint", f"a reprint: {_shown(marked)}"
    return _copy(lines, titles, found)


_NUMBERED = re.compile(r"(?:no|番号)?[0-9/年月日時分秒]+$")


def _says(line: Line, pattern: re.Pattern[str]) -> bool:
    """A title; a refund's or a report's also with a number or a time behind it: 返品伝票 No.3"""
    numbered = pattern in {w.REFUND, w.REPORT} and pattern.search(_NUMBERED.sub("", line.squeezed))
    return bool(pattern.search(line.squeezed) or numbered)


_MARKED = re.compile(r"[*【\[<(#] ?(?:再発行|再印字|控え?|コピー|DUPLICATE|REPRINT|COPY) ?[*】\]>)#]", re.IGNORECASE)


def _report_by_numbers(lines: tuple[Line, ...], titles: list[Line]) -> str:
    for line in lines:
        for amount in line.amounts:
            if w.REPORT_LABEL.search(amount.label):
                return f"a report: {_shown(line)}"
    weak = [line for line in lines if w.WEAK_REPORT.search(line.squeezed) and not w.POLICY.search(line.squeezed)]
    if len(weak) >= 3:
        return f"a report: {_shown(weak[0])}, {_shown(weak[1])}, {_shown(weak[2])}"
    return ""


def _copy(lines: tuple[Line, ...], titles: list[Line], found: Total | NoTotal) -> tuple[Kind, str] | None:
    """領収証 heads the ordinary receipts of many shops; a copy for somebody's books has no 合計, or says what it is for (但し)."""
    title = next((line for line in titles if w.COPY_TITLE.search(line.squeezed)), None)
    if title is None:
        return None
    cash = any(w.CHANGE.fullmatch(amount.label) or w.DEPOSIT.fullmatch(amount.label) for line in lines for amount in line.amounts)
    signs = sum(bool(w.COPY_SIGNS.search(line.squeezed)) for line in titles)
    purpose = any(line.squeezed.startswith("但") or line.squeezed.endswith("として") for line in titles)
    no_total = isinstance(found, NoTotal) or found.label_kind == "copy"
    if no_total or (not cash and (purpose or signs >= 2)):
        return "reprint", f"a receipt for the books, written beside the sale: {_shown(title)}"
    return None


def _copied(lines: tuple[Line, ...]) -> int | None:
    named = [amount.value for line in lines for amount in line.amounts if w.CHARGED_COPY.search(amount.label)]
    alone = [line.amounts[0].value for line in lines if len(line.amounts) == 1 and line.amounts[0].currency == "jpy" and _is_only_amount(line)]
    return next(iter(named or (alone if len(set(alone)) == 1 else [])), None)


def _is_only_amount(line: Line) -> bool:
    """A line of nothing but money: ￥11,000-"""
    return not re.search(r"[^\d,¥円也\- ]", line.text)


def _refund(titles: list[Line], lines: tuple[Line, ...]) -> str:
    for line in titles:
        if _says(line, w.REFUND) and not w.POLICY.search(line.squeezed):
            return f"a refund: {_shown(line)}"
    for line in lines:
        if line.amounts and w.GIVEN_BACK.search(line.squeezed) and any(w.TOTAL.fullmatch(amount.label) for amount in line.amounts):
            return f"a refund: {_shown(line)}"
        for amount in line.amounts:
            if w.REFUND_STRONG.search(amount.label) and amount.value and (amount.sure or w.REFUND_AMOUNT.fullmatch(amount.label)):
                return f"a refund: {_shown(line)}"
    return ""


def _refunded(lines: tuple[Line, ...]) -> int:
    amounts = [amount.value for line in lines for amount in line.amounts if w.REFUND_AMOUNT.fullmatch(amount.label) and amount.sure]
    return amounts[-1] if len({abs(value) for value in amounts}) == 1 else 0


def _is_returned_item(line: Line) -> bool:
    return any(re.match(r"返品|返金|返却|returned|refund", amount.label) and amount.value and amount.sure for amount in line.amounts)


def _shown(line: Line) -> str:
    return repr(line.text if len(line.text) <= 40 else line.text[:39] + "…")
