"""Owns virtual scanners on a serial line and on the network: what a trigger pull sends, also when it goes wrong."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from virtual_counter.serial_line import SerialLine
from virtual_counter.wedge import WedgeScanner

__all__ = ["SerialScanner", "TcpScanner", "WedgeScanner", "frame"]


def frame(text: str, *, aim: str | None = None, prefix: bytes = b"", terminator: bytes = b"\r", encoding: str = "utf-8") -> bytes:
    """The bytes of one scan. ``aim`` is the symbology identifier without its bracket ("E0"); it stands before the text."""
    return prefix + (f"]{aim}".encode("ascii") if aim else b"") + text.encode(encoding) + terminator


class SerialScanner:
    """A scanner on RS-232 or USB-CDC. It is plugged in when it is made; `scan` blocks as long as its line is slow."""

    def __init__(self, link: Path, *, byte_rate: int | None = None, terminator: bytes = b"\r", prefix: bytes = b"") -> None:
        self._line = SerialLine(link, byte_rate)
        self._terminator = terminator
        self._prefix = prefix
        self._line.plug()

    @property
    def link(self) -> Path:
        """The device node for the settings."""
        return self._line.link

    @property
    def plugged(self) -> bool:
        """It hangs on its cable."""
        return self._line.plugged

    def scan(self, text: str, aim: str | None = None, terminator: bytes | None = None, encoding: str = "utf-8") -> int:
        """Reads a code: sends it and returns the number of bytes that went out. Raises LineUnplugged."""
        ending = self._terminator if terminator is None else terminator
        return self._line.send(frame(text, aim=aim, prefix=self._prefix, terminator=ending, encoding=encoding))

    def send(self, raw: bytes) -> int:
        """Sends anything: noise, half a scan, a foreign protocol."""
        return self._line.send(raw)

    def heard(self) -> bytes:
        """What the host has sent to the scanner (beeps, acknowledgements)."""
        return self._line.receive()

    def unplug(self) -> None:
        """Pulls the cable: the host's read ends in a hang-up and the node is gone."""
        self._line.unplug()

    def plug(self) -> None:
        """Plugs it in again, under the same name."""
        self._line.plug()

    def close(self) -> None:
        """Puts it away."""
        self._line.unplug()


class TcpScanner:
    """A network scanner that waits for its host: every host that is connected gets every scan."""

    def __init__(self, port: int = 0, host: str = "127.0.0.1", terminator: bytes = b"\r\n") -> None:
        self._host = host
        self._terminator = terminator
        self._hosts: list[socket.socket] = []
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.port = port
        self.plug()

    @property
    def connected(self) -> int:
        """How many hosts listen."""
        with self._lock:
            return len(self._hosts)

    def scan(self, text: str, aim: str | None = None, terminator: bytes | None = None) -> int:
        """Sends one scan; returns to how many hosts."""
        return self.send(frame(text, aim=aim, terminator=self._terminator if terminator is None else terminator))

    def send(self, raw: bytes) -> int:
        """Sends anything."""
        with self._lock:
            for host in tuple(self._hosts):
                try:
                    host.sendall(raw)
                except OSError:  # it went away, or has not read for a second
                    host.close()
                    self._hosts.remove(host)
            return len(self._hosts)

    def plug(self) -> None:
        """Begins to listen; the port stays the same."""
        with self._lock:
            if self._listener is not None:
                return
            listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._host, self.port))
            listener.listen(4)
            self.port = listener.getsockname()[1]
            self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), name=f"virtual-scanner:{self.port}", daemon=True).start()

    def unplug(self) -> None:
        """Drops every host and refuses new ones."""
        with self._lock:
            if self._listener is not None:
                with contextlib.suppress(OSError):  # wakes the thread that waits in accept
                    self._listener.shutdown(socket.SHUT_RDWR)
                self._listener.close()
                self._listener = None
            for host in self._hosts:
                host.close()
            self._hosts.clear()

    close: Callable[[TcpScanner], None] = unplug

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                host, _ = listener.accept()
            except OSError:  # unplugged
                return
            host.settimeout(1.0)
            with self._lock:
                if self._listener is not listener:
                    host.close()
                    return
                self._hosts.append(host)
