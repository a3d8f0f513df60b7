"""Owns the cloud lane's state in the journal: one cursor, the verdicts that are not "applied", and what was parked.

All functions run inside `Journal.transact`. An answer moves the cursor only where its link is our own at that number; without that check a
late answer for a future that a restored disk image has forgotten would acknowledge events that the receiver has never seen.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, NamedTuple

from offline_queue.answers import Answer
from offline_queue.chain import first_link
from offline_queue.ledger import now_text, read_head
from offline_queue.schema import meta, meta_bytes, meta_int, meta_text, set_meta

PARK_TRIES: Final = 5  # after the first refusal of an event on its own
_MARK_EVERY_S: Final = 3600


class Position(NamedTuple):
    """Where the lane stands. ``generation`` changes when a person moves the cursor: answers to older requests are then void."""

    stream: str
    acked: int
    chain: bytes
    generation: int
    floor: int
    floor_proof: bool  # the receiver asked for events that are gone: the next batch says so


def position(values: Mapping[str, int | str | bytes]) -> Position:
    """From the journal's meta table."""
    return Position(
        stream=meta_text(values, "stream_id"),
        acked=meta_int(values, "acked_seq"),
        chain=meta_bytes(values, "acked_chain"),
        generation=meta_int(values, "generation"),
        floor=meta_int(values, "floor_seq"),
        floor_proof=meta_int(values, "floor_proof") == 1,
    )


def take(
    conn: sqlite3.Connection, sent: Position, answer: Answer, until: int, wall_ms: int
) -> Literal["moved", "stale", "behind", "fork"]:
    """An acknowledgement; the cursor moves to ``until``, at most to ``answer.acked``.

    ``behind``: the receiver holds less than it once had. ``fork``: it holds another history. ``stale``: the answer is to a question that
    is no longer asked.
    """
    now = position(meta(conn))
    if (now.stream, now.generation) != (sent.stream, sent.generation):
        return "stale"
    link = link_at(conn, now, answer.acked)
    if link is None:
        return "behind" if answer.acked < now.floor else "fork"
    if link != answer.chain:
        return "fork"
    if answer.acked < now.acked:
        return "behind"
    at = now_text()
    for item in answer.items:
        if sent.acked < item.seq <= until:
            conn.execute(
                "INSERT INTO verdict(seq, status, problem, of_stream, of_seq, at) VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(seq) DO UPDATE SET "
                "status = excluded.status, problem = excluded.problem, of_stream = excluded.of_stream, of_seq = excluded.of_seq, "
                "at = excluded.at WHERE resolved IS NULL",
                (item.seq, item.status, item.problem, item.of_stream, item.of_seq, at),
            )
    withheld = {item.seq for item in answer.items if item.status == "withheld"}
    for (seq,) in conn.execute(
        "SELECT seq FROM verdict WHERE status = 'withheld' AND seq > ? AND seq <= ?", (sent.acked, until)
    ).fetchall():
        if seq not in withheld:  # sent again with its body, and taken
            conn.execute("DELETE FROM verdict WHERE seq = ?", (seq,))
    conn.execute("DELETE FROM parked WHERE state = 'trying' AND seq <= ?", (until,))
    own = link_at(conn, now, until)
    if own is not None:
        set_meta(conn, {"acked_seq": until, "acked_chain": own, "acked_at": at, "floor_proof": 0})
    _note_time(conn, answer, until, wall_ms)
    return "moved"


def rewind(conn: sqlite3.Connection, sent: Position, expected: int, link: bytes) -> Literal["rewound", "beyond", "stale", "fork"]:
    """The receiver holds only what is before ``expected``, with that link. ``beyond``: it wants what retention has deleted."""
    now = position(meta(conn))
    if (now.stream, now.generation) != (sent.stream, sent.generation):
        return "stale"
    until = expected - 1
    if until < now.floor:
        floor = meta_bytes(meta(conn), "floor_chain")
        set_meta(conn, {"acked_seq": now.floor, "acked_chain": floor, "floor_proof": 1})
        return "beyond"
    own = link_at(conn, now, until)
    if own is None or own != link:
        return "fork"
    conn.execute("DELETE FROM mark WHERE seq > ?", (until,))
    set_meta(conn, {"acked_seq": until, "acked_chain": own})
    return "rewound"


def link_at(conn: sqlite3.Connection, now: Position, seq: int) -> bytes | None:
    """Our own link at a number; None above the end and below the floor."""
    if seq == now.acked:
        return now.chain
    if seq == 0:
        return first_link(now.stream) if now.floor == 0 else None
    if seq == now.floor:
        return meta_bytes(meta(conn), "floor_chain")
    if seq < now.floor or seq > read_head(conn).seq:
        return None
    row = conn.execute("SELECT chain FROM ev WHERE seq = ?", (seq,)).fetchone()
    return None if row is None else bytes(row[0])


def suspect(conn: sqlite3.Connection, sent: Position, seq: int, reason: str) -> bool:
    """The receiver refused this event on its own. True when it has now been tried often enough and is parked."""
    now = position(meta(conn))
    if now.stream != sent.stream:
        return False
    conn.execute(
        "INSERT INTO parked(seq, state, reason, attempts, at) VALUES(?, 'trying', ?, 1, ?) "
        "ON CONFLICT(seq) DO UPDATE SET attempts = attempts + 1, reason = excluded.reason, at = excluded.at WHERE state = 'trying'",
        (seq, reason[:500], now_text()),
    )
    conn.execute("UPDATE parked SET state = 'parked' WHERE seq = ? AND state = 'trying' AND attempts > ?", (seq, PARK_TRIES))
    return bool(conn.execute("SELECT 1 FROM parked WHERE seq = ? AND state <> 'trying'", (seq,)).fetchone())


def unix_ms(text: str) -> int | None:
    """An RFC 3339 time as Unix milliseconds; None where it is not a time with an offset."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int(at.timestamp() * 1000) if at.tzinfo is not None else None


def _note_time(conn: sqlite3.Connection, answer: Answer, until: int, wall_ms: int) -> None:
    """Remembers the receiver's time: our clock's offset, and how old the acknowledged rows are by the only clock that retention trusts."""
    server_ms = unix_ms(answer.server_time)
    if server_ms is None:
        return
    server = server_ms // 1000
    set_meta(conn, {"server_time": server, "clock_offset_ms": server_ms - wall_ms})
    row = conn.execute("SELECT seq, at FROM mark ORDER BY seq DESC LIMIT 1").fetchone()
    if row is None or (until > row[0] and server - row[1] >= _MARK_EVERY_S):
        conn.execute("INSERT OR IGNORE INTO mark(seq, at) VALUES(?, ?)", (until, server))
