"""Owns what a customer display of two lines shows: the bytes that a POS sends it in, the two lines out. PURE.

Both command sets are read at once, for no command of one is text of the other: Epson's (US, ESC = @ R t W) and CD5220's (ESC Q, ESC [, ESC l).
Cells hold bytes, as in the tube; only whole lines are decoded. Sources: Epson DM-D110/210 command reference; CD5220 command table.
"""

from __future__ import annotations

from posagent.doors.charset import Run, decode_runs

COLUMNS, ROWS = 20, 2
_CELLS = COLUMNS * ROWS
_LONGEST_LINE = 64  # bytes of an ESC Q line before its CR
_MORE = None

# Bytes of parameters after the two of a command.
_US = dict.fromkeys(b"\x01\x02\x03\n\rB@U:", 0) | dict.fromkeys(b"CXrEv", 1) | dict.fromkeys(b"$T^.,;#", 2)
_ESC = dict.fromkeys(b"@\x11\x12\x13sd", 0) | dict.fromkeys(b"=Rt%?*_fcu", 1) | {ord("l"): 2}


class DisplayReader:
    """One display's memory. Never raises, whatever arrives."""

    def __init__(self) -> None:
        self._open = bytearray()
        self._reset()

    def _reset(self) -> None:
        self._cells = bytearray(b" " * _CELLS)
        self._at = 0  # 0 … 40; 40: behind the last cell
        self._scrolls = False
        self._page: int | None = None
        self._deaf = False

    def feed(self, raw: bytes) -> None:
        """What the POS sent, in any portions."""
        self._open += raw
        at = 0
        while at < len(self._open):
            byte = self._open[at]
            if byte in (0x1B, 0x1F):
                taken = self._command(at)
                if taken is _MORE:
                    break
                at += taken
                continue
            if not self._deaf:
                self._put(byte)
            at += 1
        del self._open[:at]

    @property
    def lines(self) -> tuple[str, str]:
        """Both lines as text."""
        rows = [[Run(bytes(self._cells[row : row + COLUMNS]), page=self._page)] for row in (0, COLUMNS)]
        (upper, lower), _ = decode_runs(rows)
        return upper, lower

    # ------------------------------------------------------------ cells

    def _put(self, byte: int) -> None:
        match byte:
            case 0x0C:
                self._cells[:] = b" " * _CELLS
                self._at = 0
            case 0x0B:
                self._at = 0
            case 0x08:
                self._at = max(0, self._at - 1)
            case 0x09:
                self._at = min(_CELLS - 1, self._at + 1)
            case 0x0A:
                self._at = (self._at + COLUMNS) % _CELLS
            case 0x0D:
                self._at = min(self._at, _CELLS - 1) // COLUMNS * COLUMNS
            case 0x18:
                self._clear_line(min(self._at, _CELLS - 1) // COLUMNS)
            case _ if byte >= 0x20:
                self._write(byte)

    def _write(self, byte: int) -> None:
        if self._at >= _CELLS:
            if self._scrolls:
                self._cells[:] = self._cells[COLUMNS:] + b" " * COLUMNS
            self._at = COLUMNS if self._scrolls else 0
        self._cells[self._at] = byte
        self._at += 1

    def _clear_line(self, row: int) -> None:
        self._cells[row * COLUMNS : (row + 1) * COLUMNS] = b" " * COLUMNS
        self._at = row * COLUMNS

    def _goto(self, column: int, row: int) -> None:
        if 1 <= column <= COLUMNS and 1 <= row <= ROWS:
            self._at = (row - 1) * COLUMNS + column - 1

    # ------------------------------------------------------------ commands

    def _has(self, at: int, count: int) -> bool:
        return len(self._open) >= at + count

    def _command(self, at: int) -> int | None:
        if not self._has(at, 2):
            return _MORE
        first, second = self._open[at], self._open[at + 1]
        if first == 0x1F:
            return self._unit(at, second)
        match second:
            case 0x51:  # Q: a whole line
                return self._line(at)
            case 0x5B:  # [: cursor
                return self._cursor(at)
            case 0x57:  # W n m x1 y1 x2 y2: windows
                size = 4 if self._has(at, 4) and self._open[at + 3] in b"\x000" else 8
            case 0x26:  # & y c1 c2, then each character's width and columns
                size = self._characters(at)
            case _:
                size = 2 + _ESC.get(second, 0)
        if not self._has(at, size):
            return _MORE
        value = self._open[at + 2] if size > 2 else 0
        match second:
            case 0x40:
                self._reset()
            case 0x3D:
                self._deaf = value not in (2, 3, 0x32, 0x33)  # 1: what comes is for the printer
            case 0x74:
                self._page = value
            case 0x6C:
                self._goto(value, self._open[at + 3])
            case 0x11 | 0x12 | 0x13:
                self._scrolls = second == 0x12
        return size

    def _unit(self, at: int, second: int) -> int | None:
        """US …"""
        if second == ord("("):
            if not self._has(at, 5):
                return _MORE
            size = 5 + self._open[at + 3] + 256 * self._open[at + 4]
            return min(size, 5 + 512) if self._has(at, min(size, 5 + 512)) else _MORE
        size = 2 + _US.get(second, 0)
        if not self._has(at, size):
            return _MORE
        match second:
            case 0x24:
                self._goto(self._open[at + 2], self._open[at + 3])
            case 0x01 | 0x02 | 0x03:
                self._scrolls = second == 0x02
            case 0x0A:
                self._at = (self._at - COLUMNS) % _CELLS
            case 0x0D:
                self._at = min(self._at, _CELLS - 1) // COLUMNS * COLUMNS + COLUMNS - 1
            case 0x42:
                self._at = _CELLS - 1
        return size

    def _line(self, at: int) -> int | None:
        """ESC Q A text CR: the upper line (B: the lower, D: the upper, moving)."""
        end = self._open.find(0x0D, at + 3, at + 3 + _LONGEST_LINE)
        if end < 0:
            return 2 if self._has(at, 3 + _LONGEST_LINE) else _MORE
        row = 1 if self._open[at + 2] == ord("B") else 0
        self._clear_line(row)
        text = self._open[at + 3 : end][:COLUMNS]
        self._cells[self._at : self._at + len(text)] = text
        self._at = min(self._at + len(text), _CELLS - 1)
        return end + 1 - at

    def _cursor(self, at: int) -> int | None:
        if not self._has(at, 3):
            return _MORE
        match chr(self._open[at + 2]):
            case "A" | "B":
                self._at = (self._at + COLUMNS) % _CELLS
            case "C":
                self._at = min(self._at + 1, _CELLS - 1)
            case "D":
                self._at = max(self._at - 1, 0)
            case "H":
                self._at = 0
            case "L":
                self._at = min(self._at, _CELLS - 1) // COLUMNS * COLUMNS
            case "R":
                self._at = min(self._at, _CELLS - 1) // COLUMNS * COLUMNS + COLUMNS - 1
            case "K":
                self._at = _CELLS - 1
        return 3

    def _characters(self, at: int) -> int:
        """Bytes of ESC & as far as they are known; the caller waits for them."""
        if not self._has(at, 5):
            return 5
        high, first, last = self._open[at + 2 : at + 5]
        end = at + 5
        for _ in range(max(0, min(last - first + 1, 95))):
            if not self._has(end, 1):
                return end + 1 - at
            end += 1 + high * self._open[end]
        return end - at
