"""The journal's contract: durable before told, one key one event, one process, nothing torn."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from offline_queue.chain import digest, first_link, next_link
from offline_queue.database import pragma
from offline_queue.errors import EventRefused, JournalClosed, JournalForeign, JournalLocked, JournalNewer, KeyConflict
from offline_queue.events import NewEvent, NewJob
from offline_queue.journal import Journal
from offline_queue.print_lane import PrintLane

SOURCE = "/t/acme/s/0042/r/2"
Grant = Callable[..., NewEvent]


def test_events_are_numbered_from_one_without_gaps_and_chained(journal: Journal, grant: Grant) -> None:
    for key in "abc":
        journal.put([grant(key)]).result(60)
    reader = journal.reader()
    link = first_link(str(reader.meta()["stream_id"]))
    events = reader.events(0, 10)
    assert [event.seq for event in events] == [1, 2, 3]
    for event in events:
        link = next_link(link, digest(event.body))
        assert event.chain == link
    assert reader.head() == (3, link)


def test_the_same_key_with_the_same_content_is_the_old_event_whatever_the_trace_says(journal: Journal, grant: Grant) -> None:
    first = journal.put([grant("a", mono_ms=1)], [NewJob("front", "S1", b"slip")]).result(60)
    again = journal.put([grant("a", mono_ms=2)], [NewJob("front", "S1", b"slip")]).result(60)
    assert again.duplicate
    assert (again.seq, again.event.id, again.jobs) == (first.seq, first.event.id, ())
    assert len(PrintLane(journal).jobs()) == 1


def test_the_same_key_with_other_content_is_a_conflict_that_carries_what_stands(journal: Journal, grant: Grant) -> None:
    journal.put([grant("a", 49)]).result(60)
    with pytest.raises(KeyConflict) as caught:
        journal.put([grant("a", 50)]).result(60)
    assert caught.value.stored.data["points"] == 49
    assert journal.reader().head()[0] == 1


def test_a_put_of_several_events_is_all_or_nothing(journal: Journal, grant: Grant) -> None:
    journal.put([grant("b")]).result(60)
    with pytest.raises(KeyConflict):
        journal.put([grant("a"), grant("b")], [NewJob("front", "S1", b"slip")]).result(60)
    assert journal.reader().find("a") is None
    assert PrintLane(journal).jobs() == []


def test_a_conflict_in_a_group_leaves_its_neighbours_alone(journal: Journal, grant: Grant) -> None:
    gate = threading.Event()
    journal.transact(lambda _conn: gate.wait(5))  # everything below waits, and is then one group
    futures = [journal.put([grant("a")]), journal.put([grant("a", 1)]), journal.put([grant("a")]), journal.put([grant("b")])]
    gate.set()
    assert futures[0].result(60).seq == 1
    with pytest.raises(KeyConflict):
        futures[1].result(60)
    assert futures[2].result(60).duplicate
    assert futures[3].result(60).seq == 2


@pytest.mark.parametrize("value", [1.5, float("nan"), b"x", (1, 2), {1: 2}, 1 << 63, "\ud800", object()])
def test_what_is_not_plain_json_is_refused_before_anything_is_written(journal: Journal, grant: Grant, value: object) -> None:
    event = grant("a")
    broken = NewEvent(event.type, event.subject, event.idemkey, event.time, {"x": value})  # type: ignore[dict-item]
    with pytest.raises(EventRefused):
        journal.put([broken])
    assert journal.reader().head()[0] == 0


def test_a_second_process_on_the_same_journal_is_told_who_holds_it(journal: Journal) -> None:
    with pytest.raises(JournalLocked, match="pid"):
        Journal.open(journal.path.parent, source=SOURCE)


def test_a_journal_of_another_register_is_refused(tmp_path: Path) -> None:
    Journal.open(tmp_path, source=SOURCE, reserve_mb=0).close()
    with pytest.raises(JournalForeign, match="belongs to register"):
        Journal.open(tmp_path, source="/t/acme/s/0042/r/3", reserve_mb=0)
    Journal.open(tmp_path, source=SOURCE, reserve_mb=0).close()


def test_another_programs_file_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with sqlite3.connect(path) as conn:
        conn.execute("CREATE TABLE theirs(x)")
    conn.close()
    before = path.read_bytes()
    with pytest.raises(JournalForeign, match="another program"):
        Journal.open(tmp_path, source=SOURCE)
    assert path.read_bytes() == before


def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Journal.open(tmp_path, source=SOURCE, reserve_mb=0).close()
    conn = sqlite3.connect(tmp_path / "queue.db")
    conn.execute("PRAGMA user_version=99")
    conn.close()
    with pytest.raises(JournalNewer, match="99"):
        Journal.open(tmp_path, source=SOURCE)


def test_the_pragmas_that_durability_rests_on_hold(journal: Journal) -> None:
    found = journal.transact(lambda conn: [pragma(conn, name) for name in ("journal_mode", "synchronous", "wal_autocheckpoint")]).result(60)
    assert found == ["wal", 2, 0]


def test_closing_keeps_the_preallocated_log_and_reopening_finds_everything(tmp_path: Path, grant: Grant) -> None:
    first = Journal.open(tmp_path, source=SOURCE, reserve_mb=1)
    first.put([grant("a")]).result(60)
    boot = first.boot_id
    first.close()
    assert (tmp_path / "queue.db-wal").stat().st_size >= 1 << 20
    with pytest.raises(JournalClosed):
        first.put([grant("b")])
    second = Journal.open(tmp_path, source=SOURCE, reserve_mb=1)
    assert second.boot_id != boot
    assert second.findings == ()
    assert second.put([grant("a")]).result(60).duplicate
    second.close()


def test_subscribers_hear_the_last_number_after_each_commit(journal: Journal, grant: Grant) -> None:
    heard: list[int] = []
    journal.subscribe(heard.append)
    journal.put([grant("a"), grant("b")]).result(60)
    journal.put([grant("c")]).result(60)
    journal.transact(lambda _conn: None).result(60)
    journal.close()
    assert heard == [2, 3, 3]


def test_readers_filter_by_type_across_windows(journal: Journal, grant: Grant) -> None:
    journal.put([grant(f"k{number}") for number in range(4500)]).result(60)
    odd = NewEvent("posagent.day.closed.v1", "r:2", "close", "2026-11-22T22:00:00+09:00", {"type": "posagent.sale.granted.v1"})
    journal.put([odd]).result(60)
    reader = journal.reader()
    assert [event.idemkey for event in reader.events(0, 5, ("posagent.day.closed.v1",))] == ["close"]
    assert [event.seq for event in reader.events(4400, 500, ("posagent.sale.granted.v1",))] == list(range(4401, 4501))
