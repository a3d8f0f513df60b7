"""Owns the way in which one thread gets another out of select."""

from __future__ import annotations

import contextlib
import os


class Waker:
    """Put it among the readers of select; `wake` from anywhere, `rest` when it was ready."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        """For select."""
        return self._read

    def wake(self) -> None:
        """Never blocks."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, b".")

    def rest(self) -> None:
        """Forgets every wake so far."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._read, 65536)

    def close(self) -> None:
        """After the last wake."""
        os.close(self._read)
        os.close(self._write)
