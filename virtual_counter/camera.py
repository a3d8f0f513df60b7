"""Owns the virtual camera: a folder that a camera driver reads, in which the newest file is the picture in view.

The protocol is the folder: frames are PNG or JPEG files with names that sort in the order of time and no leading dot; they appear whole
(written beside and renamed). No file: the camera looks at nothing. A reader takes the last name, and may find it gone a moment later.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

_KEPT = 2  # so that a reader that has just listed the folder still finds its file


class Camera:
    """Shows one picture after another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._last = 0

    def show(self, picture: bytes | Path) -> Path:
        """Holds a picture (the bytes of a PNG or JPEG, or a file of that kind) in front of the lens; returns the frame's file."""
        raw = picture if isinstance(picture, bytes) else picture.read_bytes()
        ending = ".jpg" if raw.startswith(b"\xff\xd8") else ".png"
        self._last = max(self._last + 1, time.time_ns())
        frame = self.folder / f"{self._last:020d}{ending}"
        beside = self.folder / f".{frame.name}.{os.getpid()}"
        beside.write_bytes(raw)
        beside.replace(frame)
        for old in self._frames()[:-_KEPT]:
            old.unlink(missing_ok=True)
        return frame

    def clear(self) -> None:
        """Takes the picture away."""
        for frame in self._frames():
            frame.unlink(missing_ok=True)

    @property
    def view(self) -> Path | None:
        """The picture in view."""
        frames = self._frames()
        return frames[-1] if frames else None

    def _frames(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.suffix in {".png", ".jpg"} and not path.name.startswith("."))
