"""Owns the threads that own devices: open, use, close, open again. A device's trouble is retried here; anything else ends the process.

Every loop reports to the dispatcher through ``post`` and never touches another loop's device.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, assert_never, cast

from posagent.board import Reported
from posagent.errors import DeviceError
from posagent.member_code import Rules
from posagent.ports import CapturedSale, Device, Display, Driver, Home, Options, SaleDoor, Scan, Scanner
from posagent.remote import APART_S, Hung, Lost, Opened, Preview, RemoteDevice, RemoteDevices, Told, wakeup_entry

READ_S = 5.0
"""How long a scanner read may block: it bounds shutdown and the age of the loop's sign of life."""
FIRST_RETRY_S, LAST_RETRY_S = 0.5, 5.0
IO_S = 1.0


@dataclass(frozen=True, slots=True)
class ScanRead:
    """A scan, with the device that read it."""

    device: str
    scan: Scan


@dataclass(frozen=True, slots=True)
class Alive:
    """A loop's sign of life."""

    device: str


Post = Callable[[Reported | ScanRead | Alive], None]


class DeviceLoop(threading.Thread):
    """Keeps one device open and calls ``use`` with it until told to stop; reopens it after trouble, with growing patience."""

    def __init__(
        self, name: str, driver: Driver, options: Options, use: Callable[[Device, threading.Event], None], post: Post, stop: threading.Event
    ) -> None:
        super().__init__(name=f"device-{name}", daemon=True)
        self.device_name, self._driver, self._options, self._use, self._post, self._stopping = name, driver, options, use, post, stop
        self.moved_s = time.monotonic()
        """When it last came round: a loop that does not hangs in its driver."""

    def run(self) -> None:
        """Until stopped. Raises only what is a bug."""
        patience = FIRST_RETRY_S
        while not self._stopping.is_set():
            self.moved_s = time.monotonic()
            try:
                device = self._driver.open(self.device_name, self._options)
            except DeviceError as trouble:
                self._lost(trouble)
            else:
                try:
                    self._opened()
                    patience = FIRST_RETRY_S
                    self._use(device, self._stopping)
                except DeviceError as trouble:
                    self._lost(trouble)
                finally:
                    with suppress(DeviceError):
                        device.close()
            self._stopping.wait(patience)
            patience = min(patience * 2, LAST_RETRY_S)

    def give_up(self) -> None:
        """Somebody else has the device from now on: should this loop ever come back from its driver, it says nothing more and ends."""
        self._stopping.set()

    def _opened(self) -> None:
        if not self._stopping.is_set():
            self._post(Reported(self.device_name, "ready"))

    def _lost(self, trouble: DeviceError) -> None:
        if not self._stopping.is_set():
            self._post(Reported(self.device_name, "gone", trouble.code, str(trouble)))


def scanner_loop(name: str, driver: Driver, options: Options, post: Post, stop: threading.Event) -> DeviceLoop:
    """A thread that reads one scanner. ``stop`` is its own: it can be given up alone."""

    def use(device: Device, stopping: threading.Event) -> None:
        scanner = cast("Scanner", device)
        while not stopping.is_set():
            loop.moved_s = time.monotonic()
            scans = scanner.read(READ_S)
            if stopping.is_set():
                return
            for scan in scans:
                post(ScanRead(name, scan))
            post(Alive(name))

    loop = DeviceLoop(name, driver, options, use, post, stop)
    return loop


def door_loop(
    name: str,
    driver: Driver,
    options: Options,
    prepare: Callable[[Device], None],
    take: Callable[[CapturedSale], None],
    post: Post,
    stop: threading.Event,
) -> DeviceLoop:
    """A thread that reads one sale door. ``prepare`` sees each newly opened door before its first read, ``take`` every sale."""

    def use(device: Device, stopping: threading.Event) -> None:
        door = cast("SaleDoor", device)
        prepare(device)
        while not stopping.is_set():
            for sale in door.read(READ_S):
                take(sale)
            post(Alive(name))

    return DeviceLoop(name, driver, options, use, post, stop)


class DisplayFeed:
    """The latest two lines for a customer display; older ones that were never shown are dropped."""

    def __init__(self) -> None:
        self._lines: tuple[str, str] | None = None
        self._news = threading.Event()

    def show(self, lines: tuple[str, str]) -> None:
        """Called by the dispatcher; never blocks."""
        self._lines = lines
        self._news.set()

    def next(self, timeout_s: float) -> tuple[str, str] | None:
        """Called by the display's thread."""
        if not self._news.wait(timeout_s):
            return None
        self._news.clear()
        return self._lines

    def again(self) -> None:
        """After a reopen the display is blank: show the last lines once more."""
        if self._lines is not None:
            self._news.set()


def display_loop(name: str, driver: Driver, options: Options, feed: DisplayFeed, post: Post, stop: threading.Event) -> DeviceLoop:
    """A thread that shows lines on one display."""

    def use(device: Device, stopping: threading.Event) -> None:
        display = cast("Display", device)
        feed.again()
        while not stopping.is_set():
            if lines := feed.next(READ_S):
                display.show(*lines, IO_S)
            post(Alive(name))

    return DeviceLoop(name, driver, options, use, post, stop)


class RemoteLoop(threading.Thread):
    """Reads the device process of one home (`posagent.remote`) and reports what its devices say."""

    def __init__(
        self,
        home: Home,
        devices: Sequence[RemoteDevice],
        post: Post,
        stop: threading.Event,
        saw: Callable[[str, Mapping[str, Any]], None] = lambda device, fields: None,
        ours: Callable[[Scan], bool] = lambda scan: True,
        tell: Callable[[str, dict[str, Any]], None] = lambda code, fields: None,
        after_s: float = 0.0,
        codes: Callable[[], Rules | None] = lambda: None,
    ) -> None:
        """``ours``, ``codes`` (see `posagent.remote`) and ``tell``: for routed scanners; what is said of one has ``device`` and ``why``.
        ``after_s``: when it begins."""
        super().__init__(name=f"devices-{home}", daemon=True)
        self._devices = {device.name: device for device in devices}
        self._remote = RemoteDevices(home, devices, wakeup=wakeup_entry(), ours=ours, codes=codes, after_s=after_s)
        self._home, self._post, self._stopping, self._saw, self._ours, self._tell = home, post, stop, saw, ours, tell
        self._codes = codes
        self._apart: dict[str, RemoteLoop] = {}
        """Devices that hung here once: each has a process of its own now."""

    def watch(self, device: str, for_s: float) -> None:
        """Asks a device for previews for so long; they go to ``saw``. From any thread; never blocks."""
        if apart := self._apart.get(device):
            apart.watch(device, for_s)
        else:
            self._remote.watch(device, for_s)

    def run(self) -> None:
        """Until stopped; the process ends with the loop."""
        try:
            while not self._stopping.is_set():
                for name, report in self._remote.read(READ_S):
                    match report:
                        case Scan():
                            self._post(ScanRead(name, report))
                        case Opened():
                            self._post(Reported(name, "ready"))
                        case Lost(code, message):
                            self._post(Reported(name, "gone", code, message))
                        case Preview(fields):
                            self._saw(name, fields)
                        case Told(code, why):
                            self._tell(code, {"device": name, "why": why})
                        case Hung():
                            self._set_apart(name)
                        case _:
                            assert_never(report)
                for name in self._devices:
                    self._post(Alive(name))
        finally:
            self._remote.close()

    def _set_apart(self, name: str) -> None:
        """However often it hangs from now on, nobody else waits for it."""
        device = self._devices.pop(name)
        self._apart[name] = RemoteLoop(
            self._home, [device], self._post, self._stopping, self._saw, self._ours, self._tell, APART_S, self._codes
        )  # fmt: skip
        self._apart[name].start()
