"""Owns the booking of what has expired. Reading leaves it out already; the run writes it into the ledger, so that balances say the same.

What expired becomes events of head office's own, in a stream like a register's: ingested, chained and audited like everything else, one for a
member, account and day however often the run is made.
"""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from uuid import UUID

from offline_queue import wire
from offline_queue.chain import first_link, next_link
from posagent import events
from posagent.cloud import authorise, lots
from posagent.cloud.engine import Work
from posagent.cloud.ingest import Batch, Sender, ingest
from posagent.cloud.lots import Purse
from posagent.cloud.reading import Place, read
from posagent.cloud.rules import OWN_STORE, instant, program_for, today
from posagent.loyalty.rules import Program

PAGE = 200  # members of one transaction


def stream_of(tenant: str) -> str:
    """The company's stream of head office's own events."""
    return str(UUID(bytes=sha256(f"posagent/cloud/expiry/1\n{tenant}".encode()).digest()[:16], version=4))


def expire_page(work: Work, tenant: str, after: str, now_ms: int) -> tuple[str | None, int]:
    """Books what has expired of the next members behind ``after`` ("" to begin). (the last of them, None at the end; how many entries)."""
    if not after:
        authorise.tidy(work, tenant, now_ms)
    program = program_for(work, tenant, "", now_ms)
    day = today(program, now_ms)
    found = work.rows("SELECT DISTINCT member FROM lot WHERE tenant = ? AND member > ? ORDER BY member LIMIT ?", tenant, after, PAGE)
    if not found:
        return None, 0
    bodies: list[bytes] = []
    seen: set[str] = set()
    for (member,) in found:
        names = lots.names_of(work, tenant, member)
        if names[0] not in seen and any(one.expired for one in lots.purses(work, tenant, names, program, day, now_ms).values()):
            bodies += _booked(work, tenant, names, program, day, now_ms)
        seen.add(names[0])
    for first in range(0, len(bodies), wire.MAX_EVENTS):
        _write(work, tenant, bodies[first : first + wire.MAX_EVENTS], now_ms)
    return found[-1][0], len(bodies)


def _booked(work: Work, tenant: str, names: tuple[str, ...], program: Program | None, day: date, now_ms: int) -> list[bytes]:
    """The events of one member, reckoned again behind a lock, so that nobody spends meanwhile what is booked away."""
    lots.lock(work, tenant, names, lots.purses(work, tenant, names, program, day, now_ms))
    purses = lots.purses(work, tenant, names, program, day, now_ms).values()
    return [_event(tenant, names[0], one, program.reference if program else "", now_ms) for one in purses if one.expired]


def _event(tenant: str, member: str, purse: Purse, program: str, now_ms: int) -> bytes:
    day, at = purse.day.isoformat(), instant(now_ms)
    who = sha256(member.encode()).hexdigest()[:32]  # a token may be longer than a key
    entries: list[wire.JSON] = []
    for name, amount in purse.expired:
        lot = name.partition("/")[2]
        entry: dict[str, wire.JSON] = {"account": purse.account, "delta": -amount}
        entries.append(entry | {"lot": lot} if lot else entry)
    return wire.encode_event(
        id=str(UUID(bytes=sha256(f"{tenant}\n{member}\n{purse.account}\n{day}".encode()).digest()[:16], version=4)),
        source=f"/t/{tenant}/s/{OWN_STORE}/r/expiry",
        type=events.BALANCE_EXPIRED,
        time=at,
        subject=f"m:{member}"[:200],
        idemkey=f"{day}/expired/{purse.account}/{who}",
        data={
            "company": tenant, "store": OWN_STORE, "register": "expiry", "business_date": day, "operator": "head office", "role": "system",
            "program": program, "member": member, "source": "cloud", "entries": entries, "trace": {"at": at},
        },
    )  # fmt: skip


def _write(work: Work, tenant: str, bodies: list[bytes], now_ms: int) -> None:
    """Behind what the stream holds."""
    stream, home = stream_of(tenant), Place(tenant, OWN_STORE, "expiry")
    work.run(
        "INSERT INTO stream (stream_id, tenant, store, register, acked, chain, first_seen_ms, last_seen_ms) VALUES (?, ?, ?, ?, 0, ?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        stream, tenant, home.store, home.register, first_link(stream), now_ms, now_ms,
    )  # fmt: skip
    acked, chain = work.rows("SELECT acked, chain FROM stream WHERE stream_id = ? FOR UPDATE", stream)[0]
    lines, links = wire.assemble(acked + 1, bodies), [bytes(chain)]
    for line in lines:
        links.append(next_link(links[-1], line.digest))
    ingest(work, Batch(stream, links[0], lines, links[1:], [read(body, home) for body in bodies], None, Sender(None, home), now_ms))
