"""Owns drawing the Code 128 symbols that setting a scanner up needs (calibration, probing): code set B, as SVG. PURE.

Source: ISO/IEC 15417, table 1 (widths of bars and spaces, check character modulus 103, stop pattern).
"""

from __future__ import annotations

# Six widths per value, 0 to 105; the stop pattern has seven.
_WIDTHS = (
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231113222123122123221"
    "223211221132221231213212223112312131311222321122321221312212322112322211212123212321232121111323131123131321"
    "112313132113132311211313231113231311112133112331132131113123113321133121313121211331231131213113213311213131"
    "311123311321331121312113312311332111314111221411431111111224111422121124121421141122141221112214112412122114"
    "122411142112142211241211221114413111241112134111111242121142121241114212124112124211411212421112421211212141"
    "214121412121111143111341131141114113114311411113411311113141114131311141411131211412211214211232"
)
_STOP = "2331112"
_START_B = 104
_QUIET = 12  # modules; the standard asks for 10


def modules(text: str) -> str:
    """The symbol as "1" (bar) and "0" (space), without quiet zones. ValueError for what code set B cannot carry."""
    values = [ord(character) - 32 for character in text]
    if not text or any(not 0 <= value < 95 for value in values):
        raise ValueError(f"code set B carries printable ASCII only, not {text!r}")
    check = (_START_B + sum(place * value for place, value in enumerate(values, 1))) % 103
    widths = "".join(_WIDTHS[6 * value : 6 * value + 6] for value in (_START_B, *values, check)) + _STOP
    return "".join("10"[place % 2] * int(width) for place, width in enumerate(widths))


def svg(text: str, *, module_px: int = 3, height_px: int = 160) -> str:
    """The symbol with quiet zones and the text under it, to show on a screen or to print."""
    pattern = modules(text)
    width = (len(pattern) + 2 * _QUIET) * module_px
    bars = "".join(
        f'<rect x="{(_QUIET + place) * module_px}" y="20" width="{module_px}" height="{height_px}"/>'
        for place, module in enumerate(pattern)
        if module == "1"
    )
    shown = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height_px + 60}" shape-rendering="crispEdges">'
        f'<rect width="100%" height="100%" fill="#fff"/>{bars}'
        f'<text x="50%" y="{height_px + 48}" font-family="monospace" font-size="20" text-anchor="middle">{shown}</text></svg>\n'
    )
