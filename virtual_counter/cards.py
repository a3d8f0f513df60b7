"""Owns pictures of member codes as a camera meets them: plastic cards and phone apps, drawn flat. `scene` puts them before a lens."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

from virtual_counter import barcodes
from virtual_counter.drawing import font_paths, rom_glyph

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

Symbology = Literal["JAN13", "JAN8", "NW7", "CODE128", "CODE39", "ITF", "QR"]

CARD_SIZE = 1012, 638  # ISO/IEC 7810 ID-1 at 300 dpi
PHONE_SIZE = 1080, 1900
_GREEN, _CREAM, _GOLD, _DARK = (18, 74, 62), (250, 246, 236), (214, 178, 92), (22, 24, 30)


def _bars(symbology: Symbology, text: str) -> str:
    """The bar code's pattern for `barcodes.dots`. Raises BadBarcode for what the symbology cannot hold."""
    match symbology:
        case "JAN13":
            return barcodes.ean13(text)[1]
        case "JAN8":
            return barcodes.ean8(text)[1]
        case "NW7":
            return barcodes.nw7(text)[1]
        case "CODE39":
            return barcodes.code39(text)[1]
        case "ITF":
            return barcodes.itf(text)[1]
        case "CODE128" if text.isascii() and text.isdigit() and len(text) % 2 == 0:  # app makers' libraries pack pairs of digits
            return barcodes.code128(b"{C" + bytes(int(text[place : place + 2]) for place in range(0, len(text), 2)))[1]
        case "CODE128":
            if not text.isascii():
                raise barcodes.BadBarcode(f"{text!r} is not ASCII")
            return barcodes.code128(b"{B" + text.replace("{", "{{").encode("ascii"))[1]
        case "QR":
            raise barcodes.BadBarcode("a QR code has no bars")


def _pixels(symbology: Symbology, text: str, width: int, height: int) -> tuple[tuple[str, ...], int]:
    """(rows of pixels, "1" black; how often each row is repeated): the largest whole module size that leaves the quiet zones."""
    if symbology == "QR":
        rows = barcodes.qr(text.encode(), "M")
        size = min(width, height) // (len(rows) + 8)
        if size >= 1:
            return tuple(barcodes.dots(row, size) for row in rows), size
    else:
        bars = _bars(symbology, text)
        for module in range(12, 0, -1):
            row = barcodes.dots(bars, module)
            if len(row) + 20 * module <= width:
                return (row,), height
    raise barcodes.BadBarcode(f"{symbology} {text!r} has no room in {width} pixels")


def paste_code(symbology: Symbology, text: str, canvas: Image.Image, box: tuple[int, int, int, int]) -> None:
    """Draws the code black on white into a box with its quiet zone, every module a whole number of pixels."""
    from PIL import Image

    left, top, right, bottom = box
    width, height = right - left, bottom - top
    rows, repeat = _pixels(symbology, text, width, height)
    code = Image.frombytes("L", (len(rows[0]), len(rows)), bytes(0 if dot == "1" else 255 for row in rows for dot in row))
    code = code.resize((code.width, code.height * repeat), Image.Resampling.NEAREST)
    canvas.paste((255, 255, 255), box)
    canvas.paste(code, (left + (width - code.width) // 2, top + (height - code.height) // 2))


def _write(pen: ImageDraw.ImageDraw, at: tuple[int, int], text: str, size: int, fill: tuple[int, int, int], anchor: str = "la") -> None:
    from PIL import ImageFont

    paths = font_paths()
    if paths:
        pen.text(at, text, font=ImageFont.truetype(paths[0], size), fill=fill, anchor=anchor)
        return
    strip = _from_dots(text, size)
    left = at[0] - {"l": 0, "m": strip.width // 2, "r": strip.width}[anchor[0]]
    top = at[1] - {"a": 0, "m": strip.height // 2}[anchor[1]]
    pen.bitmap((left, top), strip, fill=fill)


def _from_dots(text: str, size: int) -> Image.Image:
    """On a machine without fonts: the printer's glyphs, enlarged."""
    from PIL import Image

    cells = [rom_glyph(char) for char in text]
    line = Image.new("L", (sum(cell.width for cell in cells) or 1, 24), 0)
    x = 0
    for cell in cells:
        line.paste(cell, (x, 0))
        x += cell.width
    return line.resize((max(line.width * size // 24, 1), size), Image.Resampling.BICUBIC)


def _spaced(symbology: Symbology, text: str) -> str:
    """The number as people read it out: in fours."""
    if symbology in {"NW7", "CODE128"} and text.isalnum() and len(text) >= 12:
        return " ".join(text[place : place + 4] for place in range(0, len(text), 4))
    return text


def card_picture(symbology: Symbology, text: str, shop: str = "喫茶ポサージュ") -> Image.Image:
    """A plastic member card, seen from above."""
    from PIL import Image, ImageDraw

    width, height = CARD_SIZE
    card = Image.new("RGB", CARD_SIZE, _GREEN)
    pen = ImageDraw.Draw(card)
    for y in range(height):  # a print that is a little lighter at the top
        lift = 26 * (height - y) // height
        pen.line((0, y, width, y), fill=(_GREEN[0] + lift, _GREEN[1] + lift, _GREEN[2] + lift))
    for place in range(9):  # guilloche
        pen.ellipse((560 + place * 22, -240 + place * 14, 1180 + place * 22, 300 + place * 14), outline=(46, 112, 96), width=2)
    _write(pen, (56, 48), shop, 58, _CREAM)
    _write(pen, (58, 124), "MEMBER'S CARD", 28, _GOLD)
    pen.rectangle((0, 196, width, 200), fill=_GOLD)
    if symbology == "QR":
        paste_code(symbology, text, card, (640, 230, 964, 554))
        _write(pen, (56, 300), "会員証", 48, _CREAM)
        _write(pen, (56, 380), "レジでこの面を", 34, _CREAM)
        _write(pen, (56, 424), "ご提示ください", 34, _CREAM)
    else:
        pen.rounded_rectangle((56, 240, 956, 520), 18, fill=(255, 255, 255))
        paste_code(symbology, text, card, (76, 262, 936, 446))
        _write(pen, (width // 2, 484), _spaced(symbology, text), 40, (20, 20, 20), "mm")
    _write(pen, (56, 580), "裏面の規約をお読みください", 22, (160, 190, 178))
    mask = Image.new("L", CARD_SIZE, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, width - 1, height - 1), 40, fill=255)
    card.putalpha(mask)
    return card


def phone_picture(symbology: Symbology, text: str, *, dark: bool = False, points: int = 1_240, shop: str = "喫茶ポサージュ") -> Image.Image:
    """A phone with the member page of a shop's app; ``dark`` keeps the code black on white, as app makers should."""
    from PIL import Image, ImageDraw

    width, height = PHONE_SIZE
    ground, ink, soft, panel = ((14, 15, 18), (236, 236, 238), (140, 142, 150), (34, 36, 42)) if dark else (
        (246, 246, 248), (28, 30, 34), (120, 124, 132), (255, 255, 255))  # fmt: skip
    phone = Image.new("RGB", PHONE_SIZE, ground)
    pen = ImageDraw.Draw(phone)
    _write(pen, (70, 44), "12:34", 40, ink)
    pen.rounded_rectangle((900, 50, 970, 84), 8, outline=ink, width=3)
    pen.rectangle((906, 56, 950, 78), fill=ink)
    pen.rectangle((0, 120, width, 270), fill=_GREEN)
    _write(pen, (width // 2, 196), shop, 56, _CREAM, "mm")
    pen.rounded_rectangle((60, 320, 1020, 560), 28, fill=panel)
    _write(pen, (110, 352), "ポイント残高", 36, soft)
    _write(pen, (110, 420), f"{points:,}", 104, ink)
    _write(pen, (110 + 58 * len(f"{points:,}") + 20, 462), "P", 56, soft)
    _write(pen, (970, 500), "ゴールド会員", 36, _GOLD, "ra")
    pen.rounded_rectangle((60, 600, 1020, 1500), 28, fill=(255, 255, 255))
    _write(pen, (width // 2, 664), "レジでご提示ください", 42, (60, 62, 68), "mm")
    if symbology == "QR":
        paste_code(symbology, text, phone, (210, 720, 870, 1380))
    else:
        paste_code(symbology, text, phone, (80, 800, 1000, 1160))
        _write(pen, (width // 2, 1230), _spaced(symbology, text), 50, (20, 20, 20), "mm")
    _write(pen, (width // 2, 1440), "会員番号は店員にもお伝えいただけます", 32, (120, 124, 132), "mm")
    pen.line((0, 1720, width, 1720), fill=soft, width=2)
    for place, word in enumerate(("ホーム", "会員証", "クーポン", "お店")):
        _write(pen, (135 + place * 270, 1790), word, 36, _GREEN if place == 1 and not dark else soft, "mm")
    body = Image.new("RGB", (width + 60, height + 120), _DARK)
    body.paste(phone, (30, 60))
    mask = Image.new("L", body.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, body.width - 1, body.height - 1), 110, fill=255)
    body.putalpha(mask)
    return body


def draw_card(symbology: Symbology, text: str) -> bytes:
    """PNG of a card on the counter, straight and well lit: 1280 by 720."""
    from virtual_counter.scene import photograph

    return photograph(card_picture(symbology, text), share=62, seed=0, condition="clean")


def draw_phone(symbology: Symbology, text: str, seed: int = 0, condition: str = "clean") -> bytes:
    """PNG of a phone before the register's camera, 1280 by 720. ``condition`` is one of `scene.CONDITIONS`; the same seed draws the same
    picture. Raises ValueError for an unknown condition, BadBarcode for text that the symbology cannot hold."""
    from virtual_counter.scene import photograph

    phone = phone_picture(symbology, text, dark=condition == "dark")
    return photograph(phone, share=44, seed=seed, condition=condition)




def png_bytes(picture: Image.Image) -> bytes:
    """A picture as the bytes of a PNG file: what `camera.Camera.show` takes."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
