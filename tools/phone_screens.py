"""Owns the drawing of phone screens as a camera at a register sees them: deterministic pictures for tests and benchmarks.

A phone (1080 x 1900) shows a member code; a homography puts it into the frame; light, lens and sensor spoil it in one of seventeen ways;
JPEG at quality 85 ends it. All sizes below are in pixels of a 1280 x 720 frame; other sizes show the same scene. Moire and bloom are models,
not measurements. The same arguments give the same picture on every machine with the same libraries.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import cv2
import numpy as np
import zxingcpp

Carrier = Literal["Code128", "Codabar", "EAN13", "QRCode"]
Condition = Literal[
    "clean", "rotated", "oblique", "perspective", "blur1", "blur2", "blur3", "motion", "low light", "noise", "glare", "bloom", "moire", "small",
    "banding", "dark", "combo",
]  # fmt: skip
CARRIERS: tuple[Carrier, ...] = get_args(Carrier)
CONDITIONS: tuple[Condition, ...] = get_args(Condition)
SIZES = {480: (640, 480), 720: (1280, 720), 1080: (1920, 1080)}

_PHONE = (1080, 1900)


@dataclass(frozen=True, slots=True)
class View:
    """How the phone is held and seen. Angles in degrees; ``share``: phone width of frame width; ``blur`` sigma and ``motion`` in pixels."""

    share: float = 0.44
    roll: float = 0.0
    tilt: float = 0.0  # foreshortening towards the top
    x: float = 0.5
    y: float = 0.5
    blur: float = 0.55
    motion: float = 0.0
    motion_angle: float = 0.0
    gain: float = 0.8
    noise: float = 2.0
    glare: bool = False
    bloom: bool = False
    moire: bool = False
    banding: bool = False
    dark: bool = False


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture and the one code in it. ``text`` as a reader delivers it: NW-7 with start and stop characters."""

    luma: Any
    carrier: Carrier
    text: str
    condition: str


def number_for(carrier: Carrier, seed: int) -> str:
    """What the code says: a member number that the demonstration shop's rules accept."""
    rng = np.random.default_rng([7, CARRIERS.index(carrier), seed])
    digits = "".join(str(digit) for digit in rng.integers(0, 10, 15))
    match carrier:
        case "Code128":
            return digits + _luhn(digits)
        case "Codabar":
            return f"A{digits[:12]}{_mod10w3(digits[:12])}A"
        case "EAN13":
            body = "2" + digits[:11]
            return body + _mod10w3(body)
        case "QRCode":
            number = digits + _luhn(digits)
            return number if seed % 2 else f"https://members.example/m/{number}"


def shot(carrier: Carrier, condition: Condition, seed: int, size: tuple[int, int] = SIZES[720]) -> Shot:
    """One picture: a carrier under a condition."""
    text = number_for(carrier, seed)
    rng = np.random.default_rng([11, CARRIERS.index(carrier), CONDITIONS.index(condition), seed])
    return Shot(frame(carrier, text, view_of(condition, rng), rng, size), carrier, text, condition)


def shots(seeds: range, size: tuple[int, int] = SIZES[720]) -> Iterator[Shot]:
    """Every carrier under every condition, for each seed."""
    for seed in seeds:
        for condition in CONDITIONS:
            for carrier in CARRIERS:
                yield shot(carrier, condition, seed, size)


def burst(carrier: Carrier, seed: int, frames: int = 3, size: tuple[int, int] = SIZES[720]) -> Iterator[Shot]:
    """Frames of one badly seen code, for the count of wrong readings."""
    text = number_for(carrier, seed)
    rng = np.random.default_rng([13, CARRIERS.index(carrier), seed])
    view = View(
        share=rng.uniform(0.22, 0.5), roll=rng.uniform(-12, 12), blur=rng.uniform(0.6, 2.2), motion=rng.uniform(0, 9),
        motion_angle=rng.uniform(0, 180), gain=rng.uniform(0.2, 0.8), noise=rng.uniform(2, 16),
    )  # fmt: skip
    for _ in range(frames):
        moved = replace(view, x=0.5 + rng.uniform(-0.02, 0.02), y=0.5 + rng.uniform(-0.02, 0.02))
        yield Shot(frame(carrier, text, moved, rng, size), carrier, text, "burst")


def sequence(carrier: Carrier, kind: str, seed: int, frames: int = 40) -> Iterator[Shot]:
    """A phone that slides in, comes into focus and rests from frame 12 on. ``kind``: good, dim, tilt, far, moire or soft."""
    text = number_for(carrier, seed)
    rng = np.random.default_rng([17, CARRIERS.index(carrier), seed])
    rest = {
        "good": View(), "dim": View(gain=0.25, noise=8.0), "tilt": View(roll=rng.uniform(20, 60)), "far": View(share=0.27),
        "moire": View(moire=True, roll=rng.uniform(-3, 3)), "soft": View(blur=1.5),
    }[kind]  # fmt: skip
    for number in range(frames):
        left = max(0.0, 1 - number / 12)
        shake = (rng.normal(0, 0.0012), rng.normal(0, 0.0012))
        now = replace(rest, x=0.5 + 0.55 * left**2 + shake[0], y=0.5 + 0.1 * left + shake[1], motion=22 * left, blur=rest.blur + 2.5 * left)
        yield Shot(frame(carrier, text, now, rng), carrier, text, kind)


def empty_frame(seed: int, size: tuple[int, int] = SIZES[720]) -> Any:
    """A frame without a code: noise, gradients, letters or stripes that are no code."""
    rng = np.random.default_rng([19, seed])
    width, height = size
    match seed % 4:
        case 0:
            picture = rng.integers(0, 256, (height, width), np.uint8)
        case 1:
            small = rng.integers(0, 256, (height // 16, width // 16), np.uint8)
            picture = cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)
        case 2:  # bars of random widths: a code to the eye
            widths = rng.integers(2, 9, width)
            row = np.repeat(np.resize(np.array([20, 235], np.uint8), widths.size), widths)[:width]
            picture = np.repeat(row[None, :], height, axis=0)
        case _:
            picture = np.full((height, width), 235, np.uint8)
            for line in range(8):
                words = "".join(chr(code) for code in rng.integers(33, 127, 40))
                cv2.putText(picture, words, (10, 60 + line * height // 9), cv2.FONT_HERSHEY_SIMPLEX, float(rng.uniform(0.6, 1.6)), 20, 2)
    return np.ascontiguousarray(np.clip(picture.astype(np.float32) + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8))


def view_of(condition: Condition, rng: Any) -> View:
    """The view that shows a condition, with the chances of everyday use."""
    view = View(share=rng.uniform(0.38, 0.50), roll=rng.uniform(-3, 3), x=rng.uniform(0.47, 0.53), y=rng.uniform(0.47, 0.53))
    sign = 1 if rng.random() < 0.5 else -1
    changes: dict[str, dict[str, Any]] = {
        "clean": {},
        "rotated": {"roll": sign * rng.uniform(6, 14)},
        "oblique": {"roll": sign * rng.uniform(22, 68)},
        "perspective": {"tilt": rng.uniform(18, 38), "roll": rng.uniform(-8, 8)},
        "blur1": {"blur": 1.0},
        "blur2": {"blur": 1.6},
        "blur3": {"blur": 2.3},
        "motion": {"motion": rng.uniform(5, 11), "motion_angle": rng.uniform(0, 180)},
        "low light": {"gain": rng.uniform(0.14, 0.25), "noise": rng.uniform(4, 7)},
        "noise": {"noise": rng.uniform(16, 26)},
        "glare": {"glare": True},
        "bloom": {"bloom": True},
        "moire": {"moire": True, "blur": 0.0},
        "small": {"share": rng.uniform(0.20, 0.27)},
        "banding": {"banding": True},
        "dark": {"dark": True},
        "combo": {
            "roll": sign * rng.uniform(8, 30), "blur": 1.1, "noise": rng.uniform(5, 9), "gain": rng.uniform(0.3, 0.5),
            "tilt": rng.uniform(5, 15),
        },
    }  # fmt: skip
    return replace(view, **changes[condition])


def frame(carrier: Carrier, text: str, view: View, rng: Any, size: tuple[int, int] = SIZES[720]) -> Any:
    """The picture: phone through homography, lens, light and sensor."""
    phone = _phone(carrier, text, view.dark)
    width, height = size
    unit = 1.5 if height == 1080 else 1.0 if height == 720 else height / 720  # pixels of this frame per pixel of the 1280 frame
    matrix = _homography(view, size, unit)
    backdrop = _backdrop(rng, size)
    if view.moire:
        seen = _through_subpixels(phone, matrix, size)
    else:
        double = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]]) @ matrix
        large = cv2.warpPerspective(phone, double, (width * 2, height * 2), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
        seen = cv2.resize(large, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    covered = cv2.warpPerspective(np.full(_PHONE[::-1], 255, np.uint8), matrix, size).astype(np.float32) / 255
    light = seen * covered + backdrop * (1 - covered)
    if view.bloom:
        light = light * 1.5 + cv2.GaussianBlur(np.maximum(light * 1.5 - 150, 0), (0, 0), 9 * unit) * 1.1
    if view.blur:
        light = cv2.GaussianBlur(light, (0, 0), view.blur * unit)
    if view.motion > 1:
        light = cv2.filter2D(light, -1, _smear(view.motion * unit, view.motion_angle))
    if view.glare:
        light = light + _spot(rng, size, unit)
    if view.banding:
        phase, period = rng.uniform(0, 2 * math.pi), rng.uniform(40, 120) * unit
        light = light * (0.72 + 0.28 * np.sin(np.arange(height) * 2 * math.pi / period + phase))[:, None]
    light = light * view.gain
    light = light + rng.normal(0, view.noise, light.shape)
    sensor = np.clip(light, 0, 255).astype(np.uint8)
    _, jpeg = cv2.imencode(".jpg", sensor, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE)


def _phone(carrier: Carrier, text: str, dark: bool) -> Any:
    wide, high = _PHONE
    paper, ink = (24, 200) if dark else (245, 40)
    screen = np.full((high, wide), paper, np.uint8)
    cv2.rectangle(screen, (0, 0), (wide, 190), 90 if dark else 60, -1)
    cv2.putText(screen, "POINT CARD", (60, 130), cv2.FONT_HERSHEY_SIMPLEX, 2.6, 240, 6)
    cv2.putText(screen, "1,280 pt", (60, 340), cv2.FONT_HERSHEY_SIMPLEX, 3.0, ink, 8)
    for row in range(6):
        cv2.putText(screen, "Lorem ipsum dolor sit amet 0123", (60, 1330 + row * 80), cv2.FONT_HERSHEY_SIMPLEX, 1.4, ink, 3)
    cv2.rectangle(screen, (30, 420), (wide - 30, 1230), 252, -1)
    code = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, carrier))
    modules = np.array(code.to_image(scale=1, add_quiet_zones=True, add_hrt=False))
    if carrier == "QRCode":
        picture = _enlarged(modules, 620, 620)
    else:
        picture = _enlarged(modules[:1], 980, 420)
    top, left = 460 + (620 - picture.shape[0]) // 2, (wide - picture.shape[1]) // 2
    screen[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    cv2.putText(screen, text[-16:], (240, 1190), cv2.FONT_HERSHEY_SIMPLEX, 1.8, 30, 4)
    return screen


def _enlarged(modules: Any, wide: int, high: int) -> Any:
    return cv2.resize(modules, (wide, high), interpolation=cv2.INTER_AREA if modules.shape[1] > wide else cv2.INTER_NEAREST)


def _homography(view: View, size: tuple[int, int], unit: float) -> Any:
    wide, high = _PHONE
    scale = view.share * 1280 * unit / wide
    roll, tilt = math.radians(view.roll), math.radians(view.tilt)
    # The code's place on the screen, not the phone's middle, is what people hold under the camera.
    corners = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
    placed = []
    for x, y in corners - np.array([wide / 2, 800], np.float32):
        x, y = x * scale, y * scale
        depth = 1 + y * math.sin(tilt) / (900 * unit)
        x, y = x / depth, y * math.cos(tilt) / depth
        middle = (view.x - 0.5) * 1280 * unit + size[0] / 2, (view.y - 0.5) * 720 * unit + size[1] / 2
        placed.append((x * math.cos(roll) - y * math.sin(roll) + middle[0], x * math.sin(roll) + y * math.cos(roll) + middle[1]))
    return cv2.getPerspectiveTransform(corners, np.array(placed, np.float32))


def _through_subpixels(phone: Any, matrix: Any, size: tuple[int, int]) -> Any:
    """Red, green and blue stripes of each pixel, sampled without a low-pass: the beat of two grids.

    The weights are the channels' shares of luma to the power of 0.25: a sensor's pixel covers about six of them and averages most away.
    """
    stripes = np.repeat(phone, 3, axis=1).astype(np.float32)
    weight = np.resize(np.array([0.90, 1.77, 0.33], np.float32) ** 0.25, stripes.shape[1])
    third = matrix @ np.array([[1 / 3, 0, 0], [0, 1, 0], [0, 0, 1]])
    return cv2.warpPerspective(np.clip(stripes * weight, 0, 330), third, size, flags=cv2.INTER_NEAREST)


def _backdrop(rng: Any, size: tuple[int, int]) -> Any:
    small = rng.uniform(30, 120, (6, 10)).astype(np.float32)
    return cv2.resize(small, size, interpolation=cv2.INTER_CUBIC)


def _smear(length: float, angle: float) -> Any:
    reach = math.ceil(length / 2) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for step in np.linspace(-length / 2, length / 2, 8 * reach):
        x, y = reach + step * math.cos(math.radians(angle)), reach + step * math.sin(math.radians(angle))
        x0, y0 = int(x), int(y)
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            kernel[min(y0 + dy, 2 * reach), min(x0 + dx, 2 * reach)] += (1 - abs(x - x0 - dx)) * (1 - abs(y - y0 - dy))
    return kernel / kernel.sum()


def _spot(rng: Any, size: tuple[int, int], unit: float) -> Any:
    x, y = (rng.uniform(0.4, 0.6) * size[0], rng.uniform(0.4, 0.6) * size[1])
    wide, high = rng.uniform(60, 130) * unit, rng.uniform(18, 45) * unit
    columns, rows = np.meshgrid(np.arange(size[0]) - x, np.arange(size[1]) - y)
    turn = rng.uniform(0, math.pi)
    u, v = columns * math.cos(turn) + rows * math.sin(turn), rows * math.cos(turn) - columns * math.sin(turn)
    return (320 * np.exp(-((u / wide) ** 2) - (v / high) ** 2)).astype(np.float32)


def _mod10w3(digits: str) -> str:
    return str(-sum(int(digit) * (1 if at % 2 else 3) for at, digit in enumerate(reversed(digits))) % 10)


def _luhn(digits: str) -> str:
    return str(-sum(sum(divmod(int(digit) * (1 if at % 2 else 2), 10)) for at, digit in enumerate(reversed(digits))) % 10)
