"""Owns the one algorithm of the receiver: what a batch does to a stream, to the business keys and to the balances, in one transaction.

    lock the stream's row ── gap? fork? ── drop what is stored ── verdicts: claim business keys ── coupons ── add to balances
    ── authorisations and lots ── store every event ── move the stream

Requests wait for each other at the stream's row, which belongs to one register, and where they concern the same member or coupon. Rows are
taken in one order everywhere (keys, coupons, balances, authorisations, lots) and sorted within it, so that no two transactions wait in a
circle; balances are only ever added to. The caller answers after commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from offline_queue.answers import Item, Problem
from offline_queue.chain import first_link, next_link
from offline_queue.wire import CHAIN_MISMATCH, FORBIDDEN, FORK, FRAMING, GAP, MAX_EVENTS, UNKNOWN_STREAM, Line, Withheld
from posagent.cloud import schema
from posagent.cloud.engine import Row, Work
from posagent.cloud.reading import NOWHERE, Place, Reading
from posagent.cloud.verdicts import Case, count_coupons, judge, reading_of, settle_counted


class Refusal(Exception):
    """The batch is refused as a whole and nothing of it is kept."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.title)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends. ``device_id`` and ``home`` are None where registers need no enrolment."""

    device_id: str | None = None
    home: Place | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that is well formed in itself. ``readings`` stands beside ``lines``; None where the body is withheld."""

    stream_id: str
    prev_chain: bytes
    lines: Sequence[Line]
    links: Sequence[bytes]  # the chain after each line
    readings: Sequence[Reading | None]
    floor: Withheld | None
    sender: Sender
    now_ms: int

    @property
    def first(self) -> int:
        """The seq of the first line."""
        return self.lines[0].seq

    @property
    def last(self) -> int:
        """The seq of the last line."""
        return self.lines[-1].seq


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is true after the commit. ``fresh``: events that were not stored before."""

    acked: int
    chain: bytes
    items: tuple[Item, ...]
    fresh: int


def check_chain(prev_chain: bytes, lines: Sequence[Line], last_chain: bytes) -> list[bytes]:
    """The links after each line. Raises Refusal (chain-mismatch) when they do not lead to ``last_chain``."""
    links = []
    link = prev_chain
    for line in lines:
        link = next_link(link, line.digest)
        links.append(link)
    if link != last_chain:
        raise Refusal(Problem(CHAIN_MISMATCH, "the bodies do not lead to Posagent-Last-Chain; verify the journal and send again", status=422))
    return links


def ingest(work: Work, batch: Batch) -> Outcome:
    """Takes a batch in. Raises Refusal; then nothing has changed."""
    acked, chain = _lock_stream(work, batch)
    if batch.floor is not None and acked < batch.floor.seq:
        acked, chain = _accept_floor(work, batch, batch.floor, acked)
    if batch.first > acked + 1:
        title = f"the receiver holds this stream up to {acked}; send from there"
        raise Refusal(Problem(GAP, title, status=409, expected=acked + 1, chain=chain))
    _check_overlap(work, batch, acked, chain)
    cases = [Case(*parts) for parts in zip(batch.lines, batch.links, batch.readings, strict=True)]
    fresh = [case for case in cases if case.line.seq > acked]
    adopted = _adoptable(work, batch, [case for case in cases if case.line.seq <= acked])
    judge(work, batch.stream_id, adopted + fresh)
    count_coupons(work, batch.stream_id, batch.now_ms, adopted + fresh)
    work.merge(schema.BALANCE, _additions(adopted + fresh))
    settle_counted(work, batch.stream_id, batch.now_ms, adopted + fresh)
    work.insert(schema.EVENT, [_event_row(batch, case) for case in fresh])
    for case in adopted:
        _adopt(work, batch, case)
    if fresh:
        acked, chain = batch.last, fresh[-1].link
    _move_stream(work, batch, acked, chain, bool(fresh))
    if batch.first > acked - len(fresh):  # nothing but new events: their verdicts are at hand
        return Outcome(acked, chain, tuple(_item(case) for case in fresh if case.status != "applied"), len(fresh))
    return _overlap_outcome(work, batch, acked, chain, len(fresh))


# ---------------------------------------------------------------- the stream


def _lock_stream(work: Work, batch: Batch) -> tuple[int, bytes]:
    """The stream's cursor, with its row locked; a stream that begins at 1 is made."""
    question = "SELECT acked, chain, tenant FROM stream WHERE stream_id = ? FOR UPDATE"
    found = work.rows(question, batch.stream_id)
    if not found:
        start = first_link(batch.stream_id)
        if batch.first > 1 and batch.floor is None:
            raise Refusal(
                Problem(UNKNOWN_STREAM, "the receiver does not know this stream; send it from 1", status=404, expected=1, chain=start)
            )
        place = batch.sender.home or next((one.place for one in batch.readings if one is not None), NOWHERE)
        work.run(
            "INSERT INTO stream (stream_id, tenant, store, register, device_id, acked, chain, first_seen_ms, last_seen_ms)"
            " VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?) ON CONFLICT DO NOTHING",
            batch.stream_id, place.tenant, place.store, place.register, batch.sender.device_id, start, batch.now_ms, batch.now_ms,
        )  # fmt: skip
        found = work.rows(question, batch.stream_id)
    acked, chain, tenant = found[0]
    if batch.sender.home is not None and batch.sender.home.tenant != tenant:
        raise Refusal(Problem(FORBIDDEN, "this stream belongs to another company", status=403))
    return acked, bytes(chain)


def _accept_floor(work: Work, batch: Batch, floor: Withheld, acked: int) -> tuple[int, bytes]:
    """The register no longer holds what this receiver lacks (it was restored from a backup older than the register's retention). Going on
    from the register's floor is all that is left; the hole is kept for people to see."""
    if batch.first != floor.seq + 1 or batch.prev_chain != floor.digest:
        raise Refusal(Problem(FRAMING, "Posagent-Floor must stand directly before the batch", status=400))
    work.insert(schema.HOLE, [(batch.stream_id, acked + 1, floor.seq, floor.digest, batch.now_ms)])
    return floor.seq, floor.digest


def _link_at(work: Work, stream_id: str, seq: int, acked: int, chain: bytes) -> bytes | None:
    """The stored link after ``seq``; None where it is not known (inside of a hole)."""
    if seq == acked:
        return chain
    if seq == 0:
        return first_link(stream_id)
    found = work.rows("SELECT chain FROM event WHERE stream_id = ? AND seq = ?", stream_id, seq) or work.rows(
        "SELECT chain FROM hole WHERE stream_id = ? AND last_seq = ?", stream_id, seq
    )
    return bytes(found[0][0]) if found else None


def _check_overlap(work: Work, batch: Batch, acked: int, chain: bytes) -> None:
    """Raises Refusal (fork) where the batch tells another history than the one that is stored."""
    before = _link_at(work, batch.stream_id, batch.first - 1, acked, chain)
    ends = min(batch.last, acked)
    same_end = ends < batch.first or batch.links[ends - batch.first] == _link_at(work, batch.stream_id, ends, acked, chain)
    if before != batch.prev_chain or not same_end:
        raise Refusal(Problem(FORK, "this stream has another history here; go on under a new stream and send everything again", status=409))


def _move_stream(work: Work, batch: Batch, acked: int, chain: bytes, fresh: bool) -> None:
    work.run(
        "UPDATE stream SET acked = ?, chain = ?, last_seen_ms = ?, device_id = coalesce(?, device_id),"
        " last_event_ms = CASE WHEN ? = 1 THEN ? ELSE last_event_ms END WHERE stream_id = ?",
        acked, chain, batch.now_ms, batch.sender.device_id, int(fresh), batch.now_ms, batch.stream_id,
    )  # fmt: skip


def _overlap_outcome(work: Work, batch: Batch, acked: int, chain: bytes, fresh: int) -> Outcome:
    """Verdicts again for everything from the batch's first event on: the first answer may have been lost. An answer holds at most
    MAX_EVENTS of them; where there are more it acknowledges only as far as it can tell."""
    found = work.rows(
        "SELECT seq, status, problem, of_stream, of_seq FROM event WHERE stream_id = ? AND seq >= ? AND seq <= ? AND status <> 'applied'"
        " ORDER BY seq LIMIT ?",
        batch.stream_id, batch.first, acked, MAX_EVENTS + 1,
    )  # fmt: skip
    if len(found) > MAX_EVENTS:
        upto = found[MAX_EVENTS][0] - 1
        link = _link_at(work, batch.stream_id, upto, acked, chain)
        if link is not None:
            acked, chain = upto, link
        found = found[:MAX_EVENTS]
    return Outcome(acked, chain, tuple(Item(seq, status, problem or "", at or "", of or 0) for seq, status, problem, at, of in found), fresh)


def _adoptable(work: Work, batch: Batch, stored: Sequence[Case]) -> list[Case]:
    """Events that are stored as withheld and whose body comes now. Its digest is in the chain, which has been compared already."""
    if not stored:
        return []
    found = work.rows(
        "SELECT seq FROM event WHERE stream_id = ? AND seq >= ? AND seq <= ? AND status = 'withheld'",
        batch.stream_id, stored[0].line.seq, stored[-1].line.seq,
    )  # fmt: skip
    withheld = {seq for (seq,) in found}
    return [case for case in stored if case.line.seq in withheld and case.reading is not None]


# ---------------------------------------------------------------- rows


def _additions(cases: Sequence[Case]) -> list[tuple[str, str, str, int]]:
    sums: dict[tuple[str, str, str], int] = {}
    for case in cases:
        if case.status == "applied":
            reading = reading_of(case)
            for account, delta in reading.entries:
                key = (reading.place.tenant, reading.member or "", account)
                sums[key] = sums.get(key, 0) + delta
    return [(*key, total) for key, total in sorted(sums.items())]


def _event_row(batch: Batch, case: Case) -> Row:
    place = _place_of(batch, case)
    reading = case.reading or Reading("", place)
    return (
        batch.stream_id, case.line.seq, place.tenant, place.store, place.register, reading.event_id, reading.idem, reading.type, reading.member,
        reading.occurred, batch.now_ms, case.line.body, None if case.line.body is not None else case.line.digest, case.link,
        case.status, case.problem or None, case.of_stream, case.of_seq, None,
    )  # fmt: skip


def _place_of(batch: Batch, case: Case) -> Place:
    return case.reading.place if case.reading is not None else batch.sender.home or NOWHERE


def _adopt(work: Work, batch: Batch, case: Case) -> None:
    reading = reading_of(case)
    work.run(
        "UPDATE event SET tenant = ?, store = ?, register = ?, event_id = ?, idem = ?, type = ?, member = ?, occurred = ?, body = ?,"
        " digest = NULL, status = ?, problem = ?, of_stream = ?, of_seq = ? WHERE stream_id = ? AND seq = ?",
        reading.place.tenant, reading.place.store, reading.place.register, reading.event_id, reading.idem, reading.type, reading.member,
        reading.occurred, case.line.body, case.status, case.problem or None, case.of_stream, case.of_seq, batch.stream_id, case.line.seq,
    )  # fmt: skip


def _item(case: Case) -> Item:
    if case.status == "applied":
        raise ValueError("an applied event has no item")
    return Item(case.line.seq, case.status, case.problem, case.of_stream or "", case.of_seq or 0)
