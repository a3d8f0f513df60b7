"""Owns the totals of a business date: 点検 (X, the day goes on) and 精算 (Z, the day is closed). PURE: events in, figures out.

An event is the journal's JSON object (type, operator, member, entries, data, seq …). Unknown types count towards nothing, so that an older
agent can still total a newer journal. ``sale.seen`` is a sale that ended without a member; ``sale.granted`` is the one with a member.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class AccountTotals:
    """What happened to one account. ``net`` is the sum of all entries of the day."""

    granted: int = 0
    voided: int = 0
    redeemed: int = 0
    returned: int = 0
    added: int = 0
    removed: int = 0

    @property
    def net(self) -> int:
        """granted - voided - redeemed + returned + added - removed."""
        return self.granted - self.voided - self.redeemed + self.returned + self.added - self.removed


@dataclass(slots=True)
class OperatorTotals:
    """What one operator did that a manager looks at."""

    grants: int = 0
    voids: int = 0
    refunds: int = 0
    adjustments: int = 0
    reprints: int = 0


@dataclass(slots=True)
class CouponTotals:
    """Coupons of the day."""

    issued: int = 0
    printed: int = 0
    reprinted: int = 0
    not_printed: int = 0
    redeemed: int = 0
    redeemed_yen: int = 0
    voided: int = 0
    given_back: int = 0  # used ones that a void made usable again
    given_back_yen: int = 0


@dataclass(slots=True)
class DayTotals:
    """The figures of 点検 and 精算. Unsynced, rejected and the chain's head come from the journal, which alone knows them."""

    sales_seen: int = 0
    sales_with_member: int = 0
    sales_yen: int = 0
    charges: int = 0
    first_seq: int | None = None
    last_seq: int | None = None
    unsynced: int = 0
    rejected: int = 0
    chain_head: str = ""
    accounts: dict[str, AccountTotals] = field(default_factory=dict)
    operators: dict[str, OperatorTotals] = field(default_factory=dict)
    coupons: CouponTotals = field(default_factory=CouponTotals)

    def account(self, name: str) -> AccountTotals:
        """The totals of one account; zeros where nothing happened."""
        return self.accounts.get(name, AccountTotals())


def day_totals(
    events: Iterable[Mapping[str, Any]], business_date: str, *, unsynced: int = 0, rejected: int = 0, chain_head: str = ""
) -> DayTotals:
    """Totals of the events of one business date ("2026-04-01"); events of other dates are passed over."""
    totals = DayTotals(unsynced=unsynced, rejected=rejected, chain_head=chain_head)
    for event in events:
        if event.get("business_date") == business_date:
            _count(totals, event)
    return totals


def _count(totals: DayTotals, event: Mapping[str, Any]) -> None:
    kind = str(event.get("type", ""))
    extra = event.get("data") or {}
    seq = event.get("seq")
    if isinstance(seq, int):
        totals.first_seq = seq if totals.first_seq is None else min(totals.first_seq, seq)
        totals.last_seq = seq if totals.last_seq is None else max(totals.last_seq, seq)
    if kind in ("sale.granted", "sale.seen"):
        totals.sales_seen += 1
        totals.sales_with_member += 1 if event.get("member") else 0
        totals.sales_yen += sum(line.get("amount", 0) for line in extra.get("lines", ()))
    if kind == "value.charged":
        totals.charges += 1
    _count_operator(totals, kind, str(event.get("operator") or ""), extra)
    _count_coupon(totals.coupons, kind, extra)
    for entry in event.get("entries") or ():
        _count_entry(totals.accounts.setdefault(str(entry["account"]), AccountTotals()), kind, int(entry["delta"]))


def _count_entry(account: AccountTotals, kind: str, delta: int) -> None:
    gain, loss = max(delta, 0), max(-delta, 0)
    if kind == "points.adjusted":
        account.added += gain
        account.removed += loss
    elif kind in ("sale.voided", "sale.refunded", "value.voided"):
        account.returned += gain  # used points or value that come back
        account.voided += loss
    elif kind in ("points.redeemed", "value.spent"):
        account.redeemed += loss - gain
    else:
        account.granted += gain - loss


def _count_operator(totals: DayTotals, kind: str, operator: str, extra: Mapping[str, Any]) -> None:
    reprint = kind == "coupon.printed" and extra.get("copy", 1) >= 2
    if kind not in ("sale.granted", "sale.voided", "sale.refunded", "points.adjusted") and not reprint:
        return
    mine = totals.operators.setdefault(operator, OperatorTotals())
    mine.grants += kind == "sale.granted"
    mine.voids += kind == "sale.voided"
    mine.refunds += kind == "sale.refunded"
    mine.adjustments += kind == "points.adjusted"
    mine.reprints += reprint


def _count_coupon(coupons: CouponTotals, kind: str, extra: Mapping[str, Any]) -> None:
    match kind:
        case "coupon.issued":
            coupons.issued += 1
        case "coupon.printed":
            if extra.get("result", "ok") != "ok":
                coupons.not_printed += 1
            elif extra.get("copy", 1) >= 2:
                coupons.reprinted += 1
            else:
                coupons.printed += 1
        case "coupon.redeemed":
            coupons.redeemed += 1
            coupons.redeemed_yen += int(extra.get("discount", 0))
        case "coupon.voided":
            coupons.voided += 1
        case "sale.voided":
            coupons.given_back += len(extra.get("coupons_back", ()))
            coupons.given_back_yen += int(extra.get("coupons_back_yen", 0))
        case _:
            pass
