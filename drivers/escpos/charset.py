"""Owns characters as a Japanese slip printer sees them: what is cleaned away, how many cells one takes, which bytes print it.

Bytes are Shift_JIS under `FS C 1` and `ESC R 8` (5C prints ¥, 7E prints an overline): JIS X 0208 and half-width kana, lead bytes 81-9F and
E0-EF only, which every Kanji model prints. What lies outside has no bytes here; the encoder draws its line instead. The width of a
character in cells is the length of its bytes, which settles the characters of ambiguous width (± × ° α ① ―) as the printer does.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Rom = Literal["ascii", "jis", "row13", "nec"]
"""What the printer's own font has: no Kanji; JIS X 0208; also NEC row 13 (① ㈱ №); also the NEC-selected rows 89-92 (髙 﨑)."""

# Controls, surrogates, zero-width and bidirectional marks, variation selectors, skin tones, tags: never printed, some dangerous.
_UNWANTED = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\uffff\ud800-\udfff\U0001f3fb-\U0001f3ff\U000e0000-\U000e0fff]"
)
_SPACES = re.compile("[\t\x0b\x0c\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f]")

# One way to write what Unicode writes in several; the right side encodes as Shift_JIS.
_SAME = str.maketrans(
    {"\\": "＼", "~": "〜", "～": "〜", "—": "―", "–": "−", "－": "−", "∥": "‖", "￠": "¢", "￡": "£", "￢": "¬", "•": "・", "‐": "-", "‑": "-"}
)


def clean(text: str) -> str:
    """NFC, with everything removed that must not reach paper; line breaks stay, other spaces become plain ones."""
    if text.isascii() and text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", _UNWANTED.sub("", _SPACES.sub(" ", text)))


def native(text: str, rom: Rom = "jis") -> bytes | None:
    """The bytes that print a cleaned text from the printer's own font; None when the font lacks one of its characters."""
    same = text.translate(_SAME)
    if rom == "ascii":
        return same.replace("¥", "\\").encode("ascii") if all(c == "¥" or (" " <= c < "\x7f" and c != "\\") for c in same) else None
    try:
        return same.encode("shift_jis")
    except UnicodeEncodeError:
        if rom == "jis":
            return None
    found = b""
    for char in same:
        coded = _beyond(char, rom)
        if coded is None:
            return None
        found += coded
    return found


def _beyond(char: str, rom: Rom) -> bytes | None:
    try:
        return char.encode("shift_jis")
    except UnicodeEncodeError:
        try:
            coded = char.encode("cp932")
        except UnicodeEncodeError:
            return None
    return coded if coded[0] == 0x87 or (rom == "nec" and coded[0] in {0xED, 0xEE}) else None


class _Cells(dict[str, int]):
    """Cells of a character, computed once each."""

    def __missing__(self, char: str) -> int:
        cells = _cells(char)
        self[char] = cells
        return cells


CELLS = _Cells()
"""character -> 0 (combining), 1 or 2 cells; the largest table is all of Unicode that a shop ever printed."""


def width(text: str) -> int:
    """Cells of a cleaned text without line breaks."""
    return len(text) if text.isascii() and "\\" not in text and "~" not in text else sum(map(CELLS.__getitem__, text))


def _cells(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    try:
        return len(char.translate(_SAME).encode("shift_jis"))
    except UnicodeEncodeError:
        pass
    try:
        return len(char.encode("cp932"))
    except UnicodeEncodeError:
        return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
