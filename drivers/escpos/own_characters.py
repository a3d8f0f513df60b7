"""Owns characters that a printer is taught: user-defined Kanji (外字), by which a rare character stands in its line like any other.

    FS 2   1C 32 c1 c2 d1 .. d72    24 columns of three bytes, top to bottom, most significant bit at the top

The printer forgets them at ESC @ and with its power, so each slip teaches what it needs. Source: FS 2 of Epson's ESC/POS reference and
the TM-P60 manual p. 118 (Shift_JIS EC40-EC7E and EC80-EC9E, 94 places); not verified on other makers, therefore a setting.
"""

from __future__ import annotations

from drivers.escpos.atlas import GLYPH_ROWS, Glyph, glyph
from drivers.escpos.charset import CELLS, Rom, native
from drivers.escpos.guard import is_safe

CODES = tuple(bytes([0xEC, low]) for low in (*range(0x40, 0x7F), *range(0x80, 0x9F)))
_DOTS = 24


class OwnCharacters:
    """What one slip has taught the printer so far."""

    def __init__(self, rom: Rom) -> None:
        self._rom: Rom = rom
        self._codes: dict[str, bytes] = {}

    def line(self, text: str) -> tuple[bytes, bytes] | None:
        """What teaches the printer the characters of a cleaned text that it lacks, and the bytes that print the text.

        None where that cannot be: a character of one cell or without a glyph, more than 94 of them, a glyph that holds by chance what a
        printer obeys at reception.
        """
        lessons = body = b""
        for char in text:
            coded = native(char, self._rom) or self._codes.get(char)
            if coded is None:
                shape = glyph(char) if CELLS[char] == 2 else None
                if shape is None or shape.cells != 2 or len(self._codes) == len(CODES):
                    return None
                coded = CODES[len(self._codes)]
                lesson = b"\x1c2" + coded + _columns(shape)
                if not is_safe(lessons + lesson):
                    return None
                self._codes[char] = coded
                lessons += lesson
            body += coded
        return lessons, body


def _columns(shape: Glyph) -> bytes:
    columns = ("".join("1" if row >> (_DOTS - 1 - x) & 1 else "0" for row in shape.rows) for x in range(_DOTS))
    return b"".join(int(column, 2).to_bytes(GLYPH_ROWS // 8, "big") for column in columns)
