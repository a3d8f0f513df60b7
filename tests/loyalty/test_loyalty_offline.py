"""What the register may do while nobody can be asked."""

# ruff: noqa: E501 - program texts and messages stand on one line, as they are written and printed

from __future__ import annotations

import pytest

from posagent.loyalty.offline import OPERATIONS, Situation, Verdict, clock_suspect, offline_allows, queue_warns
from posagent.loyalty.rules import OfflineLimits

LIMITS = OfflineLimits()
YES = Verdict(True)
OWN = {"own": True, "same_day": True, "manager": True}


def test_the_defaults_are_those_of_the_specification() -> None:
    assert OfflineLimits() == OfflineLimits(72, 3_000, 100_000, 500, 5_000, 200, 0, 24, 0, 5_000, 50_000)


def test_without_knowing_more_only_what_flows_to_the_member_is_allowed() -> None:
    allowed = {operation for operation in OPERATIONS if offline_allows(LIMITS, operation, Situation()).allow}
    assert allowed == {
        "member.identify",
        "points.grant",
        "stamps.grant",
        "coupon.issue",
        "coupon.print",
        "day.check",
        "day.close",
        "decommission",
    }


@pytest.mark.parametrize(
    "operation,now,verdict",
    [
        ("member.identify", {"snapshot_age_hours": 72}, YES),
        ("member.identify", {"snapshot_age_hours": 73}, Verdict(True, "base_rule", 72)),
        ("member.identify", {"snapshot_age_hours": -1}, Verdict(True, "base_rule", 72)),
        ("member.identify", {"snapshot_age_hours": 0}, YES),
        ("member.identify", {}, Verdict(True, "base_rule", 72)),
        ("member.identify", {"member": "unverified"}, Verdict(True, "unverified")),
        ("member.identify", {"member": "blocked"}, Verdict(False, "blocked")),
        ("member.identify", {"member": "bad_code"}, Verdict(False, "bad_code")),
        ("balance.show", {"snapshot_age_hours": 72}, Verdict(True, "as_of")),
        ("balance.show", {"snapshot_age_hours": 73}, Verdict(False, "snapshot_old", 72)),
        ("points.grant", {"points": 3_000, "yen": 100_000, "queue": 49_999}, YES),
        ("points.grant", {"points": 3_001}, Verdict(False, "grant_points_per_sale", 3_000)),
        ("points.grant", {"yen": 100_001}, Verdict(False, "grant_yen_per_sale", 100_000)),
        ("points.grant", {"queue": 50_000}, Verdict(False, "queue_stop", 50_000)),
        ("points.grant", {"member": "blocked"}, Verdict(False, "blocked")),
        ("points.grant", {"member": "bad_code"}, Verdict(False, "bad_code")),
        ("points.grant", {"member": "unverified"}, YES),
        ("stamps.grant", {"points": 3_001}, YES),
        ("stamps.grant", {"queue": 50_000}, Verdict(False, "queue_stop", 50_000)),
        ("late.grant", {"own": True, "same_day": True}, YES),
        ("late.grant", {"same_day": True}, Verdict(False, "other_register")),
        ("late.grant", {"own": True}, Verdict(False, "other_day")),
        ("late.grant", {"own": True, "same_day": True, "points": 3_001}, Verdict(False, "grant_points_per_sale", 3_000)),
        ("coupon.issue", {"count_today": 199}, YES),
        ("coupon.issue", {"count_today": 200}, Verdict(False, "coupons_per_day", 200)),
        ("coupon.print", {}, YES),
        ("coupon.redeem", {"own": True, "yen": 500, "yen_before": 4_500}, YES),
        ("coupon.redeem", {"own": True, "yen": 501}, Verdict(False, "coupon_value_per_sale", 500)),
        ("coupon.redeem", {"own": True, "yen": 1, "yen_before": 5_000}, Verdict(False, "coupon_value_per_day", 5_000)),
        ("coupon.redeem", {"yen": 1}, Verdict(False, "other_register")),
        ("coupon.void", {"same_day": True}, YES),
        ("coupon.void", {}, Verdict(False, "other_day")),
        ("redemption.void", {"same_day": True}, YES),
        ("redemption.void", {}, Verdict(False, "other_day")),
        ("points.redeem", {"snapshot_age_hours": 0}, Verdict(False, "cloud")),
        ("value.charge", {"yen": 0}, Verdict(False, "cloud")),
        ("value.spend", OWN, Verdict(False, "cloud")),
        ("points.adjust", OWN, Verdict(False, "cloud")),
        ("rank.change", OWN, Verdict(False, "cloud")),
        ("member.register", OWN, Verdict(False, "cloud")),
        ("sale.void", OWN, YES),
        ("sale.refund", OWN, YES),
        ("sale.void", {**OWN, "own": False}, Verdict(False, "other_register")),
        ("sale.void", {**OWN, "same_day": False}, Verdict(False, "other_day")),
        ("sale.refund", {**OWN, "manager": False}, Verdict(False, "manager")),
        ("day.check", {}, YES),
        ("day.close", {"queue": 10}, YES),
        ("decommission", {"queue": 1}, Verdict(False, "unsynced", 1)),
        ("decommission", {"queue": 0}, YES),
    ],
)
def test_the_table_of_the_specification(operation: str, now: dict[str, object], verdict: Verdict) -> None:
    assert offline_allows(LIMITS, operation, Situation(**now)) == verdict  # type: ignore[arg-type]


def test_head_office_may_raise_what_is_refused() -> None:
    raised = OfflineLimits(redeem_yen=300, charge_yen=5_000)
    fresh = Situation(snapshot_age_hours=24, yen=200, yen_before=100)
    assert offline_allows(raised, "points.redeem", fresh) == YES
    assert offline_allows(raised, "points.redeem", Situation(snapshot_age_hours=24, yen=201, yen_before=100)) == Verdict(False, "redeem_yen", 300)
    assert offline_allows(raised, "points.redeem", Situation(snapshot_age_hours=25, yen=1)) == Verdict(False, "snapshot_old", 24)
    assert offline_allows(raised, "points.redeem", Situation(yen=1)) == Verdict(False, "snapshot_old", 24)
    assert offline_allows(raised, "value.charge", Situation(yen=3_000, yen_before=2_000)) == YES
    assert offline_allows(raised, "value.charge", Situation(yen=3_000, yen_before=2_001)) == Verdict(False, "charge_yen", 5_000)


def test_the_queue_warns_in_time() -> None:
    assert [queue_warns(LIMITS, queue) for queue in (4_999, 5_000)] == [False, True]


def test_a_clock_that_runs_back_or_behind_the_snapshot_is_suspect() -> None:
    assert not clock_suspect(10_000, 10_300)
    assert clock_suspect(9_999, 10_300)
    assert not clock_suspect(10_000, 0, 10_300)
    assert clock_suspect(10_000, 0, 10_301)
