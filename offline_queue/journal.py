"""Owns the journal: what the agent calls. One file, one writer thread, any number of readers; durable before told.

``put`` takes an event and the work that must leave with it, and its Promise is kept when all of it is on disk; only then may anyone
beep, print or say OK. The cloud lane is a cursor over the events, the print lane a table in the same file.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from offline_queue.errors import EventRefused, JournalClosed, JournalError
from offline_queue.events import Health, NewEvent, NewJob, Prepared, Stored, prepare
from offline_queue.lock import DirectoryLock
from offline_queue.promise import Promise
from offline_queue.reader import JournalReader
from offline_queue.schema import set_meta
from offline_queue.startup import Started, start, verify_rest
from offline_queue.writer import Writer

RESERVE_MB = 12  # 20,000 grants of 400 bytes on a disk that is full
T = TypeVar("T")
_log = logging.getLogger(__name__)


class Journal:
    """Open with `Journal.open`; every method may be called from any thread."""

    def __init__(self, lock: DirectoryLock, path: Path, source: str, started: Started, reserve_mb: int, snapshots: Path | None) -> None:
        self.path = path
        self.source = source
        self.boot_id = started.boot_id
        self.findings = started.findings
        """What the start found and did, one sentence each: for the log and the technician's page."""
        self._lock = lock
        self._mutex = threading.Lock()
        self._readers: list[JournalReader] = []
        self._closed = False
        # Keeps the WAL in place when the last other connection goes: a new one would have to grow, which a full disk refuses.
        self._anchor = JournalReader(path)
        self._anchor.meta()
        self._writer = Writer(started.conn, path, reserve_mb)
        for key, text in started.notes.items():
            self._writer.note(key, text)
        self._snapshots = None
        if snapshots is not None:
            from offline_queue.snapshots import DailySnapshots

            self._snapshots = DailySnapshots(path, snapshots, self._writer.quiet, self._writer.note)
        if started.rest is not None:
            self._stop_check = threading.Event()
            self._check = threading.Thread(target=self._verify_rest, args=(started,), name="journal-check", daemon=True)
            self._check.start()

    @classmethod
    def open(cls, directory: Path, *, source: str, reserve_mb: int = RESERVE_MB, snapshots: Path | None = None) -> Journal:
        """Takes the lock, checks the file and repairs it if need be. Raises JournalError.

        ``source`` ("/t/acme/s/0042/r/2") is who this register is; a journal of another register is refused.
        ``snapshots`` is an existing directory, best on a second medium, that gets a copy a day (the last 3 stay); None: no copies.
        """
        lock = DirectoryLock(directory)
        try:
            started = start(directory, source, reserve_mb)
            return cls(lock, started.path, source, started, reserve_mb, snapshots)
        except BaseException:
            lock.release()
            raise

    # ---------------------------------------------------------------- writing

    def put(self, events: Sequence[NewEvent], jobs: Sequence[NewJob] = ()) -> Promise[Stored]:
        """All or nothing, in one transaction; see `ledger.append` for keys that stand already.

        Raises EventRefused and JournalClosed at once; KeyConflict, QueueFull and JournalFailed come through the Promise.
        """
        return self.put_prepared(self.prepare(events), jobs)

    def put_prepared(self, prepared: Sequence[Prepared], jobs: Sequence[NewJob] = ()) -> Promise[Stored]:
        """`put` for who has called `prepare` beforehand or in another thread (an import, a hub)."""
        return self._writer.put(prepared, jobs)

    def transact(self, work: Callable[[sqlite3.Connection], T]) -> Promise[T]:
        """Runs a lane's write on the writer's thread, in one transaction with whatever else waits. ``work`` may raise QueueError."""
        return self._writer.work(work)

    def prepare(self, events: Sequence[NewEvent]) -> tuple[Prepared, ...]:
        """Encodes events for `put`, or for `ledger.append` inside `transact`. Raises EventRefused."""
        prepared = tuple(prepare(event, self.source) for event in events)
        if not prepared:
            raise EventRefused("a put needs at least one event")
        if len(prepared) > 1 and len({one.event.idemkey for one in prepared}) != len(prepared):
            raise EventRefused(f"the events of one put must have different keys, not {prepared[0].event.idemkey} twice")
        return prepared

    # ---------------------------------------------------------------- reading

    def reader(self) -> JournalReader:
        """A reader for the calling thread; the journal closes it at the end if the caller does not."""
        with self._mutex:
            if self._closed:
                raise JournalClosed(f"{self.path}: the journal is closed")
            reader = JournalReader(self.path)
            self._readers.append(reader)
            return reader

    def subscribe(self, callback: Callable[[int], None]) -> None:
        """``callback(last_seq)`` after each commit, on the writer's thread: set an Event, put into a queue, and return."""
        self._writer.subscribe(callback)

    def health(self) -> Health:
        """How the journal is."""
        return self._writer.health()

    def busy_s(self) -> float:
        """How long the disk has been at the present piece of work; 0.0 while there is none. For a watchdog: `health` is of the last success."""
        return self._writer.busy_s()

    def note(self, key: str, text: str) -> None:
        """A lane's sentence for `health` ("" takes it away)."""
        self._writer.note(key, text)

    def retention_due(self) -> None:
        """The cloud lane says: the cursor has moved, old rows may go."""
        self._writer.retention_due()

    # ---------------------------------------------------------------- the end

    def close(self) -> None:
        """Commits what waits and lets go, within 2 s; later writes raise JournalClosed. May be called twice."""
        with self._mutex:
            if self._closed:
                return
            self._closed = True
        if hasattr(self, "_check"):
            self._stop_check.set()
            self._check.join(0.5)
        if self._snapshots is not None:
            self._snapshots.close()
        written = self._writer.close(1.5)
        for reader in self._readers:
            reader.close()
        if not written:  # lock and anchor stay until the process ends: somebody still writes
            _log.warning("journal still writing at shutdown: %s; the next start will look more closely", self.path)
            return
        self._anchor.close()
        self._lock.release()

    def _verify_rest(self, started: Started) -> None:
        damage = verify_rest(self.path, started, self._stop_check)
        if damage is not None:
            text = f"{self.path}: event {damage.seq} {damage.reason}; restart posagent, which repairs the journal"
            _log.error("journal damaged: %s", text)
            self._writer.note("chain", text)
            with contextlib.suppress(JournalError):  # the note stands; the next start then looks by itself, if left uncleanly
                self.transact(lambda conn: set_meta(conn, {"doubt": text})).result(5)
