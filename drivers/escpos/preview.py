"""Owns the picture of a slip without a printer: the layout drawn dot for dot from the glyph atlas, as a PNG."""

from __future__ import annotations

import struct
import zlib
from typing import assert_never

from drivers.escpos.barcodes import Fitted
from drivers.escpos.dialects import Dialect
from drivers.escpos.encoder import BAR_ROWS, encode
from drivers.escpos.layout import Blank, Item, QRCode, Row, lay_out
from drivers.escpos.paper import PITCH, Paper
from drivers.escpos.qr_matrix import matrix
from drivers.escpos.raster import Picture, bars_picture, modules_picture, text_picture
from posagent.ports import Preview
from posagent.slips import Checkpoint, Cut, Image, Slip

_MARGIN = 24  # dots of white around: the paper's edges
_MARGIN_BYTES = _MARGIN // 8


def preview(slip: Slip, dialect: Dialect, paper: Paper) -> Preview:
    """The slip on this paper and the bytes for this dialect. Raises Unprintable (a ValueError)."""
    encoded = encode(slip, dialect, paper)
    return Preview(draw(slip, paper), encoded.stream, encoded.warnings)


def draw(slip: Slip, paper: Paper) -> bytes:
    """The slip as a PNG, one pixel a dot."""
    stride = (paper.width_dots + 7) // 8
    pictures = [_picture(item, paper, stride) for item in lay_out(slip, paper).items]
    side = bytes(_MARGIN_BYTES)
    wide = stride + 2 * _MARGIN_BYTES
    rows = [bytes(wide)] * _MARGIN
    for picture in pictures:
        rows += [side + picture.bits[n : n + stride] + side for n in range(0, len(picture.bits), stride)]
    rows += [bytes(wide)] * _MARGIN
    return png(8 * wide, rows)


def png(width: int, rows: list[bytes]) -> bytes:
    """A black and white PNG; 1 is black, as on paper."""
    body = b"".join(b"\0" + bytes(byte ^ 0xFF for byte in row) for row in rows)
    parts = (b"IHDR", struct.pack(">IIBBBBB", width, len(rows), 1, 0, 0, 0, 0)), (b"IDAT", zlib.compress(body, 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk)) + kind + chunk + struct.pack(">I", zlib.crc32(kind + chunk)) for kind, chunk in parts
    )


def _picture(item: Item, paper: Paper, stride: int) -> Picture:
    match item:
        case Row():
            drawn, _ = text_picture(
                item.text, stride, indent=12 * item.indent, bold=item.bold, invert=item.invert, wide=item.wide, tall=item.tall
            )
            gap = 0 if item.joined else max(PITCH - drawn.height, 0)
            return Picture(stride, drawn.height + gap, drawn.widened(stride) + bytes(stride * gap))
        case Fitted():
            return Picture(stride, BAR_ROWS, bars_picture(item.bars, BAR_ROWS, stride).widened(stride))
        case QRCode():
            drawn = modules_picture(matrix(item.value), item.module, stride)
            quiet = bytes(stride * 4 * item.module)
            return Picture(stride, drawn.height + 8 * item.module, quiet + drawn.widened(stride) + quiet)
        case Image():
            width = (item.width + 7) // 8
            left = {"left": 0, "center": (paper.width_dots - item.width) // 16, "right": (paper.width_dots - item.width) // 8}[item.align]
            bits = bytes.fromhex(item.rows)
            rows = (bytes(left) + bits[n : n + width] for n in range(0, len(bits), width))
            return Picture(stride, item.height, b"".join(row[:stride].ljust(stride, b"\0") for row in rows))
        case Blank(lines):
            return Picture(stride, PITCH * lines, bytes(stride * PITCH * lines))
        case Checkpoint() | Cut():
            return Picture(stride, 0, b"")
        case _:
            assert_never(item)
