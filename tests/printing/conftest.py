"""Owns what the print tests share: virtual printers on a socket, drivers on them, and schedules of faults with an oracle that reads the paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from drivers.escpos.dialects import DIALECTS
from drivers.escpos.link_tcp import open_tcp
from drivers.escpos.printer import EscposPrinter
from drivers.escpos.session import Patience
from offline_queue.journal import Journal
from posagent.slip_texts import Head, coupon_slip
from posagent.slips import Slip
from virtual_counter.clock import RealClock
from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import PROFILES, PrinterProfile
from virtual_counter.tcp import PrinterServer, serve_tcp

SPEED = 100
"""Virtual printers live so many times as fast as real ones."""
QUICK = Patience(answer_s=0.06, proof_extra_s=0.25, alive_s=0.06, settle_s=0.08, idle_s=0.12)
DIALECT_OF = {"t1-gb18030": "clone", "t0-58": "clone58", "t1-seiko": "seiko", "t3-80-180dpi": "epson180", "t0-80": "clone58"}


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
        shape = replace(dialect.wide, width_dots=self.profile.width_dots, dpi=self.profile.dpi)
        link = open_tcp("front printer", *self.server.address, 0.5)
        return EscposPrinter("front printer", link, dialect, shape, patience=self.patience)

    def settle(self) -> None:
        """Until the printer has nothing more to do (or stands still)."""
        for _ in range(400):
            if self.paper.idle:
                return
            self.paper.wait(0.02)

    def stop(self) -> None:
        """Ends the server."""
        self.server.stop()


@pytest.fixture
def counter() -> Iterator[Callable[..., Counter]]:
    """Makes counters with a printer of a profile, by its name or as a record."""
    made: list[Counter] = []

    def make(profile: str | PrinterProfile = "t3-80", **options: object) -> Counter:
        one = Counter(PROFILES[profile] if isinstance(profile, str) else profile, **options)  # type: ignore[arg-type]
        made.append(one)
        return one

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty journal."""
    opened = Journal.open(tmp_path / "journal", source="/t/acme/s/01/r/1", reserve_mb=0)
    yield opened
    opened.close()
