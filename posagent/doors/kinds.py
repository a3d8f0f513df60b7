"""Owns what kind of document a receipt's lines make: everything that is no sale, by its titles, and refunds. PURE.

A title is a line without an amount that is surely money; a word inside a sentence (返品はレシートをお持ちください) is none.
"""

from __future__ import annotations

import re
from typing import Literal

from posagent.doors import abroad
from posagent.doors import words as w
from posagent.doors.amounts import Line, squeeze
from posagent.doors.profiles import Profile
from posagent.doors.totals import NoTotal, Total, find_total

Kind = Literal["sale", "refund", "reprint", "prebill", "order", "report", "test", "unknown"]


def titles_of(lines: tuple[Line, ...]) -> list[Line]:
    """The lines that can be titles."""
    return [line for line in lines if not any(amount.sure for amount in line.amounts)]


def _in_japanese(lines: tuple[Line, ...]) -> bool:
    return any(abroad.is_japanese(line.text) for line in lines)


def without_card_slip(lines: tuple[Line, ...], profile: Profile) -> tuple[Line, ...]:
    """A card's slip under the receipt, before the cut, is left away: where the lines above it prove their own total, they are the sale."""
    for number, line in enumerate(lines):
        if w.CARD_SLIP.search(line.squeezed) and not line.amounts:
            above, below = lines[:number], lines[number:]
            total = find_total(above, profile)
            proven = isinstance(total, Total) and total.confidence == "high"
            return above if proven and not refund_word(titles_of(below), below) else lines
    return lines


_IN_ORDER: tuple[tuple[Kind, re.Pattern[str], str], ...] = (
    ("test", w.TEST, "training or test"),
    ("report", w.REPORT, "a report"),
    ("unknown", w.ABORTED, "aborted: no sale took place"),
    ("prebill", w.PREBILL, "a bill before payment"),
    ("prebill", w.PREBILL_SENTENCE, "a bill before payment"),
    ("order", w.ORDER, "an order"),
    ("reprint", w.REPRINT, "a reprint or a copy"),
    ("unknown", w.EXCHANGE, "an exchange: enter the amount by hand"),
    ("unknown", w.CARD_SLIP, "a card slip, not the sale"),
    ("unknown", w.NOT_A_SALE, "not a sale"),
)
_ABROAD: tuple[tuple[Kind, re.Pattern[str], str], ...] = (
    ("test", abroad.TEST, "training or test"),
    ("report", abroad.REPORT, "a report"),
    ("prebill", abroad.PREBILL, "a bill before payment"),
    ("order", abroad.ORDER, "an order"),
    ("reprint", abroad.REPRINT, "a reprint or a copy"),
)


def not_a_sale(lines: tuple[Line, ...], titles: list[Line], found: Total | NoTotal, profile: Profile) -> tuple[Kind, str] | None:
    """(kind, why) of what is neither a sale nor a refund; None: it may be one of them."""
    for line in lines:
        own = next((word for word in profile.ignore if squeeze(word) in line.squeezed), None)
        if own:
            return "unknown", f"the profile ignores receipts with {own!r}"
    charged = next((line for line in lines for amount in line.amounts if w.CHARGED.search(amount.label)), None)
    if charged:
        return "unknown", f"value was loaded, nothing was sold: {shown(charged)}"
    proven = isinstance(found, Total) and found.confidence == "high"
    patterns = _IN_ORDER if _in_japanese(lines) else (*_ABROAD, *_IN_ORDER)
    for kind, pattern, why in patterns:
        for line in titles:
            if not _says(line, pattern):
                continue
            if pattern is not w.PREBILL_SENTENCE and pattern is not w.EXCHANGE and w.POLICY.search(line.squeezed):
                continue
            if pattern is w.PREBILL and proven and w.BILL_NUMBER.search(line.squeezed):
                continue
            return kind, f"{why}: {shown(line)}"
        if pattern is w.REPORT and (why_report := _report_by_numbers(lines, titles)):
            return kind, why_report
    if not proven:
        order = next((line for line in titles if w.MAYBE_ORDER.search(line.squeezed)), None)
        if order:
            return "order", f"an order: {shown(order)}"
        aside = next((line for line in titles if not line.amounts and w.WEAK_NOT_A_SALE.search(line.squeezed)), None)
        if aside:
            return "unknown", f"not a sale: {shown(aside)}"
    marked = next((line for line in lines if w.ANNOUNCED.search(line.text)), None)
    if marked:
        return "reprint", f"a reprint: {shown(marked)}"
    return _copy(lines, titles, found) or _not_paid_in_full(lines, titles, found)


def _not_paid_in_full(lines: tuple[Line, ...], titles: list[Line], found: Total | NoTotal) -> tuple[Kind, str] | None:
    """A deposit with a rest to pay, what is still owed, and a bill that names a table but no payment."""
    amounts = [amount for line in lines for amount in line.amounts]
    deposit = next((line for line in lines if w.DEPOSIT_TAKEN.search(line.squeezed) and not w.POLICY.search(line.squeezed)), None)
    rest = [amount.value for amount in amounts if amount.value > 0 and w.REST.fullmatch(amount.label)]
    money = {amount.value for amount in amounts if w.PAYMENT.search(amount.label) and not w.REST.fullmatch(amount.label)}
    if deposit and rest and rest[-1] not in money:
        return "unknown", f"a deposit was taken, {rest[-1]:,} is still to pay: {shown(deposit)}"
    owed = next((line for line in lines for amount in line.amounts if amount.value > 0 and w.UNPAID.search(amount.label)), None)
    if owed:
        return "prebill", f"not paid yet: {shown(owed)}"
    table = next((line for line in titles if w.TABLE.search(line.text)), None)
    written = any(w.COPY_TITLE.search(line.squeezed) for line in titles) or any(w.CHANGE.fullmatch(amount.label) for amount in amounts)
    if table and isinstance(found, Total) and not written and not is_paid(lines, titles):
        return "prebill", f"a bill for a table, and no payment stands on it: {shown(table)}"
    return None


_NUMBERED = re.compile(r"(?:no|番号)?[0-9][0-9/年月日時分秒]*$")


def _says(line: Line, pattern: re.Pattern[str]) -> bool:
    """A title; a refund's or a report's also with a number or a time behind it: 返品伝票 No.3"""
    if pattern.search(line.squeezed):
        return True
    if pattern is not w.REFUND and pattern is not w.REPORT:
        return False
    bare = _NUMBERED.sub("", line.squeezed)
    return bare != line.squeezed and bool(pattern.search(bare))


def _report_by_numbers(lines: tuple[Line, ...], titles: list[Line]) -> str:
    change = [amount for line in lines for amount in line.amounts if w.CHANGE.fullmatch(amount.label)]
    for line in lines:
        for amount in line.amounts:
            if w.REPORT_LABEL.search(amount.label) and not (change and w.SALES_LABEL.fullmatch(amount.label)):
                return f"a report: {shown(line)}"
    if by_payment := _by_payment(lines):
        return f"a report: ways of payment add up to the total, and nothing was sold: {shown(by_payment)}"
    weak = [line for line in lines if w.WEAK_REPORT.search(line.squeezed) and not w.POLICY.search(line.squeezed)]
    if len(weak) >= 3:
        return f"a report: {shown(weak[0])}, {shown(weak[1])}, {shown(weak[2])}"
    return ""


def strange_heading(lines: tuple[Line, ...]) -> Line | None:
    """The heading of a document that holds one amount and nothing else: no article, no tax, no payment.

    What tills print beside sales has more headings than any list (中締め, MANAGER READ …); a receipt so short is no loss.
    """
    if sum(len(line.amounts) for line in lines) != 1:
        return None
    for line in lines:
        known = w.SHOP.search(line.squeezed) or w.ORDINARY.search(line.text.lower()) or w.POLICY.search(line.squeezed)
        if line.amounts or known or any(mark.isdigit() for mark in line.text):
            continue
        if w.TOTAL.fullmatch(line.squeezed) or w.GRAND.fullmatch(line.squeezed) or w.PAY.fullmatch(line.squeezed) or not line.squeezed:
            continue
        return line
    return None


def _by_payment(lines: tuple[Line, ...]) -> Line | None:
    """現金 22,000 / カード 41,000 / 合計 63,000: a sale names what was sold first, and how it was paid last."""
    paid: list[int] = []
    for line in lines:
        if not line.amounts:
            continue
        label, value = line.amounts[0].label, line.amounts[-1].value
        if w.TOTAL.fullmatch(label) or w.GRAND.fullmatch(label):
            return line if len(paid) >= 2 and sum(paid) == value else None
        if not w.PAYMENT.search(label) or w.NOT_PAID.search(label):
            return None
        paid.append(value)
    return None


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
        return "reprint", f"a receipt for the books, written beside the sale: {shown(title)}"
    return None


def copied(lines: tuple[Line, ...]) -> int | None:
    named = [amount.value for line in lines for amount in line.amounts if w.CHARGED_COPY.search(amount.label)]
    alone = [line.amounts[0].value for line in lines if len(line.amounts) == 1 and line.amounts[0].currency == "jpy" and is_only_amount(line)]
    return next(iter(named or (alone if len(set(alone)) == 1 else [])), None)


def is_only_amount(line: Line) -> bool:
    """A line of nothing but money: ￥11,000-"""
    return not re.search(r"[^\d,¥円也\-※* ]", line.text)


def refund_word(titles: list[Line], lines: tuple[Line, ...]) -> str:
    foreign = not _in_japanese(lines)
    for line in titles:
        if (_says(line, w.REFUND) or (foreign and abroad.REFUND.search(line.squeezed))) and not w.POLICY.search(line.squeezed):
            return f"a refund: {shown(line)}"
    for line in lines:
        if line.amounts and w.GIVEN_BACK.search(line.squeezed) and any(w.TOTAL.fullmatch(amount.label) for amount in line.amounts):
            return f"a refund: {shown(line)}"
        for amount in line.amounts:
            if w.REFUND_STRONG.search(amount.label) and amount.value and (amount.sure or w.REFUND_AMOUNT.fullmatch(amount.label)):
                return f"a refund: {shown(line)}"
    return ""


def refunded(lines: tuple[Line, ...]) -> int:
    amounts = [amount.value for line in lines for amount in line.amounts if w.REFUND_AMOUNT.fullmatch(amount.label) and amount.sure]
    return amounts[-1] if len({abs(value) for value in amounts}) == 1 else 0


def is_returned_item(line: Line) -> bool:
    return any(w.RETURNED.search(amount.label) and amount.value and (amount.sure or amount.value < 0) for amount in line.amounts)


def shown(line: Line) -> str:
    return repr(line.text if len(line.text) <= 40 else line.text[:39] + "…")


def is_paid(lines: tuple[Line, ...], titles: list[Line]) -> bool:
    """A means of payment with its amount, or the words of a receipt for money received. What is asked for (お支払額) is not paid yet."""
    amounts = [amount for line in lines for amount in line.amounts if amount.value]
    if any(w.PAYMENT.search(amount.label) and not w.PAY.fullmatch(amount.label) for amount in amounts):
        return True
    return any(w.PAYMENT.search(line.squeezed) and not w.POLICY.search(line.squeezed) for line in titles)
