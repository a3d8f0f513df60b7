"""Owns copies of the journal: one on demand, and one a day that the journal makes by itself while nothing is sold.

Putting a copy back in place of a lost journal is safe: the receiver notices the older history, and everything is sent again under a new
stream. A copy never costs a sale its time: it is given up as soon as a write waits, and tried again later.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from offline_queue.database import DATABASE, connect_read_only
from offline_queue.errors import JournalError
from offline_queue.lock import sync_directory

_log = logging.getLogger(__name__)

KEPT: Final = 3
FIRST_S = 60.0  # after the start, which has better things to do
EVERY_S = 86_400.0
BUSY_S = 10.0  # until it is looked again whether nothing waits
FAILED_S = 3_600.0
ROOM: Final = 200 << 20  # left on the medium beside the copy: it may be the disk that puts need
_STEPS: Final = 1_000  # of SQLite's machine between two looks at what waits: well below a millisecond


class GivenUp(JournalError):
    """The copy was not finished because something else was wanted first."""


def snapshot(directory: Path, target: Path, go_on: Callable[[], bool] = lambda: True) -> int:
    """A consistent copy while the agent runs (`VACUUM INTO`), marked so that its first start does not miss a -wal; its bytes.

    ``go_on`` is asked often; its False ends the copying and nothing is left of it. Raises GivenUp then, JournalError for other reasons.
    """
    if target.exists():
        raise JournalError(f"{target}: exists already; name a new file")
    fresh = target.with_name(f".{target.name}.{datetime.now(UTC):%H%M%S%f}")
    try:
        source = connect_read_only(directory / DATABASE)
        try:
            source.execute("PRAGMA query_only=OFF")  # it forbids writing the copy as well; the journal itself is open read-only
            source.set_progress_handler(lambda: not go_on(), _STEPS)
            source.execute("VACUUM INTO ?", (str(fresh),))
        finally:
            source.close()
        copy = sqlite3.connect(fresh, isolation_level=None)
        try:
            copy.execute("UPDATE meta SET v = 1 WHERE k = 'clean'")
            copy.execute("PRAGMA synchronous=FULL")
        finally:
            copy.close()
        with open(fresh, "rb") as written:
            os.fsync(written.fileno())
        fresh.replace(target)
        sync_directory(target.parent)
    except (sqlite3.Error, OSError) as trouble:
        fresh.unlink(missing_ok=True)
        if getattr(trouble, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
            raise GivenUp(f"{target}: given up, because something else was wanted first") from None
        raise JournalError(f"{target}: the snapshot could not be written ({trouble}); is there room, and may we write there?") from trouble
    return target.stat().st_size


class DailySnapshots:
    """A thread that sleeps until a copy is due, into a directory that must exist: a medium that is not mounted is not written to."""

    def __init__(self, journal: Path, into: Path, quiet: Callable[[], bool], note: Callable[[str, str], None]) -> None:
        """``journal`` is the file; ``quiet`` says that no write waits or was made just now; ``note`` is told what a technician must know."""
        self._journal = journal
        self._into = into
        self._quiet = quiet
        self._note = note
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-snapshots", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """A copy under way is given up."""
        self._stop.set()
        self._thread.join(0.5)

    def _run(self) -> None:
        wait_s = max(FIRST_S, _due_in_s(self._into))
        while not self._stop.wait(wait_s):
            wait_s = self._once() if self._quiet() else BUSY_S

    def _once(self) -> float:
        """Makes the copy; seconds until the next one."""
        try:
            for rest in self._into.glob(".queue-*.db.*"):  # of a copy that a power cut ended
                rest.unlink(missing_ok=True)
            self._must_have_room()
            target = self._into / f"queue-{datetime.now(UTC):%Y%m%dT%H%M%S}.db"
            size = snapshot(self._journal.parent, target, lambda: self._quiet() and not self._stop.is_set())
            for old in sorted(path for path in _copies(self._into) if path != target)[: -(KEPT - 1)]:
                old.unlink(missing_ok=True)
        except GivenUp:
            return BUSY_S
        except (JournalError, OSError) as trouble:
            _log.warning("no snapshot of the journal: %s", trouble)
            self._note("snapshot", f"no snapshot of the journal: {trouble}")
            return FAILED_S
        _log.info("snapshot of the journal: %s, %d KB", target, size >> 10)
        self._note("snapshot", "")
        return EVERY_S

    def _must_have_room(self) -> None:
        if not self._into.is_dir():
            raise JournalError(f"{self._into}: is not there; mount the medium, or make the directory")
        found = os.statvfs(self._into)
        if found.f_bavail * found.f_frsize < self._journal.stat().st_size + ROOM:
            raise JournalError(f"{self._into}: has too little room for another copy; make room there")


def _copies(into: Path) -> list[Path]:
    return list(into.glob("queue-*.db"))


def _due_in_s(into: Path) -> float:
    """By the age of the newest copy; a copy from the future was made under a wrong clock and says nothing."""
    ages = [time.time() - path.stat().st_mtime for path in _copies(into)]
    return max(0.0, EVERY_S - min(ages)) if ages and min(ages) >= 0 else 0.0
