"""Coupons: what they take off, why they are refused, their codes and their life; points as payment; stamp cards."""

# ruff: noqa: E501 - program texts and messages stand on one line, as they are written and printed

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import pytest

from posagent.loyalty import Coupon, Line, Member, Program, Quote, Reduction, Register, Sale, quote
from posagent.loyalty.coupons import ALPHABET, advance, code, last_day, reach_is_wider, read_code, sale_coupon_id, within_reach
from posagent.loyalty.days import Expire
from posagent.loyalty.numbers import OutOfRange
from posagent.loyalty.reductions import redeem_limit
from posagent.loyalty.rules import Card, Redeem, Valid
from posagent.loyalty.stamps import Reward, card_of, laps, reward_id, rewards_due

Make = Callable[..., Program]
At = Callable[[str], datetime]
RULES = """
[accounts.points]
[[earn]]
rate = "1%"
[[coupon]]
id = "ten"
group = "g1"
benefit = { off_rate = "10%", max = 150 }
[[coupon]]
id = "off"
group = "g2"
benefit = { off = 300 }
use_when = { min_amount = 500 }
[[coupon]]
id = "drink"
group = "g3"
lines = ["drink"]
benefit = { gift = "drink", value = 300 }
[[coupon]]
id = "towel"
group = "g4"
benefit = { gift = "towel", value = 200 }
[[coupon]]
id = "other"
group = "g2"
benefit = { off = 50 }
[[coupon]]
id = "third"
group = "g5"
lines = ["cake"]
benefit = { off_rate = "33.33%" }
"""
HERE = Register("acme", "cafe", "s1", "r1")


def use(make: Make, at: At, codes: list[str], *lines: Line, who: Member | None = None, **changes: object) -> Quote:
    found = tuple(replace(Coupon(name.upper(), name, brand="cafe", store="s1", register="r1"), **changes) for name in codes if name != "nowhere")
    sale = Sale("s", at("2026-06-02 12:00"), lines, codes=tuple(name.upper() for name in codes), coupons=found)
    return quote(make(RULES), HERE, sale, who or Member("m"))


def taken(found: Quote) -> list[tuple[str, str, int, str | None]]:
    return [(each.code, each.definition, each.amount, each.gift) for each in found.coupons_used]


def test_a_rate_works_on_what_remains_and_has_a_limit(make: Make, at: At) -> None:
    assert taken(use(make, at, ["ten"], Line(999))) == [("TEN", "ten", 99, None)]
    assert taken(use(make, at, ["ten"], Line(1499))) == [("TEN", "ten", 149, None)]
    assert taken(use(make, at, ["ten"], Line(5000))) == [("TEN", "ten", 150, None)]
    assert taken(use(make, at, ["third"], Line(100, "cake"), Line(7))) == [("THIRD", "third", 33, None)]


def test_coupons_for_lines_come_first_then_file_order_whatever_the_scanning_order(make: Make, at: At) -> None:
    found = use(make, at, ["off", "ten", "drink"], Line(400, "drink"), Line(600))
    assert taken(found) == [("DRINK", "drink", 300, "drink"), ("TEN", "ten", 70, None), ("OFF", "off", 300, None)]
    assert found.payable == 1000 - 670
    assert [each.coupon for each in found.allocations] == ["DRINK", "TEN", "OFF"]
    assert found.allocations[0].shares == (300, 0)


def test_no_change_is_given(make: Make, at: At) -> None:
    found = use(make, at, ["off", "ten"], Line(500))
    assert (taken(found)[1], use(make, at, ["off"], Line(500)).payable) == (("OFF", "off", 300, None), 200)
    assert use(make, at, ["drink"], Line(120, "drink")).payable == 0


def test_a_gift_is_one_piece_the_dearest_up_to_its_value(make: Make, at: At) -> None:
    assert taken(use(make, at, ["drink"], Line(500, "drink", qty=2), Line(240, "drink")))[0][2] == 250
    assert taken(use(make, at, ["drink"], Line(900, "drink", qty=2)))[0][2] == 300
    assert taken(use(make, at, ["drink"], Line(220, "drink"), Line(230, "drink"), Line(999)))[0][2] == 230


def test_a_gift_without_lines_is_handed_over_and_takes_nothing_off(make: Make, at: At) -> None:
    found = use(make, at, ["towel"], Line(500))
    assert (taken(found), found.payable, found.allocations) == ([("TOWEL", "towel", 0, "towel")], 500, ())


def test_one_coupon_of_a_group(make: Make, at: At) -> None:
    found = use(make, at, ["other", "off"], Line(500))
    assert (taken(found), found.rejected) == ([("OFF", "off", 300, None)], {"OTHER": "group"})
    assert [reason.values for reason in found.explain if reason.code == "coupon_refused"] == [(("code", "****R"), ("why", "group"))]  # a code is a right: masked


def test_a_coupon_with_nothing_left_to_reduce_stays_unused(make: Make, at: At) -> None:
    found = use(make, at, ["drink", "ten"], Line(300, "drink"))
    assert (taken(found), found.rejected) == ([("DRINK", "drink", 300, "drink")], {"TEN": "no_effect"})


def test_the_same_code_twice_is_one_coupon_and_an_unknown_one_is_named(make: Make, at: At) -> None:
    found = use(make, at, ["off", "off", "nowhere"], Line(800))
    assert (taken(found), found.rejected) == ([("OFF", "off", 300, None)], {"NOWHERE": "unknown"})
    assert use(make, at, ["off"], Line(800), definition="gone").rejected == {"OFF": "unknown"}


def test_a_coupon_of_the_member_needs_no_second_lookup(make: Make, at: At) -> None:
    mine = Coupon("MINE", "off", member="m")
    sale = Sale("s", at("2026-06-02 12:00"), (Line(800),), codes=("MINE",))
    assert quote(make(RULES), HERE, sale, Member("m", coupons=(mine,))).payable == 500
    assert quote(make(RULES), HERE, sale, Member("m")).rejected == {"MINE": "unknown"}


@pytest.mark.parametrize(
    "changes,why",
    [
        ({"blocked": True}, "blocked"),
        ({"state": "void"}, "blocked"),
        ({"member": "someone else"}, "blocked"),
        ({"first_day": date(2026, 6, 3)}, "not_yet"),
        ({"last_day": date(2026, 6, 1)}, "expired"),
        ({"state": "expired"}, "expired"),
        ({"state": "used"}, "used"),
        ({"reach": "store", "store": "s2"}, "reach"),
        ({"state": "used", "last_day": date(2026, 6, 1)}, "expired"),  # the first reason in the order of the rules counts
        ({"blocked": True, "state": "used"}, "blocked"),
        ({"state": "used", "reach": "store", "store": "s2"}, "used"),
    ],
)
def test_the_first_reason_against_a_coupon_is_named(make: Make, at: At, changes: dict[str, object], why: str) -> None:
    assert use(make, at, ["off"], Line(800), **changes).rejected == {"OFF": why}


@pytest.mark.parametrize("changes", [{"first_day": date(2026, 6, 2)}, {"last_day": date(2026, 6, 2)}, {"member": "m"}, {"state": "printed"}])
def test_a_coupon_on_its_first_and_last_day_is_good(make: Make, at: At, changes: dict[str, object]) -> None:
    assert use(make, at, ["off"], Line(800), **changes).rejected == {}


def test_conditions_and_lines_are_tested_at_use(make: Make, at: At) -> None:
    assert use(make, at, ["off"], Line(499)).rejected == {"OFF": "when"}
    assert use(make, at, ["drink"], Line(499)).rejected == {"DRINK": "no_line"}


@pytest.mark.parametrize("status", ["unverified", "blocked", "earn_only"])
def test_a_members_coupon_needs_an_active_member_a_bearers_does_not(make: Make, at: At, status: str) -> None:
    member = Member("m", status)  # type: ignore[arg-type]
    assert use(make, at, ["off"], Line(800), who=member).rejected == {}
    assert use(make, at, ["off"], Line(800), who=member, definition="off").payable == 500
    mine = Coupon("MINE", "off", member="m")
    sale = Sale("s", at("2026-06-02 12:00"), (Line(800),), codes=("MINE",), coupons=(mine,))
    assert quote(make(RULES), HERE, sale, member).rejected == {"MINE": "blocked"}
    assert quote(make(RULES), HERE, sale, None).rejected == {"MINE": "blocked"}
    assert quote(make(RULES), HERE, replace(sale, coupons=(replace(mine, member=None),)), None).payable == 500


def test_discounts_come_before_coupons_and_points_after_them_whatever_the_order(make: Make, at: At) -> None:
    coupon = Coupon("TEN", "ten")
    given = (Reduction("value", 100), Reduction("points", 50), Reduction("coupon", 20), Reduction("discount", 200))
    sale = Sale("s", at("2026-06-02 12:00"), (Line(1000),), reductions=given, codes=("TEN",), coupons=(coupon,))
    found = quote(make(RULES), HERE, sale, Member("m"))
    assert [(each.kind, each.amount, each.coupon) for each in found.allocations] == [
        ("discount", 200, None),
        ("coupon", 20, None),
        ("coupon", 78, "TEN"),
        ("points", 50, None),
    ]
    assert (found.payable, found.basis, found.points_used) == (652, (652,), 50)
    steps = [(reason.code, dict(reason.values)) for reason in found.explain[:4]]
    assert steps[0] == ("reduction", {"kind": "discount", "yen": 200})
    assert steps[2] == ("coupon_used", {"coupon": "ten", "label": "ten", "yen": 78})


def test_prepaid_value_that_lowers_the_basis_comes_after_the_coupons(make: Make, at: At) -> None:
    program = make('[basis]\nreduced_by = ["value"]\n' + RULES)
    sale = Sale("s", at("2026-06-02 12:00"), (Line(1000),), reductions=(Reduction("value", 500),), codes=("TEN",), coupons=(Coupon("TEN", "ten"),))
    assert [(each.kind, each.amount) for each in quote(program, HERE, sale, None).allocations] == [("coupon", 100), ("value", 500)]


def test_a_reduction_may_name_its_lines_and_the_program_what_lowers_the_basis(make: Make, at: At) -> None:
    program = make('[accounts.points]\n[basis]\nreduced_by = ["coupon", "value"]\n[[earn]]\nrate = "1%"')
    given = (Reduction("discount", 100, (1,)), Reduction("coupon", 50), Reduction("value", 300, (0,)))
    sale = Sale("s", at("2026-06-02 12:00"), (Line(500), Line(600)), reductions=given)
    found = quote(program, HERE, sale, Member("m"))
    assert [each.shares for each in found.allocations] == [(0, 100), (25, 25), (300, 0)]
    assert (found.basis, found.payable) == ((175, 575), 650)


def test_a_reduction_of_lines_that_hold_nothing_takes_nothing(make: Make, at: At) -> None:
    sale = Sale("s", at("2026-06-02 12:00"), (Line(0), Line(600)), reductions=(Reduction("discount", 100, (0,)),))
    found = quote(make(RULES), HERE, sale, Member("m"))
    assert (found.allocations, found.payable, found.explain[0]["yen"]) == ((), 600, 0)


# ---------------------------------------------------------------- codes on paper


def test_a_code_is_c_and_sixteen_characters_that_carry_75_random_bits() -> None:
    assert code(bytes(10)) == "C" + "0" * 16
    assert code(b"\xff" * 10) == "C" + "Z" * 15 + code(b"\xff" * 10)[-1]
    assert code(bytes(9) + b"\x01")[1] == "1"
    assert code(bytes(8) + b"\x01\x00")[1:4] == "080"
    assert code(bytes(12)) == code(bytes(10))
    assert code(b"posagent 1") == "CH1887QNC7BR6QQ15"
    assert len({code(bytes(9) + bytes([n])) for n in range(256)}) == 256
    with pytest.raises(OutOfRange, match=r"^a coupon code needs 10 random bytes, not 9$") as refused:
        code(bytes(9))
    assert refused.value.code == "range"


def test_a_code_is_read_in_every_way_people_write_it() -> None:
    written = code(b"posagent 1")
    assert read_code(written) == written
    assert read_code(f" {written.lower()[:5]}-{written[5:9]} {written[9:]} ") == written
    zeros = code(bytes(10))
    assert read_code(zeros.replace("0", "O")) == zeros
    one = code(bytes(9) + b"\x01")
    assert read_code(one.replace("1", "I")) == read_code(one.replace("1", "l")) == one


def test_one_wrong_character_or_two_swapped_ones_are_found() -> None:
    written = code(b"0123456789")
    for place in range(1, 17):
        for letter in ALPHABET:
            if letter != written[place]:
                assert read_code(written[:place] + letter + written[place + 1 :]) is None
        for other in range(place + 1, 17):
            if written[place] != written[other]:
                swapped = list(written)
                swapped[place], swapped[other] = swapped[other], swapped[place]
                assert read_code("".join(swapped)) is None


@pytest.mark.parametrize("text", ["", "C", "D" + "0" * 16, "C" + "0" * 15, "C" + "0" * 17, "C" + "0" * 15 + "U", "4901234567894"])
def test_a_text_that_is_no_coupon_code_is_none(text: str) -> None:
    assert read_code(text) is None


# ---------------------------------------------------------------- life and reach


def test_a_coupon_is_issued_printed_and_used_once() -> None:
    fresh = Coupon("C", "off")
    steps: dict[tuple[str, str], str] = {}
    for state in ("issued", "printed", "used", "void", "expired"):
        for step in ("print", "use", "unuse", "void", "expire"):
            after = advance(replace(fresh, state=state), step)  # type: ignore[arg-type]
            if after is not None:
                steps[(state, step)] = after.state
                assert after.code == "C"
    assert steps == {
        ("issued", "print"): "printed",
        ("printed", "print"): "printed",
        ("issued", "use"): "used",
        ("printed", "use"): "used",
        ("used", "unuse"): "printed",
        ("issued", "void"): "void",
        ("printed", "void"): "void",
        ("issued", "expire"): "expired",
        ("printed", "expire"): "expired",
    }


@pytest.mark.parametrize(
    "reach,brand,store,register,good",
    [
        ("brand", "cafe", "s9", "r9", True),
        ("brand", "", "", "", True),
        ("brand", "bar", "s1", "r1", False),
        ("store", "cafe", "s1", "r9", True),
        ("store", "cafe", "s9", "r1", False),
        ("store", "bar", "s1", "r1", False),
        ("register", "cafe", "s1", "r1", True),
        ("register", "cafe", "s1", "r9", False),
        ("register", "cafe", "s9", "r1", False),
        ("register", "bar", "s1", "r1", False),
    ],
)
def test_a_coupon_is_honoured_within_its_reach(reach: str, brand: str, store: str, register: str, good: bool) -> None:
    coupon = Coupon("C", "off", reach=reach, brand=brand, store=store, register=register)  # type: ignore[arg-type]
    assert within_reach(coupon, HERE) is good


def test_reaches_are_ordered() -> None:
    assert reach_is_wider("brand", than="store")
    assert reach_is_wider("store", than="register")
    assert not reach_is_wider("store", than="store")
    assert not reach_is_wider("register", than="brand")


def test_how_long_a_coupon_lives() -> None:
    day = date(2026, 6, 10)
    assert last_day(Valid(), day) is None
    assert last_day(Valid(Expire(days=0)), day) == day
    assert last_day(Valid(Expire(months=1, round="month")), day) == date(2026, 7, 31)
    assert last_day(Valid(month_end=True), day) == date(2026, 6, 30)
    assert last_day(Valid(until=date(2026, 12, 31)), day) == date(2026, 12, 31)


def test_the_coupon_of_a_sale_has_one_id_however_often_it_is_granted() -> None:
    assert sale_coupon_id("p", "s", "c") == sale_coupon_id("p", "s", "c")
    assert len({sale_coupon_id(*parts) for parts in [("p", "s", "c"), ("q", "s", "c"), ("p", "t", "c"), ("p", "s", "d")]}) == 4
    assert sale_coupon_id("p", "s", "c") == "d12aa6d6ad60f6585a4553bf66e92470"


# ---------------------------------------------------------------- stamps


def test_the_card_opens_anew_when_it_is_full() -> None:
    assert [card_of(10, count) for count in (-3, 0, 9, 10, 25)] == [(1, 0), (1, 0), (1, 9), (2, 0), (3, 5)]


def test_rewards_fall_due_when_the_counter_passes_their_position() -> None:
    assert [laps(10, 5, count) for count in (0, 4, 5, 14, 15)] == [0, 0, 1, 1, 2]
    card = Card(10, ((5, "half"), (10, "free")))
    assert [reward.label for reward in rewards_due(card, 4, 25)] == ["half#1", "half#2", "half#3", "free#1", "free#2"]
    assert rewards_due(card, 9, 4) == ()
    assert rewards_due(card, 5, 9) == ()
    assert [(reward.position, reward.lap) for reward in rewards_due(card, -2, 5)] == [(5, 1)]


def test_a_reward_has_one_id_on_every_path() -> None:
    ids = {
        reward_id("p", "m", "stamps", Reward("half", 5, 1)),
        reward_id("q", "m", "stamps", Reward("half", 5, 1)),
        reward_id("p", "n", "stamps", Reward("half", 5, 1)),
        reward_id("p", "m", "visits", Reward("half", 5, 1)),
        reward_id("p", "m", "stamps", Reward("half", 10, 1)),
        reward_id("p", "m", "stamps", Reward("half", 5, 2)),
    }
    assert len(ids) == 6
    assert reward_id("p", "m", "stamps", Reward("renamed", 5, 1)) in ids
    assert {len(each) for each in ids} == {32}
    assert reward_id("p", "m", "stamps", Reward("half", 5, 1)) == "ea3a894ee16bfe5c46bf0459646d4c31"  # for ever: issued rewards are known by it


# ---------------------------------------------------------------- points as payment


@pytest.mark.parametrize(
    "redeem,balance,payable,expected",
    [
        (Redeem(unit=100), 1234, 980, (900, 900)),
        (Redeem(yen=2), 100, 99, (49, 98)),
        (Redeem(), -5, 100, (0, 0)),
        (Redeem(min=50), 49, 100, (0, 0)),
        (Redeem(min=50), 50, 100, (50, 50)),
        (Redeem(max=30), 500, 100, (30, 30)),
        (Redeem(max=30, unit=20), 500, 100, (20, 20)),
        (Redeem(min=0), 0, 100, (0, 0)),
        (Redeem(min=0), 1, 100, (1, 1)),
    ],
)
def test_how_many_points_may_pay(redeem: Redeem, balance: int, payable: int, expected: tuple[int, int]) -> None:
    assert redeem_limit(redeem, balance, payable) == expected


def test_a_negative_payable_is_an_error() -> None:
    with pytest.raises(OutOfRange, match=r"^the payable amount must not be negative, but is -1$"):
        redeem_limit(Redeem(), 10, -1)
