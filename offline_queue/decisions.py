"""Owns what a person may decide about an event that the receiver does not take: send it again, or give it up. Nothing is ever deleted.

The running agent holds the journal's lock, so the command line places its decision as a file in ``orders/`` and the cloud lane carries it
out (`carry_out_orders`); without a running agent the command line opens the journal itself.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from offline_queue.cursor import link_at, position
from offline_queue.errors import NoSuchEntry, QueueError
from offline_queue.events import NewEvent
from offline_queue.journal import Journal
from offline_queue.ledger import append, now_text, read_head
from offline_queue.schema import meta, set_meta
from offline_queue.uuid7 import uuid7

_log = logging.getLogger(__name__)
DROPPED: Final = "posagent.event.dropped.v1"
ORDERS: Final = "orders"
WRITE_TIMEOUT_S: Final = 30.0
_MOST_BYTES: Final = 4096


class NotRefused(QueueError):
    """The event waits or was taken like any other; there is nothing to decide."""


def retry(journal: Journal, seq: int, operator: str) -> str:
    """Sends a parked (or given up) event again with its body. What was done, for people. Raises QueueError."""

    def work(conn: sqlite3.Connection) -> str:
        now = position(meta(conn))
        if conn.execute("SELECT 1 FROM parked WHERE seq = ?", (seq,)).fetchone() is None:
            _must_exist(conn, seq)
            raise NotRefused(f"event {seq} is not parked; what the receiver holds as refused is decided at head office")
        conn.execute("DELETE FROM parked WHERE seq = ?", (seq,))
        if now.acked >= seq:
            link = link_at(conn, now, seq - 1)
            if link is None:
                raise NotRefused(f"event {seq} stands before what this register still holds as a chain; grant it again from its receipt")
            set_meta(conn, {"acked_seq": seq - 1, "acked_chain": link, "generation": now.generation + 1})
        return f"event {seq} is sent again"

    said = journal.transact(work).result(WRITE_TIMEOUT_S)
    journal.note(f"parked-{seq}", "")
    _log.info("%s (%s)", said, operator)
    return said


def drop(journal: Journal, seq: int, reason: str, operator: str) -> str:
    """Gives up a parked or refused event: it stays, marked, and an event of its own says who did it and why. Raises QueueError."""

    def work(conn: sqlite3.Connection) -> str:
        key = _must_exist(conn, seq)
        parked = conn.execute("SELECT reason, state FROM parked WHERE seq = ?", (seq,)).fetchone()
        verdict = conn.execute("SELECT status, problem, resolved FROM verdict WHERE seq = ?", (seq,)).fetchone()
        if parked is None and verdict is None:
            raise NotRefused(f"event {seq} waits or was taken like any other; only parked and refused events can be given up")
        if (parked is None or parked[1] == "dropped") and (verdict is None or verdict[2] is not None):
            return f"event {seq} was given up before"
        stream = position(meta(conn)).stream
        event = NewEvent(
            type=DROPPED,
            subject=f"e:{key}"[:200],
            idemkey=f"drop/{stream}/{seq}",
            time=now_text(),
            data={
                "stream": stream,
                "seq": seq,
                "idemkey": key,
                "status": verdict[0] if verdict else "parked",
                "problem": verdict[1] if verdict else parked[0],
                "reason": reason,
                "operator": operator,
            },
        )
        append(conn, read_head(conn), journal.prepare([event]))
        conn.execute("UPDATE parked SET state = 'dropped', operator = ?, at = ? WHERE seq = ?", (operator, now_text(), seq))
        conn.execute("UPDATE verdict SET resolved = ? WHERE seq = ?", (event.id, seq))
        return f"event {seq} ({key}) is given up; it stays in the journal, marked"

    said = journal.transact(work).result(WRITE_TIMEOUT_S)
    journal.note(f"parked-{seq}", "")
    _log.warning("%s: %s (%s)", said, reason, operator)
    return said


# ---------------------------------------------------------------- orders from the command line


def place_order(directory: Path, order: Mapping[str, str | int]) -> Path:
    """Leaves a decision for the running agent; the path at which its answer will appear."""
    orders = directory / ORDERS
    orders.mkdir(mode=0o700, exist_ok=True)
    name = uuid7()
    fresh = orders / f"{name}.new"
    fresh.write_text(json.dumps(dict(order)), encoding="utf-8")
    fresh.replace(orders / f"{name}.order")
    return orders / f"{name}.answer"


def carry_out_orders(journal: Journal) -> int:
    """Carries out what waits in ``orders/`` and writes the answers; how many. Costs one look at a directory when nothing waits."""
    orders = journal.path.parent / ORDERS
    done = 0
    if not orders.is_dir():
        return 0
    for path in sorted(orders.glob("*.order")):
        done += 1
        try:
            answer = {"ok": True, "said": _carry_out(journal, path)}
        except (QueueError, ValueError, KeyError, TypeError) as trouble:
            answer = {"ok": False, "said": str(trouble)}
        path.unlink(missing_ok=True)
        try:
            fresh = path.with_suffix(".written")
            fresh.write_text(json.dumps(answer), encoding="utf-8")
            fresh.replace(path.with_suffix(".answer"))
        except OSError as trouble:  # a full disk: the decision stands all the same
            _log.warning("order %s: its answer cannot be written: %s", path.name, trouble)
    return done


def _carry_out(journal: Journal, path: Path) -> str:
    with open(path, encoding="utf-8") as source:
        order: Any = json.loads(source.read(_MOST_BYTES))
    seq, operator = int(order["seq"]), str(order["operator"])[:60]
    match order["what"]:
        case "retry":
            return retry(journal, seq, operator)
        case "drop":
            return drop(journal, seq, str(order["reason"])[:300], operator)
        case other:
            raise ValueError(f"unknown order {other!r}")


def _must_exist(conn: sqlite3.Connection, seq: int) -> str:
    row = conn.execute("SELECT idem FROM ev WHERE seq = ?", (seq,)).fetchone()
    if row is None:
        raise NoSuchEntry(f"there is no event {seq} in this journal (any more)")
    key: str = row[0]
    return key
