"""Prepaid value paid in: asked of head office, recorded with its slip, taken back only by a manager on the same business date."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from counter_till import SHOP, Office, Till, rules

from posagent import events as ev
from posagent.counter_parts import Authorise, Authorised, ChargeAsked, Now, Reply, VoidAsked
from posagent.events import Role
from posagent.open_checkout import open_checkout
from posagent.slips import from_json

PROGRAM = SHOP + """
[[earn]]
id = "extra"
on = "charge"
account = "bonus"
every = 1000
give = 100
"""


class Bank(Office):
    """Head office as far as charges go: it knows the balance and one limit."""

    def ask(self, what: Authorise, now: Now) -> Authorised | None:
        self.asked.append(what)
        self.holds[what.id] = (what, "held", now.ms + what.ttl_s * 1000)
        there = self.balances.get((what.member or "", "value"), 0)
        if there + what.amount > 50_000:
            return Authorised(now, what.id, "refused", "limit")
        return None if self.lost else Authorised(now, what.id, "held", "", {"value": there})


def shop(**more: Any) -> Till:
    till = Till(replace(rules(PROGRAM, **more), head_office=True), Bank({("m1", "value"): 2000}))
    till.scan("m1")
    return till


def charge(till: Till, amount: int, hold: str = "0d5f7f3e-1111-4222-8333-444455556666") -> Reply | None:
    till.asked += 1
    till.feed(ChargeAsked(till.now(), hold, amount, "cash", "C7", till.asked))
    return till.replies.get(till.asked)


def void(till: Till, sale_id: str, role: Role = "manager") -> Reply:
    till.asked += 1
    till.feed(VoidAsked(till.now(), sale_id, "wrong_amount", "boss", role, till.asked))
    return till.replies[till.asked]


def test_a_charge_is_recorded_with_value_and_bonus_apart_and_the_slip_says_what_the_law_wants() -> None:
    till = shop()
    reply = charge(till, 5000)
    assert reply is not None
    assert (reply.status, reply.fields["balance"], reply.fields["bonus"]) == ("charged", 7000, 500)
    charged = till.of(ev.VALUE_CHARGED)[0]
    assert charged.data["entries"] == [
        {"account": "value", "delta": 5000, "expires": "2027-05-22"}, {"account": "bonus", "delta": 500, "expires": "2027-02-22"},
    ]  # fmt: skip
    assert till.office.holds[charged.data["hold_id"]][1] == "committed"
    slip = till.jobs[0].document.decode()
    for words in ("5,000円", "7,000円", "acme", "0120-000-000", "払戻しはできません", "2027年5月22日"):
        assert words in slip
    assert from_json(till.jobs[0].document).serial == "0042-R2-20261122-1"
    assert till.state.card is not None  # and buys something with it


@pytest.mark.parametrize(("amount", "code"), [(1500, "E662"), (500, "E662"), (31_000, "E662"), (29_000, ""), (49_000, "E662")])
def test_the_programs_limits_hold_before_head_office_is_asked(amount: int, code: str) -> None:
    till = shop()
    reply = charge(till, amount)
    assert reply is not None
    assert reply.fields.get("code", "") == code
    assert bool(till.office.asked) == (not code)


def test_head_office_knows_the_balance_that_a_charge_must_not_exceed() -> None:
    till = shop()
    till.office.balances["m1", "value"] = 30_000
    reply = charge(till, 30_000)
    assert reply is not None
    assert (reply.fields["code"], reply.fields["max_balance"]) == ("E663", 50_000)


def test_offline_and_without_a_card_nothing_is_charged() -> None:
    till = shop()
    till.offline = True
    assert (charge(till, 1000) or Reply(0, "charged", {})).fields["code"] == "E650"
    till.offline, till.state = False, replace(till.state, card=None)
    assert (charge(till, 1000) or Reply(0, "charged", {})).fields["code"] == "E657"


def test_an_answer_that_does_not_come_charges_nothing_and_frees_the_hold() -> None:
    till = shop()
    till.office.lost = True
    assert charge(till, 1000, "h") is None
    till.wait(3)
    assert till.replies[1].fields["code"] == "E656"
    assert till.office.holds["h"][1] == "released"
    assert not till.of(ev.VALUE_CHARGED)


def test_a_store_that_fails_charges_nothing_and_the_same_wish_again_charges_once() -> None:
    till = shop()
    till.broken = "failed"
    assert (charge(till, 1000, "h") or Reply(0, "charged", {})).status == "unavailable"
    assert till.office.holds["h"][1] == "released"
    till.broken = ""
    assert (charge(till, 1000, "h2") or Reply(0, "refused", {})).status == "charged"
    assert (charge(till, 1000, "h2") or Reply(0, "refused", {})).status == "already"
    assert len(till.of(ev.VALUE_CHARGED)) == len(till.jobs) == 1


def test_a_manager_takes_a_mistaken_charge_back_on_the_same_day_and_nobody_else_does() -> None:
    till = shop()
    reply = charge(till, 5000)
    assert reply is not None
    sale_id = reply.fields["sale_id"]
    assert void(till, sale_id, "staff").fields["code"] == "E613"
    till.offline = True
    assert void(till, sale_id).fields["code"] == "E650"
    till.offline = False
    till.state = till.restarted()
    assert void(till, sale_id).status == "voided"
    assert [entry["delta"] for entry in till.of(ev.VALUE_VOIDED)[0].data["entries"]] == [-5000, -500]
    assert till.cancelled == ["0042-R2-20261122-1"]
    till.state = till.restarted()
    assert void(till, sale_id).fields["code"] == "E608"


def test_the_next_day_a_charge_stands() -> None:
    till = shop()
    reply = charge(till, 5000)
    assert reply is not None
    till.ms += 24 * 3_600_000
    assert void(till, reply.fields["sale_id"]).fields["code"] == "E665"


def test_slips_of_charges_and_grants_share_the_days_numbers_across_a_restart() -> None:
    till = shop()
    charge(till, 1000, "h1")
    till.sale("n1", 500)
    till.state = till.restarted()
    till.wait(20)
    till.scan("m1")
    charge(till, 1000, "h2")
    assert [job.serial[-2:] for job in till.jobs] == ["-1", "-2", "-3"]



def test_the_balance_that_the_page_shows_has_the_charge_of_a_minute_ago_and_not_one_taken_back() -> None:
    till = shop()
    till.wait(3)
    till.scan("m1", balances={"value": 2000}, as_of=till.now().at)

    def shown() -> int:
        opened = open_checkout(till.state, till.now(), till.rules)
        assert opened is not None
        return int(opened["value"]["balance"])

    till.wait(1)
    reply = charge(till, 5000)
    assert reply is not None
    assert shown() == 7000
    till.scan("m2", balances={"value": 0}, as_of=till.now().at)
    assert shown() == 0
    till.wait(3)
    till.scan("m1", balances={"value": 2000}, as_of=till.now().at.replace(hour=11))
    assert shown() == 7000
    void(till, reply.fields["sale_id"])
    assert shown() == 2000
    till.scan("m2")
    till.wait(3)
    till.scan("m1", balances={"value": 7000}, as_of=till.now().at)  # head office's own figure has it by now
    assert shown() == 7000
