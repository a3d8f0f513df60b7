"""Owns what a technician is told about a camera's place and light: sharpness, exposure, pixels per module, and one line of advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from drivers.camera.bands import band_profiles, straighten
from drivers.camera.strips import Strip

if TYPE_CHECKING:
    from drivers.camera.symbols import Luma

WANTED_PX = 3.5  # per narrowest element; below 2 no decoder is sure

_ADVICE = {
    "dark": ("暗すぎます。照明を足すか、レンズのふたを外してください。", "Too dark: add light, or take off the lens cover."),
    "bright": ("明るすぎます。露出を短くするか、照明の反射を避けてください。", "Too bright: shorten the exposure, or turn lamps away."),
    "far": ("遠すぎます。カメラを15〜20cmまで近づけてください。", "Too far: bring the camera to 15-20 cm."),
    "soft": ("ピントが合っていません。距離を変えるか、ピントを固定してください。", "Out of focus: change the distance, or fix the focus."),
    "none": ("コードをカメラの前に置いてください。", "Hold a code in front of the camera."),
    "good": ("良好です。", "Good."),
}


def advise(luma: Luma, strips: Sequence[Strip], read: bool = False) -> Mapping[str, Any]:
    """Figures and advice: sharpness (steepest edge per contrast, 0 to 1), mean (0 to 255), burnt (share of white pixels, per mille),
    px_per_module (of the first strip, 0 without one), hint, ja, en. ``read``: a code was read."""
    sample = luma[::4, ::4]
    mean, burnt = float(sample.mean()), float((sample >= 254).mean())
    narrow, sharp = _of_strip(luma, strips[0]) if strips else (0.0, 0.0)
    if read:
        hint = "good"
    elif is_dark(luma):
        hint = "dark"
    elif burnt > 0.35:
        hint = "bright"
    elif not strips:
        hint = "none"
    elif narrow < 2:
        hint = "far"
    elif sharp < 0.25:
        hint = "soft"
    else:
        hint = "good"
    ja, en = _ADVICE[hint]
    figures = {"sharpness": round(sharp, 2), "mean": round(mean), "burnt": round(1000 * burnt), "px_per_module": round(narrow, 1)}
    return figures | {"hint": hint, "ja": ja, "en": en}


def is_dark(luma: Luma) -> bool:
    """Whether hardly any light reaches the sensor: a covered lens, or a room without lamps. A lit phone in a dark room is light enough."""
    import numpy as np

    sample = luma[::16, ::16]
    return bool(sample.mean() < 18 and np.percentile(sample, 99) < 60)


def _of_strip(luma: Luma, strip: Strip) -> tuple[float, float]:
    """(width of the narrowest elements in pixels, steepness of edges as a share of the contrast per pixel)."""
    import numpy as np

    profiles = band_profiles(straighten(luma, strip))
    if not profiles:
        return 0.0, 0.0
    line = profiles[len(profiles) // 2]
    low, high = (float(value) for value in np.percentile(line, (5, 95)))
    if high - low < 8:
        return 0.0, 0.0
    changes = np.flatnonzero(np.diff((line > (low + high) / 2).astype(np.int8)))
    steep = float(np.percentile(np.abs(np.diff(line)), 97)) / (high - low)
    if changes.size < 8:
        return 0.0, min(1.0, steep)
    return float(np.percentile(np.diff(changes), 20)), min(1.0, steep)
