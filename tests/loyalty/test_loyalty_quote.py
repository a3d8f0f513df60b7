"""What a sale gives: trust in the member, dates, limits, coupons issued."""

# ruff: noqa: E501 - program texts and messages stand on one line, as they are written and printed

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from posagent.loyalty import Line, Member, Program, Reduction, Register, Sale, SaleRejected, quote, read_program, to_json

Make = Callable[..., Program]
At = Callable[[str], datetime]
EXAMPLE = Path(__file__).parents[2] / "config" / "program.example.toml"
PROGRAM, PROBLEMS = read_program(EXAMPLE.read_text(encoding="utf-8"))
REGISTER = Register("acme", "cafe", "s1", "r1")
NOON = datetime.fromisoformat("2026-06-01T12:00:00+09:00")
BODY = """
[accounts.points]
[[earn]]
id = "gold"
when = { rank = ["gold"], flag = ["vip"] }
rate = "10%"
[[earn]]
id = "evening"
when = { hours = "18:00-20:00" }
rate = "5%"
[[earn]]
id = "base"
rate = "1%"
[[boost]]
id = "birthday"
group = "b"
when = { birth_month = true }
add = 1000
[[boost]]
id = "first"
group = "f"
when = { first = true }
add = 100
"""


def test_the_example_program_has_no_problem() -> None:
    assert PROBLEMS == []


def test_an_amount_only_sale_gives_points_and_a_stamp() -> None:
    found = quote(PROGRAM, REGISTER, Sale.of_total("s1-1", NOON, 1980), Member("m"))
    assert (found.total("points"), found.total("stamps")) == (19, 1)
    assert (found.program, found.sale_id, found.member, found.business_date) == ("acme-cafe@12", "s1-1", "m", date(2026, 6, 1))
    assert [entry.expires for entry in found.entries] == [date(2027, 6, 30), date(2026, 12, 1)]


def test_an_amount_only_register_may_know_its_tax_rates() -> None:
    sale = Sale.of_total("s", NOON, 1900, "op", {800: 800, 1000: 1100})
    assert (sale.lines, sale.operator) == ((Line(1100), Line(800, tax=800)), "op")
    with pytest.raises(SaleRejected, match=r"^sale s: the amounts by tax rate add up to 1900, not to the total 1901$") as refused:
        Sale.of_total("s", NOON, 1901, "op", {800: 800, 1000: 1100})
    assert refused.value.code == "range"


def test_the_same_inputs_give_the_same_bytes() -> None:
    sale = Sale("s1-2", NOON, (Line(1200, "drink", 800, 2), Line(900)))
    first, second = (to_json(quote(PROGRAM, REGISTER, sale, Member("m", rank="gold"))) for _ in range(2))
    assert first == second
    assert json.loads(first)["rank"] == "gold"


def test_the_fifth_stamp_issues_its_coupon_and_a_large_sale_the_next_one() -> None:
    found = quote(PROGRAM, REGISTER, Sale.of_total("s1-3", NOON, 2500), Member("m", balances={"stamps": 4}))
    assert [(each.definition, each.cause, each.member) for each in found.coupons_issued] == [("half-off", "stamps", "m"), ("next-100", "sale", None)]
    first, second = found.coupons_issued
    assert (first.first_day, first.last_day, first.reach, first.group, first.label) == (
        date(2026, 6, 1),
        date(2026, 7, 1),
        "brand",
        "coupon",
        "次回50%引き (上限500円)",
    )
    assert second.last_day == date(2026, 6, 30)
    assert len({each.id for each in found.coupons_issued}) == 2


def test_a_reward_that_was_issued_before_is_not_issued_again() -> None:
    sale = Sale.of_total("s1-3", NOON, 600)
    found = quote(PROGRAM, REGISTER, sale, Member("m", balances={"stamps": 4}))
    again = quote(PROGRAM, REGISTER, sale, Member("m", balances={"stamps": 4}, issued=(found.coupons_issued[0].id,)))
    assert (len(found.coupons_issued), again.coupons_issued) == (1, ())
    other = quote(PROGRAM, REGISTER, sale, Member("n", balances={"stamps": 4}))
    assert other.coupons_issued[0].id != found.coupons_issued[0].id


def test_a_second_stamp_on_the_same_day_is_not_given() -> None:
    member = Member("m", last_at={"stamps": NOON - timedelta(hours=2)}, balances={"stamps": 4})
    found = quote(PROGRAM, REGISTER, Sale.of_total("s", NOON, 600), member)
    assert (found.total("points"), found.total("stamps"), found.coupons_issued) == (6, 0, ())
    assert [reason.values for reason in found.explain if reason.code == "cooldown"] == [(("account", "stamps"), ("policy", "day"))]
    next_day = quote(PROGRAM, REGISTER, Sale.of_total("s", NOON + timedelta(days=1), 600), member)
    assert next_day.total("stamps") == 1
    too_small = quote(PROGRAM, REGISTER, Sale.of_total("s", NOON, 400), member)
    assert not [reason for reason in too_small.explain if reason.code == "cooldown"]


def test_rank_flags_birthday_and_first_visit_count_for_a_verified_member(make: Make, at: At) -> None:
    program = make(BODY)
    sale = Sale("s", at("2026-06-02 12:00"), (Line(1000),))
    member = Member("m", rank="gold", flags=("vip",), birth_month=6, first=True, as_of=sale.at - timedelta(hours=72))
    known = quote(program, Register(), sale, member)
    assert (known.total("points"), known.rank, known.boosts) == (100 + 1000 + 100, "gold", ("birthday", "first"))
    assert quote(program, Register(), sale, replace(member, as_of=None)).total("points") == 1200
    for changed, why in (
        (replace(member, as_of=sale.at - timedelta(hours=72, seconds=1)), "snapshot_old"),
        (replace(member, status="unverified"), "member_unverified"),
    ):
        found = quote(program, Register(), sale, changed)
        assert (found.total("points"), found.rank, found.member) == (10, None, "m")
        assert found.explain[0].code == why
    assert quote(program, Register(), sale, replace(member, as_of=sale.at - timedelta(hours=73))).explain[0].values == (("hours", 72),)


def test_an_unverified_member_keeps_balances_cooldown_and_issued_rewards() -> None:
    full = Member("m", "unverified", balances={"stamps": 4}, last_at={"stamps": NOON - timedelta(days=1)})
    sale = Sale.of_total("s", NOON, 600)
    found = quote(PROGRAM, REGISTER, sale, full)
    assert [each.definition for each in found.coupons_issued] == ["half-off"]
    assert quote(PROGRAM, REGISTER, sale, replace(full, last_at={"stamps": NOON})).total("stamps") == 0
    assert quote(PROGRAM, REGISTER, sale, replace(full, issued=(found.coupons_issued[0].id,))).coupons_issued == ()


def test_a_blocked_member_gets_nothing_and_an_earn_only_member_earns() -> None:
    sale = Sale.of_total("s", NOON, 2500)
    blocked = quote(PROGRAM, REGISTER, sale, Member("m", "blocked"))
    assert (blocked.entries, blocked.coupons_issued, [reason.code for reason in blocked.explain]) == ((), (), ["member_blocked"])
    assert quote(PROGRAM, REGISTER, sale, Member("m", "earn_only")).total("points") == 25


def test_without_a_member_nothing_is_granted_but_the_sale_is_split() -> None:
    sale = Sale("s", NOON, (Line(1000), Line(500, tax=800)), reductions=(Reduction("discount", 150),))
    found = quote(PROGRAM, REGISTER, sale, None)
    assert (found.member, found.entries, found.coupons_issued) == (None, (), ())
    assert [(each.shares, each.by_tax) for each in found.allocations] == [((100, 50), ((1000, 100), (800, 50)))]
    assert (found.subtotal, found.payable, found.basis) == (1500, 1350, (900, 450))
    assert found.explain[0].code == "no_member"


def test_conditions_on_the_time_of_day_are_off_while_the_clock_is_in_doubt(make: Make, at: At) -> None:
    program = make(BODY)
    sale = Sale("s", at("2026-06-02 18:00"), (Line(1000),))
    assert quote(program, Register(), sale, Member("m")).total("points") == 50
    assert quote(program, Register(), replace(sale, clock_ok=False), Member("m")).total("points") == 10
    ahead = Member("m", as_of=sale.at + timedelta(minutes=5, seconds=1))
    assert quote(program, Register(), sale, ahead).total("points") == 10
    assert quote(program, Register(), sale, replace(ahead, as_of=sale.at + timedelta(minutes=5))).total("points") == 50
    assert quote(program, Register(), replace(sale, at=at("2026-06-02 17:59")), Member("m")).total("points") == 10


def test_after_its_last_day_only_base_rules_hold_for_a_week_then_nothing() -> None:
    head = 'schema = 1\n[program]\nid = "p"\nversion = 1\nfrom = 2026-06-01\nuntil = 2026-06-30\n'
    body = '[accounts.points]\n[accounts.stamps]\ncard = { size = 1, rewards = { "1" = "c" } }\n[[earn]]\nwhen = { weekday = ["wed"] }\nrate = "10%"\n'
    body += '[[earn]]\nrate = "1%"\n[[earn]]\naccount = "stamps"\nvisit = 1\n[[boost]]\ntimes = "2"\n'
    body += '[[coupon]]\nid = "c"\nissue = "stamps"\nbenefit = { off = 1 }\n[[coupon]]\nid = "d"\nissue = "sale"\nbenefit = { off = 1 }\n'
    program, problems = read_program(head + body)
    assert problems == []

    def on(day: str) -> tuple[int, int, int, str]:
        found = quote(program, Register(), Sale.of_total("s", datetime.fromisoformat(day + "T12:00:00+09:00"), 1000), Member("m"))
        last = next((reason.code for reason in found.explain if reason.code.startswith("program_")), "")
        return found.total("points"), found.total("stamps"), len(found.coupons_issued), last

    late = quote(program, Register(), Sale.of_total("s", datetime.fromisoformat("2026-07-01T12:00:00+09:00"), 1000), None)
    assert ("program_grace", (("program", "p@1"),)) in [(reason.code, reason.values) for reason in late.explain]
    assert on("2026-05-31") == (0, 0, 0, "program_not_yet")
    assert on("2026-06-01") == (20, 1, 2, "")
    assert on("2026-06-24") == (200, 1, 2, "")
    assert on("2026-06-30") == (20, 1, 2, "")
    assert on("2026-07-01") == (10, 1, 0, "program_grace")  # a Wednesday: the campaign has ended
    assert on("2026-07-07") == (10, 1, 0, "program_grace")
    assert on("2026-07-08") == (0, 0, 0, "program_ended")


SALE = Sale("s", NOON, (Line(100), Line(200)))


@pytest.mark.parametrize(
    "sale,code,message",
    [
        (replace(SALE, at=datetime.fromisoformat("2026-06-01")), "time", "sale s: its time has no offset"),
        (replace(SALE, lines=(Line(1),) * 501), "range", "sale s has 501 lines; at most 500 are possible"),
        (replace(SALE, lines=(Line(1), Line(-1))), "negative", "sale s, line 2: -1 is negative; send a return as a refund"),
        (replace(SALE, lines=(Line(1, qty=-1),)), "negative", "sale s, line 1: 1 is negative; send a return as a refund"),
        (replace(SALE, lines=(Line(1, net=-1),)), "negative", "sale s, line 1: 1 is negative; send a return as a refund"),
        (replace(SALE, lines=(Line(100_000_000),)), "range", "sale s, line 1: 100000000 for 1 pieces is outside the limits"),
        (replace(SALE, lines=(Line(1, qty=0),)), "range", "sale s, line 1: 1 for 0 pieces is outside the limits"),
        (replace(SALE, lines=(Line(1, qty=10_000),)), "range", "sale s, line 1: 1 for 10000 pieces is outside the limits"),
        (replace(SALE, lines=(Line(1, tax=-1),)), "tax", "sale s, line 1: the tax rate -1 or net amount None cannot be"),
        (replace(SALE, lines=(Line(1, tax=10_001),)), "tax", "sale s, line 1: the tax rate 10001 or net amount None cannot be"),
        (replace(SALE, lines=(Line(1, net=2),)), "tax", "sale s, line 1: the tax rate 1000 or net amount 2 cannot be"),
        (replace(SALE, lines=(Line(99_999_999), Line(1))), "range", "sale s: the total 100000000 is above 99999999"),
        (replace(SALE, reductions=(Reduction("discount", 0),)), "negative", "sale s: a reduction of 0 is none"),
        (replace(SALE, reductions=(Reduction("discount", 100_000_000),)), "range", "sale s: a reduction of 100000000 is outside the limits"),
        (replace(SALE, reductions=(Reduction("discount", 1, (2,)),)), "index", "sale s: a reduction names a line that is not there"),
        (replace(SALE, reductions=(Reduction("discount", 1, (-1,)),)), "index", "sale s: a reduction names a line that is not there"),
    ],
)
def test_a_sale_outside_the_limits_is_refused_not_corrected(sale: Sale, code: str, message: str) -> None:
    with pytest.raises(SaleRejected) as refused:
        quote(PROGRAM, REGISTER, sale, Member("m"))
    assert (refused.value.code, str(refused.value)) == (code, message)


def test_a_sale_at_the_limits_is_taken() -> None:
    full = Sale("s", NOON, (Line(99_999_999, qty=9_999, tax=10_000, net=99_999_999), Line(0, tax=0, net=0)), reductions=(Reduction("discount", 99_999_999, (0,)),))
    assert quote(PROGRAM, REGISTER, full, Member("m")).payable == 0
    assert len(quote(PROGRAM, REGISTER, replace(SALE, lines=(Line(1),) * 500), Member("m")).basis) == 500


def test_a_balance_never_leaves_the_range_of_exact_whole_numbers() -> None:
    with pytest.raises(SaleRejected, match=r"^the balance of points would leave the range of whole numbers that every reader keeps$") as refused:
        quote(PROGRAM, REGISTER, Sale.of_total("s", NOON, 100), Member("m", balances={"points": 2**53 - 1}))
    assert refused.value.code == "range"
    assert quote(PROGRAM, REGISTER, Sale.of_total("s", NOON, 100), Member("m", balances={"points": 2**53 - 2})).total("points") == 1


def test_points_used_are_counted_in_whole_points(make: Make, at: At) -> None:
    program = make("[accounts.stamps]\n[accounts.points]\nredeem = { yen = 5 }\n[[earn]]\nrate = \"1%\"")
    sale = Sale("s", at("2026-06-02 12:00"), (Line(1000),), reductions=(Reduction("points", 251), Reduction("discount", 100)))
    found = quote(program, Register(), sale, Member("m"))
    assert (found.points_used, found.payable) == (51, 649)
    assert [each.kind for each in found.allocations] == ["discount", "points"]
    plain = quote(make("[accounts.points]\n[[earn]]\nrate = \"1%\""), Register(), sale, Member("m"))
    assert plain.points_used == 251


def test_a_reason_answers_by_name() -> None:
    found = quote(PROGRAM, REGISTER, Sale.of_total("s", NOON, 100), Member("m"))
    assert found.explain[0]["rule"] == "base"
    with pytest.raises(KeyError, match="nothing"):
        found.explain[0]["nothing"]
