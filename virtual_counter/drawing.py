"""Owns the picture of a slip: dots as a thermal head burns them, on paper with its margins and its cut.

One pixel is one dot. Glyphs come from the 24-dot ROM (`rom_font`) and are doubled as printers double them; what it has not (and the
smaller font B) from a gothic font of the system; without any, from Pillow's own letters, and kanji become boxes with their code.
"""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from virtual_counter import rom_font
from virtual_counter.line import ANK, KANJI
from virtual_counter.paper import Blank, Cell, Code, Picture, Placed, TextLine

if TYPE_CHECKING:
    from PIL import Image, ImageFont

    from virtual_counter.paper import PhysicalSlip

PALETTE = (252, 250, 244), (38, 36, 44), (214, 210, 200)  # paper, burnt, the shadow of an edge
_PAPER, _INK, _EDGE = range(3)
MARGIN = 32  # unprinted dots on either side

_FONTS = (  # Debian's fonts-morisawa-bizud-gothic, fonts-ipaexfont, fonts-vlgothic, fonts-noto-cjk; then what every desktop has
    "/usr/share/fonts/truetype/bizud-gothic/BIZUDGothic-Regular.ttf",
    "/usr/share/fonts/truetype/vlgothic/VL-Gothic-Regular.ttf",
    "/usr/share/fonts/opentype/ipafont-gothic/ipag.ttf",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
)
_SYMBOLS = ("/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",)
_THRESHOLD = 120
_SMALL_THRESHOLD = 96  # thin strokes would break when they shrink
_TAIL = 6  # rows for the edge that the cutter or the tear bar leaves


@lru_cache(maxsize=1)
def font_paths() -> tuple[str, ...]:
    """The fonts that are there, best first; empty on a machine without any."""
    return tuple(path for path in (*_FONTS, *_SYMBOLS) if Path(path).is_file())


@lru_cache(maxsize=16)
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    return ImageFont.truetype(path, size)


@lru_cache(maxsize=64)
def _missing(path: str, size: int) -> bytes:
    return bytes(_font(path, size).getmask("\U0010fffe"))


@lru_cache(maxsize=8192)
def _glyph(char: str, width: int, height: int) -> Image.Image:
    """The ROM's dots of a character: mode L, 255 where it is black."""
    from PIL import Image, ImageDraw

    picture = _from_rom(char, width, height)
    if picture is not None:
        return picture
    picture = Image.new("L", (width, height), 0)
    draw = ImageDraw.Draw(picture)
    size = height if width >= height or width * 2 == height else round(height * 0.95)
    for path in font_paths():
        font = _font(path, size)
        if char != " " and bytes(font.getmask(char)) == _missing(path, size):
            continue
        advance = font.getlength(char)
        draw.text((max((width - advance) / 2, 0), round(height * 0.86)), char, font=font, fill=255, anchor="ls")
        break
    else:
        _stand_in(draw, char, width, height)
    return picture.point(lambda value: 255 if value > _THRESHOLD else 0)


def _from_rom(char: str, width: int, height: int) -> Image.Image | None:
    from PIL import Image

    found = rom_font.glyph(char)
    if found is None:
        return None
    own_width, stride, bits = found
    picture = Image.frombytes("1", (stride * 8, rom_font.ROWS), bits).convert("L").crop((0, 0, own_width, rom_font.ROWS))
    if own_width == width and height == rom_font.ROWS:
        return picture
    if height == rom_font.ROWS:  # a full-width glyph in a half-width cell, or the other way round: centred, as wide as there is room
        cell = Image.new("L", (width, height), 0)
        squeezed = picture if own_width < width else picture.resize((width, height), Image.Resampling.BOX)
        cell.paste(squeezed, ((width - squeezed.width) // 2, 0))
        return cell.point(lambda value: 255 if value > _THRESHOLD else 0)
    smaller = picture.resize((width, height), Image.Resampling.LANCZOS)  # font B
    return smaller.point(lambda value: 255 if value > _SMALL_THRESHOLD else 0)


def rom_glyph(char: str) -> Image.Image:
    """A character as the ROM shows it, 24 dots high and 12 or 24 wide: mode L, 255 where it is black."""
    found = rom_font.glyph(char)
    return _glyph(char, found[0] if found else 12 if char.isascii() else 24, rom_font.ROWS)


def _stand_in(draw: object, char: str, width: int, height: int) -> None:
    """Without a font that has it: ASCII from Pillow's own letters, everything else as a box with its code."""
    from PIL import ImageDraw, ImageFont

    assert isinstance(draw, ImageDraw.ImageDraw)  # noqa: S101  # narrows the type
    plain = ImageFont.load_default()
    if char.isascii():
        draw.text((width // 4, height // 4), char, font=plain, fill=255)
        return
    draw.rectangle((1, 2, width - 2, height - 3), outline=255)
    code = f"{ord(char):04X}"
    if width >= 20:
        draw.text((3, 1), code[:2], font=plain, fill=255)
        draw.text((3, height // 2 - 1), code[2:4], font=plain, fill=255)


def _gaiji(columns: bytes) -> Image.Image:
    """A user-defined kanji: 24 columns of 3 bytes, top bit first."""
    from PIL import Image

    picture = Image.new("L", (24, 24), 0)
    for x in range(24):
        for y in range(24):
            if columns[x * 3 + y // 8] & (0x80 >> y % 8):
                picture.putpixel((x, y), 255)
    return picture


def _cell(cell: Cell) -> Image.Image:
    from PIL import Image, ImageChops, ImageDraw

    base = min((*ANK.values(), *KANJI.values()), key=lambda size: _distance(size, cell))
    picture = _gaiji(cell.glyph) if cell.glyph is not None else _glyph(cell.char, *base)
    if picture.size != (cell.width, cell.height):
        picture = picture.resize((cell.width, cell.height), Image.Resampling.NEAREST)
    if cell.bold:
        shifted = Image.new("L", picture.size, 0)
        shifted.paste(picture, (1, 0))
        picture = ImageChops.lighter(picture, shifted)
    if cell.underline:
        picture = picture.copy()
        ImageDraw.Draw(picture).rectangle((0, cell.height - cell.underline, cell.width - 1, cell.height - 1), fill=255)
    if cell.upside_down:
        picture = picture.rotate(180)
    if cell.rotated and cell.width == cell.height:
        picture = picture.rotate(-90)
    if cell.inverse:
        picture = ImageChops.invert(picture)
    return picture


def _distance(size: tuple[int, int], cell: Cell) -> tuple[int, int]:
    """How badly a ROM glyph of this size scales to the cell: not a whole multiple is worst, then many doublings."""
    across, down = cell.width / size[0], cell.height / size[1]
    uneven = (across % 1 > 0) + (down % 1 > 0)
    wide_wanted = not (cell.char.isascii() or "\uff61" <= cell.char <= "\uff9f" or cell.char in "¥‾")
    wide = size in KANJI.values()
    return (uneven * 2 + (wide != wide_wanted), round(across * down * 10))


def _draw(part: Placed, canvas: Image.Image) -> None:
    """Burns the rows of one item that were printed."""
    from PIL import Image

    item = part.item
    if isinstance(item, Blank):
        return
    band = Image.new("L", (canvas.width - 2 * MARGIN, item.rows), 0)
    match item:
        case TextLine():
            for cell in item.cells:
                band.paste(_cell(cell), (cell.x, item.glyph_rows - cell.height))
            for image in item.images:
                bits = _bits(image)
                band.paste(255, (image.x, item.glyph_rows - image.rows), bits)
        case Picture():
            band.paste(_bits(item), (item.x, 0))
        case Code():
            _draw_code(item, band)
        case _:
            assert_never(item)
    shown = band.crop((0, part.first, band.width, part.first + part.count))
    canvas.paste(_INK, (MARGIN, part.top), shown)


def _bits(picture: Picture) -> Image.Image:
    from PIL import Image

    bits = Image.frombytes("1", (picture.stride * 8, picture.rows // picture.scale_y), picture.data).convert("L")
    if picture.scale_x > 1 or picture.scale_y > 1:
        bits = bits.resize((bits.width * picture.scale_x, picture.rows), Image.Resampling.NEAREST)
    return bits


def _draw_code(code: Code, band: Image.Image) -> None:
    from PIL import Image

    top = code.hri_rows if code.hri_above else 0
    for place, row in enumerate(code.pattern):
        dots = Image.frombytes("L", (len(row), 1), bytes(255 if dot == "1" else 0 for dot in row))
        band.paste(dots.resize((len(row), code.row_height)), (code.x, top + place * code.row_height))
    text = code.text.strip("\x1d")
    left = code.x + (code.width_dots - 12 * len(text)) // 2
    for shown, y in ((code.hri_above, 0), (code.hri_below, top + len(code.pattern) * code.row_height + 2)):
        if shown:
            for place, char in enumerate(text):
                band.paste(_glyph(char, 12, 24), (left + 12 * place, y))


def draw_slip(slip: PhysicalSlip) -> bytes:
    """The slip as PNG: width of the paper, one pixel a dot; the edge is drawn below the last row, so that it hides no ink."""
    from PIL import Image, ImageDraw

    canvas = Image.new("P", (slip.width_dots + 2 * MARGIN, slip.rows + (_TAIL if slip.ending else 1)), _PAPER)
    canvas.putpalette([level for colour in PALETTE for level in colour])
    for part in slip.placed:
        _draw(part, canvas)
    pen = ImageDraw.Draw(canvas)
    for row in slip.splices:
        pen.line((0, row, canvas.width, row), fill=_EDGE, width=2)
    _draw_ending(slip, pen, canvas.width, canvas.height)
    file = io.BytesIO()
    canvas.save(file, "PNG", bits=2)
    return file.getvalue()


def _draw_ending(slip: PhysicalSlip, pen: object, width: int, height: int) -> None:
    from PIL import ImageDraw

    assert isinstance(pen, ImageDraw.ImageDraw)  # noqa: S101  # narrows the type
    if slip.ending == "torn":
        pen.polygon([(0, height), *((x, height - 1 - (x // 6 * 7) % 5) for x in range(0, width + 6, 6)), (width, height)], fill=_EDGE)
    elif slip.complete:
        pen.line((0, height - 1, width, height - 1), fill=_EDGE)
    if slip.ending == "partial":  # the bridge that a partial cut leaves
        pen.rectangle((width // 2 - 4, height - 3, width // 2 + 4, height - 1), fill=_EDGE)
