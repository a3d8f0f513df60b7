"""Owns what a customer display of two lines by twenty makes of its bytes: Epson (DM-D) and CD5220 command sets at once.

Sources: Epson DM-D command reference (US and ESC commands), CD5220 command table (ESC Q A, ESC Q B, ESC [, ESC l). Where the sets
differ in one code (ESC *), both forms are only swallowed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator

from virtual_counter.charset import KATAKANA_PAGE, kanji_sjis, single_byte
from virtual_counter.profiles import T3_80

COLUMNS, ROWS = 20, 2

Commands = Generator[int, bytes, None]

# Commands without effect on the text: code after ESC or US -> number of parameters.
_ESC_SKIPPED = {0x2A: 1, 0x5F: 1, 0x66: 1, 0x63: 1, 0x25: 1, 0x3F: 1, 0x76: 0, 0x77: 0}
_US_SKIPPED = {
    0x01: 0, 0x02: 0, 0x03: 0, 0x05: 0, 0x43: 1, 0x45: 1, 0x58: 1, 0x72: 1, 0x54: 2, 0x55: 0, 0x40: 0, 0x76: 1, 0x23: 2, 0x2C: 1,
    0x3B: 1, 0x2E: 1, 0x3A: 0,
}  # fmt: skip


class Screen:
    """The twenty by two cells. ``kanji``: a graphic display that shows Shift_JIS, two cells a kanji (most tubes show kana only)."""

    def __init__(self, *, kanji: bool = False, page: int = KATAKANA_PAGE) -> None:
        self.oddities: list[str] = []
        self.on_change: list[Callable[[], None]] = []
        self._kanji = kanji
        self._start_page = page
        self._lock = threading.Lock()
        self._cells = [[" "] * COLUMNS for _ in range(ROWS)]
        self._reset()
        self._program = self._run()
        self._need = next(self._program)
        self._partial = bytearray()

    def lines(self) -> tuple[str, str]:
        """What the customer reads, without trailing spaces."""
        with self._lock:
            upper, lower = ("".join(row).rstrip() for row in self._cells)
            return upper, lower

    def feed(self, data: bytes) -> None:
        """Bytes from the host."""
        with self._lock:
            self._partial += data
            while len(self._partial) >= self._need:
                piece = bytes(self._partial[: self._need])
                del self._partial[: self._need]
                self._need = self._program.send(piece)
        for callback in tuple(self.on_change):
            callback()

    def _reset(self) -> None:
        self._page, self._country = self._start_page, 0
        self._selected = True
        self._clear()

    def _clear(self) -> None:
        for row in self._cells:
            row[:] = " " * COLUMNS
        self._x = self._y = 0

    def _run(self) -> Commands:
        while True:
            (byte,) = yield 1
            if byte == 0x1B:
                yield from self._esc()
            elif not self._selected:
                continue
            elif byte == 0x1F:
                yield from self._us()
            elif byte >= 0x20:
                yield from self._char(byte)
            else:
                self._control(byte)

    def _char(self, byte: int) -> Commands:
        if self._kanji and (0x81 <= byte <= 0x9F or 0xE0 <= byte <= 0xFC):
            (low,) = yield 1
            char = kanji_sjis(byte, low, T3_80, 1)
            if char is None:
                self.oddities.append(f"no kanji {byte:02X} {low:02X}")
            if self._x == COLUMNS - 1:
                self._put(" ")
            self._put(char or "〓")
            self._put("")  # the right half of the cell pair
            return
        self._put(single_byte(byte, self._page, self._country))

    def _put(self, char: str) -> None:
        self._cells[self._y][self._x] = char
        self._x += 1
        if self._x == COLUMNS:
            self._x, self._y = 0, (self._y + 1) % ROWS

    def _control(self, byte: int) -> None:
        match byte:
            case 0x0C:
                self._clear()
            case 0x0B:
                self._x = self._y = 0
            case 0x0D:
                self._x = 0
            case 0x0A:
                self._y = (self._y + 1) % ROWS
            case 0x08:
                if self._x or self._y:
                    self._y, self._x = divmod(self._y * COLUMNS + self._x - 1, COLUMNS)
            case 0x09:
                self._x, self._y = (self._x + 1, self._y) if self._x < COLUMNS - 1 else (0, (self._y + 1) % ROWS)
            case 0x18:
                self._cells[self._y][:] = " " * COLUMNS
                self._x = 0
            case 0x00:
                pass
            case _:
                self.oddities.append(f"control byte {byte:02X}")

    def _esc(self) -> Commands:
        (code,) = yield 1
        if code == 0x3D:
            (n,) = yield 1
            self._selected = bool(n & 2)
        elif not self._selected:
            return
        elif code == 0x40:
            self._reset()
        elif code == 0x51:
            yield from self._whole_line()
        elif code == 0x5B:
            yield from self._cursor()
        elif code == 0x6C:
            x, y = yield 2
            self._move(x, y)
        elif code == 0x74:
            (self._page,) = yield 1
        elif code == 0x52:
            (self._country,) = yield 1
        elif code in {0x11, 0x12, 0x13}:  # overwrite and the two scroll modes
            if code != 0x11:
                self.oddities.append("scroll mode is not modelled")
        else:
            yield from self._esc_rare(code)

    def _esc_rare(self, code: int) -> Commands:
        if code == 0x57:
            number, on = yield 2
            if on in {1, 49}:
                yield 4
            self.oddities.append(f"window {number} is not modelled")
        elif code in _ESC_SKIPPED:
            if _ESC_SKIPPED[code]:
                yield _ESC_SKIPPED[code]
        else:
            self.oddities.append(f"unknown command 1B {code:02X}")

    def _whole_line(self) -> Commands:
        """ESC Q A and B replace the upper and the lower line; D scrolls the upper one (shown standing). Ends with CR."""
        (which,) = yield 1
        if which not in {0x41, 0x42, 0x44}:
            self.oddities.append(f"unknown command 1B 51 {which:02X}")
            return
        row = self._cells[1 if which == 0x42 else 0]
        text: list[str] = []
        while True:
            (byte,) = yield 1
            if byte == 0x0D:
                break
            if self._kanji and (0x81 <= byte <= 0x9F or 0xE0 <= byte <= 0xFC):
                (low,) = yield 1
                text += [kanji_sjis(byte, low, T3_80, 1) or "〓", ""]
            else:
                text.append(single_byte(byte, self._page, self._country) if byte >= 0x20 else " ")
        if len(text) > COLUMNS:
            self.oddities.append(f"{len(text)} characters for a line of {COLUMNS}")
        row[:] = (text + [" "] * COLUMNS)[:COLUMNS]

    def _cursor(self) -> Commands:
        (code,) = yield 1
        moves = {0x41: (0, -1), 0x42: (0, 1), 0x43: (1, 0), 0x44: (-1, 0)}
        if code in moves:
            across, down = moves[code]
            self._x = min(max(self._x + across, 0), COLUMNS - 1)
            self._y = min(max(self._y + down, 0), ROWS - 1)
        elif code == 0x48:
            self._x = self._y = 0
        elif code == 0x4C:
            self._x = 0
        elif code == 0x52:
            self._x = COLUMNS - 1
        elif code == 0x4B:
            self._x, self._y = COLUMNS - 1, ROWS - 1
        else:
            self.oddities.append(f"unknown command 1B 5B {code:02X}")

    def _us(self) -> Commands:
        (code,) = yield 1
        if code == 0x24:
            x, y = yield 2
            self._move(x, y)
        elif code == 0x0A:
            self._y = (self._y - 1) % ROWS
        elif code == 0x0D:
            self._x = COLUMNS - 1
        elif code == 0x42:
            self._x, self._y = 0, ROWS - 1
        elif code in _US_SKIPPED:
            if code in {0x02, 0x03}:
                self.oddities.append("scroll mode is not modelled")
            if _US_SKIPPED[code]:
                yield _US_SKIPPED[code]
        else:
            self.oddities.append(f"unknown command 1F {code:02X}")

    def _move(self, x: int, y: int) -> None:
        if 1 <= x <= COLUMNS and 1 <= y <= ROWS:
            self._x, self._y = x - 1, y - 1
        else:
            self.oddities.append(f"cursor to {x}, {y}")
