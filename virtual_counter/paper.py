"""Owns the paper: what stands on it, row by row, and which pieces of it left the printer. The oracle of every print test.

Rows count from the first row under the head. A cut falls ``head_to_cutter`` rows *behind* the head, as in a real printer: what was
printed last and not fed out stays on the next slip. Nothing is drawn here; `virtual_counter.drawing` makes the picture on demand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, assert_never

Ending = Literal["full", "partial", "torn", ""]
"""How a piece of paper left the printer; empty: it has not left yet."""

_SERIAL = re.compile(r"\b[0-9A-Za-z]+-[0-9A-Za-z]+-[0-9]{8}-[0-9]+\b")  # store-register-date-number, as our slips carry it
_VOID = re.compile(r"無効|\bVOID\b")
_LEGIBLE_TEXT = 3, 4  # a line of which three quarters of the glyph rows are there can be read
_LEGIBLE_BARS = 8  # a scanner reads bars of this many rows
_LEGIBLE_QR = 9, 10  # error correction does not replace whole missing rows


@dataclass(frozen=True, slots=True)
class Cell:
    """One character on a line; sizes in dots."""

    char: str
    x: int
    width: int  # of the glyph, without spacing
    height: int
    bold: bool = False
    underline: int = 0
    inverse: bool = False
    upside_down: bool = False
    rotated: bool = False
    glyph: bytes | None = None  # a user-defined kanji: 72 bytes, column by column


@dataclass(frozen=True, slots=True)
class Picture:
    """A bit image; every row is ``stride`` bytes, most significant bit left."""

    x: int
    stride: int
    data: bytes
    rows: int
    scale_x: int = 1
    scale_y: int = 1


@dataclass(frozen=True, slots=True)
class TextLine:
    """A printed line: ``rows`` of paper, of which the upper ``glyph_rows`` carry ink. Column images (ESC *) stand among the characters."""

    cells: tuple[Cell, ...]
    glyph_rows: int
    rows: int
    text: str
    images: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class Code:
    """A bar code or QR code that the printer made itself: each string of ``pattern`` is ``row_height`` equal rows of dots."""

    symbology: str  # "EAN13", "EAN8", "UPCA", "UPCE", "CODE39", "ITF", "NW7", "CODE128", "QR"
    text: str
    x: int
    pattern: tuple[str, ...]
    row_height: int
    rows: int
    hri_above: bool = False
    hri_below: bool = False
    hri_rows: int = 0

    @property
    def width_dots(self) -> int:
        """Of the symbol without quiet zones."""
        return len(self.pattern[0])


@dataclass(frozen=True, slots=True)
class Blank:
    """Paper that was fed."""

    rows: int


Item = TextLine | Picture | Code | Blank


@dataclass(frozen=True, slots=True)
class Placed:
    """Rows ``first`` to ``first + count`` of an item, from row ``top`` of the strip."""

    top: int
    item: Item
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class PhysicalSlip:
    """One piece of paper, from cut to cut (or up to the head, for the last one)."""

    number: int  # 1, 2, … in the order in which they were begun
    width_dots: int
    placed: tuple[Placed, ...]
    rows: int
    ending: Ending
    splices: tuple[int, ...]  # rows at which a new roll begins

    @property
    def complete(self) -> bool:
        """It was cut: the printer did all that belongs to it."""
        return self.ending in {"full", "partial"}

    @property
    def lines(self) -> tuple[str, ...]:
        """The legible lines of text, without trailing spaces."""
        return tuple(
            part.item.text.rstrip()
            for part in self.placed
            if isinstance(part.item, TextLine)
            and part.item.cells
            and part.first == 0
            and part.count * _LEGIBLE_TEXT[1] >= part.item.glyph_rows * _LEGIBLE_TEXT[0]
        )

    @property
    def codes(self) -> tuple[Code, ...]:
        """The native bar codes and QR codes that a scanner could still read."""
        found = []
        for part in self.placed:
            if isinstance(part.item, Code):
                if part.item.symbology == "QR":
                    readable = part.count * _LEGIBLE_QR[1] >= part.item.rows * _LEGIBLE_QR[0]
                else:
                    readable = part.count >= min(part.item.rows, _LEGIBLE_BARS + part.item.hri_above * part.item.hri_rows)
                if readable:
                    found.append(part.item)
        return tuple(found)

    def scanned(self) -> tuple[str, ...]:
        """What a decoder reads from the picture, from top to bottom: also codes that were printed as pictures."""
        import io

        import zxingcpp
        from PIL import Image

        with Image.open(io.BytesIO(self.png())) as picture:
            found = zxingcpp.read_barcodes(picture.convert("L"))
        return tuple(code.text for code in sorted(found, key=lambda code: code.position.top_left.y))

    @property
    def serials(self) -> tuple[str, ...]:
        """Every different slip number on it, in the order of printing; two mean that two slips hang together."""
        text = "\n".join((*self.lines, *(code.text for code in self.codes)))
        return tuple(dict.fromkeys(_SERIAL.findall(text)))

    @property
    def serial(self) -> str | None:
        """The first slip number on it."""
        return self.serials[0] if self.serials else None

    @property
    def void(self) -> bool:
        """It says of itself that it is void."""
        return any(_VOID.search(line) for line in self.lines)

    @property
    def blank(self) -> bool:
        """There is no ink on it."""
        return not any(_inked(part.item) for part in self.placed)

    def png(self) -> bytes:
        """Its picture, one pixel a dot, with the look of thermal paper."""
        from virtual_counter.drawing import draw_slip

        return draw_slip(self)


class Paper:
    """The strip between the last cut and the head, and the slips that lie in the tray."""

    def __init__(self, width_dots: int, cutter_rows: int) -> None:
        self._width = width_dots
        self._cutter_rows = cutter_rows
        self._strip: list[Placed] = []
        self._rows = cutter_rows  # the strip begins between cutter and head
        self._splices: list[int] = []
        self._tray: list[PhysicalSlip] = []
        self._given = 0  # the number of the last slip that left
        self._strip.append(Placed(0, Blank(cutter_rows), 0, cutter_rows))

    def add(self, item: Item, first: int, count: int) -> None:
        """The head has printed (or fed) ``count`` more rows of an item."""
        last = self._strip[-1] if self._strip else None
        if last is not None and last.item is item and last.first + last.count == first:
            self._strip[-1] = replace(last, count=last.count + count)
        else:
            self._strip.append(Placed(self._rows, item, first, count))
        self._rows += count

    def new_roll(self) -> None:
        """From here on it is other paper; somebody holds the two pieces together."""
        if self._rows > self._cutter_rows:
            self._splices.append(self._rows)

    def cut(self, kind: Literal["full", "partial"]) -> PhysicalSlip:
        """Severs the strip at the cutter; what is between cutter and head begins the next slip."""
        return self._sever(max(self._rows - self._cutter_rows, 0), kind)

    def tear(self) -> PhysicalSlip:
        """Somebody tears it off at the tear bar, just above the head."""
        slip = self._sever(self._rows, "torn")
        self._strip = [Placed(0, Blank(self._cutter_rows), 0, self._cutter_rows)]
        self._rows = self._cutter_rows
        return slip

    def slips(self) -> list[PhysicalSlip]:
        """Every slip, oldest first; the last one may still hang in the printer (only when there is ink on it)."""
        hanging = self._slip(self._strip, self._rows, "", self._splices)
        return [*self._tray, *([] if hanging.blank else [hanging])]

    def take(self) -> list[PhysicalSlip]:
        """Empties the tray."""
        taken = self._tray
        self._tray = []
        return taken

    def _slip(self, parts: Sequence[Placed], rows: int, ending: Ending, splices: Sequence[int]) -> PhysicalSlip:
        return PhysicalSlip(self._given + 1, self._width, tuple(parts), rows, ending, tuple(splices))

    def _sever(self, at: int, ending: Ending) -> PhysicalSlip:
        gone: list[Placed] = []
        stays: list[Placed] = []
        for part in self._strip:
            before = min(max(at - part.top, 0), part.count)
            if before:
                gone.append(replace(part, count=before))
            if before < part.count:
                stays.append(Placed(part.top + before - at, part.item, part.first + before, part.count - before))
        slip = self._slip(gone, at, ending, [row for row in self._splices if row < at])
        self._given = slip.number
        self._tray.append(slip)
        self._strip, self._rows = stays, self._rows - at
        self._splices = [row - at for row in self._splices if row >= at]
        return slip


def _inked(item: Item) -> bool:
    if isinstance(item, TextLine):
        return bool(item.text.strip() or item.images or any(cell.inverse for cell in item.cells))
    return not isinstance(item, Blank)


def ink_rows(item: Item) -> int:
    """How many rows of it heat the head: for counters and for tests."""
    match item:
        case TextLine():
            return item.glyph_rows
        case Picture() | Code():
            return item.rows
        case Blank():
            return 0
        case _:
            assert_never(item)
