"""Owns how an event gets its number, its link and its place: the statements inside a put's transaction. No threads here."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from offline_queue.chain import next_link
from offline_queue.errors import JournalDamaged, KeyConflict, QueueError, WireError
from offline_queue.events import Event, NewJob, Prepared, Stored, from_row
from offline_queue.schema import meta, meta_bytes, meta_int
from offline_queue.wire import business_digest

_Row = tuple[int, str, bytes, bytes]
_INSERTS = tuple(
    (count, f"INSERT INTO ev(seq, idem, body, chain) VALUES{', '.join(['(?, ?, ?, ?)'] * count)} ON CONFLICT(idem) DO NOTHING")
    for count in (64, 8, 1)
)


class Head(NamedTuple):
    """The end of the chain: number and link of the last event (0 and the stream's first link when there is none)."""

    seq: int
    chain: bytes


def read_head(conn: sqlite3.Connection) -> Head:
    """The head as the file has it. Retention keeps the floor's number and link, so a number is never used twice."""
    values = meta(conn)
    floor = Head(meta_int(values, "floor_seq"), meta_bytes(values, "floor_chain"))
    row = conn.execute("SELECT seq, chain FROM ev ORDER BY seq DESC LIMIT 1").fetchone()
    return floor if row is None or row[0] <= floor.seq else Head(*row)


def find(conn: sqlite3.Connection, idemkey: str) -> Event | None:
    """The event of a business key. Raises JournalDamaged where what is stored is no event any more."""
    row = conn.execute("SELECT seq, body, chain FROM ev WHERE idem = ?", (idemkey,)).fetchone()
    try:
        return None if row is None else from_row(row)
    except WireError as trouble:
        raise JournalDamaged(f"event number {row[0]} is damaged ({trouble}); restart posagent, which checks and repairs the journal") from None


def append(conn: sqlite3.Connection, head: Head, events: Sequence[Prepared], jobs: Sequence[NewJob] = ()) -> tuple[Head, Stored]:
    """Appends all events and jobs, or none: the first event's key decides whether this put is new.

    Same key and same business digest: the old event, ``duplicate=True``. Raises KeyConflict where the first key stands with other
    content, or a later key stands at all. Nothing is written in either case. Runs inside the caller's transaction.
    """
    rows = _rows(head, events)
    if _insert(conn, rows):
        return Head(rows[-1][0], rows[-1][3]), _stored(conn, rows, events[0], jobs)
    _undo(conn, head)
    key = events[0].event.idemkey
    stands = next((found for one in events if (found := find(conn, one.event.idemkey)) is not None), None)
    if stands is None:
        raise JournalDamaged(f"event {key}: index and table differ; restart posagent, which checks and repairs the journal")
    if stands.idemkey != key:
        raise KeyConflict(f"event {stands.idemkey} stands already as number {stands.seq}, but the event it goes with is new", stands)
    return head, _same_or_conflict(stands, events[0])


def append_each(
    conn: sqlite3.Connection, head: Head, puts: Sequence[tuple[Sequence[Prepared], Sequence[NewJob]]]
) -> tuple[Head, list[Stored | QueueError]]:
    """`append` for one put after the other; where one fails, its error stands in its place and the others are not touched.

    Nearly always every key is new: then all events go in together. Between two statements SQLite lets other threads run, and a writer
    that has sixty callers would stand in line behind them after every single one.
    """
    rows = _rows(head, [prepared for events, _ in puts for prepared in events])
    answers: list[Stored | QueueError] = []
    if _insert(conn, rows):
        first = 0
        for events, jobs in puts:
            answers.append(_stored(conn, rows[first : first + len(events)], events[0], jobs))
            first += len(events)
        return Head(rows[-1][0], rows[-1][3]), answers
    _undo(conn, head)
    for events, jobs in puts:
        try:
            head, stored = append(conn, head, events, jobs)
            answers.append(stored)
        except QueueError as trouble:
            answers.append(trouble)
    return head, answers


def add_job(conn: sqlite3.Connection, event_id: str, job: NewJob, operator: str | None = None) -> int:
    """Queues a print job and writes its first history line; its number."""
    at = now_text()
    cursor = conn.execute(
        "INSERT INTO job(event_id, printer, serial, document, copy, state, attempt, reason, operator, created, updated) "
        "VALUES(?, ?, ?, ?, ?, 'QUEUED', 0, ?, ?, ?, ?)",
        (event_id, job.printer, job.serial, job.document, job.copy, job.reason, operator, at, at),
    )
    number = cursor.lastrowid or 0
    conn.execute(
        "INSERT INTO job_event(job, state, attempt, reason, operator, at) VALUES(?, 'QUEUED', 0, ?, ?, ?)", (number, job.reason, operator, at)
    )
    return number


def now_text() -> str:
    """The wall clock for people: UTC, RFC 3339, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _rows(head: Head, events: Sequence[Prepared]) -> list[_Row]:
    rows = []
    link = head.chain
    for seq, prepared in enumerate(events, head.seq + 1):
        link = next_link(link, prepared.digest)
        rows.append((seq, prepared.event.idemkey, prepared.body, link))
    return rows


def _insert(conn: sqlite3.Connection, rows: Sequence[_Row]) -> bool:
    """Whether all keys were new; if not, some rows stand and some do not. One statement for many rows: two thirds of the time."""
    new = done = 0
    for count, statement in _INSERTS:
        while len(rows) - done >= count:
            new += conn.execute(statement, [value for row in rows[done : done + count] for value in row]).rowcount
            done += count
    return new == len(rows)


def _undo(conn: sqlite3.Connection, head: Head) -> None:
    conn.execute("DELETE FROM ev WHERE seq > ?", (head.seq,))  # cheaper than a savepoint for every put that goes well


def _stored(conn: sqlite3.Connection, rows: Sequence[_Row], first: Prepared, jobs: Sequence[NewJob]) -> Stored:
    """The answer to a put whose events stand; queues its jobs."""
    new = first.event
    seq, _, _, link = rows[0]
    event = Event(seq, new.id, new.type, new.subject, new.idemkey, new.time, new.data, first.body, link)
    return Stored(seq, tuple([row[0] for row in rows]), False, event, tuple([add_job(conn, new.id, job) for job in jobs]))


def _same_or_conflict(stored: Event, new: Prepared) -> Stored:
    event = new.event
    said = business_digest({"type": event.type, "subject": event.subject, "data": event.data})
    if said != business_digest({"type": stored.type, "subject": stored.subject, "data": stored.data}):
        raise KeyConflict(f"event {event.idemkey} stands already as number {stored.seq}, with other content", stored)
    return Stored(seq=stored.seq, seqs=(stored.seq,), duplicate=True, event=stored, jobs=())
