"""Owns the reading of one receipt: its kind (`posagent.doors.kinds`), its total, its number, its tax split, and why. PURE.

Order of the questions: is it anything but a sale (training, aborted, a report, a bill before payment, an order, a reprint, a copy)? is it a
refund? what is the total, and does the rest of the receipt agree? A receipt that does not answer clearly is ``unknown``, with the reason.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from posagent.doors import words as w
from posagent.doors.abroad import may_have_cents, not_in_yen
from posagent.doors.amounts import Line, read_lines
from posagent.doors.escpos_text import Document
from posagent.doors.kinds import (
    Kind,
    copied,
    is_only_amount,
    is_paid,
    is_returned_item,
    not_a_sale,
    refund_word,
    refunded,
    shown,
    strange_heading,
    titles_of,
    without_card_slip,
)
from posagent.doors.profiles import PLAIN, Profile
from posagent.doors.receipt_no import find_receipt_no
from posagent.doors.tax_table import find_tax_split
from posagent.doors.totals import NoTotal, Total, find_total

Confidence = Literal["high", "medium", "none"]
"""high: the profile's own words, or the receipt's arithmetic confirms the total; medium: a label alone; none: not a sale or no total."""

MOST_LINES = 1000
LONGEST = 256 * 1024
LARGEST_LOGO = 72 * 240
"""Bytes of a picture across 80 mm paper and 3 cm high; what is larger may well be the receipt itself."""


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
    receipt = read_text(document.text, profile)
    if document.pictures > LARGEST_LOGO and receipt.kind == "unknown" and receipt.total is None:
        return replace(receipt, why=(*receipt.why, "most of it is a picture: the amount may stand there"), ask=True)
    return receipt


def read_text(text: str, profile: Profile = PLAIN) -> Receipt:
    """One receipt's text. Never raises."""
    if len(text) > LONGEST:
        return Receipt("unknown", why=(f"longer than {LONGEST // 1024} kB: no receipt",))
    plain = unicodedata.normalize("NFKC", text)
    lines = read_lines(text, most=MOST_LINES + 1, cents=bool(profile.decimals) or may_have_cents(plain))
    if len(lines) > MOST_LINES:
        return Receipt("unknown", why=(f"more than {MOST_LINES} lines: no receipt",))
    if not lines:
        return Receipt("unknown", why=("nothing is written on it",))
    if _is_no_text(text):
        return Receipt("unknown", why=("these bytes are no text: give a text file, or the bytes that a POS sent to its printer",))
    lines = without_card_slip(_with_amounts_below(lines), profile)
    titles = titles_of(lines)
    foreign = "" if profile.name else not_in_yen(plain)
    found = NoTotal(foreign) if foreign else find_total(lines, profile)
    not_sale = not_a_sale(lines, titles, found, profile)
    number, number_why = find_receipt_no(lines, profile)
    if not_sale is not None:
        kind, why = not_sale
        keep = kind in {"reprint", "prebill"} and isinstance(found, Total)
        total = found.value if keep and isinstance(found, Total) else None
        if kind == "reprint" and total is None and not foreign:
            total = copied(lines)
        return Receipt(kind, total, number, why=(why,))
    if isinstance(number_why, str) and number is None and number_why:
        return Receipt("unknown", why=(number_why,), ask=True)
    steps = [number_why] if number_why else []
    refund = refund_word(titles, lines)
    if isinstance(found, NoTotal):
        return _without_total(lines, titles, found, refund, number)
    if refund or found.value < 0:
        return Receipt(
            "refund", -abs(found.value), number, paid=True, confidence=found.confidence, why=(refund or "the total is negative", *found.why)
        )
    mixed = next((line.text for line in lines if is_returned_item(line)), "")
    if mixed:
        return Receipt("unknown", None, number, why=(f"a sale and a return on one receipt ({mixed!r}): enter the amount by hand",), ask=True)
    if found.value == 0:
        return Receipt("unknown", 0, number, why=("the total is 0: nothing to grant for",))
    if found.value > profile.most:
        too_much = f"the total {found.value:,} is above the profile's limit of {profile.most:,}: too large for one sale"
        return Receipt("unknown", None, number, why=(too_much,), ask=True)
    heading = None if profile.name or is_paid(lines, titles) else strange_heading(lines)
    if heading:
        why_heading = f"nothing but one amount, and a heading that is not known: {shown(heading)}"
        return Receipt("unknown", None, number, why=(why_heading, *found.why), ask=True)
    split, split_why = find_tax_split(lines, found.value)
    paid = profile.paid == "always" or is_paid(lines, titles)
    return Receipt("sale", found.value, number, split, paid, found.confidence, (*found.why, *steps, *split_why))


def _with_amounts_below(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """A label whose amount stands alone on the next line gets it: お釣り / ¥250. (A total finds its own, and taxes theirs.)"""
    found: list[Line] = []
    for line in lines:
        above = found[-1] if found else None
        alone = len(line.amounts) == 1 and is_only_amount(line) and (line.amounts[0].sure or line.squeezed.isdecimal())
        if above is not None and alone and not above.amounts and _takes_amount(above.squeezed):
            amount = replace(line.amounts[0], label=above.squeezed)
            found[-1] = Line(f"{above.text} {line.text}", above.squeezed + line.squeezed, (amount,))
        else:
            found.append(line)
    return tuple(found)


def _takes_amount(label: str) -> bool:
    if any(pattern.fullmatch(label) for pattern in (w.DEPOSIT, w.CHANGE, w.SUB, w.POINTS_SPENT)):
        return True
    if len(label) > 10 or "領収" in label or w.NOT_PAID.search(label) or w.PAY.fullmatch(label):
        return False
    return bool(w.PAYMENT.search(label))


def _without_total(lines: tuple[Line, ...], titles: list[Line], found: NoTotal, refund: str, number: str | None) -> Receipt:
    if refund and (amount := refunded(lines)):
        why_amount = "the amount stands beside the refund's own word"
        return Receipt("refund", -abs(amount), number, paid=True, confidence="medium", why=(refund, why_amount))
    if refund:
        return Receipt("refund", None, number, why=(refund, found.why))
    order = next((line for line in titles if w.WEAK_ORDER.search(line.squeezed)), None)
    if order and not found.ask:
        return Receipt("order", None, number, why=(f"an order: {shown(order)}, and no total",))
    return Receipt("unknown", None, number, why=(found.why,), ask=found.ask)


def _is_no_text(text: str) -> bool:
    """Whether more than a tenth of its beginning is control characters and what could not be decoded."""
    beginning = text[:4096]
    strange = sum(mark == "\ufffd" or (mark < " " and mark not in "\t\n\v\f\r") or "\x7f" <= mark <= "\x9f" for mark in beginning)
    return strange * 10 > len(beginning)
