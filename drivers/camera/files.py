"""Owns `posagent scan decode` on this side of the entry point ``posagent.pictures``: a picture file in, plain records out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from drivers.camera.deep import read_deep
from drivers.camera.pictures import read_picture
from drivers.camera.symbols import RETAIL


class CodeRecord(TypedDict):
    """One code of one file. ``ms``: wall time for the whole file; ``how``: the pass that read it."""

    file: str
    text: str
    symbology: str
    aim: str
    ms: float
    how: str


def decode(path: str, formats: Sequence[str] = ()) -> list[CodeRecord]:
    """Every code of the file once; ``formats`` (names of `symbols.RETAIL`; empty: all). Raises PictureError, and ValueError for a format
    that there is not."""
    import cv2

    unknown = [name for name in formats if name not in RETAIL]
    if unknown:
        raise ValueError(f"there is no format {', '.join(unknown)}; known: {', '.join(RETAIL)}")
    cv2.setNumThreads(1)  # one picture is too small a job to wake other cores for
    luma = read_picture(Path(path))
    before = time.perf_counter()
    symbols = read_deep(luma, formats or RETAIL)
    ms = round((time.perf_counter() - before) * 1e3, 1)
    return [CodeRecord(file=path, text=code.text, symbology=code.format, aim=code.aim, ms=ms, how=code.how) for code in symbols]
