"""Owns what is kept for the technician's page: test mode and its scans, how scanners fare, what printers said, the cameras' last pictures.

In memory only, and for this run only: test mode is off after a restart. Each table is written by one thread (scans: the dispatcher; reports:
the printer's loop; pictures: the camera's loop) by whole values, and read by the HTTP server's threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from posagent.explained import explained
from posagent.member_code import Rule
from posagent.ports import Scan
from posagent.print_lane import PrinterReport

if TYPE_CHECKING:
    from posagent.door_room import Doors

TEST_S = 120.0
"""Test mode ends by itself: a technician who walks away does not leave a till that takes no cards."""


@dataclass(frozen=True, slots=True)
class Reads:
    """What one scanner has read in this run."""

    good: int = 0
    damaged: int = 0
    why: str = ""  # of the last damaged one, in English
    damaged_at: str = ""


@dataclass(frozen=True, slots=True)
class TestScan:
    """A scan in test mode. ``told`` as `posagent.explained.explained`; {} for a damaged one, which has no text."""

    __test__ = False  # not a test of ours, whatever pytest thinks of its name
    at: str
    told: Mapping[str, Any]
    why: str = ""  # damaged: why


@dataclass(frozen=True, slots=True)
class Picture:
    """A camera's last preview (`posagent.remote.Preview`)."""

    at_ns: int
    fields: Mapping[str, Any]


class Workbench:
    """One for each agent."""

    def __init__(self) -> None:
        self.reads: dict[str, Reads] = {}
        self.scans: dict[str, TestScan] = {}
        self.printers: dict[str, PrinterReport] = {}
        self.pictures: dict[str, Picture] = {}
        self.watch: dict[str, Callable[[str, float], None]] = {}
        """Cameras by name, and how to ask each for pictures: (device, seconds)."""
        self.doors: Doors | None = None
        """The sale doors, where there are any."""
        self._test_until = 0.0  # monotonic; 0: off

    # ------------------------------------------------------------ test mode, from any thread

    @property
    def testing_s(self) -> float:
        """How long test mode still lasts; 0 when it is off."""
        return max(0.0, self._test_until - time.monotonic())

    def test(self, *, on: bool) -> None:
        """Switches test mode; on again begins anew."""
        if on and not self.testing_s:
            self.scans = {}
        self._test_until = time.monotonic() + TEST_S if on else 0.0

    def ran_out(self) -> bool:
        """Whether test mode has just ended by itself; True once."""
        over = bool(self._test_until) and not self.testing_s
        if over:
            self._test_until = 0.0
        return over

    # ------------------------------------------------------------ the loops

    def took(self, device: str, scan: Scan, codes: Sequence[Rule]) -> bool:
        """Counts a scan. True in test mode: it is explained here and must not reach the counter. Called by the dispatcher."""
        at = datetime.now().astimezone().isoformat(timespec="milliseconds")
        before = self.reads.get(device, Reads())
        whole = scan.quality == "ok"
        now = replace(before, good=before.good + 1) if whole else replace(before, damaged=before.damaged + 1, why=scan.reason, damaged_at=at)
        self.reads = {**self.reads, device: now}
        if not self.testing_s:
            return False
        told = TestScan(at, explained(scan.text, scan.aim, codes)) if whole else TestScan(at, {}, scan.reason)
        self.scans = {**self.scans, device: told}
        return True

    def printer_said(self, report: PrinterReport) -> None:
        """Called by a printer's loop on every change."""
        self.printers = {**self.printers, report.printer: report}

    def saw(self, device: str, fields: Mapping[str, Any]) -> None:
        """Called by the camera's loop with each preview."""
        self.pictures = {**self.pictures, device: Picture(time.monotonic_ns(), fields)}
