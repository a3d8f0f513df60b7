"""Owns what families of printers differ in: characters, codes, widths, and the shape of their answers. Values, no behaviour.

What a single printer can prove (process ids, counters, buffer clearing) is not here: it is asked at connect (`drivers.escpos.probe`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from drivers.escpos.charset import Rom
from drivers.escpos.paper import Paper

Buzzer = Literal["", "esc-a", "esc-b"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One family. ``source`` names the manuals."""

    name: str
    title: str
    source: str
    kanji: Literal["sjis", "jis", "none"] = "sjis"
    rom: Rom = "jis"
    answers: Literal["epson", "seiko"] = "epson"
    native_codes: bool = True  # draws JAN, NW-7, Code 128 and QR itself, dot for dot as asked
    kanji_size: bool = False  # needs FS ! beside GS ! to enlarge Kanji
    motion_units: bool = True  # knows GS P, so that distances can be said in dots
    buzzer: Buzzer = ""  # sounds once behind each slip; by the settings only
    own_characters: bool = False  # can be taught characters (FS 2); by the settings only
    asks: bool = True  # answers at all; False: write-only, nothing is ever asked
    wide: Paper = Paper(576, 203)  # noqa: RUF009 (frozen)
    narrow: Paper = Paper(384, 203)  # noqa: RUF009


DIALECTS = {
    dialect.name: dialect
    for dialect in (
        Dialect("epson", "Epson TM-m30, m50, T20, T82, T83 and their kin (203 dpi)", "Epson ESC/POS reference; TM-m30, TM-T20 manuals",
                narrow=Paper(420, 203)),
        Dialect("epson180", "Epson TM-T88, T70, T90 (180 dpi)", "Epson ESC/POS reference; TM-T88III and IV specifications",
                wide=Paper(512, 180), narrow=Paper(360, 180)),
        Dialect("citizen", "Citizen CT-S, CT-D, CT-E", "Citizen CT-S2000 and CT-S300 command references"),
        Dialect("seiko", "Seiko RP-F10, RP-E10, RP-D10", "receiptio 4 (SII answers); Seiko RP-D10 manual", answers="seiko",
                narrow=Paper(432, 203)),
        Dialect("fujitsu", "Fujitsu FP-1000, FP-2000", "receiptio 4; Fujitsu FP-1000 manual"),
        Dialect("star", "Star TSP, mC-Print in ESC/POS mode", "Star ESC/POS mode specifications", kanji_size=True),
        Dialect("bixolon", "Bixolon SRP (Kanji option)", "Bixolon SRP-350 and SRP-S300 command manuals", kanji_size=True),
        Dialect("clone-jp", "compatible 80 mm printers with a Japanese font", "Rongta 80 mm series command set; HPRT TP80K manual",
                kanji_size=True, native_codes=False, motion_units=False),
        Dialect("clone", "compatible 80 mm printers with a Chinese or no Kanji font", "Xprinter XP-80, HPRT TP80K, POS80B manuals",
                kanji="none", rom="ascii", native_codes=False, motion_units=False),
        Dialect("clone58", "small 58 mm printers that answer nothing", "ZJ-5870, POS-5890 manuals", kanji="none", rom="ascii",
                native_codes=False, motion_units=False, asks=False, wide=Paper(384, 203)),
    )
}  # fmt: skip
