"""Owns reading the journal beside its writer: short transactions on a read-only connection, one per thread."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from offline_queue.database import connect_read_only, opening_error
from offline_queue.errors import WireError
from offline_queue.events import Event, Pending, from_row
from offline_queue.ledger import find, read_head
from offline_queue.listing import UNDECIDED, listed
from offline_queue.schema import meta, meta_int


class JournalReader:
    """Used by the thread that made it (or, at shutdown, closed by the journal). No cursor outlives a call, so checkpoints never wait."""

    def __init__(self, path: Path) -> None:
        """``path`` is the file. Raises JournalError."""
        try:
            self._conn = connect_read_only(path)
        except sqlite3.Error as trouble:
            raise opening_error(trouble, path) from trouble

    def events(self, after_seq: int, limit: int, types: Sequence[str] = ()) -> list[Event]:
        """Events with numbers above ``after_seq``, ascending, at most ``limit``; of these types only, if given."""
        if not types:
            return [from_row(row) for row in self.lines(after_seq, limit)]
        found: list[Event] = []
        last = read_head(self._conn).seq
        while after_seq < last and len(found) < limit:  # in windows: every transaction stays short
            for row in self._rows("SELECT seq, body, chain FROM ev WHERE seq > ? AND seq <= ? + 2000 ORDER BY seq", (after_seq, after_seq)):
                if any(kind.encode() in row[1] for kind in types):  # cheap sieve before the parse
                    event = from_row(row)
                    if event.type in types:
                        found.append(event)
            after_seq += 2000
        return found[:limit]

    def lines(self, after_seq: int, limit: int, most_bytes: int = 1 << 62) -> list[tuple[int, bytes, bytes]]:
        """(seq, body, chain), for those that carry the bytes and do not look inside; stops before the bodies exceed ``most_bytes``."""
        cursor = self._conn.execute("SELECT seq, body, chain FROM ev WHERE seq > ? ORDER BY seq LIMIT ?", (after_seq, limit))
        rows: list[tuple[int, bytes, bytes]] = []
        for row in cursor:
            most_bytes -= len(row[1] or b"")
            if most_bytes < 0 and rows:
                break
            rows.append(row)
        cursor.close()
        return rows

    def kept_home(self, first_seq: int, last_seq: int) -> set[int]:
        """Numbers in this range whose bodies are withheld: parked or dropped."""
        rows = self._conn.execute("SELECT seq FROM parked WHERE seq BETWEEN ? AND ? AND state <> 'trying'", (first_seq, last_seq)).fetchall()
        return {row[0] for row in rows}

    def find(self, idemkey: str) -> Event | None:
        """The event of a business key."""
        return find(self._conn, idemkey)

    def head(self) -> tuple[int, bytes]:
        """Number and link of the last event."""
        head = read_head(self._conn)
        return head.seq, head.chain

    def acked(self) -> int:
        """The last number that the cloud acknowledged."""
        return meta_int(self.meta(), "acked_seq")

    def pending(self) -> Pending:
        """What waits for the cloud."""
        acked = self.acked()
        head = read_head(self._conn)
        oldest = None
        with contextlib.suppress(WireError):  # a damaged row still counts
            oldest = next((from_row(row).time for row in self.lines(acked, 1)), None)
        return Pending(max(0, head.seq - acked), oldest)

    def undecided(self, limit: int) -> list[dict[str, Any]]:
        """Events that need a person: parked, refused or in conflict, and nobody has decided yet; the newest first, see `listing.listed`."""
        return [listed(row) for row in self.rows(UNDECIDED, (limit,))]

    def meta(self) -> dict[str, int | str | bytes]:
        """The journal's own small facts (stream_id, acked_seq, boot_id …)."""
        return meta(self._conn)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """A lane's own query, as dicts. The caller bounds it with LIMIT."""
        cursor = self._conn.execute(sql, tuple(values))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def close(self) -> None:
        """May be called twice."""
        self._conn.close()

    def _rows(self, sql: str, values: Sequence[Any]) -> list[tuple[int, bytes, bytes]]:
        return self._conn.execute(sql, tuple(values)).fetchall()
