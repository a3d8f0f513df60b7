"""Owns the receiver's own proof: every chain from its first link, every balance recounted from the events, every grant counted once."""

from __future__ import annotations

from dataclasses import dataclass, field

from offline_queue.chain import digest, first_link, next_link
from offline_queue.errors import WireError
from posagent.cloud.engine import Work
from posagent.cloud.reading import read

_PAGE = 2_000


@dataclass(slots=True)
class Report:
    """What was read, and what is wrong, one line each."""

    streams: int = 0
    events: int = 0
    balances: int = 0
    problems: list[str] = field(default_factory=list)


def audit(work: Work) -> Report:
    """Reads everything, a page at a time: for the night, for backups that were restored, for tests."""
    report = Report()
    sums: dict[tuple[str, str, str], int] = {}
    for stream_id, acked, chain in work.rows("SELECT stream_id, acked, chain FROM stream ORDER BY stream_id"):
        report.streams += 1
        link = _walk(work, stream_id, report, sums)
        if link != (acked, bytes(chain)):
            said, found = f"{acked} {bytes(chain).hex()[:8]}", f"{link[0]} {link[1].hex()[:8]}"
            report.problems.append(f"stream {stream_id}: the row stands at {said}, the events lead to {found}")
    stored = {(tenant, member, account): amount for tenant, member, account, amount in work.rows("SELECT * FROM balance")}
    report.balances = len(stored)
    for key in sorted(sums.keys() | stored.keys()):
        if stored.get(key, 0) != sums.get(key, 0):
            report.problems.append(f"{'/'.join(key)}: the balance is {stored.get(key, 0)}, the events make {sums.get(key, 0)}")
    twice = work.rows(
        "SELECT tenant, store, idem, count(*) FROM event WHERE status = 'applied' AND decided IS NULL AND idem IS NOT NULL"
        " GROUP BY tenant, store, idem HAVING count(*) > 1 LIMIT 100"
    )
    report.problems += [f"{tenant}/{store}/{idem}: counted {times} times" for tenant, store, idem, times in twice]
    return report


def _walk(work: Work, stream_id: str, report: Report, sums: dict[tuple[str, str, str], int]) -> tuple[int, bytes]:
    """Follows one stream and adds up what was counted; where it ends."""
    holes = {first: (last, bytes(chain)) for first, last, chain in work.rows(
        "SELECT first_seq, last_seq, chain FROM hole WHERE stream_id = ?", stream_id)}  # fmt: skip
    seq, link = 0, first_link(stream_id)
    while True:
        if seq + 1 in holes:
            seq, link = holes[seq + 1]
        rows = work.rows(
            "SELECT seq, tenant, body, digest, chain, status FROM event WHERE stream_id = ? AND seq > ? ORDER BY seq LIMIT ?",
            stream_id, seq, _PAGE,
        )  # fmt: skip
        if not rows:
            return seq, link
        for found, tenant, body, kept_digest, chain, status in rows:
            if found != seq + 1:
                if seq + 1 not in holes:
                    report.problems.append(f"stream {stream_id}: {seq + 1} to {found - 1} are missing")
                    return seq, link
                break
            seq, link = found, next_link(link, digest(bytes(body)) if body is not None else bytes(kept_digest))
            if link != bytes(chain):
                report.problems.append(f"stream {stream_id}: the chain breaks at {seq}")
                return seq, link
            report.events += 1
            if status == "applied":
                _add(sums, tenant, bytes(body))


def _add(sums: dict[tuple[str, str, str], int], tenant: str, body: bytes) -> None:
    try:
        reading = read(body, None)
    except WireError:
        return  # the chain has told already
    for account, delta in reading.entries:
        key = (tenant, reading.member or "", account)
        sums[key] = sums.get(key, 0) + delta
