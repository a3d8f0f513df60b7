"""Owns the thorough reading of one picture: every code, from any angle, without a deadline. For files; the live camera has `live`.

Linear and matrix codes are asked for separately: reduced copies are what makes QR codes on screens readable (17 of 17 photographs, none
without), and what makes zxing-cpp see EAN numbers that are not there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from drivers.camera.bands import QUICK, band_profiles, read_bands, straighten
from drivers.camera.deblur import GUESSES, deblurred, evened
from drivers.camera.matched import match_ean13
from drivers.camera.strips import ENERGY, Strip, corners, find_strips, level, strip_at
from drivers.camera.symbols import LINEAR, MATRIX, RETAIL, STACKED, Symbol, formats_of, merged, read_all, read_one

if TYPE_CHECKING:
    from drivers.camera.symbols import Luma, Quad

_UNCHECKED = ("ITF", "Codabar", "Code39")
"""Nothing in these symbols notices a wrong or shortened reading."""

_SHORT = (*_UNCHECKED, "EAN8", "UPCE")
"""Symbols that stripes and letters imitate: they must be read again, whole, from their own place."""

_CORRECTED = ("QRCode", "DataMatrix", "Aztec", "PDF417")
"""Symbols with enough error correction that a picture which was made sharp by force cannot be read as another code."""


_ROWS = (*STACKED, "PDF417", "MicroPDF417")
"""Symbols of rows of bars: zxing-cpp reads them level only, as it does linear ones."""


@dataclass(frozen=True, slots=True)
class _Search:
    """How to look for strips: longest side of the searched copy, box of the structure tensor, least energy, directions kept apart."""

    longest: int
    box: int = 13
    energy_share: float = ENERGY
    sectors: bool = False


_SEARCHES = (_Search(480), _Search(960), _Search(480, 9, 0.06, True), _Search(1920, 17), _Search(1280, 13, 0.06, True))
_MOST_STRIPS = 8
_MOST_BANDED = 16
_MATCHED = 3  # strips that are matched as a whole when nothing else read a linear code: half a second each


def read_deep(luma: Luma, formats: Sequence[str] = RETAIL) -> list[Symbol]:
    """Every code in the picture, once each."""
    linear = formats_of([name for name in formats if name in LINEAR])
    matrix = formats_of([name for name in formats if name in MATRIX or name in STACKED])
    found: list[Symbol] = []
    if linear:
        found += [symbol for symbol in read_all(luma, linear, "frame") if _stands(luma, symbol, linear)]
    if matrix:
        found += _matrix(luma, matrix)
    if linear:
        found += _oblique(luma, linear, thorough=not found)
    if not found:
        found += _stacked(luma, [name for name in formats if name in _ROWS])
    if not found and linear:
        found += _oblique(evened(luma), linear, _SEARCHES[:2])
    if not found:
        found += _blurred_matrix(luma, [name for name in formats if name in _CORRECTED])
    if not found and "EAN13" in formats:
        found += _matched(luma)
    return merged([_without_parts(found)])


def _oblique(luma: Luma, formats: Any, searches: Sequence[_Search] = _SEARCHES, *, thorough: bool = True) -> list[Symbol]:
    """Linear codes in strips. ``thorough``: nothing was read yet, so that blurred strips are worth seconds."""
    found: list[Symbol] = []
    tried: list[Strip] = []
    for number, search in enumerate(searches):
        if number and search.longest > 2 * max(luma.shape):
            continue
        strips = find_strips(
            luma, search.longest, _MOST_STRIPS, box=search.box, energy_share=search.energy_share, sectors=search.sectors
        )
        for strip in strips:
            if any(_same_place(strip, other) for other in tried):
                continue
            tried.append(strip)
            symbol = read_one(level(luma, strip), formats, f"level {number}")
            if symbol is None and len(tried) <= (_MOST_BANDED if thorough else 2) and min(strip.width, 4 * strip.height) > 40:
                symbol = read_bands(luma, strip, formats, f"bands {number}")
            if symbol:
                found.append(replace(symbol, quad=corners(strip)))
    return found


def _stacked(luma: Luma, names: Sequence[str]) -> list[Symbol]:
    """Symbols of several rows of bars, at any angle (PDF417 turned by more than ten degrees is read by no plain look)."""
    formats = formats_of(names) if names else None
    for search in (_SEARCHES[0], _SEARCHES[2]) if formats else ():
        for strip in find_strips(luma, search.longest, _MOST_STRIPS, box=search.box, energy_share=search.energy_share, sectors=search.sectors):
            whole = replace(strip, height=1.2 * strip.height)
            if symbol := read_one(level(luma, whole, quiet=0.2), formats, "stacked"):
                return [replace(symbol, quad=corners(whole))]
    return []


def _matched(luma: Luma) -> list[Symbol]:
    """EAN-13 by matching, where bars have melted together: two bands of a strip must give the same number."""
    search = _SEARCHES[2]
    for strip in find_strips(luma, search.longest, _MATCHED, box=search.box, energy_share=search.energy_share, sectors=True):
        if strip.width < 100 or strip.height < 12:
            continue
        profiles = band_profiles(straighten(luma, strip))
        seen: set[str] = set()
        for profile in profiles[1:4]:
            match = match_ean13(profile)
            if match is None:
                continue
            if match.digits in seen:
                upca = match.digits.startswith("0")
                text = match.digits[upca:]
                return [Symbol("UPCA" if upca else "EAN13", text, "E0", match.digits.encode(), corners(strip), "matched")]
            seen.add(match.digits)
    return []


def _matrix(luma: Luma, formats: Any) -> list[Symbol]:
    import cv2
    import numpy as np

    found = read_all(luma, formats, "matrix", downscale=True)
    if found:
        return found
    bordered = np.pad(luma, 24, constant_values=255)
    found = read_all(bordered, formats, "matrix border", downscale=True)
    if not found and max(luma.shape) <= 2000:
        double = cv2.resize(luma, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        found = read_all(double, formats, "matrix double", downscale=True)
    return found


def _blurred_matrix(luma: Luma, names: Sequence[str]) -> list[Symbol]:
    """Matrix codes in a picture as a whole out of focus, or too dark and noisy."""
    formats = formats_of(names) if names else None
    for number, guess in enumerate(GUESSES if formats else ()):
        sharp = deblurred(luma, guess)
        if found := read_all(sharp, formats, f"deblurred {number}"):
            scale = luma.shape[1] / sharp.shape[1]
            return [replace(symbol, quad=_scaled(symbol.quad, scale)) for symbol in found]
    return []


def _scaled(quad: Quad, scale: float) -> Quad:
    a, b, c, d = ((x * scale, y * scale) for x, y in quad)
    return a, b, c, d


def _stands(luma: Luma, symbol: Symbol, formats: Any) -> bool:
    """Whether a symbol is read the same from its own place alone. `read_all` believes two neighbouring rows, which share their errors; a
    strong symbol only falls when its place says something else."""
    strip = strip_at(symbol.quad)
    again = read_one(level(luma, strip), formats, symbol.how)
    if again is None and symbol.format in _SHORT:
        again = read_bands(luma, strip, formats, symbol.how, QUICK)
    if again is None:
        return symbol.format not in _SHORT
    return (again.format, again.text) == (symbol.format, symbol.text)


def _same_place(one: Strip, other: Strip) -> bool:
    distance = math.hypot(one.center[0] - other.center[0], one.center[1] - other.center[1])
    turned = abs(math.sin(one.angle - other.angle))
    near = distance < 0.1 * max(one.width, other.width) and turned < 0.05
    return near and 0.85 < one.width / other.width < 1.18 and 0.7 < one.height / other.height < 1.4


def _without_parts(symbols: list[Symbol]) -> list[Symbol]:
    """Drops readings that are a part of a longer reading of the same kind: a line that left a code of variable length halfway."""
    return [
        symbol
        for symbol in symbols
        if symbol.format not in _UNCHECKED
        or not any(other.format == symbol.format and len(other.text) > len(symbol.text) and symbol.text in other.text for other in symbols)
    ]
