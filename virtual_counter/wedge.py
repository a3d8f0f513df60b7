"""Owns the keyboard-wedge scanner: scans as key strokes, into the kernel's uinput where there is one, or as event bytes for a pipe.

Key codes and struct input_event: Linux input-event-codes.h and input.h. Layouts: xkeyboard-config symbols "us" and "jp"; a scanner is
programmed for the layout of its host, so the same text is different keys.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

Layout = Literal["us", "jis"]

_EVENT = struct.Struct("@llHHi")  # time, time, type, code, value
_SYN, _KEY, _MSC = 0, 1, 4
_LEFT_SHIFT, _ENTER, _TAB = 42, 28, 15

_SHARED = {" ": (57, False), ",": (51, False), "<": (51, True), ".": (52, False), ">": (52, True), "/": (53, False), "?": (53, True)}
_US = {
    "!": (2, True), "@": (3, True), "#": (4, True), "$": (5, True), "%": (6, True), "^": (7, True), "&": (8, True), "*": (9, True),
    "(": (10, True), ")": (11, True), "-": (12, False), "_": (12, True), "=": (13, False), "+": (13, True), "[": (26, False),
    "{": (26, True), "]": (27, False), "}": (27, True), ";": (39, False), ":": (39, True), "'": (40, False), '"': (40, True),
    "`": (41, False), "~": (41, True), "\\": (43, False), "|": (43, True),
}  # fmt: skip
_JIS = {
    "!": (2, True), '"': (3, True), "#": (4, True), "$": (5, True), "%": (6, True), "&": (7, True), "'": (8, True), "(": (9, True),
    ")": (10, True), "-": (12, False), "=": (12, True), "^": (13, False), "~": (13, True), "@": (26, False), "`": (26, True),
    "[": (27, False), "{": (27, True), ";": (39, False), "+": (39, True), ":": (40, False), "*": (40, True), "]": (43, False),
    "}": (43, True), "\\": (89, False), "_": (89, True), "|": (124, True),
}  # fmt: skip
_LETTER_ROWS = ((16, "qwertyuiop"), (30, "asdfghjkl"), (44, "zxcvbnm"))
_TERMINATORS = {"\r": _ENTER, "\n": _ENTER, "\t": _TAB}


def _key(char: str, layout: Layout) -> tuple[int, bool]:
    """(key code, with shift). Raises ValueError for what this layout cannot type."""
    if char in _TERMINATORS:
        return _TERMINATORS[char], False
    if char.isascii() and char.isdigit():
        return (11 if char == "0" else int(char) + 1), False
    for first, row in _LETTER_ROWS:
        place = row.find(char.lower())
        if place >= 0:
            return first + place, char.isupper()
    table = _SHARED | (_US if layout == "us" else _JIS)
    if char not in table:
        raise ValueError(f"a wedge scanner with {layout} layout has no key for {char!r}")
    return table[char]


def keys_of(layout: Layout) -> dict[str, tuple[int, bool]]:
    """Character -> (key code, with shift), for everything that a layout can type; ENTER is CR."""
    characters = [chr(code) for code in range(0x20, 0x7F)] + ["\r", "\t"]
    found = {}
    for char in characters:
        try:
            found[char] = _key(char, layout)
        except ValueError:
            continue
    return found


def reports(text: str, layout: Layout = "us") -> Iterator[list[tuple[int, int, int]]]:
    """The scan as keyboard reports of (type, code, value), as a USB scanner sends one each millisecond: key down, key up, shift around."""
    shifted = False
    for char in text:
        code, shift = _key(char, layout)
        if shift != shifted:
            yield [(_MSC, 4, 0x700E1), (_KEY, _LEFT_SHIFT, int(shift)), (_SYN, 0, 0)]
            shifted = shift
        yield [(_MSC, 4, 0x70000 + code), (_KEY, code, 1), (_SYN, 0, 0)]
        yield [(_MSC, 4, 0x70000 + code), (_KEY, code, 0), (_SYN, 0, 0)]
    if shifted:
        yield [(_MSC, 4, 0x700E1), (_KEY, _LEFT_SHIFT, 0), (_SYN, 0, 0)]


def event_bytes(text: str, layout: Layout = "us", start_ns: int = 0, report_ns: int = 1_000_000) -> bytes:
    """The same as struct input_event records, for a pipe that stands in for /dev/input/event*."""
    raw = bytearray()
    for place, report in enumerate(reports(text, layout)):
        second, rest = divmod(start_ns + place * report_ns, 1_000_000_000)
        for kind, code, value in report:
            raw += _EVENT.pack(second, rest // 1000, kind, code, value)
    return bytes(raw)


_UINPUT = Path("/dev/uinput")
_UI_SET_EVBIT, _UI_SET_KEYBIT, _UI_SET_MSCBIT = 0x40045564, 0x40045565, 0x40045568
_UI_DEV_SETUP, _UI_DEV_CREATE, _UI_DEV_DESTROY = 0x405C5503, 0x5501, 0x5502
_BUS_USB = 3


class WedgeScanner:
    """A scanner that the kernel believes to be a USB keyboard. Needs write access to /dev/uinput."""

    def __init__(self, name: str = "posagent virtual scanner", layout: Layout = "us", vendor: int = 0x0C2E, product: int = 0x0B81) -> None:
        self._name, self._layout, self._vendor, self._product = name, layout, vendor, product
        self._fd = -1
        self._pause = threading.Event()  # never set: its time-out paces the reports
        self.plug()

    @staticmethod
    def available() -> str:
        """Why it cannot be used here; empty when it can."""
        if not _UINPUT.exists():
            return "the kernel offers no /dev/uinput (load the module uinput)"
        if not os.access(_UINPUT, os.W_OK):
            return "no permission on /dev/uinput (run as root, or add a udev rule)"
        return ""

    def plug(self) -> None:
        """Makes the keyboard. Raises OSError where the kernel does not let us."""
        if self._fd >= 0:
            return
        fd = os.open(_UINPUT, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            for kind in (_SYN, _KEY, _MSC):
                fcntl.ioctl(fd, _UI_SET_EVBIT, kind)
            fcntl.ioctl(fd, _UI_SET_MSCBIT, 4)
            for code in range(1, 128):
                fcntl.ioctl(fd, _UI_SET_KEYBIT, code)
            setup = struct.pack("@HHHH80sI", _BUS_USB, self._vendor, self._product, 0x110, self._name.encode()[:79], 0)
            fcntl.ioctl(fd, _UI_DEV_SETUP, setup)
            fcntl.ioctl(fd, _UI_DEV_CREATE)
        except OSError:
            os.close(fd)
            raise
        self._fd = fd

    def unplug(self) -> None:
        """Takes the keyboard away: readers get ENODEV."""
        if self._fd >= 0:
            fcntl.ioctl(self._fd, _UI_DEV_DESTROY)
            os.close(self._fd)
            self._fd = -1

    close = unplug

    def scan(self, text: str, aim: str | None = None, terminator: str = "\r") -> int:
        """Types one scan, a report each millisecond; returns the number of reports."""
        if self._fd < 0:
            raise ConnectionError(f"{self._name}: unplugged")
        count = 0
        for report in reports((f"]{aim}" if aim else "") + text + terminator, self._layout):
            os.write(self._fd, b"".join(_EVENT.pack(0, 0, *event) for event in report))
            self._pause.wait(0.001)
            count += 1
        return count
