"""Owns what the writer thread does between puts: checkpoints, the reserve, disk thresholds, retention.

Nothing here runs inside a put, and nothing runs at all (no wake-up, no sync) while the journal is idle and tidy.
"""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from offline_queue.database import PAGE_SIZE, checkpoint, free_reserve, grow_reserve, in_transaction
from offline_queue.schema import meta, meta_int, set_meta

IDLE_S: Final = 2.0
CHECKPOINT_PAGES: Final = 200  # when idle
FORCED_PAGES: Final = 4_000  # also when busy
RETENTION_DAYS: Final = 35  # the window in which a receiver restored from backup is healed by sending again
RETENTION_STEP: Final = 1_000
WARN_FREE: Final = 200 << 20
STOP_EXTRAS_FREE: Final = 50 << 20
LOW_WAL: Final = 64 << 20
REFUSE_RESERVE: Final = 160 << 10  # kept for the lanes: acknowledgements and print states must be recordable when puts no longer are
REFUSE_FREE: Final = 1 << 20
_MEASURE_EVERY: Final = 16  # commits between two looks at the disk: a full one is told within a few checkouts


@dataclass(slots=True)
class Space:
    """The room that is left, in bytes, as last measured."""

    reserve: int = 0
    disk_free: int = 0
    wal: int = 0


class Upkeep:
    """Belongs to the writer thread."""

    def __init__(self, path: Path, reserve_mb: int) -> None:
        self._path = path
        self._wal = Path(f"{path}-wal")
        self._reserve_mb = reserve_mb
        self._pages = CHECKPOINT_PAGES  # of the WAL, estimated from what was committed: start with one checkpoint's worth
        self._since_measured = 0
        self._retention_due = True
        self._regrow_after = 0.0
        self.space = Space()
        self.notes: dict[str, str] = {}

    # ---------------------------------------------------------------- asked by the writer

    def committed(self, payload_bytes: int) -> None:
        """Counts a commit. The estimate needs no file access: 4 pages for the trees, the rest by size."""
        self._pages += 4 + payload_bytes // (PAGE_SIZE - 124)
        self._since_measured += 1

    def retention_due(self) -> None:
        """The cursor moved far enough that old rows may go."""
        self._retention_due = True

    def wait_s(self) -> float | None:
        """How long the writer may wait for work before `idle`; None: for ever."""
        return IDLE_S if self._pages >= CHECKPOINT_PAGES or self._retention_due or self._wants_reserve() else None

    def refuses(self, conn: sqlite3.Connection) -> bool:
        """Whether a put must be refused. Looks at the disk every so many commits, and every time while room is short."""
        short = self.space.reserve < REFUSE_RESERVE * 8 and self.space.disk_free < STOP_EXTRAS_FREE
        if short or self._since_measured >= _MEASURE_EVERY:
            self.measure(conn)
        return self.space.reserve < REFUSE_RESERVE and self.space.disk_free < REFUSE_FREE

    def measure(self, conn: sqlite3.Connection) -> None:
        """Looks at reserve and disk, and says what is short."""
        self._since_measured = 0
        try:
            found = os.statvfs(self._path)
            wal = self._wal.stat().st_size if self._wal.exists() else 0
        except OSError as trouble:  # the file was taken away under us, or the disk is dying: a put will find out and say so
            self._note("disk", True, f"{self._path}: the disk does not answer ({trouble.strerror}); look at it, then restart posagent")
            return
        self.space = Space(reserve=free_reserve(conn), disk_free=found.f_bavail * found.f_frsize, wal=wal)
        percent = self.reserve_percent()
        free_mb = self.space.disk_free >> 20
        self._note("disk", self.space.disk_free < WARN_FREE, f"{self._path.parent}: only {free_mb} MB of disk are free; make room")
        self._note("reserve", percent < 25, f"{self._path}: {percent} % of the reserve are left; make room on the disk now")
        self._note("wal", wal > LOW_WAL, f"{self._wal}: has {wal >> 20} MB; a program that reads the journal has been left open")

    def reserve_percent(self) -> int:
        """Free pages in the file against the reserve that was asked for; 100 where none was."""
        wanted = self._reserve_mb << 20
        return 100 if not wanted else min(100, 100 * self.space.reserve // wanted)

    # ---------------------------------------------------------------- done by the writer

    def after_commit(self, conn: sqlite3.Connection) -> None:
        """After the callers have their answers: a checkpoint, if the WAL has grown far."""
        if self._pages >= FORCED_PAGES:
            self._checkpoint(conn)

    def idle(self, conn: sqlite3.Connection) -> None:
        """After `wait_s` without work: one step of whatever is due, the most urgent first. May raise sqlite3.Error."""
        if self._pages >= CHECKPOINT_PAGES:
            self._checkpoint(conn)
        elif self._wants_reserve():
            self._regrow(conn)
        elif self._retention_due:
            self._retention_due = in_transaction(conn, purge) == RETENTION_STEP
            self._pages += RETENTION_STEP // 4 if self._retention_due else 0

    def _checkpoint(self, conn: sqlite3.Connection) -> None:
        in_log, moved = checkpoint(conn)
        self._pages = max(0, in_log - moved)
        if in_log > moved:  # a reader is in the way: try again after as much again, not at once
            self._pages = min(self._pages, CHECKPOINT_PAGES // 2)
        self.measure(conn)

    def _wants_reserve(self) -> bool:
        wanted = self._reserve_mb << 20
        return self.space.reserve < wanted // 2 and self.space.disk_free > 4 * wanted + WARN_FREE and time.monotonic() >= self._regrow_after

    def _regrow(self, conn: sqlite3.Connection) -> None:
        self._regrow_after = time.monotonic() + 600
        grow_reserve(conn, self._reserve_mb)
        self.measure(conn)

    def _note(self, key: str, stands: bool, text: str) -> None:
        if stands:
            self.notes[key] = text
        else:
            self.notes.pop(key, None)


def purge(conn: sqlite3.Connection) -> int:
    """Deletes up to RETENTION_STEP events that are acknowledged and older than RETENTION_DAYS; how many.

    Age is counted in the receiver's time (table `mark`), so that no clock of this machine can delete anything. The floor moves in the
    same transaction (the caller's), and never beyond the cursor; rejected and conflicting events stay until somebody has decided.
    """
    values = meta(conn)
    now = meta_int(values, "server_time")
    row = conn.execute("SELECT max(seq) FROM mark WHERE at < ?", (now - RETENTION_DAYS * 86_400,)).fetchone()
    floor = meta_int(values, "floor_seq")
    until = min(row[0] or 0, meta_int(values, "acked_seq"), floor + RETENTION_STEP)
    if until <= floor:
        return 0
    link = conn.execute("SELECT chain FROM ev WHERE seq = ?", (until,)).fetchone()
    if link is None:
        return 0  # a damaged file; the start's verification speaks of it

    conn.execute(
        "DELETE FROM ev WHERE seq > ? AND seq <= ? AND seq NOT IN (SELECT seq FROM parked) AND seq NOT IN "
        "(SELECT seq FROM verdict WHERE resolved IS NULL AND status IN ('rejected', 'conflict'))",
        (floor, until),
    )
    conn.execute("DELETE FROM verdict WHERE seq <= ? AND (resolved IS NOT NULL OR status NOT IN ('rejected', 'conflict'))", (until,))
    conn.execute("DELETE FROM mark WHERE seq < ?", (until,))
    set_meta(conn, {"floor_seq": until, "floor_chain": bytes(link[0])})
    return until - floor
