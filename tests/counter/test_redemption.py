"""Coupons, points and value in a sale: kept, used once with the paid sale, given back on a void, let go with words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from counter_till import SHOP, Office, Till, coupon, rules

from posagent import events as ev
from posagent.counter_parts import Authorised, Cleared, RedeemAsked, Settle
from posagent.counter_redeem import AUTHORISE_MS, KEPT_MS, TTL_S
from posagent.loyalty.model import Line
from posagent.open_checkout import open_checkout

A, B = "a" * 32, "b" * 32


def shop(*, office: bool = True, offline: bool = False, **balances: int) -> Till:
    """A till whose member m1 has these balances at head office, where a bearer's coupon of 100 yen (A) is known."""
    known = Office({("m1", account): amount for account, amount in balances.items()}, {A: (coupon(A), "usable")})
    till = Till(replace(rules(SHOP), head_office=office), known)
    till.offline = offline
    till.connected = not offline
    return till


def types(till: Till) -> list[str]:
    return [draft.type.removeprefix("posagent.").removesuffix(".v1") for draft in till.stored]


# ---------------------------------------------------------------- a coupon


def test_a_coupon_is_kept_with_its_discount_per_tax_rate_and_used_with_the_paid_sale() -> None:
    till = shop()
    lines = (Line(1080, tax=800), Line(1100, tax=1000))
    till.sale(lines=lines, paid=False)
    said = till.use("coupon", code=A).fields
    assert (said["discount"], said["payable"]) == (100, 2080)
    assert said["per_rate"] == [{"tax": 1000, "amount": 1100, "discount": 50}, {"tax": 800, "amount": 1080, "discount": 50}]
    assert types(till) == ["sale.seen", "hold.placed"]
    till.scan()
    paid = till.sale(lines=lines)
    assert (paid.status, paid.fields["payable"], paid.fields["points"]) == ("granted", 2080, 20)
    used = till.of(ev.COUPON_REDEEMED)[0]
    assert (used.data["code_hash"], used.data["discount"], used.data["by_tax"]) == (A, 100, [[1000, 50], [800, 50]])
    assert till.grants()[0].data["reductions"] == [{"kind": "coupon", "amount": 100, "by_tax": [[1000, 50], [800, 50]]}]
    assert till.office.settled[-1] == Settle(used.data["hold_id"], "commit")


def test_the_grant_and_the_use_are_one_transaction_so_both_stand_or_neither() -> None:
    till = shop()
    till.sale(paid=False)
    till.use("coupon", code=A)
    till.scan()
    till.broken = "failed"
    assert till.sale().status == "unavailable"
    assert till.of(ev.COUPON_REDEEMED) == till.grants() == []
    till.broken = ""
    assert till.sale().status == "granted"
    assert len(till.of(ev.COUPON_REDEEMED)) == 1


def test_what_is_kept_is_not_told_before_it_is_on_record() -> None:
    till = shop()
    till.sale(paid=False)
    till.broken = "full"
    assert till.use("coupon", code=A).status == "unavailable"
    assert till.office.holds["hold-2"][1] == "released"
    till.broken = ""
    assert till.use("coupon", code=A).status == "redeemed"


def test_the_same_wish_again_is_the_same_redemption() -> None:
    till = shop()
    till.sale(paid=False)
    first = till.use("coupon", code=A, hold="h")
    assert till.use("coupon", code=A, hold="h").fields == first.fields
    assert len(till.office.asked) == 1


def test_a_coupon_is_in_a_sale_once_and_with_no_other_of_its_group() -> None:
    till = shop()
    till.office.coupons[B] = (coupon(B, "half"), "usable")
    till.sale(paid=False)
    till.use("coupon", code=A)
    assert till.use("coupon", code=A).fields["code"] == "E649"
    assert till.use("coupon", code=B).fields["code"] == "E649"
    assert [held[1] for held in till.office.holds.values()] == ["held", "released"]


def test_a_paid_sale_without_a_member_uses_the_bearers_coupon_at_once_and_is_granted_later_on_what_was_paid() -> None:
    till = shop()
    till.sale(amount=2000, paid=False)
    till.use("coupon", code=A)
    assert till.sale(amount=2000).status == "waiting_for_member"
    assert types(till)[-1] == "coupon.redeemed"
    till.state = till.restarted()
    assert till.sale(amount=2000).status == "waiting_for_member"
    till.scan()
    assert till.grants()[0].data["points"] == 19
    assert len(till.of(ev.COUPON_REDEEMED)) == 1


def test_a_void_gives_the_coupon_back_and_it_can_be_used_again() -> None:
    till = shop(points=500)
    till.scan()
    till.sale(paid=False)
    till.use("coupon", code=A)
    till.use("points", 100)
    sale_id = till.sale().fields["sale_id"]
    till.synced()
    assert till.office.balances["m1", "points"] == 500 - 100 + 17
    till.void(sale_id)
    void = till.stored[-1].data
    assert [entry["delta"] for entry in void["entries"]] == [-17, 100]
    assert void["coupons_back"] == [A]
    till.synced()
    assert till.office.balances["m1", "points"] == 500
    assert till.state.basket is None  # it is another sale now: what was used must be chosen again
    till.office.coupons[A] = (replace(coupon(A), given_back=1), "usable")
    till.sale("n2", paid=False)
    assert till.use("coupon", code=A).status == "redeemed"
    till.sale("n2")
    assert till.of(ev.COUPON_REDEEMED)[1].idemkey.endswith(f"{A}/used/2")


def test_a_sale_without_a_member_that_used_a_coupon_can_be_voided_too() -> None:
    till = shop()
    till.sale(paid=False)
    till.use("coupon", code=A)
    sale_id = till.sale().fields["sale_id"]
    assert till.void(sale_id).status == "voided"
    assert till.stored[-1].data["coupons_back"] == [A]
    assert "member" not in till.stored[-1].data


@pytest.mark.parametrize(
    ("state", "code"),
    [("expired", "E644"), ("used", "E646"), ("void", "E643"), ("reach", "E647"), ("not_yet", "E645"), ("other_member", "E661")],
)
def test_head_offices_refusal_has_words(state: str, code: str) -> None:
    till = shop()
    till.office.coupons[A] = (coupon(A), state)
    till.sale(paid=False)
    assert till.use("coupon", code=A).fields["code"] == code
    assert till.codes()[-1] == code


def test_a_coupon_whose_conditions_the_sale_does_not_meet_is_not_kept() -> None:
    till = shop()
    till.office.coupons[A] = (coupon(A, "half"), "usable")
    till.sale(amount=499, paid=False)
    assert till.use("coupon", code=A).fields["code"] == "E648"
    assert till.office.holds["hold-2"][1] == "released"


def test_a_gift_is_told_with_what_it_takes_off() -> None:
    till = shop()
    till.office.coupons[A] = (coupon(A, "drink"), "usable")
    till.sale(lines=(Line(450, "drink"), Line(800)), paid=False)
    said = till.use("coupon", code=A).fields
    assert (said["gift"], said["discount"]) == ("drink", 300)


@pytest.mark.parametrize(("paid", "code"), [(None, "E640"), (True, "E641")])
def test_without_an_open_unpaid_sale_nothing_is_kept(paid: bool | None, code: str) -> None:
    till = shop()
    if paid is not None:
        till.sale(paid=paid)
    assert till.use("coupon", code=A).fields["code"] == code
    assert not till.office.asked


def test_a_coupon_shown_before_the_amount_says_what_it_is_worth() -> None:
    till = shop()
    till.use("coupon", code=A, found=coupon(A))
    told = next(one for one in till.told if one.code == "E640")
    assert told.fields["label"] == "次回100円引き"
    assert "100" in told.fields["benefit"]["ja"]
    assert "100" in told.fields["benefit"]["en"]


# ---------------------------------------------------------------- without head office


def test_offline_this_registers_own_coupon_is_used_on_its_own_authority() -> None:
    till = shop(offline=True)
    till.sale(paid=False)
    assert till.use("coupon", code=A, found=coupon(A)).fields["authority"] == "register"
    till.sale()
    used = till.of(ev.COUPON_REDEEMED)[0].data
    assert "hold_id" not in used
    assert used["authority"] == "register"


def test_offline_a_coupon_of_elsewhere_and_points_are_refused_with_words() -> None:
    till = shop(offline=True)
    till.scan()
    till.sale(paid=False)
    assert till.use("coupon", code=A).fields["code"] == "E642"
    assert till.use("points", 100).fields["code"] == "E650"
    assert till.use("value", 100).fields["code"] == "E650"


@pytest.mark.parametrize(
    ("known", "code"),
    [({"state": "used"}, "E646"), ({"last_day": date(2026, 11, 21)}, "E644"), ({"member": "m2"}, "E661"), ({"state": "void"}, "E661")],
)
def test_the_journal_is_the_authority_offline(known: dict[str, Any], code: str) -> None:
    till = shop(offline=True)
    till.sale(paid=False)
    assert till.use("coupon", code=A, found=coupon(A, **known)).fields["code"] == code


def test_offline_coupons_have_a_limit_a_sale_and_a_limit_a_day_that_a_restart_remembers() -> None:
    limits = "[offline]\ncoupon_value_per_sale = 400\ncoupon_value_per_day = 700\n"
    till = Till(replace(rules(SHOP + limits), head_office=True))
    till.offline = True
    till.sale("n0", 2000, paid=False)
    assert till.use("coupon", code=B, found=coupon(B, "half")).fields["code"] == "E654"
    for key in ("n1", "n2"):
        till.sale(key, 800, paid=False)
        said = till.use("coupon", code=key * 16, found=coupon(key * 16, "half"))
        assert said.status == ("redeemed" if key == "n1" else "refused")
        till.sale(key, 800)
        till.state = till.restarted()
    assert till.state.days["2026-11-22"].own_coupon_yen == 400


def test_a_coupon_that_head_office_has_not_heard_of_yet_is_this_registers_to_honour() -> None:
    till = shop()
    till.sale(paid=False)
    assert till.use("coupon", code=B).fields["code"] == "E643"
    assert till.use("coupon", code=B, found=coupon(B)).fields["authority"] == "register"


def test_an_answer_that_does_not_come_is_given_up_by_the_clock_and_the_hold_released() -> None:
    till = shop(points=500)
    till.scan()
    till.sale(paid=False)
    till.office.lost = True
    assert till.redeem("points", 100, hold="h") is None
    till.wait(2)
    assert 2 not in till.replies
    till.wait(1)
    assert till.codes()[-1] == "E656"
    assert till.office.holds["h"][1] == "released"
    till.office.lost = False
    assert till.sale().fields["points"] == 19
    assert not till.of(ev.POINTS_REDEEMED)


def test_a_sale_that_is_paid_while_head_office_is_asked_goes_on_without() -> None:
    till = shop(points=500)
    till.scan()
    till.sale(paid=False)
    till.connected = False
    till.redeem("points", 100, hold="h")
    assert till.sale().status == "granted"
    till.connected = True
    till.wait(3)
    assert till.replies[2].fields["code"] == "E640"
    assert not till.of(ev.POINTS_REDEEMED)


# ---------------------------------------------------------------- points and value


def test_points_are_held_used_and_counted_out_of_the_basis() -> None:
    till = shop(points=500)
    till.scan()
    till.sale(amount=2000, paid=False)
    said = till.use("points", 300).fields
    assert (said["discount"], said["payable"]) == (300, 1700)
    assert till.sale(amount=2000).fields["points"] == 17
    redeemed = till.of(ev.POINTS_REDEEMED)[0].data
    assert redeemed["entries"] == [{"account": "points", "delta": -300}]
    assert redeemed["hold_id"] == "hold-2"
    till.synced()
    assert till.office.balances["m1", "points"] == 217
    assert till.office.holds["hold-2"][1] == "settled"


@pytest.mark.parametrize(("points", "code", "limit"), [(501, "E652", 500), (5, "E652", 0), (600, "E651", 600), (2010, "E652", 2000)])
def test_points_have_steps_a_least_and_the_sale_as_their_most(points: int, code: str, limit: int) -> None:
    till = shop(points=500)
    till.scan()
    till.sale(amount=2000, paid=False)
    said = till.use("points", points).fields
    assert (said["code"], said["limit"]) == (code, limit)
    assert said["code"] == "E652" or till.office.asked


@pytest.mark.parametrize("kind", ["points", "value"])
def test_nothing_is_no_amount_and_what_the_program_does_not_know_is_not_asked_for(kind: str) -> None:
    till = shop(points=500, value=500)
    till.scan()
    till.sale(paid=False)
    assert till.use(kind, 0).fields["code"] == "E652"
    till.rules = replace(rules(), head_office=True)
    assert till.use(kind, 100).fields["code"] == "E652"
    assert not till.office.asked


def test_value_pays_from_the_lots_that_head_office_names_and_reduces_no_points() -> None:
    till = shop(value=3000, bonus=200)
    till.scan()
    till.sale(amount=2000, paid=False)
    said = till.use("value", 1500).fields
    assert (said["discount"], said["amount"], said["payable"]) == (0, 1500, 500)
    assert till.sale(amount=2000).fields["points"] == 20
    spent = till.of(ev.VALUE_SPENT)[0].data
    assert spent["entries"] == [{"account": "bonus", "delta": -200, "lot": "2026-12-31"}, {"account": "value", "delta": -1300}]
    assert spent["lots"] == [["bonus/2026-12-31", 200], ["value/", 1300]]


def test_a_bill_that_shrinks_takes_less_than_was_kept_and_never_more_than_it_needs() -> None:
    till = shop(value=3000, bonus=200)
    till.scan()
    till.sale(amount=2000, paid=False)
    till.use("value", 1500)
    till.sale(amount=900)
    assert [entry["delta"] for entry in till.of(ev.VALUE_SPENT)[0].data["entries"]] == [-200, -700]


def test_points_need_a_card_and_only_once_a_sale() -> None:
    till = shop(points=500)
    till.sale(paid=False)
    assert till.use("points", 100).fields["code"] == "E657"
    till.scan()
    till.use("points", 100)
    assert till.use("points", 100).fields["code"] == "E649"


def test_another_card_while_points_are_in_use_is_refused_until_they_are_taken_off() -> None:
    till = shop(points=500)
    till.scan("m1")
    till.sale(paid=False)
    till.use("points", 100, hold="h")
    till.scan("m2")
    assert till.codes()[-1] == "E655"
    assert till.release("h").status == "released"
    assert till.office.holds["h"][1] == "released"
    till.wait(3)
    till.scan("m2")
    assert till.sale().fields["member"] == "****m2"


# ---------------------------------------------------------------- let go


def test_a_sale_that_is_not_paid_in_time_lets_go_with_words_and_head_office_hears() -> None:
    till = shop(points=500)
    till.scan()
    till.sale(paid=False)
    till.use("points", 100, hold="h")
    till.wait(KEPT_MS // 1000 - 1)
    assert till.state.basket is not None  # a customer who was told a discount is given longer than others
    till.wait(2)
    assert till.codes()[-3:] == ["E610", "E611", "E653"]
    assert types(till)[-1] == "hold.released"
    assert till.office.holds["h"][1] == "released"
    assert till.sale().fields.get("reductions") is None


def test_what_is_added_later_does_not_keep_the_first_for_longer_than_head_office_holds_it() -> None:
    till = shop(points=500)
    till.scan()
    till.sale(paid=False)
    till.use("points", 100, hold="h")
    till.wait(KEPT_MS // 1000 - 10)
    till.use("coupon", code=A, hold="later")
    till.wait(20)
    assert till.codes() == ["E653"]
    assert [one.id for one in till.state.redemptions] == ["later"]
    assert till.office.holds["h"][1] == "released"
    assert till.sale().fields["payable"] == 1880


def test_a_coupon_that_the_scanner_reads_twice_is_in_the_sale_once_and_nothing_is_said() -> None:
    till = shop()
    till.sale(paid=False)
    for _ in range(2):
        till.feed(RedeemAsked(till.now(), f"scan-{till.ms}", "coupon", 0, A))
        till.wait(1)
    assert len(till.state.redemptions) == 1
    assert not till.codes()


def test_the_slip_says_what_was_used_and_what_is_left() -> None:
    till = shop(points=500)
    till.scan(balances={"points": 480}, as_of=till.now().at)
    till.sale(amount=1000, paid=False)
    till.use("points", 200)
    till.sale(amount=1000)
    slip = till.jobs[0].document.decode()
    assert "-200P" in slip
    assert "288P" in slip
    assert till.grants()[0].data["trace"]["balance"]["value"] == 480 - 200 + 8


def test_another_sale_in_between_lets_go_what_was_kept_for_the_first() -> None:
    till = shop()
    till.sale("n1", paid=False)
    till.use("coupon", code=A)
    till.sale("n2", 500)
    assert till.codes() == ["E621", "E653"]
    assert not till.state.redemptions


def test_starting_over_lets_go() -> None:
    till = shop()
    till.sale(paid=False)
    till.use("coupon", code=A)
    till.feed(Cleared(till.now()))
    assert till.codes() == ["E653"]


def test_a_bill_that_falls_below_a_coupons_minimum_loses_it_with_words() -> None:
    till = shop()
    till.office.coupons[A] = (coupon(A, "half"), "usable")
    till.sale(amount=800, paid=False)
    till.use("coupon", code=A)
    changed = till.sale(amount=400, paid=False)
    assert till.codes() == ["E653"]
    assert "payable" not in changed.fields


def test_a_store_that_fails_while_letting_go_is_asked_again() -> None:
    till = shop()
    till.sale(paid=False)
    till.use("coupon", code=A)
    till.broken = "failed"
    till.feed(Cleared(till.now()))
    assert till.state.redemptions
    till.broken = ""
    till.wait(1)
    assert not till.state.redemptions
    assert types(till)[-1] == "hold.released"


def test_what_a_paid_sale_does_not_take_any_more_is_let_go_with_the_grant() -> None:
    till = shop()
    till.office.coupons[A] = (coupon(A, "half"), "usable")
    till.scan()
    till.sale(amount=800, paid=False)
    till.use("coupon", code=A, hold="h")
    assert till.sale(amount=400).fields["points"] == 4
    assert till.codes() == ["E653"]
    assert till.office.holds["h"][1] == "released"
    assert not till.of(ev.COUPON_REDEEMED)


def test_a_grant_that_the_disk_has_without_saying_so_is_found_again_and_its_points_are_used_once() -> None:
    till = shop(points=500)
    till.scan()
    till.sale(paid=False)
    till.use("points", 100, hold="h")
    till.broken = "silent"
    assert till.sale().status == "unavailable"
    till.broken = ""
    assert till.sale().status == "already"
    assert till.office.holds["h"][1] == "committed"
    assert not till.of(ev.HOLD_RELEASED)
    assert len(till.of(ev.POINTS_REDEEMED)) == 1


def test_an_answer_that_comes_when_nobody_waits_any_more_is_given_back() -> None:
    till = shop()
    till.feed(Authorised(till.now(), "h", "held"))
    assert till.office.settled == [Settle("h", "release")]
    till.feed(Authorised(till.now(), "h", "refused", "short"))
    assert len(till.office.settled) == 1


def test_the_register_lets_go_before_head_office_does() -> None:
    assert KEPT_MS + AUTHORISE_MS < TTL_S * 1000


# ---------------------------------------------------------------- the amount afterwards


def test_a_pos_that_sends_what_was_left_to_pay_says_so_and_means_the_same_sale() -> None:
    till = shop()
    till.scan()
    till.sale(amount=2000, paid=False)
    till.use("coupon", code=A)
    assert till.sale(amount=2000 - 99, after=True).fields["code"] == "E660"
    assert till.sale(amount=1900, after=True).status == "granted"
    assert till.grants()[0].data["amount"] == 2000
    assert till.sale(amount=1900, after=True).status == "already"
    assert till.sale(amount=2000).status == "already"
    assert till.sale(amount=1800, after=True).status == "conflict"


@pytest.mark.parametrize("captured", [1900, 2000])
def test_a_typed_sale_takes_what_is_kept_over_to_the_receipt_of_its_amount(captured: int) -> None:
    till = shop()
    till.scan()
    till.sale("k1", 2000, paid=False, door="typed")
    till.use("coupon", code=A)
    assert till.sale("n77", captured, door="capture").status == "granted"
    assert (till.grants()[0].data["amount"], till.grants()[0].data["payable"]) == (2000, 1900)
    assert till.sale("n77", captured, door="capture").status == "already"


def test_what_was_typed_stays_kept_where_the_receipt_could_not_be_recorded_or_the_agent_is_killed_on_the_way() -> None:
    till = shop()
    till.sale("k1", 2000, paid=False, door="typed")
    till.use("coupon", code=A)
    till.broken = "failed"
    assert till.sale("n77", 1900, paid=False, door="capture").status == "unavailable"
    till.broken = ""
    till.wait(1)
    assert till.state.redemptions
    assert till.sale("n77", 1900, paid=False, door="capture").fields["payable"] == 1900
    till.state = till.restarted()
    till.wait(1)
    assert till.sale("n77", 1900, door="capture").fields["payable"] == 1900
    assert till.of(ev.COUPON_REDEEMED)[0].data["sale_id"].endswith("n77")
    assert not till.of(ev.HOLD_RELEASED)
    till.state = till.restarted()
    till.scan()
    assert till.sale("n77", 1900, door="capture").fields["points"] == 19


# ---------------------------------------------------------------- kill -9


@pytest.mark.parametrize("moment", ["kept", "paid"])
def test_a_killed_agent_finds_what_it_promised(moment: str) -> None:
    till = shop(points=500)
    till.scan()
    till.sale(paid=False)
    till.use("points", 100, hold="h")
    if moment == "paid":
        till.sale()
    till.state = till.restarted()
    said = till.sale()
    assert said.status == ("already" if moment == "paid" else "granted")
    assert said.fields["payable"] == 1880
    assert len(till.of(ev.POINTS_REDEEMED)) == 1
    till.synced()
    assert till.office.balances["m1", "points"] == 400 + 18


def test_killed_between_hold_and_record_nothing_was_told_and_head_office_frees_it() -> None:
    till = shop(points=500)
    till.scan()
    till.sale(paid=False)
    till.office.lost = True  # the hold is placed, its answer never arrives, and the process dies
    till.redeem("points", 100, hold="h")
    till.state = till.restarted()
    till.office.lost = False
    assert "payable" not in till.sale().fields
    till.synced()
    assert till.office.balances["m1", "points"] == 519
    assert till.office.ask(till.office.asked[0], till.now())  # held, until its time is over


def test_a_sale_that_was_voided_and_is_rung_up_again_is_found_with_what_is_kept_for_it() -> None:
    till = shop()
    till.scan()
    till.sale(paid=False)
    till.void(str(till.sale().fields["sale_id"]))
    till.feed(Cleared(till.now()))
    till.sale(paid=False)
    till.use("coupon", code=A)
    till.state = till.restarted()
    assert till.state.basket is not None
    till.sale()
    till.state = till.restarted()
    assert not [one for one in till.state.redemptions if not one.used]
    assert len(till.of(ev.COUPON_REDEEMED)) == 1


def test_killed_long_ago_the_next_life_lets_go_and_says_so() -> None:
    till = shop(points=500)
    till.scan()
    till.sale(paid=False)
    till.use("points", 100, hold="h")
    till.ms += 3_600_000
    till.state = till.restarted()
    till.wait(1)
    assert till.codes()[-1] == "E653"
    assert till.office.holds["h"][1] == "released"


# ---------------------------------------------------------------- the page


def test_the_open_checkout_shows_what_could_be_used_and_what_is() -> None:
    till = shop(points=500)
    mine = coupon(B, "half", member="m1", reach="brand").coupon
    till.scan("m1", balances={"points": 480}, as_of=till.now().at, coupons=(mine,))
    till.sale(amount=2000, paid=False)
    shown = open_checkout(till.state, till.now(), till.rules)
    assert shown is not None
    assert shown["points"]["redeemable"] == 480
    assert [(one["key"], one["usable"], one["benefit"]["en"]) for one in shown["coupons"]] == [(B, True, "50% off (at most 500 yen)")]
    till.use("points", 100)
    shown = open_checkout(till.state, till.now(), till.rules)
    assert shown is not None
    assert (shown["payable"], shown["reductions"][0]["points"], shown["points"]["redeemable"]) == (1900, 100, 0)
    till.offline = True
    assert (open_checkout(till.state, till.now(), till.rules) or {})["points"]["redeemable"] == 0
