"""Void, refund, adjustment, and what a stream of events does to balances."""

# ruff: noqa: E501 - program texts and messages stand on one line, as they are written and printed

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import pytest

from posagent.loyalty import Coupon, Entry, Line, Member, Program, Reduction, Register, Sale, SaleRejected, quote
from posagent.loyalty.ledger import Ledger
from posagent.loyalty.numbers import MAX_BALANCE
from posagent.loyalty.reversal import AdjustRefused, Reversal, adjust, kept_sale, refund, refund_allows, void, whole

Make = Callable[..., Program]
At = Callable[[str], datetime]
BODY = """
[accounts.points]
redeem = { yen = 1 }
expire = { days = 10 }
[accounts.stamps]
[[earn]]
every = 100
give = 1
[[earn]]
account = "stamps"
visit = 1
when = { min_amount = 500 }
[[boost]]
times = "2"
when = { min_amount = 3000 }
[[coupon]]
id = "next"
issue = "sale"
when = { min_amount = 2000 }
benefit = { off = 100 }
"""
M = Member("m")


def sale_of(at: At, *amounts: int, reductions: tuple[Reduction, ...] = ()) -> Sale:
    return Sale("s", at("2026-06-02 12:00"), tuple(Line(amount) for amount in amounts), reductions=reductions)


def test_a_void_negates_every_recorded_entry_as_it_stands() -> None:
    recorded = (Entry("points", 15, "lot-1", date(2026, 7, 1)), Entry("stamps", -1))
    issued = [Coupon(state, "c", state=state) for state in ("issued", "printed", "used", "void", "expired")]  # type: ignore[arg-type]
    found = void(recorded, ("C1",), issued, 250)
    assert found.entries == (Entry("points", -15, "lot-1", date(2026, 7, 1)), Entry("stamps", 1))
    assert (found.coupons_back, found.coupons_cancelled, found.points_back) == (("C1",), ("issued", "printed"), 250)
    assert void(recorded) == Reversal(found.entries)
    assert (found.total("points"), found.total("nothing")) == (-15, 0)


def test_a_refund_is_the_sale_recomputed_on_what_is_kept(make: Make, at: At) -> None:
    program, sale = make(BODY), sale_of(at, 2900, 100)
    found = refund(program, Register(), sale, M, {0: (2900, 1)})
    assert found.entries == (Entry("points", -31, expires=date(2026, 6, 12)),)
    assert found.coupons_cancelled == ()
    everything = refund(program, Register(), sale, M, {})
    assert (everything.total("points"), everything.total("stamps")) == (-60, -1)
    assert everything.coupons_cancelled == (quote(program, Register(), sale, M).coupons_issued[0].id,)
    assert refund(program, Register(), sale, M, whole(sale)) == Reversal(())


def test_two_returns_add_up_to_one(make: Make, at: At) -> None:
    program, sale = make(BODY), sale_of(at, 2900, 100, 450)
    first = refund(program, Register(), sale, M, {0: (2900, 1), 2: (450, 1)})
    second = refund(program, Register(), sale, M, {2: (450, 1)}, before={0: (2900, 1), 2: (450, 1)})
    once = refund(program, Register(), sale, M, {2: (450, 1)})
    for account in ("points", "stamps"):
        assert first.total(account) + second.total(account) == once.total(account)
    assert first.coupons_cancelled + second.coupons_cancelled == once.coupons_cancelled
    nothing_left = refund(program, Register(), sale, M, {}, before={})
    assert nothing_left == Reversal(())


def test_the_share_of_a_coupon_leaves_with_its_line(make: Make, at: At) -> None:
    program, sale = make(BODY), sale_of(at, 1000, 500, reductions=(Reduction("coupon", 300, coupon="C1"), Reduction("discount", 30, (1,))))
    kept, used = kept_sale(program, Register(), sale, M, {1: (500, 1)})
    assert kept.lines == (Line(500),)
    assert kept.reductions == (Reduction("discount", 30, (0,)), Reduction("coupon", 96, (0,), "C1"))
    assert (kept.codes, kept.coupons, used) == ((), (), 0)
    assert refund(program, Register(), sale, M, {0: (1000, 1)}).total("points") == 7 - 11


def test_of_a_part_of_a_line_the_share_is_in_proportion_and_floored(make: Make, at: At) -> None:
    program = make(BODY)
    sale = Sale("s", at("2026-06-02 12:00"), (Line(900, qty=3, net=800),), reductions=(Reduction("coupon", 100),))
    kept, _ = kept_sale(program, Register(), sale, M, {0: (600, 2)})
    assert (kept.lines, kept.reductions) == ((Line(600, qty=2),), (Reduction("coupon", 66, (0,)),))
    assert kept_sale(program, Register(), sale, M, whole(sale))[0].lines == sale.lines
    assert kept_sale(program, Register(), sale, M, {0: (900, 2)})[0].lines == (Line(900, qty=2),)
    assert kept_sale(program, Register(), sale, M, {0: (0, 1)})[0].reductions == ()


def test_a_presented_coupon_stays_with_the_kept_lines_without_its_code(make: Make, at: At) -> None:
    program = make(BODY)
    sale = replace(sale_of(at, 600, 400), codes=("C1",), coupons=(Coupon("C1", "next"),))
    kept, _ = kept_sale(program, Register(), sale, M, {0: (600, 1)})
    assert (kept.codes, kept.coupons, kept.reductions) == ((), (), (Reduction("coupon", 60, (0,), "C1"),))


def test_used_points_stay_used_while_there_is_something_to_pay(make: Make, at: At) -> None:
    program, sale = make(BODY), sale_of(at, 1000, 500, reductions=(Reduction("points", 700), Reduction("coupon", 150)))
    kept, used = kept_sale(program, Register(), sale, M, {1: (500, 1)})
    assert (kept.reductions, used) == ((Reduction("coupon", 50, (0,)), Reduction("points", 700)), 450)
    found = refund(program, Register(), sale, M, {1: (500, 1)})
    assert (found.points_back, found.total("points")) == (250, 0 - 6)
    later = refund(program, Register(), sale, M, {}, before={1: (500, 1)})
    assert (later.points_back, later.total("points")) == (450, 0)
    assert refund(program, Register(), sale, M, {0: (1000, 1), 1: (500, 1)}).points_back == 0


def test_prepaid_value_that_lowers_the_basis_stays_too(make: Make, at: At) -> None:
    program = make(BODY + '[basis]\nreduced_by = ["value"]\n')
    sale = sale_of(at, 1000, 500, reductions=(Reduction("value", 600),))
    kept, used = kept_sale(program, Register(), sale, M, {0: (1000, 1)})
    assert (kept.reductions, used) == ((Reduction("value", 600),), 0)


def test_points_that_were_used_on_some_lines_stay_on_them(make: Make, at: At) -> None:
    program, sale = make(BODY), sale_of(at, 300, 1000, 500, reductions=(Reduction("points", 700, (0, 1)),))
    kept, used = kept_sale(program, Register(), sale, M, {0: (300, 1), 2: (500, 1)})
    assert (kept.reductions, used) == ((Reduction("points", 700, (0,)),), 300)
    assert refund(program, Register(), sale, M, {2: (500, 1)}).points_back == 700
    assert refund(program, Register(), sale, M, whole(sale), before=whole(sale)) == Reversal(())


@pytest.mark.parametrize(
    "kept,code,message",
    [
        ({2: (1, 1)}, "index", "sale s has no line 3"),
        ({-1: (1, 1)}, "index", "sale s has no line 0"),
        ({0: (1001, 1)}, "range", "sale s, line 1: cannot keep 1001 for 1 pieces of what was sold"),
        ({0: (-1, 1)}, "range", "sale s, line 1: cannot keep -1 for 1 pieces of what was sold"),
        ({1: (100, 2)}, "range", "sale s, line 2: cannot keep 100 for 2 pieces of what was sold"),
        ({1: (100, 0)}, "range", "sale s, line 2: cannot keep 100 for 0 pieces of what was sold"),
    ],
)
def test_nobody_keeps_more_than_was_sold(make: Make, at: At, kept: dict[int, tuple[int, int]], code: str, message: str) -> None:
    with pytest.raises(SaleRejected) as refused:
        refund(make(BODY), Register(), sale_of(at, 1000, 500), M, kept)
    assert (refused.value.code, str(refused.value)) == (code, message)


def test_a_refund_is_possible_for_some_days(make: Make) -> None:
    program = make(BODY + "[limits]\nrefund_days = 30\n")
    sold = date(2026, 6, 1)
    assert [refund_allows(program, sold, date(2026, 6, 1)), refund_allows(program, sold, date(2026, 7, 1))] == [True, True]
    assert [refund_allows(program, sold, date(2026, 7, 2)), refund_allows(program, sold, date(2026, 5, 31))] == [False, False]


def test_an_adjustment_needs_reason_approver_manager_and_cloud() -> None:
    assert adjust("points", 50, "grant_missed", "m7") == Entry("points", 50)
    assert adjust("points", -50, "other", "m7", text="till was trained") == Entry("points", -50)
    assert adjust("points", MAX_BALANCE, "migration", "m7").delta == MAX_BALANCE

    def refused(*arguments: object, **options: object) -> tuple[str, str]:
        with pytest.raises(AdjustRefused) as why:
            adjust(*arguments, **options)  # type: ignore[arg-type]
        return why.value.code, str(why.value)

    reasons = "an adjustment needs a reason: grant_missed, wrong_member, system_fault, goodwill, migration, other; not "
    assert refused("points", 50, "", "m7") == ("reason", reasons + "''")
    assert refused("points", 50, "because", "m7") == ("reason", reasons + "'because'")
    assert refused("points", 50, "other", "m7", text=" ") == ("reason", "the reason 'other' needs words")
    assert refused("points", 50, "other", "m7")[0] == "reason"
    assert refused("points", 50, "goodwill", " ") == ("approver", "an adjustment needs the code of the manager who approves it")
    assert refused("points", 50, "goodwill", "m7", role="staff") == ("role", "an adjustment needs a manager, not 'staff'")
    assert refused("points", 50, "goodwill", "m7", online=False) == ("offline", "an adjustment needs the cloud; do it when the line is back")
    assert refused("points", 0, "goodwill", "m7") == ("range", "an adjustment of 0 is not possible")
    assert refused("points", -MAX_BALANCE - 1, "goodwill", "m7")[0] == "range"


# ---------------------------------------------------------------- the ledger


def points(amount: int) -> list[Entry]:
    return [Entry("points", amount)]


def balance(ledger: Ledger, member: str = "m") -> int:
    return ledger.balances.get((member, "points"), 0)


def test_a_sale_has_one_live_grant() -> None:
    ledger = Ledger()
    assert ledger.grant("1", "s", "m", points(10)) == "ok"
    assert ledger.grant("1", "s", "m", points(10)) == "duplicate"
    assert ledger.grant("2", "s", "m", points(10)) == "already"
    assert ledger.grant("3", "s", "x", points(10)) == "conflict"
    assert ledger.void("4", "s") == "ok"
    assert ledger.void("4", "s") == "duplicate"
    assert ledger.void("5", "s") == "nothing"
    assert ledger.grant("6", "s", "x", points(10)) == "ok"
    assert ledger.balances == {("m", "points"): 0, ("x", "points"): 10}


def test_a_late_grant_and_a_blocked_member_are_refused() -> None:
    ledger = Ledger()
    assert ledger.grant("1", "s", "m", points(10), late=True) == "late"
    assert ledger.block("2", "m") == "ok"
    assert ledger.block("2", "m") == "duplicate"
    assert ledger.grant("3", "s", "m", points(10)) == "blocked"
    assert ledger.redeem("4", "m", "points", 0) == "blocked"
    assert ledger.block("5", "m", blocked=False) == "ok"
    assert ledger.grant("6", "s", "m", points(10)) == "ok"


def test_a_refund_belongs_to_a_live_grant_and_a_void_takes_both_back() -> None:
    ledger = Ledger()
    assert ledger.refund("1", "s", points(-3)) == "nothing"
    ledger.grant("2", "s", "m", points(10))
    assert (ledger.refund("3", "s", points(-3)), ledger.refund("3", "s", points(-3)), balance(ledger)) == ("ok", "duplicate", 7)
    assert (ledger.void("4", "s"), balance(ledger)) == ("ok", 0)
    assert ledger.refund("5", "s", points(-3)) == "nothing"
    ledger.redeem("6", "m", "points", 0, "t")
    assert ledger.refund("7", "t", points(-3)) == "nothing"


def test_spending_needs_the_balance_and_a_void_of_the_sale_gives_it_back() -> None:
    ledger = Ledger()
    ledger.grant("1", "a", "m", points(100))
    assert ledger.redeem("2", "m", "points", 101) == "short"
    assert (ledger.redeem("3", "m", "points", 40, "b"), balance(ledger)) == ("ok", 60)
    assert ledger.redeem("3", "m", "points", 40, "b") == "duplicate"
    assert ledger.redeem("4", "x", "points", 0, "b") == "conflict"
    assert ledger.grant("5", "b", "x", points(5)) == "conflict"
    assert (ledger.grant("6", "b", "m", points(5)), balance(ledger)) == ("ok", 65)
    assert (ledger.void("7", "b"), balance(ledger)) == ("ok", 100)
    assert (ledger.redeem("8", "m", "points", 100), balance(ledger)) == ("ok", 0)
    assert (ledger.void("9", "a"), balance(ledger)) == ("ok", -100)  # spent meanwhile: the balance falls below zero and stays there
    assert ledger.redeem("10", "m", "points", 1) == "short"


def test_a_hold_reserves() -> None:
    ledger = Ledger()
    ledger.grant("1", "a", "m", points(100))
    ledger.grant("2", "b", "x", points(100))
    assert (ledger.hold("3", "h", "m", "points", 60), ledger.hold("3", "h", "m", "points", 60)) == ("ok", "duplicate")
    assert ledger.hold("4", "i", "m", "points", 41) == "short"
    assert ledger.redeem("5", "m", "points", 41) == "short"
    assert (ledger.redeem("6", "m", "points", 40), ledger.redeem("7", "x", "points", 100)) == ("ok", "ok")
    assert (ledger.release("8", "h"), ledger.release("8", "h"), ledger.release("9", "h")) == ("ok", "duplicate", "nothing")
    assert (ledger.redeem("10", "m", "points", 60), balance(ledger)) == ("ok", 0)
    assert ledger.hold("11", "j", "m", "points", 0) == "ok"
    assert (ledger.hold("12", "k", "nobody", "points", 1), ledger.redeem("13", "nobody", "points", 1)) == ("short", "short")


def test_an_adjustment_is_recorded_with_its_reason() -> None:
    ledger = Ledger()
    assert ledger.adjust("1", "m", "points", 50, "", "m7") == "reason"
    assert ledger.adjust("2", "m", "points", 50, "other", "m7", "words") == "ok"
    assert (ledger.adjust("2", "m", "points", 50, "goodwill", "m7"), ledger.adjust("3", "m", "points", 50, "goodwill", ""), balance(ledger)) == (
        "duplicate",
        "approver",
        50,
    )


def test_a_coupon_is_used_once_and_comes_back_with_a_void() -> None:
    ledger = Ledger()
    assert ledger.coupon("1", "C", "issue") == "ok"
    assert ledger.coupon("1", "C", "issue") == "duplicate"
    assert ledger.coupon("2", "C", "issue") == "already"
    assert ledger.coupon("3", "C", "print") == "ok"
    assert ledger.coupon("4", "C", "unuse") == "nothing"
    ledger.grant("5", "s", "m", points(1))
    assert ledger.coupon("6", "C", "redeem", "s") == "ok"
    assert ledger.coupon("7", "C", "redeem") == "used"
    assert ledger.coupon("8", "C", "issue") == "already"
    ledger.void("9", "s")
    assert ledger.coupon("10", "C", "redeem", "gone") == "ok"
    assert ledger.coupon("11", "C", "unuse") == "ok"
    assert ledger.coupon("12", "C", "void") == "ok"
    assert ledger.coupon("13", "C", "print") == "void"
    assert ledger.coupon("14", "D", "redeem") == "ok"  # its issue may arrive later
    assert ledger.coupon("15", "E", "expire") == "ok"
    assert ledger.coupon("16", "E", "redeem") == "expired"
    assert ledger.coupon("17", "F", "unuse") == "nothing"
    ledger.grant("18", "t", "m", points(1), coupons=["G"])
    ledger.coupon("19", "G", "redeem")
    ledger.void("20", "t")
    assert ledger.coupon("21", "G", "redeem") == "ok"
    ledger.grant("22", "u", "m", points(1), coupons=["H"])
    ledger.coupon("23", "H", "void")
    ledger.void("24", "u")
    assert ledger.coupon("25", "H", "redeem") == "void"


def test_merged_members_share_one_balance_and_their_sales_follow() -> None:
    ledger = Ledger()
    ledger.grant("1", "a", "old", points(30))
    ledger.grant("2", "b", "new", points(5))
    ledger.hold("3", "h", "old", "points", 10)
    ledger.hold("4", "i", "new", "points", 1)
    assert (ledger.merge("5", "old", "new"), ledger.merge("5", "old", "new"), ledger.merge("6", "old", "new")) == ("ok", "duplicate", "nothing")
    assert (balance(ledger, "old"), balance(ledger, "new")) == (0, 35)
    assert ledger.redeem("7", "old", "points", 25) == "short"
    assert ledger.grant("8", "a", "new", points(1)) == "already"
    assert (ledger.void("9", "a"), balance(ledger, "new")) == ("ok", 5)
    assert ledger.grant("10", "c", "old", points(2)) == "ok"
    ledger.merge("11", "new", "newest")
    assert (ledger.current("old"), ledger.current("other"), balance(ledger, "newest")) == ("newest", "other", 7)
    assert ledger.grant("12", "b", "old", points(1)) == "already"
