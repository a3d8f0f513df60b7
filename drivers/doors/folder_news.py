"""Owns hearing that something in a folder has changed: inotify where the kernel has it, and a look every other second everywhere.

A network share tells nothing of what others write, so inotify only shortens the wait; what has changed is found by looking.
Source: inotify(7); linux/inotify.h.
"""

from __future__ import annotations

import ctypes
import os
import select
from pathlib import Path

LOOK_S = 2.0
_CLOSE_WRITE, _MOVED_TO, _MODIFY, _CREATE = 0x8, 0x80, 0x2, 0x100
_NONBLOCK, _CLOEXEC = 0o4000, 0o2000000


class FolderNews:
    """Wakes up when a file in ``folder`` was written, closed or renamed."""

    def __init__(self, folder: Path) -> None:
        self._fd = _watch(folder)

    @property
    def prompt(self) -> bool:
        """Whether the kernel tells."""
        return self._fd is not None

    def wait(self, timeout_s: float) -> None:
        """Until something may have happened, at most `LOOK_S`."""
        poll = select.poll()
        if self._fd is not None:
            poll.register(self._fd, select.POLLIN)
        if poll.poll(min(timeout_s, LOOK_S) * 1000) and self._fd is not None:
            try:
                os.read(self._fd, 65536)
            except OSError:
                self.close()

    def close(self) -> None:
        """Never raises."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _watch(folder: Path) -> int | None:
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        fd = int(libc.inotify_init1(_NONBLOCK | _CLOEXEC))
    except (OSError, AttributeError):
        return None
    if fd < 0:
        return None
    if libc.inotify_add_watch(fd, os.fsencode(folder), _CLOSE_WRITE | _MOVED_TO | _MODIFY | _CREATE) < 0:
        os.close(fd)
        return None
    return fd
