"""Owns virtual printers on a socket with the real driver on the other end, and a small coupon to print on them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from drivers.escpos.dialects import DIALECTS
from drivers.escpos.link_tcp import open_tcp
from drivers.escpos.printer import EscposPrinter
from drivers.escpos.session import Patience
from posagent.slip_texts import Head, coupon_slip
from posagent.slips import Slip
from virtual_counter.clock import RealClock
from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import PrinterProfile
from virtual_counter.tcp import PrinterServer, serve_tcp

SPEED = 100
"""Virtual printers live so many times as fast as real ones."""
QUICK = Patience(answer_s=0.06, rows_per_s=20_000, proof_extra_s=0.25, alive_s=0.06, settle_s=0.08, idle_s=0.12)
DIALECT_OF = {"t1-gb18030": "clone", "t0-58": "clone58", "t1-seiko": "seiko", "t3-80-180dpi": "epson180"}


def small_coupon(number: int = 1, **changes: object) -> Slip:
    """A short coupon with a QR code, whose serial is of this number."""
    head = Head(f"S01-R1-20261122-{number}", "珈琲みなと", "R1", datetime(2026, 11, 22, 10, 31, tzinfo=UTC))
    slip = coupon_slip(head, benefit="100円引き", last_day=date(2026, 12, 31), code=f"CPN-{number:06}")
    return replace(slip, **changes)  # type: ignore[arg-type]


class Counter:
    """A virtual printer on a socket and what opens it."""

    def __init__(self, profile: PrinterProfile, patience: Patience = QUICK, speed: float = SPEED) -> None:
        self.profile = profile
        self.paper = VirtualPrinter(profile, RealClock(speed))
        self.server: PrinterServer = serve_tcp(self.paper)
        self.patience = patience

    def open(self) -> EscposPrinter:
        """A driver on a new connection. Raises DeviceError."""
        dialect = DIALECTS[DIALECT_OF.get(self.profile.name, "epson")]
        if not self.profile.status:
            dialect = replace(dialect, asks=False)
        shape = replace(dialect.wide, width_dots=self.profile.width_dots, dpi=self.profile.dpi)
        link = open_tcp("front printer", *self.server.address, 0.5)
        return EscposPrinter("front printer", link, dialect, shape, patience=self.patience)

    def settle(self) -> None:
        """Until the printer has nothing more to do (or stands still)."""
        for _ in range(400):
            if self.paper.idle or not self.paper.state()["online"]:
                return
            self.paper.wait(0.02)

    def stop(self) -> None:
        """Ends the server."""
        self.server.stop()
