"""posagent.counter: scan and sale in either order, one live grant per sale, and the same state after a restart."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from counter_till import PROGRAM, START, Till, rules
from hypothesis import given, settings
from hypothesis import strategies as st

from posagent import events as ev
from posagent.counter import resume
from posagent.counter_parts import Cleared, CodeSeen, Show, State
from posagent.loyalty.model import Member
from posagent.slips import from_json


def test_a_scan_before_the_sale_grants_when_the_sale_comes() -> None:
    till = Till()
    till.scan()
    assert till.state.card is not None
    assert not till.grants()
    reply = till.sale(amount=1980)
    assert (reply.status, reply.fields["points"]) == ("granted", 19)
    assert till.shown[-1] == Show("1,980円", "＋19ポイント")
    assert till.state.card is None
    assert till.state.basket is None


def test_a_sale_before_the_scan_grants_when_the_card_comes() -> None:
    till = Till()
    assert till.sale(amount=1980).status == "waiting_for_member"
    till.scan()
    assert [grant.data["points"] for grant in till.grants()] == [19]
    assert till.grants()[0].idemkey == "2026-11-22/R2/n1/grant"
    assert till.grants()[0].data["program"] == "shop@3"


def test_a_total_that_is_not_paid_yet_waits_for_its_payment() -> None:
    till = Till()
    till.scan()
    assert till.sale(paid=False).status == "waiting_for_payment"
    assert not till.grants()
    assert till.sale(paid=True).status == "granted"


def test_an_amount_that_changes_before_payment_counts_as_paid() -> None:
    till = Till()
    till.scan()
    till.sale(amount=1000, paid=False)
    assert till.sale(amount=1500, paid=True).fields["points"] == 15


def test_an_open_bill_may_grow_before_it_is_paid() -> None:
    till = Till()
    assert [till.sale(amount=amount, paid=False).status for amount in (100, 300, 900)] == ["waiting_for_payment"] * 3
    till.scan()
    assert till.sale(amount=900).fields["points"] == 9


def test_the_same_sale_again_shows_the_first_result_and_grants_nothing() -> None:
    till = Till()
    till.scan()
    till.sale()
    reply = till.sale()
    assert (reply.status, reply.fields["points"]) == ("already", 19)
    assert len(till.grants()) == 1


def test_the_same_receipt_number_with_another_amount_is_a_conflict() -> None:
    till = Till()
    till.scan()
    till.sale(amount=1980)
    reply = till.sale(amount=2980)
    assert (reply.status, reply.fields["code"]) == ("conflict", "E607")
    assert len(till.grants()) == 1


def test_a_bounced_scan_is_ignored() -> None:
    till = Till()
    till.scan()
    till.wait(0.5)
    till.scan()
    assert len([draft for draft in till.stored if draft.type == ev.MEMBER_SEEN]) == 1


def test_the_member_who_was_just_granted_is_shown_the_first_result() -> None:
    till = Till()
    till.sale()
    till.scan()
    till.wait(5)
    till.scan()
    assert till.codes() == ["E620"]
    assert till.state.card is None


def test_the_same_member_a_minute_later_opens_the_next_checkout() -> None:
    till = Till()
    till.sale("n1")
    till.scan()
    till.wait(60)
    till.scan()
    assert till.sale("n2").status == "granted"
    assert len(till.grants()) == 2


def test_a_second_member_replaces_the_first_with_a_notice() -> None:
    till = Till()
    till.scan("m1")
    till.scan("m2")
    assert till.codes() == ["E606"]
    till.sale()
    assert till.grants()[0].data["member"] == "m2"


def test_a_second_sale_replaces_the_waiting_one_with_a_notice() -> None:
    till = Till()
    till.sale("n1", 1000)
    till.sale("n2", 3000)
    assert till.codes() == ["E621"]
    till.scan()
    assert till.grants()[0].data["points"] == 30


@pytest.mark.parametrize(("side", "code"), [("scan", "E610"), ("sale", "E611")])
def test_a_side_that_waits_too_long_is_let_go(side: str, code: str) -> None:
    till = Till()
    getattr(till, side)()
    till.wait(119)
    assert till.state != State()
    till.wait(2)
    assert till.codes() == [code]
    assert (till.state.card, till.state.basket) == (None, None)


def test_a_void_is_the_exact_negation_and_the_right_card_can_be_scanned() -> None:
    till = Till()
    till.scan("wrong")
    sale_id = till.sale().fields["sale_id"]
    assert till.void(sale_id).fields["points"] == -19
    void = till.stored[-1]
    assert void.type == ev.SALE_VOIDED
    assert [entry["delta"] for entry in void.data["entries"]] == [-19]
    assert void.data["role"] == "manager"
    till.scan("right")
    assert [grant.data["member"] for grant in till.grants()] == ["wrong", "right"]
    assert till.grants()[1].idemkey.endswith("/grant/2")


def test_a_void_takes_its_coupons_and_its_waiting_slips_with_it_and_the_right_card_gets_its_own() -> None:
    till = Till()
    till.scan("wrong")
    sale_id = till.sale(amount=2500).fields["sale_id"]
    first = [job.serial for job in till.jobs]
    till.void(sale_id)
    voided = [draft for draft in till.stored if draft.type == ev.COUPON_VOIDED]
    issued = [draft for draft in till.stored if draft.type == ev.COUPON_ISSUED]
    assert [draft.data["code_hash"] for draft in voided] == [draft.data["code_hash"] for draft in issued]
    assert till.cancelled == first
    till.scan("right")
    assert [grant.data["member"] for grant in till.grants()] == ["wrong", "right"]
    assert len([draft for draft in till.stored if draft.type == ev.COUPON_ISSUED]) == 2
    assert len({job.serial for job in till.jobs}) == 4


def test_offline_a_grant_over_the_limit_waits_for_head_office() -> None:
    till = Till()
    till.offline = True
    till.scan()
    assert till.sale("n1", 100_001).fields["code"] == "E624"
    assert not till.grants()
    till.offline = False
    till.scan("m2")
    assert till.sale("n1", 100_001).status == "granted"


def test_with_too_many_unsent_records_nothing_more_is_granted() -> None:
    till = Till()
    till.unsent = 50_000
    till.scan()
    assert till.sale().fields["code"] == "E625"


def test_offline_only_so_many_coupons_a_day_are_issued_but_points_go_on() -> None:
    till = Till(rules(PROGRAM + "[offline]\ncoupons_per_day = 1\n"))
    till.offline = True
    for key in ("n1", "n2"):
        till.wait(30)
        till.scan()
        assert till.sale(key, 2500).status == "granted"
    assert len([draft for draft in till.stored if draft.type == ev.COUPON_ISSUED]) == 1


def test_a_clock_that_ran_back_is_noted_on_every_event_and_switches_hours_off() -> None:
    happy = PROGRAM + '[[boost]]\nid = "noon"\ntimes = "2"\nwhen = { hours = "11:00-14:00" }\n'
    till = Till(rules(happy))
    till.scan()
    assert till.sale("n1", 1000).fields["points"] == 20
    till.clock_ok = False
    till.wait(30)
    till.scan()
    assert till.sale("n2", 1000).fields["points"] == 10
    assert till.stored[-1].data["trace"]["clock"] == "suspect"


def test_slip_numbers_go_on_after_a_restart_that_sees_only_the_newest_events() -> None:
    till = Till()
    for key in ("n1", "n2", "n3"):
        till.wait(30)
        till.scan()
        till.sale(key, 500)
    newest = [(draft.type, f"id-{draft.idemkey}", draft.data) for draft in till.stored[-1:]]
    assert resume(newest, till.now(), till.rules).days["2026-11-22"].slips == 3


def test_a_void_of_nothing_is_refused() -> None:
    till = Till()
    assert till.void("no-such-sale").fields["code"] == "E608"
    assert not till.stored


def test_a_second_void_is_refused() -> None:
    till = Till()
    till.scan()
    sale_id = till.sale().fields["sale_id"]
    till.void(sale_id)
    assert till.void(sale_id).status == "refused"


def test_a_blocked_member_is_refused_and_recorded() -> None:
    till = Till()
    till.scan("m9", status="blocked")
    assert till.codes() == ["E603"]
    assert till.stored[0].data["refused"] == "E603"
    assert till.state.card is None


def test_a_foreign_code_is_recorded_and_told() -> None:
    till = Till()
    till.feed(CodeSeen(till.now(), "s1", "E602", "**9", "prefix"))
    assert till.codes() == ["E602"]
    assert till.stored[0].data["masked"] == "**9"


@pytest.mark.parametrize(("broken", "code"), [("full", "E506"), ("failed", "E500"), ("refused", "E622")])
def test_nothing_is_told_as_done_when_the_store_refuses(broken: str, code: str) -> None:
    till = Till()
    till.scan()
    till.broken = broken
    reply = till.sale()
    assert (reply.status, reply.fields["code"]) == ("unavailable", code)
    assert not till.shown
    till.broken = ""
    assert till.sale().status == "granted"


def test_a_scan_that_could_not_be_stored_can_be_repeated_at_once() -> None:
    till = Till()
    till.broken = "failed"
    till.scan()
    till.broken = ""
    till.scan()
    assert till.state.card is not None


def test_without_a_program_nothing_is_granted_and_the_cashier_is_told() -> None:
    till = Till(replace(rules(), program=None))
    till.scan()
    assert till.sale().fields["code"] == "E600"
    assert not till.grants()


def test_clearing_forgets_what_waits() -> None:
    till = Till()
    till.scan()
    till.feed(Cleared(till.now()))
    assert till.state.card is None
    till.scan()
    assert till.state.card is not None


def test_slips_are_stored_with_the_grant_and_numbered_within_the_day() -> None:
    till = Till()
    till.scan()
    till.sale("n1", 2500)
    till.wait(30)
    till.scan()
    till.sale("n2", 500)
    assert [job.serial for job in till.jobs] == ["0042-R2-20261122-1", "0042-R2-20261122-2", "0042-R2-20261122-3"]
    assert [draft.type for draft in till.stored if draft.type == ev.COUPON_ISSUED] == [ev.COUPON_ISSUED]
    assert till.stored[3].data["serial"] == "0042-R2-20261122-2"
    assert "次回100円引き" in from_json(till.jobs[1].document).title


def test_a_clock_that_jumps_to_another_day_and_back_gives_no_number_twice() -> None:
    till = Till()
    for number, jumped in enumerate((0, 40, 0, -1, 0, 40)):
        till.jumped = timedelta(days=jumped)
        till.wait(30)
        till.scan()
        till.sale(f"n{number}", 2500)
        till.state = till.restarted() if number % 2 else till.state
    serials = [job.serial for job in till.jobs]
    assert len(serials) == len(set(serials)) == 12
    assert serials[-2:] == ["0042-R2-20270101-3", "0042-R2-20270101-4"]


def test_a_coupon_carries_nothing_of_the_member_and_its_code_is_not_in_the_journal() -> None:
    till = Till()
    till.scan("m-secret")
    till.sale("n1", 2500)
    assert b"m-secret" not in till.jobs[1].document
    code = next(line.value for line in from_json(till.jobs[1].document).lines if hasattr(line, "value"))
    assert code not in str(till.stored)


def test_a_restart_between_scan_and_sale_forgets_nothing() -> None:
    till = Till()
    till.scan("m1", rank="gold", flags=("vip",), balances={"points": 7})
    till.state = till.restarted()
    assert till.state.card is not None
    assert till.state.card.member == Member("m1", rank="gold", flags=("vip",), balances={"points": 7})
    assert till.sale().status == "granted"


def test_a_restart_between_sale_and_scan_forgets_nothing() -> None:
    till = Till()
    till.sale(amount=777)
    till.state = till.restarted()
    till.scan()
    assert till.grants()[0].data["points"] == 7


def test_a_pos_that_repeats_its_sale_after_a_long_outage_gets_the_grant_once() -> None:
    till = Till()
    till.sale("n1", 1980)
    till.wait(500)  # the sale's window is over
    till.scan()
    assert till.sale("n1", 1980).status == "granted"
    assert len(till.grants()) == 1
    assert till.sale("n1", 1980).status == "already"


def test_a_sale_that_was_let_go_and_comes_again_waits_for_its_member_again() -> None:
    till = Till()
    till.sale("n1", 1980)
    till.sale("n2", 880)  # the next customer: the first sale waits no more
    till.wait(200)
    assert till.sale("n1", 1980).status == "waiting_for_member"
    till.scan()
    assert [grant.data["sold_at"] for grant in till.grants()] == [START.isoformat()]


def test_a_sale_that_was_let_go_and_comes_again_with_another_amount_is_a_conflict() -> None:
    till = Till()
    till.sale("n1", 1980)
    till.wait(500)
    assert till.sale("n1", 1981).status == "conflict"
    till.scan()
    assert till.sale("n1", 1982).status == "conflict"
    assert not till.grants()


def test_a_snapshot_of_this_morning_and_todays_grants_make_the_balance() -> None:
    till = Till()
    morning = {"as_of": START - timedelta(hours=3), "balances": {"points": 100}}
    till.scan("m1", **morning)
    till.sale("n1", 2000)
    till.wait(60)
    till.scan("m1", **morning)
    till.sale("n2", 3000)
    assert [grant.data["trace"]["balance"]["value"] for grant in till.grants()] == [120, 150]
    assert "150P" in till.jobs[-2].document.decode()


def test_a_grant_that_the_snapshot_holds_already_is_not_counted_twice() -> None:
    till = Till()
    till.scan("m1", as_of=START, balances={"points": 0})
    till.sale("n1", 2000)
    till.wait(100)
    till.scan("m1", as_of=START + timedelta(seconds=50), balances={"points": 20})
    till.sale("n2", 1000)
    assert till.grants()[1].data["trace"]["balance"]["value"] == 30


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("scan"), st.sampled_from(["m1", "m2", "m3"])),
        st.tuples(st.just("sale"), st.sampled_from(["n1", "n2", "n3"]), st.sampled_from([100, 1980]), st.booleans()),
        st.tuples(st.just("void"), st.sampled_from(["n1", "n2", "n3"])),
        st.tuples(st.just("wait"), st.sampled_from([1, 20, 130])),
        st.tuples(st.just("break"), st.sampled_from(["", "failed", "full"])),
        st.tuples(st.just("restart")),
        st.tuples(st.just("clear")),
    ),
    max_size=30,
)


@settings(max_examples=300, deadline=None)
@given(ACTIONS)
def test_whatever_happens_a_sale_has_at_most_one_live_grant(actions: list[tuple[Any, ...]]) -> None:
    till = Till()
    for action in actions:
        match action:
            case ("scan", token):
                till.scan(token)
            case ("sale", key, amount, paid):
                till.sale(key, amount, paid=paid)
            case ("void", key):
                till.void(f"0042-R2-2026-11-22-{key}")
            case ("wait", seconds):
                till.wait(seconds)
            case ("break", how):
                till.broken = how
            case ("restart",):
                till.state = till.restarted()
            case ("clear",):
                till.feed(Cleared(till.now()))
    live: dict[str, int] = {}
    for draft in till.stored:
        if draft.type == ev.SALE_GRANTED:
            live[draft.data["sale_id"]] = live.get(draft.data["sale_id"], 0) + 1
        elif draft.type == ev.SALE_VOIDED:
            live[draft.data["sale_id"]] -= 1
    assert set(live.values()) <= {0, 1}
    assert {sale_id for sale_id, count in live.items() if count} == set(till.state.live)
    assert set(till.restarted().live) == set(till.state.live)
    assert len({job.serial for job in till.jobs}) == len(till.jobs)
