"""Pictures for the camera's tests: drawn here, nothing is photographed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import qrcode
import zxingcpp
from qrcode.util import MODE_8BIT_BYTE, QRData

Draw = Callable[..., Any]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    cv2.setNumThreads(1)


@pytest.fixture
def draw() -> Draw:
    """draw(format, text, turn=0, scale=3) -> a grey picture with one code on white."""

    def drawn(name: str, text: str, turn: float = 0.0, scale: int = 3, height: int = 90) -> Any:
        code = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, name))
        modules = np.array(code.to_image(scale=1, add_quiet_zones=True))
        flat = name in {"QRCode", "DataMatrix", "Aztec", "PDF417", "MicroPDF417", "MicroQRCode"}
        rows = modules if flat else np.repeat(modules[:1], max(1, height // scale), axis=0)
        picture = np.kron(rows, np.ones((scale, scale), np.uint8)).astype(np.uint8)
        side = int(np.hypot(*picture.shape)) + 40
        canvas = np.full((side, side), 255, np.uint8)
        top, left = (side - picture.shape[0]) // 2, (side - picture.shape[1]) // 2
        canvas[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        matrix = cv2.getRotationMatrix2D((side / 2, side / 2), turn, 1)
        return cv2.warpAffine(canvas, matrix, (side, side), flags=cv2.INTER_CUBIC, borderValue=255)

    return drawn


@pytest.fixture
def draw_qr_bytes() -> Callable[[bytes], Any]:
    """A QR code in byte mode with exactly these bytes."""

    def drawn(content: bytes) -> Any:
        code = qrcode.QRCode(border=4, box_size=1)
        code.add_data(QRData(content, mode=MODE_8BIT_BYTE))
        code.make()
        return np.kron(np.where(np.array(code.get_matrix()), 0, 255), np.ones((4, 4))).astype(np.uint8)

    return drawn


@pytest.fixture
def show(tmp_path: Path) -> Callable[[Any], None]:
    """Puts a picture in front of the camera-folder driver, whole."""
    (tmp_path / "view").mkdir()

    def put(luma: Any) -> None:
        part = tmp_path / "view" / ".part.png"
        cv2.imwrite(str(part), luma)
        part.rename(tmp_path / "view" / "seen.png")

    return put
