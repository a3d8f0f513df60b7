"""A virtual printer on a table: a clock that is moved by hand, and a host that sends with patience."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from virtual_counter.clock import ManualClock
from virtual_counter.link import Link
from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import T3_80, PrinterProfile

INIT = bytes.fromhex("1B40 1C4301 1B5208 1B7401 1C2E")
CUT = bytes.fromhex("1D564200")


class Bench:
    """One printer, its clock and one host."""

    def __init__(self, profile: PrinterProfile = T3_80) -> None:
        self.clock = ManualClock()
        self.printer = VirtualPrinter(profile, self.clock)
        self.link: Link = self.printer.connect()

    def send(self, data: bytes) -> None:
        """Sends everything; time passes while the printer's buffer is full. Fails when the printer takes nothing for a minute."""
        waited = 0
        while data:
            taken = self.link.send(data)
            data = data[taken:]
            if data:
                self.clock.advance(0.02)
                waited = 0 if taken else waited + 1
                assert waited < 3000, "the printer takes nothing more"

    def ask(self, data: bytes, seconds: float = 0.0) -> bytes:
        """Sends, lets time pass and returns what came back."""
        self.send(data)
        self.clock.advance(seconds)
        return self.link.receive()

    def print(self, data: bytes) -> None:
        """Sends and waits until it is on paper."""
        self.send(data)
        self.clock.advance(60)

    @property
    def lines(self) -> list[str]:
        """All text on all paper."""
        return [line for slip in self.printer.slips() for line in slip.lines]


@pytest.fixture
def bench() -> Callable[..., Bench]:
    """Sets up a bench for a profile."""
    return Bench
