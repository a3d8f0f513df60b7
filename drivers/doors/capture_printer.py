"""Owns the driver `capture-printer`: a virtual ESC/POS printer between a POS and its real printer, transparent byte by byte both ways.

::

    POS ──► listen (TCP 9100 or a pty) ──► forward (the real printer)      bytes go on first,
    POS ◄── status answers, unchanged  ◄── DLE EOT, GS a, GS I answers     then, when the line is quiet, they are understood

One POS at a time, as a printer has it: a second one waits in the queue of connections. Every connection of the POS opens one to the real
printer and ends with it, so the POS sees what it would see: refused, reset or closed. Only what stands in the settings is listened on and
connected to. Nothing of the bytes is kept once they are understood.
Source: raw printing on port 9100 (Epson TM network guide: one connection at a time); command lengths in posagent.doors.escpos_text.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import Literal

from drivers.doors.ends import End, begin_connect, listen, of_socket, open_node, open_pty
from posagent.errors import DeviceError, DeviceMissing, SettingsError
from posagent.ports import CapturedSale, Driver, Option, Options

_log = logging.getLogger(__name__)
Moment = Literal["bytes", "silence", "closed"]
Understand = Callable[[bytes, Moment], Sequence[CapturedSale]]

QUIET_S = 0.02
"""Bytes are understood when the line has been quiet for so long: reading a receipt must not stand between two of its lines."""
SILENCE_S = 3.0
MOST_UNREAD = 64 * 1024
"""Bytes that wait to be understood; then they are, quiet or not."""
MOST_WAITING = 64 * 1024
CONNECT_S = 3.0
LINGER_S = 10.0
"""The POS has said all and the printer says nothing more: so long both links stay open."""


class CapturePrinter:
    """See `posagent.ports.SaleDoor`. Whoever opens it tells it by `understand_with` how bytes become sales."""

    def __init__(self, name: str, options: Options) -> None:
        self._name, self._options = name, options
        self._forward: str = options["forward"]
        self._understand: Understand = lambda _raw, _moment: ()
        self._server: socket.socket | None = None
        self._pos: End | None = None
        self._printer: End | None = None
        self._connecting: socket.socket | None = None
        self._unread = bytearray()
        self._found: list[CapturedSale] = []
        self._clear()
        where = options["listen"]
        self._is_pty = where.startswith("/")
        if self._is_pty:
            self._pos = open_pty(name, where)
            try:
                self._open_printer()
            except DeviceError:
                self.close()
                raise
        else:
            host, port = address_of(name, "listen", where)
            self._server = listen(name, host, port)

    def understand_with(self, understand: Understand) -> None:
        """``understand`` gets every byte that the POS sent, in order, and is told of silence and of the end of a connection."""
        self._understand = understand

    def read(self, timeout_s: float) -> Sequence[CapturedSale]:
        """See the port. Raises DeviceMissing when the real printer cannot be reached."""
        deadline = time.monotonic() + timeout_s
        while not self._found:
            now = time.monotonic()
            if now >= deadline:
                break
            self._turn(max(0.0, min(deadline - now, self._patience(now))))
        found, self._found = self._found, []
        return found

    def close(self) -> None:
        """See the port."""
        self._hang_up(hard=False, pty_too=True)
        if self._server is not None:
            self._server.close()
            self._server = None

    # ------------------------------------------------------------ one turn

    def _clear(self) -> None:
        self._to_printer = bytearray()
        self._to_pos = bytearray()
        self._pos_done = False
        self._finished = False
        self._heard = time.monotonic()
        self._silence_told = True

    def _patience(self, now: float) -> float:
        """How long nothing may happen before something must."""
        quiet = now - self._heard
        if self._unread:
            return QUIET_S
        if self._connecting is not None:
            return max(0.0, CONNECT_S - quiet)
        if self._pos_done:
            return max(0.0, LINGER_S - quiet)
        return max(0.0, SILENCE_S - quiet) if not self._silence_told else 60.0

    def _turn(self, wait_s: float) -> None:
        poll = select.poll()
        if self._server is not None and self._pos is None:
            poll.register(self._server, select.POLLIN)
        if self._pos is not None:
            listens = not self._pos_done and self._connecting is None and len(self._to_printer) < MOST_WAITING
            poll.register(self._pos.descriptor, (select.POLLIN if listens else 0) | (select.POLLOUT if self._to_pos else 0))
        if self._printer is not None:
            listens = len(self._to_pos) < MOST_WAITING
            writes = self._to_printer or self._connecting is not None
            poll.register(self._printer.descriptor, (select.POLLIN if listens else 0) | (select.POLLOUT if writes else 0))
        ready = dict(poll.poll(wait_s * 1000))
        if not ready:
            self._idle(time.monotonic())
            return
        if self._server is not None and self._server.fileno() in ready:
            self._accept()
        if self._printer is not None and (events := ready.get(self._printer.descriptor)):
            self._serve_printer(events)
        if self._pos is not None and (events := ready.get(self._pos.descriptor)):
            self._serve_pos(events)
        if len(self._unread) >= MOST_UNREAD:
            self._read_through()

    def _idle(self, now: float) -> None:
        quiet = now - self._heard
        if self._unread:
            self._read_through()
        elif self._connecting is not None and quiet >= CONNECT_S:
            self._printer_away(f"does not answer at {self._forward}")
        elif self._pos_done and quiet >= LINGER_S:
            self._hang_up(hard=False)
        elif not self._silence_told and quiet >= SILENCE_S:
            self._silence_told = True
            self._found += self._understand(b"", "silence")

    def _read_through(self) -> None:
        raw = bytes(self._unread)
        self._unread.clear()
        self._found += self._understand(raw, "bytes")

    # ------------------------------------------------------------ the POS

    def _accept(self) -> None:
        if self._server is None:
            return
        try:
            link, (address, *_) = self._server.accept()
        except OSError:  # it was gone before we came
            return
        if self._options["peer"] and address != self._options["peer"]:
            _log.warning("%s: a connection from %s was refused; `peer` allows only %s", self._name, address, self._options["peer"])
            link.close()
            return
        self._clear()
        self._pos = of_socket(link)
        self._open_printer()

    def _serve_pos(self, events: int) -> None:
        pos = self._pos
        if pos is None:
            return
        try:
            if events & select.POLLOUT and self._to_pos:
                del self._to_pos[: pos.write(self._to_pos)]
            if not events & (select.POLLIN | select.POLLHUP | select.POLLERR) or self._pos_done:
                if events & (select.POLLHUP | select.POLLERR):  # both directions are closed
                    self._hang_up(hard=bool(events & select.POLLERR))
                return
            raw = pos.read()
        except OSError:
            self._hang_up(hard=True)
            return
        if raw == b"":
            self._pos_done = True
            self._heard = time.monotonic()
            self._finish_when_empty()
        elif raw:
            self._pass_on(raw)

    def _pass_on(self, raw: bytes) -> None:
        """To the real printer at once; only what it does not take waits."""
        self._heard = time.monotonic()
        self._silence_told = False
        if self._printer is not None:
            sent = 0
            if not self._to_printer and self._connecting is None:
                try:
                    sent = self._printer.write(raw)
                except OSError:
                    self._unread += raw
                    self._hang_up(hard=True)
                    return
            self._to_printer += raw[sent:]
        self._unread += raw

    # ------------------------------------------------------------ the real printer

    def _open_printer(self) -> None:
        """Raises DeviceMissing and its kin after the POS has seen it."""
        if not self._forward:
            return
        try:
            if self._forward.startswith("/"):
                self._printer = open_node(self._name, self._forward, self._options["baud"])
            else:
                self._printer, self._connecting = begin_connect(self._name, *address_of(self._name, "forward", self._forward))
        except DeviceError:
            self._hang_up(hard=True)
            raise

    def _serve_printer(self, events: int) -> None:
        if self._printer is None:
            return
        if self._connecting is not None:
            failed = self._connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failed:
                self._printer_away(f"{os.strerror(failed)} at {self._forward}")
            self._connecting = None
            return
        try:
            if events & select.POLLOUT and self._to_printer:
                del self._to_printer[: self._printer.write(self._to_printer)]
                self._finish_when_empty()
            raw = self._printer.read() if events & (select.POLLIN | select.POLLHUP | select.POLLERR) else None
        except OSError:
            self._hang_up(hard=True)
            if self._is_pty:
                raise DeviceMissing(f"{self._name}: the real printer {self._forward} went away; check cable and power", code="E214") from None
            return
        if raw == b"":
            self._hang_up(hard=False)
        elif raw:
            self._answer(raw)

    def _answer(self, raw: bytes) -> None:
        """To the POS, unchanged. A POS on a serial line that never listens loses the oldest answers, as on a real line."""
        if self._pos is None:
            return
        self._heard = max(self._heard, time.monotonic()) if self._pos_done else self._heard
        try:
            sent = self._pos.write(raw) if not self._to_pos else 0
        except OSError:
            self._hang_up(hard=True)
            return
        self._to_pos += raw[sent:]
        if self._is_pty and len(self._to_pos) > 4096:
            del self._to_pos[:-4096]

    def _finish_when_empty(self) -> None:
        """The POS has said all: when all of it is with the printer, say so to the printer."""
        if self._pos_done and not self._to_printer and not self._finished:
            self._finished = True
            if self._printer is None:
                self._hang_up(hard=False)
            else:
                self._printer.finish()

    def _printer_away(self, why: str) -> None:
        self._hang_up(hard=True)
        raise DeviceMissing(f"{self._name}: the real printer {why}; is it on, and in this network? The POS was told at once", code="E214")

    def _hang_up(self, *, hard: bool, pty_too: bool = False) -> None:
        """Ends the connection on both sides; what was printed before is still understood."""
        if self._pos is not None and not hard and self._to_pos:
            try:
                self._pos.write(self._to_pos)
            except OSError:
                hard = True
        had_pos = self._pos is not None
        if self._printer is not None:
            self._printer.close(hard=hard)
        if self._pos is not None and (not self._is_pty or pty_too):
            self._pos.close(hard=hard)
            self._pos = None
        self._printer = self._connecting = None
        if self._unread:
            self._read_through()
        if had_pos:
            self._found += self._understand(b"", "closed")
        self._clear()


def address_of(name: str, key: str, text: str) -> tuple[str, int]:
    """host:port. Raises SettingsError."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise SettingsError(f"{name}: {key} must be an address like 192.168.1.50:9100 or a path like /dev/usb/lp0, not '{text}'")
    return host.strip("[]"), int(port)


DRIVER = Driver(
    name="capture-printer",
    kind="sale_door",
    title="virtual receipt printer between the POS and its printer",
    maturity="experimental",
    source="raw printing on TCP 9100; Epson ESC/POS command reference",
    options={
        "listen": Option(str, "where the POS prints to: host:port of this machine, or the path of a serial port to make", required=True),
        "forward": Option(str, "the real printer: host:port or a device node; empty: there is none, nothing is printed or answered", ""),
        "peer": Option(str, "accept only this address (empty: any that can reach `listen`)", ""),
        "baud": Option(int, "of a real printer on a serial line", 9600, minimum=1200, maximum=115200),
        "profile": Option(str, "receipt profile: a file, or a name in /etc/posagent/receipts", ""),
        "without_number": Option(str, "a paid receipt without a number: ask (pre-fills only), or grant", "ask", choices=("ask", "grant")),
    },
    open=CapturePrinter,
)
