"""The camera drivers as the device process uses them: a folder and a film in front, scans out."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from drivers.camera.driver import CAMERA, CAMERA_FILM, CAMERA_FOLDER, CameraScanner, find_cameras
from drivers.camera.sources import FilmSource, FolderSource
from posagent.errors import DeviceError, DeviceMissing
from posagent.messages import words
from tools.phone_screens import CARRIERS, Carrier, empty_frame, sequence, shot

Show = Callable[[Any], None]


def options_of(driver: Any, **given: Any) -> dict[str, Any]:
    return {key: option.default for key, option in driver.options.items()} | given


@pytest.fixture
def camera(tmp_path: Path, show: Show) -> Iterator[CameraScanner]:
    scanner = CAMERA_FOLDER.open("cam", options_of(CAMERA_FOLDER, folder=str(tmp_path / "view"), budget_ms=500))
    assert isinstance(scanner, CameraScanner)
    yield scanner
    scanner.close()


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_phone_in_front_of_the_camera_is_one_scan(carrier: Carrier, camera: CameraScanner, show: Show) -> None:
    picture = shot(carrier, "oblique", 3)
    show(picture.luma)
    assert [scan.text for scan in camera.read(5.0)] == [picture.text]
    assert camera.read(0.3) == []


def test_the_next_phone_is_the_next_scan(camera: CameraScanner, show: Show) -> None:
    texts = []
    for seed in (1, 2):
        show(shot("EAN13", "clean", seed).luma)
        texts += [scan.text for scan in camera.read(5.0)]
    assert texts == [shot("EAN13", "clean", 1).text, shot("EAN13", "clean", 2).text]


def test_an_empty_folder_and_a_black_camera_are_silence_and_advice(camera: CameraScanner, show: Show) -> None:
    assert camera.read(0.2) == []
    assert camera.preview() is None
    show(np.zeros((720, 1280), np.uint8))
    assert camera.read(0.3) == []
    preview = camera.preview()
    assert preview is not None
    assert preview["hint"] == "dark"
    assert "暗すぎ" in preview["ja"]


def test_half_a_picture_is_passed_over_until_it_is_whole(camera: CameraScanner, show: Show, tmp_path: Path) -> None:
    picture = shot("EAN13", "clean", 1)
    whole = cv2.imencode(".png", picture.luma)[1].tobytes()
    target = tmp_path / "view" / "slow.png"
    target.write_bytes(whole[: len(whole) // 3])
    assert camera.read(0.3) == []
    target.write_bytes(whole)
    assert [scan.text for scan in camera.read(5.0)] == [picture.text]


def test_a_qr_code_of_another_shop_is_reported_once_as_it_is(camera: CameraScanner, show: Show, draw: Callable[..., Any]) -> None:
    show(np.pad(draw("QRCode", "https://pay.example/p/1", scale=8), 100, constant_values=255))
    assert [scan.text for scan in camera.read(5.0)] == ["https://pay.example/p/1"]
    assert camera.read(0.5) == []


def test_two_phones_at_once_are_a_damaged_scan(camera: CameraScanner, show: Show) -> None:
    both = np.hstack([shot("QRCode", "clean", seed).luma[:, 320:960] for seed in (1, 2)])
    show(both)
    scans = camera.read(5.0)
    assert [scan.quality for scan in scans] == ["corrupt"]
    assert "two different codes" in scans[0].reason


def test_the_technician_sees_the_picture_the_strip_and_its_pixels_per_module(camera: CameraScanner, show: Show) -> None:
    show(shot("EAN13", "clean", 1).luma)
    assert camera.read(5.0)
    preview = camera.preview()
    assert preview is not None
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(preview["jpeg"]), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture.shape == (preview["height"], preview["width"])
    assert len(base64.b64decode(preview["jpeg"])) <= 40_000
    assert 3 < preview["px_per_module"] < 8
    x, y, wide, _, _ = preview["strips"][0]
    assert abs(x - preview["width"] / 2) < 60
    assert abs(y - preview["height"] / 2) < 60
    assert wide > 100
    assert preview["hint"] == "good"


def test_a_film_is_scanned_and_its_end_is_a_lost_camera(tmp_path: Path) -> None:
    film = tmp_path / "phone.mjpg"
    frames = [cv2.imencode(".jpg", picture.luma)[1].tobytes() for picture in sequence("EAN13", "good", 1, 20)]
    film.write_bytes(b"".join(frames))
    scanner = CAMERA_FILM.open("film", options_of(CAMERA_FILM, file=str(film), fps=30))
    assert isinstance(scanner, CameraScanner)
    scans = list(scanner.read(5.0))
    assert [scan.text for scan in scans] == [next(iter(sequence("EAN13", "good", 1, 1))).text]

    def read_on() -> None:
        for _ in range(20):  # on a busy machine one read may pass before the last frame is due
            scanner.read(5.0)

    with pytest.raises(DeviceMissing, match="has ended"):
        read_on()
    scanner.close()


def test_a_film_can_begin_again(tmp_path: Path) -> None:
    film = tmp_path / "one.mjpg"
    film.write_bytes(cv2.imencode(".jpg", np.full((48, 64), 77, np.uint8))[1].tobytes())
    source = FilmSource("film", film, 120, repeat=True)
    assert all(source.grab(1.0) is not None for _ in range(5))
    source.close()


def test_reading_ends_in_time_whatever_is_in_front(camera: CameraScanner, show: Show) -> None:
    for seed in range(4):
        show(empty_frame(seed))
        before = time.monotonic()
        assert camera.read(0.2) == []
        assert time.monotonic() - before < 2.0  # 0.2 s and one frame on a busy machine


def test_trouble_names_the_device_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DeviceMissing, match="cam: there is no folder"):
        CAMERA_FOLDER.open("cam", options_of(CAMERA_FOLDER, folder=str(tmp_path / "none")))
    with pytest.raises(DeviceMissing, match=r"film: .*correct `file`"):
        CAMERA_FILM.open("film", options_of(CAMERA_FILM, file=str(tmp_path / "none.mjpg")))
    with pytest.raises(DeviceMissing, match="cam: /dev/video99: the camera is not there"):
        CAMERA.open("cam", options_of(CAMERA, node="/dev/video99"))
    (tmp_path / "view").mkdir()
    with pytest.raises(DeviceError, match="formats must be some of"):
        CAMERA_FOLDER.open("cam", options_of(CAMERA_FOLDER, folder=str(tmp_path / "view"), formats=["EAN31"]))


def test_a_folder_that_goes_is_a_lost_camera(tmp_path: Path) -> None:
    (tmp_path / "view").mkdir()
    source = FolderSource("cam", tmp_path / "view")
    (tmp_path / "view").rmdir()
    with pytest.raises(DeviceMissing, match="is gone"):
        source.grab(0.1)


def test_cameras_are_found_by_their_lasting_names(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "video2").touch()
    (tmp_path / "by-id").mkdir()
    for index in (0, 1):
        (tmp_path / "by-id" / f"usb-Acme_Cam_1234-video-index{index}").symlink_to(tmp_path / "dev" / "video2")
    (tmp_path / "sys" / "video2").mkdir(parents=True)
    (tmp_path / "sys" / "video2" / "name").write_text("Acme Cam\n")
    found = list(find_cameras(tmp_path / "by-id", tmp_path / "sys"))
    assert [one.title for one in found] == ["Acme Cam (camera)"]
    assert found[0].settings["node"].endswith("index0")
    assert list(find_cameras(tmp_path / "none" / "by-id")) == []


def test_a_built_in_camera_is_found_by_its_place_and_no_camera_twice(tmp_path: Path) -> None:
    for folder in ("dev", "by-id", "by-path"):
        (tmp_path / folder).mkdir()
    for node in ("video0", "video2"):
        (tmp_path / "dev" / node).touch()
    (tmp_path / "by-id" / "usb-Acme_Cam_1234-video-index0").symlink_to(tmp_path / "dev" / "video2")
    (tmp_path / "by-path" / "pci-0000:00:14.0-usb-0:1-video-index0").symlink_to(tmp_path / "dev" / "video2")
    (tmp_path / "by-path" / "platform-csi-video-index0").symlink_to(tmp_path / "dev" / "video0")
    names = [Path(one.settings["node"]).name for one in find_cameras(tmp_path / "by-id", tmp_path / "sys")]
    assert names == ["usb-Acme_Cam_1234-video-index0", "platform-csi-video-index0"]


def test_the_drivers_live_in_the_camera_process() -> None:
    assert {driver.home for driver in (CAMERA, CAMERA_FOLDER, CAMERA_FILM)} == {"camera"}


class Frames:
    """A source that shows one picture, or nothing."""

    def __init__(self, luma: Any) -> None:
        self.luma = luma
        self.closed = False

    def grab(self, timeout_s: float) -> Any:
        if self.luma is None:
            time.sleep(min(timeout_s, 0.02))
        return self.luma

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("_DARK_S", "_NO_FRAME_S", "_FIRST_FRAME_S"):
        monkeypatch.setattr(f"drivers.camera.driver.{limit}", 0.1)


BLACK = np.full((720, 1280), 3, np.uint8)
LIT = np.full((720, 1280), 90, np.uint8)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("later", "code"), [(BLACK, "E310"), (None, "E311")])
def test_a_black_or_frozen_camera_is_told_to_the_cashier_and_not_opened_before_it_sees(later: Any, code: str) -> None:
    source = Frames(LIT)
    scanner = CameraScanner("cam", source, options_of(CAMERA_FOLDER, folder="x"), still_s=0.0, steady=True)
    assert scanner.read(0.05) == []
    source.luma = later
    with pytest.raises(DeviceError) as lost:
        scanner.read(5.0)
    assert lost.value.code == code
    for language in ("ja", "en"):
        said = words(code, language)
        assert said.title
        assert said.todo
    again = Frames(later)
    with pytest.raises(DeviceError) as refused:
        CameraScanner("cam", again, options_of(CAMERA_FOLDER, folder="x"), steady=True)
    assert refused.value.code == code
    assert again.closed


@pytest.mark.usefixtures("impatient")
def test_a_phone_in_a_dark_room_is_light_enough() -> None:
    luma = BLACK.copy()
    luma[200:500, 400:800] = 220
    scanner = CameraScanner("cam", Frames(luma), options_of(CAMERA_FOLDER, folder="x"), still_s=0.0, steady=True)
    assert scanner.read(0.4) == []
