"""Owns where frames come from without a camera: a folder in which the newest picture is what the camera sees, and recorded films.

`Source.grab` is the port; `drivers.camera.v4l2.V4l2Source` is the third one behind it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from drivers.camera.pictures import FILE_BYTES, PictureError, decode_picture, read_picture
from posagent.errors import DeviceMissing

if TYPE_CHECKING:
    from drivers.camera.symbols import Luma

_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".pgm", ".ppm", ".gif", ".tif", ".tiff"}
_MOST_FILES = 1000
_POLL_S = 0.05
_FRAME_S = 0.1


class Source(Protocol):
    """Frames, one after the other."""

    def grab(self, timeout_s: float) -> Luma | None:
        """The newest frame in grey; None when none came in time. Raises DeviceError."""

    def close(self) -> None:
        """Releases what it holds. Never raises."""


class FolderSource:
    """The newest picture of a folder, again and again, ten times a second; nothing while the folder is empty.

    A picture that is still being written, or is none, is passed over until it changes; writers that rename into place are always whole.
    """

    def __init__(self, name: str, folder: Path) -> None:
        if not folder.is_dir():
            raise DeviceMissing(f"{name}: there is no folder {folder}; create it, or correct `folder` in the settings")
        self._name = name
        self._folder = folder
        self._shown: tuple[int, str, int] | None = None
        self._luma: Luma | None = None
        self._next_s = 0.0

    def grab(self, timeout_s: float) -> Luma | None:
        deadline = time.monotonic() + timeout_s
        while True:
            self._look()
            now = time.monotonic()
            if self._luma is not None and now >= self._next_s:
                self._next_s = now + _FRAME_S
                return self._luma
            if now >= deadline:
                return None
            time.sleep(min(_POLL_S, deadline - now))

    def close(self) -> None:
        self._luma = None

    def _look(self) -> None:
        newest: tuple[int, str, int] | None = None
        try:
            for count, path in enumerate(self._folder.iterdir()):
                if count >= _MOST_FILES:
                    raise DeviceMissing(f"{self._name}: more than {_MOST_FILES} files in {self._folder}; remove the old ones")
                if path.suffix.lower() in _SUFFIXES and not path.name.startswith("."):
                    known = path.stat()
                    newest = max(newest or (0, "", 0), (known.st_mtime_ns, path.name, known.st_size))
        except FileNotFoundError:
            if not self._folder.is_dir():
                raise DeviceMissing(f"{self._name}: the folder {self._folder} is gone; create it again") from None
            return  # a file went while we looked: the next look sees what is left
        if newest == self._shown:
            return
        self._shown = newest
        try:
            self._luma = read_picture(self._folder / newest[1]) if newest else None
        except PictureError:
            self._luma = None


class FilmSource:
    """A recorded film: concatenated JPEG pictures (.mjpg, .mjpeg), or whatever OpenCV can open. Ends as a camera that was unplugged."""

    def __init__(self, name: str, path: Path, fps: int, *, repeat: bool = False) -> None:
        self._name = name
        self._path = path
        self._period_s = 1 / fps
        self._next_s = time.monotonic()
        self._repeat = repeat
        try:
            if path.stat().st_size > 8 * FILE_BYTES:
                raise DeviceMissing(f"{name}: {path} is larger than {8 * FILE_BYTES >> 20} MB; cut it")
            self._frames = _jpegs(path.read_bytes()) if path.suffix.lower() in {".mjpg", ".mjpeg"} else None
        except OSError as trouble:
            raise DeviceMissing(f"{name}: {path} cannot be read: {trouble.strerror or trouble}; correct `file` in the settings") from trouble
        self._at = 0
        self._film: Any = None if self._frames is not None else self._open()

    def grab(self, timeout_s: float) -> Luma | None:
        wait = self._next_s - time.monotonic()
        if wait > 0:
            time.sleep(min(wait, timeout_s))
            if wait > timeout_s:
                return None
        self._next_s = max(self._next_s + self._period_s, time.monotonic() - 1)
        return self._next_frame()

    def close(self) -> None:
        if self._film is not None:
            self._film.release()
            self._film = None

    def _next_frame(self) -> Luma | None:
        if self._frames is not None:
            if self._at >= len(self._frames):
                self._end()
            self._at += 1
            try:
                return decode_picture(self._frames[self._at - 1], f"{self._path} picture {self._at}")
            except PictureError:
                return None  # a damaged frame is a dropped frame
        import cv2

        assert self._film is not None  # noqa: S101 - opened with the source
        there, picture = self._film.read()
        if not there:
            self._end()
            there, picture = self._film.read()
        return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) if there else None

    def _end(self) -> None:
        if not self._repeat:
            raise DeviceMissing(f"{self._name}: {self._path} has ended; set repeat = true to show it again")
        self._at = 0
        if self._film is not None:
            self._film.release()
            self._film = self._open()

    def _open(self) -> Any:
        import cv2

        film = cv2.VideoCapture(str(self._path))
        if not film.isOpened():
            raise DeviceMissing(f"{self._name}: {self._path} is no film that can be opened; use .mjpg, or convert it")
        return film


def _jpegs(content: bytes) -> list[bytes]:
    """The JPEG pictures of a stream: from FF D8 FF to the last FF D9 before the next one."""
    starts = []
    at = content.find(b"\xff\xd8\xff")
    while at >= 0:
        starts.append(at)
        at = content.find(b"\xff\xd8\xff", at + 3)
    return [content[start:end] for start, end in zip(starts, [*starts[1:], len(content)], strict=True)]
