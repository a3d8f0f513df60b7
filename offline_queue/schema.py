"""Owns the journal file's tables: their SQL, their migrations, and the small `meta` table's reading and writing.

Migrations are forward-only and additive; sqlite-utils applies them, and is imported only when there is one to apply.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

APPLICATION_ID: Final = 0x504F5341  # "POSA"
VERSION: Final = 1
"""`PRAGMA user_version` after all migrations below. A file with a higher one is not touched."""

TABLES: Final = ("ev", "meta", "verdict", "parked", "stream_history", "mark", "job", "job_event")

# Normal events are written once and never updated; that they were sent is one cursor in meta, not a status per row. No AUTOINCREMENT:
# the writer numbers, and it would cost a page per commit.
_FIRST: Final = """
CREATE TABLE ev(
  seq   INTEGER PRIMARY KEY,
  idem  TEXT NOT NULL,
  body  BLOB NOT NULL,
  chain BLOB NOT NULL CHECK(length(chain) = 32)
) STRICT;
CREATE UNIQUE INDEX ev_idem ON ev(idem);
CREATE TABLE meta(k TEXT PRIMARY KEY, v ANY) STRICT, WITHOUT ROWID;
CREATE TABLE verdict(
  seq INTEGER PRIMARY KEY, status TEXT NOT NULL, problem TEXT NOT NULL, of_stream TEXT NOT NULL, of_seq INTEGER NOT NULL,
  at TEXT NOT NULL, resolved TEXT
) STRICT;
CREATE TABLE parked(
  seq INTEGER PRIMARY KEY, state TEXT NOT NULL, reason TEXT NOT NULL, attempts INTEGER NOT NULL, at TEXT NOT NULL, operator TEXT
) STRICT;
CREATE TABLE stream_history(stream_id TEXT PRIMARY KEY, closed_at TEXT, last_seq INTEGER, last_chain BLOB, reason TEXT) STRICT;
CREATE TABLE mark(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;
CREATE TABLE job(
  id INTEGER PRIMARY KEY, event_id TEXT NOT NULL, printer TEXT NOT NULL, serial TEXT NOT NULL, document BLOB NOT NULL,
  copy INTEGER NOT NULL, state TEXT NOT NULL, certainty TEXT, attempt INTEGER NOT NULL, evidence TEXT, reason TEXT NOT NULL,
  operator TEXT, created TEXT NOT NULL, updated TEXT NOT NULL
) STRICT;
CREATE INDEX job_open ON job(printer, id) WHERE state IN ('QUEUED', 'SENDING', 'HANDED', 'HELD', 'UNCONFIRMED', 'NEEDS_OPERATOR');
CREATE INDEX job_serial ON job(serial);
CREATE TABLE job_event(
  id INTEGER PRIMARY KEY, job INTEGER NOT NULL, state TEXT NOT NULL, attempt INTEGER NOT NULL, certainty TEXT, evidence TEXT,
  reason TEXT NOT NULL, operator TEXT, at TEXT NOT NULL
) STRICT;
CREATE INDEX job_event_job ON job_event(job)
"""
# meta holds: source, stream_id, acked_seq, acked_chain, floor_seq, floor_chain, boot_id, clean, reserve_mb, clock_offset_ms,
# server_time, rotations (JSON list of server or wall times), and what the lanes remember (etags, versions).


def migrations() -> Migrations:
    """All steps, oldest first. A step is never changed once it has been released; a new one is appended and VERSION raised."""
    from sqlite_utils.migrations import Migrations

    steps = Migrations("journal")

    @steps()
    def first_tables(db: Database) -> None:
        for statement in _FIRST.split(";\n"):
            db.conn.execute(statement)

    return steps


def migrate(conn: sqlite3.Connection) -> None:
    """Brings an empty or older file to VERSION, in one transaction of the caller."""
    from sqlite_utils import Database

    migrations().apply(Database(conn))
    conn.execute(f"PRAGMA user_version={VERSION}")
    conn.execute(f"PRAGMA application_id={APPLICATION_ID}")


def meta(conn: sqlite3.Connection) -> dict[str, int | str | bytes]:
    """The whole table: a dozen rows."""
    return dict(conn.execute("SELECT k, v FROM meta WHERE v IS NOT NULL").fetchall())


def set_meta(conn: sqlite3.Connection, values: Mapping[str, int | str | bytes]) -> None:
    """Inserts or replaces; inside the caller's transaction."""
    conn.executemany("INSERT INTO meta(k, v) VALUES(?, ?) ON CONFLICT(k) DO UPDATE SET v = excluded.v", list(values.items()))


def meta_int(values: Mapping[str, int | str | bytes], key: str, default: int = 0) -> int:
    """An int of meta; ``default`` where it is missing or, in a damaged file, of another kind."""
    value = values.get(key, default)
    return value if isinstance(value, int) else default


def meta_text(values: Mapping[str, int | str | bytes], key: str) -> str:
    """A text of meta; "" where it is missing or of another kind."""
    value = values.get(key, "")
    return value if isinstance(value, str) else ""


def meta_bytes(values: Mapping[str, int | str | bytes], key: str) -> bytes:
    """A blob of meta; b"" where it is missing or of another kind."""
    value = values.get(key, b"")
    return value if isinstance(value, bytes) else b""
