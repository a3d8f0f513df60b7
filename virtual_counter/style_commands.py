"""Owns the commands with one parameter that change how later characters look, and the units in which distances are told."""

from __future__ import annotations

from virtual_counter.line import Line
from virtual_counter.profiles import PrinterProfile


class StyleCommands:
    """The interpreter's tables point at these; each takes the command's parameter."""

    def __init__(self, profile: PrinterProfile, line: Line, oddities: list[str], ignored: list[str]) -> None:
        self._profile = profile
        self._line = line
        self._oddities = oddities
        self._ignored = ignored
        self.reset_units()

    # ------------------------------------------------------------ motion units

    def reset_units(self) -> None:
        """Those of the model."""
        self._across_unit, self._down_unit = self._profile.motion_units or (self._profile.dpi, self._profile.dpi)

    def set_units(self, across: int, down: int) -> None:
        """GS P, in units per inch; 0 takes the model's own."""
        self.reset_units()
        self._across_unit = across or self._across_unit
        self._down_unit = down or self._down_unit

    def down(self, n: int) -> int:
        """Dots of so many vertical motion units."""
        return n * self._profile.dpi // self._down_unit

    def across(self, n: int) -> int:
        """Dots of so many horizontal motion units."""
        return n * self._profile.dpi // self._across_unit

    # ------------------------------------------------------------ characters

    def mode(self, n: int) -> None:
        """ESC !."""
        style = self._line.style
        style.font = "B" if n & 1 else "A"
        style.bold = bool(n & 0x08)
        style.ank_scale = (2 if n & 0x20 else 1, 2 if n & 0x10 else 1)
        style.ank_underline = 1 if n & 0x80 else 0

    def size(self, n: int) -> None:
        """GS !: both kinds of character, except where a clone leaves kanji to FS !."""
        self._line.style.ank_scale = ((n >> 4 & 7) + 1, (n & 7) + 1)
        if self._profile.gs_size_kanji:
            self._line.style.kanji_scale = self._line.style.ank_scale

    def bold(self, n: int) -> None:
        """ESC E and ESC G."""
        self._line.style.bold = bool(n & 1)

    def ank_underline(self, n: int) -> None:
        """ESC -: kanji have FS - of their own."""
        self._line.style.ank_underline = n & 3

    def inverse(self, n: int) -> None:
        """GS B."""
        self._line.style.inverse = bool(n & 1)

    def upside_down(self, n: int) -> None:
        """ESC {."""
        self._line.style.upside_down = bool(n & 1)

    def rotate(self, n: int) -> None:
        """ESC V."""
        self._line.style.rotated = bool(n & 3)

    def align(self, n: int) -> None:
        """ESC a: only at the beginning of a line."""
        if self._line.empty and n & 0x0F <= 2:
            self._line.style.align = n & 0x0F
        elif not self._line.empty:
            self._oddities.append("ESC a in the middle of a line has no effect")

    def font(self, n: int) -> None:
        """ESC M."""
        self._line.style.font = "B" if n & 0x0F == 1 else "A"

    def page(self, n: int) -> None:
        """ESC t."""
        self._line.style.page = n

    def country(self, n: int) -> None:
        """ESC R."""
        self._line.style.country = n

    def spacing(self, n: int) -> None:
        """ESC 3."""
        self._line.style.line_spacing = self.down(n)

    def ank_space(self, n: int) -> None:
        """ESC SP."""
        self._line.style.ank_space = self.across(n)

    def kanji_mode_bits(self, n: int) -> None:
        """FS !."""
        self._line.style.kanji_scale = (2 if n & 0x04 else 1, 2 if n & 0x08 else 1)
        self._line.style.kanji_underline = 1 if n & 0x80 else 0

    def kanji_underline(self, n: int) -> None:
        """FS -."""
        self._line.style.kanji_underline = n & 3

    def kanji_quad(self, n: int) -> None:
        """FS W."""
        self._line.style.kanji_scale = (2, 2) if n & 1 else (1, 1)

    def kanji_system(self, n: int) -> None:
        """FS C."""
        system = n & 0x0F
        if self._profile.kanji != "jis":
            self._ignored.append("FS C")
        elif system <= 1 or (system == 2 and self._profile.sjis_2004):
            self._line.style.system = system
        else:
            self._ignored.append(f"FS C {n}")
