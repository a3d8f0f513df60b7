"""Prepaid value, ranks, validity of a program, and masking."""

# ruff: noqa: E501 - program texts and messages stand on one line, as they are written and printed

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import pytest

from posagent.loyalty import Member, Program, Register, SaleRejected, mask, read_program
from posagent.loyalty.days import Window
from posagent.loyalty.masking import mask_code, strip_nw7
from posagent.loyalty.numbers import OutOfRange
from posagent.loyalty.ranks import missing, rank_of
from posagent.loyalty.rules import Account, ChargeLimits, Ranks, Tier
from posagent.loyalty.validity import OK, applicable, approval_problem, in_time
from posagent.loyalty.value import Lot, charge, charge_denied, spend, value_account

Make = Callable[..., Program]
At = Callable[[str], datetime]
BODY = """
[accounts.points]
redeem = { yen = 1 }
[accounts.bonus]
expire = { months = 3 }
[accounts.value]
expire = { months = 6 }
charge = { unit = 1000, min = 2000, max = 30000, max_balance = 50000 }
[[earn]]
id = "sale"
rate = "1%"
[[earn]]
id = "large"
on = "charge"
account = "bonus"
rate = "10%"
[earn.when]
min_amount = 10000
tender = ["cash"]
rank = ["gold"]
flag = ["vip"]
birth_month = true
first = true
store = ["s1"]
hours = "12:00-12:31"
[[earn]]
id = "small"
on = "charge"
account = "bonus"
every = 1000
give = 50
[[earn]]
id = "points"
on = "charge"
account = "points"
when = { category = ["charge"] }
rate = "0.5%"
[[boost]]
account = "bonus"
times = "2"
when = { dates = "2026-06-30..2026-06-30" }
[limits]
per_sale = { bonus = 2000 }
"""
GOLD = Member("m", rank="gold", flags=("vip",), birth_month=6, first=True)


def amounts(program: Program, when: datetime, amount: int, member: Member, tender: tuple[str, ...] = ("cash",)) -> dict[str, int]:
    found = charge(program, Register(store="s1"), when, amount, member, tender)
    assert found.denied is None
    return {entry.account: entry.delta for entry in found.entries}


def test_a_charge_gives_value_and_by_its_own_rules_bonus_and_points(make: Make, at: At) -> None:
    program, now = make(BODY), at("2026-06-02 12:30")
    assert amounts(program, now, 3000, Member("m")) == {"value": 3000, "bonus": 150, "points": 15}
    assert amounts(program, now, 10_000, GOLD) == {"value": 10_000, "bonus": 1000, "points": 50}
    assert amounts(program, now, 9_000, GOLD) == {"value": 9_000, "bonus": 450, "points": 45}
    assert amounts(program, now, 10_000, GOLD, ("card",))["bonus"] == 500
    assert amounts(program, at("2026-06-02 12:31"), 10_000, GOLD)["bonus"] == 500
    for changed in (replace(GOLD, rank=None), replace(GOLD, flags=()), replace(GOLD, birth_month=7), replace(GOLD, first=False)):
        assert amounts(program, now, 10_000, changed)["bonus"] == 500
    assert charge(program, Register(store="s2"), now, 10_000, GOLD, ("cash",)).entries[2].delta == 500


def test_a_charge_knows_boosts_caps_and_expiry(make: Make, at: At) -> None:
    found = charge(make(BODY), Register(store="s1"), at("2026-06-30 12:00"), 30_000, Member("m"))
    assert [(entry.account, entry.delta, entry.expires) for entry in found.entries] == [
        ("value", 30_000, date(2026, 12, 30)),
        ("points", 150, None),
        ("bonus", 2_000, date(2026, 9, 30)),
    ]
    assert [reason.code for reason in found.explain] == ["charge", "earn", "earn", "boost", "cap"]
    assert found.explain[0].values == (("account", "value"), ("yen", 30_000))


@pytest.mark.parametrize("amount,why", [(1_500, "unit"), (1_000, "min"), (31_000, "max"), (30_000, None), (2_000, None)])
def test_the_limits_of_a_charge(make: Make, at: At, amount: int, why: str | None) -> None:
    found = charge(make(BODY), Register(), at("2026-06-02 12:30"), amount, Member("m"))
    assert (found.denied, bool(found.entries)) == (why, why is None)


def test_a_charge_looks_at_the_balance_and_the_member(make: Make, at: At) -> None:
    program, now = make(BODY), at("2026-06-02 12:30")
    assert charge(program, Register(), now, 2_000, Member("m", balances={"value": 48_000})).denied is None
    assert charge(program, Register(), now, 2_000, Member("m", balances={"value": 48_001})).denied == "max_balance"
    assert [charge(program, Register(), now, 2_000, Member("m", status)).denied for status in ("active", "earn_only")] == [None, None]
    assert [charge(program, Register(), now, 2_000, Member("m", status)).denied for status in ("blocked", "unverified")] == ["member", "member"]


def test_a_charge_needs_an_account_and_a_program_in_force(make: Make, at: At) -> None:
    plain = make('[accounts.points]\n[[earn]]\nrate = "1%"')
    assert charge(plain, Register(), at("2026-06-02 12:30"), 1_000, Member("m")).denied == "no_account"
    ended, problems = read_program('schema = 1\n[program]\nid = "p"\nversion = 1\nuntil = 2026-06-01\n' + BODY)
    assert problems == []
    grace = charge(ended, Register(store="s1"), at("2026-06-08 12:00"), 10_000, GOLD, ("cash",))
    assert [(entry.account, entry.delta) for entry in grace.entries] == [("value", 10_000), ("points", 50), ("bonus", 500)]
    assert charge(ended, Register(), at("2026-06-09 12:00"), 10_000, GOLD).denied == "program"


def test_which_account_is_paid_into() -> None:
    limits, value, other = ChargeLimits(), Account("value", "v"), Account("wallet", "w", charge=ChargeLimits())
    assert limits == ChargeLimits(1, None, None, None)
    assert value_account(Program("p", 1, (value, other), ())) == other
    assert value_account(Program("p", 1, (value,), ())) == value
    assert value_account(Program("p", 1, (), ())) is None


def test_limits_that_are_not_given_do_not_hold() -> None:
    assert charge_denied(ChargeLimits(), 1, 0) is None
    assert charge_denied(ChargeLimits(), 0, 0) == "min"
    assert charge_denied(ChargeLimits(unit=500), 500, 10**12) is None
    assert charge_denied(ChargeLimits(unit=500), 0, 0) == "min"
    assert charge_denied(ChargeLimits(), 99_999_999, 0) is None
    with pytest.raises(OutOfRange, match=r"^a charge must not be negative, but is -1$"):
        charge_denied(ChargeLimits(), -1, 0)
    with pytest.raises(SaleRejected, match=r"^a charge of 100000000 is above 99999999$") as refused:
        charge_denied(ChargeLimits(), 100_000_000, 0)
    assert refused.value.code == "range"


def test_a_value_account_without_limits_takes_any_amount(make: Make, at: At) -> None:
    program = make('[accounts.value]\n[accounts.points]\n[[earn]]\nrate = "1%"')
    assert amounts(program, at("2026-06-02 12:30"), 1, Member("m")) == {"value": 1}


def test_what_expires_first_is_spent_first_then_bonus_then_the_oldest() -> None:
    day = date(2026, 6, 1)
    lots = [
        Lot("never", "value", 100),
        Lot("never-bonus", "bonus", 100),
        Lot("late", "value", 100, date(2026, 8, 1), "2"),
        Lot("late-old", "value", 100, date(2026, 8, 1), "1"),
        Lot("late-bonus", "bonus", 100, date(2026, 8, 1), "3"),
        Lot("today", "value", 100, day),
        Lot("gone", "value", 100, date(2026, 5, 31)),
        Lot("empty", "bonus", 0, day),
        Lot("minus", "bonus", -5, day),
    ]
    used, short = spend(lots, 650, day)
    assert used == (("today", 100), ("late-bonus", 100), ("late-old", 100), ("late", 100), ("never-bonus", 100), ("never", 100))
    assert short == 50
    assert spend(lots, 150, day) == ((("today", 100), ("late-bonus", 50)), 0)
    assert spend(lots, 100, day) == ((("today", 100),), 0)
    assert spend(lots, 0, day) == ((), 0)
    assert spend([Lot("one", "value", 1)], 1, day) == ((("one", 1),), 0)
    with pytest.raises(OutOfRange, match=r"^an amount to spend must not be negative, but is -1$"):
        spend(lots, -1, day)


# ---------------------------------------------------------------- ranks

RANKS = Ranks(Window(), (Tier("green", "g"), Tier("gold", "G", (("spend", 100), ("visits", 3))), Tier("vip", "V", (("student", 1),))))


def test_the_highest_tier_reached_counts() -> None:
    assert rank_of(RANKS, {}) == "green"
    assert rank_of(RANKS, {"spend": 100, "visits": 2}) == "green"
    assert rank_of(RANKS, {"spend": 100, "visits": 3}) == "gold"
    assert rank_of(RANKS, {"student": 1}) == "vip"
    assert rank_of(Ranks(Window(), (Tier("gold", "G", (("spend", 1),)),)), {}) is None


def test_what_is_missing_for_the_next_tier() -> None:
    assert missing(RANKS, {"spend": 40}) == ("gold", {"spend": 60, "visits": 3})
    assert missing(RANKS, {"spend": 100, "visits": 2}) == ("gold", {"visits": 1})
    assert missing(RANKS, {"spend": 100, "visits": 3}) == ("vip", {"student": 1})
    assert missing(RANKS, {"student": 1}) is None
    assert missing(Ranks(Window(), (Tier("a", "A", (("spend", 1),)), Tier("b", "B", (("spend", 9),)))), {}) == ("a", {"spend": 1})
    assert missing(Ranks(Window(), (Tier("gold", "G", (("spend", 1),)),)), {}) == ("gold", {"spend": 1})


# ---------------------------------------------------------------- validity

HEAD = 'schema = 1\n[program]\nid = "p"\nversion = 3\n'


def test_a_program_holds_in_its_scope_and_time(make: Make) -> None:
    head = HEAD + 'from = 2026-06-01\nuntil = 2026-06-30\nscope = { company = "acme", brand = "cafe", stores = ["s1", "s2"] }\n'
    program = make(BODY, head)
    day = date(2026, 6, 15)
    assert applicable(program, day, "s1") is OK
    assert applicable(program, day, "s2", "acme", "cafe").grants
    assert applicable(program, day, "s3").reason == "program p@3 holds in s1, s2, not in 's3'; install the store's own program"
    assert applicable(program, day, "s3").state == "scope"
    other = applicable(program, day, "s1", "other", "cafe")
    assert (other.state, other.grants) == ("scope", False)
    assert other.reason == "program p@3 is for company 'acme', not 'other'; install the program of 'other'"
    assert applicable(program, day, "s1", "acme", "bar").reason == "program p@3 is for brand 'cafe', not 'bar'; install the program of 'bar'"
    assert applicable(make(BODY), day, "anywhere", "any", "any") is OK
    early, late, end = (applicable(program, date.fromisoformat(text), "s1") for text in ("2026-05-31", "2026-07-07", "2026-07-08"))
    assert (early.state, early.grants, early.reason) == (
        "not_yet",
        False,
        "program p@3 begins on 2026-06-01; until then the version before it holds",
    )
    assert (late.state, late.grants) == ("grace", True)
    assert late.reason == "program p@3 ended on 2026-06-30; base rules only until 2026-07-07, no boosts, no new coupons"
    assert (end.state, end.grants) == ("ended", False)
    assert end.reason == "program p@3 ended on 2026-06-30; members are recognised, nothing is granted; install its successor"
    assert in_time(program, date(2026, 6, 1)) is OK
    assert in_time(program, date(2026, 6, 30)) is OK


def approved(*levels: tuple[int, str, str]) -> str:
    return "".join(f'[[approval]]\nlevel = {level}\nby = "x"\nat = {at}T10:00:00+09:00\ndecision = "{decision}"\n' for level, at, decision in levels)


def test_every_level_must_have_approved(make: Make) -> None:
    head = HEAD + "approvals_required = 2\n"
    day = date(2026, 6, 1)
    nothing = applicable(make(BODY, head), day, "s1")
    assert (nothing.state, nothing.reason) == ("approval", "program p@3 needs 2 approvals and lacks level 1, 2; head office must approve it")
    one = make(BODY + approved((1, "2026-01-01", "approved")), head)
    assert approval_problem(one) == "needs 2 approvals and lacks level 2"
    both = make(BODY + approved((2, "2026-01-02", "approved"), (1, "2026-01-01", "approved")), head)
    assert applicable(both, day, "s1") is OK
    turned = approved((1, "2026-01-03", "rejected"), (2, "2026-01-02", "rejected"), (1, "2026-01-04", "approved"))
    assert approval_problem(make(BODY + turned, head)) == "was rejected at level 2"
    assert approval_problem(make(BODY + approved((1, "2026-01-03", "rejected"), (1, "2026-01-01", "approved")))) == "was rejected at level 1"


# ---------------------------------------------------------------- masking


@pytest.mark.parametrize("number,shown", [("", ""), ("12", "**"), ("123", "**3"), ("12345678", "******78"), ("1234567890123", "*********0123")])
def test_never_more_than_a_third_and_four_digits_are_shown(number: str, shown: str) -> None:
    assert mask(number) == shown


def test_start_and_stop_letters_take_no_digits_place() -> None:
    assert mask_code("A00012345678A") == "********678"
    assert mask_code("a0001-2345:b") == "*******45:"
    assert strip_nw7("A123D") == "123"
    assert [strip_nw7(text) for text in ("AB12C", "A123", "123A", "AA", "A12EC", "E123A")] == ["AB12C", "A123", "123A", "AA", "A12EC", "E123A"]
