"""Owns taking back: void (the exact negation of what was recorded), refund (the sale recomputed on what remains), and manual adjustment. PURE.

A return is no third formula: refund = void(original) + the same sale recomputed on the kept lines, so that the order of several partial
returns makes no difference and no negative amount ever enters a rounding formula.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, get_args

from posagent.loyalty.model import Coupon, Entry, Line, Member, Quote, Reduction, Register, Sale, SaleRejected
from posagent.loyalty.numbers import MAX_BALANCE, OutOfRange
from posagent.loyalty.quote import quote
from posagent.loyalty.rules import Program

AdjustReason = Literal["grant_missed", "wrong_member", "system_fault", "goodwill", "migration", "other"]
ADJUST_REASONS: tuple[AdjustReason, ...] = get_args(AdjustReason)


@dataclass(frozen=True, slots=True)
class Reversal:
    """What taking back records. ``coupons_back``: codes that may be used again; ``coupons_cancelled``: codes (void) or ids (refund) of issued
    coupons that are no longer due; ``points_back``: used points that return to the member (a redemption's own entries, not in ``entries``)."""

    entries: tuple[Entry, ...]
    coupons_back: tuple[str, ...] = ()
    coupons_cancelled: tuple[str, ...] = ()
    points_back: int = 0

    def total(self, account: str) -> int:
        """The sum of the entries of one account."""
        return sum(entry.delta for entry in self.entries if entry.account == account)


def void(
    entries: Iterable[Entry], coupons_used: Iterable[str] = (), coupons_issued: Iterable[Coupon] = (), points_used: int = 0
) -> Reversal:
    """Takes a whole sale back: every recorded entry negated as it stands (nothing is recomputed), its coupons usable again, its points
    returned, and the coupons it issued cancelled unless they were used meanwhile. The balance may fall below zero and stays there."""
    return Reversal(
        tuple(replace(entry, delta=-entry.delta) for entry in entries),
        tuple(coupons_used),
        tuple(coupon.code for coupon in coupons_issued if coupon.state in ("issued", "printed")),
        points_used,
    )


Kept = Mapping[int, tuple[int, int]]
"""What stays with the customer: index of the line in the original sale -> (amount, pieces). A line that is absent was returned whole."""


def whole(sale: Sale) -> Kept:
    """Everything is kept."""
    return {index: (line.amount, line.qty) for index, line in enumerate(sale.lines)}


def kept_sale(program: Program, register: Register, sale: Sale, member: Member | None, kept: Kept) -> tuple[Sale, int]:
    """The sale on what remains, and the points it still uses. The share of a discount or coupon leaves with its line (of a part of a line, in
    proportion, floored); points stay used as far as there is something to pay. Raises SaleRejected when more is kept than was sold."""
    original = quote(program, register, sale, member)
    for index, (amount, qty) in kept.items():
        if not 0 <= index < len(sale.lines):
            raise SaleRejected("index", f"sale {sale.sale_id} has no line {index + 1}")
        if not 0 <= amount <= sale.lines[index].amount or not 1 <= qty <= sale.lines[index].qty:
            raise SaleRejected("range", f"sale {sale.sale_id}, line {index + 1}: cannot keep {amount} for {qty} pieces of what was sold")
    order = sorted(kept)
    lines = tuple(_kept_line(sale.lines[index], *kept[index]) for index in order)
    reductions: list[Reduction] = []
    for allocation in original.allocations:
        if allocation.kind in ("discount", "coupon"):
            for place, index in enumerate(order):
                share = allocation.shares[index] * kept[index][0] // max(sale.lines[index].amount, 1)
                if share:
                    reductions.append(Reduction(allocation.kind, share, (place,), allocation.coupon))
    for allocation in original.allocations:
        if allocation.kind in ("points", "value"):  # clipped by the quote at what is left to pay
            where = None if allocation.lines is None else tuple(place for place, index in enumerate(order) if index in allocation.lines)
            reductions.append(Reduction(allocation.kind, allocation.amount, where))
    remaining = replace(sale, lines=lines, reductions=tuple(reductions), codes=(), coupons=())
    return remaining, quote(program, register, remaining, member).points_used


def _kept_line(line: Line, amount: int, qty: int) -> Line:
    return line if amount == line.amount and qty == line.qty else replace(line, amount=amount, qty=qty, net=None)


def refund(program: Program, register: Register, sale: Sale, member: Member | None, kept: Kept, before: Kept | None = None) -> Reversal:
    """The difference between the sale on what is kept now and on what was kept before (None: everything). Program, register, sale and member
    are those stored with the original grant; conditions are tested again, so a sale that falls under a minimum loses its boost."""
    sale_before = sale if before is None else kept_sale(program, register, sale, member, before)[0]
    earlier = quote(program, register, sale_before, member)
    sale_now, _ = kept_sale(program, register, sale, member, kept)
    later = quote(program, register, sale_now, member)
    still_due = {each.id for each in later.coupons_issued}
    cancelled = tuple(each.id for each in earlier.coupons_issued if each.id not in still_due)
    return Reversal(_difference(earlier, later), (), cancelled, earlier.points_used - later.points_used)


def _difference(earlier: Quote, later: Quote) -> tuple[Entry, ...]:
    expires = {entry.account: entry.expires for entry in (*later.entries, *earlier.entries)}
    deltas = {account: later.total(account) - earlier.total(account) for account in expires}
    return tuple(Entry(account, delta, expires=expires[account]) for account, delta in deltas.items() if delta)


def refund_allows(program: Program, sold: date, today: date) -> bool:
    """Whether the sale's program and inputs are still kept, so that a refund can be computed."""
    return 0 <= (today - sold).days <= program.limits.refund_days


class AdjustRefused(OutOfRange):
    """A manual adjustment that may not be made; ``code`` says why."""


def adjust(account: str, delta: int, reason: str, approver: str, *, text: str = "", role: str = "manager", online: bool = True) -> Entry:
    """A manual change of a balance. It needs a reason from the list (``other`` with words), an approver, a manager, and the cloud."""
    if reason not in ADJUST_REASONS:
        raise AdjustRefused("reason", f"an adjustment needs a reason: {', '.join(ADJUST_REASONS)}; not {reason!r}")
    if reason == "other" and not text.strip():
        raise AdjustRefused("reason", "the reason 'other' needs words")
    if not approver.strip():
        raise AdjustRefused("approver", "an adjustment needs the code of the manager who approves it")
    if role != "manager":
        raise AdjustRefused("role", f"an adjustment needs a manager, not {role!r}")
    if not online:
        raise AdjustRefused("offline", "an adjustment needs the cloud; do it when the line is back")
    if delta == 0 or abs(delta) > MAX_BALANCE:
        raise AdjustRefused("range", f"an adjustment of {delta} is not possible")
    return Entry(account, delta)
