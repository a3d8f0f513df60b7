"""Owns the 24-dot glyphs that pictures of text are made from: reads the two checked-in atlases, block by block, on first use.

`font/posagent-24.atlas` (BIZ UDGothic: CP932, JIS X 0213, European Latin) comes first, `font/posagent-24-more.atlas` (GNU Unifont,
enlarged: Hangul, Thai, Cyrillic, symbols, emoji, other Chinese characters) has the rest; `tools/make_atlas.py` builds both.

    file    "PA24" 00 01 | count of blocks u16 | index: count x (block u16, offset u32, length u32) | blocks
    block   zlib( glyphs of code points block*256 .. +255 )
    glyph   low byte of the code point u8 | cells << 4 | bytes a row (2 or 3) | 24 rows, most significant bit left
"""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path
from struct import iter_unpack, unpack_from
from typing import NamedTuple

GLYPH_ROWS = 24
CELL_DOTS = 12


class Glyph(NamedTuple):
    """``cells`` 0 draws over the character before it. ``rows`` are 24 integers, ``12 * max(cells, 1)`` bits wide."""

    cells: int
    rows: tuple[int, ...]


GETA = "〓"
"""What Japanese printers have always set for a character that is not in the case."""


@cache
def glyph(char: str) -> Glyph | None:
    """The glyph of one character; None when neither atlas has it."""
    number, low = ord(char) >> 8, ord(char) & 255
    for name in ("posagent-24.atlas", "posagent-24-more.atlas"):
        found = _block(name, number).get(low)
        if found is not None:
            return found
    return None


@cache
def _index(name: str) -> tuple[bytes, dict[int, tuple[int, int]]]:
    body = (Path(__file__).parent / "font" / name).read_bytes()
    if body[:6] != b"PA24\x00\x01":
        raise ValueError(f"{name} is not a glyph atlas of this version; tools/make_atlas.py builds it")
    (count,) = unpack_from(">H", body, 6)
    return body, {number: (offset, length) for number, offset, length in iter_unpack(">HII", body[8 : 8 + 10 * count])}


@cache
def _block(name: str, number: int) -> dict[int, Glyph]:
    body, index = _index(name)
    if number not in index:
        return {}
    offset, length = index[number]
    glyphs = zlib.decompress(body[offset : offset + length])
    found = {}
    at = 0
    while at < len(glyphs):
        low, shape = glyphs[at], glyphs[at + 1]
        cells, width = shape >> 4, shape & 15
        spare = 8 * width - CELL_DOTS * (2 if width == 3 else 1)
        rows = glyphs[at + 2 : at + 2 + GLYPH_ROWS * width]
        found[low] = Glyph(cells, tuple(int.from_bytes(rows[n : n + width], "big") >> spare for n in range(0, len(rows), width)))
        at += 2 + GLYPH_ROWS * width
    return found
