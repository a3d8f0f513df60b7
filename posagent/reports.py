"""Owns taking a report: what of the journal belongs to a business date, and putting the report on record together with its slip.

Reading a long day takes a moment, so the thread that asks reads it (`read_day`), and the dispatcher only reads on from there (`take`):
what was recorded before the report is in it, and nobody at the till waits.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from offline_queue.errors import KeyConflict
from offline_queue.events import Event, Stored
from offline_queue.reader import JournalReader
from posagent.checkout import LANGUAGES, Now, Rules
from posagent.counter_parts import PrintJob
from posagent.day_report import DayEvent, Drawn, Journal, Order, close_key, day_event, draw, remark, sections, totals_of
from posagent.errors import Refused
from posagent.events import DAY_CLOSED, Draft

_log = logging.getLogger(__name__)

OLDEST_DAYS = 31
"""The journal keeps 35 days (`offline_queue.upkeep.RETENTION_DAYS`); an older date could be there in part only."""
WINDOW = 10_000
"""Numbers per read: some tens of milliseconds, in which nobody else reads on this connection."""
MARGIN = 20_000
"""Events read before the date's beginning as the clock has it: a clock that was wrong for a while misleads the search by so much at most."""

Rows = Callable[[str, Sequence[Any]], list[dict[str, Any]]]
"""`JournalReader.rows`: (SQL, values) -> rows."""
Put = Callable[[Draft, tuple[PrintJob, ...]], Stored]
"""Stores and waits for the disk. Raises KeyConflict, and PosagentError where nothing can be stored."""


@dataclass(frozen=True, slots=True)
class DayRead:
    """The events of a business date up to a number. ``chain`` is that number's link."""

    business_date: str
    last_seq: int
    chain: bytes
    events: tuple[DayEvent, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """A report on record. ``replayed``: it stood already, and nothing was stored or printed now."""

    event_id: str
    at: str
    type: str
    envelope: Mapping[str, Any]
    replayed: bool
    jobs: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """An inbox item: take this report. ``before``: what the asking thread has read."""

    order: Order
    before: DayRead
    answer: Future[Taken]


def checked_date(text: str | None, today: str) -> str:
    """The business date that is meant; today's when none is given. Raises Refused."""
    if text is None:
        return today
    try:
        asked = date.fromisoformat(text)
    except ValueError:
        raise Refused(f"'{text[:20]}' is no date; write it like {today}") from None
    newest = date.fromisoformat(today)
    if not newest - timedelta(days=OLDEST_DAYS) <= asked <= newest:
        raise Refused(f"{asked}: a report is taken of {today} or of one of the {OLDEST_DAYS} days before; older figures are at head office")
    return asked.isoformat()


def read_day(rows: Rows, business_date: str, head: tuple[int, bytes], before: DayRead | None = None) -> DayRead:
    """The date's events up to ``head`` (number, link); with ``before``, only what came after it is read."""
    last_seq, chain = head
    if before is None:
        before = DayRead(business_date, max(0, _begins(rows, business_date, last_seq) - MARGIN), b"", ())
    found = list(before.events)
    wanted = f'"business_date":"{business_date}"'.encode()  # as the journal writes it: a sieve in SQLite, before Python sees a row
    for after in range(before.last_seq, last_seq, WINDOW):
        until = min(after + WINDOW, last_seq)
        for row in rows("SELECT seq, body FROM ev WHERE seq > ? AND seq <= ? AND instr(body, ?) ORDER BY seq", (after, until, wanted)):
            event = json.loads(row["body"])
            if event["data"].get("business_date") == business_date:
                found.append(day_event(row["seq"], event["type"], event["data"]))
    return DayRead(business_date, last_seq, chain, tuple(found))


def _begins(rows: Rows, business_date: str, last_seq: int) -> int:
    """The number after which the clock says this date: an event of a date is never recorded before it. Halving, as times rise with numbers."""
    low, high = 0, last_seq
    while low < high:
        middle = (low + high) // 2
        row = rows("SELECT body FROM ev WHERE seq > ? ORDER BY seq LIMIT 1", (middle,))
        if row and json.loads(row[0]["body"])["time"][:10] < business_date:
            low = middle + 1
        else:
            high = middle
    return low


def take(order: Order, before: DayRead, now: Now, rules: Rules, reader: JournalReader, put: Put) -> Taken:
    """Puts the report on record, in the dispatcher. A date that is closed is answered with its closing. Raises what ``put`` raises."""
    try:
        closing = reader.find(close_key(order.business_date, rules.place.register))
        if closing is not None and order.kind == "z":
            return Taken(closing.id, closing.time, closing.type, closing.data, replayed=True)
        drawn = _drawn(order, before, closing, now, rules, reader)
        stored = put(drawn.draft, (PrintJob(*drawn.slip),) if drawn.slip else ())
    except KeyConflict as conflict:  # an X whose answer was lost, asked again: its first figures
        old = conflict.stored
        return Taken(old.id, old.time, old.type, old.data, replayed=True)
    event = stored.event
    _log.info("report %s of %s is number %d", order.kind, order.business_date, event.seq)
    return Taken(event.id, event.time, event.type, event.data, stored.duplicate, stored.jobs)


def look(business_date: str, now: Now, rules: Rules, reader: JournalReader) -> Taken:
    """An X that nobody records or prints, beside a running agent or without one. Raises JournalError."""
    order = Order("x", business_date, rules.operator, "staff", "look")
    closing = reader.find(close_key(business_date, rules.place.register))
    day = read_day(reader.rows, business_date, reader.head())
    drawn = _drawn(order, day, closing, now, replace(rules, stationery=None), reader).draft
    return Taken("", drawn.time, drawn.type, drawn.data, replayed=False)


def _drawn(order: Order, before: DayRead, closing: Event | None, now: Now, rules: Rules, reader: JournalReader) -> Drawn:
    day = read_day(reader.rows, order.business_date, reader.head(), before)
    totals = totals_of(day.events, order.business_date, Journal(day.last_seq, day.chain.hex(), *waiting(reader)))
    closed = {"at": closing.time, "seq": closing.seq} if closing else None
    return draw(order, totals, closed, now, rules)


def waiting(reader: JournalReader) -> tuple[int, int]:
    """(events that head office does not have, events that it refused and nobody has decided about). Parked ones count as not sent."""
    counts = reader.rows(
        "SELECT (SELECT count(*) FROM parked WHERE state = 'parked' AND seq <= (SELECT v FROM meta WHERE k = 'acked_seq')) AS parked, "
        "(SELECT count(*) FROM verdict WHERE resolved IS NULL AND status IN ('rejected', 'conflict')) AS refused LIMIT 1"
    )[0]
    return reader.pending().count + counts["parked"], counts["refused"]


def answer_of(taken: Taken) -> dict[str, Any]:
    """A report as JSON for page, API and command line: figures, and the same with their words in both languages."""
    said = taken.envelope
    kept = ("business_date", "operator", "first_seq", "last_seq", "chain", "unsynced", "rejected", "totals", "closed")
    return {
        "result": "closed" if taken.type == DAY_CLOSED else "checked",
        "at": taken.at,
        "replayed": taken.replayed,
        **{key: said[key] for key in kept if key in said},
        "sections": {
            lang: [{"title": one.title, "rows": [list(row) for row in one.rows]} for one in sections(said, lang)] for lang in LANGUAGES
        },
        "remark": {lang: remark(said, lang) for lang in LANGUAGES},
        "serial": said.get("serial"),
        "job": str(taken.jobs[0]) if taken.jobs else None,
    }
