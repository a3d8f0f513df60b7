"""Owns a pseudo terminal with a stable name: the device's end of a serial cable.

The host opens the link as it would open /dev/serial/by-id/…; pulling the plug hangs the line up and takes the name away, as the kernel
does with a USB-serial device.
"""

from __future__ import annotations

import os
import select
import threading
import time
import tty
from pathlib import Path

_STEP_S = 0.02  # a slow line is fed so often


class LineUnplugged(ConnectionError):
    """There is no cable in the device."""


class SerialLine:
    """``byte_rate`` in bytes per second (960 for 9600 baud 8N1); None sends as fast as the kernel takes it."""

    def __init__(self, link: Path, byte_rate: int | None = None) -> None:
        self._link = link
        self._byte_rate = byte_rate
        self._master = -1
        self._slave = -1  # held open, so that a host that closes and opens again finds the same line
        self._sending = threading.Lock()
        self._gone = threading.Event()

    @property
    def link(self) -> Path:
        """The name under which the host finds it."""
        return self._link

    @property
    def plugged(self) -> bool:
        """There is a cable."""
        return self._master >= 0

    def fileno(self) -> int:
        """For select; raises LineUnplugged without a cable."""
        if self._master < 0:
            raise LineUnplugged(f"{self._link}: unplugged")
        return self._master

    def plug(self) -> None:
        """Makes the line and its name; replaces a name that a dead process left. Raises FileExistsError when a file stands there."""
        if self._master >= 0:
            return
        if self._link.exists() and not self._link.is_symlink():
            raise FileExistsError(f"{self._link} is not a device link; choose another name for the virtual device")
        master, slave = os.openpty()
        tty.setraw(slave)  # until the host sets its own mode nothing is echoed or translated
        os.set_blocking(master, False)
        self._link.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._link.with_name(f".{self._link.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(slave))
        fresh.replace(self._link)
        self._master, self._slave = master, slave
        self._gone.clear()

    def unplug(self) -> None:
        """Hangs up and takes the name away. Does nothing twice."""
        if self._master < 0:
            return
        self._gone.set()
        if self._link.is_symlink() and self._link.readlink() == Path(os.ttyname(self._slave)):
            self._link.unlink()
        with self._sending:  # somebody may be in the middle of a slow scan
            os.close(self._slave)
            os.close(self._master)
            self._master = self._slave = -1

    def send(self, data: bytes) -> int:
        """Sends at the line's speed and returns how much went out: less when the plug is pulled, or when nobody reads for a second."""
        if self._master < 0:
            raise LineUnplugged(f"{self._link}: unplugged")
        with self._sending:
            sent = 0
            chunk = len(data) if self._byte_rate is None else max(int(self._byte_rate * _STEP_S), 1)
            while sent < len(data) and not self._gone.is_set() and self._master >= 0:
                begun = time.monotonic()
                _, ready, _ = select.select([], [self._master], [], 1.0)
                if not ready:
                    break
                sent += os.write(self._master, data[sent : sent + chunk])
                if self._byte_rate is not None and sent < len(data):
                    self._gone.wait(max(chunk / self._byte_rate - (time.monotonic() - begun), 0))
            return sent

    def receive(self, limit: int = 4096) -> bytes:
        """What the host has sent; empty when there is nothing."""
        if self._master < 0:
            return b""
        try:
            return os.read(self._master, limit)
        except BlockingIOError:
            return b""
