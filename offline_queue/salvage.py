"""Owns the repair of a damaged journal: the old files are set aside untouched, what can be saved goes into a new file, the rest is named.

Steps, each of which a crash may interrupt (`resume` goes on from the files that it finds)::

    damaged-<time>/           made; queue.db-wal, then queue.db moved into it
    queue.db.new              built from damaged-<time>, synced
    queue.db                  renamed from it
    damaged-<time>/done       the report; without it the repair is not finished
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from offline_queue.chain import digest, first_link, next_link
from offline_queue.database import DATABASE, PAGE_SIZE, connect, connect_read_only, in_transaction, prepare_file
from offline_queue.ledger import Head, now_text, read_head
from offline_queue.lock import sync_directory
from offline_queue.pages import Row, scan
from offline_queue.proof import Judged, judge, ranges
from offline_queue.rotate import new_stream
from offline_queue.schema import meta, meta_bytes, meta_int, meta_text, set_meta
from offline_queue.wire import decode_event

_log = logging.getLogger(__name__)
_KEPT_META: Final = ("reserve_mb", "rotations", "server_time", "clock_offset_ms", "files")
_COPIED: Final = ("job", "job_event", "stream_history")


def repair(directory: Path, source: str, reason: str) -> str:
    """With the lock held and the file closed. What was done, in a sentence for the technician. Raises OSError or sqlite3.Error."""
    _log.error("journal damaged: %s: %s; repairing", directory / DATABASE, reason)
    aside = directory / f"damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
    aside.mkdir(mode=0o700)
    (aside / "reason").write_text(reason + "\n", encoding="utf-8")
    return _go_on(directory, aside, source)


def resume(directory: Path, source: str) -> str | None:
    """Finishes a repair that was interrupted; what was done, or None when there was none."""
    for aside in sorted(directory.glob("damaged-*")):
        if (aside / "done").exists():
            continue
        if (directory / DATABASE).exists() and (aside / DATABASE).exists():
            _finish(directory, aside, "repaired; the report was lost in a crash, compare today's receipts with the member ledger")
            continue
        return _go_on(directory, aside, source)
    return None


def _go_on(directory: Path, aside: Path, source: str) -> str:
    for suffix in ("-wal", ""):
        old = directory / (DATABASE + suffix)
        if old.exists():
            old.replace(aside / old.name)
    (directory / (DATABASE + "-shm")).unlink(missing_ok=True)
    sync_directory(aside)
    sync_directory(directory)
    fresh = directory / (DATABASE + ".new")
    for suffix in ("", "-wal", "-shm"):
        fresh.with_name(fresh.name + suffix).unlink(missing_ok=True)
    report = _rebuild(aside, fresh, source)
    with open(fresh, "rb") as built:
        os.fsync(built.fileno())
    fresh.replace(directory / DATABASE)
    sync_directory(directory)
    return _finish(directory, aside, report)


def _finish(directory: Path, aside: Path, report: str) -> str:
    sentence = f"{directory / DATABASE}: {report}; the damaged file is kept in {aside.name}"
    with open(aside / "done", "w", encoding="utf-8") as out:
        out.write(sentence + "\n")
        out.flush()
        os.fsync(out.fileno())
    sync_directory(aside)
    return sentence


def _rebuild(aside: Path, fresh: Path, source: str) -> str:
    old = _old_facts(aside / DATABASE)
    certain = old.floor.seq == 0 and old.stream.isascii() and old.floor.chain == first_link(old.stream)
    judged = judge(_candidates(aside), old.floor.seq, old.floor.chain, old.acked, certain=certain)
    conn = connect(fresh)
    try:
        prepare_file(conn, fresh)
        in_transaction(conn, lambda inside: _fill(inside, judged, old, source))
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        conn.close()  # the last connection: takes its -wal away
    proven = len(judged.rows) - len(judged.unproven)
    said = [f"was damaged and has been repaired: {proven} events are proven"]
    if judged.unproven:
        said.append(f"{len(judged.unproven)} are whole but not proven (numbers {ranges(judged.unproven)[:300]})")
    if judged.damaged:
        keys = ", ".join(f"{row.seq} {row.idem[:60]!r}" for row in judged.damaged[:20])
        said.append(f"{len(judged.damaged)} are damaged and left out: look for these receipts: {keys}")
    said.append(
        f"missing are {len(judged.missing)} (numbers {ranges(judged.missing)[:300]} of stream {old.stream or '?'}): compare the receipts"
        if judged.missing
        else "none is known to be missing"
    )
    return ", ".join(said) + "; all are sent again under a new stream"


def _candidates(aside: Path) -> list[Row]:
    """From the pages; SQL would stop at the first broken one."""
    return list(scan(aside / DATABASE, aside / (DATABASE + "-wal"), PAGE_SIZE))


class _Old:
    """What can still be learned of the damaged file by SQL; empty where nothing can."""

    def __init__(self) -> None:
        self.floor = Head(0, b"")
        self.acked = 0
        self.stream = ""
        self.values: dict[str, int | str | bytes] = {}
        self.tables: dict[str, tuple[list[str], list[tuple[Any, ...]]]] = {}


def _old_facts(path: Path) -> _Old:
    """Opens the file where it was set aside (its WAL beside it); every table on its own, as far as it can be read."""
    old = _Old()
    try:
        writable = connect(path)  # a WAL can only be read back by a connection that may write
    except sqlite3.Error:
        return old
    keep = None
    try:
        try:
            old.values = meta(writable)
            keep = connect_read_only(path)
            keep.execute("SELECT 1 FROM sqlite_master").fetchone()  # so that closing leaves the evidence as it is
        except (sqlite3.Error, UnicodeDecodeError):
            old.values = {}
        for table in (*_COPIED, "verdict", "parked"):
            old.tables[table] = _readable(writable, table)
    finally:
        writable.close()
        if keep is not None:
            keep.close()
    old.stream = meta_text(old.values, "stream_id")
    old.acked = meta_int(old.values, "acked_seq")
    link = meta_bytes(old.values, "floor_chain")
    old.floor = Head(meta_int(old.values, "floor_seq"), link if len(link) == 32 else b"")
    return old


def _readable(conn: sqlite3.Connection, table: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """All rows up to the first that cannot be read, then from the end backwards."""
    names: list[str] = []
    rows: dict[Any, tuple[Any, ...]] = {}
    for order in ("ASC", "DESC"):
        try:
            cursor = conn.execute(f"SELECT * FROM {table} ORDER BY rowid {order}")  # noqa: S608 - our own table names
            names = [column[0] for column in cursor.description]
            for row in cursor:
                rows[row[0]] = row
        except (sqlite3.Error, UnicodeDecodeError) as trouble:
            _log.warning("salvage: table %s is damaged: %s", table, trouble)
            continue
        break
    return names, [rows[key] for key in sorted(rows)]


def _fill(conn: sqlite3.Connection, judged: Judged, old: _Old, source: str) -> None:
    stream = new_stream(conn)
    kept: dict[str, int | str | bytes] = {key: old.values[key] for key in _KEPT_META if key in old.values}
    set_meta(conn, {**kept, "source": source, "clean": 1, "salvaged": json.dumps({"at": now_text(), "missing": ranges(judged.missing)})})
    head = read_head(conn)
    seq, link = head.seq, head.chain
    renumbered: dict[int, int] = {}
    for row in judged.rows:
        following = next_link(link, digest(row.body))
        done = conn.execute(
            "INSERT INTO ev(seq, idem, body, chain) VALUES(?, ?, ?, ?) ON CONFLICT(idem) DO NOTHING",
            (seq + 1, decode_event(row.body)["idemkey"], row.body, following),  # the key beside a proven body may be the damaged part
        )
        if done.rowcount == 1:
            seq, link = seq + 1, following
            renumbered[row.seq] = seq
    for table in _COPIED:
        _copy(conn, table, *old.tables.get(table, ([], [])))
    for table in ("verdict", "parked"):
        names, rows = old.tables.get(table, ([], []))
        _copy(conn, table, names, [(renumbered[row[0]], *row[1:]) for row in rows if row[0] in renumbered])
    conn.execute(
        "INSERT OR IGNORE INTO stream_history(stream_id, closed_at, last_seq, last_chain, reason) VALUES(?, ?, ?, NULL, ?)",
        (old.stream or f"unreadable before {stream}", now_text(), judged.rows[-1].seq if judged.rows else 0, "damaged file"),
    )


def _copy(conn: sqlite3.Connection, table: str, names: list[str], rows: list[tuple[Any, ...]]) -> None:
    if not names:
        return
    marks = ", ".join("?" * len(names))
    for row in rows:
        try:
            conn.execute(f"INSERT OR IGNORE INTO {table}({', '.join(names)}) VALUES({marks})", row)
        except sqlite3.Error as trouble:  # a value that the damage has turned into another kind
            _log.warning("salvage: a row of %s is left out: %s", table, trouble)
