"""Owns linear codes: what may be in them, how wide they come out in dots, their bars, and the bytes that make a printer draw them.

Sources: JIS X 0507 (JAN), JIS X 0506 (NW-7), JIS X 0504 (Code 128); GS k function B and GS w as in Epson's ESC/POS reference, with the element
widths of the TM series (NW-7: thin n, thick 5n/2 rounded up).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from drivers.escpos.paper import Paper, Unprintable
from posagent.slips import Barcode, Symbology

MODULES = (3, 2)
"""Module widths in dots, best first: 0.375 and 0.25 mm at 203 dpi; a hand scanner wants no less."""

_QUIET = {"jan13": 18, "jan8": 14, "nw7": 20, "code128": 20}  # modules on both sides together
_GS_K = {"jan13": 0x43, "jan8": 0x44, "nw7": 0x47, "code128": 0x49}
_L = "0001101 0011001 0010011 0111101 0100011 0110001 0101111 0111011 0110111 0001011".split()  # noqa: SIM905
_PARITY = "LLLLLL LLGLGG LLGGLG LLGGGL LGLLGG LGGLLG LGGGLL LGLGLG LGLGGL LGGLGL".split()  # noqa: SIM905
# Elements of a character, bar and gap in turn: 0 thin, 1 thick.
_NW7_ELEMENTS = (
    "0000011 0000110 0001001 1100000 0010010 1000010 0100001 0100100 0110000 1001000 0001100 0011000 1000101 1010001 1010100 0010101"
    " 0011010 0101001 0001011 0001110"
)
_NW7 = dict(zip("0123456789-$:/.+ABCD", _NW7_ELEMENTS.split(), strict=True))
_128 = (
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231113222123122123221223211221132221231"
    "213212223112312131311222321122321221312212322112322211212123212321232121111323131123131321112313132113132311211313231113231311"
    "112133112331132131113123113321133121313121211331231131213113213311213131311123311321331121312113312311332111314111221411431111"
    "111224111422121124121421141122141221112214112412122114122411142112142211241211221114413111241112134111111242121142121241114212"
    "124112124211411212421112421211212141214121412121111143111341131141114113114311411113411311113141114131311141411131211412211214"
    "211232"
)
_128_STOP = "1100011101011"


class Fitted(NamedTuple):
    """A code that fits. ``bars`` is one character a module or element dot: "1" black, already at ``module`` dots a module."""

    symbology: Symbology
    value: str
    module: int
    bars: str
    native: bool  # whether the printer can draw it itself (Code 128 in set C cannot be trusted on clones)


def fit(code: Barcode, paper: Paper) -> Fitted | None:
    """The largest form that fits the paper with its quiet zones; None where none does (the caller takes a QR code instead)."""
    value = checked(code)
    for compact in (False, True) if code.symbology == "code128" and re.fullmatch(r"\d{4,}", value) else (False,):
        for module in MODULES:
            bars = _bars(code.symbology, value, module, compact=compact)
            if len(bars) + _QUIET[code.symbology] * module <= paper.width_dots:
                return Fitted(code.symbology, value, module, bars, native=not compact)
    return None


def checked(code: Barcode) -> str:
    """The value as it is printed: JAN gets its check digit, or has it verified. Raises Unprintable."""
    value = code.value
    match code.symbology:
        case "jan13" | "jan8":
            length = 13 if code.symbology == "jan13" else 8
            if not re.fullmatch(r"[0-9]+", value) or len(value) not in {length, length - 1}:
                raise Unprintable(f"{code.symbology} needs {length} digits, not {value!r}")
            digit = check_digit(value[: length - 1])
            if len(value) == length and value[-1] != digit:
                raise Unprintable(f"{code.symbology} {value}: the check digit is {digit}, not {value[-1]}")
            return value[: length - 1] + digit
        case "nw7":
            if not re.fullmatch(r"[A-D][0-9\-$:/.+]+[A-D]", value.upper()):
                raise Unprintable(f"NW-7 needs a start and a stop letter A to D and digits or -$:/.+ between, not {value!r}")
            return value.upper()
        case "code128":
            if not re.fullmatch(r"[ -~]{1,80}", value):
                raise Unprintable(f"Code 128 needs 1 to 80 printable ASCII characters, not {value[:90]!r}")
            return value


def check_digit(digits: str) -> str:
    """Modulo 10 with weights 3 and 1 from the right."""
    return str(-sum(int(d) * (3 if n % 2 == 0 else 1) for n, d in enumerate(reversed(digits))) % 10)


def command(code: Fitted, height: int) -> bytes:
    """GS h, GS w, GS H 0 and GS k function B. The caller has ended its line: GS k works on an empty line only."""
    body = code.value.encode("ascii")
    if code.symbology == "code128":
        body = b"{B" + body.replace(b"{", b"{{")
    return bytes([0x1D, 0x68, height, 0x1D, 0x77, code.module, 0x1D, 0x48, 0, 0x1D, 0x6B, _GS_K[code.symbology], len(body)]) + body


def _bars(symbology: Symbology, value: str, module: int, *, compact: bool) -> str:
    match symbology:
        case "jan13":
            parity = _PARITY[int(value[0])]
            left = "".join(_L[int(d)] if side == "L" else _flipped(_L[int(d)])[::-1] for d, side in zip(value[1:7], parity, strict=True))
            modules = f"101{left}01010{''.join(_flipped(_L[int(d)]) for d in value[7:])}101"
        case "jan8":
            modules = f"101{''.join(_L[int(d)] for d in value[:4])}01010{''.join(_flipped(_L[int(d)]) for d in value[4:])}101"
        case "nw7":
            thick = (5 * module + 1) // 2
            return ("0" * module).join("".join("10"[n % 2] * (thick if e == "1" else module) for n, e in enumerate(_NW7[c])) for c in value)
        case "code128":
            modules = _code128(value, compact=compact)
    return "".join(bit * module for bit in modules)


def _flipped(modules: str) -> str:
    return modules.translate({48: "1", 49: "0"})


def _code128(value: str, *, compact: bool) -> str:
    if compact:  # set C, two digits a symbol; an odd last one in set B
        symbols = [105, *(int(value[n : n + 2]) for n in range(0, len(value) - 1, 2))]
        if len(value) % 2:
            symbols += [100, ord(value[-1]) - 32]
    else:
        symbols = [104, *(ord(c) - 32 for c in value)]
    symbols.append((symbols[0] + sum(n * s for n, s in enumerate(symbols[1:], 1))) % 103)
    widths = "".join(_128[6 * s : 6 * s + 6] for s in symbols)
    return "".join("10"[n % 2] * int(w) for n, w in enumerate(widths)) + _128_STOP
