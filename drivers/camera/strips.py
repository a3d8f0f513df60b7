"""Owns finding linear codes at any angle: places in a picture where all edges run the same way, turned level and enlarged.

A scan line decoder follows rows and columns only; of 74 oblique photographs it reads half. Bars make a region in which the structure tensor
    J = box( [gx*gx  gx*gy; gx*gy  gy*gy] )      gx, gy: Sobel 3
has one direction (coherence = sqrt((Jxx-Jyy)^2 + 4 Jxy^2) / (Jxx+Jyy) near 1) and much energy; half of atan2(2 Jxy, Jxx-Jyy) is the angle of
the reading direction. Reference: Bigun and Granlund 1987. The thresholds were measured on synthetic phone screens, not on photographs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drivers.camera.symbols import Luma, Point, Quad

COHERENCE = 0.62
ENERGY = 0.22  # of the picture's 92nd percentile
SECTOR = 0.70  # cosine of twice 22.5 degrees: sectors of 45 degrees, every 30
SHARE = 0.0008  # of the searched picture's pixels: smaller regions are letters
WIDEST = 1800  # pixels of a levelled strip before its quiet zones: no code has more than 600 modules, larger pictures are reduced
QUIET = 0.16  # of the width, on each side: quiet zones, and what the estimate cut off


@dataclass(frozen=True, slots=True)
class Strip:
    """Where a linear code may be, in pixels of the whole picture. ``angle``: of the reading direction, radians; 0 is left to right."""

    center: Point
    angle: float
    width: float
    height: float


def find_strips(
    luma: Luma, longest: int = 480, most: int = 4, *, box: int = 13, energy_share: float = ENERGY, sectors: bool = False
) -> list[Strip]:
    """Likely linear codes, the largest first. The search runs on a copy of at most about ``longest`` pixels, reduced by a whole factor.

    ``sectors``: edges are sorted by direction before they are joined, so that bars and the border of their label, or two codes that touch,
    stay apart; six times the joining.
    """
    import cv2
    import numpy as np

    factor = max(1, -(-max(luma.shape) // longest))
    small: Any = luma if factor == 1 else cv2.resize(luma, (luma.shape[1] // factor, luma.shape[0] // factor), interpolation=cv2.INTER_AREA)
    if min(small.shape) < 24:
        return []
    gx = cv2.Sobel(small, cv2.CV_32F, 1, 0, ksize=3)
    gy = cv2.Sobel(small, cv2.CV_32F, 0, 1, ksize=3)
    jxx = cv2.boxFilter(gx * gx, -1, (box, box))
    jyy = cv2.boxFilter(gy * gy, -1, (box, box))
    jxy = cv2.boxFilter(gx * gy, -1, (box, box))
    energy = jxx + jyy
    difference, twice = jxx - jyy, 2 * jxy
    along = cv2.magnitude(difference, twice)
    floor = max(energy_share * float(np.percentile(energy[::4, ::4], 92)), 60.0)
    striped = (along > COHERENCE * energy) & (energy > floor)
    if sectors:
        turns = [math.pi * step / 6 for step in range(6)]
        masks = [striped & (difference * math.cos(2 * turn) + twice * math.sin(2 * turn) > SECTOR * along) for turn in turns]
    else:
        masks = [striped]
    regions = [region for mask in masks for region in _regions(mask.astype(np.uint8), (jxx, jyy, jxy), 15 if sectors else 7)]
    regions.sort(key=lambda region: -region[0])
    return [_enlarged(strip, factor) for _, strip in regions[:most]]


def _regions(mask: Any, tensor: tuple[Any, Any, Any], gap: int) -> list[tuple[int, Strip]]:
    """(area, strip) of the joined parts of a mask, in pixels of the mask."""
    import cv2
    import numpy as np

    jxx, jyy, jxy = tensor
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((gap, gap), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    found = []
    for label in range(1, count):
        left, top, wide, high, area = (int(value) for value in stats[label])
        if area < max(60, SHARE * mask.size):
            continue
        window = (slice(top, top + high), slice(left, left + wide))
        inside = labels[window] == label
        rows, columns = np.nonzero(inside)
        difference = float(jxx[window][inside].sum()) - float(jyy[window][inside].sum())
        angle = 0.5 * math.atan2(2 * float(jxy[window][inside].sum()), difference)
        cos, sin = math.cos(angle), math.sin(angle)
        u0, u1 = (float(value) for value in np.percentile(columns * cos + rows * sin, (1, 99)))
        v0, v1 = (float(value) for value in np.percentile(rows * cos - columns * sin, (3, 97)))
        if u1 - u0 < 12 or v1 - v0 < 3:
            continue
        um, vm = (u0 + u1) / 2 + left * cos + top * sin, (v0 + v1) / 2 + top * cos - left * sin
        found.append((area, Strip((um * cos - vm * sin, um * sin + vm * cos), angle, u1 - u0 + 1, v1 - v0 + 1)))
    return found


def _enlarged(strip: Strip, factor: int) -> Strip:
    x, y = strip.center
    return Strip(((x + 0.5) * factor - 0.5, (y + 0.5) * factor - 0.5), strip.angle, strip.width * factor, strip.height * factor)


def corners(strip: Strip) -> Quad:
    """The strip's corners in the picture, from the start of the code clockwise."""
    cos, sin = math.cos(strip.angle), math.sin(strip.angle)
    x, y, u, v = *strip.center, strip.width / 2, strip.height / 2
    a, b, c, d = ((x + i * cos - j * sin, y + i * sin + j * cos) for i, j in ((-u, -v), (u, -v), (u, v), (-u, v)))
    return a, b, c, d


def strip_at(quad: Quad) -> Strip:
    """The strip that a symbol's corners mark; a symbol that was seen on few lines gets some height."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = quad
    along = ((x1 - x0 + x2 - x3) / 2, (y1 - y0 + y2 - y3) / 2)
    width = math.hypot(*along)
    height = math.hypot(x3 - x0 + x2 - x1, y3 - y0 + y2 - y1) / 2
    center = ((x0 + x1 + x2 + x3) / 4, (y0 + y1 + y2 + y3) / 4)
    return Strip(center, math.atan2(along[1], along[0]), max(width, 8.0), max(height, 0.06 * width, 4.0))


def level(luma: Luma, strip: Strip, *, widest: float = 3.0, wanted: int = 700, quiet: float = QUIET, shear: float = 0.0) -> Luma:
    """The strip cut out, level, with quiet zones, enlarged up to ``widest`` times to at least ``wanted`` pixels. ``shear``: tangent by which
    its bars lean."""
    import cv2
    import numpy as np

    scale = min(widest, max(1.0, wanted / strip.width), WIDEST / strip.width)
    wide = max(16, round(strip.width * (1 + 2 * quiet) * scale))
    high = max(8, round(strip.height * scale))
    cos, sin = math.cos(strip.angle) / scale, math.sin(strip.angle) / scale
    # destination (x, y) -> source: center + (x - wide/2) along + (y - high/2) across, where across leans by the shear
    ax, ay = cos, sin
    bx, by = -sin + shear * cos, cos + shear * sin
    cx = strip.center[0] - ax * wide / 2 - bx * high / 2
    cy = strip.center[1] - ay * wide / 2 - by * high / 2
    matrix = np.array([[ax, bx, cx], [ay, by, cy]], np.float32)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(luma, matrix, (wide, high), flags=flags, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]


def best_shear(strip_luma: Luma, reach: float = 0.14, steps: int = 11) -> float:
    """The lean of the bars in a levelled strip: the shear at which column sums change most, for then no bar smears into its neighbour."""
    import cv2
    import numpy as np

    high, wide = strip_luma.shape
    small: Any = strip_luma if high <= 64 else cv2.resize(strip_luma, (wide, 64), interpolation=cv2.INTER_AREA)
    step = high / small.shape[0]
    best, best_value = 0.0, -1.0
    for shear in np.linspace(-reach, reach, steps):
        matrix = np.array([[1, shear * step, -shear * step * small.shape[0] / 2], [0, 1, 0]], np.float32)
        leaned = cv2.warpAffine(
            small, matrix, (wide, small.shape[0]), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
        )
        change = np.diff(leaned.sum(axis=0, dtype=np.float32))
        value = float((change * change).sum())
        if value > best_value:
            best, best_value = float(shear), value
    return best
