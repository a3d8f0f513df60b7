"""Owns virtual printers with the real driver on the other end, on real lines or in virtual time, and a small coupon to print on them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal, assert_never

from virtual_line import Kind, VirtualClock, Wire

from drivers.escpos.dialects import DIALECTS
from drivers.escpos.link import Link
from drivers.escpos.link_serial import open_serial
from drivers.escpos.link_tcp import open_tcp
from drivers.escpos.link_usb import open_usb
from drivers.escpos.printer import EscposPrinter
from drivers.escpos.session import Patience
from posagent.print_lane import POLL_S, PRINT_S, REOPEN_S, SLICE_S
from posagent.slip_texts import Head, coupon_slip
from posagent.slips import Slip
from virtual_counter.clock import RealClock
from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import PrinterProfile
from virtual_counter.pty_port import serve_pty
from virtual_counter.tcp import PrinterServer, serve_tcp
from virtual_counter.usb_backend import UsbBus, UsbPrinter

Line = Literal["tcp", "usb", "rtscts", "xonxoff"]
LINES: tuple[Line, ...] = ("tcp", "usb", "rtscts", "xonxoff")
BYTE_RATE = 384_000
"""38,400 baud, as fast as the printers on it."""
SPEED = 100
"""Virtual printers live so many times as fast as real ones."""
QUICK = Patience(answer_s=0.06, rows_per_s=20_000, proof_extra_s=0.25, alive_s=0.06, settle_s=0.08, idle_s=0.12, resume_s=0.1, silence_s=2.0)
DIALECT_OF = {"t1-gb18030": "clone", "t0-58": "clone58", "t1-seiko": "seiko", "t3-80-180dpi": "epson180"}


def small_coupon(number: int = 1, **changes: object) -> Slip:
    """A short coupon with a QR code, whose serial is of this number."""
    head = Head(f"S01-R1-20261122-{number}", "珈琲みなと", "R1", datetime(2026, 11, 22, 10, 31, tzinfo=UTC))
    slip = coupon_slip(head, benefit="100円引き", last_day=date(2026, 12, 31), code=f"CPN-{number:06}")
    return replace(slip, **changes)  # type: ignore[arg-type]


class Counter:
    """A virtual printer on a real line (a socket, a pty, a bus of USB devices) and what opens it."""

    pauses = (1.5, 0.3, 0.01, 0.01)  # print_s, slice_s, poll_s, reopen_s for a worker

    def __init__(
        self, profile: PrinterProfile, patience: Patience = QUICK, speed: float = SPEED, line: Line = "tcp", folder: Path | None = None
    ) -> None:
        self.profile = profile
        self.paper = VirtualPrinter(profile, RealClock(speed))
        self.patience = patience
        self._line = line
        if line == "tcp":
            self.server: PrinterServer = serve_tcp(self.paper)
        elif line == "usb":
            self._bus = UsbBus([UsbPrinter(self.paper)])
        else:
            assert folder is not None
            self._node = folder / "printer"
            self._port = serve_pty(self.paper, self._node, byte_rate=BYTE_RATE, flow="xonxoff" if line == "xonxoff" else "rts")

    def open(self) -> EscposPrinter:
        """A driver on a new connection. Raises DeviceError."""
        return driver_on(self._link(), self.profile, self.patience, BYTE_RATE if self._line in {"rtscts", "xonxoff"} else 0)

    def _link(self) -> Link:
        match self._line:
            case "tcp":
                return open_tcp("front printer", *self.server.address, 0.5)
            case "usb":
                return open_usb("front printer", 0x04B8, 0x0202, "", "", backend=self._bus)
            case "rtscts" | "xonxoff":
                return open_serial("front printer", str(self._node), 115_200, self._line)
            case _:
                assert_never(self._line)

    def settle(self) -> None:
        """Until the printer has nothing more to do (or stands still)."""
        for _ in range(400):
            if self.paper.idle or not self.paper.state()["online"]:
                return
            self.paper.wait(0.02)

    def rest(self, seconds: float) -> None:
        """What a worker does while there is nothing to do: here it is not waited for."""

    def stop(self) -> None:
        """Ends the server."""
        if self._line == "tcp":
            self.server.stop()
        elif self._line != "usb":
            self._port.stop()


class TimelessCounter:
    """The same in virtual time, with the driver's own patience and a printer of real speed."""

    pauses = (PRINT_S, SLICE_S, POLL_S, REOPEN_S)

    def __init__(self, profile: PrinterProfile, kind: Kind, bytes_per_s: int = 0) -> None:
        self.profile = profile
        self.clock = VirtualClock()
        self.paper = VirtualPrinter(profile, self.clock)
        self.wire = Wire(self.paper, self.clock, kind, bytes_per_s)

    def open(self) -> EscposPrinter:
        """A driver on a new connection. Raises DeviceError."""
        return driver_on(self.wire.open(), self.profile, Patience(), self.wire.bytes_per_s)

    def settle(self) -> None:
        """Until the printer has nothing more to do (or stands still)."""
        for _ in range(400):
            if self.paper.idle or not self.paper.state()["online"]:
                return
            self.rest(1.0)

    def rest(self, seconds: float) -> None:
        """Lets time pass."""
        self.clock.move_to(self.clock.now() + seconds)

    def stop(self) -> None:
        """Nothing runs."""


def driver_on(link: Link, profile: PrinterProfile, patience: Patience, bytes_per_s: int) -> EscposPrinter:
    """The driver as the settings for this kind of printer would make it."""
    dialect = DIALECTS[DIALECT_OF.get(profile.name, "epson")]
    if not profile.status:
        dialect = replace(dialect, asks=False)
    shape = replace(dialect.wide, width_dots=profile.width_dots, dpi=profile.dpi)
    return EscposPrinter("front printer", link, dialect, shape, patience=patience, bytes_per_s=bytes_per_s)
