"""Owns the line under construction: styles, positions, wrapping, alignment. Turns characters into `TextLine`s."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from virtual_counter.mechanism import Mechanism
from virtual_counter.paper import Cell, Item, Picture, TextLine
from virtual_counter.profiles import PrinterProfile

Font = Literal["A", "B"]
ANK = {"A": (12, 24), "B": (9, 17)}
KANJI = {"A": (24, 24), "B": (16, 16)}
TAB_DOTS = 96  # eight characters of font A


@dataclass(slots=True)
class Style:
    """Everything that ESC @ puts back."""

    font: Font = "A"
    ank_scale: tuple[int, int] = (1, 1)  # width, height
    kanji_scale: tuple[int, int] = (1, 1)
    bold: bool = False
    ank_underline: int = 0
    kanji_underline: int = 0
    inverse: bool = False
    upside_down: bool = False
    rotated: bool = False
    align: int = 0  # 0 left, 1 centre, 2 right
    line_spacing: int = 30
    ank_space: int = 0  # dots right of each single-width character
    kanji_space: tuple[int, int] = (0, 0)  # left and right of each kanji
    left_margin: int = 0
    area: int = 0  # width of the printing area; 0 means all
    page: int = 0  # ESC t
    country: int = 0  # ESC R
    system: int = 0  # FS C
    kanji_mode: bool = False  # FS &
    tabs: tuple[int, ...] = field(default=tuple(range(8 * 12, 32 * 96, 8 * 12)))


class Line:
    """The print buffer of standard mode. ``wraps`` counts lines that broke because the next character had no room."""

    def __init__(self, profile: PrinterProfile, mechanism: Mechanism) -> None:
        self._profile = profile
        self._mechanism = mechanism
        self.style = Style(line_spacing=profile.line_spacing, kanji_mode=profile.kanji == "gb18030")
        self.wraps = 0
        self._cells: list[Cell] = []
        self._images: list[Picture] = []
        self._x = 0
        self._text: list[str] = []

    def reset(self) -> None:
        """ESC @: empties the line and puts the style back."""
        self.style = Style(line_spacing=self._profile.line_spacing, kanji_mode=self._profile.kanji == "gb18030")
        self.clear()

    def clear(self) -> None:
        """Forgets what has not been printed."""
        self._cells.clear()
        self._images.clear()
        self._text.clear()
        self._x = 0

    @property
    def empty(self) -> bool:
        """At the beginning of a line."""
        return not self._cells and not self._images and self._x == 0

    @property
    def area(self) -> int:
        """Usable dots right of the left margin."""
        room = self._profile.width_dots - self.style.left_margin
        return min(self.style.area, room) if self.style.area else room

    # ------------------------------------------------------------ characters

    def ank(self, char: str) -> None:
        """A single-width character."""
        style = self.style
        width, height = ANK[style.font]
        across, down = style.ank_scale
        self._put(char, width * across, height * down, 0, style.ank_space * across, style.ank_underline, None)

    def kanji(self, char: str, glyph: bytes | None = None) -> None:
        """A double-width character."""
        style = self.style
        width, height = KANJI[style.font]
        across, down = style.kanji_scale
        left, right = style.kanji_space
        self._put(char, width * across, height * down, left * across, right * across, style.kanji_underline, glyph)

    def _put(self, char: str, width: int, height: int, left: int, right: int, underline: int, glyph: bytes | None) -> None:
        style = self.style
        if self._x + left + width > self.area and self._cells:
            self.wraps += 1
            self.feed(style.line_spacing)
        cell = Cell(
            char, self._x + left, width, height, style.bold, underline, style.inverse, style.upside_down, style.rotated, glyph
        )
        self._cells.append(cell)
        self._text.append(char)
        self._x += left + width + right

    def image(self, picture: Picture, width: int) -> None:
        """A column image: stands where the next character would."""
        self._images.append(replace(picture, x=self._x))
        self._x += width

    # ------------------------------------------------------------ positions

    def tab(self) -> None:
        """HT."""
        for stop in self.style.tabs:
            if stop > self._x:
                self.move_to(stop)
                return

    def move_to(self, x: int) -> None:
        """ESC $ and ESC \\: later characters stand there; the gap counts as spaces in the text."""
        if 0 <= x <= self.area:
            if x > self._x:
                self._text.append(" " * max((x - self._x + 6) // 12, 0))
            self._x = x

    def move_by(self, dots: int) -> None:
        """ESC \\."""
        self.move_to(self._x + dots)

    # ------------------------------------------------------------ to the head

    def feed(self, rows: int) -> None:
        """Prints the line, if there is one, and feeds ``rows`` in all (never less than its characters are high)."""
        if not self._cells and not self._images:
            self._mechanism.feed(rows)
            self.clear()
            return
        high = max(*(cell.height for cell in self._cells), *(image.rows for image in self._images), 0)
        offset = self.offset(self._x)
        cells = tuple(self._cells)
        if offset or self.style.upside_down:
            cells = tuple(replace(cell, x=self._across(cell, offset)) for cell in cells)
        images = tuple(replace(image, x=image.x + offset) for image in self._images)
        self._mechanism.print(TextLine(cells, high, max(rows, high), "".join(self._text), images))
        self.clear()

    def _across(self, cell: Cell, offset: int) -> int:
        """A line that stands on its head begins at the right."""
        x = cell.x + offset
        return 2 * self.style.left_margin + self.area - x - cell.width if cell.upside_down else x

    def offset(self, width: int) -> int:
        """Where something of this width begins, by margin and alignment."""
        spare = max(self.area - width, 0)
        return self.style.left_margin + (0, spare // 2, spare)[self.style.align]

    def block(self, width: int, make: Callable[[int], Item]) -> None:
        """Prints a picture or code of this width where the alignment wants it; text before it comes first."""
        if not self.empty:
            self.feed(self.style.line_spacing)
        self._mechanism.print(make(self.offset(width)))
