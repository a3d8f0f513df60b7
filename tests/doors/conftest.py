"""A POS, a capture printer and a real (virtual) printer, each on its own socket."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from drivers.doors.capture_printer import DRIVER, CapturePrinter
from posagent.errors import DeviceError
from posagent.ports import CapturedSale, Understand
from virtual_counter.clock import RealClock
from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import T3_80
from virtual_counter.tcp import serve_tcp


class Running:
    """A capture printer with the thread that reads it, opened again after trouble as the agent does."""

    def __init__(self, understand: Understand, **options: Any) -> None:
        self.options = {name: option.default for name, option in DRIVER.options.items()} | options
        self.understand = understand
        self.sales: list[CapturedSale] = []
        self.troubles: list[DeviceError] = []
        self.ready = threading.Event()
        self.opened = 0
        self.door: CapturePrinter | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self.ready.wait(20)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                door = CapturePrinter("till", self.options)
            except DeviceError as trouble:
                self.troubles.append(trouble)
                self._stop.wait(0.02)
                continue
            door.understand_with(self.understand)
            self.door = door
            self.opened += 1
            self.ready.set()
            try:
                while not self._stop.is_set():
                    self.sales += door.read(0.05)
            except DeviceError as trouble:
                self.troubles.append(trouble)
            finally:
                door.close()

    def until(self, holds: Callable[[], object], timeout_s: float = 30) -> None:
        """Waits for the door's thread."""
        deadline, pause = time.monotonic() + timeout_s, threading.Event()
        while not holds():
            assert time.monotonic() < deadline, "the condition did not come true in time"
            pause.wait(0.005)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def real() -> Iterator[tuple[VirtualPrinter, Any]]:
    """The real printer: (printer, its server)."""
    printer = VirtualPrinter(T3_80, RealClock(speed=200))
    server = serve_tcp(printer)
    yield printer, server
    server.stop()


@pytest.fixture
def capture() -> Iterator[Callable[..., Running]]:
    """Starts capture printers; they end with the test."""
    running: list[Running] = []

    def start(understand: Understand, **options: Any) -> Running:
        running.append(Running(understand, **options))
        return running[-1]

    yield start
    for one in running:
        one.stop()
