"""Owns what is known of every device: state, since when, and what to do. The dispatcher writes; readers see whole snapshots."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from posagent.ports import Kind

DeviceWord = Literal["opening", "ready", "held", "gone", "unknown"]
"""opening: on its way; ready: works; held: waits for a person (paper, cover); gone: cannot be used, being reopened;
unknown: it does not say how it is (a printer without status)."""

STALE_AFTER_S = 30


@dataclass(frozen=True, slots=True)
class DeviceState:
    """The last word on one device. ``code`` is a key of the message catalogue, "" when all is well; ``detail`` is English for technicians."""

    name: str
    kind: Kind
    driver: str
    state: DeviceWord = "opening"
    code: str = ""
    detail: str = ""
    as_of_ns: int = 0  # monotonic: the last success, or the moment trouble was noticed
    beat_ns: int = 0  # monotonic: the last sign of life of the loop that owns it

    def is_stale(self, now_ns: int) -> bool:
        """Whether the loop that owns it has been silent for too long, whatever its last word was."""
        return now_ns - self.beat_ns > STALE_AFTER_S * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Reported:
    """A device loop's report to the dispatcher."""

    name: str
    state: DeviceWord
    code: str = ""
    detail: str = ""


class Board:
    """All devices by name."""

    def __init__(self, devices: Mapping[str, DeviceState]) -> None:
        self.devices = dict(devices)

    def take(self, report: Reported) -> tuple[DeviceState, bool]:
        """Notes a report; (the new state, whether anything but time changed)."""
        now = time.monotonic_ns()
        old = self.devices[report.name]
        changed = (old.state, old.code) != (report.state, report.code)
        as_of = now if changed or report.state in {"ready", "unknown"} else old.as_of_ns
        new = replace(old, state=report.state, code=report.code, detail=report.detail, as_of_ns=as_of, beat_ns=now)
        self.devices = {**self.devices, report.name: new}
        return new, changed

    def beat(self, name: str) -> None:
        """A sign of life without news."""
        self.devices = {**self.devices, name: replace(self.devices[name], beat_ns=time.monotonic_ns())}

    def worst(self) -> DeviceState | None:
        """The device that needs a hand most, or None. A device that works with a remark (paper low) needs none yet."""
        troubled = [device for device in self.devices.values() if device.code and device.state != "ready"]
        return min(troubled, key=lambda device: (device.state != "held", device.code), default=None)
