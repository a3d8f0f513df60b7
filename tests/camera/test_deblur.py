"""Pictures that are out of focus or half in shadow: read where plain looks read nothing, and nothing is made up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from drivers.camera.deblur import LONGEST, Guess, deblurred
from drivers.camera.deep import read_deep
from drivers.camera.symbols import MATRIX, formats_of, read_all

TEXT = "https://members.example/m/2012345678903"
Draw = Callable[..., Any]


@pytest.mark.parametrize("name", ["QRCode", "DataMatrix", "Aztec"])
def test_a_code_out_of_focus_is_read(name: str, draw: Draw) -> None:
    soft = cv2.GaussianBlur(draw(name, TEXT, 8.0, 4), (0, 0), 2.6)
    noisy = np.clip(soft + np.random.default_rng(3).normal(0, 2, soft.shape), 0, 255).astype(np.uint8)
    formats = formats_of(MATRIX)
    assert not read_all(noisy, formats, "plain", downscale=True)
    (code,) = read_deep(noisy, MATRIX)
    assert (code.text, code.how.split()[0]) == (TEXT, "deblurred")
    xs, ys = zip(*code.quad, strict=True)
    assert 0 < min(xs) < max(xs) < noisy.shape[1]
    assert 0 < min(ys) < max(ys) < noisy.shape[0]


def test_corners_are_those_of_the_whole_picture(draw: Draw) -> None:
    large = cv2.resize(draw("QRCode", TEXT, 0.0, 4), None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
    assert max(large.shape) > LONGEST
    assert max(deblurred(large, Guess(2.0, 0.01)).shape) <= LONGEST


@pytest.mark.parametrize(("name", "text"), [("EAN13", "2012345678903"), ("Codabar", "A1234567A"), ("ITF", "12345670")])
def test_a_linear_code_half_in_shadow_is_read(name: str, text: str, draw: Draw) -> None:
    page = cv2.copyMakeBorder(draw(name, text, 25.0, 3), 60, 60, 60, 60, cv2.BORDER_CONSTANT, value=255)
    shaded = (page * np.linspace(0.1, 1.0, page.shape[1])[None, :]).astype(np.uint8)
    assert [code.text for code in read_deep(shaded)] == [text]


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_read_where_nothing_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    clouds = cv2.resize(rng.integers(0, 256, (24, 32), np.uint8), (640, 480), interpolation=cv2.INTER_CUBIC)
    assert read_deep(clouds, MATRIX) == []
