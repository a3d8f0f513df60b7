"""Owns the driver `captured-printer`: our slips on the printer that the POS prints on, each in a turn of its own.

The printer belongs to the capture printer alone (`drivers.doors.capture_printer`); this one asks it for a turn, prints one slip with all of
its proof, and gives the turn back. A slip that stands still for paper keeps it: the POS could not print either, and its next receipt must
not be torn off with half of a coupon. Between slips the printer is asked how it is only now and then, so as not to be in the POS's way.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

from drivers.doors.slip_turn import take_turn
from drivers.escpos.link import DescriptorLink
from drivers.escpos.printer import EscposPrinter
from drivers.escpos.records import TCP, kind_of
from posagent.ports import Capabilities, Driver, Evidence, Option, Options, Outcome, Printer, PrinterStatus, Ticket

LOOK_S = 5.0
"""The printer's state is at most this old between slips."""
SHORT_TURN_S = 0.3
WAIT_S = 5.0
"""A slip waits so long for its turn before it is told that the printer is in use."""


class CapturedPrinter:
    """See `posagent.ports.Printer`."""

    def __init__(self, name: str, options: Options) -> None:
        self._name, self._options = name, options
        self._inner: EscposPrinter | None = None  # while we have the turn
        self._capabilities = Capabilities(0)
        self._status = PrinterStatus()
        self._looked = -LOOK_S

    @property
    def capabilities(self) -> Capabilities:
        """As far as the last slip has shown."""
        return self._inner.capabilities if self._inner is not None else self._capabilities

    def status(self, timeout_s: float) -> PrinterStatus:
        """What the printer said last; asked again where that is old and the POS is not printing."""
        if time.monotonic() - self._looked >= LOOK_S and (printer := self._turn(min(timeout_s, SHORT_TURN_S))):
            try:
                self._status = printer.status(timeout_s)
                self._looked = time.monotonic()
            finally:
                self._give_back()
        return self._status

    def print(self, ticket: Ticket, sending: Callable[[Evidence], None], timeout_s: float) -> Outcome:
        """See the port. Held ("offline") while the POS prints."""
        begun = time.monotonic()
        printer = self._turn(min(timeout_s, WAIT_S))
        if printer is None:
            return Outcome("held", reason="offline")
        return self._settled(lambda: printer.print(ticket, sending, begun + timeout_s - time.monotonic()))

    def resolve(self, ticket: Ticket, before: Evidence, timeout_s: float) -> Outcome:
        """See the port. While the POS prints nobody can be asked, and the attempt waits."""
        begun = time.monotonic()
        printer = self._inner or self._turn(min(timeout_s, WAIT_S) / 2)
        if printer is None:
            return Outcome("unknown", reason="offline", evidence=before, waiting=True)
        return self._settled(lambda: printer.resolve(ticket, before, begun + timeout_s - time.monotonic()))

    def close(self) -> None:
        """See the port."""
        self._give_back()

    def _settled(self, work: Callable[[], Outcome]) -> Outcome:
        """Gives the turn back, unless the slip is still on its way."""
        keeps = False
        try:
            outcome = work()
            keeps = outcome.waiting
        finally:
            if not keeps:
                self._give_back()
        return outcome

    def _turn(self, wait_s: float) -> EscposPrinter | None:
        """The printer itself, while nobody else prints on it."""
        if self._inner is None and (line := take_turn(self._name, self._options["turns"], wait_s)):
            self._inner = EscposPrinter(self._name, _link(self._name, line, self._options["own_network"]), *kind_of(self._options))
        return self._inner

    def _give_back(self) -> None:
        if self._inner is not None:
            self._capabilities = self._inner.capabilities if self._inner.capabilities.tier else self._capabilities
            self._inner.close()
            self._inner = None


def _link(name: str, line: socket.socket, own_network: bool) -> DescriptorLink:
    return DescriptorLink(name, line.fileno(), line.close, session_proves_power=own_network)


def _open(name: str, options: Options) -> Printer:
    return CapturedPrinter(name, options)


_KIND = ("dialect", "paper_mm", "width_dots", "rom")
DRIVER = Driver(
    name="captured-printer",
    kind="printer",
    title="the printer behind a capture printer: our slips between two receipts of the POS",
    maturity="experimental",
    source=TCP.source,
    options={
        "turns": Option(str, "the socket that `slips` of the sale door names", required=True),
        "own_network": Option(
            bool, "the capture printer forwards to the printer's own network socket, which falls with its power (not USB or serial)", False
        ),
        **{name: option for name, option in TCP.options.items() if name in _KIND},
    },
    open=_open,
    preview=TCP.preview,
)
