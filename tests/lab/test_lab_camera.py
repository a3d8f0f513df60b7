"""The lab's pictures leave as a camera's frames, and come back as the same picture."""

from __future__ import annotations

import io

from PIL import Image

from tools.lab.scenarios.camera import yuyv


def test_a_frame_has_each_pixels_brightness_and_the_colour_of_two() -> None:
    picture = Image.new("RGB", (4, 2), (255, 255, 255))
    picture.putpixel((1, 0), (0, 0, 0))
    file = io.BytesIO()
    picture.save(file, "PNG")
    frame = yuyv(file.getvalue())
    assert len(frame) == 4 * 2 * 2
    assert list(frame[0::2]) == [255, 0, 255, 255, 255, 255, 255, 255]
    assert set(frame[1::2]) == {128}
