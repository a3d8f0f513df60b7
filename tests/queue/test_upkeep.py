"""What happens between puts: retention that never touches what was not acknowledged, checkpoints, the reserve, the way back."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from offline_queue import cursor, upkeep, wire
from offline_queue.answers import Answer, Item
from offline_queue.database import free_reserve, pragma
from offline_queue.errors import CloudBusy
from offline_queue.events import NewEvent
from offline_queue.journal import Journal
from offline_queue.ledger import append, read_head
from offline_queue.rotate import rotate
from offline_queue.schema import set_meta
from offline_queue.sync import Credentials, SyncLane
from offline_queue.upkeep import purge

from receiver_model import TIME, Model  # isort: skip

SOURCE = "/t/acme/s/0042/r/2"
Grant = Callable[..., NewEvent]


def _fill(journal: Journal, grant: Grant, count: int) -> None:
    journal.put([grant(f"k{number}") for number in range(1, count + 1)]).result(60)


def _take(journal: Journal, until: int, *items: Item) -> str:
    sent = cursor.position(journal.reader().meta())
    link = journal.reader().lines(until - 1, 1)[0][2]
    return journal.transact(lambda conn: cursor.take(conn, sent, Answer(until, link, TIME, items), until, 0)).result(60)


def _a_month_later(conn: sqlite3.Connection, server_time: int = 1 << 40) -> None:
    set_meta(conn, {"server_time": server_time})


def test_retention_goes_by_the_receivers_time_and_never_beyond_the_cursor(journal: Journal, grant: Grant) -> None:
    _fill(journal, grant, 30)
    assert journal.transact(purge).result(60) == 0
    assert _take(journal, 20) == "moved"
    assert journal.transact(purge).result(60) == 0, "acknowledged just now"
    journal.transact(_a_month_later).result(60)
    assert journal.transact(purge).result(60) == 20
    assert [seq for seq, _, _ in journal.reader().lines(0, 100)] == list(range(21, 31))
    assert journal.put([grant("next")]).result(60).seq == 31


def test_what_the_receiver_asks_for_again_is_not_deleted_although_it_was_old_enough(journal: Journal, grant: Grant) -> None:
    _fill(journal, grant, 30)
    _take(journal, 30)
    journal.transact(lambda conn: conn.execute("UPDATE mark SET at = 1")).result(60)
    sent = cursor.position(journal.reader().meta())
    link = journal.reader().lines(9, 1)[0][2]
    assert journal.transact(lambda conn: cursor.rewind(conn, sent, 11, link)).result(60) == "rewound"
    journal.transact(lambda conn: conn.execute("INSERT OR REPLACE INTO mark(seq, at) VALUES(30, 1)")).result(60)
    journal.transact(_a_month_later).result(60)
    assert journal.transact(purge).result(60) == 10
    assert journal.reader().pending().count == 20


def test_a_gap_with_another_link_is_a_fork_not_a_rewind(journal: Journal, grant: Grant) -> None:
    _fill(journal, grant, 30)
    _take(journal, 30)
    sent = cursor.position(journal.reader().meta())
    assert journal.transact(lambda conn: cursor.rewind(conn, sent, 11, bytes(32))).result(60) == "fork"
    assert journal.reader().acked() == 30


def test_refused_events_outlive_retention_until_somebody_has_decided_and_keep_their_marks_through_a_new_stream(
    journal: Journal, grant: Grant
) -> None:
    _fill(journal, grant, 10)
    _take(journal, 10, Item(3, "rejected", "no such member"), Item(5, "duplicate"))
    journal.transact(_a_month_later).result(60)
    journal.transact(purge).result(60)
    assert [seq for seq, _, _ in journal.reader().lines(0, 100)] == [3]
    journal.transact(lambda conn: rotate(conn, "test")).result(60)
    assert [seq for seq, _, _ in journal.reader().lines(0, 100)] == [1]
    assert [(row["seq"], row["status"]) for row in journal.reader().rows("SELECT * FROM verdict")] == [(1, "rejected")]


def test_verdicts_of_a_lost_answer_are_fetched_although_the_receiver_is_further_than_the_next_batch(journal: Journal, grant: Grant) -> None:
    model = Model(judge=lambda body: "rejected" if b'"idemkey":"k40"' in body else None, drop_answer=True)
    _fill(journal, grant, 50)
    lane = SyncLane(journal, model.url, credentials=Credentials, stop=threading.Event(), connect=model.connect)
    with pytest.raises(CloudBusy):
        lane.round()
    model.drop_answer = False
    lane._limit = 10
    while lane.round():
        pass
    assert [row["seq"] for row in journal.reader().rows("SELECT seq FROM verdict")] == [40]
    assert journal.reader().acked() == 50


def test_an_answer_to_a_question_from_before_a_person_moved_the_cursor_is_void(journal: Journal, grant: Grant) -> None:
    _fill(journal, grant, 10)
    sent = cursor.position(journal.reader().meta())
    journal.transact(lambda conn: set_meta(conn, {"generation": 1})).result(60)
    link = journal.reader().lines(9, 1)[0][2]
    assert journal.transact(lambda conn: cursor.take(conn, sent, Answer(10, link, TIME), 10, 0)).result(60) == "stale"
    assert journal.reader().acked() == 0


def test_the_reserve_is_there_from_the_start_and_grows_again_when_it_was_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "IDLE_S", 0.05)
    journal = Journal.open(tmp_path, source=SOURCE, reserve_mb=1)
    assert journal.transact(free_reserve).result(60) >= 1 << 20
    assert journal.health().reserve_percent == 100
    for number in range(4):
        big = NewEvent("posagent.day.closed.v1", "r:2", f"big{number}", "2026-11-22T22:00:00+09:00", {"x": "x" * 120_000})
        again = [NewEvent(big.type, big.subject, f"{big.idemkey}/{step}", big.time, big.data) for step in range(2)]
        journal.put([big, *again]).result(60)
    grown = threading.Event()

    def look(conn: sqlite3.Connection) -> int:
        return free_reserve(conn)

    for _ in range(200):
        if journal.transact(look).result(60) >= 1 << 20:
            grown.set()
            break
        grown.wait(0.15)  # the writer must find nothing to do for a while
    assert grown.is_set()
    journal.close()


def test_a_long_backlog_is_moved_into_the_file_while_sales_go_on(journal: Journal, grant: Grant) -> None:
    for number in range(3):
        journal.put([grant(f"{number}/{step}") for step in range(4000)]).result(60)
    wal = journal.path.with_name("queue.db-wal").stat().st_size
    journal.put([grant(f"last/{step}") for step in range(4000)]).result(60)
    journal.transact(lambda _conn: None).result(60)
    assert journal.path.with_name("queue.db-wal").stat().st_size <= wal * 2
    assert int(journal.transact(lambda conn: pragma(conn, "page_count")).result(60)) * 1024 <= journal.path.stat().st_size + 8 * wal


def test_an_import_by_a_lane_does_not_outgrow_the_log(journal: Journal, grant: Grant) -> None:
    def bring_in(conn: sqlite3.Connection, first: int) -> None:
        append(conn, read_head(conn), journal.prepare([grant(f"import/{first}/{step}") for step in range(2000)]))

    sizes = []
    for first in range(10):
        journal.transact(partial(bring_in, first=first)).result(60)
        sizes.append(journal.path.with_name("queue.db-wal").stat().st_size)
    assert max(sizes[5:]) <= max(sizes[:5]) + (1 << 20), "the log of an endless import must be taken up on the way"


def test_a_file_that_is_taken_away_under_the_journal_is_said_and_ends_nothing(journal: Journal, grant: Grant, tmp_path: Path) -> None:
    _fill(journal, grant, 1)
    away = journal.path.with_name("elsewhere")
    journal.path.rename(away)

    def measure(conn: sqlite3.Connection) -> None:
        journal._writer._upkeep.measure(conn)

    journal.transact(measure).result(60)
    assert any("does not answer" in note for note in journal.health().notes)
    away.rename(journal.path)
    journal.transact(measure).result(60)
    assert journal.health().notes == ()


def test_health_says_what_a_technician_must_know(journal: Journal, grant: Grant) -> None:
    _fill(journal, grant, 1)
    health = journal.health()
    assert (health.state, health.notes, health.io_errors, health.sqlite) == ("ok", (), 0, sqlite3.sqlite_version)
    assert health.fsync_p99_us > 0
    journal.note("x", "look at this")
    assert journal.health().state == "degraded"
    journal.note("x", "")
    assert journal.health().state == "ok"


def test_the_floor_header_is_a_number_and_a_link() -> None:
    header = wire.withheld_header([wire.Withheld(100, bytes(32))])
    assert wire.parse_withheld(header) == (wire.Withheld(100, bytes(32)),)
