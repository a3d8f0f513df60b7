"""Authorisations: what a register may hold, commit and release, what the journal's event makes of it, and who wins a race."""

from __future__ import annotations

import json
import threading
import uuid

import jsonschema
import pytest

from offline_queue.signature import Key, sign
from offline_queue.wire import content_digest
from posagent import events
from posagent.cloud import authorise, lots
from posagent.cloud.audit import audit
from posagent.cloud.openapi import SCHEMAS
from posagent.cloud.reading import Place
from posagent.cloud.receiver import Settings
from posagent.handout import code_hash

CODE = code_hash("C0000000000000000")  # the clock stands at 2026-11-23, 20:14 in Tokyo


def ask(kind="points", amount=10, member="M1", **more):
    body = {"id": str(uuid.uuid4()), "kind": kind, "member": member, "sale_id": "0001-1-20261123-7", "ttl_s": 120}
    return body | ({} if kind == "coupon" else {"amount": amount}) | more


def post(cloud, path, body=None, status=200):
    reply = cloud.call("POST", path, [("Content-Type", "application/json")], json.dumps(body).encode() if body is not None else b"")
    assert reply.status == status, reply.body
    return reply.json()


def hold(cloud, body, status=200):
    found = post(cloud, "/v1/authorisations", body, status)
    if status == 200:
        jsonschema.validate(found, {"$ref": "#/components/schemas/Authorisation", "components": {"schemas": SCHEMAS}})
    return found


def finish(cloud, step, held, status=200):
    return post(cloud, f"/v1/authorisations/{held['id']}/{step}", None, status)


def problem_of(cloud, till):
    rows = cloud.receiver.engine.read(
        lambda work: work.rows(
            "SELECT status, problem FROM event WHERE stream_id = ? AND seq = ?", till.stream.stream_id, len(till.stream.bodies)
        )
    )
    return rows[0]


def test_points_are_held_committed_and_settled_by_the_journals_event(cloud, shop):
    held = hold(cloud, ask(amount=60))
    assert (held["state"], held["reason"], held["balances"], held["lots"], held["coupon"]) == ("held", None, {"points": 40}, [], None)
    assert held["expires_at"] == "2026-11-23T11:16:56.000Z"
    assert cloud.balances("M1") == {"points": 100}  # only the event moves the balance
    assert hold(cloud, ask(amount=50)) | {"id": "", "expires_at": ""} == {
        "id": "", "state": "refused", "reason": "short", "expires_at": "", "balances": {"points": 40}, "lots": [], "coupon": None,
    }  # fmt: skip
    for _ in range(2):
        assert finish(cloud, "commit", held)["state"] == "committed"
    cloud.clock.now += 86_400
    assert hold(cloud, ask(amount=50))["reason"] == "short"  # committed: kept until its event comes
    assert shop.tell(events.POINTS_REDEEMED, [("points", -60)], hold_id=held["id"], yen=60) == "applied"
    assert cloud.balances("M1") == {"points": 40}
    assert finish(cloud, "commit", held)["balances"] == {"points": 40}
    assert hold(cloud, ask(amount=40))["state"] == "held"
    assert problem_of(cloud, shop) == ("applied", None)
    assert not cloud.receiver.engine.read(audit).problems


def test_the_same_id_is_the_same_authorisation_and_never_another_one(cloud, shop):
    body = ask(amount=60)
    first = hold(cloud, body)
    assert hold(cloud, body) == first
    assert hold(cloud, dict(reversed(body.items()))) == first
    for change in ({"amount": 50}, {"ttl_s": 121}, {"sale_id": "other"}, {"member": "M2"}, {"kind": "value"}):
        assert hold(cloud, body | change, 409)["type"].endswith("authorisation-differs")
    assert hold(cloud, ask(amount=40))["state"] == "held"  # nothing was held twice


def test_a_hold_frees_itself_when_its_time_is_over_and_a_late_commit_takes_it_again_only_where_it_is_free(cloud, shop):
    first, second = hold(cloud, ask(amount=60)), hold(cloud, ask(amount=30, ttl_s=900))
    cloud.clock.now += 121
    assert hold(cloud, ask(amount=20))["state"] == "held"
    assert finish(cloud, "commit", first, 409)["state"] == "expired"  # 100 - 30 - 20 is less than 60
    cloud.clock.now += 121
    assert finish(cloud, "commit", first)["state"] == "committed"
    assert finish(cloud, "release", first, 409)["state"] == "committed"
    assert finish(cloud, "release", second)["state"] == "released"
    assert finish(cloud, "release", second)["state"] == "released"
    assert finish(cloud, "commit", second, 409)["state"] == "released"
    assert hold(cloud, ask(amount=50))["reason"] == "short"
    assert hold(cloud, ask(amount=40))["state"] == "held"


def test_an_event_whose_hold_has_run_out_is_booked_and_shown_to_head_office_as_late(cloud, shop):
    held = hold(cloud, ask(amount=60))
    cloud.clock.now += 121
    assert shop.tell(events.POINTS_REDEEMED, [("points", -60)], hold_id=held["id"]) == "applied"
    assert cloud.balances("M1") == {"points": 40}
    assert problem_of(cloud, shop) == ("applied", "late: its authorisation was expired when it came")
    assert shop.tell(events.POINTS_REDEEMED, [("points", -10)], hold_id=str(uuid.uuid4())) == "applied"
    assert "knows no authorisation" in problem_of(cloud, shop)[1]
    held = hold(cloud, ask(amount=20))
    assert shop.tell(events.POINTS_REDEEMED, [("points", -30)], hold_id=held["id"]) == "applied"
    assert problem_of(cloud, shop)[1] == "late: points 20 was authorised, points 30 was taken"
    assert shop.tell(events.SALE_GRANTED, [("points", 100)]) == "applied"
    held = hold(cloud, ask(amount=20))
    assert shop.tell(events.POINTS_REDEEMED, [("points", -10)], hold_id=held["id"]) == "applied"
    assert problem_of(cloud, shop) == ("applied", None)  # the sale became smaller


def test_a_hold_whose_event_came_first_is_committed_whatever_is_asked_later(cloud, shop):
    shop.issue(CODE)
    held, released = hold(cloud, ask("coupon", code_hash=CODE)), hold(cloud, ask(amount=10))
    finish(cloud, "release", released)
    assert shop.tell(events.COUPON_REDEEMED, code_hash=CODE, hold_id=held["id"]) == "applied"
    assert shop.tell(events.POINTS_REDEEMED, [("points", -10)], hold_id=released["id"]) == "applied"
    assert problem_of(cloud, shop) == ("applied", "late: its authorisation was released when it came")
    cloud.clock.now += 1000
    for one in (held, released):
        assert finish(cloud, "release", one, 409)["state"] == "committed"
        assert finish(cloud, "commit", one)["state"] == "committed"


def test_what_came_to_nothing_is_forgotten_after_35_days_and_what_is_kept_is_not(cloud, shop):
    kept = hold(cloud, ask(amount=10))
    finish(cloud, "commit", kept)
    gone = [hold(cloud, ask(amount=10)), hold(cloud, ask(amount=1000))]
    cloud.clock.now += 35 * 86_400 + 121
    assert cloud.call("POST", "/v1/expire?tenant=acme", [], b"{}").status == 200
    for one in gone:
        finish(cloud, "commit", one, 404)
    assert finish(cloud, "commit", kept)["state"] == "committed"


def test_a_journal_that_says_released_frees_also_what_was_committed(cloud, shop):
    held = hold(cloud, ask(amount=100))
    finish(cloud, "commit", held)
    assert shop.tell(events.HOLD_RELEASED, hold_id=held["id"]) == "applied"
    assert hold(cloud, ask(amount=100))["state"] == "held"


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"amount": 110}, "short"), ({"amount": 15}, "limit"), ({"amount": 2000}, "limit"), ({"member": "nobody"}, "unknown"),
     ({"kind": "value"}, "short"), ({"kind": "charge", "amount": 1500}, "limit"), ({"kind": "coupon", "code_hash": CODE}, "unknown")],
)  # fmt: skip
def test_what_cannot_be_had_is_refused_with_a_stable_word(cloud, shop, change, reason):
    body = ask() | change
    if body["kind"] == "coupon":
        del body["amount"]
    held = hold(cloud, body)
    assert (held["state"], held["reason"]) == ("refused", reason)
    assert finish(cloud, "commit", held, 409)["state"] == "refused"
    assert finish(cloud, "release", held)["state"] == "refused"


def test_a_member_who_may_only_earn_or_nothing_takes_nothing_out(cloud, shop):
    for status in ("blocked", "earn_only"):
        post(cloud, "/v1/members", {"number": "2912345678901", "token": "M1", "status": status}, 201)
        assert hold(cloud, ask())["reason"] == "blocked"


WRONG = {
    "an unknown field": {"extra": 1}, "no id": {"id": None}, "an id that is no UUID": {"id": "7"}, "an unknown kind": {"kind": "money"},
    "no member": {"member": None}, "a float": {"amount": 1.0}, "nothing": {"amount": 0}, "below nothing": {"amount": -1},
    "true": {"amount": True}, "too much": {"amount": 100_000_000}, "no time": {"ttl_s": 29}, "much time": {"ttl_s": 901},
    "no sale": {"sale_id": None}, "a long sale": {"sale_id": "x" * 201}, "control characters": {"member": "a\x00"},
    "a coupon's hash": {"code_hash": CODE}, "a coupon without a hash": {"kind": "coupon", "amount": None},
    "a coupon with an amount": {"kind": "coupon", "code_hash": CODE},
    "false": {"amount": False}, "a list": {"kind": ["points"]}, "a surrogate": {"member": "\ud800"},
}  # fmt: skip


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_a_request_that_is_not_well_formed_is_refused_and_nothing_is_kept(sqlite_cloud, change):
    body = ask() | change
    hold(sqlite_cloud, body, 400)
    assert sqlite_cloud.receiver.engine.read(lambda work: work.rows("SELECT count(*) FROM authorisation")) == [(0,)]


def test_bodies_and_paths_that_are_nonsense_are_refused(sqlite_cloud):
    for body in (b"[]", b"{", b"\xff", b"null", b"[" * 9000, b'{"x":"' + b"y" * 9000 + b'"}'):
        assert sqlite_cloud.call("POST", "/v1/authorisations", [], body).status in {400, 413}
    for name, status in (("x", 404), ("%00", 400), (str(uuid.uuid4()), 404), (str(uuid.uuid4()).upper(), 404)):
        assert sqlite_cloud.call("POST", f"/v1/authorisations/{name}/commit").status == status
        assert sqlite_cloud.call("POST", f"/v1/authorisations/{name}/release").status == status
        assert sqlite_cloud.call("GET", f"/v1/coupons/{name}").status == status
    assert sqlite_cloud.call("POST", f"/v1/authorisations/{uuid.uuid4()}/commit", [], b'{"x":1}').status == 400


# ---------------------------------------------------------------- prepaid value


def charge(till, value, bonus, expires=("2027-05-23", "2027-02-23"), **more):
    return till.tell(events.VALUE_CHARGED, [("value", value, expires[0]), ("bonus", bonus, expires[1])], **more)


def test_prepaid_value_is_spent_from_lots_in_the_order_of_their_end(cloud, shop):
    charge(shop, 1000, 100)
    charge(shop, 1000, 100, ("2027-01-10", "2027-01-10"))
    charge(shop, 500, 50, ("2026-11-22", "2026-11-22"))  # ended yesterday
    held = hold(cloud, ask("value", 1150))
    assert held["lots"] == [["bonus/2027-01-10", 100], ["value/2027-01-10", 1000], ["bonus/2027-02-23", 50]]
    assert held["balances"] == {"points": 100, "value": 1000, "bonus": 50}
    other = hold(cloud, ask("value", 100))
    assert other["lots"] == [["bonus/2027-02-23", 50], ["value/2027-05-23", 50]]
    assert hold(cloud, ask("value", 951))["reason"] == "short"
    finish(cloud, "commit", held)
    spent = [("bonus", -150), ("value", -1000)]
    assert shop.tell(events.VALUE_SPENT, spent, hold_id=held["id"], lots=held["lots"]) == "applied"
    assert problem_of(cloud, shop) == ("applied", None)
    finish(cloud, "release", other)
    assert hold(cloud, ask("value", 1050))["lots"] == [["bonus/2027-02-23", 50], ["value/2027-05-23", 1000]]
    assert not cloud.receiver.engine.read(audit).problems


def test_lots_come_right_in_any_order_of_the_events_and_without_a_word_of_lots(cloud, shop):
    early = shop.beside("2")
    assert early.tell(events.VALUE_SPENT, [("value", -300)], lots=[["value/2027-05-23", 300]]) == "applied"  # its charge is still on its way
    charge(shop, 1000, 0)
    assert hold(cloud, ask("value", 700))["lots"] == [["value/2027-05-23", 700]]
    charge(shop, 400, 0, ("2027-01-10", "2027-01-10"))
    assert early.tell(events.VALUE_SPENT, [("value", -250)]) == "applied"  # says nothing: what ends first goes first
    assert hold(cloud, ask("value", 150))["lots"] == [["value/2027-01-10", 150]]


def test_a_spend_that_names_one_lot_of_two_takes_each_its_part(cloud, shop):
    shop.tell(events.VALUE_CHARGED, [("value", 600, "2027-05-23"), ("value", 400)])  # the second never ends
    held = hold(cloud, ask("value", 700))
    assert held["lots"] == [["value/2027-05-23", 600], ["value/", 100]]
    named = [{"account": "value", "delta": -600, "lot": "2027-05-23"}, {"account": "value", "delta": -100}]  # as the register writes them
    assert shop.tell(events.VALUE_SPENT, named, hold_id=held["id"], lots=held["lots"]) == "applied"
    assert hold(cloud, ask("value", 300))["lots"] == [["value/", 300]]
    rows = cloud.receiver.engine.read(lambda work: work.rows("SELECT lot, amount FROM lot WHERE account = 'value' ORDER BY lot"))
    assert rows == [("", 300), ("2027-05-23", 0)]


def test_a_void_puts_what_was_spent_back_into_its_lots(cloud, shop):
    charge(shop, 1000, 100)
    held = hold(cloud, ask("value", 600, sale_id="S1"))
    finish(cloud, "commit", held)
    shop.tell(events.VALUE_SPENT, [("bonus", -100), ("value", -500)], hold_id=held["id"], lots=held["lots"], sale_id="S1")
    shop.tell(events.SALE_VOIDED, [("bonus", 100), ("value", 500)], sale_id="S1", reason="wrong")
    assert hold(cloud, ask("value", 1100))["lots"] == [["bonus/2027-02-23", 100], ["value/2027-05-23", 1000]]


def test_a_sale_that_is_voided_paid_again_and_voided_again_gives_back_each_spend_once(cloud, shop):
    shop.tell(events.POINTS_ADJUSTED, [("points", 300, "2027-01-31"), ("points", 200, "2027-02-28")])
    for number in range(2):
        held = hold(cloud, ask(amount=400, sale_id="S1"))
        finish(cloud, "commit", held)
        shop.tell(events.POINTS_REDEEMED, [("points", -400)], hold_id=held["id"], sale_id="S1")
        named = {"holds_back": [held["id"]]} if number else {}
        shop.tell(events.SALE_VOIDED, [("points", 400)], sale_id="S1", **named)
        cloud.clock.now += 1
    rows = cloud.receiver.engine.read(lambda work: work.rows("SELECT lot, amount FROM lot WHERE account = 'points' ORDER BY lot"))
    assert rows == [("2027-01-31", 300), ("2027-02-28", 200)]


def test_a_charge_is_held_against_its_limits_together_with_other_charges(cloud, shop):
    charge(shop, 20_000, 0)
    first = hold(cloud, ask("charge", 20_000))
    assert (first["state"], first["balances"]["value"]) == ("held", 20_000)
    assert hold(cloud, ask("charge", 11_000))["reason"] == "limit"  # 20,000 + 20,000 + 11,000
    third = hold(cloud, ask("charge", 10_000))
    assert finish(cloud, "release", third)["state"] == "released"
    assert hold(cloud, ask("value", 20_001))["reason"] == "short"  # a charge is no money yet
    assert charge(shop, 20_000, 2_000, hold_id=first["id"]) == "applied"
    assert problem_of(cloud, shop) == ("applied", None)
    second = hold(cloud, ask("charge", 1000))
    assert second["state"] == "held"
    assert charge(shop, 2000, 200, hold_id=second["id"]) == "applied"
    assert problem_of(cloud, shop)[1] == "late: charge 1000 was authorised, charge 2000 was taken"
    assert hold(cloud, ask("value", 44_200))["state"] == "held"


# ---------------------------------------------------------------- coupons


def test_a_coupon_is_held_once_and_used_once(cloud, shop):
    shop.issue(CODE)
    shop.tell(events.COUPON_PRINTED, code_hash=CODE, result="printed")
    seen = cloud.call("GET", f"/v1/coupons/{CODE}").json()
    jsonschema.validate(seen, {"$ref": "#/components/schemas/Coupon", "components": {"schemas": SCHEMAS}})
    assert (seen["state"], seen["reason"], seen["def"], seen["last_day"]) == ("printed", None, "next-100", "2026-12-31")
    held = hold(cloud, ask("coupon", code_hash=CODE, member=None, amount=0))
    assert held["coupon"] == {"def": "next-100", "coupon_id": "c1", "label": "100円引き", "member": None, "last_day": "2026-12-31",
                              "reach": "store", "state": "printed"}  # fmt: skip
    assert hold(cloud, ask("coupon", code_hash=CODE))["reason"] == "held_elsewhere"
    assert cloud.call("GET", f"/v1/coupons/{CODE}").json()["reason"] == "held_elsewhere"
    finish(cloud, "commit", held)
    assert shop.tell(events.COUPON_REDEEMED, code_hash=CODE, hold_id=held["id"], sale_id="S7") == "applied"
    assert hold(cloud, ask("coupon", code_hash=CODE))["reason"] == "used"
    shop.tell(events.SALE_VOIDED, sale_id="S7")
    assert hold(cloud, ask("coupon", code_hash=CODE))["state"] == "held"


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"last_day": "2026-11-22"}, "expired"), ({"last_day": "2026-11-23"}, None), ({"first_day": "2026-11-24"}, "not_yet"),
     ({"bearer": False, "member": "M2"}, "other_member"), ({"bearer": False, "member": "M1"}, None), ({"last_day": None}, None)],
)  # fmt: skip
def test_a_coupon_is_judged_by_its_days_and_its_member(cloud, shop, change, reason):
    shop.issue(CODE, **change)
    assert hold(cloud, ask("coupon", code_hash=CODE))["reason"] == reason


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_coupon_may_be_redeemed_or_voided_before_its_issue_is_known(cloud, shop, order):
    for step in order:
        match step:
            case 0:
                shop.issue(CODE)
            case _:
                assert shop.beside("2").tell(events.COUPON_REDEEMED, code_hash=CODE, sale_id="S9") == "applied"
    held = hold(cloud, ask("coupon", code_hash=CODE))
    assert (held["reason"], held["coupon"]["state"], held["coupon"]["label"]) == ("used", "used", "100円引き")


def test_a_voided_sale_takes_its_unused_coupons_with_it_in_any_order(cloud, shop):
    other = code_hash("other")
    shop.issue(CODE)
    shop.tell(events.SALE_VOIDED, sale_id="0001-1-20261120-1")
    assert hold(cloud, ask("coupon", code_hash=CODE))["reason"] == "void"
    shop.beside("2").tell(events.COUPON_VOIDED, code_hash=other)
    shop.issue(other, sale_id="S2")
    assert hold(cloud, ask("coupon", code_hash=other))["reason"] == "void"


def test_a_coupon_that_two_registers_used_is_a_case_for_head_office(cloud, shop):
    shop.issue(CODE)
    assert shop.tell(events.COUPON_REDEEMED, code_hash=CODE, sale_id="S1") == "applied"
    second = shop.beside("2")
    assert second.tell(events.COUPON_REDEEMED, code_hash=CODE, sale_id="S2") == "conflict"
    second.tell(events.SALE_VOIDED, sale_id="S2", coupons_back=[CODE])
    assert hold(cloud, ask("coupon", code_hash=CODE))["reason"] == "used"  # the first sale's use of it stands
    (case,) = cloud.call("GET", "/v1/conflicts").json()["conflicts"]
    assert (case["problem"], case["against"]) == ("the coupon was used already", f"{shop.stream.stream_id}:3")
    assert cloud.call("POST", f"/v1/conflicts/{case['case']}/decide", [], b'{"decision":"apply","by":"Sato"}').status == 200
    assert cloud.call("GET", "/v1/conflicts").json()["conflicts"] == []


# ---------------------------------------------------------------- places, signatures, races


def test_reach_is_judged_by_where_the_register_is_enrolled_and_requests_must_be_signed(cloud, shop):
    for reach, code in (("register", code_hash("a")), ("store", code_hash("b")), ("brand", code_hash("c"))):
        shop.issue(code, reach=reach)
    cloud.restart(Settings(signed=True))
    found = {}
    for store, register in (("0001", "1"), ("0001", "2"), ("0002", "1")):
        code = post(cloud, "/v1/enrolments?tenant=acme", {"store": store, "register": register}, 201)["code"]
        given = post(cloud, "/v1/enrol", {"code": code})
        key = Key(given["device"], bytes.fromhex(given["key"]))
        for letter in "abc":
            body = json.dumps(ask("coupon", code_hash=code_hash(letter))).encode()
            headers = {"Content-Digest": content_digest(body)}
            signed = headers | sign(key, "POST", "http://localhost:8940/v1/authorisations", headers, int(cloud.clock.now))
            reply = cloud.call("POST", "/v1/authorisations", list(signed.items()), body)
            assert reply.status == 200, reply.body
            found[store + register + letter] = reply.json()["reason"]
            assert cloud.call("POST", "/v1/authorisations", list(headers.items()), body).status == 401
            assert cloud.call("POST", "/v1/authorisations", list(signed.items()), body + b" ").status in {400, 401}
            finish_path = f"/v1/authorisations/{reply.json()['id']}/release"
            signed = sign(key, "POST", f"http://localhost:8940{finish_path}", {}, int(cloud.clock.now))
            assert cloud.call("POST", finish_path, list(signed.items())).status == 200
    assert found == {"00011a": None, "00011b": None, "00011c": None, "00012a": "reach", "00012b": None, "00012c": None,
                     "00021a": "reach", "00021b": "reach", "00021c": None}  # fmt: skip


@pytest.mark.parametrize("kind", ["points", "coupon", "value", "charge"])
def test_of_many_registers_at_the_same_moment_exactly_those_win_for_whom_it_suffices(cloud, shop, kind):
    shop.issue(CODE)
    charge(shop, 30_000, 0)
    amount, winners = {"points": (40, 2), "coupon": (0, 1), "value": (14_000, 2), "charge": (8_000, 2)}[kind]
    engine, here, barrier, states = cloud.receiver.engine, Place("acme", "0001", "1"), threading.Barrier(6), []

    def one():
        request = authorise.Ask(str(uuid.uuid4()), kind, "M1", CODE if kind == "coupon" else None, amount, "S", 120)
        barrier.wait(30)
        held = engine.write(lambda work: authorise.place(work, here, None, request, cloud.receiver.now_ms()))
        states.append(held.stored)

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(states) == ["held"] * winners + ["refused"] * (6 - winners)


def test_the_same_request_that_comes_twice_at_the_same_moment_holds_once(cloud, shop):
    engine, here, barrier, found = cloud.receiver.engine, Place("acme", "0001", "1"), threading.Barrier(6), []
    request = authorise.Ask(str(uuid.uuid4()), "points", "M1", None, 60, "S", 120)

    def one():
        barrier.wait(30)
        found.append(engine.write(lambda work: authorise.place(work, here, None, request, cloud.receiver.now_ms())))

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [held.stored for held in found] == ["held"] * 6
    purse = engine.read(lambda work: lots.purses(work, "acme", ("M1",), None, lots.as_day("2026-11-23"), cloud.receiver.now_ms()))["points"]
    assert purse.available == 40


# ---------------------------------------------------------------- head office


def test_head_office_sees_lots_holds_and_coupons_of_a_member_and_frees_what_a_broken_till_keeps(cloud, shop):
    charge(shop, 1000, 100)
    charge(shop, 500, 0, ("2026-11-22", "2026-11-22"))
    shop.issue(CODE, bearer=False, member="M1", label="<b>100円</b>")
    held = hold(cloud, ask("value", 300))
    coupon = hold(cloud, ask("coupon", code_hash=CODE))
    finish(cloud, "commit", held)
    found = cloud.call("GET", "/v1/members/M1").json()
    jsonschema.validate(found, {"$ref": "#/components/schemas/Ledger", "components": {"schemas": SCHEMAS}})
    assert (found["balances"]["value"], found["available"]) == (1500, {"points": 100, "value": 800, "bonus": 0})
    assert [(one["lot"], one["left"], one["expired"]) for one in found["lots"]] == [
        ("bonus/2027-02-23", 100, False), ("points/", 100, False), ("value/2026-11-22", 500, True), ("value/2027-05-23", 1000, False),
    ]  # fmt: skip
    assert [(one["id"], one["state"]) for one in found["holds"]] == sorted([(held["id"], "committed"), (coupon["id"], "held")])
    assert [(one["code_hash"], one["state"]) for one in found["coupons"]] == [(CODE, "issued")]
    page = cloud.call("GET", "/office/members?token=M1").body.decode()
    assert "確定・未着 committed" in page
    assert "&lt;b&gt;100円" in page
    assert "<b>100円" not in page
    form = b"by=Sato&token=M1"
    assert cloud.call("POST", f"/office/holds/{held['id']}/release", [], form).headers["location"] == "/office/members?tenant=acme&token=M1"
    assert "trouble=" in cloud.call("POST", f"/office/holds/{held['id']}/release", [], form).headers["location"]
    assert post(cloud, f"/v1/holds/{held['id']}/release", {"by": "Sato"}, 409)["title"].startswith("nothing is held")
    assert post(cloud, f"/v1/holds/{coupon['id']}/release", {"by": ""}, 409)["title"] == "say who decides"
    assert cloud.call("GET", "/v1/members/M1").json()["available"] == {"points": 100, "value": 1000, "bonus": 100}
    assert cloud.call("POST", f"/office/holds/{held['id']}/release", [("Origin", "http://evil.example")], form).status == 403


def test_what_came_late_is_shown_to_head_office_until_somebody_has_seen_it(cloud, shop):
    shop.tell(events.POINTS_REDEEMED, [("points", -60)], hold_id=str(uuid.uuid4()))
    found = cloud.call("GET", "/v1/conflicts").json()
    (note,) = found["notes"]
    assert (found["conflicts"], note["status"]) == ([], "applied")
    assert "確認しました" in cloud.call("GET", "/office/conflicts").body.decode()
    for wrong in ("apply", "dismiss"):
        post(cloud, f"/v1/conflicts/{note['case']}/decide", {"decision": wrong, "by": "Sato"}, 409)
    post(cloud, f"/v1/conflicts/{note['case']}/decide", {"decision": "note", "by": "Sato"})
    assert cloud.call("GET", "/v1/conflicts").json()["notes"] == []
    assert cloud.balances("M1") == {"points": 40}


def test_a_register_may_send_every_type_of_the_vocabulary(sqlite_cloud, make_shop):
    till = make_shop(sqlite_cloud)
    statuses = {kind: till.tell(kind, code_hash=CODE, hold_id=str(uuid.uuid4()), sale_id="S") for kind in sorted(events.KNOWN)}
    assert {kind: status for kind, status in statuses.items() if status != "applied"} == {}
    assert till.tell("posagent.unheard.of.v1") == "rejected"
