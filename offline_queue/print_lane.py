"""Owns the print lane: what is to be printed, in the journal's file, with every state durable before the effect it announces.

    QUEUED ──► SENDING ──► HANDED ──► CONFIRMED (with its certainty)
      │ ▲         │           │
      ▼ │         └─────┬─────┘
     HELD               ▼
                  UNCONFIRMED ──► QUEUED (nothing reached the printer) │ CONFIRMED │ NEEDS_OPERATOR │ SUPERSEDED (by a marked copy)

    CANCELLED from any state that is not final; CONFIRMED, SUPERSEDED and CANCELLED are final.

It knows nothing of devices: a document is opaque bytes, evidence is an opaque mapping.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeVar, cast

from offline_queue.errors import JobChanged, NoSuchEntry
from offline_queue.events import NewEvent, NewJob
from offline_queue.journal import Journal
from offline_queue.ledger import add_job, append, now_text, read_head
from offline_queue.schema import meta_text, set_meta

T = TypeVar("T")
State = Literal["QUEUED", "SENDING", "HANDED", "HELD", "CONFIRMED", "UNCONFIRMED", "NEEDS_OPERATOR", "SUPERSEDED", "CANCELLED"]
READY: Final[tuple[State, ...]] = ("QUEUED", "HELD")
IN_FLIGHT: Final[tuple[State, ...]] = ("SENDING", "HANDED", "UNCONFIRMED")
OPEN: Final[tuple[State, ...]] = (*READY, *IN_FLIGHT, "NEEDS_OPERATOR")
FINAL: Final[tuple[State, ...]] = ("CONFIRMED", "SUPERSEDED", "CANCELLED")

# state -> the states it may be entered from
_FROM: Final[Mapping[State, tuple[State, ...]]] = {
    "QUEUED": ("QUEUED", "HELD", "SENDING", "HANDED", "UNCONFIRMED", "NEEDS_OPERATOR"),
    "SENDING": ("QUEUED", "HELD"),
    "HANDED": ("SENDING", "HANDED"),
    "HELD": ("QUEUED", "HELD", "SENDING", "HANDED"),
    "CONFIRMED": ("SENDING", "HANDED", "HELD", "UNCONFIRMED", "NEEDS_OPERATOR"),
    "UNCONFIRMED": ("SENDING", "HANDED", "HELD", "UNCONFIRMED"),
    "NEEDS_OPERATOR": ("QUEUED", "HELD", "SENDING", "HANDED", "UNCONFIRMED"),
    "SUPERSEDED": ("SENDING", "HANDED", "HELD", "UNCONFIRMED", "NEEDS_OPERATOR"),
    "CANCELLED": OPEN,
}
_COLUMNS: Final = (
    "id, event_id, printer, serial, document, copy, state, certainty, attempt, evidence, reason, operator, created, updated"
)
_MEMORY: Final = "printer/"  # + its name: a key of the meta table
WRITE_TIMEOUT_S: Final = 30.0  # a disk that takes longer is broken


SEEN, NOT_SEEN = "operator saw it", "operator did not see it"
"""The reasons of what a person answered; they stand in a job's history."""


class Job(NamedTuple):
    """One copy of one slip. ``attempt`` counts the times that bytes were about to leave."""

    id: int
    event_id: str
    printer: str
    serial: str
    document: bytes
    copy: int
    state: State
    certainty: str | None
    attempt: int
    evidence: Mapping[str, Any] | None
    reason: str
    operator: str | None
    created: str
    updated: str


class Step(NamedTuple):
    """One line of a job's history."""

    state: State
    attempt: int
    certainty: str | None
    evidence: Mapping[str, Any] | None
    reason: str
    operator: str | None
    at: str


class PrintLane:
    """May be shared by threads. Every method that changes a job returns when the change is on disk, or raises QueueError."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._reader = journal.reader()
        self._reading = threading.Lock()

    # ---------------------------------------------------------------- what there is

    def next(self, printer: str) -> Job | None:
        """The oldest job of this printer that may be sent (QUEUED or HELD); None when there is none. Look at `unresolved` first."""
        found = self._jobs("state IN ('QUEUED', 'HELD') AND printer = ?", (printer,), 1)
        return found[0] if found else None

    def unresolved(self, printer: str) -> list[Job]:
        """Jobs whose bytes may have left without proof (SENDING, HANDED, UNCONFIRMED), oldest first: after a restart or a lost link."""
        return self._jobs("state IN ('SENDING', 'HANDED', 'UNCONFIRMED') AND printer = ?", (printer,), 200)

    def job(self, number: int) -> Job:
        """By number. Raises NoSuchEntry."""
        found = self._jobs("id = ?", (number,), 1)
        if not found:
            raise NoSuchEntry(f"there is no print job {number}")
        return found[0]

    def jobs(self, states: Iterable[State] = (), limit: int = 50) -> list[Job]:
        """Newest first; of these states only, if given."""
        wanted = tuple(states)
        where = f"state IN ({','.join('?' * len(wanted))})" if wanted else "1"
        return self._jobs(where, wanted, limit, "DESC")

    def of_serial(self, serial: str) -> list[Job]:
        """All copies of a slip, oldest first."""
        return self._jobs("serial = ?", (serial,), 200)

    def history(self, number: int) -> list[Step]:
        """Every state a job has been in, oldest first."""
        rows = self._rows(
            "SELECT state, attempt, certainty, evidence, reason, operator, at FROM job_event WHERE job = ? ORDER BY id LIMIT 1000", (number,)
        )
        return [Step(**{**row, "evidence": _load(row["evidence"])}) for row in rows]

    def remembered(self, printer: str) -> Mapping[str, Any] | None:
        """What was remembered of a printer; None when nothing was, or when it cannot be read."""
        with self._reading:
            text = meta_text(self._reader.meta(), _MEMORY + printer)
        try:
            found = json.loads(text or "null")
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    # ---------------------------------------------------------------- the printer's worker

    def remember(self, printer: str, known: Mapping[str, Any]) -> None:
        """Keeps what is known of a printer for the next process, in place of what was."""
        text = json.dumps(dict(known), ensure_ascii=False, separators=(",", ":"))
        self._do(lambda conn: set_meta(conn, {_MEMORY + printer: text}))

    def sending(self, job: Job, evidence: Mapping[str, Any]) -> Job:
        """Before the first byte: the next attempt begins, with what the printer said of itself before it."""
        return self._step(job, "SENDING", evidence=evidence, attempt=job.attempt + 1)

    def handed(self, job: Job, evidence: Mapping[str, Any]) -> Job:
        """All bytes have left; the proof is still out."""
        return self._step(job, "HANDED", evidence=evidence)

    def held(self, job: Job, reason: str) -> Job:
        """Nothing may be sent now ("paper", "cover", "cutter", "error", "offline"). Repeating the same reason writes nothing."""
        if job.state == "HELD" and job.reason == reason:
            return job
        return self._step(job, "HELD", reason=reason)

    def requeue(self, job: Job, reason: str = "") -> Job:
        """Provably nothing of it is on paper as a whole slip: it may be sent again, unmarked."""
        return self._step(job, "QUEUED", reason=reason)

    def settle(self, job: Job, state: State, certainty: str | None, reason: str, events: Sequence[NewEvent] = ()) -> Job:
        """Ends an attempt (CONFIRMED, UNCONFIRMED, NEEDS_OPERATOR, HELD …); its journal events go into the same transaction.

        Events whose key stands already are left out: settling twice is harmless.
        """
        return self._step(job, state, certainty=certainty, reason=reason, events=events)

    # ---------------------------------------------------------------- people

    def reprint(self, job: Job, document: bytes, reason: str, operator: str, events: Sequence[NewEvent] = ()) -> int:
        """Queues a marked copy (copy + 1, same serial); the number of the new job. The old one is SUPERSEDED unless it was final."""
        prepared = self._journal.prepare(events) if events else ()

        def work(conn: sqlite3.Connection) -> int:
            now = _fetch(conn, job.id)
            if now.state != "CONFIRMED":
                _move(conn, now, "SUPERSEDED", reason=reason, operator=operator)
            copy = conn.execute("SELECT max(copy) FROM job WHERE serial = ? AND printer = ?", (now.serial, now.printer)).fetchone()[0]
            number = add_job(conn, now.event_id, NewJob(now.printer, now.serial, document, copy + 1, reason), operator)
            _append(conn, prepared)
            return number

        return self._do(work)

    def answer(self, job: Job, came_out: bool, operator: str, document_if_reprint: bytes, events: Sequence[NewEvent] = ()) -> int | None:
        """The cashier was asked whether the slip came out. Yes: CONFIRMED. No: a marked copy; the number of its job."""
        if came_out:
            self._step(job, "CONFIRMED", certainty="operator", reason=SEEN, operator=operator, events=events)
            return None
        return self.reprint(job, document_if_reprint, NOT_SEEN, operator, events)

    def cancel(self, job: Job, reason: str, operator: str, events: Sequence[NewEvent] = ()) -> Job:
        """Will not be printed any more. Raises JobChanged when it is final already."""
        return self._step(job, "CANCELLED", reason=reason, operator=operator, events=events)

    # ---------------------------------------------------------------- inside

    def _step(
        self,
        job: Job,
        state: State,
        *,
        certainty: str | None = None,
        reason: str = "",
        operator: str | None = None,
        evidence: Mapping[str, Any] | None = None,
        attempt: int | None = None,
        events: Sequence[NewEvent] = (),
    ) -> Job:
        prepared = self._journal.prepare(events) if events else ()

        def work(conn: sqlite3.Connection) -> Job:
            now = _fetch(conn, job.id)
            if now.attempt != job.attempt:
                raise JobChanged(f"print job {job.id}: attempt {now.attempt} has begun meanwhile; this was attempt {job.attempt}")
            _move(conn, now, state, certainty=certainty, reason=reason, operator=operator, evidence=evidence, attempt=attempt)
            _append(conn, prepared)
            return _fetch(conn, job.id)

        return self._do(work)

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return self._journal.transact(work).result(WRITE_TIMEOUT_S)

    def _jobs(self, where: str, values: Sequence[Any], limit: int, order: str = "ASC") -> list[Job]:
        sql = f"SELECT {_COLUMNS} FROM job WHERE {where} ORDER BY id {order} LIMIT ?"  # noqa: S608 - ``where`` is one of ours
        return [_job(tuple(row.values())) for row in self._rows(sql, (*values, limit))]

    def _rows(self, sql: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        with self._reading:
            return self._reader.rows(sql, values)


def _move(
    conn: sqlite3.Connection,
    now: Job,
    state: State,
    *,
    certainty: str | None = None,
    reason: str = "",
    operator: str | None = None,
    evidence: Mapping[str, Any] | None = None,
    attempt: int | None = None,
) -> None:
    """Changes the state and writes the history line. Raises JobChanged where the state does not allow it."""
    if now.state not in _FROM[state]:
        raise JobChanged(f"print job {now.id} ({now.serial}) is {now.state}; it cannot become {state}")
    seen = None if evidence is None else json.dumps(dict(evidence), ensure_ascii=False, separators=(",", ":"))
    number = now.attempt if attempt is None else attempt
    at = now_text()
    conn.execute(
        "UPDATE job SET state = ?, certainty = ?, attempt = ?, evidence = coalesce(?, evidence), reason = ?, operator = coalesce(?, operator), "
        "updated = ? WHERE id = ?",
        (state, certainty, number, seen, reason, operator, at, now.id),
    )
    conn.execute(
        "INSERT INTO job_event(job, state, attempt, certainty, evidence, reason, operator, at) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        (now.id, state, number, certainty, seen, reason, operator, at),
    )


def _append(conn: sqlite3.Connection, prepared: Sequence[Any]) -> None:
    """Each event on its own, so that one that stands already (a settle that is repeated) does not keep the others out."""
    for one in prepared:
        append(conn, read_head(conn), (one,))


def _fetch(conn: sqlite3.Connection, number: int) -> Job:
    row = conn.execute(f"SELECT {_COLUMNS} FROM job WHERE id = ?", (number,)).fetchone()  # noqa: S608 - our own columns
    if row is None:
        raise NoSuchEntry(f"there is no print job {number}")
    return _job(row)


def _job(row: tuple[Any, ...]) -> Job:
    cells = list(row)
    cells[9] = _load(cells[9])
    return Job(*cells)


def _load(text: str | None) -> Mapping[str, Any] | None:
    return None if text is None else cast("Mapping[str, Any]", json.loads(text))
