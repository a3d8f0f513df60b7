"""Owns how the journal's file is opened: pragmas set and read back, whose file it is, the pre-grown reserve, the checkpoint.

Exactly one read-write connection exists on the machine (the lock in `lock.py` sees to that): SQLite versions up to 3.51.2 can lose
commits when two connections write or checkpoint a WAL at once (sqlite.org/wal.html, "WAL-reset bug"). Nothing in this process may open
and close the file by other means: POSIX locks vanish when any descriptor of the file is closed (sqlite.org/howtocorrupt.html 2.2).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from offline_queue.errors import JournalDamaged, JournalError, JournalForeign, JournalNewer, JournalReadOnly
from offline_queue.schema import APPLICATION_ID, VERSION, migrate

T = TypeVar("T")
DATABASE: Final = "queue.db"
SPARE: Final = "queue.spare"
SPARE_BYTES: Final = (131_072, 65_536)
"""What a start needs beyond the reserve: a -shm file of 32 kB (sqlite.org/walformat.html, 2.1) and some crumbs."""
PAGE_SIZE: Final = 1024  # half the bytes per grant of 4096, at the same latency

# (pragma, value to set, value that must read back)
PRAGMAS: Final[tuple[tuple[str, str, int | str], ...]] = (
    ("journal_mode", "WAL", "wal"),
    ("synchronous", "FULL", 2),  # NORMAL would lose the last grants in a power cut
    ("wal_autocheckpoint", "0", 0),  # checkpoints never inside a put
    ("busy_timeout", "2000", 2000),
    ("foreign_keys", "ON", 1),
    ("trusted_schema", "OFF", 0),
    ("cell_size_check", "ON", 1),
    ("temp_store", "MEMORY", 2),
    ("mmap_size", "0", 0),
)

DAMAGE_CODES: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR})
FULL_CODES: Final = frozenset({sqlite3.SQLITE_FULL})


def error_code(trouble: sqlite3.Error) -> int:
    """The primary result code; 0 where sqlite3 itself (not SQLite) complained."""
    return getattr(trouble, "sqlite_errorcode", 0) & 0xFF


def connect(path: Path) -> sqlite3.Connection:
    """The read-write connection, without pragmas; autocommit, may be passed to another thread."""
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2.0)


def connect_read_only(path: Path) -> sqlite3.Connection:
    """A connection for readers. Raises sqlite3.Error where the file is not there."""
    conn = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False, timeout=2.0)
    conn.execute("PRAGMA query_only=ON")
    conn.execute("PRAGMA cache_size=-256")  # reads are short or sequential; memory is for the agent
    conn.execute("PRAGMA trusted_schema=OFF")
    return conn


def prepare_file(conn: sqlite3.Connection, path: Path) -> bool:
    """Checks whose file it is, sets and verifies the pragmas, migrates. True when the file was new. Raises JournalError."""
    try:
        fresh = conn.execute("SELECT 1 FROM sqlite_master").fetchone() is None
        application = pragma(conn, "application_id")
        version = pragma(conn, "user_version")
        if application != APPLICATION_ID and not (fresh and application == 0):
            raise JournalForeign(f"{path}: this SQLite file belongs to another program; move it away, or set another journal directory")
        if isinstance(version, int) and version > VERSION:
            raise JournalNewer(
                f"{path}: written by a newer posagent (journal version {version}, this one knows {VERSION}); install that version again"
            )
        if fresh:
            conn.execute(f"PRAGMA page_size={PAGE_SIZE}")
            conn.execute("PRAGMA auto_vacuum=NONE")  # free pages are the reserve
        set_pragmas(conn, path)
        if fresh or version != VERSION:
            conn.execute("BEGIN IMMEDIATE")
            migrate(conn)
            conn.execute("COMMIT")
        return fresh
    except sqlite3.Error as trouble:
        raise opening_error(trouble, path) from trouble
    except UnicodeDecodeError as trouble:  # SQLite quotes damaged text in its complaint
        raise JournalDamaged(f"{path}: its schema cannot be read") from trouble


def set_pragmas(conn: sqlite3.Connection, path: Path) -> None:
    """Sets the pragmas in their order and reads each back. Raises JournalError where one does not hold."""
    for name, value, expected in PRAGMAS:
        conn.execute(f"PRAGMA {name}={value}")
        found = pragma(conn, name)
        if found != expected:
            raise JournalError(f"{path}: SQLite keeps {name} at {found!r} instead of {expected!r}; is the file on a network or overlay disk?")


def pragma(conn: sqlite3.Connection, name: str) -> int | str:
    """The value of a pragma that answers with one row."""
    row = conn.execute(f"PRAGMA {name}").fetchone()
    value: int | str = row[0]
    return value


def opening_error(trouble: sqlite3.Error, path: Path) -> JournalError:
    """Turns SQLite's complaint while opening into one that says what to do."""
    match error_code(trouble):
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT | 0:  # 0: sqlite3 itself, which could not decode a text
            return JournalDamaged(f"{path}: is damaged or no SQLite file at all ({trouble})")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return JournalReadOnly(f"{path}: cannot be written ({trouble}); the directory must belong to the user that runs posagent")
        case sqlite3.SQLITE_FULL:
            return JournalError(f"{path}: the disk is full ({trouble}); free some space, the journal needs 20 MB to start")
        case _:
            return JournalError(f"{path}: cannot be opened ({trouble})")


def quick_check(conn: sqlite3.Connection, which: str = "quick_check") -> list[str]:
    """SQLite's own complaints about the file's structure; empty when there are none. About 3 ms per MB; ``integrity_check`` compares the
    indexes with their tables as well."""
    try:
        rows = [str(row[0]) for row in conn.execute(f"PRAGMA {which}(20)").fetchall()]
    except sqlite3.DatabaseError as trouble:
        return [str(trouble)]
    return [] if rows == ["ok"] else rows


# ---------------------------------------------------------------- reserve and checkpoint


def grow_reserve(conn: sqlite3.Connection, reserve_mb: int) -> None:
    """Grows the file (and its WAL) by pages that stay free, so that a put overwrites and still works when the disk is full."""
    if reserve_mb <= 0:
        return
    conn.execute("BEGIN IMMEDIATE")
    try:
        conn.execute("CREATE TABLE reserve(b BLOB)")
        conn.execute("INSERT INTO reserve VALUES(zeroblob(?))", (reserve_mb << 20,))
        conn.execute("DROP TABLE reserve")
        conn.execute("COMMIT")
    except sqlite3.Error:
        rollback(conn)
        raise
    checkpoint(conn, "RESTART")


def free_reserve(conn: sqlite3.Connection) -> int:
    """Bytes that the file holds free."""
    pages, size = pragma(conn, "freelist_count"), pragma(conn, "page_size")
    return int(pages) * int(size)


def make_room(directory: Path) -> None:
    """Before opening: on a full disk the spare goes, so that SQLite can make its -shm file, of which a power cut leaves nothing behind."""
    with contextlib.suppress(OSError):
        seen = os.statvfs(directory)
        if seen.f_bavail * seen.f_frsize < SPARE_BYTES[-1]:
            (directory / SPARE).unlink(missing_ok=True)


def keep_room(directory: Path) -> None:
    """After opening: the spare is there for the next start, as large as the disk allows."""
    spare = directory / SPARE
    for size in SPARE_BYTES:
        if spare.exists():
            return
        try:
            fd = os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, size)
            finally:
                os.close(fd)
        except OSError:
            with contextlib.suppress(OSError):
                spare.unlink(missing_ok=True)


def checkpoint(conn: sqlite3.Connection, mode: str = "PASSIVE") -> tuple[int, int]:
    """Moves pages from the WAL into the file; (pages in the WAL, pages moved). A reader may keep it from finishing: not an error."""
    _, in_log, moved = conn.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    return in_log, moved


def rollback(conn: sqlite3.Connection) -> None:
    """Ends a transaction that failed; SQLite may have ended it already."""
    if conn.in_transaction:
        conn.execute("ROLLBACK")


def in_transaction(conn: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
    """Runs ``work`` in one immediate transaction: for who owns the connection."""
    conn.execute("BEGIN IMMEDIATE")
    try:
        result = work(conn)
        conn.execute("COMMIT")
        return result
    except BaseException:
        rollback(conn)
        raise
