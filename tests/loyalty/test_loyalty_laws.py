"""The laws P1 to P10: they hold for every program and every basket, here for thousands of random ones."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from posagent.loyalty import Coupon, Entry, Line, Member, Program, Reduction, Register, Sale, quote, to_json
from posagent.loyalty.ledger import Ledger
from posagent.loyalty.numbers import allocate
from posagent.loyalty.reversal import refund, void, whole
from posagent.loyalty.rules import ALWAYS, Account, Basis, Benefit, Boost, Card, CouponRule, Earn, Limits, Redeem, When
from posagent.loyalty.stamps import rewards_due

MANY = settings(max_examples=int(os.environ.get("LAW_EXAMPLES", "60")))
AT = datetime.fromisoformat("2026-06-02T15:00:00+09:00")
CATEGORIES = ("a", "b", "c", "tobacco", "*")
ROUNDINGS = st.sampled_from(("floor", "half_up", "ceil"))
AMOUNTS = st.one_of(st.integers(0, 300), st.integers(0, 20_000), st.integers(0, 199_999))


@st.composite
def conditions(draw: Any) -> When:
    """Any condition, or none."""
    kind = draw(st.sampled_from(("always", "always", "min_amount", "rank", "weekday", "hours", "category", "birth_month", "first", "flag")))
    match kind:
        case "min_amount":
            return When(min_amount=draw(st.integers(0, 5000)))
        case "rank":
            return When(rank=(draw(st.sampled_from(("gold", "silver"))),))
        case "weekday":
            return When(weekday=tuple(draw(st.sets(st.integers(0, 6), min_size=1))))
        case "hours":
            return When(hours=(draw(st.integers(0, 1439)), draw(st.integers(0, 1439))))
        case "category":
            return When(category=(draw(st.sampled_from(CATEGORIES)),))
        case "birth_month":
            return When(birth_month=True)
        case "first":
            return When(first=True)
        case "flag":
            return When(flag=("vip",))
        case _:
            return ALWAYS


@st.composite
def earn_rules(draw: Any, number: int, plain: bool = False) -> Earn:
    """One rule; ``plain``: floor, per receipt or line, without a condition, so that more gives more."""
    lines = draw(st.one_of(st.none(), st.sets(st.sampled_from(CATEGORIES), min_size=1, max_size=3)))
    base = Earn(f"e{number}", "points", "nothing", lines=None if lines is None else frozenset(lines))
    if not plain:
        base = replace(base, when=draw(conditions()), per=draw(st.sampled_from(("receipt", "line"))))
    kind = draw(st.sampled_from(("amount", "rate", "nothing") if plain else ("amount", "rate", "nothing", "visit", "item")))
    match kind:
        case "amount":
            return replace(base, formula="amount", every=draw(st.sampled_from((1, 50, 100, 300, 1000))), give=draw(st.integers(1, 20)))
        case "rate":
            rounding = "floor" if plain else draw(ROUNDINGS)
            return replace(base, formula="rate", rate=draw(st.integers(0, 3000)), round=rounding)
        case "visit":
            return replace(base, account="stamps", formula="visit", visit=draw(st.integers(1, 3)))
        case "item":
            return replace(base, account="stamps", formula="item", item=draw(st.integers(1, 3)))
        case _:
            return base


@st.composite
def programs(draw: Any, plain: bool = False) -> Program:
    """A random program with points and stamps, boosts, coupons and a cap."""
    count = draw(st.integers(1, 5))
    boosts = []
    for number in range(draw(st.integers(0, 0 if plain else 4))):
        times = draw(st.one_of(st.none(), st.integers(1000, 10_000)))
        add = draw(st.integers(1, 500)) if times is None else None
        account = draw(st.sampled_from(("points", "stamps")))
        boosts.append(Boost(f"b{number}", account, draw(st.sampled_from(("x", "y"))), draw(conditions()), times, add))
    coupons = (
        CouponRule("c0", "c0", Benefit(off=draw(st.integers(1, 2000))), issue="sale", when=draw(conditions()), group="g0"),
        CouponRule("c1", "c1", Benefit(off_rate=draw(st.integers(0, 10_000)), max=500), lines=frozenset({"a"}), group="g1"),
        CouponRule("c2", "c2", Benefit(gift="x", value=300), lines=frozenset({"b"}), use_when=draw(conditions()), group="g1"),
    )
    card = Card(10, ((5, "c0"), (10, "c1")))
    cap = () if plain else draw(st.sampled_from(((), (("points", 500),))))
    return Program(
        id="p",
        version=1,
        accounts=(Account("points", "points", redeem=Redeem()), Account("stamps", "stamps", card=card)),
        earn=tuple(draw(earn_rules(number, plain)) for number in range(count)),
        basis=Basis(
            draw(st.sampled_from(("included",) if plain else ("included", "excluded"))),
            frozenset({"tobacco"}),
            frozenset(draw(st.sets(st.sampled_from(("discount", "coupon", "points", "value"))))),
        ),
        boost=tuple(boosts),
        coupon=() if plain else coupons,
        limits=Limits(),
        caps=cap,
    )


LINES = st.builds(Line, AMOUNTS, st.sampled_from(CATEGORIES), st.sampled_from((0, 800, 1000)), st.integers(1, 9))


@st.composite
def sales(draw: Any, coupons: bool = True) -> Sale:
    """A random basket with reductions and presented coupons."""
    lines = tuple(draw(st.lists(LINES, min_size=0, max_size=8)))
    reductions = []
    for _ in range(draw(st.integers(0, 3))):
        where = draw(st.one_of(st.none(), st.sets(st.integers(0, max(len(lines) - 1, 0))))) if lines else None
        kind = draw(st.sampled_from(("discount", "coupon", "points", "value")))
        reductions.append(Reduction(kind, draw(st.integers(1, 30_000)), None if where is None else tuple(where)))
    codes = tuple(draw(st.permutations(("k0", "k1", "k2")))) if coupons and draw(st.booleans()) else ()
    known = tuple(Coupon(f"k{number}", f"c{number}") for number in range(3))
    return Sale("s", AT, lines, "op", tuple(reductions), codes, known)


MEMBERS = st.builds(
    Member,
    st.just("m"),
    rank=st.sampled_from((None, "gold", "silver")),
    birth_month=st.sampled_from((None, 6, 7)),
    first=st.booleans(),
    flags=st.sampled_from(((), ("vip",))),
    balances=st.fixed_dictionaries({"stamps": st.integers(0, 30), "points": st.integers(-50, 5000)}),
)
REGISTERS = st.builds(Register, tax_rounding=ROUNDINGS)


@given(st.lists(st.integers(0, 1_000_000), min_size=1, max_size=30), st.integers(0, 10**7))
@MANY
def test_p1_shares_add_up_and_stay_within_their_line(weights: list[int], amount: int) -> None:
    amount = min(amount, sum(weights))
    shares = allocate(amount, weights)
    assert sum(shares) == amount
    assert all(0 <= share <= weight for share, weight in zip(shares, weights, strict=True))
    total = max(sum(weights), 1)
    assert all(abs(share * total - amount * weight) < total for share, weight in zip(shares, weights, strict=True))


@given(programs(), REGISTERS, sales(), MEMBERS)
@MANY
def test_p1_in_a_whole_quote_every_yen_is_somewhere(program: Program, register: Register, sale: Sale, member: Member) -> None:
    found = quote(program, register, sale, member)
    left = [line.amount for line in sale.lines]
    for allocation in found.allocations:
        assert sum(allocation.shares) == allocation.amount == sum(share for _, share in allocation.by_tax)
        left = [before - share for before, share in zip(left, allocation.shares, strict=True)]
    assert all(amount >= 0 for amount in left)
    assert found.payable == sum(left)
    for line, basis in zip(sale.lines, found.basis, strict=True):
        assert (basis is None) == (line.category == "tobacco")
        assert basis is None or 0 <= basis <= line.amount
    assert set(sale.codes) == {use.code for use in found.coupons_used} | set(found.rejected)


@given(programs(plain=True), REGISTERS, sales(coupons=False), MEMBERS, st.integers(0, 7), st.integers(1, 5000))
@MANY
def test_p2_a_higher_price_never_gives_fewer_points(
    program: Program, register: Register, sale: Sale, member: Member, place: int, more: int
) -> None:
    assume(sale.lines)
    sale = replace(sale, reductions=())
    index = place % len(sale.lines)
    raised = replace(sale.lines[index], amount=sale.lines[index].amount + more)
    dearer = replace(sale, lines=(*sale.lines[:index], raised, *sale.lines[index + 1 :]))
    for tax in ("included", "excluded"):
        taxed = replace(program, basis=replace(program.basis, tax=tax))
        assert quote(taxed, register, dearer, member).total("points") >= quote(taxed, register, sale, member).total("points")


@given(earn_rules(0, True), AMOUNTS, AMOUNTS, st.integers(1000, 10_000))
@MANY
def test_p3_one_receipt_gives_at_least_what_two_give_and_at_most_one_give_more(rule: Earn, first: int, second: int, times: int) -> None:
    program = Program("p", 1, (Account("points", "points"),), (replace(rule, lines=None),))

    def points(amount: int, boosted: bool) -> int:
        made = replace(program, boost=(Boost("b", times=times),)) if boosted else program
        return quote(made, Register(), Sale.of_total("s", AT, amount), Member("m")).total("points")

    apart, together = points(first, False) + points(second, False), points(first + second, False)
    assert apart <= together <= apart + max(rule.give, 1)
    assert points(first, True) + points(second, True) <= points(first + second, True)


@given(programs(), REGISTERS, sales(), MEMBERS)
@MANY
def test_p4_a_void_leaves_every_account_as_it_was(program: Program, register: Register, sale: Sale, member: Member) -> None:
    found = quote(program, register, sale, member)
    back = void(found.entries)
    for account in program.accounts:
        assert found.total(account.name) + back.total(account.name) == 0
    ledger = Ledger()
    ledger.grant("1", "s", "m", found.entries)
    ledger.void("2", "s")
    assert set(ledger.balances.values()) <= {0}


@given(programs(), REGISTERS, sales(), MEMBERS, st.randoms(use_true_random=False))
@MANY
def test_p5_the_order_of_partial_returns_makes_no_difference(
    program: Program, register: Register, sale: Sale, member: Member, chance: random.Random
) -> None:
    before = whole(sale)
    sums = {account.name: 0 for account in program.accounts}
    points_back = 0
    for _ in range(3):
        kept = {}
        for index, (amount, qty) in before.items():
            if chance.random() < 0.6:
                kept[index] = (chance.randint(0, amount), chance.randint(1, qty)) if chance.random() < 0.5 else (amount, qty)
        step = refund(program, register, sale, member, kept, before)
        for account in sums:
            sums[account] += step.total(account)
        points_back += step.points_back
        before = kept
    once = refund(program, register, sale, member, before)
    assert sums == {account: once.total(account) for account in sums}
    assert points_back == once.points_back


@given(st.integers(0, 40), st.lists(st.integers(-8, 25), min_size=1, max_size=12))
@MANY
def test_p5_a_stamp_reward_is_issued_once_on_every_path(start: int, steps: list[int]) -> None:
    card = Card(10, ((5, "half"), (10, "free")))
    count, issued = start, set()
    highest = start
    for step in steps:
        after = max(count + step, 0)
        issued |= {(reward.position, reward.lap) for reward in rewards_due(card, count, after)}
        count, highest = after, max(highest, after)
    crossed = {(reward.position, reward.lap) for reward in rewards_due(card, start, highest)}
    below = {(reward.position, reward.lap) for reward in rewards_due(card, 0, start)}
    assert crossed <= issued <= crossed | below


Event = tuple[str, ...]


def apply(ledger: Ledger, events: list[Event]) -> None:
    for event in events:
        match event:
            case (name, "grant", sale, member, amount):
                ledger.grant(name, sale, member, [Entry("points", int(amount))])
            case (name, "void", sale):
                ledger.void(name, sale)
            case (name, "redeem", member, amount):
                ledger.redeem(name, member, "points", int(amount))
            case (name, "adjust", member, amount):
                ledger.adjust(name, member, "points", int(amount), "goodwill", "m7")
            case (name, "coupon", code):
                ledger.coupon(name, code, "redeem")
            case _:
                raise AssertionError(event)


@st.composite
def streams(draw: Any, only: tuple[str, ...] = ("grant", "void", "redeem", "adjust", "coupon")) -> list[list[Event]]:
    """What three registers did, each in its own order, with sales of its own."""
    found = []
    for register in "ABC":
        events: list[Event] = []
        for number in range(draw(st.integers(0, 8))):
            name, sale, member = f"{register}{number}", f"{register}-{draw(st.integers(0, 2))}", draw(st.sampled_from("mn"))
            match draw(st.sampled_from(only)):
                case "grant":
                    events.append((name, "grant", sale, member, str(draw(st.integers(1, 50)))))
                case "void":
                    events.append((name, "void", sale))
                case "coupon":
                    events.append((name, "coupon", draw(st.sampled_from("xy"))))
                case kind:
                    events.append((name, kind, member, str(draw(st.integers(1, 50)))))
        found.append(events)
    return found


@given(streams(), st.integers(0, 24))
@MANY
def test_p6_sending_any_prefix_again_changes_nothing(registers: list[list[Event]], cut: int) -> None:
    events = [event for register in registers for event in register]
    once, twice = Ledger(), Ledger()
    apply(once, events)
    apply(twice, events[:cut])
    apply(twice, events[:cut])
    apply(twice, events)
    assert once.balances == twice.balances


@given(streams(("grant", "void")), st.randoms(use_true_random=False))
@MANY
def test_p7_the_order_of_different_registers_makes_no_difference(registers: list[list[Event]], chance: random.Random) -> None:
    in_turn, mixed = Ledger(), Ledger()
    apply(in_turn, [event for register in registers for event in register])
    waiting = [list(register) for register in registers if register]
    while waiting:
        register = chance.choice(waiting)
        apply(mixed, [register.pop(0)])
        waiting = [each for each in waiting if each]
    keys = {*in_turn.balances, *mixed.balances}
    assert all(in_turn.balances.get(key, 0) == mixed.balances.get(key, 0) for key in keys)


@given(programs(), REGISTERS, sales(), MEMBERS, st.randoms(use_true_random=False))
@MANY
def test_p8_the_order_of_lines_makes_no_difference(
    program: Program, register: Register, sale: Sale, member: Member, chance: random.Random
) -> None:
    amounts = [line.amount for line in sale.lines]
    assume(len(set(amounts)) == len(amounts))
    sale = replace(sale, codes=(), reductions=tuple(replace(each, lines=None) for each in sale.reductions[:1]))
    order = list(range(len(sale.lines)))
    chance.shuffle(order)
    shuffled = replace(sale, lines=tuple(sale.lines[index] for index in order))
    first, second = (quote(program, register, each, member) for each in (sale, shuffled))
    assert (first.entries, first.payable, first.coupons_issued) == (second.entries, second.payable, second.coupons_issued)
    assert tuple(first.basis[index] for index in order) == second.basis


def numbers_in(value: object) -> list[object]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in numbers_in(item)]
    if isinstance(value, list):
        return [number for item in value for number in numbers_in(item)]
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


@given(programs(), REGISTERS, sales(), MEMBERS)
@MANY
def test_p9_and_p10_a_quote_is_whole_numbers_and_the_same_bytes_again(
    program: Program, register: Register, sale: Sale, member: Member
) -> None:
    first, second = (to_json(quote(program, register, sale, member)) for _ in range(2))
    assert first == second
    assert all(isinstance(number, int) and abs(number) < 2**53 for number in numbers_in(json.loads(first)))


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from datetime import datetime
from pathlib import Path
from posagent.loyalty import *
program, problems = read_program(Path(sys.argv[1], "config", "program.example.toml").read_text("utf-8"))
sale = Sale("s", datetime.fromisoformat("2026-06-02T15:00:00+09:00"), (Line(1000, "drink"), Line(500, "cake", 800)), codes=("x", "y"))
print(to_json(quote(program, Register(), sale, Member("m", flags=("a", "b"), balances={"stamps": 4}))))
"""


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_p10_another_process_with_another_hash_seed_gives_the_same_bytes(seed: str) -> None:
    root = Path(__file__).parents[2]

    def run(hash_seed: str) -> bytes:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        return subprocess.run([sys.executable, "-c", SCRIPT, str(root)], env=environment, check=True, capture_output=True).stdout

    assert run(seed) == run("99")
