"""Owns the printer's own bar code generator: what GS k and GS ( k turn into bars and modules.

A pattern is a string of "1" (bar) and "0" (space), one character per module of the narrow width; "W" and "w" are a wide bar and a
wide space of the two-width codes, two and a half modules as TM printers print them. `dots` expands a pattern for a module width.
Sources: ISO/IEC 15420 (EAN), 16388 (Code 39), 15417 (Code 128), 16390 (ITF), ANSI/AIM BC3 (NW-7/Codabar), 18004 (QR).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

_L = ("0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111", "0001011")
_R = tuple(code.translate(str.maketrans("01", "10")) for code in _L)
_G = tuple(code[::-1] for code in _R)
_FIRST = ("LLLLLL", "LLGLGG", "LLGGLG", "LLGGGL", "LGLLGG", "LGGLLG", "LGGGLL", "LGLGLG", "LGLGGL", "LGGLGL")
_UPCE = ("GGGLLL", "GGLGLL", "GGLLGL", "GGLLLG", "GLGGLL", "GLLGGL", "GLLLGG", "GLGLGL", "GLGLLG", "GLLGLG")

_C39 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%*"
_NW7 = "0123456789-$:/.+ABCD"
_NW7_WIDE = (
    "0000011", "0000110", "0001001", "1100000", "0010010", "1000010", "0100001", "0100100", "0110000", "1001000",
    "0001100", "0011000", "1000101", "1010001", "1010100", "0010101", "0011010", "0101001", "0001011", "0001110",
)  # fmt: skip
_ITF = ("00110", "10001", "01001", "11000", "00101", "10100", "01100", "00011", "10010", "01010")

_C128 = (
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 123122 123221 223211 "
    "221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 232121 111323 131123 131321 112313 132113 "
    "132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 213113 213311 213131 311123 311321 331121 "
    "312113 312311 332111 314111 221411 431111 111224 111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 "
    "221114 413111 241112 134111 111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 "
    "114113 114311 411113 411311 113141 114131 311141 411131 211412 211214 211232"
)
_C128_STOP = "2331112"


def _word(table: str, place: int) -> str:
    return table.split()[place]


class BadBarcode(ValueError):
    """The data does not fit the symbology: a printer prints nothing (or the bytes as text) for it."""


def dots(pattern: str, module: int) -> str:
    """The pattern as dots: "1" black, "0" white."""
    wide = (5 * module + 1) // 2
    return "".join({"1": "1" * module, "0": "0" * module, "W": "1" * wide, "w": "0" * wide}[sign] for sign in pattern)


def _bars(widths: str) -> str:
    """Element widths, bar first: 1-4 modules, or "n" and "w" for narrow and wide."""
    signs = []
    for place, width in enumerate(widths):
        bar = place % 2 == 0
        signs.append(("W" if bar else "w") if width == "w" else ("1" if bar else "0") * (1 if width == "n" else int(width)))
    return "".join(signs)


def check_digit(digits: str) -> str:
    """The EAN/UPC check digit of the digits before it."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def _checked(digits: str, length: int) -> str:
    if not digits.isdigit() or len(digits) not in {length - 1, length}:
        raise BadBarcode(f"{len(digits)} characters where {length} digits belong")
    body = digits[: length - 1]
    right = body + check_digit(body)
    if len(digits) == length and digits != right:
        raise BadBarcode(f"check digit of {digits} is wrong")  # TM printers print what they computed; a strict one shows the mistake
    return right


def ean13(digits: str) -> tuple[str, str]:
    """(the 13 digits, 95 modules)."""
    text = _checked(digits, 13)
    left = "".join((_L if kind == "L" else _G)[int(digit)] for kind, digit in zip(_FIRST[int(text[0])], text[1:7], strict=True))
    return text, "101" + left + "01010" + "".join(_R[int(digit)] for digit in text[7:]) + "101"


def ean8(digits: str) -> tuple[str, str]:
    """(the 8 digits, 67 modules)."""
    text = _checked(digits, 8)
    return text, "101" + "".join(_L[int(d)] for d in text[:4]) + "01010" + "".join(_R[int(d)] for d in text[4:]) + "101"


def upca(digits: str) -> tuple[str, str]:
    """(the 12 digits, 95 modules)."""
    text = _checked(digits, 12)
    return text, ean13("0" + text)[1]


def upce(digits: str) -> tuple[str, str]:
    """(the 12 digits of the UPC-A number, 51 modules); takes the UPC-A number or its six digits."""
    if len(digits) == 6 and digits.isdigit():  # the six digits that are printed
        d = digits
        body = {"0": d[:2] + d[5] + "0000" + d[2:5], "1": d[:2] + d[5] + "0000" + d[2:5], "2": d[:2] + d[5] + "0000" + d[2:5]}.get(
            d[5], d[:3] + "00000" + d[3:5] if d[5] == "3" else d[:4] + "00000" + d[4] if d[5] == "4" else d[:5] + "0000" + d[5]
        )
        text = _checked("0" + body, 12)
        return text, _upce_bars(d, text[-1])
    text = _checked(digits, 12)
    maker, product = text[1:6], text[6:11]
    if maker[2:] in {"000", "100", "200"} and product.startswith("00"):
        short = maker[:2] + product[2:] + maker[2]
    elif maker[3:] == "00" and product.startswith("000"):
        short = maker[:3] + product[3:] + "3"
    elif maker[4] == "0" and product.startswith("0000"):
        short = maker[:4] + product[4] + "4"
    elif product[:4] == "0000" and product[4] >= "5":
        short = maker + product[4]
    else:
        raise BadBarcode(f"{text} has no short form")
    return text, _upce_bars(short, text[-1])


def _upce_bars(short: str, check: str) -> str:
    kinds = _UPCE[int(check)]
    return "101" + "".join((_L if kind == "L" else _G)[int(d)] for kind, d in zip(kinds, short, strict=True)) + "010101"


def _two_widths(wide: str) -> str:
    return wide.translate(str.maketrans("01", "nw"))


def code39(text: str) -> tuple[str, str]:
    """(the text without its stars, modules)."""
    body = text.strip("*")
    if not body or any(char not in _C39[:-1] for char in body):
        raise BadBarcode(f"{text!r} is not Code 39")
    return body, "0".join(_bars(_word(_C39_ELEMENTS, _C39.index(char))) for char in f"*{body}*")


# Code 39 as element widths, in the order of _C39.
_C39_ELEMENTS = (
    "nnnwwnwnn wnnwnnnnw nnwwnnnnw wnwwnnnnn nnnwwnnnw wnnwwnnnn nnwwwnnnn nnnwnnwnw wnnwnnwnn nnwwnnwnn "
    "wnnnnwnnw nnwnnwnnw wnwnnwnnn nnnnwwnnw wnnnwwnnn nnwnwwnnn nnnnnwwnw wnnnnwwnn nnwnnwwnn nnnnwwwnn "
    "wnnnnnnww nnwnnnnww wnwnnnnwn nnnnwnnww wnnnwnnwn nnwnwnnwn nnnnnnwww wnnnnnwwn nnwnnnwwn nnnnwnwwn "
    "wwnnnnnnw nwwnnnnnw wwwnnnnnn nwnnwnnnw wwnnwnnnn nwwnwnnnn nwnnnnwnw wwnnnnwnn nwwnnnwnn nwnwnwnnn "
    "nwnwnnnwn nwnnnwnwn nnnwnwnwn nwnnwnwnn"
)


def nw7(text: str) -> tuple[str, str]:
    """(the text with its start and stop letters, modules). Lower-case start and stop letters are taken as well."""
    whole = text.upper()
    if len(whole) < 2 or whole[0] not in "ABCD" or whole[-1] not in "ABCD" or any(char not in _NW7[:16] for char in whole[1:-1]):
        raise BadBarcode(f"{text!r} is not NW-7 with its start and stop letters")
    return whole, "0".join(_bars(_two_widths(_NW7_WIDE[_NW7.index(char)])) for char in whole)


def itf(digits: str) -> tuple[str, str]:
    """(the digits, modules)."""
    if not digits.isdigit() or len(digits) % 2:
        raise BadBarcode("ITF takes an even number of digits")
    middle = ""
    for place in range(0, len(digits), 2):
        bars, spaces = (_two_widths(_ITF[int(digit)]) for digit in digits[place : place + 2])
        middle += "".join(bar + space for bar, space in zip(bars, spaces, strict=True))
    return digits, _bars("1111" + middle + "w11")


def code128(raw: bytes) -> tuple[str, str]:
    """(the text, modules) of GS k data: it starts with ``{A``, ``{B`` or ``{C``; code C pairs are raw bytes 0-99 (Epson, GS k m = 73)."""
    if len(raw) < 2 or raw[:1] != b"{" or raw[1:2] not in {b"A", b"B", b"C"}:
        raise BadBarcode("Code 128 does not start with a code set")
    code_set = chr(raw[1])
    values = [103 + "ABC".index(code_set)]
    text = ""
    place = 2
    while place < len(raw):
        byte = raw[place]
        if (byte == 0x7B and code_set != "C") or (byte == 0x7B and place + 1 < len(raw) and raw[place + 1] in b"AB1"):
            if place + 1 >= len(raw):
                raise BadBarcode("Code 128 ends in an open brace")
            sign = chr(raw[place + 1])
            place += 2
            if sign in "ABC":
                values.append({"C": 99, "B": 100, "A": 101}[sign])
                code_set = sign
            elif sign == "{":
                values.append(ord("{") - 32)
                text += "{"
            elif sign == "1":
                values.append(102)
                text += "\x1d"
            elif sign == "S":
                values.append(98)
            else:
                values.append({"2": 97, "3": 96}.get(sign, -1))
            continue
        place += 1
        if code_set == "C":
            if byte > 99:
                raise BadBarcode(f"byte {byte:02X} is no pair of digits in code set C")
            values.append(byte)
            text += f"{byte:02d}"
            continue
        low, high = (0, 0x5F) if code_set == "A" else (0x20, 0x7F)
        if not low <= byte <= high:
            raise BadBarcode(f"byte {byte:02X} is not in code set {code_set}")
        values.append(byte + 64 if byte < 0x20 else byte - 32)
        text += chr(byte)
    if min(values) < 0:
        raise BadBarcode("Code 128 has an unknown function sign")
    check = (values[0] + sum(place * value for place, value in enumerate(values))) % 103
    return text, "".join(_bars(_word(_C128, value)) for value in (*values, check)) + _bars(_C128_STOP)


@lru_cache(maxsize=64)
def qr(raw: bytes, level: str) -> tuple[str, ...]:
    """The modules of a QR code, model 2, one string per row without quiet zone; ``level`` is L, M, Q or H."""
    import zxingcpp

    try:
        content: str | bytes = raw.decode("ascii")
    except UnicodeDecodeError:
        content = raw
    try:
        symbol = zxingcpp.create_barcode(content, zxingcpp.BarcodeFormat.QRCode, ec_level=level)
    except ValueError as trouble:
        raise BadBarcode(f"QR code: {trouble}") from trouble
    flat = bytes(memoryview(cast("Buffer", zxingcpp.write_barcode_to_image(symbol, scale=1, add_quiet_zones=False))).cast("B"))
    side = math.isqrt(len(flat))  # one byte a pixel, 0 black, 255 white
    return tuple("".join("1" if flat[y * side + x] < 128 else "0" for x in range(side)) for y in range(side))
