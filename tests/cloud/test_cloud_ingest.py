"""What a batch does: verdicts, chain, gap, fork, floor, withheld bodies. On both engines."""

from __future__ import annotations

import json

import pytest

from offline_queue import wire
from offline_queue.answers import Answer, Problem
from offline_queue.chain import first_link
from posagent.cloud import schema
from posagent.cloud.audit import audit
from posagent.cloud.reading import business
from tools.fleet import Reply, Stream, call, make_event


def grant(stream, number, member="M1", points=10, **more):
    return make_event(stream.place, f"d/{stream.place[2]}/{number}/grant", member, {"points": points}, **more)


def test_a_batch_is_acknowledged_with_its_chain_and_its_entries_are_in_the_balances(cloud, register):
    register.put(make_event(register.place, "d/1/4/grant", "M2", {"points": 5, "stamps": 1}))
    answer = cloud.send(register)
    assert isinstance(answer, Answer)
    assert (answer.acked, answer.chain, answer.items) == (4, register.link(4), ())
    assert answer.server_time == "2026-11-23T11:14:56.000Z"
    assert cloud.balances("M1") == {"points": 30}
    assert cloud.balances("M2") == {"points": 5, "stamps": 1}


def test_the_same_batch_again_changes_nothing_and_is_answered_alike(cloud, register):
    first = cloud.send(register)
    assert cloud.send(register, 1, 3) == first
    assert cloud.send(register, 2, 3) == first
    assert cloud.send(register, 1, 1) == first  # cumulative: an old, delayed request learns how far the stream is
    assert cloud.balances("M1") == {"points": 30}


def test_an_overlapping_batch_adds_only_what_is_new(cloud, register):
    cloud.send(register, 1, 2)
    register.put(grant(register, 9))
    answer = cloud.send(register, 2, 4)
    assert isinstance(answer, Answer)
    assert answer.acked == 4
    assert cloud.balances("M1") == {"points": 40}


def test_a_hole_in_the_sequence_is_a_gap_that_says_where_to_go_on(cloud, register):
    cloud.send(register, 1, 1)
    problem = cloud.send(register, 3, 3)
    assert isinstance(problem, Problem)
    assert (problem.status, problem.type, problem.expected, problem.chain) == (409, wire.GAP, 2, register.link(1))


def test_an_unknown_stream_that_does_not_begin_at_one_is_asked_for_from_one(cloud, register):
    problem = cloud.send(register, 2, 3)
    assert isinstance(problem, Problem)
    assert (problem.status, problem.type, problem.expected, problem.chain) == (404, wire.UNKNOWN_STREAM, 1, first_link(register.stream_id))
    heartbeat = cloud.call("GET", register.path)
    assert heartbeat.status == 404


def test_another_history_under_the_same_stream_is_a_fork_wherever_it_begins(cloud, register):
    cloud.sync(register)
    for keep in range(3):
        clone = Stream(register.place, register.stream_id)
        for body in register.bodies[:keep]:
            clone.put(body)
        for number in range(keep, 5):
            clone.put(grant(clone, 100 + number, "M9"))
        for first in range(1, 5):
            problem = cloud.send(clone, first, 5)
            assert isinstance(problem, Problem)
            assert (problem.status, problem.type) == (409, wire.FORK), (keep, first)
    assert cloud.balances("M9") == {}


def test_a_clone_that_goes_on_from_the_same_end_is_a_fork_once_the_other_has_gone_on(cloud, register):
    cloud.sync(register)
    clone = Stream(register.place, register.stream_id, list(register.bodies), list(register.links), 3)
    register.put(grant(register, 4))
    cloud.sync(register)
    clone.put(grant(clone, 5))
    problem = cloud.send(clone)
    assert isinstance(problem, Problem)
    assert problem.type == wire.FORK


def test_a_body_that_was_altered_on_the_way_is_refused(cloud, register):
    headers, coded = register.batch(1, 3, gzip=False)
    altered = coded.replace(b'"delta":10', b'"delta":99', 1)
    headers = [(name, wire.content_digest(altered) if name == "Content-Digest" else value) for name, value in headers]
    reply = cloud.call("POST", register.path + "/events", headers, altered)
    assert reply.status == 422
    assert reply.json()["type"] == wire.CHAIN_MISMATCH
    assert cloud.balances("M1") == {}


def test_the_same_receipt_on_another_register_is_a_duplicate_and_counted_once(cloud):
    first, second = Stream(("acme", "0001", "1")), Stream(("acme", "0001", "2"))
    for stream in (first, second):
        stream.put(make_event(stream.place, "d/receipt-7/grant", "M1", {"points": 10}))
    cloud.sync(first)
    answer = cloud.sync(second)
    assert [(item.seq, item.status, item.of_stream, item.of_seq) for item in answer.items] == [(1, "duplicate", first.stream_id, 1)]
    assert cloud.balances("M1") == {"points": 10}


def test_the_same_receipt_number_in_another_store_or_company_is_another_receipt(cloud):
    for place in (("acme", "0001", "1"), ("acme", "0002", "1"), ("other", "0001", "1")):
        stream = Stream(place)
        stream.put(make_event(place, "d/receipt-7/grant", "M1", {"points": 10}))
        assert cloud.sync(stream).items == ()
    assert cloud.balances("M1") == {"points": 20}
    assert cloud.balances("M1", "other") == {"points": 10}


def test_a_receipt_number_with_other_content_is_a_conflict_and_waits_for_people(cloud):
    first, second = Stream(("acme", "0001", "1")), Stream(("acme", "0001", "2"))
    first.put(make_event(first.place, "d/receipt-7/grant", "M1", {"points": 10}))
    second.put(make_event(second.place, "d/receipt-7/grant", "M2", {"points": 99}))
    cloud.sync(first)
    answer = cloud.sync(second)
    assert [(item.seq, item.status) for item in answer.items] == [(1, "conflict")]
    assert (cloud.balances("M1"), cloud.balances("M2")) == ({"points": 10}, {})


def test_two_events_of_one_key_in_one_batch_are_judged_in_their_order(cloud):
    stream = Stream()
    stream.put(grant(stream, 1, points=10))
    stream.put(grant(stream, 1, points=10))
    stream.put(grant(stream, 1, points=11))
    answer = cloud.sync(stream)
    assert [(item.seq, item.status, item.of_seq) for item in answer.items] == [(2, "duplicate", 1), (3, "conflict", 1)]
    assert cloud.balances("M1") == {"points": 10}


def test_a_rotated_register_that_sends_everything_again_doubles_nothing(cloud, register):
    register.put(grant(register, 3, points=77))  # a conflict with the register's own third sale
    cloud.sync(register)
    again = Stream(register.place)
    for body in register.bodies:
        again.put(body)
    answer = cloud.sync(again)
    assert [(item.seq, item.status) for item in answer.items] == [(seq, "duplicate") for seq in (1, 2, 3, 4)]
    assert answer.items[3].of_seq == 4  # of the quarantined case, which therefore stays one case
    assert cloud.balances("M1") == {"points": 30}


def test_a_void_of_a_grant_that_was_not_counted_is_not_counted_either(cloud):
    stream = Stream()
    stream.put(grant(stream, 1, points=10))
    contested = grant(stream, 1, "M2", points=20)
    stream.put(contested)
    void = make_event(stream.place, "d/1/1/void", "M2", {"points": -20}, "posagent.sale.voided.v1", ref=wire.decode_event(contested)["id"])
    stream.put(void)
    answer = cloud.sync(stream)
    assert [(item.seq, item.status) for item in answer.items] == [(2, "conflict"), (3, "conflict")]
    later = Stream()
    later.put(make_event(later.place, "d/9/1/void", "M2", {"points": -20}, "posagent.sale.voided.v1", ref=wire.decode_event(contested)["id"]))
    assert [item.status for item in cloud.sync(later).items] == ["conflict"]
    assert (cloud.balances("M1"), cloud.balances("M2")) == ({"points": 10}, {})


REJECTED = {
    "an unknown type": lambda place: make_event(place, "k", "M1", {"points": 1}, "posagent.moon.landed.v1"),
    "a version that is not there yet": lambda place: make_event(place, "k", "M1", {"points": 1}, "posagent.sale.granted.v2"),
    "an amount out of range": lambda place: make_event(place, "k", "M1", {"points": 1_000_000_000}),
    "a delta that is a truth value": lambda place: make_event(place, "k", "M1", {"points": True}),
    "a delta that is text": lambda place: make_event(place, "k", "M1", {"points": "1"}),
    "entries where none belong": lambda place: make_event(place, "k", "M1", {"points": 1}, "posagent.hold.placed.v1"),
    "no place": lambda place: make_event(("ac/me", "", ""), "k", "M1", {"points": 1}),
    "a key with NUL in it": lambda place: make_event(place, "k\x00", "M1", {"points": 1}),
    "half of a surrogate pair": lambda place: make_event(place, "k", "M1", {"points": 1}, note="X").replace(b'"X"', b'"\\ud800"'),
    "a key twice": lambda place: make_event(place, "k", "M1", {"points": 1}).replace(b'{"specversion"', b'{"id":"x","specversion"'),
    "a float": lambda place: make_event(place, "k", "M1", {"points": 7}).replace(b'"delta":7', b'"delta":7.5'),
    "no key": lambda place: make_event(place, "k", "M1", {"points": 7}).replace(b'"idemkey":"k",', b""),
    "a number without end": lambda place: make_event(place, "k", "M1", {"points": 7}).replace(b'"delta":7', b'"delta":' + b"7" * 4000),
}


@pytest.mark.parametrize("make", REJECTED.values(), ids=REJECTED.keys())
def test_what_cannot_be_counted_is_kept_as_rejected_and_blocks_nothing(cloud, register, make):
    cloud.sync(register)
    register.put(make(register.place))
    register.put(grant(register, 8))
    answer = cloud.sync(register)
    assert [(item.seq, item.status) for item in answer.items] == [(4, "rejected")]
    assert answer.items[0].problem
    assert cloud.balances("M1") == {"points": 40}
    (kept,) = cloud.receiver.engine.read(lambda work: work.rows("SELECT body FROM event WHERE stream_id = ? AND seq = 4", register.stream_id))
    assert bytes(kept[0]) == register.bodies[3]


def test_an_unknown_field_is_no_reason_to_refuse(cloud):
    stream = Stream()
    stream.put(make_event(stream.place, "k", "M1", {"points": 3}, novelty={"deep": [1, None, True]}))
    assert cloud.sync(stream).items == ()


def test_a_withheld_body_keeps_its_place_and_is_counted_when_it_comes(cloud, register):
    answer = cloud.send(register, 1, 3, withheld=(2,))
    assert isinstance(answer, Answer)
    assert [(item.seq, item.status) for item in answer.items] == [(2, "withheld")]
    assert (answer.acked, answer.chain) == (3, register.link(3))
    assert cloud.balances("M1") == {"points": 20}
    answer = cloud.send(register, 2, 2)
    assert isinstance(answer, Answer)
    assert (answer.acked, answer.items) == (3, ())
    assert cloud.balances("M1") == {"points": 30}
    assert cloud.send(register, 1, 3) == answer
    assert cloud.balances("M1") == {"points": 30}


def test_a_receiver_restored_beyond_the_registers_memory_goes_on_from_its_floor_and_remembers_the_hole(cloud, register):
    for number in range(4, 7):
        register.put(grant(register, number))
    cloud.send(register, 1, 1)
    headers, coded = register.batch(5, 6)
    assert cloud.call("POST", register.path + "/events", headers, coded).status == 409
    headers.append((wire.FLOOR, f"4;{wire.b64(register.link(4))}"))
    reply = cloud.call("POST", register.path + "/events", headers, coded)
    assert (reply.status, reply.json()["acked"]) == (200, 6)
    assert cloud.balances("M1") == {"points": 30}
    holes = cloud.receiver.engine.read(lambda work: work.rows("SELECT first_seq, last_seq FROM hole"))
    assert holes == [(2, 4)]
    assert cloud.send(register, 5, 6).acked == 6  # the link at the floor is known
    wrong = [(name, value) for name, value in headers if name != wire.FLOOR] + [(wire.FLOOR, f"4;{wire.b64(bytes(32))}")]
    assert cloud.call("POST", register.path + "/events", wrong, coded).status == 200  # nothing is lacking: the floor is not even looked at
    other = Stream(register.place)
    for body in register.bodies:
        other.put(body)
    headers, coded = other.batch(5, 6)
    headers.append((wire.FLOOR, f"3;{wire.b64(other.link(3))}"))
    assert cloud.call("POST", other.path + "/events", headers, coded).status == 400


def test_an_answer_never_names_more_verdicts_than_the_protocol_allows(cloud):
    stream = Stream()
    for _ in range(1100):
        stream.put(grant(stream, 1))
    cloud.sync(stream)
    answer = cloud.send(stream, 1, 500)
    assert isinstance(answer, Answer)
    assert len(answer.items) == wire.MAX_EVENTS
    assert answer.acked == 501  # as far as the verdicts reach: 2 … 501
    assert answer.chain == stream.link(501)


def test_state_and_health_tell_each_other_how_far_they_are(cloud, register):
    cloud.sync(register)
    reply = cloud.call("GET", register.path)
    assert (reply.status, reply.json()["acked"], reply.json()["chain"]) == (200, 3, wire.b64(register.link(3)))
    said = b'{"pending": 7, "oldest_age_s": 60, "reserve_pct": 98}'
    assert cloud.call("POST", register.path + "/health", [("Content-Type", "application/json")], said).status == 200
    rows = cloud.receiver.engine.read(lambda work: work.rows("SELECT pending, oldest_pending_ms FROM stream"))
    assert rows == [(7, int(cloud.clock.now * 1000) - 60_000)]
    for bad in (b"[1]", b"{", b"\xff", b'{"x":' + b"[" * 10_000, b'{"x": "' + b"x" * 20_000 + b'"}'):
        assert cloud.call("POST", register.path + "/health", [], bad).status == 400


def test_everything_is_there_again_after_a_restart(cloud, register):
    cloud.send(register, 1, 2)
    cloud.restart()
    answer = cloud.sync(register)
    assert answer.acked == 3
    assert cloud.balances("M1") == {"points": 30}


async def _twice(app, stream):
    import asyncio

    headers, coded = stream.batch(1, len(stream.bodies))
    replies: list[Reply] = await asyncio.gather(*(call(app, "POST", stream.path + "/events", headers, coded) for _ in range(6)))
    return replies


def test_the_same_first_batch_six_times_at_once_is_taken_once(cloud, register):
    replies = cloud.run(_twice(cloud.app, register))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1
    assert cloud.balances("M1") == {"points": 30}


def test_a_database_of_the_first_schema_gets_its_new_tables_and_keeps_what_its_keys_say(cloud, register):
    cloud.sync(register)
    body = register.bodies[0]
    new = [table.name for table in (schema.LOT, schema.ACTIVITY, schema.COUPON, schema.AUTHORISATION, schema.MEMBER_SECRET, schema.TIMED_CODE,
                                    schema.TIMED_SCAN, schema.DEVICE_CERTIFICATE)]  # fmt: skip

    def go_back(work):
        for name in new:
            work.run(f"DROP TABLE {name}")
        work.run("UPDATE grant_key SET digest = ? WHERE seq = 1", business(body))  # what the first schema kept
        work.run("PRAGMA user_version = 1" if cloud.receiver.engine.name == "sqlite" else "UPDATE meta SET value = '1' WHERE name = 'schema'")

    cloud.receiver.engine.write(go_back)
    cloud.restart()
    again = Stream(("acme", "0001", "2"))
    said = json.loads(body)
    again.put(json.dumps(said | {"id": "another"} | {"data": said["data"] | {"trace": {"mono_ms": 1}}}, separators=(",", ":")).encode())
    again.put(json.dumps(said | {"data": said["data"] | {"entries": [{"account": "points", "delta": 99}]}}, separators=(",", ":")).encode())
    assert [item.status for item in cloud.sync(again).items] == ["duplicate", "conflict"]
    assert cloud.balances("M1") == {"points": 30}
    register.put(make_event(register.place, "d/1/9/spend", "M1", {"points": -5}, "posagent.points.redeemed.v1"))
    assert cloud.sync(register).items == ()
    cloud.restart()
    assert not cloud.receiver.engine.read(audit).problems
