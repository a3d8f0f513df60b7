"""Owns the journal directory and its lock: one process at a time, for as long as it lives."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from offline_queue.errors import JournalLocked, JournalReadOnly


class DirectoryLock:
    """flock on ``queue.lock``. The kernel releases it when the process ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        """Creates the directory (0700) if need be. Raises JournalLocked or JournalReadOnly."""
        self.path = directory / "queue.lock"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as trouble:
            raise JournalReadOnly(
                f"{directory}: cannot be used as journal directory ({trouble.strerror}); it must belong to the user that runs posagent"
            ) from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise JournalLocked(f"{directory}: another posagent (pid {holder}) holds this journal; stop it first") from None
        with contextlib.suppress(OSError):  # a full disk: the lock holds all the same, only its message would not name us
            os.pwrite(self._fd, f"{os.getpid():<16}\n".encode(), 0)

    def release(self) -> None:
        """Lets go; may be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def sync_directory(directory: Path) -> None:
    """Makes names that were created in the directory survive a power cut."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
