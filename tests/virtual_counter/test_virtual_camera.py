"""Cards and phones as a camera meets them, and the folder that the camera is."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from virtual_counter.barcodes import BadBarcode
from virtual_counter.camera import Camera
from virtual_counter.cards import CARD_SIZE, card_picture, draw_card, draw_phone, phone_picture, png_bytes

CODES = [
    ("JAN13", "2112345678900"), ("JAN8", "49012347"), ("NW7", "A1234567890123A"), ("CODE128", "1234567890123456"), ("CODE39", "MEMBER-1"),
    ("ITF", "12345678901231"), ("QR", "https://liff.line.me/1234567890-AbcdEfgh?m=1234567890123456"),
]  # fmt: skip


def read(picture: bytes) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))]


def flat(picture: Image.Image) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(picture.convert("L"))]


@pytest.mark.parametrize("symbology, text", CODES)
def test_an_independent_decoder_reads_every_card_and_every_phone(symbology, text):
    assert flat(card_picture(symbology, text)) == [text]
    assert flat(phone_picture(symbology, text)) == [text]


@pytest.mark.parametrize("draw", [draw_card, draw_phone])
def test_an_independent_decoder_reads_what_lies_before_the_camera(draw):
    assert read(draw("NW7", "A1234567890123A")) == ["A1234567890123A"]


@pytest.mark.parametrize("condition", ["perspective", "glare"])
def test_the_same_seed_draws_the_same_picture(condition):
    first = draw_phone("QR", CODES[-1][1], seed=5, condition=condition)
    assert Image.open(io.BytesIO(first)).size == (1280, 720)
    assert first == draw_phone("QR", CODES[-1][1], seed=5, condition=condition)
    assert first != draw_phone("QR", CODES[-1][1], seed=6, condition=condition)


@pytest.mark.slow
@pytest.mark.parametrize("condition", ["clean", "dark", "bands", "bright"])
@pytest.mark.parametrize("symbology, text", CODES)
def test_an_independent_decoder_reads_phones_in_fair_conditions(symbology, text, condition):
    assert read(draw_phone(symbology, text, seed=7, condition=condition)) == [text]


def test_what_a_symbology_cannot_hold_is_refused():
    with pytest.raises(BadBarcode, match="check digit"):
        draw_card("JAN13", "2112345678901")
    with pytest.raises(BadBarcode, match="no room"):
        draw_phone("CODE39", "X" * 90)
    with pytest.raises(ValueError, match="no condition"):
        draw_phone("QR", "x", condition="underwater")


def test_the_newest_file_of_the_folder_is_the_picture_in_view(tmp_path: Path):
    camera = Camera(tmp_path / "camera")
    assert camera.view is None
    first = png_bytes(card_picture("JAN8", "49012347"))
    for _ in range(5):
        shown = camera.show(first)
    assert camera.view == shown
    assert shown.read_bytes() == first
    names = sorted(path.name for path in camera.folder.iterdir())
    assert names[-1] == shown.name
    assert len(names) == 2
    assert Image.open(io.BytesIO(shown.read_bytes())).size == CARD_SIZE
    camera.clear()
    assert camera.view is None


def test_a_second_camera_on_the_folder_goes_on_after_the_first(tmp_path: Path):
    picture = tmp_path / "card.png"
    picture.write_bytes(png_bytes(card_picture("JAN8", "49012347")))
    Camera(tmp_path / "camera").show(picture)
    later = Camera(tmp_path / "camera")
    assert later.show(b"\xff\xd8\xff\xe0 a JPEG").suffix == ".jpg"
    assert later.view is not None
    assert later.view.suffix == ".jpg"
