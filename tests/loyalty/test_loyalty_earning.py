"""From the basis to points, stamps and bonus."""

# ruff: noqa: E501 - program texts and messages stand on one line, as they are written and printed

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import pytest

from posagent.loyalty import Line, Member, Program, Reduction, Register, Sale, SaleRejected, quote, read_program
from posagent.loyalty.conditions import Facts, holds
from posagent.loyalty.rules import When

Make = Callable[..., Program]
At = Callable[[str], datetime]
TWO = "[accounts.points]\n[accounts.stamps]\n"


def points(program: Program, sale: Sale, member: Member | None = None, register: Register | None = None, account: str = "points") -> int:
    return quote(program, register or Register(), sale, member or Member("m")).total(account)


def basket(at: At, *lines: Line, when: str = "2026-06-02 12:00", reductions: tuple[Reduction, ...] = ()) -> Sale:
    return Sale("s", at(when), lines, reductions=reductions)


def test_each_line_goes_to_the_first_rule_that_lists_it(make: Make, at: At) -> None:
    program = make(TWO + '[[earn]]\nlines = ["a"]\nevery = 100\ngive = 5\n[[earn]]\nlines = ["a", "b"]\nevery = 100\ngive = 2\n[[earn]]\nrate = "1%"')
    found = quote(program, Register(), basket(at, Line(100, "a"), Line(200, "b"), Line(300, "c"), Line(99, "a")), Member("m"))
    assert [(reason["rule"], reason["basis"], reason["lines"], reason["gives"]) for reason in found.explain if reason.code == "earn"] == [
        ("earn-1", 199, 2, 5),
        ("earn-2", 200, 1, 4),
        ("earn-3", 300, 1, 3),
    ]
    assert found.total("points") == 12


def test_a_rule_that_gives_nothing_keeps_its_lines_from_the_next(make: Make, at: At) -> None:
    program = make(TWO + '[[earn]]\nlines = ["a"]\ngive = 0\n[[earn]]\nevery = 100\ngive = 1')
    assert points(program, basket(at, Line(1000, "a"), Line(500))) == 5


def test_accounts_look_at_the_same_lines_independently(make: Make, at: At) -> None:
    program = make(TWO + '[[earn]]\nevery = 100\ngive = 1\n[[earn]]\naccount = "stamps"\nlines = ["a"]\nitem = 2\n')
    found = quote(program, Register(), basket(at, Line(300, "a", qty=3), Line(200, "b", qty=9)), Member("m"))
    assert [(entry.account, entry.delta) for entry in found.entries] == [("points", 5), ("stamps", 6)]


def test_a_visit_counts_once_and_only_when_a_line_takes_part(make: Make, at: At) -> None:
    program = make(TWO + '[basis]\nexclude = ["x"]\n[[earn]]\naccount = "stamps"\nvisit = 3')
    assert points(program, basket(at, Line(1), Line(2)), account="stamps") == 3
    assert points(program, basket(at, Line(1000, "x")), account="stamps") == 0
    assert points(program, basket(at), account="stamps") == 0


def test_what_the_formula_is_applied_to(make: Make, at: At) -> None:
    lines = (Line(298, qty=2), Line(150))
    assert points(make(TWO + '[[earn]]\nevery = 100\ngive = 1'), basket(at, *lines)) == 4
    assert points(make(TWO + '[[earn]]\nevery = 100\ngive = 1\nper = "line"'), basket(at, *lines)) == 3
    assert points(make(TWO + '[[earn]]\nevery = 100\ngive = 1\nper = "unit"'), basket(at, *lines)) == 1 * 2 + 1
    assert points(make(TWO + '[[earn]]\nrate = "1%"\nround = "ceil"\nper = "unit"'), basket(at, *lines)) == 2 * 2 + 2


def test_pieces_must_divide_the_line_but_not_what_a_reduction_leaves(make: Make, at: At) -> None:
    program = make(TWO + '[[earn]]\nevery = 100\ngive = 1\nper = "unit"')
    with pytest.raises(SaleRejected, match=r"^line 2: 100 does not divide by 3 pieces, as rule 'earn-1' \(per unit\) needs$") as refused:
        points(program, basket(at, Line(5), Line(100, qty=3)))
    assert refused.value.code == "unit"
    cut = (Reduction("discount", 2),)
    exact = make(TWO + '[[earn]]\nevery = 1\ngive = 1\nper = "unit"')
    assert points(exact, basket(at, Line(303, qty=3), reductions=cut)) == 301
    assert points(program, basket(at, Line(303, qty=3), reductions=cut)) == 3  # 301 is 101 + 100 + 100
    assert points(program, basket(at, Line(303, qty=3), reductions=(Reduction("discount", 5),))) == 1  # 298 is 100 + 99 + 99


def test_without_tax_there_is_one_rounding_per_rate(make: Make, at: At) -> None:
    program = make(TWO + '[basis]\ntax = "excluded"\n[[earn]]\nevery = 100\ngive = 1')
    lines = (Line(107, tax=800), Line(110, tax=1000), Line(107, tax=800))
    found = quote(program, Register(), basket(at, *lines), Member("m"))
    assert found.explain[0]["basis"] == 199 + 100
    assert quote(program, Register(tax_rounding="ceil"), basket(at, *lines), Member("m")).explain[0]["basis"] == 198 + 100


def test_a_net_amount_of_the_pos_is_used_unless_something_came_off(make: Make, at: At) -> None:
    program = make(TWO + '[basis]\ntax = "excluded"\n[[earn]]\nevery = 1\ngive = 1')
    sale = basket(at, Line(1080, tax=800, net=999), Line(1080, tax=800))
    assert points(program, sale) == 1999
    assert points(program, basket(at, Line(1080, tax=800, net=999), reductions=(Reduction("coupon", 540),))) == 500


def test_boosts_take_the_rounded_base_and_the_best_of_each_group(make: Make, at: At) -> None:
    body = TWO + '[[earn]]\nrate = "1%"\n[[boost]]\nid = "a"\ntimes = "1.5"\n[[boost]]\nid = "b"\nadd = 1\n[[boost]]\nid = "c"\ngroup = "g"\nadd = 7\n'
    body += '[[boost]]\nid = "d"\naccount = "stamps"\nadd = 9'
    found = quote(make(body), Register(), basket(at, Line(399)), Member("m"))
    assert (found.total("points"), found.boosts) == (3 + 1 + 7, ("a", "c"))  # 1.5 times 3 is one more, as is b: the earlier counts
    assert quote(make(body), Register(), basket(at, Line(99)), Member("m")).boosts == ()
    larger = quote(make(body), Register(), basket(at, Line(400)), Member("m"))
    assert (larger.total("points"), larger.boosts) == (4 + 2 + 7, ("a", "c"))


def test_a_boost_that_adds_nothing_is_not_named(make: Make, at: At) -> None:
    program = make(TWO + '[[earn]]\nrate = "1%"\n[[boost]]\ntimes = "1.5"')
    found = quote(program, Register(), basket(at, Line(199)), Member("m"))
    assert (found.total("points"), found.boosts) == (1, ())


def test_the_cap_is_the_last_step_and_says_what_was_lost(make: Make, at: At) -> None:
    program = make(TWO + '[limits]\npoints_per_sale = 15\nper_sale = { stamps = 1 }\n[[earn]]\nevery = 100\ngive = 1\n[[earn]]\naccount = "stamps"\nvisit = 2')
    found = quote(program, Register(), basket(at, Line(1600)), Member("m"))
    assert [(entry.account, entry.delta) for entry in found.entries] == [("points", 15), ("stamps", 1)]
    assert [reason.values for reason in found.explain if reason.code == "cap"] == [
        (("account", "points"), ("limit", 15), ("lost", 1)),
        (("account", "stamps"), ("limit", 1), ("lost", 1)),
    ]
    assert not [reason for reason in quote(program, Register(), basket(at, Line(1500)), Member("m")).explain if reason.values[0] == ("account", "points") and reason.code == "cap"]


def test_one_rule_gives_at_most_the_largest_result(make: Make, at: At) -> None:
    program = make(TWO + "[[earn]]\nevery = 1\ngive = 10\n")
    assert points(program, basket(at, Line(99_999_999))) == 999_999_990
    program = make(TWO + '[[earn]]\nevery = 1\ngive = 11\n')
    with pytest.raises(SaleRejected, match=r"^rule 'earn-1' would give 1099999989; one rule gives at most 999999990$") as refused:
        points(program, basket(at, Line(99_999_999)))
    assert refused.value.code == "range"
    program = make(TWO + '[[earn]]\nevery = 1\ngive = 10\n[[boost]]\nid = "b"\ntimes = "2.5"\n')
    with pytest.raises(SaleRejected, match=r"^boost 'b' would give 1499999985; one rule gives at most 999999990$") as refused:
        points(program, basket(at, Line(99_999_999)))
    assert refused.value.code == "range"
    program = make(TWO + '[[earn]]\nevery = 1\ngive = 10\n[[boost]]\nid = "b"\ntimes = "2"\n')
    assert points(program, basket(at, Line(99_999_999))) == 1_999_999_980


FACTS = Facts(date(2026, 6, 2), 600, "s1", 1000, frozenset({"a", "*"}), ("cash",), "gold", ("senior",), 6, True)


@pytest.mark.parametrize(
    "when",
    [
        When(),
        When(rank=("silver", "gold")),
        When(flag=("student", "senior")),
        When(store=("s1",)),
        When(weekday=(1,)),
        When(hours=(600, 601)),
        When(dates=(date(2026, 6, 2), date(2026, 6, 2))),
        When(min_amount=1000),
        When(birth_month=True),
        When(first=True),
        When(category=("b", "a")),
        When(tender=("cash",)),
        When(rank=("gold",), weekday=(1, 2), min_amount=999, first=True),
    ],
)
def test_a_condition_that_holds(when: When) -> None:
    assert holds(when, FACTS)


@pytest.mark.parametrize(
    "when",
    [
        When(rank=("silver",)),
        When(flag=("student",)),
        When(store=("s2",)),
        When(weekday=(0, 2)),
        When(hours=(601, 700)),
        When(dates=(date(2026, 6, 3), date(2026, 6, 4))),
        When(dates=(date(2026, 5, 3), date(2026, 6, 1))),
        When(min_amount=1001),
        When(category=("b",)),
        When(tender=("card",)),
        When(rank=("gold",), weekday=(0,)),
    ],
)
def test_a_condition_that_does_not_hold(when: When) -> None:
    assert not holds(when, FACTS)
    assert not holds(When(birth_month=True), Facts(date(2026, 7, 2), 600, "s1", 1000, frozenset(), birth_month=6))
    assert not holds(When(first=True), Facts(date(2026, 7, 2), 600, "s1", 1000, frozenset()))
    assert not holds(When(hours=(0, 1440)), Facts(date(2026, 7, 2), None, "s1", 1000, frozenset()))


@pytest.mark.parametrize("field", ["rank", "flag", "weekday", "hours", "dates", "birth_month", "first", "tender"])
def test_a_condition_that_makes_a_campaign(field: str) -> None:
    values = {"weekday": (1,), "hours": (0, 1), "dates": (date(2026, 1, 1), date(2026, 1, 2)), "birth_month": True, "first": True}
    assert not When(**{field: values.get(field, ("x",))}).plain
    assert When(store=("s",), min_amount=5, category=("c",)).plain


def test_excluded_categories_do_not_count_towards_the_minimum(make: Make, at: At) -> None:
    program = make(TWO + '[basis]\nexclude = ["tobacco"]\n[[earn]]\nevery = 100\ngive = 1\n[[boost]]\ntimes = "2"\nwhen = { min_amount = 1000 }')
    assert points(program, basket(at, Line(999), Line(500, "tobacco"))) == 9
    assert points(program, basket(at, Line(1000), Line(500, "tobacco"))) == 20


def test_an_unreadable_rule_never_reaches_the_engine() -> None:
    _, problems = read_program("schema = 1\n[program]\nid = \"p\"\nversion = 1\n" + TWO + '[[earn]]\nrate = "1%"\nevery = 5\n')
    assert [str(problem) for problem in problems] == ["line 7: earn[1]: has every and rate; a rule has one formula"]
