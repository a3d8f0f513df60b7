"""Owns how a stream is given up and a new one begun: after a clone, a restored image or a repaired file.

All retained events are renumbered from 1 under a new stream and sent again. Their business keys make that harmless; their bodies are
carried unchanged, because a body holds neither number nor stream.
"""

from __future__ import annotations

import json
import sqlite3

from offline_queue.chain import digest, first_link, next_link
from offline_queue.ledger import now_text, read_head
from offline_queue.schema import meta, meta_int, meta_text, set_meta
from offline_queue.uuid7 import uuid7

PER_DAY = 3


def new_stream(conn: sqlite3.Connection) -> str:
    """Sets meta for a stream that has no events yet; its id."""
    stream = uuid7()
    link = first_link(stream)
    set_meta(conn, {"stream_id": stream, "acked_seq": 0, "acked_chain": link, "floor_seq": 0, "floor_chain": link})
    return stream


def rotate(conn: sqlite3.Connection, reason: str) -> str:
    """Inside the caller's transaction; the new stream's id. Parked and refused events keep their marks under their new numbers."""
    head = read_head(conn)
    values = meta(conn)
    conn.execute(
        "INSERT OR IGNORE INTO stream_history(stream_id, closed_at, last_seq, last_chain, reason) VALUES(?, ?, ?, ?, ?)",
        (meta_text(values, "stream_id"), now_text(), head.seq, head.chain, reason),
    )
    stream = new_stream(conn)
    link = first_link(stream)
    exceptions = {row[0] for row in conn.execute("SELECT seq FROM verdict UNION SELECT seq FROM parked")}
    conn.execute("DELETE FROM mark")
    seq = old = 0
    while True:  # in windows: a long backlog must not be held in memory
        rows = conn.execute("SELECT seq, body FROM ev WHERE seq > ? ORDER BY seq LIMIT 2000", (old,)).fetchall()
        if not rows:
            return stream
        changed = []
        for old, body in rows:
            seq += 1
            link = next_link(link, digest(body))
            changed.append((seq, link, old))
            if old in exceptions and old != seq:
                conn.execute("UPDATE verdict SET seq = ? WHERE seq = ?", (seq, old))
                conn.execute("UPDATE parked SET seq = ? WHERE seq = ?", (seq, old))
        conn.executemany("UPDATE ev SET seq = ?, chain = ? WHERE seq = ?", changed)  # ascending, downwards: numbers never collide


def rotation_allowed(conn: sqlite3.Connection, now_s: int) -> bool:
    """Counts rotations: at most three a day (two cloned registers would rotate for ever). Records this one if it is allowed."""
    try:
        times = [int(at) for at in json.loads(meta_text(meta(conn), "rotations") or "[]")]
    except (ValueError, TypeError):
        times = []
    times = [at for at in times if 0 <= now_s - at < 86_400]
    if len(times) >= PER_DAY:
        return False
    set_meta(conn, {"rotations": json.dumps([*times, now_s])})
    return True


def rotations_today(conn: sqlite3.Connection) -> int:
    """For people."""
    try:
        return len(json.loads(meta_text(meta(conn), "rotations") or "[]"))
    except ValueError:
        return 0


def acked_seq(conn: sqlite3.Connection) -> int:
    """The cursor."""
    return meta_int(meta(conn), "acked_seq")
