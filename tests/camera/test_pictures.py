"""Picture files are foreign data: bombs, half files and odd kinds end in one clear line."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from drivers.camera.pictures import PictureError, decode_picture, read_picture


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"\0" * 100))


def saved(picture: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (30_000, 30_000), (8_000, 8_000), (2_000_000_000, 1)])
def test_a_picture_bomb_is_refused_before_it_is_unpacked(width: int, height: int) -> None:
    with pytest.raises(PictureError, match="million"):
        decode_picture(png_header(width, height), "bomb.png")


def test_a_damaged_picture_is_told_as_damaged() -> None:
    whole = saved(Image.new("L", (200, 200), 128), "PNG")
    with pytest.raises(PictureError, match="damaged"):
        decode_picture(whole[: len(whole) // 2], "half.png")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 1000, b"%!PS-Adobe-3.0\n%%BoundingBox: 0 0 100 100\n", b"GIF89a"])
def test_what_is_no_picture_is_told_as_none(content: bytes) -> None:
    with pytest.raises(PictureError, match=r"not a picture|damaged"):
        decode_picture(content, "x")


@pytest.mark.parametrize("seed", range(20))
def test_noise_after_a_good_header_never_escapes_as_another_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kind = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")[seed % 6]
    content = bytearray(saved(Image.fromarray(rng.integers(0, 256, (40, 60), np.uint8)), kind))
    for at in rng.integers(0, len(content), 25):
        content[at] = int(rng.integers(0, 256))
    try:
        luma = decode_picture(bytes(content), "noise")
    except PictureError:
        return
    assert luma.dtype == np.uint8
    assert luma.ndim == 2


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_every_kind_of_pixel_becomes_grey(mode: str) -> None:
    kind = "TIFF" if mode in {"CMYK", "I;16"} else "PNG"
    luma = decode_picture(saved(Image.new(mode, (10, 8)), kind), mode)
    assert luma.shape == (8, 10)


def test_transparent_parts_are_white() -> None:
    assert decode_picture(saved(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "PNG"), "x").min() == 255


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="No such file"):
        read_picture(tmp_path / "none.png")
    with pytest.raises(PictureError, match="not a file"):
        read_picture(tmp_path)
