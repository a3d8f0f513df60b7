"""Owns the one thread that writes the journal: hand-off queue in, group commit, answers out.

Callers put requests into a queue and get a Promise. The thread takes all that waits (there is no linger timer: the disk's own sync is
what gathers the next group), commits once, and only then answers. A lock that callers take in turn would starve: Python locks barge.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from offline_queue.database import (
    DAMAGE_CODES,
    FULL_CODES,
    checkpoint,
    connect,
    error_code,
    in_transaction,
    prepare_file,
    quick_check,
    rollback,
)
from offline_queue.errors import JournalClosed, JournalError, JournalFailed, QueueError, QueueFull
from offline_queue.events import Health, NewJob, Prepared, Stored
from offline_queue.ledger import append_each, read_head
from offline_queue.promise import Promise
from offline_queue.schema import set_meta
from offline_queue.upkeep import Upkeep

_log = logging.getLogger(__name__)

GROUP: Final = 512
QUIET_NS = 2_000_000_000
_LANE_ROW_BYTES: Final = 1024  # a row that a lane changes, where the growth of the log is estimated: a large import must not outgrow it
CHECKED_BYTES: Final = 64 << 20  # a file up to this size is checked before it is used again


class _Put(NamedTuple):
    events: Sequence[Prepared]
    jobs: Sequence[NewJob]
    promise: Promise[Stored]


class _Work(NamedTuple):
    work: Callable[[sqlite3.Connection], Any]
    promise: Promise[Any]


class _Stop:
    pass


_Request = _Put | _Work


class _Vitals:
    """What `health` reports; written by the thread, read by anybody."""

    def __init__(self) -> None:
        self.state: Literal["ok", "degraded", "failed"] = "ok"
        self.trouble = ""
        self.io_errors = 0
        self.last_success_ns = time.monotonic_ns()
        self.commits: deque[int] = deque(maxlen=512)  # durations in ns
        self.busy_since_ns = 0  # 0: waiting for work


class Writer:
    """Started with the connection that the start has prepared; owns it from then on."""

    def __init__(self, conn: sqlite3.Connection, path: Path, reserve_mb: int) -> None:
        self._conn = conn
        self._path = path
        self._queue: queue.SimpleQueue[_Request | _Stop] = queue.SimpleQueue()
        self._upkeep = Upkeep(path, reserve_mb)
        self._upkeep.measure(conn)
        self._head = read_head(conn)
        self._vitals = _Vitals()
        self._callbacks: tuple[Callable[[int], None], ...] = ()
        self._in_hand: list[_Request] = []
        self._closed = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    # ---------------------------------------------------------------- called by any thread

    def put(self, events: Sequence[Prepared], jobs: Sequence[NewJob]) -> Promise[Stored]:
        """All of it in one transaction; the promise is kept when it is on disk."""
        promise: Promise[Stored] = Promise()
        self._enqueue(_Put(events, jobs, promise))
        return promise

    def work(self, work: Callable[[sqlite3.Connection], Any]) -> Promise[Any]:
        """Runs ``work`` inside the group's transaction. It may raise QueueError, which undoes only itself; any other error is a bug and
        ends the writer."""
        promise: Promise[Any] = Promise()
        self._enqueue(_Work(work, promise))
        return promise

    def subscribe(self, callback: Callable[[int], None]) -> None:
        """``callback(last_seq)`` after each commit, on the writer's thread: it must not block."""
        self._callbacks = (*self._callbacks, callback)

    def retention_due(self) -> None:
        """May be called from inside `work`."""
        self._upkeep.retention_due()

    def note(self, key: str, text: str) -> None:
        """Adds a sentence to the health's notes ("" takes it away)."""
        if text:
            self._upkeep.notes[key] = text
        else:
            self._upkeep.notes.pop(key, None)

    def quiet(self) -> bool:
        """Whether nothing waits to be written and nothing was written just now."""
        return self._queue.empty() and not self._in_hand and time.monotonic_ns() - self._vitals.last_success_ns >= QUIET_NS

    def health(self) -> Health:
        """As last seen by the writer."""
        vitals, space = self._vitals, self._upkeep.space
        commits = sorted(vitals.commits.copy())
        notes = tuple(self._upkeep.notes.values())
        state = vitals.state
        if state == "ok" and notes:
            state = "degraded"
        return Health(
            state=state,
            notes=(vitals.trouble, *notes) if vitals.trouble else notes,
            reserve_percent=self._upkeep.reserve_percent(),
            disk_free_mb=space.disk_free >> 20,
            fsync_p99_us=commits[len(commits) * 99 // 100] // 1000 if commits else 0,
            last_success_ns=vitals.last_success_ns,
            wal_mb=space.wal >> 20,
            io_errors=vitals.io_errors,
            sqlite=sqlite3.sqlite_version,
        )

    def busy_s(self) -> float:
        """How long the present piece of work has taken so far; 0.0 while there is none."""
        since = self._vitals.busy_since_ns
        return (time.monotonic_ns() - since) / 1e9 if since else 0.0

    def close(self, timeout_s: float) -> bool:
        """Stops intake, commits what waits, ends the thread. False when it did not end in time: as good as a kill, which is allowed."""
        if not self._closed:
            self._closed = True
            self._queue.put(_Stop())
        return self._ended.wait(timeout_s)

    def _enqueue(self, request: _Request) -> None:
        if self._closed:
            raise JournalClosed(f"{self._path}: the journal is closed; nothing was recorded")
        self._queue.put(request)
        if self._ended.is_set():  # lost the race against the thread's end: nobody will take it any more
            self._drain()

    # ---------------------------------------------------------------- the thread

    def _run(self) -> None:
        try:
            while self._step():
                pass
        finally:
            self._closed = True
            self._ended.set()
            if self._in_hand:
                self._fail(self._in_hand, JournalFailed(f"{self._path}: the journal's writer has died of a bug; nothing was recorded"))
            self._drain()

    def _step(self) -> bool:
        """One group, or one piece of upkeep. False: stop."""
        self._vitals.busy_since_ns = 0
        try:
            first = self._queue.get(timeout=None if self._vitals.state == "failed" else self._upkeep.wait_s())
        except queue.Empty:
            self._vitals.busy_since_ns = time.monotonic_ns()
            self._idle()
            return True
        self._vitals.busy_since_ns = time.monotonic_ns()
        group: list[_Request] = []
        stop = False
        item: _Request | _Stop = first
        while True:
            if isinstance(item, _Stop):
                stop = True
                break
            group.append(item)
            if len(group) >= GROUP:
                break
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
        if group:
            self._commit(group)
        if stop:
            self._finish()
        return not stop

    def _commit(self, group: list[_Request]) -> None:
        self._in_hand = group
        if self._vitals.state == "failed":
            self._fail(group, JournalFailed(f"{self._path}: {self._vitals.trouble}; restart posagent, which checks and repairs the journal"))
            return
        try:
            results = self._write(group)
        except sqlite3.Error as trouble:
            repaired = self._after_error(trouble)
            if not repaired:
                self._fail(group, self._explain(trouble))
                return
            try:
                results = self._write(group)  # safe: a failed commit is absent, and every business key is unique
            except sqlite3.Error as again:
                if error_code(again) in DAMAGE_CODES and not _is_write_error(again):
                    self._latch(again)
                self._fail(group, self._explain(again))
                return
        self._in_hand = []
        for request, result in zip(group, results, strict=True):
            if isinstance(result, QueueError):
                request.promise.break_(result)
            else:
                request.promise.keep(result)
        last = self._head.seq
        for callback in self._callbacks:
            callback(last)
        try:
            self._upkeep.after_commit(self._conn)
        except sqlite3.Error as trouble:
            self._after_error(trouble)

    def _write(self, group: list[_Request]) -> list[Any]:
        """One transaction; the results in order, a QueueError where only that request failed. Raises sqlite3.Error with nothing written."""
        conn = self._conn
        full = self._upkeep.refuses(conn)
        head = self._head
        results: list[Any] = []
        size = 0
        try:
            conn.execute("BEGIN IMMEDIATE")
            for _, run in groupby(group, type):
                puts = []
                for request in run:
                    if isinstance(request, _Work):
                        before = conn.total_changes
                        results.append(self._savepoint(request.work))
                        head = read_head(conn)
                        size += _LANE_ROW_BYTES * (1 + conn.total_changes - before)
                    elif full:
                        results.append(self._full())
                    else:
                        puts.append((request.events, request.jobs))
                        size += sum([len(one.body) + 160 for one in request.events]) + sum([len(job.document) for job in request.jobs])
                if puts:
                    head, answers = append_each(conn, head, puts)
                    results += answers
            started = time.perf_counter_ns()
            conn.execute("COMMIT")
        except BaseException:
            rollback(conn)
            raise
        self._head = head
        vitals = self._vitals
        vitals.commits.append(time.perf_counter_ns() - started)
        vitals.last_success_ns = time.monotonic_ns()
        if vitals.state == "degraded":
            vitals.state, vitals.trouble = "ok", ""
            _log.info("journal writes again: %s", self._path)
        self._upkeep.committed(size)
        return results

    def _savepoint(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        conn = self._conn
        conn.execute("SAVEPOINT work")
        try:
            result = work(conn)
        except QueueError as trouble:
            conn.execute("ROLLBACK TO work")
            result = trouble
        conn.execute("RELEASE work")
        return result

    def _idle(self) -> None:
        try:
            self._upkeep.idle(self._conn)
        except sqlite3.Error as trouble:
            self._after_error(trouble)

    # ---------------------------------------------------------------- trouble

    def _after_error(self, trouble: sqlite3.Error) -> bool:
        """After a failed write: True when the same group may be tried once more at once."""
        code = error_code(trouble)
        vitals = self._vitals
        if vitals.state == "ok":
            _log.error("journal write failed: %s: %s (SQLite code %d)", self._path, trouble, code)
        vitals.state, vitals.trouble = "degraded", str(self._explain(trouble))
        if code in FULL_CODES:
            return self._make_room()
        if code not in DAMAGE_CODES:
            return False
        vitals.io_errors += 1
        if vitals.io_errors > 1:
            self.note("io", f"{self._path}: the disk has reported {vitals.io_errors} errors; replace it soon")
        try:
            self._reopen(rewrite=not _is_write_error(trouble))
        except (sqlite3.Error, JournalError) as worse:
            self._latch(worse)
            return False
        return True

    def _make_room(self) -> bool:
        """The log could not grow: moving its pages into the file, whose reserve takes them, lets it begin again."""
        try:
            in_log, moved = checkpoint(self._conn, "RESTART")
            self._upkeep.measure(self._conn)
        except sqlite3.Error:
            return False
        return 0 < in_log == moved

    def _reopen(self, *, rewrite: bool) -> None:
        """After a failed sync the kernel may have dropped what it could not write and call it clean (``rewrite``). What is committed is
        therefore written afresh, by a checkpoint into the file, before anything is built on it."""
        self._conn.close()
        self._conn = connect(self._path)
        prepare_file(self._conn, self._path)
        if self._path.stat().st_size <= CHECKED_BYTES:
            complaints = quick_check(self._conn)
            if complaints:
                raise JournalError(f"{self._path}: {complaints[0]}")
        if rewrite:
            checkpoint(self._conn, "RESTART")
        self._head = read_head(self._conn)

    def _latch(self, trouble: Exception) -> None:
        self._vitals.state, self._vitals.trouble = "failed", f"{self._path}: {trouble}"
        _log.error("journal given up until restart: %s: %s", self._path, trouble)

    def _explain(self, trouble: sqlite3.Error) -> QueueError:
        code = error_code(trouble)
        if code in FULL_CODES:
            return self._full()
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return JournalFailed(f"{self._path}: another program holds the journal's write lock; close it and try again")
        return JournalFailed(f"{self._path}: the disk refused the write ({trouble}); nothing was recorded, try again")

    def _full(self) -> QueueFull:
        return QueueFull(f"{self._path.parent}: disk and reserve are full; make room, and note the receipt number: points can be granted later")

    def _fail(self, group: Sequence[_Request], trouble: QueueError) -> None:
        self._in_hand = []
        for request in group:
            request.promise.break_(trouble)

    def _finish(self) -> None:
        """The clean end: a mark for the next start. A kill at any moment is as good, only the next start then looks more closely."""
        try:
            in_transaction(self._conn, lambda conn: set_meta(conn, {"clean": 1}))
            checkpoint(self._conn)
        except sqlite3.Error as trouble:
            _log.warning("journal could not be marked as closed cleanly: %s: %s", self._path, trouble)
        self._conn.close()

    def _drain(self) -> None:
        while True:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return
            if not isinstance(item, _Stop):
                item.promise.break_(JournalClosed(f"{self._path}: the journal's writer has ended; nothing was recorded"))


def _is_write_error(trouble: sqlite3.Error) -> bool:
    """A write that was refused (a quota, a file size limit): nothing is lost by it, and it may pass."""
    return getattr(trouble, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_WRITE
