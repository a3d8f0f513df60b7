"""What the camera reads on drawn phone screens, what it must never read, and how much time it takes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from drivers.camera.bands import LADDER, band_picture
from drivers.camera.live import STILL_AFTER_NS, FrameReader, Gate
from drivers.camera.matched import match_ean13
from drivers.camera.strips import find_strips
from drivers.camera.symbols import LINEAR, formats_of, read_one
from posagent.member_code import Refused, classify, default_rules
from tools.bench_camera import MEMBER_FORMATS, measure, ours_member, zxing_defaults
from tools.phone_screens import CARRIERS, CONDITIONS, SIZES, burst, empty_frame, shot, shots


@pytest.mark.parametrize(("lines", "least"), [(480, 56), (720, 60)])
def test_phone_screens_under_seventeen_conditions_are_read(lines: int, least: int) -> None:
    reads, false = 0, []
    for picture in shots(range(21, 22), SIZES[lines]):
        texts = {text for _, text in ours_member(picture.luma)}
        reads += picture.text in texts
        false += [(picture.condition, text) for text in texts if text != picture.text]
    assert reads >= least, f"{reads} of {len(CONDITIONS) * len(CARRIERS)}"
    rules = default_rules()
    assert all(isinstance(classify(text, "E0", rules), Refused) for _, text in false), false


def test_oblique_codes_are_read_where_a_row_scanner_is_blind() -> None:
    ours: Counter[str] = Counter()
    for seed in (31, 32):
        for carrier in CARRIERS:
            picture = shot(carrier, "oblique", seed)
            ours["ours"] += picture.text in {text for _, text in ours_member(picture.luma)}
            ours["rows"] += picture.text in {text for _, text in zxing_defaults(picture.luma)}
    assert ours["ours"] == 8
    assert ours["rows"] < 8


def test_no_wrong_member_is_read_from_bad_frames() -> None:
    rules = default_rules()
    for seed in range(40, 42):
        for carrier in CARRIERS:
            for picture in burst(carrier, seed, 2):
                for symbol in FrameReader(MEMBER_FORMATS, budget_ns=10**12).read_always(picture.luma).symbols:
                    assert symbol.text == picture.text or isinstance(classify(symbol.text, symbol.aim, rules), Refused)


@pytest.mark.parametrize("seed", range(12))
def test_frames_without_a_code_give_no_member(seed: int) -> None:
    rules = default_rules()
    reader = FrameReader(MEMBER_FORMATS, budget_ns=10**12)
    for symbol in reader.read_always(empty_frame(seed, SIZES[480])).symbols:
        assert isinstance(classify(symbol.text, symbol.aim, rules), Refused)


def test_every_pass_waits_for_the_next_frame_when_the_budget_is_spent() -> None:
    moments = iter(range(0, 10**12, 10_000_000))
    reader = FrameReader(MEMBER_FORMATS, budget_ns=15_000_000, clock_ns=lambda: next(moments))
    picture = shot("EAN13", "oblique", 31)
    looked = reader.read_always(picture.luma)  # the clock jumps 10 ms at each look: one strip fits
    assert next(moments) <= 60_000_000
    assert looked.strips


def test_the_gate_closes_on_a_still_picture_and_opens_on_a_new_one() -> None:
    gate = Gate()
    still, other = empty_frame(1), empty_frame(2)
    assert gate.opens(still, 0)
    assert gate.opens(still, STILL_AFTER_NS - 1)
    assert not gate.opens(still, STILL_AFTER_NS)
    assert gate.opens(other, STILL_AFTER_NS + 1)
    assert gate.opens(other[:480, :640], STILL_AFTER_NS + 2)  # another size is another picture


def test_a_gated_frame_costs_next_to_nothing() -> None:
    reader = FrameReader(MEMBER_FORMATS)
    luma = empty_frame(0)
    reader.read(luma, 0)
    assert reader.read(luma, 2 * STILL_AFTER_NS).still


@pytest.mark.parametrize("turn", [0, 20, 45, 70, 88, -35])
def test_strips_are_found_where_they_are_and_as_they_lie(turn: int) -> None:
    import cv2

    bars = np.full((400, 400), 255, np.uint8)
    rng = np.random.default_rng(5)
    at = 60
    while at < 340:
        wide = int(rng.integers(2, 8))
        bars[150:250, at : at + wide] = 0
        at += wide + int(rng.integers(2, 8))
    turned = cv2.warpAffine(bars, cv2.getRotationMatrix2D((200, 200), turn, 1), (400, 400), borderValue=255)
    strip = find_strips(turned)[0]
    assert abs(strip.center[0] - 200) < 8
    assert abs(strip.center[1] - 200) < 8
    assert abs(np.sin(strip.angle + np.radians(turn))) < 0.05
    assert 230 < strip.width < 310
    assert 70 < strip.height < 130


@pytest.mark.parametrize("picture", [np.zeros((5, 5), np.uint8), np.zeros((720, 1280), np.uint8), np.full((24, 2000), 255, np.uint8)])
def test_pictures_without_edges_have_no_strips(picture: np.ndarray) -> None:  # type: ignore[type-arg]
    assert find_strips(picture) == []
    assert find_strips(picture, sectors=True) == []


def blurred_line(text: str, sigma: float, module: float = 2.0) -> np.ndarray:  # type: ignore[type-arg]
    """A line across an EAN-13 whose modules are ``module`` pixels wide, out of focus by ``sigma`` pixels."""
    import cv2
    import zxingcpp

    code = np.array(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.EAN13).to_image(scale=1, add_quiet_zones=True))[0]
    fine = np.repeat(code, round(10 * module)).astype(np.float32).reshape(1, -1)
    fine = cv2.GaussianBlur(fine, (0, 0), sigmaX=sigma * 10, sigmaY=0.01, borderType=cv2.BORDER_REPLICATE)
    line = cv2.resize(fine, (fine.shape[1] // 10, 1), interpolation=cv2.INTER_AREA).ravel()
    return line * 0.6 + 40 + np.random.default_rng(1).normal(0, 1.0, line.size).astype(np.float32)  # type: ignore[no-any-return]


def test_undoing_the_blur_reads_what_the_decoder_alone_does_not() -> None:
    formats = formats_of(LINEAR)
    line = blurred_line("2012345678903", 2.6, module=4.0)
    plain = read_one(band_picture(line, LADDER[0]), formats, "plain")
    undone = [symbol.text for blur in LADDER if (symbol := read_one(band_picture(line, blur), formats, "undone"))]
    assert plain is None
    assert set(undone) == {"2012345678903"}


@pytest.mark.parametrize(("text", "sigma"), [("2012345678903", 1.0), ("4901234567894", 1.4), ("4901234567894", 1.8)])
def test_a_melted_ean_is_matched_as_a_whole_in_both_directions(text: str, sigma: float) -> None:
    line = blurred_line(text, sigma)
    for profile in (line, line[::-1].copy()):
        match = match_ean13(profile)
        assert match is not None
        assert match.digits == text


@pytest.mark.parametrize("seed", range(4))
def test_bars_that_are_no_ean_are_never_matched(seed: int) -> None:
    rng = np.random.default_rng(seed)
    widths = rng.integers(2, 9, 200)
    line = np.repeat(np.resize(np.array([40.0, 200.0], np.float32), 200), widths)[:300]
    assert match_ean13(line + rng.normal(0, 3, 300).astype(np.float32)) is None
    assert match_ean13(np.cumsum(rng.normal(0, 8, 300)).astype(np.float32)) is None


@pytest.mark.slow
def test_the_figures_of_the_camera_hold() -> None:
    figures = {row["name"]: row["value"] for row in measure(3)}
    assert figures["camera reads 720"] >= 92
    assert figures["camera reads 480"] >= 87
    assert figures["camera wrong members in bursts"] == 0
    assert figures["camera codes accepted where none is"] == 0
    assert figures["camera sequences scanned"] >= 98
