"""Owns reading a levelled strip that a decoder cannot read as it is: rows averaged into bands, enlarged, sharpened along the line.

Averaging rows removes noise without blurring bars, once the bars stand upright (`strips.best_shear`); one-dimensional unsharp masks of
growing strength then undo some defocus. A value counts only when bands, each from its own rows, agree and none disagrees.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from drivers.camera.strips import Strip, best_shear, level
from drivers.camera.symbols import Symbol, read_one

if TYPE_CHECKING:
    from drivers.camera.symbols import Luma

BANDS = 5
ENLARGE = 3
LADDER = ((0.0, 0.0), (3.0, 2.0), (5.0, 3.0), (8.0, 4.0))
"""(sigma in enlarged pixels, amount) of the unsharp masks, gentle to strong. Measured on synthetic phone screens."""

_ROWS = 12  # of a band's picture: zxing-cpp wants to see a value on two lines that are not neighbours


def read_bands(luma: Luma, strip: Strip, formats: Any, how: str) -> Symbol | None:
    """The symbol of a strip when bands agree on it: two of them, or three where they had to be sharpened."""
    upright = straighten(luma, strip)
    profiles = band_profiles(upright)
    if len(profiles) < 2:
        return None
    for step, (sigma, amount) in enumerate(LADDER):
        found = [symbol for profile in profiles if (symbol := read_one(band_picture(profile, sigma, amount), formats, f"{how} {step}"))]
        votes = Counter((symbol.format, symbol.text) for symbol in found)
        if len(votes) > 1:
            return None
        if votes and votes.total() >= (3 if sigma else 2):
            return found[0]
    return None


def straighten(luma: Luma, strip: Strip) -> Luma:
    """The strip level and with upright bars, at the picture's own scale."""
    flat = level(luma, strip, widest=1.0)
    shear = best_shear(flat)
    return flat if abs(shear) < 0.02 else level(luma, strip, widest=1.0, shear=shear)


def band_profiles(upright: Luma) -> list[Any]:
    """Rows averaged into bands; the outer 8 % above and below stay out (digits, and the border of the label)."""
    import numpy as np

    high = upright.shape[0]
    edge = round(0.08 * high)
    rows = upright[edge : high - edge]
    count = min(BANDS, rows.shape[0] // 2)
    return [part.mean(axis=0, dtype=np.float32) for part in np.array_split(rows, count)] if count >= 1 else []


def band_picture(profile: Any, sigma: float, amount: float) -> Any:
    """A profile as a picture for the decoder: enlarged, sharpened along the line, stretched to full contrast."""
    import cv2
    import numpy as np

    line = cv2.resize(profile.reshape(1, -1), (profile.size * ENLARGE, 1), interpolation=cv2.INTER_CUBIC)
    if sigma:
        line = line + amount * (line - cv2.GaussianBlur(line, (0, 0), sigmaX=sigma, sigmaY=0.01, borderType=cv2.BORDER_REPLICATE))
    low, high = (float(value) for value in np.percentile(line, (1, 99)))
    line = np.clip((line - low) * (255.0 / max(high - low, 1.0)), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(line, _ROWS, axis=0))
