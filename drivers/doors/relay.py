"""Owns the bytes between a POS and its real printer, transparent both ways: the process `python -m drivers.doors.relay FD`.

::

    POS ──► listen (TCP 9100 or a pty) ──► forward (the real printer)      bytes go on first,
    POS ◄── status answers, unchanged  ◄── DLE EOT, GS a, GS I answers     then, when the line is quiet, the agent is told them
                                  ▲
    our own slips, in their turn ─┘ (drivers.doors.slip_turn)              between two jobs of the POS, whose next one waits

Nothing here understands anything, and nothing waits for somebody who does: whatever the agent computes, a POS's question is answered by its
printer at once. One POS at a time, as a printer has it: a second one waits in the queue of connections. Every connection of the POS opens one
to the real printer and ends with it, so the POS sees what it would see: refused, reset or closed. Only what stands in the settings is
listened on and connected to. Nothing of the bytes is kept once the agent has understood them. FD: see `drivers.doors.relay_link`.
Source: raw printing on port 9100 (Epson TM network guide: one connection at a time).
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from drivers.doors.ends import End, address_of, begin_connect, listen, of_socket, open_node, open_pty
from drivers.doors.relay_link import LONGEST, Understanding, trouble_word
from drivers.doors.slip_turn import YOUR_TURN, Seat
from posagent.errors import DeviceError, DeviceMissing, SettingsError

QUIET_S = 0.02
"""The agent is told bytes when the line has been quiet for so long: on a small register its reading would compute beside our carrying."""
SILENCE_S = 3.0
MOST_UNTOLD = 64 * 1024
"""So many bytes are told, quiet or not."""
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
AGENT_S = 5.0
"""At the end: an agent that does not take our last words for so long is taken for gone."""
LAST_S = 0.5
"""The agent is gone: the printer gets what we took for it, within this time. Less than the agent waits for us."""


class Relay:
    """One door, from open to close. Call `turn` for ever, until it says that the agent is gone."""

    def __init__(self, name: str, options: Mapping[str, Any], agent: socket.socket) -> None:
        """``options`` of the driver, ``agent``: our end of the pair. Raises DeviceError, SettingsError."""
        self._name, self._options, self._agent = name, options, agent
        self._forward: str = options["forward"]
        agent.setblocking(False)
        self._understanding = Understanding(agent)
        self._server: socket.socket | None = None
        self._seat: Seat | None = None
        self._pos: End | None = None
        self._guest: End | None = None  # our own slip, while it has its turn
        self._printer: End | None = None
        self._connecting: socket.socket | None = None
        self._clear()
        where = options["listen"]
        self._is_pty = where.startswith("/")
        if options["slips"]:
            self._seat = Seat(name, options["slips"])
        if self._is_pty:
            self._pos = open_pty(name, where)
            self._open_printer()
        else:
            self._server = listen(name, *address_of(name, "listen", where))
        self._understanding.say(b"o")
        self._understanding.speak()

    def close(self, trouble: DeviceError | None = None) -> None:
        """Lets everything go; tells the rest, and ``trouble``, to an agent that is there."""
        for waiting in (self._server, self._seat):
            if waiting is not None:
                waiting.close()
        self._carry_last()
        self._hang_up(hard=False, pty_too=True)
        if trouble is not None:
            self._understanding.say(trouble_word(trouble))
        self._agent.settimeout(AGENT_S)
        self._understanding.speak()

    def _carry_last(self) -> None:
        until = time.monotonic() + LAST_S
        while self._printer is not None and self._connecting is None and self._to_printer and (left := until - time.monotonic()) > 0:
            if not select.select([], [self._printer.descriptor], [], left)[1]:
                return
            try:
                del self._to_printer[: self._printer.write(self._to_printer)]
            except OSError:
                return

    # ------------------------------------------------------------ one turn

    def turn(self) -> bool:
        """Waits until something happens and does what follows; False: the agent is gone. Raises DeviceError after the POS has seen it."""
        ready = dict(self._watched().poll(max(0.0, self._patience(time.monotonic())) * 1000))
        if self._deaf_until and time.monotonic() >= self._deaf_until:
            self._listen_again(time.monotonic())
        if self._printer is not None and (events := ready.get(self._printer.descriptor)):
            self._serve_printer(events)
        if self._guest is not None and (events := ready.get(self._guest.descriptor)):
            self._serve_guest(events)
        elif self._pos is not None and (events := ready.get(self._pos.descriptor)):
            self._serve_pos(events)
        if self._server is not None and self._server.fileno() in ready:
            self._accept()
        if self._seat is not None and self._seat.fileno() in ready:
            self._give_turn()
        if ready.get(self._agent.fileno(), 0) & ~select.POLLOUT:
            self._understanding.listen()
        self._idle(time.monotonic())
        self._understanding.speak()
        return not self._understanding.gone

    def _clear(self) -> None:
        self._to_printer = bytearray()
        self._to_pos = bytearray()  # or to our own slip, while it has its turn
        self._pos_done = False
        self._finished = False
        self._heard = time.monotonic()
        self._silence_told = True
        self._deaf_until = 0.0  # after a turn: what the printer says is nobody's, and nobody is listened to
        self._leaving = False

    def _patience(self, now: float) -> float:
        """How long nothing may happen before something must."""
        quiet = now - self._heard
        if self._understanding.unsent:
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
        """Between two jobs, nothing is on its way, and all of the POS's is understood: else nobody knows that its paper is cut."""
        if self._understanding.behind:
            return False
        if self._pos is None:
            return True
        idle = self._understanding.between and not (self._to_printer or self._connecting)
        return idle and time.monotonic() - self._heard >= TURN_QUIET_S

    def _watched(self) -> select.poll:
        poll = select.poll()
        writes = select.POLLOUT if self._to_pos else 0
        room = self._connecting is None and len(self._to_printer) < MOST_WAITING
        if self._guest is not None:
            poll.register(self._guest.descriptor, (select.POLLIN if room else 0) | writes)
        elif not self._deaf_until:
            if self._server is not None and self._pos is None and self._understanding.room:
                poll.register(self._server, select.POLLIN)
            if self._seat is not None and self._may_give_turn():
                poll.register(self._seat, select.POLLIN)
            if self._pos is not None:
                listens = not self._pos_done and room and self._understanding.room
                poll.register(self._pos.descriptor, (select.POLLIN if listens else 0) | writes)
        if self._printer is not None:
            listens = len(self._to_pos) < MOST_WAITING
            sends = self._to_printer or self._connecting is not None
            poll.register(self._printer.descriptor, (select.POLLIN if listens else 0) | (select.POLLOUT if sends else 0))
        poll.register(self._agent, select.POLLIN | (select.POLLOUT if self._understanding.speaks else 0))
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
            self._to_printer += b"\x1b@" + self._understanding.modes

    def _idle(self, now: float) -> None:
        """What is due when the line has been quiet."""
        quiet = now - self._heard
        unsent = len(self._understanding.unsent)
        if unsent and (quiet >= QUIET_S or unsent >= MOST_UNTOLD):
            self._understanding.tell()
        elif self._connecting is not None and quiet >= CONNECT_S:
            self._printer_away(f"does not answer at {self._forward}")
        elif self._guest is not None and quiet >= GUEST_SILENT_S:
            self._warn(f"a slip had its turn and did nothing with it for {GUEST_SILENT_S:.0f} s; the POS goes on")
            self._end_turn(hard=True)
        elif self._pos_done and quiet >= LINGER_S:
            self._hang_up(hard=False)
        elif not self._silence_told and quiet >= SILENCE_S:
            self._silence_told = True
            self._understanding.tell(b"s")

    def _warn(self, what: str) -> None:
        self._understanding.say(b"w" + f"{self._name}: {what}".encode())

    # ------------------------------------------------------------ the POS

    def _accept(self) -> None:
        if self._server is None:
            return
        try:
            link, (address, *_) = self._server.accept()
        except OSError:  # it was gone before we came
            return
        if self._options["peer"] and address != self._options["peer"]:
            self._warn(f"a connection from {address} was refused; `peer` allows only {self._options['peer']}")
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
            self._understanding.take(raw)
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
            self._understanding.say(b"i" + f"{self._name}: no turn: {trouble}".encode())

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
            self._understanding.tell(b"c")
        self._clear()


def _carry(agent: socket.socket) -> None:
    agent.settimeout(AGENT_S)
    if not (first := agent.recv(LONGEST)):
        return
    told = json.loads(first)
    try:
        relay = Relay(told["name"], told["options"], agent)
    except (DeviceError, SettingsError) as trouble:
        agent.send(trouble_word(trouble))
        return
    try:
        while relay.turn():
            continue
    except DeviceError as trouble:
        relay.close(trouble)
    else:
        relay.close()


def main(words: list[str]) -> int:
    """Entry point; returns the exit code."""
    if len(words) != 1 or not words[0].isdigit():
        sys.stderr.write("usage: python -m drivers.doors.relay FD   (started by a capture printer, not by hand)\n")
        return 2
    with suppress(PermissionError):  # ahead of everything that computes: it never does (the unit's LimitRTPRIO=1 allows it)
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    for stop in (signal.SIGTERM, signal.SIGINT):  # sent to all of a service at once; the agent first says its own last words
        signal.signal(stop, signal.SIG_IGN)
    with socket.socket(fileno=int(words[0])) as agent:
        _carry(agent)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
