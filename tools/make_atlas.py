"""Builds the 24-dot glyph atlases that printed pictures of text are made from, out of Debian's fonts; the result is checked in.

    apt-get install fonts-morisawa-bizud-gothic fonts-unifont fonts-vlgothic
    .venv/bin/python -m tools.make_atlas drivers/escpos/font

`posagent-24.atlas` holds every character of CP932 and JIS X 0213 and the Latin of Europe from BIZ UDGothic; `posagent-24-more.atlas` what
else may stand in a name or a message (Hangul, Thai, Cyrillic, Greek, symbols, emoji, other Chinese characters) from GNU Unifont, whose
16-dot drawings are enlarged by one half, and the rare characters of names that neither has (𠮷) from VL Gothic. Their licences stand in
`drivers/escpos/font/LICENSE.txt`, the files' layout in `drivers/escpos/atlas.py`. Same fonts and same Pillow give the same bytes.
"""

from __future__ import annotations

import struct
import sys
import unicodedata
import zlib
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

BIZ = Path("/usr/share/fonts/truetype/bizud-gothic/BIZUDGothic-Regular.ttf")
UNIFONT = [Path("/usr/share/fonts/opentype/unifont") / name for name in ("unifont_jp.otf", "unifont.otf", "unifont_upper.otf")]
VL = Path("/usr/share/fonts/truetype/vlgothic/VL-Gothic-Regular.ttf")
INK_FROM = 96  # of 255: thin strokes of Kanji survive, counters stay open
Bits = list[list[bool]]


def main() -> int:
    """Writes both atlases to the folder that is named on the command line."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "drivers/escpos/font")
    folder.mkdir(parents=True, exist_ok=True)
    first = outline_glyphs(BIZ, wanted_of_biz())
    write(folder / "posagent-24.atlas", first)
    rare = outline_glyphs(VL, set(range(0x20000, 0x2FA20)) - set(first))
    write(folder / "posagent-24-more.atlas", rare | unifont_glyphs(set(first) | set(rare)))
    return 0


def wanted_of_biz() -> set[int]:
    """CP932, JIS X 0213 and Latin up to Extended-B, by Python's own codecs."""
    wanted = set(range(0x20, 0x7F)) | set(range(0xA1, 0x250)) | {0x2010, 0x2013, 0x2014, 0x20AC}
    for lead in range(0x81, 0x100):
        for trail in range(0x40, 0xFD):
            for codec in ("cp932", "shift_jis_2004"):
                try:
                    wanted.update(map(ord, bytes([lead, trail]).decode(codec)))
                except UnicodeDecodeError:
                    continue
    wanted.update(ord(bytes([kana]).decode("cp932")) for kana in range(0xA1, 0xE0))
    return {c for c in wanted if not 0xE000 <= c < 0xF900 and not unicodedata.combining(chr(c)) and c not in {0xAD, 0x3099, 0x309A}}


def outline_glyphs(path: Path, wanted: set[int]) -> dict[int, tuple[int, Bits]]:
    """Every wanted glyph that the font has; both fonts are 1:2 monospaced, so an advance of half an em is one cell."""
    font = ImageFont.truetype(str(path), 24)
    missing = font.getmask("\U0010fffd").getbbox(), bytes(font.getmask("\U0010fffd"))
    glyphs = {}
    for code in sorted(wanted):
        char = chr(code)
        mask = font.getmask(char)
        if (mask.getbbox(), bytes(mask)) == missing:
            continue
        cells = 1 if font.getlength(char) <= 12 else 2
        canvas = Image.new("L", (12 * cells, 24))
        ImageDraw.Draw(canvas).text((0, 21), char, font=font, fill=255, anchor="ls")
        pixels = canvas.load()
        glyphs[code] = cells, [[pixels[x, y] >= INK_FROM for x in range(12 * cells)] for y in range(24)]
    return glyphs


def unifont_glyphs(have: set[int]) -> dict[int, tuple[int, Bits]]:
    """What BIZ UDGothic lacks: every assigned, visible character of the Basic Multilingual Plane and the emoji blocks."""
    fonts = [ImageFont.truetype(str(path), 16) for path in UNIFONT]
    missing = [bytes(font.getmask("\U0010fffd")) for font in fonts]
    spans = [range(0xA1, 0xD800), range(0xF900, 0xFFFD), range(0x1F000, 0x1FB00), range(0x20000, 0x2A6E0), range(0x2F800, 0x2FA20)]
    glyphs = {}
    for code in (code for span in spans for code in span if code not in have):
        char = chr(code)
        if unicodedata.category(char) in {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"}:
            continue
        for font, none in zip(fonts, missing, strict=True):
            mask = font.getmask(char)
            if bytes(mask) == none:
                continue
            cells = 1 if font.getlength(char) <= 8 else 2
            small = Image.new("L", (8 * cells, 16))
            ImageDraw.Draw(small).text((0, 14), char, font=font, fill=255, anchor="ls")
            pixels = small.load()
            bits = [[pixels[x, y] >= 128 for x in range(8 * cells)] for y in range(16)]
            if any(map(any, bits)):
                glyphs[code] = 0 if unicodedata.category(char) in {"Mn", "Me"} else cells, half_larger(bits)
            break
    return glyphs


def half_larger(bits: Bits) -> Bits:
    """One and a half times as large, keeping edges smooth: three times by the Scale3x rule, then every second dot by majority."""
    height, width = len(bits), len(bits[0])

    def at(x: int, y: int) -> bool:
        return 0 <= x < width and 0 <= y < height and bits[y][x]

    large = [[False] * (3 * width) for _ in range(3 * height)]
    for y in range(height):
        for x in range(width):
            a, b, c = at(x - 1, y - 1), at(x, y - 1), at(x + 1, y - 1)
            d, e, f = at(x - 1, y), at(x, y), at(x + 1, y)
            g, h, i = at(x - 1, y + 1), at(x, y + 1), at(x + 1, y + 1)
            block = [e] * 9
            if b != h and d != f:
                block = [
                    d if d == b else e, b if (d == b and e != c) or (b == f and e != a) else e, f if b == f else e,
                    d if (d == b and e != g) or (d == h and e != a) else e, e, f if (b == f and e != i) or (h == f and e != c) else e,
                    d if d == h else e, h if (d == h and e != i) or (h == f and e != g) else e, f if h == f else e,
                ]  # fmt: skip
            for n, ink in enumerate(block):
                large[3 * y + n // 3][3 * x + n % 3] = ink
    return [
        [sum(large[2 * y + n // 2][2 * x + n % 2] for n in range(4)) >= 2 for x in range(3 * width // 2)] for y in range(3 * height // 2)
    ]


def write(path: Path, glyphs: dict[int, tuple[int, Bits]]) -> None:
    """See `drivers.escpos.atlas` for the layout."""
    blocks: dict[int, list[bytes]] = {}
    for code, (cells, bits) in sorted(glyphs.items()):
        width = 24 if len(bits[0]) > 12 else 16
        rows = b"".join(sum(ink << (width - 1 - x) for x, ink in enumerate(row)).to_bytes(width // 8, "big") for row in bits)
        blocks.setdefault(code >> 8, []).append(bytes([code & 255, cells << 4 | width // 8]) + rows)
    packed = {number: zlib.compress(b"".join(entries), 9) for number, entries in blocks.items()}
    index = b""
    offset = 8 + 10 * len(packed)
    for number, body in packed.items():
        index += struct.pack(">HII", number, offset, len(body))
        offset += len(body)
    path.write_bytes(b"PA24\x00\x01" + struct.pack(">H", len(packed)) + index + b"".join(packed.values()))
    print(f"{path}: {len(glyphs)} glyphs, {offset} bytes")


if __name__ == "__main__":
    sys.exit(main())
