"""Owns printing through a CUPS queue: the last resort, where another program must keep the printer.

CUPS answers "taken", never "printed", and may print late or twice; so everything here is at best assumed. The queue must be raw.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable

from drivers.escpos.dialects import Dialect
from drivers.escpos.encoder import RESET, encode
from drivers.escpos.paper import Paper, Unprintable
from posagent.errors import DeviceError, DeviceMissing, DeviceTimeout
from posagent.ports import Capabilities, Evidence, Outcome, PrinterStatus, Ticket


class CupsPrinter:
    """See `posagent.ports.Printer`."""

    capabilities = Capabilities(0)

    def __init__(self, name: str, queue: str, dialect: Dialect, paper: Paper, *, command: str = "lp") -> None:
        self._name, self._queue, self._dialect, self._paper, self._command = name, queue, dialect, paper, command

    def status(self, timeout_s: float) -> PrinterStatus:
        """CUPS calls a printer idle that has been switched off: nothing is known."""
        return PrinterStatus()

    def print(self, ticket: Ticket, sending: Callable[[Evidence], None], timeout_s: float) -> Outcome:
        """Hands the slip to the queue."""
        try:
            encoded = encode(ticket.slip, self._dialect, self._paper)
        except Unprintable as wrong:
            return Outcome("refused", reason=str(wrong))
        stream = RESET + encoded.stream
        evidence = Evidence(len(stream), 0, None, 0)
        sending(evidence)
        handed = Evidence(len(stream), len(stream), None, 0)
        words = [self._command, "-d", self._queue, "-o", "raw", "-t", ticket.slip.serial]
        end = time.monotonic() + timeout_s
        try:
            done = subprocess.run(words, input=stream, capture_output=True, timeout=max(end - time.monotonic(), 0.1), check=False)
        except subprocess.TimeoutExpired:
            return Outcome("unknown", reason="CUPS did not answer", evidence=handed)
        except FileNotFoundError:
            return Outcome("not_printed", reason=f"the command {self._command} is missing; install cups-client", evidence=evidence)
        if done.returncode:
            return Outcome("not_printed", reason=done.stderr.decode("utf-8", "replace").strip()[:200], evidence=evidence)
        sending(handed)
        return Outcome("printed", "assumed", "taken by CUPS", handed, warnings=encoded.warnings)

    def resolve(self, ticket: Ticket, before: Evidence, timeout_s: float) -> Outcome:
        """CUPS cannot say."""
        return Outcome("unknown", reason="CUPS cannot say", evidence=before)

    def close(self) -> None:
        """Nothing is open."""


def open_cups(name: str, queue: str, dialect: Dialect, paper: Paper, timeout_s: float) -> CupsPrinter:
    """Checks that the queue is there. Raises DeviceError."""
    try:
        seen = _lpstat(["-p", queue], timeout_s)
        running = seen.returncode == 0 or b"not running" not in _lpstat(["-r"], timeout_s).stdout
    except FileNotFoundError:
        words = "CUPS is not installed here (lpstat is missing); use escpos-lp, escpos-tcp or escpos-serial"
        raise DeviceMissing(f"{name}: {words}", code="E214") from None
    except subprocess.TimeoutExpired:
        raise DeviceTimeout(f"{name}: CUPS does not answer; check the service cups", code="E213") from None
    if not running:
        raise DeviceMissing(f"{name}: CUPS does not run; start the service cups", code="E214")
    if seen.returncode:
        why = seen.stderr.decode("utf-8", "replace").strip()[:200]
        raise DeviceError(f"{name}: CUPS has no queue {queue} ({why}); make a raw queue of that name", code="E214")
    return CupsPrinter(name, queue, dialect, paper)


def _lpstat(words: list[str], timeout_s: float) -> subprocess.CompletedProcess[bytes]:
    """In plain English, whatever the register speaks."""
    return subprocess.run(["lpstat", *words], capture_output=True, timeout=timeout_s, check=False, env={**os.environ, "LC_ALL": "C"})
