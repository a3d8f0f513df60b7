"""Owns reading EAN-13 and UPC-A from a line so blurred that bars have melted into each other: the whole symbol is matched, not its edges.

    hypothesis   left edge, right edge, and how unevenly the 95 modules lie between them (perspective, a curved surface)
    digit        9 modules: its own seven and the one on each side, whose colour the symbology fixes; compared by normalised correlation,
                 which no gradual light disturbs, with all templates, drawn with the same blur
    number       the best sum over twelve digits among those whose parities spell a first digit and whose check digit is right

A number counts when it is far ahead of the next best valid number, and every digit fits. Structure of the symbol: ISO/IEC 15420.
Correlating whole characters instead of measuring edges follows the idea of Gallo and Manduchi (2011), the search is our own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

MODULES = 95
FINE = 4  # samples per module
SIGMAS = (0.5, 0.9, 1.3)  # blur in modules
BENDS = (-0.08, -0.04, 0.0, 0.04, 0.08)
FIT = 0.90  # mean correlation of the twelve digits
WORST = 0.72  # of any digit
AHEAD = 0.25  # of the next best valid number, in summed correlation
_MOST = 4000  # hypotheses per orientation
_REFINED = 8

_L = ("0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111", "0001011")
_PARITIES = ("LLLLLL", "LLGLGG", "LLGGLG", "LLGGGL", "LGLLGG", "LGGLLG", "LGGGLL", "LGLGLG", "LGLGGL", "LGGLGL")


@dataclass(frozen=True, slots=True)
class Match:
    """``digits``: thirteen. ``fit``: mean correlation; ``ahead``: distance to the next best valid number."""

    digits: str
    fit: float
    ahead: float


def match_ean13(profile: Any) -> Match | None:
    """The number in a line of grey values (bars dark), in either direction; None when no number stands out."""
    matches = [found for line in (profile, profile[::-1]) if (found := _best(line))]
    best = max(matches, key=lambda found: found.fit, default=None)
    if best is None or (len(matches) == 2 and matches[0].digits != matches[1].digits and abs(matches[0].fit - matches[1].fit) < 0.02):
        return None
    return best


def _best(profile: Any) -> Match | None:
    import numpy as np

    places = _hypotheses(profile)
    if places is None:
        return None
    # Each blur is judged by its own number: the strongest smooths everything alike and would win on correlation alone.
    matches: list[Match] = []
    for sigma in SIGMAS:
        totals, _, _ = _scores(profile, places, sigma)
        near = _around(places[totals.argsort()[::-1][:_REFINED]], profile.size / 130)
        best: tuple[float, Any, Any] | None = None
        for _ in range(2):
            totals, left, right = _scores(profile, near, sigma)
            top = int(totals.argmax())
            if best is None or float(totals[top]) > best[0]:
                best = float(totals[top]), left[top], right[top]
            near = _around(near[totals.argsort()[::-1][:2]], profile.size / 300)
        if best and np.isfinite(best[0]) and (match := _number(best[1], best[2])):
            matches.append(match)
    return matches[0] if len({match.digits for match in matches}) == 1 else None


def _scores(profile: Any, places: Any, sigma: float) -> tuple[Any, Any, Any]:
    """(total, correlations of the left digits with 20 templates, of the right with 10) for each hypothesis."""
    import numpy as np

    left, right, bend, twist = (places[:, column, None] for column in range(4))
    t = (np.arange(-FINE, (MODULES + 1) * FINE) + 0.5) / (MODULES * FINE)  # one module of quiet zone on each side
    x = left + (right - left) * (t + bend * t * (1 - t) + twist * t * (1 - t) * (1 - 2 * t))
    samples = np.interp(x.ravel(), np.arange(profile.size), profile).reshape(x.shape).astype(np.float32)
    windows = _windows(samples)
    left_scores = np.einsum("hdw,tw->hdt", windows[:, :6], _templates("left", sigma), optimize=True)
    right_scores = np.einsum("hdw,tw->hdt", windows[:, 6:], _templates("right", sigma), optimize=True)
    return left_scores.max(axis=2).sum(axis=1) + right_scores.max(axis=2).sum(axis=1) + 2 * _guards(samples, sigma), left_scores, right_scores


def _around(places: Any, module: float) -> Any:
    """Hypotheses near the given ones."""
    import numpy as np

    play = np.array([-1.0, 0.0, 1.0])
    steps = (0.35 * module * play, 0.35 * module * play, 0.02 * play, 0.03 * play)
    offsets = np.stack([axis.ravel() for axis in np.meshgrid(*steps, indexing="ij")], axis=1)
    return (places[:, None, :] + offsets).reshape(-1, 4)


def _hypotheses(profile: Any) -> Any:
    """(n, 4): left edge, right edge, bend, twist. Left edges are where it gets dark, right edges where it gets bright, with a small play."""
    import cv2
    import numpy as np

    size = profile.size
    if size < 100:
        return None
    smooth = cv2.GaussianBlur(profile.reshape(1, -1).astype(np.float32), (0, 0), sigmaX=1.2, sigmaY=0.01).ravel()
    slope = np.gradient(smooth)
    strong = 0.05 * float(np.abs(slope).max())
    inner = slope[1:-1]
    falls = 1 + np.flatnonzero((inner < -strong) & (inner <= slope[:-2]) & (inner < slope[2:]))
    rises = 1 + np.flatnonzero((inner > strong) & (inner >= slope[:-2]) & (inner > slope[2:]))
    falls, rises = falls[falls < 0.5 * size], rises[rises > 0.5 * size]
    if not falls.size or not rises.size:
        return None
    play = np.array([-0.5, 0.0, 0.5]) * size / 130
    axes = (falls[:, None] + play).ravel(), (rises[:, None] + play).ravel(), np.array(BENDS), np.array([0.0])
    places = np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    wide = places[:, 1] - places[:, 0]
    places = places[(wide > 0.4 * size) & (wide > 1.1 * MODULES)]
    return places[:: -(-places.shape[0] // _MOST)] if places.shape[0] else None


def _windows(samples: Any) -> Any:
    """(hypotheses, 12 digits, 9 modules) zero mean, unit length."""
    import numpy as np

    starts = [FINE * (1 + 3 + 7 * digit - 1) for digit in range(6)] + [FINE * (1 + 50 + 7 * digit - 1) for digit in range(6)]
    cut = np.stack([samples[:, start : start + 9 * FINE] for start in starts], axis=1)
    cut = cut - cut.mean(axis=2, keepdims=True)
    return cut / np.maximum(np.sqrt((cut * cut).sum(axis=2, keepdims=True)), 1e-3)


def _guards(samples: Any, sigma: float) -> Any:
    """Correlation of the middle guard with its neighbourhood."""
    import numpy as np

    template = _drawn("01010", sigma, 0, 5)
    cut = samples[:, FINE * 46 : FINE * 51]
    cut = cut - cut.mean(axis=1, keepdims=True)
    return (cut @ template) / np.maximum(np.sqrt((cut * cut).sum(axis=1)), 1e-3)


@cache
def _templates(side: str, sigma: float) -> Any:
    """Left: ten L then ten G digits; right: ten R digits. Bars are dark: low values."""
    import numpy as np

    reverse = [pattern.translate(str.maketrans("01", "10")) for pattern in _L]
    if side == "right":
        return np.stack([_drawn(f"01010{pattern}10101"[2:-2], sigma, 2, 11) for pattern in reverse])
    patterns = [*_L, *(pattern[::-1] for pattern in reverse)]
    return np.stack([_drawn(f"101{pattern}01010", sigma, 2, 11) for pattern in patterns])


def _drawn(modules: str, sigma: float, start: int, stop: int) -> Any:
    import cv2
    import numpy as np

    line: Any = np.repeat(np.array([0.0 if module == "1" else 1.0 for module in modules], np.float32), FINE).reshape(1, -1)
    line = cv2.GaussianBlur(line, (0, 0), sigmaX=sigma * FINE, sigmaY=0.01, borderType=cv2.BORDER_REPLICATE).ravel()
    line = line[start * FINE : stop * FINE]
    line = line - line.mean()
    return line / np.sqrt((line * line).sum())


def _number(left: Any, right: Any) -> Match | None:
    """The best valid number and its lead. ``left``: (6, 20), ``right``: (6, 10) correlations."""
    import numpy as np

    finals = []
    for first, parities in enumerate(_PARITIES):
        table = np.vstack([left[place, :10] if parity == "L" else left[place, 10:] for place, parity in enumerate(parities)] + [right])
        finals += _two_best(table, first)
    finals.sort(key=lambda final: -final[0])
    best, second = finals[0], next(final for final in finals if final[1] != finals[0][1])
    digits = best[1]
    chosen = [left[place, int(digits[place + 1]) + (0 if parity == "L" else 10)] for place, parity in enumerate(_PARITIES[int(digits[0])])]
    chosen += [right[place, int(digits[place + 7])] for place in range(6)]
    fit, ahead = float(np.mean(chosen)), best[0] - second[0]
    return Match(digits, fit, ahead) if fit >= FIT and min(chosen) >= WORST and ahead >= AHEAD else None


def _two_best(table: Any, first: int) -> list[tuple[float, str]]:
    """The two best valid numbers for one first digit: the best choice of twelve digits whose weighted sum ends in 0, and the best one that
    differs from it. Beam over the sum modulo 10, two per remainder."""
    states: dict[int, list[tuple[float, str]]] = {first % 10: [(0.0, str(first))]}
    for place in range(12):
        weight = 3 if place % 2 == 0 else 1
        order = table[place].argsort()[::-1][:6]
        grown: dict[int, list[tuple[float, str]]] = {}
        for remainder, kept in states.items():
            for total, digits in kept:
                for digit in order:
                    longer = (total + float(table[place][digit]), digits + str(digit))
                    grown.setdefault((remainder + weight * int(digit)) % 10, []).append(longer)
        states = {remainder: sorted(kept, reverse=True)[:2] for remainder, kept in grown.items()}
    return states.get(0, [(0.0, "")])
