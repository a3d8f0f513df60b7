"""Owns the virtual customer displays: a `Screen` on a pty or on a TCP port."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from pathlib import Path

from virtual_counter.screen import Screen
from virtual_counter.serial_line import SerialLine
from virtual_counter.waker import Waker


class LineDisplay:
    """A screen on a pty."""

    def __init__(self, link: Path, screen: Screen | None = None) -> None:
        self.screen = screen or Screen()
        self._line = SerialLine(link)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._waker = Waker()
        self.plug()

    @property
    def link(self) -> Path:
        """The device node for the settings."""
        return self._line.link

    def lines(self) -> tuple[str, str]:
        """What the customer reads."""
        return self.screen.lines()

    def plug(self) -> None:
        """Plugs it in; the tube keeps nothing over a power loss."""
        if self._thread is None:
            self._stopping.clear()
            self._line.plug()
            self._thread = threading.Thread(target=self._serve, name="virtual-display", daemon=True)
            self._thread.start()

    def unplug(self) -> None:
        """Pulls the cable and with it the power."""
        if self._thread is not None:
            self._stopping.set()
            self._waker.wake()
            self._thread.join()
            self._waker.rest()
            self._thread = None
            self._line.unplug()
            self.screen.feed(b"\x1b@")

    def close(self) -> None:
        """Puts it away; it cannot be plugged in again."""
        self.unplug()
        self._waker.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            readers: list[SerialLine | Waker] = [self._line, self._waker]
            ready, _, _ = select.select(readers, [], [])
            if self._line in ready:
                self.screen.feed(self._line.receive())


class TcpDisplay:
    """A screen on a TCP port; the last host that connects is listened to."""

    def __init__(self, screen: Screen | None = None, port: int = 0, host: str = "127.0.0.1") -> None:
        self.screen = screen or Screen()
        self._listener = socket.create_server((host, port))
        self.port: int = self._listener.getsockname()[1]
        self._host: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, name=f"virtual-display:{self.port}", daemon=True)
        self._thread.start()

    def lines(self) -> tuple[str, str]:
        """What the customer reads."""
        return self.screen.lines()

    def close(self) -> None:
        """Closes the port and the connection."""
        for sock in (self._listener, self._host):
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                self._host, _ = self._listener.accept()
            except OSError:  # closed
                return
            with self._host, contextlib.suppress(OSError):
                while data := self._host.recv(4096):
                    self.screen.feed(data)
