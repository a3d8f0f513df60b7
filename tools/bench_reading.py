"""Owns the reading goals that are counts or shares: layouts in one scan, Japanese QR text, compiled parts, the camera's load."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

TEXTS = (
    "0123456789012345", "https://members.example/m/0123456789012345", "会員", "会員証の番号", "ポイントカード", "ﾎﾟｲﾝﾄｶｰﾄﾞ", "①②③", "髙﨑",
    "～－∥", "カ", "é", "表示ソ能", "東京都A-1 ｱ",
)  # fmt: skip
_WATCHED_S = 4.0
_FPS = 30


def measure() -> list[dict[str, Any]]:
    """Every figure, as `tools.bench` wants them; half a minute."""
    return [_layouts(), *_qr_text(), _compiled(), *_camera_load()]


def _row(name: str, value: Any, unit: str, goal: Any, better: str, how: str) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "goal": goal, "better": better, "how": how}


def _layouts() -> dict[str, Any]:
    """The virtual counter's scanner sends the calibration code once, programmed in every way; a wrong setting would mistype codes."""
    from drivers.scan import calibrate
    from virtual_counter.wedge import Layout, event_bytes

    layouts: tuple[Layout, ...] = ("us", "jis")
    cases = [
        (layout, before, text, end)
        for layout in layouts
        for before in ("", "]C0", "S:")
        for text in (calibrate.TEXT, calibrate.TEXT.swapcase())
        for end in ("\r", "\t", "")
    ]
    right = 0
    for layout, before, text, end in cases:
        found = calibrate.judge(event_bytes(before + text + end, layout, 1_000_000_000)).settings
        wanted = (layout, "invert" if text != calibrate.TEXT else "follow", "none" if not end else "enter-or-tab")
        right += (found.get("layout"), found.get("caps", "follow"), found.get("terminator", "enter-or-tab")) == wanted
    how = f"{len(cases)} ways in which a scanner may be programmed: layout, prefix or identifier, capitals, end; one scan each"
    return _row("layouts found in one scan", round(100 * right / len(cases), 1), "%", 100, "higher", how)


def _cases() -> list[tuple[str, str]]:
    found = []
    for text in TEXTS:
        for encoding in ("utf-8", "utf-8-sig", "cp932", "latin-1"):
            try:
                raw = text.encode(encoding)
            except UnicodeEncodeError:
                continue
            if encoding != "latin-1" or not raw.isascii():
                found.append((text, encoding))
    return found


def _qr_text() -> list[dict[str, Any]]:
    import cv2
    import numpy as np
    import qrcode  # type: ignore[import-untyped]
    import zxingcpp
    from qrcode.util import MODE_8BIT_BYTE, QRData  # type: ignore[import-untyped]

    from drivers.camera.symbols import MATRIX, formats_of, read_one

    def ours(picture: Any) -> str:
        symbol = read_one(picture, formats_of(MATRIX), "bench")
        return symbol.text if symbol else ""

    def zxing(picture: Any) -> str:
        code = zxingcpp.read_barcode(picture)
        return code.text.removeprefix("\ufeff") if code else ""

    def opencv(picture: Any) -> str:
        try:
            return str(cv2.QRCodeDetector().detectAndDecode(picture)[0])
        except (UnicodeDecodeError, cv2.error):
            return ""

    engines: dict[str, Callable[[Any], str]] = {"": ours, ", zxing-cpp": zxing, ", OpenCV": opencv}
    if find_spec("pyzbar"):
        try:
            from pyzbar import pyzbar  # type: ignore[import-untyped]
        except ImportError:  # its library is missing
            pass
        else:
            engines[", pyzbar"] = lambda picture: next((code.data.decode("utf-8", "replace") for code in pyzbar.decode(picture)), "")
    cases, right = _cases(), dict.fromkeys(engines, 0)
    for text, encoding in cases:
        code = qrcode.QRCode(border=4, box_size=1)
        code.add_data(QRData(text.encode(encoding), mode=MODE_8BIT_BYTE))
        code.make()
        picture = np.kron(np.where(np.array(code.get_matrix()), 0, 255), np.ones((4, 4))).astype(np.uint8)
        for name, read in engines.items():
            right[name] += read(picture) == text
    how = f"{len(cases)} texts in byte mode, UTF-8 with and without mark, CP932, Latin-1"
    return [_row(f"QR text right{name}", count, "codes", len(cases) if not name else None, "higher", how) for name, count in right.items()]


def _compiled() -> dict[str, Any]:
    """Extension modules outside the standard library, in a process that has imported every driver of a scanner that is no camera."""
    script = (
        "import sys, sysconfig; import drivers.scan.evdev, drivers.scan.hidraw, drivers.scan.serial_port, drivers.scan.tcp, serial;"
        "home = sysconfig.get_paths()['stdlib'];"
        "print(sum((getattr(m, '__file__', None) or '').endswith('.so') and ('site-packages' in m.__file__ or not m.__file__.startswith(home))"
        " for m in list(sys.modules.values())))"
    )
    count = int(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout)
    return _row("compiled dependencies of the scanner drivers", count, "modules", 0, "lower", "wedge, HID POS, serial and TCP imported")


class _Stream:
    """Frames at the camera's pace; what a frame costs to unpack is no part of it."""

    def __init__(self, frames: list[Any]) -> None:
        self._frames = frames
        self._next_s = time.monotonic()
        self.count = 0

    def grab(self, timeout_s: float) -> Any:
        now = time.monotonic()
        time.sleep(min(timeout_s, max(0.0, self._next_s - now)))
        if time.monotonic() < self._next_s:
            return None
        self._next_s = max(self._next_s + 1 / _FPS, time.monotonic() - 0.1)
        self.count += 1
        return self._frames[self.count % len(self._frames)]

    def close(self) -> None:
        self._frames = []


def _camera_load() -> list[dict[str, Any]]:
    from drivers.camera.driver import CAMERA_FOLDER, CameraScanner
    from tools.phone_screens import empty_frame, sequence

    options = {name: option.default for name, option in CAMERA_FOLDER.options.items()} | {"folder": ""}
    still = empty_frame(3)
    moving = [shot.luma for shot in sequence("Code128", "good", 1)]
    rows = []
    for name, frames, goal, what in (
        ("idle", [still], 1, "a still counter"),
        ("scanning", moving, 35, "a phone that comes, is read and comes again"),
    ):
        scanner = CameraScanner("bench", _Stream(frames), options)
        scanner.read(1.2)  # the gate closes after a second of stillness
        began, cpu = time.monotonic(), time.process_time()
        while time.monotonic() - began < _WATCHED_S:
            scanner.read(0.5)
        share = 100 * (time.process_time() - cpu) / (time.monotonic() - began)
        how = f"{what}, 1280 x 720 at {_FPS} frames a second for {_WATCHED_S:g} s, CPU time of the whole process; unpacking MJPG not counted"
        rows.append(_row(f"camera {name}, share of a core", round(share, 1), "%", goal, "lower", how))
        scanner.close()
    return rows
