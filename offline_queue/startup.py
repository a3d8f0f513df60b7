"""Owns the journal's start: whose file it is, how it was left, whether it holds what was written, and the repair if not."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from offline_queue.database import (
    DATABASE,
    checkpoint,
    connect,
    connect_read_only,
    grow_reserve,
    in_transaction,
    keep_room,
    make_room,
    opening_error,
    prepare_file,
    quick_check,
)
from offline_queue.errors import JournalDamaged, JournalForeign, WireError
from offline_queue.ledger import Head, now_text
from offline_queue.lock import sync_directory
from offline_queue.rotate import new_stream, rotate
from offline_queue.schema import meta, meta_int, meta_text, set_meta
from offline_queue.uuid7 import uuid7
from offline_queue.verify import Damage, floor_start, tail_start, unsent_start, verify
from offline_queue.wire import decode_event

_log = logging.getLogger(__name__)

TAIL_CLEAN: Final = 500  # rows verified before the first put; the rest follows beside it
TAIL_UNCLEAN: Final = 10_000  # 30 ms
CHECKED_BYTES: Final = 64 << 20


class Started(NamedTuple):
    """What the start hands to the journal. ``rest``: the link from which a check beside the running journal goes on."""

    conn: sqlite3.Connection
    path: Path
    boot_id: str
    findings: tuple[str, ...]
    clean: bool
    rest: Head | None
    notes: Mapping[str, str]


def start(directory: Path, source: str, reserve_mb: int) -> Started:
    """With the lock held. Raises JournalError; damage is repaired, not raised, wherever anything can be read."""
    path = directory / DATABASE
    findings: list[str] = []
    notes: dict[str, str] = {}
    repaired = _resumed(directory, source)
    wal_there = path.with_name(DATABASE + "-wal").exists()
    make_room(directory)
    conn, doubt = _open(path, source)
    if conn is None:
        from offline_queue import salvage  # not read by a start that finds all well

        repaired = salvage.repair(directory, source, doubt)
        conn, doubt = _open(path, source)
        if conn is None:
            raise JournalDamaged(f"{path}: damaged again right after its repair ({doubt}); replace the disk")
    if repaired is not None:
        findings.append(repaired)
        notes["salvage"] = repaired
    try:
        fresh = "stream_id" not in meta(conn)
        values = meta(conn)
        clean = fresh or meta_int(values, "clean") == 1 or repaired is not None
        boot = uuid7()

        def begin(inside: sqlite3.Connection) -> None:
            if "stream_id" not in values:
                new_stream(inside)
                set_meta(inside, {"source": source, "reserve_mb": reserve_mb})
            if not clean and not wal_there:
                rotate(inside, "the -wal file vanished")
            inside.execute("DELETE FROM meta WHERE k = 'doubt'")
            set_meta(inside, {"boot_id": boot, "clean": 0, "started_at": now_text()})

        in_transaction(conn, begin)
        if not clean and not wal_there:
            findings.append(_vanished(path))
            notes["wal-vanished"] = findings[-1]
        checkpoint(conn)  # so that the file itself says "in use": a -wal that vanishes is then noticed
        if fresh:
            grow_reserve(conn, reserve_mb)
            sync_directory(directory)
        keep_room(directory)
        rest = unsent_start(conn)
    except sqlite3.Error as trouble:
        conn.close()
        raise opening_error(trouble, path) from trouble
    except BaseException:
        conn.close()
        raise
    for finding in findings:
        _log.error("journal start: %s", finding)
    _log.info("journal open: %s, SQLite %s, %s", path, sqlite3.sqlite_version, "closed cleanly" if clean else "not closed cleanly")
    return Started(conn, path, boot, tuple(findings), clean, None if fresh else rest, notes)


def verify_rest(path: Path, started: Started, stop: threading.Event) -> Damage | None:
    """Beside the running journal: everything that is retained, oldest last doubts first: unsent, then sent; structure if left uncleanly."""

    def go_on() -> bool:
        return not stop.wait(0.01)

    try:
        with contextlib.closing(connect_read_only(path)) as conn:
            found = verify(conn, started.rest, go_on) if started.rest is not None else None
            if found is None and not stop.is_set():
                found = verify(conn, floor_start(conn), go_on)
            if found is None and not stop.is_set() and not started.clean and path.stat().st_size > CHECKED_BYTES:
                complaints = quick_check(conn)
                found = Damage(0, complaints[0]) if complaints else None
            return found
    except (sqlite3.Error, OSError) as trouble:  # also a file that is gone: the journal was closed before this thread came to run
        _log.warning("journal check ended early: %s", trouble)
        return None


def _resumed(directory: Path, source: str) -> str | None:
    """A repair that was interrupted is finished first; what was done."""
    if not any(directory.glob("damaged-*")):
        return None
    from offline_queue import salvage

    return salvage.resume(directory, source)


def _open(path: Path, source: str) -> tuple[sqlite3.Connection | None, str]:
    """The connection, or None and why the file must be repaired first. Raises JournalError where repair is not the remedy."""
    existed = path.exists() and path.stat().st_size > 0
    try:
        conn = connect(path)
    except sqlite3.Error as trouble:
        raise opening_error(trouble, path) from trouble
    try:
        prepare_file(conn, path)
        doubt = _first_doubt(conn, path, source) if existed else ""
    except JournalDamaged as trouble:
        doubt = str(trouble)
    except (sqlite3.Error, UnicodeDecodeError) as trouble:
        error = opening_error(trouble, path) if isinstance(trouble, sqlite3.Error) else JournalDamaged(str(trouble))
        if not isinstance(error, JournalDamaged):
            conn.close()
            raise error from trouble
        doubt = str(trouble)
    except BaseException:
        conn.close()
        raise
    if not doubt:
        return conn, ""
    # While another connection reads, closing leaves the -wal file as it is: it is evidence.
    with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
        keep = connect_read_only(path)
        try:
            keep.execute("SELECT 1 FROM sqlite_master").fetchone()
            conn.close()
        finally:
            keep.close()
    conn.close()
    return None, doubt


def _first_doubt(conn: sqlite3.Connection, path: Path, source: str) -> str:
    values = meta(conn)
    belongs = meta_text(values, "source")
    if belongs and belongs != source:
        if _written_by(conn, source):
            return "the register's name is damaged"
        raise JournalForeign(
            f"{path}: belongs to register {belongs}, but the settings say {source}; correct the settings, or move the journal directory away"
        )
    if not belongs:  # the very first start was interrupted, unless there is something already: name and stream are written together
        fresh = "stream_id" not in values and conn.execute("SELECT 1 FROM ev LIMIT 1").fetchone() is None
        return "" if fresh else "the register's name is gone"
    clean = meta_int(values, "clean") == 1
    suspected = "doubt" in values  # the check beside the last run found something
    if suspected or (not clean and path.stat().st_size <= CHECKED_BYTES):
        complaints = quick_check(conn)
        if complaints:
            return complaints[0]
    found = verify(conn, floor_start(conn) if suspected else tail_start(conn, TAIL_CLEAN if clean else TAIL_UNCLEAN))
    return "" if found is None else f"event {found.seq} {found.reason}"


def _written_by(conn: sqlite3.Connection, source: str) -> bool:
    """Whether the last event says that this register recorded it."""
    row = conn.execute("SELECT body FROM ev ORDER BY seq DESC LIMIT 1").fetchone()
    try:
        return row is not None and decode_event(row[0])["source"] == source
    except (WireError, AttributeError):
        return False


def _vanished(path: Path) -> str:
    return (
        f"{path}: its -wal file was deleted while posagent was down; the last events may be gone. All events are sent again under a new "
        "stream; compare today's receipts with the member ledger, and exclude the directory from clean-up programs"
    )
