"""How a put gets from its caller to the writer and back: the promise, its deadline, and a group that is written in few statements."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from offline_queue.errors import QueueError
from offline_queue.events import NewEvent, NewJob, Prepared, Stored
from offline_queue.journal import Journal
from offline_queue.ledger import append, append_each, read_head
from offline_queue.promise import Promise

Grant = Callable[..., NewEvent]
Puts = list[tuple[tuple[Prepared, ...], Sequence[NewJob]]]


def test_a_caller_waits_no_longer_than_it_said_however_long_the_disk_takes(journal: Journal, grant: Grant) -> None:
    hangs = threading.Event()
    journal.transact(lambda _conn: hangs.wait(60))
    put = journal.put([grant("a")])
    with pytest.raises(TimeoutError):
        put.result(0.01)
    hangs.set()
    assert put.result(60).seq == 1  # not known in time is not "not recorded"


def test_a_promise_answers_everybody_who_waits_and_everybody_who_asks_later() -> None:
    promise: Promise[int] = Promise()
    heard: list[int] = []
    waiting = [threading.Thread(target=lambda: heard.append(promise.result(60))) for _ in range(8)]
    for thread in waiting:
        thread.start()
    promise.keep(7)
    for thread in waiting:
        thread.join()
    assert heard == [7] * 8
    assert promise.result() == 7


def test_a_broken_promise_raises_why() -> None:
    promise: Promise[int] = Promise()
    promise.break_(QueueError("the disk is gone"))
    for _ in range(2):
        with pytest.raises(QueueError, match="the disk is gone"):
            promise.result(60)


# ---------------------------------------------------------------- a group in few statements


def _as_told(answers: Sequence[Stored | QueueError]) -> list[object]:
    return [str(answer) if isinstance(answer, QueueError) else answer for answer in answers]


def _one_by_one(conn: sqlite3.Connection, puts: Puts) -> list[Stored | QueueError]:
    head, answers = read_head(conn), list[Stored | QueueError]()
    for events, jobs in puts:
        try:
            head, stored = append(conn, head, events, jobs)
            answers.append(stored)
        except QueueError as trouble:
            answers.append(trouble)
    return answers


@pytest.mark.parametrize("seed", range(4))
def test_a_group_ends_as_its_puts_one_by_one_would(memory_path: Path, grant: Grant, seed: int) -> None:
    draw = random.Random(seed)
    keys = 3000 if seed % 2 else 30  # nearly all new, or mostly repeated
    alike = [Journal.open(memory_path / name, source="/t/a/s/1/r/1", reserve_mb=0) for name in ("group", "single")]
    try:
        for journal in alike:  # so that numbers and links can be compared
            journal.transact(lambda conn: conn.execute("UPDATE meta SET v = ? WHERE k = 'floor_chain'", (bytes(32),))).result(60)
        for _ in range(4):
            puts: Puts = []
            for _ in range(draw.choice([1, 7, 8, 64, 150])):
                drawn = [f"k{number}" for number in draw.sample(range(keys), draw.choice([1, 1, 1, 2, 5]))]
                events = alike[0].prepare([grant(key, points=draw.choice([1, 1, 1, 2])) for key in drawn])
                puts.append((events, [NewJob("front", drawn[0], b"slip")] * draw.choice([0, 0, 1])))
            group = alike[0].transact(lambda conn, puts=puts: append_each(conn, read_head(conn), puts)).result(60)  # type: ignore[misc]
            singles = alike[1].transact(lambda conn, puts=puts: _one_by_one(conn, puts)).result(60)  # type: ignore[misc]
            assert _as_told(group[1]) == _as_told(singles)
            assert alike[0].reader().head() == tuple(group[0])
        tables = ("SELECT * FROM ev ORDER BY seq", "SELECT id, event_id, serial FROM job ORDER BY id")
        group_rows, single_rows = ([one.reader().rows(table) for table in tables] for one in alike)
        assert group_rows == single_rows
        assert group_rows[1]
    finally:
        for journal in alike:
            journal.close()
