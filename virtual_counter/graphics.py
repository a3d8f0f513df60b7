"""Owns what is not text on the paper: bit images, downloaded graphics, bar codes and QR codes, as far as queued commands make them."""

from __future__ import annotations

from collections.abc import Generator

from virtual_counter import barcodes
from virtual_counter.firmware import Firmware
from virtual_counter.line import Line
from virtual_counter.mechanism import Mechanism
from virtual_counter.paper import Code, Picture
from virtual_counter.profiles import PrinterProfile

Commands = Generator[int, bytes, None]

BAND_ROWS = 24  # a raster image is printed while it arrives, so many rows at a time
HRI_ROWS = 26  # human readable text of a bar code with its gap
MAX_SYMBOL = 7089  # digits in the largest QR code

_SYSTEMS = {0: "UPCA", 1: "UPCE", 2: "EAN13", 3: "EAN8", 4: "CODE39", 5: "ITF", 6: "NW7", 7: "CODE93", 8: "CODE128"}


class Graphics:
    """The picture half of the interpreter; its coroutines ask for bytes as the interpreter's do."""

    def __init__(
        self, profile: PrinterProfile, mechanism: Mechanism, firmware: Firmware, line: Line, oddities: list[str], ignored: list[str]
    ) -> None:
        self._profile = profile
        self._mechanism = mechanism
        self._firmware = firmware
        self._line = line
        self._oddities = oddities
        self._ignored = ignored
        self.reset()

    def reset(self) -> None:
        """ESC @."""
        self._height = 162
        self._module = 3
        self._hri = 0
        self._qr_module = 3
        self._qr_level = "L"
        self._qr_data = b""
        self._stored: tuple[int, int, int, int, bytes] | None = None  # stride, rows, scale x, scale y, data

    def hri_place(self, n: int) -> None:
        """GS H."""
        self._hri = n & 3

    def code_height(self, n: int) -> None:
        """GS h."""
        self._height = max(n, 1)

    def code_module(self, n: int) -> None:
        """GS w."""
        if 2 <= n <= 6:
            self._module = n
        else:
            self._oddities.append(f"GS w {n}")

    # ------------------------------------------------------------ bit images

    def raster(self) -> Commands:
        """GS v 0."""
        kind, mode, wl, wh, hl, hh = yield 6
        stride, rows = wl + wh * 256, hl + hh * 256
        if kind != 0x30 or not stride or not rows or stride > 256 or mode & 0x0F > 3:
            self._oddities.append(f"GS v {kind:02X} {mode:02X} {stride} x {rows}")
            return
        across, down = 1 + (mode & 1), 1 + (mode >> 1 & 1)
        if not self._line.empty:
            self._oddities.append("GS v 0 in the middle of a line")
        left = rows
        while left:
            band = min(left, BAND_ROWS)
            data = yield stride * band
            left -= band
            self._picture(stride, data, band, across, down)

    def column_image(self) -> Commands:
        """ESC *: stands in the line like a character."""
        mode, low, high = yield 3
        columns = low + high * 256
        deep = 3 if mode in {32, 33} else 1
        if mode not in {0, 1, 32, 33}:
            self._oddities.append(f"ESC * {mode}")
        data = (yield columns * deep) if columns else b""
        across = 1 if mode in {1, 33} else 2
        rows = deep * 8
        stride = (columns + 7) // 8
        turned = bytearray(stride * rows)
        for x in range(columns):
            for part in range(deep):
                bits = data[x * deep + part]
                for bit in range(8):
                    if bits & (0x80 >> bit):
                        turned[(part * 8 + bit) * stride + x // 8] |= 0x80 >> (x % 8)
        down = 1 if deep == 3 else 3
        if columns:
            self._line.image(Picture(0, stride, bytes(turned), rows * down, across, down), columns * across)

    def _picture(self, stride: int, data: bytes, rows: int, across: int, down: int) -> None:
        width = stride * 8 * across
        if width > self._line.area + 7:
            self._oddities.append(f"image of {width} dots on {self._line.area}: the right side is cut off")
        self._line.block(min(width, self._line.area), lambda x: Picture(x, stride, data, rows * down, across, down))

    def long_graphics(self) -> Commands:
        """GS 8 L: as GS ( L with a four-byte length."""
        name, *size = yield 5
        total = sum(byte << 8 * place for place, byte in enumerate(size))
        if name != 0x4C:
            self._oddities.append(f"GS 8 {name:02X}")
            return
        yield from self.graphics(total)

    def graphics(self, size: int) -> Commands:
        """GS ( L after its length."""
        if size < 2:
            self._oddities.append("GS ( L without function")
            return
        _, function = yield 2
        rest = size - 2
        if function == 112 and rest >= 8:
            head = yield 8
            tone, bx, by, _, wl, wh, hl, hh = head
            stride, rows = (wl + wh * 256 + 7) // 8, hl + hh * 256
            data = (yield rest - 8) if rest > 8 else b""
            if tone != 0x30 or len(data) != stride * rows:
                self._oddities.append(f"GS ( L stores {len(data)} bytes for {stride} x {rows}")
            else:
                self._stored = (stride, rows, bx, by, data)
            return
        body = (yield rest) if rest else b""
        match function:
            case 50 | 2 if self._stored is not None:
                stride, rows, bx, by, data = self._stored
                self._picture(stride, data, rows, bx, by)
                self._stored = None
            case 50 | 2:
                self._oddities.append("GS ( L prints an empty buffer")
            case 80 if self._profile.process_id:
                keys = b"".join(sorted(self._firmware.downloads))
                self._firmware.answer(b"\x37\x73\x40" + keys + b"\x00")
            case 81:
                self._firmware.downloads.clear()
            case 82:
                self._firmware.downloads.pop(body[:2], None)
            case 83 if len(body) >= 8 and self._profile.process_id:
                self._firmware.downloads[body[1:3]] = body[3:]
            case 85 if len(body) >= 4 and body[:2] in self._firmware.downloads:
                stored = self._firmware.downloads[body[:2]]
                stride, rows = (stored[1] + stored[2] * 256 + 7) // 8, stored[3] + stored[4] * 256
                self._picture(stride, stored[6 : 6 + stride * rows], rows, body[2], body[3])
            case _:
                self._ignored.append(f"GS ( L fn {function}")

    # ------------------------------------------------------------ bar codes

    def bar_code(self) -> Commands:
        """GS k, both forms. On a begun line a real printer takes the parameters for text, and so does this one."""
        (system,) = yield 1
        if not self._line.empty:
            self._oddities.append("GS k in the middle of a line: its data are printed as text")
            return
        if system <= 6:
            data = bytearray()
            while True:
                (byte,) = yield 1
                if byte == 0 or len(data) > 255:
                    break
                data.append(byte)
            self._print_code(_SYSTEMS[system], bytes(data))
        elif 65 <= system <= 73:
            (size,) = yield 1
            self._print_code(_SYSTEMS[system - 65], (yield size) if size else b"")
        else:
            self._oddities.append(f"GS k {system}")

    def _print_code(self, symbology: str, data: bytes) -> None:
        try:
            text, pattern = _encode(symbology, data)
        except barcodes.BadBarcode as trouble:
            self._oddities.append(f"{symbology}: {trouble}")
            return
        bars = barcodes.dots(pattern, self._module)
        above, below = bool(self._hri & 1), bool(self._hri & 2)
        rows = self._height + HRI_ROWS * (above + below)
        if len(bars) > self._line.area:
            self._oddities.append(f"{symbology} of {len(bars)} dots on {self._line.area}: nothing printed")
            self._mechanism.feed(rows)
            return
        height = self._height
        self._line.block(len(bars), lambda x: Code(symbology, text, x, (bars,), height, rows, above, below, HRI_ROWS))

    def symbol(self, body: bytes) -> None:
        """GS ( k."""
        if len(body) < 3 or body[0] != 0x31 or not self._profile.qr:
            self._ignored.append(f"GS ( k {body[:2].hex(' ')}")
            return
        match body[1]:
            case 65:
                if body[2] != 50:
                    self._oddities.append(f"QR model {body[2]}")
            case 67 if 1 <= body[2] <= 16:
                self._qr_module = body[2]
            case 69 if 48 <= body[2] <= 51:
                self._qr_level = "LMQH"[body[2] - 48]
            case 80 if 1 <= len(body) - 3 <= MAX_SYMBOL:
                self._qr_data = body[3:]
            case 81:
                self._print_qr()
            case _:
                self._oddities.append(f"GS ( k {body[:3].hex(' ')}")

    def _print_qr(self) -> None:
        if not self._line.empty:
            self._oddities.append("QR code in the middle of a line")
        if not self._qr_data:
            self._oddities.append("QR code without data")
            return
        try:
            modules = barcodes.qr(self._qr_data, self._qr_level)
        except barcodes.BadBarcode as trouble:
            self._oddities.append(str(trouble))
            return
        size = self._qr_module
        width = len(modules) * size
        if width > self._line.area:
            self._oddities.append(f"QR of {width} dots on {self._line.area}: nothing printed")
            self._mechanism.feed(width)
            return
        pattern = tuple(barcodes.dots(row, size) for row in modules)
        text = self._qr_data.decode("utf-8", "backslashreplace")
        self._line.block(width, lambda x: Code("QR", text, x, pattern, size, width))


def _encode(symbology: str, data: bytes) -> tuple[str, str]:
    """(text, pattern) of GS k data."""
    if symbology == "CODE128":
        return barcodes.code128(data)
    text = data.decode("ascii", "backslashreplace")
    makers = {
        "UPCA": barcodes.upca, "UPCE": barcodes.upce, "EAN13": barcodes.ean13, "EAN8": barcodes.ean8, "CODE39": barcodes.code39,
        "ITF": barcodes.itf, "NW7": barcodes.nw7,
    }  # fmt: skip
    if symbology not in makers:
        raise barcodes.BadBarcode("not in this printer")
    return makers[symbology](text)
