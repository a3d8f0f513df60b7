"""The cloud lane against a receiver in memory: what each answer makes it do."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path

import pytest

from offline_queue import cursor, wire
from offline_queue.answers import Answer, Problem, encode_problem
from offline_queue.chain import first_link
from offline_queue.decisions import NotRefused, carry_out_orders, drop, place_order, retry
from offline_queue.errors import CloudBusy, CloudForbidden, CloudHeld
from offline_queue.events import NewEvent
from offline_queue.journal import Journal
from offline_queue.schema import set_meta
from offline_queue.sync import Credentials, SyncLane
from offline_queue.transport import Reply

from receiver_model import TIME, Model, Stream  # isort: skip

SOURCE = "/t/acme/s/0042/r/2"
Grant = Callable[..., NewEvent]


def _lane(journal: Journal, model: Model) -> SyncLane:
    return SyncLane(journal, model.url, credentials=Credentials, stop=threading.Event(), connect=model.connect)


def _drain(lane: SyncLane, most: int = 200) -> None:
    for _ in range(most):
        if not lane.round():
            return
    pytest.fail("the lane does not come to rest")


def _fill(journal: Journal, grant: Grant, keys: range) -> None:
    for future in [journal.put([grant(f"k{number}", points=number)]) for number in keys]:
        future.result(60)


def test_everything_arrives_once_in_batches_of_at_most_500(journal: Journal, grant: Grant) -> None:
    model = Model()
    _fill(journal, grant, range(1, 1201))
    lane = _lane(journal, model)
    _drain(lane)
    assert model.requests == [(1, 500), (501, 500), (1001, 200)]
    assert model.grants == {f"k{number}": number for number in range(1, 1201)}
    assert (lane.state().pending, lane.state().link, lane.state().oldest) == (0, "online", None)


def test_a_lost_answer_is_repeated_and_nothing_doubles(journal: Journal, grant: Grant) -> None:
    model = Model(drop_answer=True)
    _fill(journal, grant, range(1, 11))
    lane = _lane(journal, model)
    for _ in range(3):
        with pytest.raises(CloudBusy):
            lane.round()
    model.drop_answer = False
    _drain(lane)
    assert len(model.grants) == 10
    assert journal.reader().acked() == 10


def test_after_five_failures_one_event_probes_and_then_full_batches_go(journal: Journal, grant: Grant) -> None:
    model = Model(drop_request=True)
    _fill(journal, grant, range(1, 301))
    lane = _lane(journal, model)
    for _ in range(5):
        with pytest.raises(CloudBusy) as caught:
            lane.round()
        lane._failed(caught.value, 0.0)
    model.drop_request = False
    _drain(lane)
    assert model.requests == [(1, 1), (2, 299)]


def test_the_server_says_when_to_come_back(journal: Journal, grant: Grant) -> None:
    problem = encode_problem(Problem(wire.OVERLOAD, "busy", status=503))
    model = Model(reply=Reply(503, {"retry-after": "17"}, problem))
    _fill(journal, grant, range(1, 3))
    with pytest.raises(CloudBusy) as caught:
        _lane(journal, model).round()
    assert caught.value.retry_after_s == 17


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_stops_sending_and_keeps_everything(journal: Journal, grant: Grant, status: int) -> None:
    model = Model(reply=Reply(status, {}, encode_problem(Problem(wire.SIGNATURE, "unknown key", status=status))))
    _fill(journal, grant, range(1, 3))
    with pytest.raises(CloudForbidden, match="enrol"):
        _lane(journal, model).round()
    assert journal.reader().pending().count == 2


@pytest.mark.parametrize(("off_h", "said"), [(-72, "72 hours ahead"), (72, "7[12] hours behind")])
def test_a_clock_that_is_days_off_is_told_as_that_and_needs_no_new_key(journal: Journal, grant: Grant, off_h: int, said: str) -> None:
    problem = encode_problem(Problem(wire.SIGNATURE, "the signature's time is more than 48 h off; set the register's clock", status=401))
    theirs = formatdate(time.time() + off_h * 3600, usegmt=True)
    _fill(journal, grant, range(1, 3))
    with pytest.raises(CloudBusy, match=said) as caught:
        _lane(journal, Model(reply=Reply(401, {"date": theirs}, problem))).round()
    assert "timedatectl" in str(caught.value)
    assert caught.value.retry_after_s == 20
    assert journal.reader().pending().count == 2


@pytest.mark.parametrize("reply", [Reply(200, {}, b"<html>log in</html>"), Reply(302, {"location": "/login"}, b""), Reply(404, {}, b"nginx")])
def test_a_captive_portal_is_trouble_that_passes(journal: Journal, grant: Grant, reply: Reply) -> None:
    _fill(journal, grant, range(1, 3))
    with pytest.raises(CloudBusy):
        _lane(journal, Model(reply=reply)).round()
    assert journal.reader().acked() == 0


def test_verdicts_are_kept_where_a_person_finds_them_and_block_nothing(journal: Journal, grant: Grant) -> None:
    model = Model(judge=lambda body: "rejected" if b'"points":3' in body else None)
    _fill(journal, grant, range(1, 6))
    model.keys["k4"] = ("other", "elsewhere", 1)
    _drain(_lane(journal, model))
    rows = journal.reader().rows("SELECT seq, status FROM verdict ORDER BY seq")
    assert [(row["seq"], row["status"]) for row in rows] == [(3, "rejected"), (4, "conflict")]
    assert journal.reader().pending().count == 0


def test_one_poisonous_event_is_parked_after_an_hour_of_tries_and_the_rest_goes_on(journal: Journal, grant: Grant) -> None:
    model = Model(refuse=lambda body: 400 if b'"idemkey":"k37"' in body else None)
    _fill(journal, grant, range(1, 101))
    lane = _lane(journal, model)
    waits = []
    for _ in range(200):
        try:
            if not lane.round():
                break
        except CloudBusy as trouble:
            waits.append(trouble.retry_after_s)
            assert "event 37" in lane.state().blocked
    assert waits == [720] * 5
    assert len(model.grants) == 99
    assert "k37" not in model.grants
    stream = next(iter(model.streams.values()))
    assert (stream.acked, stream.status[36], stream.bodies[36]) == (100, "withheld", None)
    assert any("event 37" in note for note in journal.health().notes)
    assert [(row["seq"], row["state"], row["idemkey"]) for row in journal.reader().undecided(10)] == [(37, "PARKED", "k37")]
    model.refuse = lambda _body: None
    retry(journal, 37, "suzuki")
    assert journal.reader().undecided(10) == []
    _drain(lane)
    assert model.grants["k37"] == 37
    assert journal.reader().rows("SELECT * FROM verdict") == []
    assert journal.health().notes == ()
    model.check()


def test_a_dropped_event_stays_marked_and_says_who_and_why(journal: Journal, grant: Grant) -> None:
    model = Model(judge=lambda body: "rejected" if b'"idemkey":"k2"' in body else None)
    _fill(journal, grant, range(1, 4))
    _drain(_lane(journal, model))
    with pytest.raises(NotRefused):
        drop(journal, 1, "no reason", "suzuki")
    answer = place_order(journal.path.parent, {"what": "drop", "seq": 2, "reason": "test sale", "operator": "suzuki"})
    assert carry_out_orders(journal) == 1
    assert "given up" in answer.read_text()
    event = journal.reader().events(3, 1)[0]
    assert (event.type, event.data["operator"], event.data["reason"], event.data["idemkey"]) == (
        "posagent.event.dropped.v1", "suzuki", "test sale", "k2",
    )  # fmt: skip
    assert "before" in drop(journal, 2, "again", "suzuki")
    assert journal.reader().find("k2") is not None


def test_a_receiver_restored_from_backup_is_healed_by_the_heartbeat_without_a_new_sale(journal: Journal, grant: Grant) -> None:
    model = Model()
    _fill(journal, grant, range(1, 21))
    lane = _lane(journal, model)
    _drain(lane)
    backup = model.backup()
    _fill(journal, grant, range(21, 41))
    _drain(lane)
    model.restore(backup)
    lane._beat_at = 0.0
    _drain(lane)
    assert len(model.grants) == 40
    model.streams.clear()
    model.keys.clear()
    model.grants.clear()
    lane._beat_at = 0.0
    _drain(lane)
    assert len(model.grants) == 40
    model.check()


def test_a_restored_disk_image_forks_and_every_grant_of_both_histories_arrives(tmp_path: Path, grant: Grant) -> None:
    model = Model()
    first = Journal.open(tmp_path / "a", source=SOURCE, reserve_mb=0)
    _fill(first, grant, range(1, 81))
    _drain(_lane(first, model))
    first.close()
    shutil.copytree(tmp_path / "a", tmp_path / "image")
    first = Journal.open(tmp_path / "a", source=SOURCE, reserve_mb=0)
    _fill(first, grant, range(81, 101))
    _drain(_lane(first, model))
    first.close()
    rolled = Journal.open(tmp_path / "image", source=SOURCE, reserve_mb=0)
    _fill(rolled, grant, range(201, 231))
    lane = _lane(rolled, model)
    _drain(lane)
    assert set(model.grants) == {f"k{number}" for number in [*range(1, 101), *range(201, 231)]}
    assert len(model.streams) == 2
    assert rolled.reader().rows("SELECT reason FROM stream_history") != []
    model.check()
    rolled.close()


def test_a_late_acknowledgement_for_a_future_that_the_restored_image_has_forgotten_moves_nothing(tmp_path: Path, grant: Grant) -> None:
    """Sent 1-100, the answer is under way; the disk goes back to 80, 30 new sales are made; now the answer for 100 arrives."""
    journal = Journal.open(tmp_path / "a", source=SOURCE, reserve_mb=0)
    _fill(journal, grant, range(1, 81))
    journal.close()
    shutil.copytree(tmp_path / "a", tmp_path / "image")
    journal = Journal.open(tmp_path / "a", source=SOURCE, reserve_mb=0)
    _fill(journal, grant, range(81, 101))
    sent = cursor.position(journal.reader().meta())
    late = Answer(100, journal.reader().head()[1], TIME)
    journal.close()
    rolled = Journal.open(tmp_path / "image", source=SOURCE, reserve_mb=0)
    _fill(rolled, grant, range(201, 231))
    assert rolled.reader().head()[0] == 110
    assert rolled.transact(lambda conn: cursor.take(conn, sent, late, 100, 0)).result(60) == "fork"
    assert rolled.reader().acked() == 0
    rolled.close()


def test_a_clone_stops_renewing_its_stream_after_three_times_a_day_and_keeps_recording(journal: Journal, grant: Grant) -> None:
    model = Model()
    for step in range(3):  # the other machine has always just written its own history under our stream
        _fill(journal, grant, range(step * 10 + 1, step * 10 + 3))
        _poison(model, str(journal.reader().meta()["stream_id"]))
        _drain(_lane(journal, model))
    _poison(model, str(journal.reader().meta()["stream_id"]))
    _fill(journal, grant, range(90, 92))
    with pytest.raises(CloudHeld, match="copy of this disk"):
        _drain(_lane(journal, model))
    _fill(journal, grant, range(95, 99))
    assert journal.reader().pending().count >= 4


def _poison(model: Model, name: str) -> None:
    model.streams[name] = Stream([first_link(name)] + [bytes(32)] * 50, [b"x"] * 50, [bytes(32)] * 50, ["applied"] * 50)


def test_a_receiver_that_wants_what_retention_has_deleted_gets_the_floor_and_what_follows(journal: Journal, grant: Grant) -> None:
    model = Model()
    _fill(journal, grant, range(1, 31))
    lane = _lane(journal, model)
    _drain(lane)

    def purge_20(conn: sqlite3.Connection) -> None:
        row = conn.execute("SELECT chain FROM ev WHERE seq = 20").fetchone()
        conn.execute("DELETE FROM ev WHERE seq <= 20")
        set_meta(conn, {"floor_seq": 20, "floor_chain": row[0]})

    journal.transact(purge_20).result(60)
    model.streams.clear()
    model.grants.clear()
    model.keys.clear()
    lane._beat_at = 0.0
    _drain(lane)
    assert set(model.grants) == {f"k{number}" for number in range(21, 31)}
    assert any("restored" in note for note in journal.health().notes)


def test_the_loop_wakes_for_a_put_and_ends_when_told(journal: Journal, grant: Grant) -> None:
    model = Model()
    stop = threading.Event()
    lane = SyncLane(journal, model.url, credentials=Credentials, stop=stop, connect=model.connect)
    arrived = threading.Event()
    model.judge = lambda _body: arrived.set()  # type: ignore[func-returns-value]
    thread = threading.Thread(target=lane.run)
    thread.start()
    journal.put([grant("a")]).result(60)
    assert arrived.wait(5)
    stop.set()
    lane.wake()
    thread.join(5)
    assert not thread.is_alive()
