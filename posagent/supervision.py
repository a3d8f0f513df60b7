"""Owns what systemd is told of the running agent: that every lane still moves (the watchdog), and how things are, in one line (STATUS).

The dispatcher calls `Supervision.turn` whenever it comes round, so a dispatcher that hangs says nothing, and systemd restarts the agent.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from posagent import service
from posagent.board import Board, DeviceState

_log = logging.getLogger(__name__)

STATUS_S = 1.0
"""At most one line a second."""
PRINTER_SILENT_S = 120
"""A printer's loop reports every 5 s and between two slips; no slip and no wait for a printer's answer takes as long as this."""
WRITER_SILENT_S = 10.0
CLOUD_SILENT_S = 1200
"""The lane waits for a quarter of an hour at most, and no exchange takes longer than a minute."""

_SHORT = {
    "E200": "has an error", "E201": "paper low", "E210": "paper out", "E211": "cover open", "E212": "cutter jammed", "E213": "offline",
    "E214": "not connected", "E215": "gives no status", "E216": "one slip in doubt", "E217": "too hot", "E218": "held by another program",
    "E301": "not connected", "E302": "held by another program", "E303": "no permission", "E304": "does not answer", "E305": "reader restarting",
    "E307": "cannot be used", "E308": "not set up", "E310": "sees only darkness", "E311": "picture stands still",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Facts:
    """What a status line is made of. ``oldest_s``: age of the oldest event that waits; ``link`` "none": this register has no head office."""

    devices: Collection[DeviceState]
    worst: DeviceState | None
    pending: int = 0
    oldest_s: int | None = None
    link: Literal["online", "offline", "unknown", "none"] = "none"
    journal: Literal["ok", "degraded", "failed"] = "ok"
    rules: bool = True


def status_line(facts: Facts) -> str:
    """At most 120 characters, without anything that names a member or a sale::

        ok 2/2 devices, queue 0, cloud ok
        DEGRADED printer-1 paper out, queue 14 (oldest 6m), cloud offline
    """
    good = sum(device.state in {"ready", "unknown"} for device in facts.devices)
    troubles = [f"journal {facts.journal}"] if facts.journal != "ok" else []
    troubles += ["no rules in force"] if not facts.rules else []
    if facts.worst is not None:
        more = sum(bool(device.code) and device.state != "ready" for device in facts.devices) - 1
        troubles.append(f"{facts.worst.name} {_SHORT.get(facts.worst.code, facts.worst.code)}" + (f" and {more} more" if more > 0 else ""))
    parts = [f"DEGRADED {', '.join(troubles)}" if troubles else f"ok {good}/{len(facts.devices)} devices"]
    if facts.link != "none":
        waits = f" (oldest {_age(facts.oldest_s)})" if facts.pending and facts.oldest_s is not None else ""
        parts += [f"queue {facts.pending}{waits}", f"cloud {'ok' if facts.link == 'online' else facts.link}"]
    return ", ".join(parts)[:120]


def _age(seconds: int) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{max(0, seconds)}s"


class Supervision:
    """``look`` gathers the facts; each of ``checks`` returns why its lane is stuck, or "". ``mend`` is done first, systemd or not."""

    def __init__(self, look: Callable[[], Facts], checks: Sequence[Callable[[], str]], mend: Callable[[], None] = lambda: None) -> None:
        self._look, self._checks, self._mend = look, tuple(checks), mend
        self._period = service.watchdog_period_s()
        self._listened_to = bool(os.environ.get("NOTIFY_SOCKET"))
        self._fed_at = self._told_at = float("-inf")
        self._told = self._stuck = ""

    @property
    def wait_s(self) -> float:
        """How long the dispatcher may sleep at most."""
        return self._period or float("inf")

    def line(self) -> str:
        """The status line now."""
        return status_line(self._look())

    def stuck(self) -> str:
        """Which lane does not move, and why; "" when all do."""
        return next((why for check in self._checks if (why := check())), "")

    def turn(self) -> None:
        """The dispatcher comes round: what is due is mended and told. Never raises."""
        self._mend()
        if not self._listened_to:
            return
        now = time.monotonic()
        if self._period and now - self._fed_at >= self._period:
            self._feed(now)
        if now - self._told_at >= STATUS_S:
            self._told_at = now
            line = f"STUCK {self._stuck}"[:120] if self._stuck else self.line()
            if line != self._told:
                self._told = line
                service.notify(STATUS=line)

    def _feed(self, now: float) -> None:
        why = self.stuck()
        if why != self._stuck:
            self._stuck = why
            if why:
                _log.critical("the watchdog is not fed: %s; systemd restarts posagent, nothing that was recorded is lost", why)
        if not why:
            self._fed_at = now
            service.notify(WATCHDOG="1")


def printers_check(board: Callable[[], Board]) -> Callable[[], str]:
    """A printer's loop is never replaced beside its hanging self, which might still send half a slip: a restart of the process is the way.
    A scanner's is given up for a process (`posagent.hanging`); any other device's is only shown as silent, and the till goes on without it."""

    def check() -> str:
        limit = time.monotonic_ns() - PRINTER_SILENT_S * 1_000_000_000
        silent = (device for device in board().devices.values() if device.kind == "printer" and 0 < device.beat_ns < limit)
        return next((f"the loop of printer {device.name} has not moved for {PRINTER_SILENT_S} s" for device in silent), "")

    return check


def journal_check(state: Callable[[], str], busy_s: Callable[[], float]) -> Callable[[], str]:
    """The journal's writer: it must neither have given up nor hang in the disk."""

    def check() -> str:
        if state() == "failed":
            return "the journal takes no more"
        return f"the disk has not answered the journal for {WRITER_SILENT_S:.0f} s" if busy_s() > WRITER_SILENT_S else ""

    return check


def cloud_check(moved_ns: Callable[[], int | None]) -> Callable[[], str]:
    """The lane to head office; ``moved_ns``: when it last came round, None where there is none."""

    def check() -> str:
        moved = moved_ns()
        silent = moved is not None and time.monotonic_ns() - moved > CLOUD_SILENT_S * 1_000_000_000
        return f"the lane to head office has not moved for {CLOUD_SILENT_S // 60} minutes" if silent else ""

    return check
