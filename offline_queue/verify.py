"""Owns the check that what is stored is what was written: the chain of digests over the rows. SQLite itself has no page checksums."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final, NamedTuple

from offline_queue.chain import digest, next_link
from offline_queue.ledger import Head, read_head
from offline_queue.schema import meta, meta_bytes, meta_int

WINDOW: Final = 500


class Damage(NamedTuple):
    """The first number at which the rows do not follow from each other."""

    seq: int
    reason: str


def unsent_start(conn: sqlite3.Connection) -> Head:
    """Where the unacknowledged rows begin: the cursor."""
    values = meta(conn)
    return Head(meta_int(values, "acked_seq"), meta_bytes(values, "acked_chain"))


def floor_start(conn: sqlite3.Connection) -> Head:
    """Where the retained rows begin."""
    values = meta(conn)
    return Head(meta_int(values, "floor_seq"), meta_bytes(values, "floor_chain"))


def tail_start(conn: sqlite3.Connection, rows: int) -> Head:
    """``rows`` before the end, or the cursor when that is later. The link there is taken on trust."""
    start = unsent_start(conn)
    seq = read_head(conn).seq - rows
    if seq <= start.seq:
        return start
    row = conn.execute("SELECT seq, chain FROM ev WHERE seq = ?", (seq,)).fetchone()
    return start if row is None else Head(*row)


def verify(conn: sqlite3.Connection, start: Head, go_on: Callable[[], bool] = lambda: True) -> Damage | None:
    """Walks from ``start`` to the end in short transactions; the first damage, or None. ``go_on`` is asked between them: it may wait, so
    that a check beside the running journal leaves the processor to the till, and its False ends the walk."""
    seq, link = start.seq, start.chain
    last = read_head(conn).seq
    while seq < last and go_on():
        try:
            rows = conn.execute(
                "SELECT seq, idem, body, chain FROM ev WHERE seq > ? AND seq <= ? ORDER BY seq", (seq, min(last, seq + WINDOW))
            ).fetchall()
        except sqlite3.DatabaseError as trouble:
            return Damage(seq + 1, f"cannot be read: {trouble}")
        for number, idem, body, stored in rows:
            seq += 1
            if number != seq:
                return Damage(seq, "is missing")
            if not (isinstance(body, bytes) and isinstance(idem, str)):  # a damaged type turns a blob into text or nothing
                return Damage(seq, "is not of the kind that was written")
            link = next_link(link, digest(body))
            if link != stored:
                return Damage(seq, "does not fit the chain")
            if b'"idemkey":' not in body or idem.encode() not in body:
                return Damage(seq, "its key does not fit its content")
        if not rows:
            return Damage(seq + 1, "is missing")
    return None
