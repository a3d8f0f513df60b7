"""Owns the order of text in page mode: pieces are placed by position and read like a page, line by line from the left. PURE.

Source: Epson ESC/POS command reference: ESC L, ESC W, ESC $, ESC \\, GS $, GS \\, FF. Turned pages (ESC T) are read in the order in which
they were sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from posagent.doors.charset import Run, join

LINE_DOTS = 30
"""How far a line feed goes where nothing else was said."""
_SAME_LINE = 15  # dots: what is closer than that stands on one line
_BYTE_DOTS = 12  # font A; a kanji has two bytes and 24 dots
MOST_PIECES = 4000


@dataclass(slots=True)
class _Piece:
    y: int
    x: int
    runs: list[Run]


@dataclass(slots=True)
class Page:
    """One page between ESC L and FF."""

    x: int = 0
    y: int = 0
    left: int = 0
    top: int = 0
    turned: bool = False
    _pieces: list[_Piece] = field(default_factory=list)

    def area(self, x: int, y: int) -> None:
        """ESC W: a new origin."""
        self.left, self.top, self.x, self.y = x, y, 0, 0

    def write(self, run: Run) -> None:
        """Text at the present position."""
        here = (self.top + self.y, self.left + self.x)
        last = self._pieces[-1] if self._pieces else None
        if last is not None and (last.y, last.x + _width(last.runs)) == here:
            join(last.runs, run)
        elif len(self._pieces) < MOST_PIECES:
            self._pieces.append(_Piece(*here, [run]))
        self.x += _width([run])

    def feed(self) -> None:
        """LF."""
        self.x, self.y = 0, self.y + LINE_DOTS

    def lines(self) -> list[list[Run]]:
        """What stands on the page, in reading order."""
        pieces = self._pieces if self.turned else sorted(self._pieces, key=lambda piece: (piece.y, piece.x))
        rows: list[list[_Piece]] = []
        for piece in pieces:
            if rows and abs(piece.y - rows[-1][0].y) < _SAME_LINE:
                rows[-1].append(piece)
            else:
                rows.append([piece])
        return [_spaced(row if self.turned else sorted(row, key=lambda piece: piece.x)) for row in rows]


def _width(runs: list[Run]) -> int:
    return sum(len(run.raw) for run in runs) * _BYTE_DOTS


def _spaced(row: list[_Piece]) -> list[Run]:
    runs: list[Run] = []
    for piece in row:
        if runs:
            runs.append(GAP)
        runs += piece.runs
    return runs


GAP = Run(b"  ")
"""Between two columns."""
