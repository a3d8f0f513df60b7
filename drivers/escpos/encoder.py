"""Owns the bytes of a slip for one dialect: segments between which the printer may be asked, each ended by a checkpoint.

Native Shift_JIS wherever the printer has the characters. A line that has others is drawn whole (`drivers.escpos.raster`), in the same cells
and at the same pitch; or the printer is taught them (`drivers.escpos.own_characters`), where the settings say that it can be.
Set-up bytes: the recipe of receiptline 3 (ESC @, FS C 1, ESC R 8, ESC t 1, FS .), which Japanese models of all makers accept, and GS P. In
Shift_JIS mode FS & is never sent (it selects JIS); in JIS mode it brackets every run of Kanji.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, assert_never

from drivers.escpos import barcodes, guard
from drivers.escpos.charset import clean, native
from drivers.escpos.dialects import Buzzer, Dialect
from drivers.escpos.layout import Blank, Item, QRCode, Row, lay_out
from drivers.escpos.own_characters import OwnCharacters
from drivers.escpos.paper import PITCH, Paper, Unprintable
from drivers.escpos.raster import Picture, bars_picture, commands, modules_picture, text_picture
from posagent.slips import Checkpoint, Cut, Image, Part, Slip

BAR_ROWS = 80
"""Height of a linear code: 10 mm at 203 dpi."""

CUT = b"\x1dVB\x00"  # GS V 66 0: feed to the cutter, partial cut
RESET = b"\x1b@"
_BUZZ: dict[Buzzer, bytes] = {"": b"", "esc-a": b"\x1b(A\x05\x00ad\x01\x01\x01", "esc-b": b"\x1bB\x01\x02"}
"""Once, 0.1 s. ESC ( A function 97 (TM-U230 specification); ESC B n t, as compatible printers with a buzzer have it."""
VOID_WORDS = "―― 印字中断・この上は無効 VOID ――"
"""Printed below what an interrupted attempt left on the paper, before it is cut off and the slip begins anew."""

_PARTS: tuple[Part, ...] = ("header", "body", "code", "cut")


class Segment(NamedTuple):
    """Bytes that belong together. ``part`` is what is on paper when they have been printed."""

    part: Part
    body: bytes
    rows: int  # dot rows of paper, for the time it takes


class Encoded(NamedTuple):
    """A slip ready to send. ``warnings`` go to the job's record: what was drawn, replaced or changed, never silently."""

    segments: tuple[Segment, ...]
    warnings: tuple[str, ...]

    @property
    def stream(self) -> bytes:
        """Everything, without what the printer is asked in between."""
        return b"".join(segment.body for segment in self.segments)


def set_up(dialect: Dialect, paper: Paper) -> bytes:
    """Brings every mode that we use to a known state, without ESC @ (which would also clear what proves that power was not lost)."""
    kanji = {"sjis": b"\x1cC\x01", "jis": b"\x1cC\x00", "none": b""}[dialect.kanji]
    modes = b"\x1bR\x08\x1bt\x01\x1c." + (b"\x1cS\x00\x00" if kanji else b"") + b"\x1b \x00"
    units = bytes([0x1D, 0x50, paper.dpi, paper.dpi]) if dialect.motion_units else b""  # GS P: a unit is a dot, across and down
    return kanji + modes + units + _spacing(dialect) + b"\x1ba\x00\x1d!\x00\x1bE\x00\x1dB\x00"


def _spacing(dialect: Dialect) -> bytes:
    """ESC 3 where the unit is known; ESC 2, a sixth of an inch or 30 dots, where it may be a dot or half a dot."""
    return bytes([0x1B, 0x33, PITCH]) if dialect.motion_units else b"\x1b2"


def encode(slip: Slip, dialect: Dialect, paper: Paper) -> Encoded:
    """The slip's bytes. Raises Unprintable, and nothing else, for a slip that cannot come out right on this printer."""
    laid = lay_out(slip, paper)
    writer = _Writer(dialect, paper, set_up(dialect, paper))
    for item in laid.items:
        writer.add(item)
    writer.end()
    encoded = Encoded(tuple(writer.segments), (*laid.warnings, *writer.warnings))
    guard.checked(encoded.stream)
    return encoded


def void_strip(dialect: Dialect, paper: Paper) -> bytes:
    """What voids and cuts off the paper of an interrupted attempt."""
    writer = _Writer(dialect, paper, b"\n" + set_up(dialect, paper))  # the line feed ends a line that may have been left half full
    words = clean(VOID_WORDS)
    writer.add(Row(words[: paper.columns // 2 * 2], bold=True) if paper.columns < 36 else Row(words, bold=True))
    writer.add(Cut())
    writer.end()
    return guard.checked(b"".join(segment.body for segment in writer.segments))


class _Writer:
    """Collects the segments of one slip."""

    def __init__(self, dialect: Dialect, paper: Paper, first: bytes) -> None:
        self.segments: list[Segment] = []
        self.warnings: list[str] = []
        self._dialect = dialect
        self._paper = paper
        self._stride = (paper.width_dots + 7) // 8
        self._body = bytearray(first)
        self._rows = 0
        self._tight = False  # ESC 3 24 instead of the usual spacing
        self._own = OwnCharacters(dialect.rom) if dialect.own_characters and dialect.kanji == "sjis" else None

    def add(self, item: Item) -> None:
        """Appends one item of the layout."""
        match item:
            case Row():
                self._row(item)
            case barcodes.Fitted():
                self._barcode(item)
            case QRCode():
                self._qr(item)
            case Image():
                self._image(item)
            case Blank(lines):
                self._spacing(tight=False)
                self._body += b"\n" * lines
                self._rows += PITCH * lines
            case Cut():
                self._spacing(tight=False)
                self._body += CUT + _BUZZ[self._dialect.buzzer]
                self._rows += self._paper.dpi  # head to cutter, about an inch at most
            case Checkpoint(part):
                self._close(part)
            case _:
                assert_never(item)

    def end(self) -> None:
        """What follows the last checkpoint belongs to the cut; a slip that has none is all cut."""
        if self._body:
            self._close("cut")

    def _close(self, part: Part) -> None:
        done = [segment.part for segment in self.segments]
        if done and _PARTS.index(part) <= _PARTS.index(done[-1]):
            last = self.segments.pop()
            self.segments.append(Segment(last.part, last.body + bytes(self._body), last.rows + self._rows))
        else:
            self.segments.append(Segment(part, bytes(self._body), self._rows))
        self._body.clear()
        self._rows = 0

    def _spacing(self, *, tight: bool) -> None:
        """A line's feed is never less than its characters' height, so 24 units join lines whether a unit is a dot or half a dot."""
        if tight != self._tight:
            self._body += b"\x1b3\x18" if tight else _spacing(self._dialect)
            self._tight = tight

    def _row(self, row: Row) -> None:
        text = row.text if row.invert else row.text.rstrip(" ")
        coded = native(text, self._dialect.rom) if self._dialect.kanji != "none" or text.isascii() else native(text, "ascii")
        pitch = 24 * row.tall if row.joined else max(PITCH, 24 * row.tall)
        self._rows += pitch
        if coded is None and self._own is not None and (taught := self._own.line(text)) is not None:
            lessons, coded = taught
            self._body += lessons
        if coded is None:
            self._drawn(row, text, pitch)
            return
        self._spacing(tight=row.joined)
        if text:
            before, after = self._style(row)
            body = coded if self._dialect.kanji != "jis" else _in_jis(text)
            self._body += b" " * row.indent + before + body + after
        self._body += b"\n"

    def _style(self, row: Row) -> tuple[bytes, bytes]:
        before = after = b""
        if row.wide > 1 or row.tall > 1:
            before += bytes([0x1D, 0x21, (row.wide - 1) << 4 | row.tall - 1])
            after += b"\x1d!\x00"
            if self._dialect.kanji_size:
                before += bytes([0x1C, 0x21, 0x04 * (row.wide > 1) | 0x08 * (row.tall > 1)])
                after += b"\x1c!\x00"
        if row.bold:
            before += b"\x1bE\x01"
            after += b"\x1bE\x00"
        if row.invert:
            before += b"\x1dB\x01"
            after += b"\x1dB\x00"
        return before, after

    def _drawn(self, row: Row, text: str, pitch: int) -> None:
        picture, lost = text_picture(
            text, self._stride, indent=12 * row.indent, bold=row.bold, invert=row.invert, wide=row.wide, tall=row.tall
        )
        if lost:
            self.warnings.append(f"no glyph for {' '.join(f'U+{ord(c):04X}' for c in lost)}; set as 〓")
        gap = bytes(picture.stride * (pitch - picture.height))
        self._picture(Picture(picture.stride, pitch, picture.bits + gap))

    def _picture(self, picture: Picture) -> None:
        self._body += commands(picture, self._stride, bytes(self._body[-2:]) or self._before())

    def _before(self) -> bytes:
        return self.segments[-1].body[-2:] if self.segments else b""

    def _barcode(self, code: barcodes.Fitted) -> None:
        self._rows += BAR_ROWS
        if self._dialect.native_codes and code.native:
            self._body += b"\x1ba\x01" + barcodes.command(code, BAR_ROWS) + b"\x1ba\x00"
        else:
            self._picture(bars_picture(code.bars, BAR_ROWS, self._stride))

    def _qr(self, code: QRCode) -> None:
        quiet = 4 * code.module
        self._rows += code.side * code.module + 2 * quiet
        self._picture(Picture(1, quiet, bytes(quiet)))
        value = code.value.encode()
        command = _qr_command(value, code.module)
        if self._dialect.native_codes and guard.is_safe(command):
            self._body += b"\x1ba\x01" + command + b"\x1ba\x00"
        else:
            from drivers.escpos.qr_matrix import matrix

            self._picture(modules_picture(matrix(code.value), code.module, self._stride))
        self._picture(Picture(1, quiet, bytes(quiet)))

    def _image(self, image: Image) -> None:
        width = (image.width + 7) // 8
        left = {"left": 0, "center": (self._paper.width_dots - image.width) // 16, "right": (self._paper.width_dots - image.width) // 8}
        bits = bytes.fromhex(image.rows)
        rows: Iterator[bytes] = (bits[n : n + width] for n in range(0, len(bits), width))
        indented = b"".join((bytes(left[image.align]) + row)[: self._stride] for row in rows)
        self._rows += image.height
        self._picture(Picture(len(indented) // image.height, image.height, indented))


def _qr_command(value: bytes, module: int) -> bytes:
    """GS ( k: model 2, module size, correction M, store, print."""
    store = len(value) + 3
    if store > 0xFFFF:
        raise Unprintable("a QR code cannot hold that much")
    return (
        b"\x1d(k\x04\x001A2\x00" + b"\x1d(k\x03\x001C" + bytes([module]) + b"\x1d(k\x03\x001E1"
        + b"\x1d(k" + store.to_bytes(2, "little") + b"1P0" + value + b"\x1d(k\x03\x001Q0"
    )  # fmt: skip


def _in_jis(text: str) -> bytes:
    """JIS mode: seven-bit Kanji between FS & and FS ., everything else as it is."""
    out = bytearray()
    kanji = False
    for char in text:
        coded = native(char) or b" "
        if (len(coded) == 2) != kanji:
            kanji = not kanji
            out += b"\x1c&" if kanji else b"\x1c."
        out += char.translate({0x301C: "〜"}).encode("iso2022_jp")[3:5] if len(coded) == 2 else coded
    return bytes(out + (b"\x1c." if kanji else b""))
