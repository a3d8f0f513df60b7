"""点検 and 精算: the totals of a business date."""

from __future__ import annotations

from typing import Any

from posagent.loyalty.totals import AccountTotals, CouponTotals, DayTotals, OperatorTotals, day_totals

DAY = "2026-06-01"


def event(kind: str, seq: int, entries: list[tuple[str, int]] | None = None, **more: Any) -> dict[str, Any]:
    made = [{"account": account, "delta": delta} for account, delta in entries or []]
    return {"type": kind, "seq": seq, "business_date": DAY, "entries": made, "operator": "op1", **more}


EVENTS = [
    event("sale.granted", 11, [("points", 1200), ("stamps", 1)], member="m", data={"lines": [{"amount": 1000}, {"amount": 200}, {}]}),
    event("sale.seen", 12, data={"lines": [{"amount": 300}]}),
    event("sale.voided", 13, [("points", -100), ("points", 30)], operator="op2"),
    event("sale.refunded", 14, [("points", -50), ("points", 5)]),
    event("points.redeemed", 15, [("points", -310), ("points", 10)]),
    event("points.adjusted", 16, [("points", 50)]),
    event("points.adjusted", 17, [("points", -20)], operator=None),
    event("value.charged", 18, [("value", 3000), ("bonus", 300)]),
    event("value.spent", 19, [("bonus", -200), ("value", -500)]),
    event("value.voided", 20, [("value", -1000)]),
    event("coupon.issued", 21),
    event("coupon.issued", 22),
    event("coupon.printed", 23, data={"copy": 1, "result": "ok"}),
    event("coupon.printed", 24, data={"copy": 2, "result": "ok"}),
    event("coupon.printed", 25, data={"copy": 1, "result": "unknown"}),
    event("coupon.printed", 26),
    event("coupon.redeemed", 27, data={"discount": 250}),
    event("coupon.redeemed", 28),
    event("coupon.voided", 29),
    event("something.new", 30),
    event("sale.granted", 10, [("points", -7)], operator="op2"),
    {**event("sale.granted", 5, [("points", 999)], member="m"), "business_date": "2026-05-31"},
]


def test_the_totals_of_a_day() -> None:
    totals = day_totals(EVENTS, DAY, unsynced=3, rejected=1, chain_head="ab12")
    assert totals.account("points") == AccountTotals(granted=1193, voided=150, redeemed=300, returned=35, added=50, removed=20)
    assert totals.account("points").net == 808
    assert totals.account("value") == AccountTotals(granted=3000, redeemed=500, voided=1000)
    assert totals.account("bonus") == AccountTotals(granted=300, redeemed=200)
    assert totals.account("stamps").granted == 1
    assert totals.account("nothing") == AccountTotals()
    assert "nothing" not in totals.accounts
    assert totals.operators == {
        "op1": OperatorTotals(grants=1, voids=0, refunds=1, adjustments=1, reprints=1),
        "op2": OperatorTotals(grants=1, voids=1),
        "": OperatorTotals(adjustments=1),
    }
    assert totals.coupons == CouponTotals(issued=2, printed=2, reprinted=1, not_printed=1, redeemed=2, redeemed_yen=250, voided=1)
    assert (totals.sales_seen, totals.sales_with_member, totals.sales_yen, totals.charges) == (3, 1, 1500, 1)
    assert (totals.first_seq, totals.last_seq, totals.unsynced, totals.rejected, totals.chain_head) == (10, 30, 3, 1, "ab12")


def test_the_net_is_the_sum_of_all_entries() -> None:
    totals = day_totals(EVENTS, DAY)
    for account in ("points", "stamps", "value", "bonus"):
        entries = [entry for each in EVENTS if each["business_date"] == DAY for entry in each["entries"] if entry["account"] == account]
        assert totals.account(account).net == sum(entry["delta"] for entry in entries)


def test_an_empty_day_has_zeros() -> None:
    assert day_totals([], DAY) == DayTotals()
    assert day_totals([{"business_date": DAY}], DAY) == DayTotals()
