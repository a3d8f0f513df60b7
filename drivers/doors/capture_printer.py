"""Owns the driver `capture-printer`: a virtual ESC/POS printer between a POS and its real printer, transparent byte by byte both ways.

::

    POS ──► listen (TCP 9100 or a pty) ──► forward (the real printer)      bytes go on first,
    POS ◄── status answers, unchanged  ◄── DLE EOT, GS a, GS I answers     then, when the line is quiet, they are understood
                                  ▲
    our own slips, in their turn ─┘ (drivers.doors.slip_turn)              between two jobs of the POS, whose next one waits

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
from collections import deque
from collections.abc import Sequence

from drivers.doors.ends import End, begin_connect, listen, of_socket, open_node, open_pty
from drivers.doors.options import READING
from drivers.doors.slip_turn import YOUR_TURN, Seat
from posagent.errors import DeviceError, DeviceMissing, SettingsError
from posagent.ports import CapturedSale, Carries, Driver, Heard, Moment, Option, Options, Understand

_log = logging.getLogger(__name__)

QUIET_S = 0.02
"""Bytes are understood when the line has been quiet for so long: reading a receipt must not stand between two of its lines."""
SLICE, SLICE_S = 1024, 0.004
"""Understanding stops after so many bytes to see whether the line has something to carry, and goes on for at most so long."""
SILENCE_S = 3.0
MOST_UNREAD = 64 * 1024
"""Bytes that wait to be understood; then they are, quiet or not. At four times as many the POS waits."""
MOST_WAITING = 64 * 1024
CONNECT_S = 3.0
LINGER_S = 10.0
"""The POS has said all and the printer says nothing more: so long both links stay open."""
TURN_QUIET_S = 0.25
"""A POS that has cut its paper and said nothing for so long is between two jobs."""
GUEST_SILENT_S = 15.0
"""A slip that asks and sends nothing for so long has lost its turn: the POS must print."""
AFTER_TURN_S = 0.1
"""Late answers to our questions are not the POS's."""


class CapturePrinter:
    """See `posagent.ports.SaleDoor` and `ByteDoor`."""

    carries: Carries = "printer"

    def __init__(self, name: str, options: Options) -> None:
        self._name, self._options = name, options
        self._forward: str = options["forward"]
        if options["slips"] and not self._forward:
            raise SettingsError(f"{name}: slips needs a real printer; say which one in `forward`")
        self._understand: Understand = lambda _raw, _moment: Heard()
        self._server: socket.socket | None = None
        self._seat: Seat | None = None
        self._pos: End | None = None
        self._guest: End | None = None  # our own slip, while it has its turn
        self._printer: End | None = None
        self._connecting: socket.socket | None = None
        self._unread = bytearray()
        self._ended: deque[bytearray] = deque()  # of connections that have ended, and are not understood yet
        self._trouble: DeviceError | None = None
        self._found: list[CapturedSale] = []
        self._clear()
        where = options["listen"]
        self._is_pty = where.startswith("/")
        try:
            if options["slips"]:
                self._seat = Seat(name, options["slips"])
            if self._is_pty:
                self._pos = open_pty(name, where)
                self._open_printer()
            else:
                self._server = listen(name, *address_of(name, "listen", where))
        except (DeviceError, SettingsError):
            self.close()
            raise

    def understand_with(self, understand: Understand) -> None:
        """See `posagent.ports.ByteDoor`."""
        self._understand = understand

    def read(self, timeout_s: float) -> Sequence[CapturedSale]:
        """See the port. Raises DeviceMissing when the real printer cannot be reached."""
        if self._trouble is not None:
            raise self._trouble
        deadline = time.monotonic() + timeout_s
        while not self._found:
            now = time.monotonic()
            if now >= deadline:
                break
            try:
                self._turn(max(0.0, min(deadline - now, self._patience(now))))
            except DeviceError as trouble:  # what was printed before is sold: first tell that
                self._read_through(for_s=3600)
                if not self._found:
                    raise
                self._trouble = trouble
        found, self._found = self._found, []
        return found

    def close(self) -> None:
        """See the port."""
        self._hang_up(hard=False, pty_too=True)
        self._read_through(for_s=3600)
        for waiting in (self._server, self._seat):
            if waiting is not None:
                waiting.close()
        self._server = self._seat = None

    # ------------------------------------------------------------ one turn

    def _clear(self) -> None:
        self._to_printer = bytearray()
        self._to_pos = bytearray()  # or to our own slip, while it has its turn
        self._pos_done = False
        self._finished = False
        self._heard = time.monotonic()
        self._silence_told = True
        self._between, self._modes = True, b""
        self._deaf_until = 0.0  # after a turn: what the printer says is nobody's, and nobody is listened to
        self._leaving = False

    def _patience(self, now: float) -> float:
        """How long nothing may happen before something must."""
        quiet = now - self._heard
        if self._behind():
            return QUIET_S - quiet
        if self._deaf_until:
            return self._deaf_until - now
        if self._connecting is not None:
            return CONNECT_S - quiet
        if self._guest is not None:
            return GUEST_SILENT_S - quiet
        if self._seat is not None and quiet < TURN_QUIET_S:
            return TURN_QUIET_S - quiet
        if self._pos_done:
            return LINGER_S - quiet
        return 60.0 if self._silence_told else SILENCE_S - quiet

    def _may_give_turn(self) -> bool:
        """Between two jobs, and nothing is on its way."""
        if self._pos is None:
            return not self._ended
        idle = self._between and not (self._behind() or self._to_printer or self._connecting)
        return idle and time.monotonic() - self._heard >= TURN_QUIET_S

    def _turn(self, wait_s: float) -> None:
        ready = dict(self._watched().poll(wait_s * 1000))
        if self._deaf_until and time.monotonic() >= self._deaf_until:
            self._listen_again(time.monotonic())
        if not ready:
            self._idle(time.monotonic())
            return
        if self._server is not None and self._server.fileno() in ready:
            self._accept()
        if self._seat is not None and self._seat.fileno() in ready:
            self._give_turn()
        if self._printer is not None and (events := ready.get(self._printer.descriptor)):
            self._serve_printer(events)
        if self._guest is not None and (events := ready.get(self._guest.descriptor)):
            self._serve_guest(events)
        elif self._pos is not None and (events := ready.get(self._pos.descriptor)):
            self._serve_pos(events)
        if self._behind() >= MOST_UNREAD:
            self._read_through()

    def _watched(self) -> select.poll:
        poll = select.poll()
        writes = select.POLLOUT if self._to_pos else 0
        room = self._connecting is None and len(self._to_printer) < MOST_WAITING
        if self._guest is not None:
            poll.register(self._guest.descriptor, (select.POLLIN if room else 0) | writes)
        elif not self._deaf_until:
            if self._server is not None and self._pos is None:
                poll.register(self._server, select.POLLIN)
            if self._seat is not None and self._may_give_turn():
                poll.register(self._seat, select.POLLIN)
            if self._pos is not None:
                listens = not self._pos_done and room and self._behind() < 4 * MOST_UNREAD
                poll.register(self._pos.descriptor, (select.POLLIN if listens else 0) | writes)
        if self._printer is not None:
            listens = len(self._to_pos) < MOST_WAITING
            sends = self._to_printer or self._connecting is not None
            poll.register(self._printer.descriptor, (select.POLLIN if listens else 0) | (select.POLLOUT if sends else 0))
        return poll

    def _listen_again(self, now: float) -> None:
        """A turn is over. What our slip left with us goes to the printer first, for a while."""
        if self._leaving and self._to_printer and now - self._heard < LINGER_S:
            self._deaf_until = now + AFTER_TURN_S
            return
        self._deaf_until = 0.0
        if self._leaving:
            self._hang_up(hard=False)
        elif self._pos is not None:  # where it wants automatic status, the printer says at once what has changed meanwhile
            self._to_printer += b"\x1b@" + self._modes

    def _idle(self, now: float) -> None:
        quiet = now - self._heard
        if self._behind():
            self._read_through()
        elif self._connecting is not None and quiet >= CONNECT_S:
            self._printer_away(f"does not answer at {self._forward}")
        elif self._guest is not None and quiet >= GUEST_SILENT_S:
            _log.warning("%s: a slip had its turn and did nothing with it for %.0f s; the POS goes on", self._name, GUEST_SILENT_S)
            self._end_turn(hard=True)
        elif self._pos_done and quiet >= LINGER_S:
            self._hang_up(hard=False)
        elif not self._silence_told and quiet >= SILENCE_S:
            self._silence_told = True
            self._take_in(b"", "silence")

    def _read_through(self, for_s: float = SLICE_S) -> None:
        until = time.monotonic() + for_s
        while self._behind():
            unread = self._ended[0] if self._ended else self._unread
            if unread:
                raw = bytes(unread[:SLICE])
                del unread[:SLICE]
                self._take_in(raw, "bytes")
            else:
                self._ended.popleft()
                self._take_in(b"", "closed")
            if time.monotonic() >= until:
                break

    def _behind(self) -> int:
        """Bytes, and ends of connections, that are not understood yet."""
        return len(self._unread) + sum(map(len, self._ended)) + len(self._ended)

    def _take_in(self, raw: bytes, moment: Moment) -> None:
        heard = self._understand(raw, moment)
        self._found += heard.sales
        self._between, self._modes = heard.between, heard.modes

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
            self._silence_told = False
            self._unread += raw
            self._pass_on(raw)

    def _pass_on(self, raw: bytes) -> None:
        """To the real printer at once; only what it does not take waits."""
        self._heard = time.monotonic()
        if self._printer is None:
            return
        sent = 0
        if not self._to_printer and self._connecting is None:
            try:
                sent = self._printer.write(raw)
            except OSError:
                self._hang_up(hard=True)
                return
        self._to_printer += raw[sent:]

    # ------------------------------------------------------------ our own slips

    def _give_turn(self) -> None:
        """To the slip that waits first. A POS that is connected and idle is not listened to until the turn is over."""
        if self._seat is None or not self._may_give_turn():  # a POS has come in the same moment
            return
        self._guest = self._seat.accept()
        if self._guest is None:
            return
        if self._pos_done:  # it has said all, and only waited for the printer
            self._hang_up(hard=False, but_guest=True)
        if self._pos is None:
            self._clear()
        self._heard = time.monotonic()
        if self._printer is not None:
            self._to_pos[:] = YOUR_TURN
            return
        try:
            self._open_printer()
        except DeviceError as trouble:  # the POS's own next job finds out, and says so, as ever
            _log.info("%s: no turn: %s", self._name, trouble)

    def _serve_guest(self, events: int) -> None:
        guest = self._guest
        if guest is None:
            return
        try:
            if events & select.POLLOUT and self._to_pos:
                del self._to_pos[: guest.write(self._to_pos)]
            raw = guest.read() if events & (select.POLLIN | select.POLLHUP | select.POLLERR) else None
        except OSError:
            raw = b""
        if raw == b"":
            self._end_turn()
        elif raw:
            self._pass_on(raw)

    def _end_turn(self, *, hard: bool = False) -> None:
        """The printer is given back as the POS left it: without automatic status of ours, in the POS's modes."""
        if self._guest is not None:
            self._guest.close(hard=hard)
            self._guest = None
        self._to_pos.clear()
        self._heard = time.monotonic()
        if self._printer is None:
            return
        self._deaf_until = self._heard + AFTER_TURN_S
        if self._pos is not None:
            self._to_printer += b"\x1da\x00"
        else:
            self._leaving = True
            if not self._to_printer:
                self._printer.finish()

    # ------------------------------------------------------------ the real printer

    def _open_printer(self) -> None:
        """Raises DeviceMissing and its kin after the POS has seen it."""
        if not self._forward:
            return
        try:
            if self._forward.startswith("/"):
                self._printer = open_node(self._name, self._forward, self._options["baud"])
                self._reached()
            else:
                self._printer, self._connecting = begin_connect(self._name, *address_of(self._name, "forward", self._forward))
        except DeviceError:
            self._hang_up(hard=True)
            raise

    def _reached(self) -> None:
        self._connecting = None
        if self._guest is not None:
            self._to_pos[:] = YOUR_TURN

    def _serve_printer(self, events: int) -> None:
        if self._printer is None:
            return
        if self._connecting is not None:
            failed = self._connecting.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failed:
                self._printer_away(f"{os.strerror(failed)} at {self._forward}")
            else:
                self._reached()
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
        """To whoever has the printer, unchanged. A POS on a serial line that never listens loses the oldest answers, as on a real line."""
        listener = self._guest or self._pos
        if listener is None or self._deaf_until:
            return
        self._heard = max(self._heard, time.monotonic()) if self._pos_done else self._heard
        try:
            sent = listener.write(raw) if not self._to_pos else 0
        except OSError:
            if listener is self._guest:
                self._end_turn()
            else:
                self._hang_up(hard=True)
            return
        self._to_pos += raw[sent:]
        if self._is_pty and len(self._to_pos) > 4096:
            del self._to_pos[:-4096]

    def _finish_when_empty(self) -> None:
        """The POS, or our slip, has said all: when all of it is with the printer, say so to the printer."""
        if self._to_printer or self._finished or not (self._pos_done or self._leaving):
            return
        self._finished = True
        if self._printer is None:
            self._hang_up(hard=False)
        else:
            self._printer.finish()

    def _printer_away(self, why: str) -> None:
        asked_by_pos = self._pos is not None
        self._hang_up(hard=True)
        if asked_by_pos:
            raise DeviceMissing(f"{self._name}: the real printer {why}; is it on, and in this network? The POS was told at once", code="E214")

    def _hang_up(self, *, hard: bool, pty_too: bool = False, but_guest: bool = False) -> None:
        """Ends the connection on all sides; what was printed before is still understood."""
        speaker = self._guest or self._pos
        if speaker is not None and not hard and self._to_pos and not but_guest:
            try:
                speaker.write(self._to_pos)
            except OSError:
                hard = True
        had_pos = self._pos is not None
        if self._printer is not None:
            self._printer.close(hard=hard)
        if self._guest is not None and not but_guest:
            self._guest.close(hard=hard)
            self._guest = None
        if self._pos is not None and (not self._is_pty or pty_too):
            self._pos.close(hard=hard)
            self._pos = None
        self._printer = self._connecting = None
        if had_pos:
            self._ended.append(self._unread)
            self._unread = bytearray()
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
        "slips": Option(str, "a socket to make, where our own slip printer (driver captured-printer) takes its turn; empty: none does", ""),
        "peer": Option(str, "accept only this address (empty: any that can reach `listen`)", ""),
        "baud": Option(int, "of a real printer on a serial line", 9600, minimum=1200, maximum=115200),
        **READING,
    },
    open=CapturePrinter,
)
