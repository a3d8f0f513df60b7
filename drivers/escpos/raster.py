"""Owns pictures: a line of text drawn from the glyph atlas, codes as bars and modules, and the raster commands that print them.

A picture is rows of whole bytes, one bit a dot, 1 black. White rows are sent as rows one byte wide: that needs no knowledge of the
printer's feed unit, which is a dot on some and half a dot on others. Every command carries at most 4,096 bytes, so that as many NUL bytes
bring a printer back that lost the middle of one.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import NamedTuple

from drivers.escpos.atlas import CELL_DOTS, GETA, GLYPH_ROWS, glyph
from drivers.escpos.charset import CELLS
from drivers.escpos.guard import is_safe
from drivers.escpos.paper import Unprintable

MOST_PAYLOAD = 4096
_MOST_SHAPES = 800
_BANDS = (24, 23, 22, 21, 20, 19, 18, 17, 16, 13, 11, 7)
_NEIGHBOURS = (0x18, 0x30, 0x11, 0x90, 0x00)  # what a byte of 10h may become: a dot beside its ink, or none


class Picture(NamedTuple):
    """``stride`` bytes a row, no more than there is ink in; ``bits`` holds ``height`` rows."""

    stride: int
    height: int
    bits: bytes

    def widened(self, stride: int) -> bytes:
        """The rows, ``stride`` bytes each."""
        return b"".join(self.bits[n : n + self.stride].ljust(stride, b"\0") for n in range(0, len(self.bits), self.stride))


def text_picture(
    text: str, stride: int, *, indent: int = 0, bold: bool = False, invert: bool = False, wide: int = 1, tall: int = 1
) -> tuple[Picture, str]:
    """A line of cleaned text on paper ``stride`` bytes wide, and the characters that had to be set as 〓. ``indent`` in dots."""
    shapes = _shapes(8 * stride)
    line = 0
    x = 0
    lost = ""
    for char in text:
        shape = shapes[char]
        if shape is None:
            lost += char
            char = GETA
            shape = shapes[char] or 0
        cells = CELLS[char]
        line |= shape >> (x if cells else max(x - CELL_DOTS, 0))
        x += CELL_DOTS * cells
    if bold:
        line |= line >> 1
    if indent and wide == 1:  # nothing leaves a row on the right: the layout has seen to that
        line >>= indent
    bits = line.to_bytes(stride * GLYPH_ROWS, "big")
    narrow = stride if invert else min((indent + x * wide + wide + 7) // 8, stride)  # bold is a dot wider
    rows = [bits[n : n + stride] for n in range(0, len(bits), stride)]
    if wide > 1:
        rows = [(int.from_bytes(_widened(row, wide)[:stride], "big") >> indent).to_bytes(stride, "big") for row in rows]
    if invert:
        rows = [bytes(b ^ 0xFF for b in row) for row in rows]
    return Picture(narrow, GLYPH_ROWS * tall, b"".join([row[:narrow] * tall for row in rows])), lost


class _Shapes(dict[str, int | None]):
    """Character -> its glyph at the left edge of a picture ``width`` dots wide, as one number (a line is then a few shifts and ors); None
    when no atlas has it. Forgets all when it has grown to what a busy day needs several times over."""

    def __init__(self, width: int) -> None:
        self._width = width

    def __missing__(self, char: str) -> int | None:
        if len(self) >= _MOST_SHAPES:
            self.clear()
        self[char] = found = _spread(char, self._width)
        return found


@lru_cache(maxsize=4)
def _shapes(width: int) -> _Shapes:
    return _Shapes(width)


def _spread(char: str, width: int) -> int | None:
    shape = glyph(char)
    if shape is None:
        return None
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
    narrow = (left + len(bars) + 7) // 8
    row = int(bars, 2) << (8 * narrow - left - len(bars))
    return Picture(narrow, height, row.to_bytes(narrow, "big") * height)


def modules_picture(rows: list[list[int]], module: int, stride: int) -> Picture:
    """A matrix code, centred, every module exactly ``module`` dots."""
    lines = ["".join("01"[cell] * module for cell in row) for row in rows]
    drawn = [bars_picture(line, module, stride) for line in lines]
    return Picture(drawn[0].stride, module * len(rows), b"".join(line.bits for line in drawn))


def commands(picture: Picture, stride: int, before: bytes = b"") -> bytes:
    """GS v 0 commands that print the picture on paper ``stride`` bytes wide and are safe behind ``before`` (the bytes sent just before them).

    Where a chance real-time command would arise, the picture is cut into other bands, then moved to the right by up to seven dots, then
    single dots beside its ink are changed. Raises Unprintable when nothing helps.
    """
    tail = before[-2:]
    for shift, band in product(range(8), _BANDS):
        moved = picture if shift == 0 else _shifted(picture, shift, stride)
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


def _shifted(picture: Picture, dots: int, stride: int) -> Picture | None:
    """The picture a little further right; None when ink would be lost."""
    wider = min(picture.stride + 1, stride)
    wide = picture.widened(wider)
    rows = [int.from_bytes(wide[n : n + wider], "big") for n in range(0, len(wide), wider)]
    if any(row & ((1 << dots) - 1) for row in rows):
        return None
    return Picture(wider, picture.height, b"".join((row >> dots).to_bytes(wider, "big") for row in rows))


def _without(picture: Picture) -> Picture:
    """Every 10h that could begin a command, inside a row or over the end of one, gets a neighbouring dot."""
    bits = bytearray(picture.bits)
    for at, byte in enumerate(bits):
        if byte == 0x10 and (at + 1 == len(bits) or bits[at + 1] in {0x04, 0x05, 0x14} or (at + 1) % picture.stride == 0):
            bits[at] = _NEIGHBOURS[0] if at % picture.stride else _NEIGHBOURS[1]
    return Picture(picture.stride, picture.height, bytes(bits))


def _banded(picture: Picture, band: int) -> bytes:
    """White rows above and below one byte wide, the rest in bands of at most ``band`` rows."""
    stride, bits = picture.stride, picture.bits
    above = (len(bits) - len(bits.lstrip(b"\0"))) // stride
    below = (len(bits) - len(bits.rstrip(b"\0"))) // stride
    if above == picture.height:
        return _white(above)
    band = min(band, MOST_PAYLOAD // stride)
    out = [_white(above)]
    for start in range(above, picture.height - below, band):
        count = min(band, picture.height - below - start)
        out.append(_command(stride, count, bits[start * stride : (start + count) * stride]))
    return b"".join([*out, _white(below)])


def _white(rows: int) -> bytes:
    return b"".join(_command(1, min(255, rows - start), bytes(min(255, rows - start))) for start in range(0, rows, 255))


def _command(width: int, rows: int, body: bytes) -> bytes:
    return b"\x1dv0\x00" + bytes([width & 255, width >> 8, rows, 0]) + body
