"""Owns what the scanning tests share: a pty with a scanner at its far end, and assemblers as the drivers build them."""

from __future__ import annotations

import os
import struct
import tty
from collections.abc import Iterator
from typing import Any

import pytest

from posagent.ports import Driver


class Cable:
    """A pty: the near end is what a driver opens, the far end is the scanner."""

    def __init__(self) -> None:
        self._far, self._near = os.openpty()
        tty.setraw(self._near)
        self.path = os.ttyname(self._near)

    def send(self, chunk: bytes) -> None:
        os.write(self._far, chunk)

    def receive(self) -> bytes:
        return os.read(self._far, 4096)

    def unplug(self) -> None:
        for descriptor in (self._far, self._near):
            try:
                os.close(descriptor)
            except OSError:
                continue


@pytest.fixture
def cable() -> Iterator[Cable]:
    made = Cable()
    yield made
    made.unplug()


def settings(driver: Driver, **given: Any) -> dict[str, Any]:
    """A driver's options with their defaults, as the settings file's reader hands them out."""
    return {name: given.get(name, option.default) for name, option in driver.options.items()}


@pytest.fixture(name="settings")
def settings_fixture() -> Any:
    return settings


# ---------------------------------------------------------------- a scanner's keyboard, written down independently of the driver's tables

EVENT = struct.Struct("@llHHi")
_ROWS = {"1234567890": 2, "qwertyuiop": 16, "asdfghjkl": 30, "zxcvbnm": 44, ",./": 51, " ": 57}
_SAME = {character: (first + place, False) for row, first in _ROWS.items() for place, character in enumerate(row)}
_SAME |= {letter.upper(): (code, True) for letter, (code, _) in list(_SAME.items()) if letter.isalpha()}
_SAME |= {"!": (2, True), "#": (4, True), "$": (5, True), "%": (6, True), "<": (51, True), ">": (52, True), "?": (53, True)}
_US_ONLY = {
    "@": (3, True), "^": (7, True), "&": (8, True), "*": (9, True), "(": (10, True), ")": (11, True), "-": (12, False), "_": (12, True),
    "=": (13, False), "+": (13, True), "[": (26, False), "{": (26, True), "]": (27, False), "}": (27, True), ";": (39, False),
    ":": (39, True), "'": (40, False), '"': (40, True), "\\": (43, False), "|": (43, True), "`": (41, False), "~": (41, True),
}  # fmt: skip
_JIS_ONLY = {
    '"': (3, True), "&": (7, True), "'": (8, True), "(": (9, True), ")": (10, True), "~": (13, True), "-": (12, False), "=": (12, True),
    "^": (13, False), "@": (26, False), "`": (26, True), "[": (27, False), "{": (27, True), ";": (39, False), "+": (39, True),
    ":": (40, False), "*": (40, True), "]": (43, False), "}": (43, True), "\\": (89, False), "_": (89, True), "|": (124, True),
}  # fmt: skip
SCANNER_KEYS = {"us": _SAME | _US_ONLY, "jis": _SAME | _JIS_ONLY}
SHIFT, CTRL, ALT, CAPS, KEY_ENTER, KEY_TAB = 42, 29, 56, 58, 28, 15
_KEYPAD = dict(zip("0123456789", (82, 79, 80, 81, 75, 76, 77, 71, 72, 73), strict=True))


class KeyScanner:
    """Makes the events of a scanner in keyboard mode: one report per millisecond, kernel-style (EV_MSC, EV_KEY, EV_SYN)."""

    def __init__(self, layout: str = "us", *, gap_us: int = 1000, start_ns: int = 1_000_000_000, scancodes: bool = True) -> None:
        self.keys = SCANNER_KEYS[layout]
        self.gap_us = gap_us
        self.now_us = start_ns // 1000
        self.scancodes = scancodes

    @property
    def now_ns(self) -> int:
        return self.now_us * 1000

    def event(self, kind: int, code: int, value: int) -> bytes:
        return EVENT.pack(self.now_us // 1_000_000, self.now_us % 1_000_000, kind, code, value)

    def report(self, code: int, value: int) -> bytes:
        self.now_us += self.gap_us
        scancode = self.event(4, 4, 0x70000 + code) if self.scancodes else b""
        return scancode + self.event(1, code, value) + self.event(0, 0, 0)

    def press(self, code: int, *held: int) -> bytes:
        before = b"".join(self.report(key, 1) for key in held)
        after = b"".join(self.report(key, 0) for key in reversed(held))
        return before + self.report(code, 1) + self.report(code, 0) + after

    def text(self, text: str) -> bytes:
        chunks = []
        for character in text:
            code, shifted = self.keys[character]
            chunks.append(self.press(code, *((SHIFT,) if shifted else ())))
        return b"".join(chunks)

    def scan(self, text: str, end: int | None = KEY_ENTER) -> bytes:
        return self.text(text) + (self.press(end) if end else b"")

    def control(self, letter: str) -> bytes:
        return self.press(self.keys[letter][0], CTRL, *((SHIFT,) if self.keys[letter][1] else ()))

    def alt_bytes(self, raw: bytes, width: int = 3) -> bytes:
        return b"".join(self.alt_number(f"{byte:0{width}d}") for byte in raw)

    def alt_number(self, digits: str) -> bytes:
        return self.report(ALT, 1) + b"".join(self.press(_KEYPAD[digit]) for digit in digits) + self.report(ALT, 0)

    def keypad(self, digits: str) -> bytes:
        return b"".join(self.press(_KEYPAD[digit]) for digit in digits)

    def pause(self, milliseconds: int) -> None:
        self.now_us += milliseconds * 1000


@pytest.fixture
def key_scanner() -> type[KeyScanner]:
    return KeyScanner
