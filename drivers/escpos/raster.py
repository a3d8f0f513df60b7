"""Owns pictures: a line of text drawn from the glyph atlas, codes as bars and modules, and the raster commands that print them.

A picture is rows of whole bytes, one bit a dot, 1 black. White rows are sent as rows one byte wide: that needs no knowledge of the
printer's feed unit, which is a dot on some and half a dot on others. Every command carries at most 4,096 bytes, so that as many NUL bytes
bring a printer back that lost the middle of one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from drivers.escpos.atlas import CELL_DOTS, GETA, GLYPH_ROWS, glyph
from drivers.escpos.charset import CELLS
from drivers.escpos.guard import is_safe
from drivers.escpos.paper import Unprintable

MOST_PAYLOAD = 4096
_BANDS = (24, 23, 22, 21, 20, 19, 18, 17, 16, 13, 11, 7)
_NEIGHBOURS = (0x18, 0x30, 0x11, 0x90, 0x00)  # what a byte of 10h may become: a dot beside its ink, or none


@dataclass(frozen=True, slots=True)
class Picture:
    """``stride`` bytes a row; ``bits`` holds ``height`` rows."""

    stride: int
    height: int
    bits: bytes


def text_picture(
    text: str, stride: int, *, indent: int = 0, bold: bool = False, invert: bool = False, wide: int = 1, tall: int = 1
) -> tuple[Picture, str]:
    """A line of cleaned text as a picture of the paper's width, and the characters that had to be set as 〓. ``indent`` in dots."""
    width = 8 * stride
    line = 0
    x = 0
    lost = ""
    for char in text:
        if glyph(char) is None:
            lost += char
            char = GETA
        line |= _spread(char, width) >> (x if CELLS[char] else max(x - CELL_DOTS, 0))
        x += CELL_DOTS * CELLS[char]
    if bold:
        line |= line >> 1
    bits = line.to_bytes(stride * GLYPH_ROWS, "big")
    rows = [bits[n : n + stride] for n in range(0, len(bits), stride)]
    if wide > 1:
        rows = [_widened(row, wide)[:stride] for row in rows]
    if indent:
        rows = [(int.from_bytes(row, "big") >> indent).to_bytes(stride, "big") for row in rows]
    if invert:
        rows = [bytes(b ^ 0xFF for b in row) for row in rows]
    return Picture(stride, GLYPH_ROWS * tall, b"".join(row * tall for row in rows)), lost


@lru_cache(maxsize=600)
def _spread(char: str, width: int) -> int:
    """The glyph at the left edge of a picture ``width`` dots wide, as one number: a line is then a few shifts and ors."""
    shape = glyph(char)
    if shape is None:
        return 0
    dots = CELL_DOTS * max(shape.cells, 1)
    cells = CELLS[char]
    rows = shape.rows
    if cells and dots != CELL_DOTS * cells:  # the printer's cell rules: draw in the middle of it, or its left part
        room = CELL_DOTS * cells
        rows = tuple(row << (room - dots) // 2 if room > dots else row >> (dots - room) for row in rows)
        dots = room
    return sum(row << ((GLYPH_ROWS - 1 - y) * width + width - dots) for y, row in enumerate(rows))


def _widened(row: bytes, times: int) -> bytes:
    return b"".join(map(_times(times).__getitem__, row))


@lru_cache(maxsize=4)
def _times(times: int) -> list[bytes]:
    return [int("".join(bit * times for bit in f"{byte:08b}"), 2).to_bytes(times, "big") for byte in range(256)]


def bars_picture(bars: str, height: int, stride: int) -> Picture:
    """Bars ("1" black, one character a dot), centred."""
    left = (8 * stride - len(bars)) // 2
    row = int(bars, 2) << (8 * stride - left - len(bars))
    return Picture(stride, height, row.to_bytes(stride, "big") * height)


def modules_picture(rows: list[list[int]], module: int, stride: int) -> Picture:
    """A matrix code, centred, every module exactly ``module`` dots."""
    lines = ["".join("01"[cell] * module for cell in row) for row in rows]
    return Picture(stride, module * len(rows), b"".join(bars_picture(line, module, stride).bits for line in lines))


def commands(picture: Picture, before: bytes = b"") -> bytes:
    """GS v 0 commands that print the picture and are safe behind ``before`` (the bytes sent just before them).

    Where a chance real-time command would arise, the picture is cut into other bands, then moved to the right by up to seven dots, then
    single dots beside its ink are changed. Raises Unprintable when nothing helps.
    """
    tail = before[-2:]
    for shift, band in product(range(8), _BANDS):
        moved = picture if shift == 0 else _shifted(picture, shift)
        if moved is None:
            continue
        body = _banded(moved, band)
        if is_safe(tail + body):
            return body
    changed = _without(picture)
    body = _banded(changed, _BANDS[0])
    if is_safe(tail + body):
        return body
    raise Unprintable("a picture on the slip cannot be sent without a real-time command in it")


def _shifted(picture: Picture, dots: int) -> Picture | None:
    """The picture a little further right; None when ink would be lost."""
    rows = [int.from_bytes(picture.bits[n : n + picture.stride], "big") for n in range(0, len(picture.bits), picture.stride)]
    if any(row & ((1 << dots) - 1) for row in rows):
        return None
    return Picture(picture.stride, picture.height, b"".join((row >> dots).to_bytes(picture.stride, "big") for row in rows))


def _without(picture: Picture) -> Picture:
    """Every 10h that could begin a command, inside a row or over the end of one, gets a neighbouring dot."""
    bits = bytearray(picture.bits)
    for at, byte in enumerate(bits):
        if byte == 0x10 and (at + 1 == len(bits) or bits[at + 1] in {0x04, 0x05, 0x14} or (at + 1) % picture.stride == 0):
            bits[at] = _NEIGHBOURS[0] if at % picture.stride else _NEIGHBOURS[1]
    return Picture(picture.stride, picture.height, bytes(bits))


def _banded(picture: Picture, band: int) -> bytes:
    """Bands of at most ``band`` rows, cut off on the right after their last ink; white rows one byte wide."""
    stride = picture.stride
    rows = [picture.bits[n : n + stride].rstrip(b"\0") for n in range(0, len(picture.bits), stride)]
    band = min(band, MOST_PAYLOAD // stride)
    out = []
    start = 0
    while start < len(rows):
        blank = not rows[start]
        end = start + 1
        limit = 255 if blank else band
        while end < len(rows) and end - start < limit and (not rows[end]) == blank:
            end += 1
        width = max(len(row) for row in rows[start:end]) or 1
        head = b"\x1dv0\x00" + bytes([width & 255, width >> 8, end - start, 0])
        out.append(head + b"".join(row.ljust(width, b"\0") for row in rows[start:end]))
        start = end
    return b"".join(out)
