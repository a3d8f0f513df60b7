"""Owns the view of a register's camera: an object on the counter, its place, the light, the lens. Deterministic for a seed."""

from __future__ import annotations

import io
import math
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

FRAME = 1280, 720

# A quadrilateral as its corners, clockwise from the upper left.
Corners = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]


def _counter_top(rng: random.Random) -> Image.Image:
    """A worn laminate counter."""
    from PIL import Image, ImageDraw, ImageFilter

    shade = rng.randrange(-12, 12)
    top = Image.new("RGB", FRAME, (168 + shade, 152 + shade, 132 + shade))
    pen = ImageDraw.Draw(top)
    for _ in range(140):
        y = rng.randrange(FRAME[1])
        x = rng.randrange(-200, FRAME[0])
        tone = shade + rng.randrange(-14, 14)
        pen.line((x, y, x + rng.randrange(80, 500), y + rng.randrange(-3, 4)), fill=(168 + tone, 150 + tone, 128 + tone))
    return top.filter(ImageFilter.GaussianBlur(1.2))


def _solve(rows: list[list[float]]) -> list[float]:
    """Gauss elimination of an 8 by 9 system."""
    size = len(rows)
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column][column]
        rows[column] = [value / head for value in rows[column]]
        for row in range(size):
            if row != column and rows[row][column]:
                factor = rows[row][column]
                rows[row] = [value - factor * top for value, top in zip(rows[row], rows[column], strict=True)]
    return [row[-1] for row in rows]


def _projection(corners: Corners, width: int, height: int) -> list[float]:
    """Pillow's PERSPECTIVE coefficients: from the frame back into the object's picture."""
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip(corners, ((0, 0), (width, 0), (width, height), (0, height)), strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, v])
    return _solve(rows)


def _place(thing: Image.Image, share: float, rng: random.Random, turn_deg: float, lean: float) -> Corners:
    """Where the object's corners come to lie: ``share`` of the frame's width, turned, and leaning away (0 flat)."""
    width = FRAME[0] * share / 100
    height = width * thing.height / thing.width
    centre_x = FRAME[0] / 2 + rng.uniform(-40, 40)
    # A phone is taller than the frame; its code, two fifths from the top, is what the customer holds into view.
    centre_y = FRAME[1] / 2 + (height * 0.04 if height > FRAME[1] else 0) + rng.uniform(-15, 15)
    turn = math.radians(turn_deg)

    def corner(across: float, down: float) -> tuple[float, float]:
        depth = 1 + lean * down
        x, y = across * width / 2 / depth, down * height / 2 * (1 - abs(lean) * 0.6) / depth
        return centre_x + x * math.cos(turn) - y * math.sin(turn), centre_y + x * math.sin(turn) + y * math.cos(turn)

    return corner(-1, -1), corner(1, -1), corner(1, 1), corner(-1, 1)


def _lay(thing: Image.Image, top: Image.Image, corners: Corners) -> Image.Image:
    from PIL import Image, ImageFilter

    # Smaller first: PERSPECTIVE samples single pixels and would alias where the object is finer than the frame.
    across = round(max(math.dist(corners[0], corners[1]), math.dist(corners[2], corners[3])) * 1.15)
    if thing.width > across:
        thing = thing.resize((across, thing.height * across // thing.width), Image.Resampling.LANCZOS)
    laid = thing.transform(FRAME, Image.Transform.PERSPECTIVE, _projection(corners, thing.width, thing.height), Image.Resampling.BICUBIC)
    shadow = laid.getchannel("A").filter(ImageFilter.GaussianBlur(14)).point(lambda value: value * 2 // 5)
    top.paste((30, 26, 22), (8, 12), shadow)
    top.paste(laid, (0, 0), laid)
    return top


# ---------------------------------------------------------------- light and lens


def _blur(radius: float) -> Callable[[Image.Image, random.Random], Image.Image]:
    def apply(view: Image.Image, rng: random.Random) -> Image.Image:
        from PIL import ImageFilter

        return view.filter(ImageFilter.GaussianBlur(radius * rng.uniform(0.9, 1.1)))

    return apply


def _motion(view: Image.Image, rng: random.Random) -> Image.Image:
    """The hand moves while the shutter is open: 5 to 9 pixels."""
    from PIL import Image, ImageChops

    length = rng.randrange(5, 10)
    angle = rng.uniform(0, math.pi)
    blurred = view
    for step in range(1, length):
        moved = ImageChops.offset(view, round(step * math.cos(angle)), round(step * math.sin(angle)))
        blurred = Image.blend(blurred, moved, 1 / (step + 1))
    return blurred


def _gain(low: float, high: float) -> Callable[[Image.Image, random.Random], Image.Image]:
    def apply(view: Image.Image, rng: random.Random) -> Image.Image:
        gain = rng.uniform(low, high)
        return _noise(view.point(lambda value: int(value * gain)), rng, 5)

    return apply


def _noise(view: Image.Image, rng: random.Random, sigma: int) -> Image.Image:
    """Sensor noise; the sum of two bytes is near enough to a bell."""
    from PIL import Image, ImageChops

    size = view.width * view.height
    first, second = (Image.frombytes("L", view.size, rng.randbytes(size)) for _ in range(2))
    spread = sigma * 2.45 / 128  # the mean of two uniform bytes has a standard deviation of 52
    grain = Image.blend(first, second, 0.5).point(lambda value: int(128 + (value - 128) * spread))
    flat = Image.merge("RGB", (grain,) * 3)
    return ImageChops.add(view, flat, 1, -128)


def _grainy(view: Image.Image, rng: random.Random) -> Image.Image:
    return _noise(view, rng, rng.randrange(16, 26))


def _glare(view: Image.Image, rng: random.Random) -> Image.Image:
    """A lamp mirrored in the glass."""
    from PIL import Image, ImageChops, ImageDraw, ImageFilter

    spot = Image.new("L", view.size, 0)
    x, y = rng.randrange(440, 840), rng.randrange(230, 490)
    ImageDraw.Draw(spot).ellipse((x - 110, y - 38, x + 110, y + 38), fill=235)
    spot = spot.filter(ImageFilter.GaussianBlur(26))
    return ImageChops.screen(view, Image.merge("RGB", (spot,) * 3))


def _bloom(view: Image.Image, rng: random.Random) -> Image.Image:
    """The exposure was made for the counter, not for a bright screen."""
    from PIL import ImageChops, ImageFilter

    gain = rng.uniform(1.35, 1.6)
    bright = view.point(lambda value: min(int(value * gain), 255))
    return ImageChops.lighter(bright, bright.filter(ImageFilter.GaussianBlur(4)))


def _moire(view: Image.Image, rng: random.Random) -> Image.Image:
    """Stripes where the screen's pixels beat with the sensor's."""
    from PIL import Image, ImageChops

    period, angle = rng.uniform(5, 9), rng.uniform(-0.5, 0.5)
    row = bytearray()
    for y in range(view.height):
        for x in range(0, view.width, 4):
            row.append(222 + int(33 * math.sin((x * math.cos(angle) + y * math.sin(angle)) * 2 * math.pi / period)))
    stripes = Image.frombytes("L", (view.width // 4, view.height), bytes(row)).resize(view.size)
    return ImageChops.multiply(view, Image.merge("RGB", (stripes,) * 3))


def _bands(view: Image.Image, rng: random.Random) -> Image.Image:
    """A dimmed screen flickers while the sensor reads its rows."""
    from PIL import Image, ImageChops

    period, phase = rng.uniform(60, 160), rng.uniform(0, 6)
    column = bytes(178 + int(77 * math.sin(y * 2 * math.pi / period + phase)) for y in range(view.height))
    stripes = Image.frombytes("L", (1, view.height), column).resize(view.size)
    return ImageChops.multiply(view, Image.merge("RGB", (stripes,) * 3))


Effect = Callable[["Image.Image", random.Random], "Image.Image"]

# condition -> (share of the usual size, greatest turn in degrees, lean, effects in order)
CONDITIONS: dict[str, tuple[float, float, float, tuple[Effect, ...]]] = {
    "clean": (1.0, 1, 0.0, ()),
    "tilt": (1.0, 14, 0.0, ()),
    "oblique": (0.9, 60, 0.0, ()),
    "perspective": (1.0, 6, 0.22, ()),
    "soft": (1.0, 3, 0.0, (_blur(1.0),)),
    "blur": (1.0, 3, 0.0, (_blur(1.7),)),
    "motion": (1.0, 3, 0.0, (_motion,)),
    "dim": (1.0, 3, 0.0, (_gain(0.14, 0.25),)),
    "noise": (1.0, 3, 0.0, (_grainy,)),
    "glare": (1.0, 3, 0.0, (_glare,)),
    "bright": (1.0, 3, 0.0, (_bloom,)),
    "moire": (1.0, 3, 0.0, (_moire,)),
    "bands": (1.0, 3, 0.0, (_bands,)),
    "small": (0.55, 5, 0.0, ()),
    "dark": (1.0, 3, 0.0, ()),
    "combo": (0.85, 9, 0.12, (_blur(0.8), _gain(0.45, 0.6))),
}


def photograph(thing: Image.Image, *, share: float, seed: int, condition: str) -> bytes:
    """The frame as PNG. ``thing`` has an alpha channel; ``share`` is its width in percent of the frame. Raises ValueError for an unknown
    condition."""
    if condition not in CONDITIONS:
        raise ValueError(f"no condition {condition!r}; there are {', '.join(CONDITIONS)}")
    factor, turn, lean, effects = CONDITIONS[condition]
    rng = random.Random(f"{seed} {condition}")
    least = turn / 2 if condition in {"tilt", "oblique"} else 0
    angle = rng.choice((-1, 1)) * rng.uniform(least, turn)
    corners = _place(thing, share * factor, rng, angle, lean * rng.choice((-1, 1)))
    view = _lay(thing, _counter_top(rng), corners)
    for effect in effects:
        view = effect(view, rng)
    file = io.BytesIO()
    view.save(file, "PNG", compress_level=3)
    return file.getvalue()
