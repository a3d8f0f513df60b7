"""Owns the printer's character ROM where the product ships one: reads the 24-dot atlas that lies beside the drivers as package data.

    file    "PA24" 00 01 | count of blocks u16 | index: count x (block u16, offset u32, length u32), big-endian | blocks
    block   zlib( glyphs of code points block*256 .. +255 )
    glyph   low byte of the code point u8 | cells << 4 | bytes a row (2 or 3) | 24 rows, most significant bit left

Only the file is shared with the drivers, no code. Without the file (or with one of another version) there is simply no ROM.
"""

from __future__ import annotations

import struct
import zlib
from functools import cache
from pathlib import Path

ROWS = 24
_FOLDER = Path(__file__).resolve().parent.parent / "drivers" / "escpos" / "font"
_FILES = ("posagent-24.atlas", "posagent-24-more.atlas")
_MAGIC = b"PA24\x00\x01"


@cache
def glyph(char: str) -> tuple[int, int, bytes] | None:
    """(width in dots: 12 or 24, bytes a row, 24 rows of bits); None when the ROM has no such character."""
    code = ord(char)
    for name in _FILES:
        found = _block(name, code >> 8).get(code & 0xFF)
        if found is not None:
            return found
    return None


@cache
def _index(name: str) -> tuple[bytes, dict[int, tuple[int, int]]]:
    path = _FOLDER / name
    raw = path.read_bytes() if path.is_file() else b""
    if raw[:6] != _MAGIC:
        return b"", {}
    (count,) = struct.unpack_from(">H", raw, 6)
    return raw, {block: (offset, size) for block, offset, size in struct.iter_unpack(">HII", raw[8 : 8 + 10 * count])}


@cache
def _block(name: str, number: int) -> dict[int, tuple[int, int, bytes]]:
    raw, index = _index(name)
    if number not in index:
        return {}
    offset, size = index[number]
    glyphs = zlib.decompress(raw[offset : offset + size])
    found: dict[int, tuple[int, int, bytes]] = {}
    at = 0
    while at < len(glyphs):
        low, shape = glyphs[at], glyphs[at + 1]
        stride, cells = shape & 0x0F, shape >> 4
        if cells:  # glyphs without a cell are drawn over others: a printer's ROM has none
            found[low] = (12 * cells, stride, glyphs[at + 2 : at + 2 + ROWS * stride])
        at += 2 + ROWS * stride
    return found
