"""Owns virtual time: a clock that only waiting moves, and lines of every kind between the real driver and a virtual printer.

Everything happens in one thread. A driver that waits moves the clock to the next thing that happens, so an hour of printing takes
milliseconds, a seed tells the same story on every machine, and whether a call outlives its deadline is exact however busy the machine is.

    tcp      16 kB in the kernel; a reset tells that the printer is gone, or nothing does for TCP_USER_TIMEOUT; what was taken arrives
             after closing, too
    usb      nothing between us and the printer; a pulled plug is seen at once
    serial   4 kB in the kernel, 960 to 11,520 bytes a second; knows nothing of power or of the other plug; an input that the host
             opens is flushed
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from drivers.escpos.link_tcp import USER_TIMEOUT_MS
from posagent.errors import DeviceMissing
from virtual_counter.link import Link as PrinterEnd
from virtual_counter.printer import VirtualPrinter

Kind = Literal["tcp", "usb", "serial"]
KINDS: tuple[Kind, ...] = ("tcp", "usb", "serial")
_KERNEL = {"tcp": 16_384, "usb": 0, "serial": 4096}
_LEAP_S = 0.25
"""The longest leap, so that whoever listens to the clock (the printer, a clerk) is never much too late."""


class VirtualClock:
    """Device time and driver time in one; see `virtual_counter.clock.Clock`."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[], None]] = []
        self._now = 1000.0

    def now(self) -> float:
        """Seconds."""
        return self._now

    def real_seconds(self, device_seconds: float) -> float | None:
        """All time is the same time."""
        return device_seconds

    def move_to(self, moment: float) -> None:
        """In leaps that let every listener catch up."""
        while self._now < moment:
            self._now = min(moment, self._now + _LEAP_S)
            for listener in tuple(self.listeners):
                listener()


@dataclass(eq=False)
class Wire:
    """What lies between the host and one printer, whoever opens it. ``under_way``: taken by the host's kernel, not by the printer yet."""

    printer: VirtualPrinter
    clock: VirtualClock
    kind: Kind
    bytes_per_s: int = 0
    under_way: bytes = b""
    stuck_since: float = 0.0

    def open(self) -> VirtualLine:
        """Raises DeviceError as the real ones do."""
        state = self.printer.link_state
        if self.kind == "serial":
            return VirtualLine(self, None)
        if state != "up":
            self.under_way = b""
            if self.kind == "tcp" and state == "silent":
                self.clock.move_to(self.clock.now() + 3.0)
            raise DeviceMissing(f"front printer: {state}", code="E214")
        return VirtualLine(self, self.printer.connect())


class VirtualLine:
    """See `drivers.escpos.link.Link`."""

    speaks = True

    def __init__(self, wire: Wire, end: PrinterEnd | None) -> None:
        self.session_proves_power = wire.kind != "serial"
        self._wire, self._end = wire, end
        self._clocked_out = wire.clock.now()

    def now(self) -> float:
        """See Link."""
        return self._wire.clock.now()

    def write(self, body: bytes, deadline: float) -> int:
        """See Link."""
        wire, done = self._wire, 0
        while True:
            try:
                self._carry()
                if wire.kind == "usb":
                    done += self._send(body[done:])
                else:
                    part = body[done : done + _KERNEL[wire.kind] - len(wire.under_way)]
                    if not wire.under_way:
                        wire.stuck_since = self._clocked_out = self.now()
                    wire.under_way += part
                    done += len(part)
                    self._carry()
            except DeviceMissing:
                if done:
                    return done
                raise
            if done == len(body) or not self._wait(deadline):
                return done

    def read(self, deadline: float) -> bytes:
        """See Link."""
        while True:
            self._carry()
            if self._end is not None and (found := self._end.receive(4096)):
                return found
            if not self._wait(deadline):
                return b""

    def unsent(self) -> int | None:
        """See Link."""
        return len(self._wire.under_way)

    def port_status(self) -> int | None:
        """See Link."""
        if self._wire.kind != "usb" or self._wire.printer.link_state != "up":
            return None
        state = self._wire.printer.state()
        return 0x20 * state["paper_end"] | 0x10 | 0x08 * state["online"]

    def close(self) -> None:
        """See Link: what the kernel has taken stays on its way."""
        if self._end is not None:
            self._end.close()

    # ---------------------------------------------------------------- the wire

    def _wait(self, deadline: float) -> bool:
        """Lets time pass until something may have changed; False when the time is over."""
        clock = self._wire.clock
        if clock.now() >= deadline:
            return False
        due = self._wire.printer.due_in_s()
        pause = _LEAP_S if due is None else max(due, 0.0005)
        if self._wire.under_way:
            pause = min(pause, 0.02)
        clock.move_to(min(deadline, clock.now() + pause))
        return True

    def _carry(self) -> None:
        """Moves on what is under way. Raises DeviceMissing when this kind of line would know that the other end is gone."""
        wire, state = self._wire, self._wire.printer.link_state
        if wire.kind == "serial":
            self._carry_slowly()
        elif state == "silent" and wire.kind == "tcp":
            if wire.under_way and self.now() - wire.stuck_since >= USER_TIMEOUT_MS / 1000:
                wire.under_way = b""
                raise DeviceMissing("front printer: timed out", code="E214")
        elif self._end is None or not self._end.alive or state != "up":
            wire.under_way = b""
            raise DeviceMissing("front printer: gone", code="E214")
        elif wire.under_way:
            wire.under_way = wire.under_way[self._send(wire.under_way) :]
            wire.stuck_since = self.now()

    def _carry_slowly(self) -> None:
        wire, printer = self._wire, self._wire.printer
        if self._end is not None and not self._end.alive:
            self._end = None
        if self._end is None and printer.link_state == "up":
            self._end = printer.connect()
        most = int((self.now() - self._clocked_out) * wire.bytes_per_s)
        if not wire.under_way or most <= 0:
            return
        taken = min(most, len(wire.under_way)) if self._end is None else self._send(wire.under_way[:most])
        wire.under_way = wire.under_way[taken:]
        self._clocked_out = self.now()

    def _send(self, part: bytes) -> int:
        """To the printer; nothing when the line went down in this moment: the next look says so."""
        try:
            return 0 if self._end is None else self._end.send(part)
        except BrokenPipeError:
            return 0
