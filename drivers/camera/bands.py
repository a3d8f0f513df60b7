"""Owns reading a levelled strip that a decoder cannot read as it is: rows averaged into bands, enlarged, and the blur undone.

Averaging rows removes noise without blurring bars, once the bars stand upright (`strips.best_shear`); a Wiener filter along the line then
undoes a guessed blur: defocus (Gaussian) or a moving hand (box). A wrong guess reads nothing. Of 204 drawn phone screens the filters read
194 where unsharp masks in their place read 185 (720 lines; 188 and 182 at 480). A value counts only when bands, each from its own rows,
agree and none disagrees.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drivers.camera.strips import Strip, best_shear, level
from drivers.camera.symbols import Symbol, read_one

if TYPE_CHECKING:
    from drivers.camera.symbols import Luma

BANDS = 5
ENLARGE = 3
@dataclass(frozen=True, slots=True)
class Blur:
    """A guess: sigma of a Gaussian and width of a box, in pixels of the enlarged line; ``noise``: its power against the signal's. All zero:
    leave the line as it is."""

    sigma: float = 0.0
    box: float = 0.0
    noise: float = 0.0


QUICK = (Blur(), Blur(4.5, 0, 0.003), Blur(6, 0, 0.002))
LADDER = (*QUICK, Blur(7.5, 0, 0.002), Blur(1.5, 22, 0.01), Blur(1.5, 14, 0.01), Blur(9, 0, 0.003), Blur(3, 0, 0.003))
"""Guesses in the order in which they help most. Measured on synthetic phone screens, not on photographs."""

_PAD = 64
_ROWS = 12  # of a band's picture: zxing-cpp wants to see a value on two lines that are not neighbours


def read_bands(luma: Luma, strip: Strip, formats: Any, how: str, ladder: Sequence[Blur] = LADDER) -> Symbol | None:
    """The symbol of a strip when two bands or more agree on it under one guess."""
    upright = straighten(luma, strip)
    profiles = band_profiles(upright)
    if len(profiles) < 2:
        return None
    for step, blur in enumerate(ladder):
        found = [symbol for profile in profiles if (symbol := read_one(band_picture(profile, blur), formats, f"{how} {step}"))]
        votes = Counter((symbol.format, symbol.text) for symbol in found)
        if len(votes) == 1 and votes.total() >= 2:
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


def band_picture(profile: Any, blur: Blur) -> Any:
    """A profile as a picture for the decoder: enlarged, its blur undone, stretched to full contrast."""
    import cv2
    import numpy as np

    line = cv2.resize(profile.reshape(1, -1), (profile.size * ENLARGE, 1), interpolation=cv2.INTER_CUBIC).ravel()
    if blur.noise:
        line = _undone(line, blur)
    low, high = (float(value) for value in np.percentile(line, (1, 99)))
    line = np.clip((line - low) * (255.0 / max(high - low, 1.0)), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(line.reshape(1, -1), _ROWS, axis=0))


def _undone(line: Any, blur: Blur) -> Any:
    """Wiener: conj(H) / (|H|^2 + noise) on the line's spectrum, H being the guess. Its ends are continued, so that they do not ring."""
    import numpy as np

    padded = np.pad(line, _PAD, mode="edge")
    middle = padded.mean()
    frequency = np.fft.rfftfreq(padded.size)
    transfer = np.exp(-2 * (np.pi * frequency * blur.sigma) ** 2) * np.sinc(frequency * blur.box)
    spectrum = np.fft.rfft(padded - middle) * transfer / (transfer * transfer + blur.noise)
    return np.fft.irfft(spectrum, padded.size)[_PAD:-_PAD] + middle
