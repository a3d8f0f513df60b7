"""Owns learn mode: "scan anything now" finds out which input device is the scanner, without grabbing any."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from itertools import pairwise

from drivers.scan.assembler import MS
from drivers.scan.device_nodes import open_node
from drivers.scan.evdev import find, keyboards
from drivers.scan.evdev_ioctl import use_monotonic_clock
from drivers.scan.keymaps import ALTS, CTRLS, ENTER, KPENTER, SHIFTS, TAB
from drivers.scan.sysfs import Node
from drivers.scan.wedge_keys import EV_KEY, EVENT, middle
from posagent.errors import DeviceError, DeviceMissing, DeviceTimeout
from posagent.ports import Found

_MIN_KEYS = 8
_SCANNER_GAP_NS = 20 * MS  # scanners 1 to 16 ms, people 40 and more
_NEW_BURST_NS = 500 * MS


class Burst:
    """The keys of one device: a scanner's are many, fast, and end in ENTER or TAB."""

    def __init__(self) -> None:
        self.events = b""
        self._times: list[int] = []

    def feed(self, events: bytes) -> bool:
        """True when what came now completes a scanner's burst; ``events`` then holds all of it."""
        for seconds, micros, kind, code, value in EVENT.iter_unpack(events[: len(events) - len(events) % EVENT.size]):
            if kind != EV_KEY or value != 1 or code in SHIFTS | CTRLS | ALTS:
                continue
            at_ns = seconds * 1_000_000_000 + micros * 1000
            if self._times and at_ns - self._times[-1] > _NEW_BURST_NS:
                self._times.clear()
                self.events = b""
            self._times.append(at_ns)
            del self._times[:-1000]
            if code in {ENTER, KPENTER, TAB}:
                gaps = [later - earlier for earlier, later in pairwise(self._times)]
                self.events = (self.events + events)[-1_000_000:]
                return len(self._times) >= _MIN_KEYS and middle(gaps) <= _SCANNER_GAP_NS
        self.events = (self.events + events)[-1_000_000:]
        return False


def watch(timeout_s: float, devices: list[Node]) -> tuple[Node, bytes]:
    """The device whose keys look like a scanner's, and its events. Raises DeviceError."""
    opened: dict[int, tuple[Node, Burst]] = {}
    trouble: DeviceError | None = None
    try:
        for node in devices:
            try:
                descriptor = open_node("learn mode", node.path)
            except DeviceError as refused:
                trouble = refused
                continue
            use_monotonic_clock(descriptor)
            opened[descriptor] = (node, Burst())
        if not opened:
            raise trouble or DeviceMissing("learn mode: no keyboard-like device is plugged in; plug the scanner in")
        return _first(timeout_s, opened)
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _first(timeout_s: float, opened: dict[int, tuple[Node, Burst]]) -> tuple[Node, bytes]:
    deadline = time.monotonic() + timeout_s
    listening = list(opened)
    while listening and (left := deadline - time.monotonic()) > 0:
        for descriptor in select.select(listening, [], [], left)[0]:
            node, burst = opened[descriptor]
            try:
                chunk = os.read(descriptor, EVENT.size * 256)
            except BlockingIOError:
                continue
            except OSError:
                chunk = b""
            if not chunk:  # unplugged while we listened
                listening.remove(descriptor)
            elif burst.feed(chunk):
                return node, burst.events
    raise DeviceTimeout("learn mode: nothing that looks like a scan arrived; is the scanner in keyboard mode, and does it send ENTER?")


def learn(timeout_s: float, say: Callable[[str], None]) -> Found:
    """Which device is the scanner. Raises DeviceError."""
    say("scan any code now (its text also goes to the window that has the focus)")
    node, _ = watch(timeout_s, list(keyboards()))
    return next(found for found in find() if found.node == str(node.path))
