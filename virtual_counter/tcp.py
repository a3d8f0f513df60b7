"""Owns the network socket of a virtual printer: raw TCP as on port 9100, one host at a time, flow control by not reading."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from typing import TYPE_CHECKING

from virtual_counter.waker import Waker

if TYPE_CHECKING:
    from virtual_counter.link import Link
    from virtual_counter.printer import VirtualPrinter

_CHUNK = 4096
_IDLE_S = 1.0


class PrinterServer:
    """Serves until `stop`. ``port`` stays the same over disconnects, so that a host finds its printer again."""

    def __init__(self, printer: VirtualPrinter, host: str, port: int) -> None:
        self._printer = printer
        self._host = host
        self._listener: socket.socket | None = None
        self.port = port
        self._listen()
        self._conn: socket.socket | None = None
        self._link: Link | None = None
        self._out = b""
        self._stopping = threading.Event()
        self._waker = Waker()
        printer.on_change.append(self._waker.wake)
        self._thread = threading.Thread(target=self._serve, name=f"virtual-printer:{self.port}", daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """Where a driver connects to."""
        return self._host, self.port

    def stop(self) -> None:
        """Closes everything and waits for the thread."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._waker.wake()
        self._thread.join()
        with self._printer.lock:
            self._printer.on_change.remove(self._waker.wake)
        self._waker.close()

    def _listen(self) -> None:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._host, self.port))
        except OSError:
            listener.close()
            raise
        listener.listen(1)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self._listener = listener

    # ------------------------------------------------------------ the thread

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._follow_link_state()
            self._collect_answers()
            readers: list[Waker | socket.socket] = [self._waker]
            writers: list[socket.socket] = []
            silent = self._printer.link_state == "silent"
            if self._conn is None and self._listener is not None and not silent:
                readers.append(self._listener)
            if self._conn is not None and not silent:
                if self._printer.room():
                    readers.append(self._conn)
                if self._out:
                    writers.append(self._conn)
            due = self._printer.due_in_s()
            ready, writable, _ = select.select(readers, writers, [], _IDLE_S if due is None else min(due, _IDLE_S))
            if self._waker in ready:
                self._waker.rest()
            if self._listener in ready:
                self._accept()
            elif self._conn is not None and self._conn in ready:
                self._read()
            if writable:
                self._write()
            self._printer.run()
        self._hang_up()
        if self._listener is not None:
            self._listener.close()

    def _follow_link_state(self) -> None:
        state = self._printer.link_state
        if state == "refused" and self._listener is not None:  # first of all: a host that sees the reset is refused at once
            self._listener.close()
            self._listener = None
        elif state != "refused" and self._listener is None:
            self._listen()
        if self._conn is not None and state != "silent" and (self._link is None or not self._link.alive):
            self._hang_up()

    def _accept(self) -> None:
        if self._listener is None:
            return
        try:
            conn, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        conn.setblocking(False)
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._link = self._printer.connect()
        except ConnectionRefusedError:
            conn.close()
            return
        self._conn = conn
        self._out = b""

    def _read(self) -> None:
        conn, link = self._conn, self._link
        if conn is None or link is None:
            return
        try:
            data = conn.recv(min(self._printer.room(), _CHUNK) or 1, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:  # the host has reset the connection
            self._hang_up()
            return
        if not data:
            self._hang_up()
            return
        with contextlib.suppress(BrokenPipeError):
            conn.recv(link.send(data) or 0)  # leave in the socket what the printer had no room for

    def _write(self) -> None:
        if self._conn is None:
            return
        try:
            sent = self._conn.send(self._out)
        except BlockingIOError:
            return
        except OSError:
            self._hang_up()
            return
        self._out = self._out[sent:]

    def _collect_answers(self) -> None:
        if self._link is not None and self._link.alive:
            self._out += self._link.receive()

    def _hang_up(self) -> None:
        """Ends the connection; when the printer dropped it, with a reset as a machine without power would."""
        if self._conn is not None:
            if self._link is not None and not self._link.alive:
                self._conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._conn.close()
            self._conn = None
        if self._link is not None:
            self._link.close()
            self._link = None
        self._out = b""


def serve_tcp(printer: VirtualPrinter, port: int = 0, host: str = "127.0.0.1") -> PrinterServer:
    """Starts to serve; ``port`` 0 takes a free one. Raises OSError when the port is taken."""
    return PrinterServer(printer, host, port)
