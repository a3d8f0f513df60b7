"""Owns what the register may do while nobody can be asked. PURE.

Offline, value flows only towards the member. Whatever takes value out needs an authority: the cloud, or the register itself for a right that
it issued itself. Grants and stamps are sums with unique ids, so no conflict is possible; spending must not overdraw, so it needs coordination.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never, get_args

from posagent.loyalty.rules import OfflineLimits

Operation = Literal[
    "member.identify",
    "member.register",
    "balance.show",
    "points.grant",
    "stamps.grant",
    "late.grant",
    "coupon.issue",
    "coupon.print",
    "coupon.redeem",
    "coupon.void",
    "points.redeem",
    "points.adjust",
    "value.charge",
    "value.spend",
    "sale.void",
    "sale.refund",
    "redemption.void",
    "rank.change",
    "day.check",
    "day.close",
    "decommission",
]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)


@dataclass(frozen=True, slots=True)
class Situation:
    """What the answer depends on. Each operation looks only at what concerns it; the defaults are the cautious ones."""

    own: bool = False  # the sale, grant or coupon is this register's own
    same_day: bool = False  # it is of the current business date
    manager: bool = False
    member: Literal["known", "unverified", "blocked", "bad_code"] = "known"
    snapshot_age_hours: int | None = None  # None: there is no snapshot
    points: int = 0  # this operation
    yen: int = 0  # this operation: the sale's total, the coupon's worth, the charge
    yen_before: int = 0  # the same kind today (coupons) or for this member in this outage (points, charge)
    count_today: int = 0  # coupons issued today
    queue: int = 0  # events that wait for the cloud


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer. ``code``: why not, or with what mark (``as_of``: show the time of the snapshot; ``unverified``: the cloud will attribute or
    reject it; ``base_rule``: without rank and flags)."""

    allow: bool
    code: str = ""
    limit: int | None = None


_YES = Verdict(True)


def offline_allows(limits: OfflineLimits, operation: Operation, now: Situation) -> Verdict:
    """Whether an operation is possible without the cloud."""
    match operation:
        case "member.identify":
            return _identify(limits, now)
        case "balance.show":
            return _show_balance(limits, now)
        case "points.grant" | "stamps.grant" | "late.grant":
            return _grant(limits, operation, now)
        case "coupon.issue":
            return _within("coupons_per_day", now.count_today + 1, limits.coupons_per_day)
        case "coupon.redeem":
            return _redeem_coupon(limits, now)
        case "points.redeem":
            return _redeem_points(limits, now)
        case "value.charge":
            return Verdict(False, "cloud") if limits.charge_yen == 0 else _within("charge_yen", now.yen_before + now.yen, limits.charge_yen)
        case "sale.void" | "sale.refund":
            return _take_back(now)
        case "redemption.void" | "coupon.void":
            return _YES if now.same_day else Verdict(False, "other_day")
        case "decommission":
            return _YES if now.queue == 0 else Verdict(False, "unsynced", now.queue)
        case "coupon.print" | "day.check" | "day.close":
            return _YES
        case "value.spend" | "points.adjust" | "rank.change" | "member.register":
            return Verdict(False, "cloud")
        case _:
            assert_never(operation)


def _within(code: str, value: int, limit: int) -> Verdict:
    return _YES if value <= limit else Verdict(False, code, limit)


def _fresh(now: Situation, hours: int) -> bool:
    return now.snapshot_age_hours is not None and 0 <= now.snapshot_age_hours <= hours


def _identify(limits: OfflineLimits, now: Situation) -> Verdict:
    if now.member in ("blocked", "bad_code"):
        return Verdict(False, now.member)
    if now.member == "unverified":
        return Verdict(True, "unverified")
    return _YES if _fresh(now, limits.snapshot_ttl_hours) else Verdict(True, "base_rule", limits.snapshot_ttl_hours)


def _show_balance(limits: OfflineLimits, now: Situation) -> Verdict:
    fresh = _fresh(now, limits.snapshot_ttl_hours)
    return Verdict(True, "as_of") if fresh else Verdict(False, "snapshot_old", limits.snapshot_ttl_hours)


def _grant(limits: OfflineLimits, operation: Operation, now: Situation) -> Verdict:
    if now.member in ("blocked", "bad_code"):
        return Verdict(False, now.member)
    if now.queue >= limits.queue_stop:
        return Verdict(False, "queue_stop", limits.queue_stop)
    if operation == "late.grant" and not now.own:
        return Verdict(False, "other_register")
    if operation == "late.grant" and not now.same_day:
        return Verdict(False, "other_day")
    if operation != "stamps.grant" and now.points > limits.grant_points_per_sale:
        return Verdict(False, "grant_points_per_sale", limits.grant_points_per_sale)
    return _within("grant_yen_per_sale", now.yen, limits.grant_yen_per_sale)


def _redeem_coupon(limits: OfflineLimits, now: Situation) -> Verdict:
    if not now.own:
        return Verdict(False, "other_register")
    if now.yen > limits.coupon_value_per_sale:
        return Verdict(False, "coupon_value_per_sale", limits.coupon_value_per_sale)
    return _within("coupon_value_per_day", now.yen_before + now.yen, limits.coupon_value_per_day)


def _redeem_points(limits: OfflineLimits, now: Situation) -> Verdict:
    if limits.redeem_yen == 0:
        return Verdict(False, "cloud")
    if not _fresh(now, limits.redeem_snapshot_hours):
        return Verdict(False, "snapshot_old", limits.redeem_snapshot_hours)
    return _within("redeem_yen", now.yen_before + now.yen, limits.redeem_yen)


def _take_back(now: Situation) -> Verdict:
    if not now.own:
        return Verdict(False, "other_register")
    if not now.same_day:
        return Verdict(False, "other_day")
    return _YES if now.manager else Verdict(False, "manager")


def queue_warns(limits: OfflineLimits, queue: int) -> bool:
    """Whether so many events wait that somebody should look."""
    return queue >= limits.queue_warn


def clock_suspect(event_at_s: int, last_event_at_s: int, snapshot_at_s: int | None = None) -> bool:
    """Whether the register's clock cannot be right: more than five minutes before its own last event, or before the snapshot it holds.
    Seconds since the epoch. Events are flagged then and conditions on the time of day are off."""
    return event_at_s < last_event_at_s - 300 or (snapshot_at_s is not None and snapshot_at_s > event_at_s + 300)
