"""Owns what the paper allows: printable width, resolution, columns; and the error for what cannot be printed on it at all."""

from __future__ import annotations

from dataclasses import dataclass


class Unprintable(ValueError):
    """This slip cannot be printed on this printer, now or later; the message says which part and why. Raised before anything is sent."""


@dataclass(frozen=True, slots=True)
class Paper:
    """The printable area. Font A is 12 by 24 dots, Kanji 24 by 24."""

    width_dots: int
    dpi: int = 203

    @property
    def columns(self) -> int:
        """Cells of font A in a line: 48 on 576 dots, 42 on 512, 32 on 384."""
        return self.width_dots // 12


PITCH = 30
"""Dot rows from one line of text to the next: 30/203 inch is what Japanese models do by themselves (TM-T90, TM-L90); at 180 dpi they are a
sixth of an inch."""

PAPERS = {
    "80mm-203": Paper(576, 203),
    "80mm-180": Paper(512, 180),
    "58mm-203": Paper(384, 203),
    "58mm-203-wide": Paper(420, 203),
    "58mm-180": Paper(360, 180),
}
"""Printable widths seen in practice; sources: the escpos-printer-db profiles and the manuals of TM-T88, TM-m30, TM-T20, POS-58."""
