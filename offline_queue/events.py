"""Owns the records that go into the journal and come out of it.

Most are named tuples, not dataclasses: they are made for every event, and a till that starts builds the classes each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from offline_queue.chain import digest
from offline_queue.errors import WireError
from offline_queue.uuid7 import uuid7
from offline_queue.wire import FRAMING, JSON, decode_event, encode_event


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be recorded. ``idemkey`` is the business key: one event for ever, whoever repeats it, however late."""

    type: str  # "posagent.sale.granted.v1"
    subject: str  # "m:2912345678901"
    idemkey: str  # "20261122/R2/004711/point"
    time: str  # RFC 3339 with offset, the register's clock; never used for order
    data: Mapping[str, JSON]  # what is volatile (mono_ms, boot, agent version) goes under "trace"
    id: str = field(default_factory=uuid7)


class NewJob(NamedTuple):
    """Something to be printed because of an event. ``document`` is opaque here."""

    printer: str
    serial: str  # printed on the slip and accepted once, so a physical double is worthless
    document: bytes
    copy: int = 1  # from 2 on the document carries its reissue mark
    reason: str = ""


class Event(NamedTuple):
    """An event as it stands in the journal. ``body`` is exactly what goes over the wire; ``chain`` is the link after it."""

    seq: int
    id: str
    type: str
    subject: str
    idemkey: str
    time: str
    data: Mapping[str, Any]
    body: bytes
    chain: bytes


class Stored(NamedTuple):
    """What a put became. ``seqs`` has one number per event of the put; a duplicate has only the old event's."""

    seq: int
    seqs: tuple[int, ...]
    duplicate: bool
    event: Event
    jobs: tuple[int, ...]


class Prepared(NamedTuple):
    """An event encoded and digested by the caller's thread, so that the writer only appends."""

    event: NewEvent
    body: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Pending:
    """What the cloud has not acknowledged. ``oldest_time`` is the event's own time, None when nothing waits."""

    count: int
    oldest_time: str | None


class Health(NamedTuple):
    """How the journal is. ``failed``: nothing is accepted until a restart; ``degraded``: accepting, but somebody should look."""

    state: Literal["ok", "degraded", "failed"]
    notes: tuple[str, ...]  # why it is not ok, one sentence each, with the remedy
    reserve_percent: int
    disk_free_mb: int
    fsync_p99_us: int  # of the last 512 commits; 0: none yet
    last_success_ns: int  # time.monotonic_ns() of the last commit
    wal_mb: int
    io_errors: int
    sqlite: str


def prepare(event: NewEvent, source: str) -> Prepared:
    """Encodes. Raises EventRefused."""
    body = encode_event(
        id=event.id, source=source, type=event.type, time=event.time, subject=event.subject, idemkey=event.idemkey, data=event.data
    )
    return Prepared(event, body, digest(body))


def from_row(row: tuple[int, bytes, bytes]) -> Event:
    """(seq, body, chain) as stored. Raises WireError where the body is not an event (a damaged file)."""
    seq, body, link = row
    if not (isinstance(body, bytes) and isinstance(link, bytes)):
        raise WireError("it is not of the kind that was written", FRAMING)
    fields = decode_event(body)
    return Event(
        seq=seq,
        id=fields["id"],
        type=fields["type"],
        subject=fields["subject"],
        idemkey=fields["idemkey"],
        time=fields["time"],
        data=fields["data"],
        body=body,
        chain=link,
    )
