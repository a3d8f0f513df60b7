"""Owns looking at a journal from outside of the agent: reports for the command line, on a read-only connection, with sqlite-utils."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from offline_queue.database import DATABASE, connect_read_only, opening_error, pragma, quick_check
from offline_queue.errors import JournalError, JournalForeign, JournalNewer, NoSuchEntry
from offline_queue.ledger import read_head
from offline_queue.listing import BY_KEY, EXCEPTIONS, NEWEST, ONE, PENDING, listed
from offline_queue.schema import APPLICATION_ID, VERSION, meta, meta_int, meta_text
from offline_queue.verify import floor_start, tail_start, verify

if TYPE_CHECKING:
    from sqlite_utils import Database

_LISTS = {"exceptions": EXCEPTIONS, "pending": PENDING, "all": NEWEST}


class Report:
    """A journal directory, read beside a running agent or without one. Raises JournalError where it cannot be read."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / DATABASE
        if not self.path.exists():
            raise JournalError(f"{self.path}: there is no journal here; --journal DIR names the directory")
        from sqlite_utils import Database

        try:
            self._conn = connect_read_only(self.path)
            application, version = pragma(self._conn, "application_id"), pragma(self._conn, "user_version")
        except sqlite3.Error as trouble:
            raise opening_error(trouble, self.path) from trouble
        if application != APPLICATION_ID:
            raise JournalForeign(f"{self.path}: is another program's SQLite file")
        if int(version) > VERSION:
            raise JournalNewer(f"{self.path}: written by a newer posagent (journal version {version})")
        self._db: Database = Database(self._conn)

    def close(self) -> None:
        """Lets go."""
        self._conn.close()

    def status(self) -> dict[str, Any]:
        """What a technician asks first."""
        values = meta(self._conn)
        head, acked = read_head(self._conn), meta_int(values, "acked_seq")
        oldest = self._row("SELECT body FROM ev WHERE seq > ? ORDER BY seq LIMIT 1", acked)
        counts = {
            "parked": "SELECT count(*) AS n FROM parked WHERE state = 'parked'",
            "refused": "SELECT count(*) AS n FROM verdict WHERE resolved IS NULL AND status IN ('rejected', 'conflict')",
            "duplicates": "SELECT count(*) AS n FROM verdict WHERE status = 'duplicate'",
            "to_print": "SELECT count(*) AS n FROM job WHERE state IN ('QUEUED', 'HELD')",
            "unresolved_slips": "SELECT count(*) AS n FROM job WHERE state IN ('SENDING', 'HANDED', 'UNCONFIRMED', 'NEEDS_OPERATOR')",
        }
        pages, size = int(pragma(self._conn, "freelist_count")), int(pragma(self._conn, "page_size"))
        return {
            "journal": str(self.path),
            "register": meta_text(values, "source"),
            "stream": meta_text(values, "stream_id"),
            "events": head.seq,
            "acknowledged": acked,
            "pending": head.seq - acked,
            "oldest_pending": json.loads(oldest["body"])["time"] if oldest else None,
            "kept_from": meta_int(values, "floor_seq") + 1,
            "last_link": head.chain.hex(),
            **{name: self._row(sql)["n"] for name, sql in counts.items()},
            "reserve_mb_free": pages * size >> 20,
            "acknowledged_at": meta_text(values, "acked_at") or None,
            "clock_offset_ms": values.get("clock_offset_ms"),
            "streams_before": list(self._db.query("SELECT stream_id, closed_at, last_seq, reason FROM stream_history ORDER BY closed_at")),
            "sqlite": sqlite3.sqlite_version,
        }

    def rows(self, which: str, limit: int) -> list[dict[str, Any]]:
        """Events without their bodies: ``exceptions`` (parked, refused, duplicate), ``pending``, or ``all`` (the newest)."""
        return [listed(row) for row in self._db.query(_LISTS[which], [limit])]

    def event(self, which: str) -> dict[str, Any]:
        """One event with its body, by number or business key. Raises NoSuchEntry."""
        row = self._row(ONE, int(which)) if which.isdecimal() else None
        row = row or self._row(BY_KEY, which)
        if row is None:
            raise NoSuchEntry(f"there is no event with number or key {which!r} in {self.path}")
        body = row["body"]
        return {**listed(row), "event": json.loads(body)}

    def verify(self, newest: int | None = None) -> list[str]:
        """Everything that does not hold: SQLite's structure, then the chain over all that is retained. Empty: all is well.

        ``newest``: only the chain, and over so many events of the end at most, for a look in passing at a long journal."""
        found = quick_check(self._conn, "integrity_check") if newest is None else []
        damage = verify(self._conn, floor_start(self._conn) if newest is None else tail_start(self._conn, newest))
        return found + ([f"event {damage.seq} {damage.reason}"] if damage else [])

    def lines(self, after_seq: int) -> Iterator[bytes]:
        """Bodies as they were recorded, in short transactions."""
        while True:
            rows = self._conn.execute("SELECT seq, body FROM ev WHERE seq > ? ORDER BY seq LIMIT 500", (after_seq,)).fetchall()
            if not rows:
                return
            yield from (row[1] for row in rows)
            after_seq = rows[-1][0]

    def _row(self, sql: str, *values: Any) -> Any:
        return next(iter(self._db.query(sql, list(values))), None)
