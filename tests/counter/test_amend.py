"""Refund, late grant and adjustment: what they record, who may, and that nothing is guessed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from counter_till import SHOP, Office, Till, coupon, rules

from offline_queue.events import Event
from posagent import events as ev
from posagent.checkout import Live
from posagent.counter_parts import AdjustAsked, LateGrantAsked, RefundAsked, Reply
from posagent.events import Role
from posagent.loyalty.model import Line
from posagent.sale_lookup import FoundSale, find_sale, sale_id_of_receipt

A = "a" * 32
LINES = (Line(1500, "food"), Line(1000, "drink", qty=2))


def shop(program: str = SHOP, **balances: int) -> Till:
    office = Office({("m1", account): amount for account, amount in balances.items()}, {A: (coupon(A), "usable")})
    return Till(replace(rules(program), head_office=True), office)


def found(till: Till, sale_id: str) -> FoundSale | None:
    """As the shell finds it in the journal."""

    def find(key: str) -> Event | None:
        draft = till.keys.get(key)
        return Event(1, f"id-{key}", draft.type, draft.subject, key, draft.time, draft.data, b"", b"") if draft else None

    return find_sale(find, sale_id, till.rules)


def live(till: Till, sale_id: str) -> Live:
    one = found(till, sale_id)
    assert one is not None
    assert one.live is not None
    return one.live


def refund(till: Till, sale_id: str, *kept: tuple[int, int, int], total: int | None = None, role: Role = "manager") -> Reply:
    till.asked += 1
    lines = None if total is not None else kept
    till.feed(RefundAsked(till.now(), live(till, sale_id), lines, total, "returned", "boss", role, till.asked))
    return till.replies[till.asked]


def late(till: Till, sale_id: str) -> Reply:
    one = found(till, sale_id)
    assert one is not None
    till.asked += 1
    till.feed(LateGrantAsked(till.now(), one.basket, one.live, one.voids, till.asked))
    return till.replies[till.asked]


def adjust(till: Till, delta: int, reason: str = "goodwill", *, account: str = "points", role: Role = "manager", text: str = "") -> Reply:
    till.asked += 1
    till.feed(AdjustAsked(till.now(), f"wish-{till.asked}", account, delta, reason, text, "boss", role, till.asked))
    return till.replies[till.asked]


def sold(till: Till, *uses: tuple[str, int], lines: tuple[Line, ...] = LINES) -> str:
    till.scan()
    till.sale(lines=lines, paid=False)
    for kind, amount in uses:
        assert till.use(kind, amount, A if kind == "coupon" else "").status == "redeemed"
    return str(till.sale(lines=lines).fields["sale_id"])


# ---------------------------------------------------------------- refund


def test_a_refund_takes_back_what_the_kept_lines_do_not_earn_and_cancels_a_coupon_that_is_not_due_any_more() -> None:
    till = shop()
    sale_id = sold(till)
    said = refund(till, sale_id, (0, 1500, 1))
    assert (said.status, said.fields["points"], said.fields["amount"], said.fields["coupons_cancelled"]) == ("refunded", -10, 1500, 1)
    event = till.of(ev.SALE_REFUNDED)[0]
    assert event.data["entries"] == [{"account": "points", "delta": -10}]
    assert (event.data["approver"], event.data["ref"]) == ("boss", f"id-{till.grants()[0].idemkey}")
    assert till.of(ev.COUPON_VOIDED)[0].data["coupon_id"] == till.grants()[0].data["trace"]["issued"][0]["id"]
    assert till.cancelled == [till.grants()[0].data["trace"]["issued"][0]["serial"]]


@pytest.mark.parametrize("restart", [False, True])
def test_several_refunds_end_where_one_would_and_a_void_takes_back_the_whole_stack(restart: bool) -> None:
    till = shop(points=500)
    sale_id = sold(till, ("points", 300))
    for kept in ([(0, 1500, 1), (1, 500, 1)], [(0, 700, 1)]):
        assert refund(till, sale_id, *kept).status == "refunded"
        if restart:
            till.state = till.restarted()
    till.synced()
    assert till.office.balances["m1", "points"] == 500 - 300 + 4
    assert refund(till, sale_id, (0, 700, 1)).status == "already"
    assert refund(till, sale_id, (0, 800, 1)).fields["code"] == "E669"
    till.void(sale_id)
    till.synced()
    assert till.office.balances["m1", "points"] == 500


def test_a_coupons_share_leaves_with_its_lines_and_points_that_are_not_needed_any_more_go_back() -> None:
    till = shop(points=3000)
    sale_id = sold(till, ("coupon", 0), ("points", 2000))
    said = refund(till, sale_id, (0, 1500, 1))
    assert said.fields["returned_points"] == 2000 - (1500 - 60)
    till.synced()
    assert till.office.balances["m1", "points"] == 3000 - 1440


def test_value_that_is_not_needed_any_more_goes_back_to_its_lots_and_is_never_paid_out() -> None:
    till = shop(value=3000, bonus=200)
    sale_id = sold(till, ("value", 2500))
    assert refund(till, sale_id, (0, 1500, 1)).fields["value_back"] == 1000
    assert refund(till, sale_id).fields["value_back"] == 1500
    till.synced()
    assert {account: amount for (_, account), amount in till.office.balances.items()} == {"value": 3000, "bonus": 200, "points": 0}
    backs = [entry for event in till.of(ev.SALE_REFUNDED) for entry in event.data["entries"] if entry["account"] != "points"]
    assert backs == [
        {"account": "value", "delta": 1000}, {"account": "value", "delta": 1300}, {"account": "bonus", "delta": 200, "lot": "2026-12-31"},
    ]  # fmt: skip


def test_a_total_is_enough_where_the_sale_has_one_line_and_never_where_it_has_several() -> None:
    till = shop()
    one = sold(till, lines=(Line(1980),))
    assert refund(till, one, total=1000).fields["points"] == -9
    till.wait(30)
    till.scan()
    several = till.sale("n2", lines=LINES).fields["sale_id"]
    assert refund(till, several, total=1000).fields["code"] == "E669"
    assert refund(till, several, total=0).fields["points"] == -25


def test_a_refund_needs_a_manager_its_own_program_and_thirty_days() -> None:
    till = shop()
    sale_id = sold(till)
    assert refund(till, sale_id, (0, 1500, 1), role="staff").fields["code"] == "E613"
    own = till.rules
    till.rules = replace(rules(SHOP.replace("version = 3", "version = 4")), head_office=True)
    assert refund(till, sale_id, (0, 1500, 1)).fields["code"] == "E667"
    till.rules, till.ms = own, till.ms + 31 * 86_400_000
    assert refund(till, sale_id, (0, 1500, 1)).fields["code"] == "E668"
    assert not till.of(ev.SALE_REFUNDED)


def test_a_sale_that_is_voided_while_its_refund_is_on_its_way_is_not_refunded() -> None:
    till = shop()
    sale_id = sold(till)
    before = live(till, sale_id)
    till.void(sale_id)
    till.asked += 1
    till.feed(RefundAsked(till.now(), before, ((0, 1500, 1),), None, "returned", "boss", "manager", till.asked))
    assert till.replies[till.asked].fields["code"] == "E609"
    assert not till.of(ev.SALE_REFUNDED)


def test_where_the_rules_would_give_another_result_than_stands_on_record_nothing_is_guessed() -> None:
    till = shop()
    sale_id = sold(till)
    till.rules = replace(rules(SHOP.replace("give = 1", "give = 2")), head_office=True)  # the same version, quietly edited
    assert refund(till, sale_id, (0, 1500, 1)).fields["code"] == "E667"


def test_offline_a_refund_is_of_the_same_day() -> None:
    till = shop()
    sale_id = sold(till)
    till.offline = True
    till.ms += 86_400_000
    assert refund(till, sale_id, (0, 1500, 1)).fields["code"] == "E650"
    till.ms -= 86_400_000
    assert refund(till, sale_id, (0, 1500, 1)).status == "refunded"


def test_a_refund_that_the_store_did_not_take_can_be_asked_again() -> None:
    till = shop()
    sale_id = sold(till)
    till.broken = "failed"
    assert refund(till, sale_id, (0, 1500, 1)).status == "unavailable"
    till.broken = ""
    assert refund(till, sale_id, (0, 1500, 1)).status == "refunded"


# ---------------------------------------------------------------- late grant


def test_an_earlier_sale_is_granted_to_the_member_who_waits_once() -> None:
    till = shop()
    sale_id = till.sale("n7", 1980).fields["sale_id"]
    till.wait(200)
    assert sale_id == sale_id_of_receipt("7", "2026-11-22", till.rules)
    assert late(till, sale_id).fields["code"] == "E657"
    till.scan()
    said = late(till, sale_id)
    assert (said.status, said.fields["points"]) == ("granted", 19)
    assert till.grants()[0].data["source"] == "late"
    till.wait(30)
    till.scan()
    assert late(till, sale_id).status == "already"
    till.scan("m2")
    assert late(till, sale_id).fields["code"] == "E607"


def test_yesterdays_sale_is_too_late_unless_the_program_says_otherwise() -> None:
    for program, code in ((SHOP, "E674"), (SHOP + "[limits]\nlate_days = 1\n", "")):
        till = shop(program)
        sale_id = till.sale("n7", 1980).fields["sale_id"]
        till.ms += 86_400_000
        till.scan()
        assert late(till, sale_id).fields.get("code", "") == code


def test_a_late_grant_after_a_void_is_the_sales_second_one_also_where_memory_has_forgotten_it() -> None:
    till = shop()
    till.scan()
    sale_id = till.sale("n7", 1980).fields["sale_id"]
    till.void(sale_id)
    till.state = replace(till.state, basket=None, voided={})
    till.scan("m2")
    assert late(till, sale_id).status == "granted"
    assert till.grants()[1].idemkey.endswith("/grant/2")


def test_while_another_sale_is_open_none_is_granted_late() -> None:
    till = shop()
    sale_id = till.sale("n7", 1980).fields["sale_id"]
    till.wait(200)
    till.sale("n8", 500, paid=False)
    till.scan()
    assert late(till, sale_id).fields["code"] == "E671"


def test_a_coupon_that_was_used_without_a_member_counts_in_a_late_grant() -> None:
    till = shop()
    till.sale("n7", 2000, paid=False)
    till.use("coupon", code=A)
    sale_id = till.sale("n7", 2000).fields["sale_id"]
    till.wait(200)
    till.scan()
    assert late(till, sale_id).fields["points"] == 19


def test_what_is_not_this_registers_is_not_found() -> None:
    till = shop()
    till.sale("n7", 1980)
    for sale_id in ("0042-R3-2026-11-22-n7", "0042-R2-2026-13-22-n7", "0042-R2-2026-11-22-", "x", "0042-R2-2026-11-22-n8"):
        assert found(till, sale_id) is None


# ---------------------------------------------------------------- adjust


def test_an_adjustment_is_recorded_with_reason_and_approver() -> None:
    till = shop()
    till.scan()
    assert adjust(till, -20, "wrong_member").status == "adjusted"
    data: dict[str, Any] = dict(till.of(ev.POINTS_ADJUSTED)[0].data)
    assert (data["entries"], data["reason"], data["approver"], data["role"]) == (
        [{"account": "points", "delta": -20}], "wrong_member", "boss", "manager",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"role": "staff"}, "E613"), ({"reason": "because"}, "E672"), ({"reason": "other"}, "E672"), ({"account": "value"}, "E673"),
        ({"account": "miles"}, "E673"),
    ],
)  # fmt: skip
def test_an_adjustment_needs_a_manager_a_reason_and_an_account_that_may_be_put_right(more: dict[str, Any], code: str) -> None:
    till = shop()
    till.scan()
    assert adjust(till, 5, **more).fields["code"] == code
    assert not till.of(ev.POINTS_ADJUSTED)


def test_offline_without_a_card_and_for_nothing_there_is_no_adjustment() -> None:
    till = shop()
    assert adjust(till, 5).fields["code"] == "E657"
    till.scan()
    assert adjust(till, 0).fields["code"] == "E652"
    till.offline = True
    assert adjust(till, 5).fields["code"] == "E650"


