"""Owns the drivers `camera`, `camera-folder` and `camera-film`: source, reader, acceptance, and the technician's picture."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivers.camera.accept import Acceptance, code_rules
from drivers.camera.advice import advise, is_dark
from drivers.camera.live import FrameReader, Looked
from drivers.camera.sources import FilmSource, FolderSource, Source
from drivers.camera.strips import find_strips, strip_at
from drivers.camera.symbols import LINEAR, MATRIX, STACKED
from drivers.camera.v4l2 import V4l2Source
from posagent.errors import DeviceError
from posagent.ports import Driver, Found, Option, Options, Scan

if TYPE_CHECKING:
    from drivers.camera.symbols import Luma

FORMATS = ("EAN13", "EAN8", "Code128", "Codabar", "QRCode")
_STILL_S = 0.5  # a view that does not change is looked at twice a second
_DARK_S = 3.0  # for so long: a hand in front of the lens is no covered lens
_NO_FRAME_S = 5.0
_FIRST_FRAME_S = 2.0
_PREVIEW_WIDTH = 480
_PREVIEW_BYTES = 40_000  # a frame of the device process's protocol holds 64 kB of JSON

COMMON: dict[str, Option] = {
    "formats": Option(list, f"what to look for, of {', '.join((*LINEAR, *STACKED, *MATRIX))}; fewer are faster and safer", list(FORMATS)),
    "code": Option(list, "the shop's code rules, [[code]] tables; empty: those of the demonstration shop", []),
    "budget_ms": Option(int, "time for one frame; what does not fit waits for the next", 33, minimum=5, maximum=500),
}


class CameraScanner:
    """`posagent.ports.Scanner` over any source of frames.

    A camera that sees only darkness, or shows nothing any more, is trouble that somebody at the counter can mend (E310, E311): it is lost
    until it sees again. ``steady``: the source must give frames all the time, as a camera does and a folder does not.
    """

    def __init__(self, name: str, source: Source, options: Options, *, still_s: float = _STILL_S, steady: bool = False) -> None:
        try:
            import cv2
        except ImportError as missing:
            source.close()
            todo = "install the package posagent-camera (without packages: pip install 'posagent[camera]')"
            raise DeviceError(f"{name}: {missing}; {todo}", code="E308") from missing
        cv2.setNumThreads(1)
        self._source = source
        self._still_s = still_s
        self._reader = FrameReader(_formats(name, options["formats"]), budget_ns=int(options["budget_ms"]) * 1_000_000)
        self._luma: Luma | None = None
        self._looked = Looked()
        self._acceptance = Acceptance(code_rules(name, options["code"]), self._everything)
        self._rest_until_s = 0.0
        self._name = name
        self._steady = steady
        self._seen_s = self._lit_s = time.monotonic()
        if steady:
            self._first_frame()

    def read(self, timeout_s: float) -> Sequence[Scan]:
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            rest = self._rest_until_s - time.monotonic()
            if rest > 0:  # nothing moves: let frames pass
                time.sleep(min(rest, left))
                continue
            luma = self._source.grab(left)
            self._watch(luma)
            if luma is not None and (scan := self._look(luma)):
                return [scan]
        return []

    def close(self) -> None:
        self._source.close()

    def preview(self) -> Mapping[str, Any] | None:
        """For a technician: the picture now (JPEG, base64), where bars were found, pixels per module, and what to change."""
        if self._luma is None:
            return None
        import cv2

        luma = self._luma
        read = self._looked.symbols
        strips = tuple(strip_at(symbol.quad) for symbol in read if symbol.linear) or self._looked.strips or tuple(find_strips(luma))
        factor = max(1, luma.shape[1] // _PREVIEW_WIDTH)
        small = cv2.resize(luma, (luma.shape[1] // factor, luma.shape[0] // factor), interpolation=cv2.INTER_AREA)
        jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 60])[1].tobytes()
        places = [[*(round(value / factor, 1) for value in (*one.center, one.width, one.height)), round(one.angle, 3)] for one in strips]
        return {
            "jpeg": base64.b64encode(jpeg).decode() if len(jpeg) <= _PREVIEW_BYTES else "",
            "width": small.shape[1],
            "height": small.shape[0],
            "strips": places,  # center x and y, width, height in pixels of the picture; angle in radians
            "read": [symbol.format for symbol in read],
            **advise(luma, strips, bool(read)),
        }

    def _first_frame(self) -> None:
        """Opened means that it sees. Raises DeviceError, the source closed."""
        deadline = time.monotonic() + _FIRST_FRAME_S
        try:
            while (luma := self._source.grab(max(0.0, deadline - time.monotonic()))) is None:
                if time.monotonic() >= deadline:
                    raise self._stands_still()
            if is_dark(luma):
                raise self._dark()
        except DeviceError:
            self._source.close()
            raise

    def _watch(self, luma: Luma | None) -> None:
        now = time.monotonic()
        if luma is None:
            if self._steady and now - self._seen_s > _NO_FRAME_S:
                raise self._stands_still()
            return
        self._seen_s = now
        if not self._steady or not is_dark(luma):
            self._lit_s = now
        elif now - self._lit_s > _DARK_S:
            raise self._dark()

    def _dark(self) -> DeviceError:
        return DeviceError(f"{self._name}: the camera sees only darkness; uncover the lens, or turn on a light", code="E310")

    def _stands_still(self) -> DeviceError:
        return DeviceError(f"{self._name}: the camera gives no pictures; unplug it and plug it in again", code="E311")

    def _look(self, luma: Luma) -> Scan | None:
        now_ns = time.monotonic_ns()
        self._luma = luma
        looked = self._reader.read(luma, now_ns)
        if looked.still:
            self._rest_until_s = time.monotonic() + self._still_s
            self._acceptance.still(now_ns)
            return None
        self._looked = looked
        return self._acceptance.feed(looked.symbols, now_ns)

    def _everything(self) -> Sequence[Any]:
        return self._reader.read_everything(self._luma) if self._luma is not None else ()


def _formats(name: str, wanted: Sequence[Any]) -> tuple[str, ...]:
    unknown = [str(one) for one in wanted if one not in LINEAR and one not in MATRIX and one not in STACKED]
    if unknown or not wanted:
        raise DeviceError(f"{name}: formats must be some of {', '.join((*LINEAR, *STACKED, *MATRIX))}, not {', '.join(unknown) or 'none'}")
    return tuple(wanted)


def _open_camera(name: str, options: Options) -> CameraScanner:
    controls = {"power_line": {"50": 1, "60": 2}.get(options["mains"], 0)}
    if options["exposure_100us"]:
        controls |= {"auto_exposure": 1, "exposure": options["exposure_100us"]}
    if options["focus"] >= 0:
        controls |= {"auto_focus": 0, "focus": options["focus"]}
    size = {"480": (640, 480), "720": (1280, 720), "1080": (1920, 1080)}[options["lines"]]
    return CameraScanner(name, V4l2Source(name, options["node"], *size, controls=controls), options, steady=True)


def _open_folder(name: str, options: Options) -> CameraScanner:
    return CameraScanner(name, FolderSource(name, Path(options["folder"])), options, still_s=0.0)


def _open_film(name: str, options: Options) -> CameraScanner:
    return CameraScanner(name, FilmSource(name, Path(options["file"]), options["fps"], repeat=options["repeat"]), options)


def find_cameras(by_id: Path = Path("/dev/v4l/by-id"), names: Path = Path("/sys/class/video4linux")) -> Iterable[Found]:
    """The cameras that are plugged in, by the names that survive a replug: what they are, or (built in, not USB) where they are. Second nodes
    of a camera (metadata) are left out."""
    known: set[Path] = set()
    for link in (*sorted(by_id.glob("*-index0")), *sorted((by_id.parent / "by-path").glob("*-index0"))):
        node = link.resolve()
        if node in known:
            continue
        known.add(node)
        try:
            title = (names / node.name / "name").read_text("utf-8", "replace").strip()
        except OSError:
            title = link.name
        settings = {"driver": "camera", "node": str(link)}
        yield Found("camera", "scanner", f"{title} (camera)", str(node), link.name, settings=settings)


CAMERA = Driver(
    name="camera",
    kind="scanner",
    title="USB camera that reads codes on cards and phones",
    maturity="experimental",
    source="Linux UAPI videodev2.h; zxing-cpp 3.1; thresholds measured on synthetic phone screens (tools/phone_screens.py)",
    options={
        "node": Option(str, "the camera, best by its lasting name under /dev/v4l/by-id", required=True),
        "lines": Option(str, "resolution; 720 reads most for its time", "720", choices=("480", "720", "1080")),
        "exposure_100us": Option(int, "fixed exposure in 0.1 ms (0: automatic); short ones suit phone screens", 0, minimum=0, maximum=10_000),
        "focus": Option(int, "fixed focus as the camera counts it (-1: automatic)", -1, minimum=-1, maximum=1023),
        "mains": Option(str, "frequency of the lamps in Hz, against banding", "", choices=("", "50", "60")),
        **COMMON,
    },
    open=_open_camera,
    find=find_cameras,
    home="camera",
)

CAMERA_FOLDER = Driver(
    name="camera-folder",
    kind="scanner",
    title="a folder: its newest picture is what the camera sees",
    maturity="tested",
    source="the virtual counter, and cameras that store pictures",
    options={"folder": Option(str, "the folder", required=True), **COMMON},
    open=_open_folder,
    home="camera",
)

CAMERA_FILM = Driver(
    name="camera-film",
    kind="scanner",
    title="a recorded film, for trials",
    maturity="tested",
    source="concatenated JPEG, or any film that OpenCV opens",
    options={
        "file": Option(str, "the film", required=True),
        "fps": Option(int, "frames a second", 30, minimum=1, maximum=120),
        "repeat": Option(bool, "begin again at its end", False),
        **COMMON,
    },
    open=_open_film,
    home="camera",
)
