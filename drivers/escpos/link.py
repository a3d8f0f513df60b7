"""Owns byte lines to printers: what every transport offers, and the one for anything that is a file descriptor.

No call blocks beyond its deadline, in seconds of the line's own clock (``time.monotonic`` on every real line): descriptors are non-blocking
and waited for with poll. Bytes that were handed over count exactly: what `write` returns has left this process and nothing else has.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from posagent.errors import DeviceBusy, DeviceError, DeviceForbidden, DeviceMissing

CHUNK = 4096
PAUSE_S = 0.02


class Link(Protocol):
    """An open line. Every method raises DeviceMissing when the line is gone."""

    session_proves_power: bool
    """Whether a line that still answers proves that the printer was not switched off meanwhile (a USB or network connection of its own
    would have broken; a serial line would not)."""
    speaks: bool
    """Whether answers can come back at all; `read` on a line where they cannot only waits."""

    def now(self) -> float:
        """Seconds of the clock that every deadline is of."""

    def write(self, body: bytes, deadline: float) -> int:
        """Hands over as much as goes until the deadline; returns how many bytes."""

    def read(self, deadline: float) -> bytes:
        """What has arrived; waits until the deadline for the first byte, then returns at once. Empty when nothing came."""

    def unsent(self) -> int | None:
        """Bytes handed over that have not reached the printer's side yet; None where that cannot be known."""

    def port_status(self) -> int | None:
        """The IEEE 1284 status byte (20h paper out, 10h selected, 08h no error) of a USB printer; None elsewhere."""

    def close(self) -> None:
        """Never raises."""


class DescriptorLink:
    """A line over one non-blocking descriptor. ``shut`` closes it; ``queued`` asks the kernel for unsent bytes.

    ``ends``: reading nothing from a readable descriptor means that the other side is gone.
    """

    def __init__(
        self, name: str, fd: int, shut: Callable[[], None], *, queued: Callable[[], int] | None = None,
        session_proves_power: bool = False, ends: bool = True,
        port_status: Callable[[], int] | None = None,
    ) -> None:  # fmt: skip
        self.session_proves_power = session_proves_power
        self.speaks = True
        self._name = name
        self._fd = fd
        self._shut = shut
        self._queued = queued
        self._ends = ends
        self._port_status = port_status
        self._poll = select.poll()
        self._open = True

    def now(self) -> float:
        """See Link."""
        return time.monotonic()

    def write(self, body: bytes, deadline: float) -> int:
        """See Link."""
        done = 0
        while done < len(body):
            try:
                done += os.write(self._fd, body[done : done + CHUNK])
                continue
            except BlockingIOError:
                pass
            except OSError as trouble:
                if done:
                    return done  # the next call reports it: what left, left
                raise self._gone(trouble) from None
            if not self._wait(select.POLLOUT, deadline):
                break
        return done

    def read(self, deadline: float) -> bytes:
        """See Link."""
        if not self._wait(select.POLLIN, deadline):
            return b""
        try:
            found = os.read(self._fd, CHUNK)
        except BlockingIOError:
            return b""
        except OSError as trouble:
            raise self._gone(trouble) from None
        if not found and self._ends:
            raise DeviceMissing(f"{self._name}: the printer has closed the connection; is it switched on?", code="E214")
        if not found:  # a node that is always readable must not make its reader spin
            select.select([], [], [], min(max(deadline - time.monotonic(), 0), PAUSE_S))
        return found

    def unsent(self) -> int | None:
        """See Link."""
        try:
            return None if self._queued is None else self._queued()
        except OSError:
            return None

    def port_status(self) -> int | None:
        """See Link."""
        try:
            return None if self._port_status is None else self._port_status()
        except OSError:
            return None

    def close(self) -> None:
        """See Link."""
        if self._open:
            self._open = False
            with contextlib.suppress(OSError):
                self._shut()

    def _wait(self, event: int, deadline: float) -> bool:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        self._poll.register(self._fd, event)
        found = self._poll.poll(left * 1000)
        if found and found[0][1] & (select.POLLERR | select.POLLHUP | select.POLLNVAL) and not found[0][1] & event:
            raise DeviceMissing(f"{self._name}: the line to the printer is gone; check its cable and its switch", code="E214")
        return bool(found)

    def _gone(self, trouble: OSError) -> DeviceError:
        return DeviceMissing(f"{self._name}: {trouble.strerror}; check the printer's cable and its switch", code="E214")


def open_trouble(name: str, node: str, trouble: OSError) -> DeviceError:
    """What to say when a device node cannot be opened."""
    match trouble.errno:
        case errno.EBUSY | errno.EAGAIN:
            holder = holder_of(node)
            who = f"{holder} holds it; stop that program or take the printer out of it" if holder else "another program holds it"
            return DeviceBusy(f"{name}: {node} is in use: {who}", code="E218")
        case errno.EACCES | errno.EPERM:
            return DeviceForbidden(f"{name}: permission denied on {node}; add user {_user()} to group {_group(node)}")
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return DeviceMissing(f"{name}: {node} is not there; plug the printer in and switch it on", code="E214")
        case _:
            return DeviceError(f"{name}: cannot open {node}: {trouble.strerror}; check the printer and its cable", code="E200")


def holder_of(node: str) -> str:
    """Who has a device node open: "cupsd (pid 812)"; empty when nobody does, or when it cannot be seen without more rights."""
    try:
        wanted = Path(node).stat()
    except OSError:
        return ""
    for folder in Path("/proc").glob("[0-9]*"):
        if int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            for entry in (folder / "fd").iterdir():
                with contextlib.suppress(OSError):
                    seen = entry.stat()
                    if (seen.st_rdev, seen.st_ino) == (wanted.st_rdev, wanted.st_ino) or (wanted.st_rdev and seen.st_rdev == wanted.st_rdev):
                        return f"{(folder / 'comm').read_text().strip()} (pid {folder.name})"
    return ""


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _group(node: str) -> str:
    import grp

    try:
        return grp.getgrgid(Path(node).stat().st_gid).gr_name
    except (KeyError, OSError):
        return "lp"
