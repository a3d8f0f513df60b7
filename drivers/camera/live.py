"""Owns reading a stream of frames under a time budget: the gate, and the passes from cheap to thorough.

    A  zxing-cpp on the frame, linear formats, rows only                every frame                2 to 8 ms at 1280 x 720
    B  matrix formats, turned, reduced and inverted                     every frame, after A
    C  strips found, levelled, enlarged                                 every frame, after B
    D  bands of the strips that C could not read                        after C
    E  strips in a larger copy of the frame, and all formats turned     every other frame

A pass that read something ends the frame; a pass that would start after the deadline waits for the next frame, which begins there.
`tools/bench_camera.py` measures what the passes read and cost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from drivers.camera.bands import LADDER, QUICK, read_bands
from drivers.camera.strips import Strip, corners, find_strips, level
from drivers.camera.symbols import LINEAR, MATRIX, STACKED, Symbol, formats_of, merged, read_all, read_one

if TYPE_CHECKING:
    from drivers.camera.symbols import Luma

BUDGET_NS = 33_000_000
STILL_LEVELS = 2.0
STILL_AFTER_NS = 1_000_000_000
LOOK_AGAIN_NS = 500_000_000
_MOST_STRIPS = 4
_BANDED = 3


@dataclass(frozen=True, slots=True)
class Looked:
    """What one frame gave. ``still``: the gate held it back, what was in view before still is. ``strips``: where bars were seen, for the
    technician's picture."""

    symbols: tuple[Symbol, ...] = ()
    still: bool = False
    strips: tuple[Strip, ...] = ()


class Gate:
    """Holds back frames that show nothing new: a coarse grid of pixels, compared with that of the last frame that was let through.

    A picture that has not changed for a second is not looked at again until it does; the caller may then slow down.
    """

    def __init__(self) -> None:
        self._last: Any = None
        self._changed_ns = 0

    def opens(self, luma: Luma, now_ns: int) -> bool:
        import numpy as np

        grid = luma[::16, ::16].astype(np.int16)
        last = self._last
        if last is None or last.shape != grid.shape or float(np.abs(grid - last).mean()) >= STILL_LEVELS:
            self._last = grid
            self._changed_ns = now_ns
        return now_ns - self._changed_ns < STILL_AFTER_NS


class FrameReader:
    """Reads frames one after the other. Not for several threads."""

    def __init__(self, formats: Sequence[str], *, budget_ns: int = BUDGET_NS, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        linear = [name for name in formats if name in LINEAR]
        matrix = [name for name in formats if name in MATRIX or name in STACKED]
        self._linear = formats_of(linear) if linear else None
        self._matrix = formats_of(matrix) if matrix else None
        self._budget_ns = budget_ns
        self._clock_ns = clock_ns
        self._gate = Gate()
        self._turn = 0

    def read(self, luma: Luma, now_ns: int) -> Looked:
        """One frame; ``now_ns`` is when it was taken."""
        if not self._gate.opens(luma, now_ns):
            return Looked(still=True)
        return self.read_always(luma)

    def read_always(self, luma: Luma) -> Looked:
        """One frame, without the gate."""
        self._turn += 1
        deadline = self._clock_ns() + self._budget_ns
        if self._linear and (symbol := read_one(luma, self._linear, "A")):
            return Looked((symbol,))
        if self._matrix and (symbol := read_one(luma, self._matrix, "B", rotate=True, downscale=True, invert=True)):
            return Looked((symbol,))
        if not self._linear:
            return Looked()
        strips = find_strips(luma, 480, _MOST_STRIPS)
        unread: list[Strip] = []
        for strip in strips:
            if self._clock_ns() >= deadline:
                return Looked(strips=tuple(strips))
            if symbol := read_one(level(luma, strip), self._linear, "C"):
                return _looked(symbol, strip, strips)
            unread.append(strip)
        # The strip and the guesses whose turn it is come first, so that a tight budget reaches all of them in a few frames.
        ladder = QUICK if self._turn % 2 else LADDER
        unread = unread[:_BANDED]
        start = self._turn % len(unread) if unread else 0
        for strip in unread[start:] + unread[:start]:
            if self._clock_ns() >= deadline:
                return Looked(strips=tuple(strips))
            if symbol := read_bands(luma, strip, self._linear, "D", ladder):
                return _looked(symbol, strip, strips)
        if self._turn % 2 == 0 and self._clock_ns() < deadline:
            return Looked(tuple(self._wider(luma, deadline)), strips=tuple(strips))
        return Looked(strips=tuple(strips))

    def read_everything(self, luma: Luma) -> list[Symbol]:
        """Every code in the frame that a plain look shows: is a second one in view?"""
        groups = []
        if self._linear:
            groups.append(read_all(luma, self._linear, "all", rotate=False, invert=False))
            levelled = (read_one(level(luma, strip), self._linear, "all") for strip in find_strips(luma, 480, _MOST_STRIPS))
            groups.append([symbol for symbol in levelled if symbol])
        if self._matrix:
            groups.append(read_all(luma, self._matrix, "all", downscale=True))
        return merged(groups)

    def _wider(self, luma: Luma, deadline: int) -> list[Symbol]:
        for strip in find_strips(luma, 960, 8):
            if self._clock_ns() >= deadline:
                return []
            if symbol := read_one(level(luma, strip), self._linear, "E"):
                return [replace(symbol, quad=corners(strip))]
        if self._clock_ns() < deadline and (symbol := read_one(luma, self._linear, "E", rotate=True)):
            return [symbol]
        return []


def _looked(symbol: Symbol, strip: Strip, strips: Sequence[Strip]) -> Looked:
    return Looked((replace(symbol, quad=corners(strip)),), strips=tuple(strips))
