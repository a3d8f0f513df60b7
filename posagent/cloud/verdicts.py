"""Owns the verdict on every event of a batch: which is counted, which was counted before, which waits for people, and why.

    withheld, rejected (as read) ── claim the business key ── duplicate or conflict ── codes ── corrections ── coupons ── counted
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from offline_queue.wire import Line
from posagent.cloud import coupon_events, schema, settle, timed
from posagent.cloud.engine import Row, Work
from posagent.cloud.reading import Reading, business
from posagent.cloud.told import Told

Status = Literal["applied", "duplicate", "conflict", "rejected", "withheld"]


@dataclass(slots=True)
class Case:
    """One event on its way to a verdict."""

    line: Line
    link: bytes
    reading: Reading | None
    status: Status = "applied"
    problem: str = ""
    of_stream: str | None = None
    of_seq: int | None = None
    held: bytes = b""  # digest of the event that holds its business key


def reading_of(case: Case) -> Reading:
    """Of a case that is not withheld."""
    assert case.reading is not None  # noqa: S101 - withheld events never come here
    return case.reading


def judge(work: Work, stream_id: str, cases: Sequence[Case]) -> None:
    """Gives every case its status. Claims the business keys of what can be counted; counts nothing yet."""
    countable: list[Case] = []
    for case in cases:
        if case.reading is None:
            case.status, case.problem = "withheld", "the register keeps the body back"
        elif case.reading.problem:
            case.status, case.problem = "rejected", case.reading.problem
        else:
            countable.append(case)
    claims = sorted((_claim(stream_id, case) for case in countable), key=lambda row: (row[:3], row[4]))
    won = work.insert_absent(schema.GRANT_KEY, claims)
    if len(won) < len(countable):
        _compare(work, stream_id, [case for case in countable if case.line.seq not in won], cases)
    _check_codes(work, stream_id, cases)
    _hold_back(work, [case for case in countable if case.status == "applied"], cases)


def _claim(stream_id: str, case: Case) -> Row:
    reading = reading_of(case)
    return (reading.place.tenant, reading.place.store, reading.idem, stream_id, case.line.seq, case.line.digest)


def _compare(work: Work, stream_id: str, losers: Sequence[Case], batch_cases: Sequence[Case]) -> None:
    """A key that is taken: the same content is a duplicate; other content is a conflict for people, once, however often it is sent."""
    holders = _holders(work, losers)
    for case in losers:
        reading = reading_of(case)
        case.of_stream, case.of_seq, case.held = holders[reading.place.tenant, reading.place.store, reading.idem or ""]
    bodies = _bodies(work, stream_id, batch_cases, [case for case in losers if case.held != case.line.digest])
    contested: list[tuple[Case, bytes]] = []
    for case in losers:
        if case.held == case.line.digest or _says_the_same(case, bodies.get((case.of_stream or "", case.of_seq or 0))):
            case.status, case.problem = "duplicate", ""
        else:
            case.status, case.problem = "conflict", "the same business key stands with other content"
            contested.append((case, business(case.line.body or b"")))
    rows = sorted((*_claim(stream_id, case)[:3], said, stream_id, case.line.seq) for case, said in contested)
    first_time = work.insert_absent(schema.CONTESTED, rows)
    for case, said in contested:
        if case.line.seq not in first_time:
            reading = reading_of(case)
            known = work.rows(
                "SELECT stream_id, seq FROM contested WHERE tenant = ? AND store = ? AND idem = ? AND digest = ?",
                reading.place.tenant, reading.place.store, reading.idem, said,
            )  # fmt: skip
            case.status, case.problem, (case.of_stream, case.of_seq) = "duplicate", "of a case that head office decides", known[0]


def _says_the_same(case: Case, first: bytes | None) -> bool:
    """Whether two different bodies say the same in business terms. Keys of before schema 2 hold what is said instead of the body's digest."""
    said = business(case.line.body or b"")
    return said == case.held or (first is not None and said == business(first))


def _bodies(work: Work, stream_id: str, batch_cases: Sequence[Case], losers: Sequence[Case]) -> dict[tuple[str, int], bytes]:
    """The events that hold the losers' keys: stored ones, or of this very batch."""
    found = {(stream_id, case.line.seq): case.line.body for case in batch_cases if case.line.body is not None}
    by_stream: dict[str, set[int]] = {}
    for case in losers:
        if (case.of_stream or "", case.of_seq or 0) not in found:
            by_stream.setdefault(case.of_stream or "", set()).add(case.of_seq or 0)
    for stream_id, seqs in by_stream.items():
        marks = ", ".join("?" * len(seqs))
        question = f"SELECT seq, body FROM event WHERE stream_id = ? AND seq IN ({marks})"  # noqa: S608 - marks only
        found |= {(stream_id, seq): bytes(body) for seq, body in work.rows(question, stream_id, *sorted(seqs)) if body is not None}
    return found


def _holders(work: Work, cases: Sequence[Case]) -> dict[tuple[str, str, str], tuple[str, int, bytes]]:
    """Who holds each key."""
    found: dict[tuple[str, str, str], tuple[str, int, bytes]] = {}
    by_store: dict[tuple[str, str], set[str]] = {}
    for case in cases:
        reading = reading_of(case)
        by_store.setdefault((reading.place.tenant, reading.place.store), set()).add(reading.idem or "")
    for (tenant, store), keys in by_store.items():
        marks = ", ".join("?" * len(keys))
        rows = work.rows(
            f"SELECT idem, stream_id, seq, digest FROM grant_key WHERE tenant = ? AND store = ? AND idem IN ({marks})",  # noqa: S608 - marks only
            tenant, store, *keys,
        )  # fmt: skip
        found |= {(tenant, store, idem): (stream_id, seq, bytes(digest)) for idem, stream_id, seq, digest in rows}
    return found


def _hold_back(work: Work, applied: Sequence[Case], cases: Sequence[Case]) -> None:
    """A void of a grant that was not counted must not be counted either: people decide both."""
    pending = {reading_of(case).event_id for case in cases if case.status in {"conflict", "rejected"}}
    for case in applied:
        reading = reading_of(case)
        if reading.ref is None or not reading.entries:
            continue
        unsettled = reading.ref in pending or work.rows(
            "SELECT 1 FROM event WHERE tenant = ? AND event_id = ? AND status IN ('conflict', 'rejected') LIMIT 1",
            reading.place.tenant,
            reading.ref,
        )
        if unsettled:
            case.status, case.problem = "conflict", "it corrects an event that was not counted"


def _check_codes(work: Work, stream_id: str, cases: Sequence[Case]) -> None:
    """A grant on a time-limited code that does not verify waits for people; one that nobody can verify is counted and noted."""
    found = timed.check(work, _told(stream_id, cases))
    for case in cases:
        match found.get(case.line.seq):
            case timed.Failed(problem):
                case.status, case.problem = "conflict", problem
            case str() as note:
                case.problem = note


def count_coupons(work: Work, stream_id: str, now_ms: int, cases: Sequence[Case]) -> None:
    """What applied events say of coupons; a coupon's second use is a conflict for people."""
    verdicts = coupon_events.use_coupons(work, _told(stream_id, cases), now_ms)
    for case in cases:
        match verdicts.get(case.line.seq):
            case coupon_events.UsedAlready(stream_id, seq):
                case.status, case.problem, case.of_stream, case.of_seq = "conflict", "the coupon was used already", stream_id, seq
            case str() as note:
                case.problem = note


def settle_counted(work: Work, stream_id: str, now_ms: int, cases: Sequence[Case]) -> None:
    """Authorisations and lots; a note stays with its event."""
    notes = settle.settle(work, _told(stream_id, cases), now_ms)
    settle.add_activity(work, [reading_of(case) for case in cases if case.status == "applied"])
    for case in cases:
        case.problem = notes.get(case.line.seq, case.problem)


def _told(stream_id: str, cases: Sequence[Case]) -> list[Told]:
    """The applied events that may concern more than balances."""
    return [
        Told(stream_id, case.line.seq, case.reading)
        for case in cases
        if case.status == "applied" and case.reading is not None and (case.reading.lots or case.reading.said)
    ]
