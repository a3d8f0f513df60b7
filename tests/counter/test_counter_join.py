"""A sale that comes by two doors is one sale: a display's total and the receipt, a typed amount and the receipt, Enter on what a door read."""

from __future__ import annotations

from typing import Any

import pytest
from counter_till import SHOP, Office, Till, coupon, rules

from posagent import events as ev
from posagent.checkout import Basket
from posagent.counter_parts import ConfirmAsked, Reply, SaleArrived
from posagent.day_report import Journal as Standing
from posagent.day_report import day_event, totals_of
from posagent.loyalty.model import Line
from posagent.open_checkout import open_checkout
from posagent.page_events import page_event

DAY = "0042-R2-2026-11-22-"


def arrives(till: Till, door: str, key: str, amount: int = 1980, *, paid: bool = True, number: str | None = None) -> Reply:
    till.asked += 1
    till.feed(SaleArrived(till.now(), Basket(key, (Line(amount),), till.now().at, paid, door, number), till.asked))
    return till.replies[till.asked]


def typed(till: Till, amount: int = 1980, key: str = "k1") -> Reply:
    return arrives(till, "typed", key, amount)


def display(till: Till, amount: int = 1980, key: str = "c1") -> Reply:
    return arrives(till, "pole", key, amount, paid=False)


def receipt(till: Till, number: str = "42", amount: int = 1980, *, paid: bool = True) -> Reply:
    return arrives(till, "till-printer", f"n{number}", amount, paid=paid, number=number)


def confirm(till: Till, key: str = "c1", total: int = 1980) -> Reply:
    till.asked += 1
    till.feed(ConfirmAsked(till.now(), DAY + key, total, till.asked))
    return till.replies[till.asked]


def shown(till: Till) -> dict[str, Any]:
    return open_checkout(till.state, till.now(), till.rules) or {}


def counted(till: Till) -> tuple[int, int, int]:
    """(sales, with a member, yen) of the day's report."""
    events = [day_event(n, draft.type, draft.data) for n, draft in enumerate(till.stored, 1)]
    totals = totals_of(events, "2026-11-22", Standing(99, "", 0, 0))
    return totals.sales_seen, totals.sales_with_member, totals.sales_yen


def late(till: Till) -> list[str]:
    """Sales that the page would offer for a late grant."""
    facts = [page_event(draft.type, draft.data) or {} for draft in till.of(ev.SALE_SEEN)]
    granted = {draft.data["sale_id"] for draft in till.grants()}
    return [fact["sale_id"] for fact in facts if fact and fact["sale_id"] not in granted]


@pytest.mark.parametrize("card_first", [True, False])
def test_enter_confirms_what_a_display_shows_under_that_sales_own_key(card_first: bool) -> None:
    till = Till()
    if card_first:
        till.scan()
    display(till)
    assert (shown(till)["proposed"], shown(till)["door"], shown(till)["paid"]) == (True, "pole", False)
    assert not till.grants()
    confirm(till)
    if not card_first:
        assert (shown(till)["proposed"], shown(till)["paid"]) == (False, True)
        till.scan()
    assert [draft.data["sale_id"] for draft in till.grants()] == [DAY + "c1"]
    assert confirm(till).status == "already"  # the answer was lost
    assert len(till.grants()) == 1


def test_an_amount_that_changed_before_enter_is_not_granted_and_the_new_one_is() -> None:
    till = Till()
    till.scan()
    display(till, 1980)
    display(till, 2100, "c2")
    refused = confirm(till, "c1", 1980)
    assert (refused.status, refused.fields["code"], refused.fields["amount"]) == ("refused", "E678", "2,100")
    assert confirm(till, "c2", 1980).status == "refused"  # the right sale, the wrong amount
    assert not till.grants()
    assert confirm(till, "c2", 2100).status == "granted"


def test_enter_on_a_sale_that_is_gone_grants_nothing() -> None:
    till = Till()
    display(till)
    till.wait(121)
    till.scan()
    assert confirm(till).fields["code"] == "E678"
    assert not till.grants()


@pytest.mark.parametrize("by", ["display", "typed"])
@pytest.mark.parametrize("when", ["granted", "waits"])
def test_the_receipt_that_follows_a_confirmed_amount_is_that_sale(by: str, when: str) -> None:
    till = Till()
    if when == "granted":
        till.scan()
    if by == "display":
        display(till)
        confirm(till)
    else:
        typed(till)
    assert receipt(till).status == ("already" if when == "granted" else "waiting_for_member")
    if when == "waits":
        till.scan()
    else:
        till.scan("m2")  # the next customer's card finds no sale
    assert len(till.grants()) == 1
    assert till.state.basket is None
    assert counted(till) == (1, 1, 1980)
    assert late(till) == []
    assert receipt(till).status == "already"  # told once more by another door
    assert len(till.grants()) == 1


def test_a_second_receipt_of_the_same_amount_is_the_next_customers() -> None:
    till = Till()
    till.scan()
    typed(till)
    receipt(till, "42")
    assert receipt(till, "43").status == "waiting_for_member"
    till.scan("m2")
    assert [draft.data["member"] for draft in till.grants()] == ["m1", "m2"]
    assert counted(till) == (2, 2, 3960)


def test_where_the_next_card_waits_already_the_receipt_only_pre_fills() -> None:
    till = Till()
    till.scan()
    typed(till)
    till.scan("m2")
    assert receipt(till).status == "waiting_for_payment"
    assert shown(till)["proposed"]
    assert len(till.grants()) == 1
    assert confirm(till, "n42").status == "granted"
    assert [draft.data["member"] for draft in till.grants()] == ["m1", "m2"]


@pytest.mark.parametrize("number", ["42", None])
def test_the_receipt_of_a_door_without_trust_does_not_propose_the_amount_to_the_next_customer(number: str | None) -> None:
    till = Till()
    till.scan()
    typed(till)
    arrives(till, "till-printer", f"n{number}" if number else "c9", paid=False, number=number)
    till.scan("m2")
    assert shown(till)["amount"] is None
    assert len(till.grants()) == 1


def test_an_amount_typed_although_the_receipt_is_there_is_that_receipts_sale_also_when_it_is_sent_again() -> None:
    till = Till()
    receipt(till)
    assert typed(till).status == "waiting_for_member"
    till.scan()
    assert [draft.data["sale_id"] for draft in till.grants()] == [DAY + "n42"]
    assert typed(till).status == "already"
    assert till.state.basket is None
    assert counted(till) == (1, 1, 1980)


def test_another_amount_or_a_later_receipt_or_one_of_the_same_door_is_another_sale() -> None:
    till = Till()
    till.scan()
    typed(till)
    assert receipt(till, "42", 2000).status == "waiting_for_member"
    till = Till()
    till.scan()
    typed(till)
    till.wait(130)
    assert receipt(till).status == "waiting_for_member"
    till = Till()
    till.scan()
    arrives(till, "till-printer", "c1")
    assert receipt(till).status == "waiting_for_member"


def test_a_receipt_that_was_a_sale_of_its_own_before_does_not_join_a_later_one() -> None:
    till = Till()
    receipt(till)
    till.wait(130)  # nobody showed a card
    till.scan()
    typed(till)
    assert receipt(till).status == "already"
    assert counted(till) == (2, 1, 3960)
    assert receipt(till, "43").status == "already"  # the typed one's own receipt still finds it


def test_after_a_restart_a_sale_still_has_its_receipt() -> None:
    till = Till()
    till.scan()
    typed(till)
    receipt(till)
    till.state = till.restarted()
    assert receipt(till, "43").status == "waiting_for_member"
    till.state = till.restarted()
    till.scan("m2")
    assert [draft.data["sale_id"] for draft in till.grants()] == [DAY + "k1", DAY + "n43"]


def test_a_killed_agent_takes_up_what_a_display_proposed_and_enter_still_confirms_it() -> None:
    till = Till()
    till.scan()
    display(till)
    till.state = till.restarted()
    assert confirm(till).status == "granted"


def test_a_display_sale_with_a_coupon_is_the_receipts_of_what_was_left_to_pay() -> None:
    till = Till(rules(SHOP), Office())
    display(till)
    till.scan()
    till.use("coupon", 0, "a" * 32, coupon("a" * 32, "next"))
    assert shown(till)["payable"] == 1880
    assert receipt(till, "42", 1880).status == "granted"
    assert till.grants()[0].data["payable"] == 1880
    assert counted(till)[1] == 1


def test_a_pre_filled_amount_that_the_receipt_repeats_is_no_change_of_the_amount() -> None:
    till = Till()
    display(till)
    receipt(till)
    assert "E621" not in till.codes()
    receipt(till, "43", 500)
    assert "E621" in till.codes()


@pytest.mark.parametrize("total", [1980, 2200])
def test_a_door_whose_amount_was_typed_over_tells_the_next_customers_sale_next(total: int) -> None:
    till = Till()
    till.scan()
    receipt(till, "42", paid=False)  # not trusted yet: the cashier types
    typed(till, total)
    till.state = till.restarted()
    assert receipt(till, "43", total, paid=False).status == "waiting_for_payment"
    till.scan("m2")
    assert confirm(till, "n43", total).status == "granted"
    assert [draft.data["member"] for draft in till.grants()] == ["m1", "m2"]


def test_a_displays_amount_that_was_typed_still_gets_the_printers_receipt() -> None:
    till = Till()
    till.scan()
    display(till)
    typed(till)
    assert receipt(till).status == "already"
    assert counted(till) == (1, 1, 1980)
