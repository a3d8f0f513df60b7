"""Owns device time: how fast the virtual devices live, and what they wait for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Seconds of device time since some start. ``listeners`` are called after every jump of a clock that is moved by hand."""

    listeners: list[Callable[[], None]]

    def now(self) -> float:
        """Device time in seconds; never goes back."""

    def real_seconds(self, device_seconds: float) -> float | None:
        """How long so much device time takes in the real world; None: only somebody's hand moves this clock."""


class RealClock:
    """Runs with the wall, ``speed`` times as fast (1: a printer of flesh and blood; 100: a test that has no time)."""

    def __init__(self, speed: float = 1.0) -> None:
        self.listeners: list[Callable[[], None]] = []
        self._speed = speed
        self._start = time.monotonic()

    def now(self) -> float:
        return (time.monotonic() - self._start) * self._speed

    def real_seconds(self, device_seconds: float) -> float | None:
        return device_seconds / self._speed


class ManualClock:
    """Stands still until `advance`: tests without waiting and without luck."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[], None]] = []
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def real_seconds(self, device_seconds: float) -> float | None:  # the protocol asks for it
        return None

    def advance(self, seconds: float) -> None:
        """Moves the clock and lets every device that listens catch up before it returns."""
        self._now += seconds
        for listener in tuple(self.listeners):
            listener()
