"""Owns the turn at a printer that a POS prints on: our slips go between two of its jobs, never inside one.

::

    slip printer ──connect──► seat of the capture printer (a Unix socket)        waits while the POS prints
                 ◄──── ! ──── "your turn": from here every byte goes to the real printer and back
                 ──close────► the turn is over; the POS's next job, which waited, goes on

The socket is the whole protocol: who is gone has given the turn back.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import stat
import time
from contextlib import suppress
from pathlib import Path

from drivers.doors.ends import End
from posagent.errors import DeviceBusy, DeviceError, DeviceForbidden, DeviceMissing, SettingsError

YOUR_TURN = b"!"
LONGEST_PATH = 107
"""Bytes of a Unix socket's path (unix(7))."""


class Seat:
    """Where slip printers wait for their turn."""

    def __init__(self, name: str, path: str) -> None:
        self._path = Path(path)
        if len(os.fsencode(path)) > LONGEST_PATH or not path.startswith("/"):
            raise SettingsError(f"{name}: slips must be an absolute path of at most {LONGEST_PATH} bytes, like /run/posagent/till.turn")
        with suppress(FileNotFoundError):
            if not stat.S_ISSOCK(self._path.lstat().st_mode):
                raise SettingsError(f"{name}: {path} is there already and is not ours; give `slips` a free path")
            self._path.unlink()
        self._server = socket.socket(socket.AF_UNIX)
        try:
            self._server.bind(path)
            self._path.chmod(0o600)
            self._server.listen(2)
        except OSError as trouble:
            self._server.close()
            raise DeviceBusy(f"{name}: cannot make {path}: {trouble.strerror}; does its folder exist and belong to posagent?") from trouble
        self._server.setblocking(False)

    def fileno(self) -> int:
        """For poll."""
        return self._server.fileno()

    def accept(self) -> End | None:
        """Whoever waits first; None when it has gone."""
        try:
            link, _ = self._server.accept()
        except OSError:
            return None
        link.setblocking(False)
        return End(link.fileno(), link)

    def close(self) -> None:
        """Never raises."""
        self._server.close()
        with suppress(OSError):
            self._path.unlink()


def take_turn(name: str, path: str, wait_s: float) -> socket.socket | None:
    """A line to the real printer; None when the POS is printing for longer than that. Raises DeviceError when nobody gives turns."""
    link = socket.socket(socket.AF_UNIX)
    link.setblocking(False)
    got = False
    try:
        got = _waited(name, path, link, time.monotonic() + wait_s)
    except OSError:
        raise _away(name) from None
    finally:
        if not got:
            link.close()
    return link if got else None


def _waited(name: str, path: str, link: socket.socket, deadline: float) -> bool:
    """Whether the turn came in time."""
    begun = link.connect_ex(path)
    while begun == errno.EAGAIN and time.monotonic() < deadline:
        select.select([], [], [], 0.02)  # the queue of those who wait is full
        begun = link.connect_ex(path)
    if begun:
        raise _nobody(name, path, begun)
    poll = select.poll()
    poll.register(link, select.POLLIN)
    if not poll.poll(max(deadline - time.monotonic(), 0) * 1000):
        return False
    if link.recv(1) != YOUR_TURN:
        raise _away(name)
    return True


def _away(name: str) -> DeviceError:
    return DeviceMissing(f"{name}: the real printer cannot be reached; is it on, and is its cable in?", code="E214")


def _nobody(name: str, path: str, number: int) -> DeviceError:
    if number in {errno.EACCES, errno.EPERM}:
        return DeviceForbidden(f"{name}: permission denied on {path}; both must run as user posagent")
    if number == errno.EAGAIN:
        return DeviceBusy(f"{name}: too many wait for their turn at {path}", code="E218")
    same = "`slips` of the sale door and `turns` of this printer must be the same"
    return DeviceMissing(f"{name}: nobody gives turns at {path}; {same}", code="E214")
