"""Owns QR codes as matrices: byte mode, error correction M, versions 1 to 15, by ISO/IEC 18004. Used for previews and picture printing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise

from drivers.escpos.paper import Unprintable

# Version: check words a block, then (blocks, data words) as in ISO/IEC 18004 table 9, column M.
_BLOCKS = {
    1: (10, ((1, 16),)), 2: (16, ((1, 28),)), 3: (26, ((1, 44),)), 4: (18, ((2, 32),)), 5: (24, ((2, 43),)), 6: (16, ((4, 27),)),
    7: (18, ((4, 31),)), 8: (22, ((2, 38), (2, 39))), 9: (22, ((3, 36), (2, 37))), 10: (26, ((4, 43), (1, 44))), 11: (30, ((1, 50), (4, 51))),
    12: (22, ((6, 36), (2, 37))), 13: (22, ((8, 37), (1, 38))), 14: (24, ((4, 40), (5, 41))), 15: (24, ((5, 41), (5, 42))),
}  # fmt: skip
_ALIGN = {1: (), 2: (6, 18), 3: (6, 22), 4: (6, 26), 5: (6, 30), 6: (6, 34), 7: (6, 22, 38), 8: (6, 24, 42), 9: (6, 26, 46), 10: (6, 28, 50),
          11: (6, 30, 54), 12: (6, 32, 58), 13: (6, 34, 62), 14: (6, 26, 46, 66), 15: (6, 26, 48, 70)}  # fmt: skip
_EXP = [1] * 512
for _n in range(1, 512):
    _EXP[_n] = (_EXP[_n - 1] << 1) ^ (0x11D if _EXP[_n - 1] & 0x80 else 0)
_LOG = {_EXP[_n]: _n for _n in range(255)}

Matrix = list[list[int]]
"""Rows of modules, 1 black, without the quiet zone."""


def modules_of(value: str) -> int:
    """Modules along one side, without the quiet zone. Raises Unprintable when the value is too long."""
    return 17 + 4 * _version(len(value.encode()))


def matrix(value: str) -> Matrix:
    """The code of a text in UTF-8."""
    body = value.encode()
    version = _version(len(body))
    side = 17 + 4 * version
    fixed, places = _plan(version)
    rows = list(fixed)
    for (y, module), bit in zip(places, _bits(body, version), strict=False):  # a few modules are left over in most versions
        if bit == "1":
            rows[y] |= module
    candidates = [[row ^ flips for row, flips in zip(rows, _flips(version, mask), strict=True)] for mask in range(8)]
    best = min(candidates, key=lambda rows: _penalty(rows, side))
    return [[int(cell) for cell in f"{row:0{side}b}"] for row in best]


@cache
def _plan(version: int) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    """The fixed modules, row by row, and the places of the data in their order: (row, module in it)."""
    fixed = _frame(version)
    side = len(fixed)
    places = tuple((y, 1 << side - 1 - x) for x, y in _path(side) if fixed[y][x] is None)
    return tuple(int("".join(str(cell or 0) for cell in row), 2) for row in fixed), places


@cache
def _flips(version: int, mask: int) -> list[int]:
    """The modules that a mask turns over, row by row, and those of its format bits, which are light in the frame."""
    fixed = _frame(version)
    rows = [int("".join(str(int(cell is None and _masks(mask, x, y))) for x, cell in enumerate(row)), 2) for y, row in enumerate(fixed)]
    return _with_format(rows, mask)


def _version(count: int) -> int:
    for version, (_, groups) in _BLOCKS.items():
        if count + (2 if version < 10 else 3) <= sum(n * words for n, words in groups):
            return version
    raise Unprintable(f"the QR code would hold {count} bytes; at most 409 fit")


def _frame(version: int) -> list[list[int | None]]:
    """Everything that is the same for every value of this version; None where data goes. Format bits are 0 here."""
    side = 17 + 4 * version
    grid: list[list[int | None]] = [[None] * side for _ in range(side)]
    for n in range(side):
        grid[6][n] = grid[n][6] = 1 - n % 2
    for cy in _ALIGN[version]:
        for cx in _ALIGN[version]:
            if (cx, cy) not in {(6, 6), (6, side - 7), (side - 7, 6)}:
                _square(grid, cx, cy, 2)
    for cx, cy in ((3, 3), (side - 4, 3), (3, side - 4)):
        _square(grid, cx, cy, 4)
    for n in range(9):
        for x, y in ((8, n), (n, 8)):
            grid[y][x] = grid[y][x] if grid[y][x] is not None and 6 in {x, y} else 0
    for n in range(8):
        grid[8][side - 1 - n] = grid[side - 1 - n][8] = 0
    grid[side - 8][8] = 1
    if version >= 7:
        bits = version << 12 | _remainder(version << 12, 0x1F25)
        for n in range(18):
            grid[n // 3][side - 11 + n % 3] = grid[side - 11 + n % 3][n // 3] = bits >> n & 1
    return grid


def _square(grid: list[list[int | None]], cx: int, cy: int, radius: int) -> None:
    """A finder pattern (radius 4, with its separator) or an alignment pattern (radius 2)."""
    light = {2: {1}, 4: {2, 4}}[radius]
    for y in range(max(cy - radius, 0), min(cy + radius + 1, len(grid))):
        for x in range(max(cx - radius, 0), min(cx + radius + 1, len(grid))):
            grid[y][x] = int(max(abs(x - cx), abs(y - cy)) not in light)


def _path(side: int) -> Iterator[tuple[int, int]]:
    """Two columns at a time from the right, up and down in turn, stepping over the vertical timing pattern."""
    up = True
    for right in (*range(side - 1, 6, -2), 5, 3, 1):
        for n in range(side):
            y = side - 1 - n if up else n
            yield right, y
            yield right - 1, y
        up = not up


def _bits(body: bytes, version: int) -> str:
    """Data and check words of all blocks, interleaved, as bits."""
    check_words, groups = _BLOCKS[version]
    room = sum(n * words for n, words in groups)
    counted = 1 if version < 10 else 2  # bytes of the length field
    # The mode takes half a byte: everything after it is shifted by four bits, and the terminator fills the last byte.
    stream = int.from_bytes(bytes([0b0100]) + len(body).to_bytes(counted, "big") + body, "big") << 4
    words = stream.to_bytes(len(body) + counted + 2, "big")[1:]
    words = words[:room] + bytes((0xEC, 0x11)[n % 2] for n in range(room - len(words)))
    blocks = []
    for count, size in groups:
        for _ in range(count):
            blocks.append(words[:size])
            words = words[size:]
    checks = [_check(block, check_words) for block in blocks]
    woven = bytes(row[n] for rows in (blocks, checks) for n in range(max(map(len, rows))) for row in rows if n < len(row))
    return f"{int.from_bytes(woven, 'big'):0{8 * len(woven)}b}"


def _check(block: bytes, count: int) -> bytes:
    """Reed-Solomon check words over GF(256): the block divided by the generator, a word at a time."""
    multiples = _multiples(count)
    top, mask = 8 * (count - 1), (1 << 8 * count) - 1
    rest = 0
    for word in block:
        rest = (rest << 8 & mask) ^ multiples[word ^ rest >> top]
    return rest.to_bytes(count, "big")


@cache
def _multiples(count: int) -> tuple[int, ...]:
    """The generator with roots 1, α, α² …, without its leading 1, times every element of the field."""
    generator = [1]
    for n in range(count):
        generator = [a ^ (_EXP[(_LOG[b] + n) % 255] if b else 0) for a, b in zip([*generator, 0], [0, *generator], strict=True)]
    return tuple(
        int.from_bytes(bytes(_EXP[_LOG[factor] + _LOG[lead]] if factor and lead else 0 for factor in generator[1:]), "big")
        for lead in range(256)
    )


def _remainder(value: int, divisor: int) -> int:
    while value.bit_length() >= divisor.bit_length():
        value ^= divisor << (value.bit_length() - divisor.bit_length())
    return value


def _masks(mask: int, x: int, y: int) -> bool:
    return (
        (x + y) % 2, y % 2, x % 3, (x + y) % 3, (x // 3 + y // 2) % 2, x * y % 2 + x * y % 3, (x * y % 2 + x * y % 3) % 2,
        ((x + y) % 2 + x * y % 3) % 2,
    )[mask] == 0  # fmt: skip


def _with_format(rows: list[int], mask: int) -> list[int]:
    side = len(rows)
    bits = (mask << 10 | _remainder(mask << 10, 0x537)) ^ 0x5412  # level M is 00
    for n in range(15):
        bit = bits >> n & 1
        places = (8, n if n < 6 else n + 1 if n < 8 else side - 15 + n), (side - 1 - n if n < 8 else 7 if n == 8 else 14 - n, 8)
        for x, y in places:
            rows[y] = rows[y] & ~(1 << side - 1 - x) | bit << side - 1 - x
    return rows


def _penalty(rows: list[int], side: int) -> int:
    """ISO/IEC 18004 section 7.8.3: runs, blocks, patterns like the finder, and the share of dark modules.

    All rows and columns stand in one number, a gap between each two that is neither dark nor light; a shift compares every module with
    its neighbour at once.
    """
    lines = [f"{row:0{side}b}" for row in rows]
    dark = int("0".join([*lines, *map("".join, zip(*lines, strict=True))]), 2)
    light = int("0".join(["1" * side] * (2 * side)), 2) ^ dark
    score = 0
    for ink in (dark, light):
        five = ink & ink >> 1 & ink >> 2 & ink >> 3 & ink >> 4
        score += five.bit_count() + 2 * (five & ~(five >> 1)).bit_count()  # a run of n gives n - 2: n - 4 windows, and 2 for the run
    four = light & light >> 1 & light >> 2 & light >> 3
    finder = dark & light >> 1 & dark >> 2 & dark >> 3 & dark >> 4 & light >> 5 & dark >> 6
    score += 40 * ((finder >> 4 & four).bit_count() + (finder & four >> 7).bit_count())  # 1011101 before or behind four light modules
    inside = (1 << side - 1) - 1
    for above, below in pairwise(rows):
        uneven = above ^ below | above ^ above >> 1 | below ^ below >> 1 | (above ^ below) >> 1
        score += 3 * (side - 1 - (uneven & inside).bit_count())
    share = sum(row.bit_count() for row in rows) * 20 // side**2
    return score + 10 * min(abs(share - 10), abs(share + 1 - 10))
