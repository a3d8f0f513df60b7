"""Owns how an event gets its number, its link and its place: the statements inside a put's transaction. No threads here."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from offline_queue.chain import next_link
from offline_queue.errors import JournalDamaged, KeyConflict, WireError
from offline_queue.events import Event, NewJob, Prepared, Stored, from_row
from offline_queue.schema import meta, meta_bytes, meta_int
from offline_queue.wire import business_digest

_INSERT = "INSERT INTO ev(seq, idem, body, chain) VALUES(?, ?, ?, ?) ON CONFLICT(idem) DO NOTHING"


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
    first = events[0]
    seq, link = head.seq, head.chain
    rows = []
    for prepared in events:
        seq += 1
        link = next_link(link, prepared.digest)
        rows.append((seq, prepared.event.idemkey, prepared.body, link))
    if len(rows) == 1:
        if conn.execute(_INSERT, rows[0]).rowcount == 0:
            return head, _same_or_conflict(_stands(conn, first), first)
    elif (stored := find(conn, first.event.idemkey)) is not None:
        return head, _same_or_conflict(stored, first)
    else:
        if conn.executemany(_INSERT, rows).rowcount != len(rows):
            conn.execute("DELETE FROM ev WHERE seq > ?", (head.seq,))  # cheaper than a savepoint for every put that goes well
            stored = next(found for one in events[1:] if (found := find(conn, one.event.idemkey)) is not None)
            raise KeyConflict(f"event {stored.idemkey} stands already as number {stored.seq}, but the event it goes with is new", stored)
    ids = tuple(add_job(conn, first.event.id, job) for job in jobs)
    return Head(seq, link), Stored(
        seq=rows[0][0], seqs=tuple(row[0] for row in rows), duplicate=False, event=_event(rows[0], first), jobs=ids
    )


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


def _event(row: tuple[int, str, bytes, bytes], prepared: Prepared) -> Event:
    new = prepared.event
    return Event(row[0], new.id, new.type, new.subject, new.idemkey, new.time, new.data, prepared.body, row[3])


def _stands(conn: sqlite3.Connection, prepared: Prepared) -> Event:
    """The event whose key kept this one out. Raises JournalDamaged where the index says so and the table does not."""
    stored = find(conn, prepared.event.idemkey)
    if stored is None:
        raise JournalDamaged(f"event {prepared.event.idemkey}: index and table differ; restart posagent, which checks and repairs the journal")
    return stored


def _same_or_conflict(stored: Event, new: Prepared) -> Stored:
    event = new.event
    said = business_digest({"type": event.type, "subject": event.subject, "data": event.data})
    if said != business_digest({"type": stored.type, "subject": stored.subject, "data": stored.data}):
        raise KeyConflict(f"event {event.idemkey} stands already as number {stored.seq}, with other content", stored)
    return Stored(seq=stored.seq, seqs=(stored.seq,), duplicate=True, event=stored, jobs=())
