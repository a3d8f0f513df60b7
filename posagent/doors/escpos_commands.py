"""Owns the lengths of ESC/POS commands, and what those that matter for reading do. PURE: bytes in, a `Command` out.

Sources: Epson ESC/POS command reference (lengths of parameters; FS C, FS &, FS . for kanji, ESC t for pages, FS ( C for UTF-8, GS V, ESC i,
ESC m for cuts); TM-T88III specification pp. 140-150 for DLE sequences.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

ESC, FS, GS, DLE, US = 0x1B, 0x1C, 0x1D, 0x10, 0x1F
LONGEST_LIST = 600
"""Bytes of a list or a code that has no length and ends with NUL."""
_LONGEST_STORED = 256 * 1024

Effect = Literal[
    "", "cut", "line", "reset", "picture", "keep",
    "page", "listener", "kanji system", "pairs", "no pairs", "encoding",
    "page mode", "line mode", "print page", "area", "turn", "right to", "right by", "down to", "down by",
]  # fmt: skip
"""picture: what follows is a bitmap; keep: what follows is the text of a code. The second row chooses characters, the third places them."""


class Command(NamedTuple):
    """One command: bytes that it takes now, what it does, bytes that follow and are to be skipped, a code's text, and its parameters."""

    size: int
    effect: Effect = ""
    skip: int = 0
    code: bytes = b""
    value: int = 0
    other: int = 0  # of an area: value is x, this is y


# Bytes of parameters after the two of the command, where their number is fixed.
_ESC = dict.fromkeys(b"@2<SL\x0civmoOP", 0)
_ESC |= dict.fromkeys(b'!-3 aAdeJKjEGMRtVTr{=?%uUBQxkHlNI+Cfqsw4', 1) | dict.fromkeys(b"$\\c", 2) | {ord("p"): 3, ord("W"): 8}
_GS = dict.fromkeys(b":c\x0c", 0) | {ord("^"): 3, ord("z"): 3, ord("g"): 4}
_GS |= dict.fromkeys(b"!/abfhHIrwBTEj#", 1) | dict.fromkeys(b"$LPW\\dt", 2)
_FS = dict.fromkeys(b"&.", 0) | dict.fromkeys(b"C!-Wr", 1) | dict.fromkeys(b"Sp?", 2) | {ord("2"): 74}
_US = {0x24: 4, 0x43: 3, 0x58: 3, 0x72: 3, 0x45: 3}  # a customer display on the printer's line

_ESC_EFFECTS: dict[int, Effect] = {0x69: "cut", 0x6D: "cut", 0x64: "line", 0x4A: "line", 0x65: "line", 0x4B: "line"}
_ESC_EFFECTS |= {0x40: "reset", 0x74: "page", 0x3D: "listener", 0x4C: "page mode", 0x53: "line mode", 0x0C: "print page", 0x54: "turn"}
_FS_EFFECTS: dict[int, Effect] = {0x43: "kanji system", 0x26: "pairs", 0x2E: "no pairs"}


def escpos_command(raw: bytes | bytearray, at: int) -> Command | None:
    """The command whose first byte (ESC, FS, GS, DLE or US) stands at ``at``; None when it is not all there."""
    if len(raw) < at + 2:
        return None
    match raw[at]:
        case 0x1B:
            command = _escape(raw, at)
        case 0x1D:
            command = _group(raw, at)
        case 0x1C:
            command = _file(raw, at)
        case 0x10:
            command = _real_time(raw, at)
        case _:
            command = Command(_US.get(raw[at + 1], 2))
    return command if command is not None and len(raw) >= at + command.size else None


def _int(raw: bytes | bytearray, at: int, size: int) -> int:
    return int.from_bytes(raw[at : at + size], "little")


def _has(raw: bytes | bytearray, at: int, count: int) -> bool:
    return len(raw) >= at + count


def _real_time(raw: bytes | bytearray, at: int) -> Command | None:
    second = raw[at + 1]
    if second not in (0x04, 0x05, 0x14):
        return Command(1)
    if not _has(raw, at, 3):
        return None
    third = raw[at + 2]
    if second == 0x04:
        return Command(4 if third in (7, 8, 18) else 3)
    return Command(3 if second == 0x05 else 10 if third == 8 else 5)


# ---------------------------------------------------------------- ESC


def _escape(raw: bytes | bytearray, at: int) -> Command | None:
    second = raw[at + 1]
    match second:
        case 0x28:  # ( fn pL pH …
            return _bracket(raw, at)
        case 0x2A:  # * m nL nH …
            return Command(5, "picture", _int(raw, at + 3, 2) * (3 if raw[at + 2] >= 32 else 1)) if _has(raw, at, 5) else None
        case 0x44:
            return _tabs(raw, at)
        case 0x26:
            return _user_characters(raw, at)
    size = _ESC.get(second, 0) + 2
    if not _has(raw, at, size):
        return None
    match second:
        case 0x24:  # $ nL nH
            return Command(size, "right to", value=_int(raw, at + 2, 2))
        case 0x5C:  # \ nL nH
            return Command(size, "right by", value=_signed(_int(raw, at + 2, 2)))
        case 0x57:  # W xL xH yL yH …
            return Command(size, "area", value=_int(raw, at + 2, 2), other=_int(raw, at + 4, 2))
    return Command(size, _ESC_EFFECTS.get(second, ""), value=raw[at + 2] if size > 2 else 0)


def _bracket(raw: bytes | bytearray, at: int) -> Command | None:
    """X ( fn pL pH …"""
    return Command(5, skip=_int(raw, at + 3, 2)) if _has(raw, at, 5) else None


def _tabs(raw: bytes | bytearray, at: int) -> Command | None:
    """ESC D … NUL"""
    end = raw.find(0, at + 2, at + 2 + 34)
    if end >= 0:
        return Command(end + 1 - at)
    return Command(2) if _has(raw, at, 36) else None


def _user_characters(raw: bytes | bytearray, at: int) -> Command | None:
    """ESC & y c1 c2, then for each character its width and y times as many bytes. Bounded: 95 characters."""
    if not _has(raw, at, 5):
        return None
    rows, low, high = raw[at + 2 : at + 5]
    end = at + 5
    for _ in range(max(0, min(high - low + 1, 95))):
        if not _has(raw, end, 1):
            return None
        end += 1 + rows * raw[end]
    return Command(end - at)


# ---------------------------------------------------------------- GS


def _group(raw: bytes | bytearray, at: int) -> Command | None:
    second = raw[at + 1]
    if second in b"V(8v*kQC":
        return _long_group(raw, at, second, raw[at + 2]) if _has(raw, at, 3) else None
    size = _GS.get(second, 0) + 2
    if not _has(raw, at, size):
        return None
    match second:
        case 0x24:  # $ nL nH
            return Command(size, "down to", value=_int(raw, at + 2, 2))
        case 0x5C:  # \ nL nH
            return Command(size, "down by", value=_signed(_int(raw, at + 2, 2)))
    return Command(size)


def _long_group(raw: bytes | bytearray, at: int, second: int, third: int) -> Command | None:
    match second:
        case 0x56:  # V: the cut
            return Command(4 if third in (65, 66, 97, 98, 103, 104) else 3, "cut")
        case 0x28:  # (
            return _function(raw, at, third)
        case 0x38:  # 8 L p1 p2 p3 p4
            return Command(7, "picture", _int(raw, at + 3, 4)) if _has(raw, at, 7) else None
        case 0x76 | 0x51:  # v 0 m xL xH yL yH …, Q 0 m xL xH yL yH …
            return Command(8, "picture", _int(raw, at + 4, 2) * _int(raw, at + 6, 2)) if _has(raw, at, 8) else None
        case 0x2A:  # * x y …
            return Command(4, skip=third * raw[at + 3] * 8) if _has(raw, at, 4) else None
        case 0x6B:  # k
            return _barcode(raw, at, third)
        case _:  # C 0 m n, C 1 six, C 2 two
            return Command({0x30: 5, 0x31: 9, 0x32: 5}.get(third, 3))


def _function(raw: bytes | bytearray, at: int, kind: int) -> Command | None:
    """GS ( fn pL pH …: the data of a QR code (k, function 80) are kept, pictures (L) are counted."""
    if not _has(raw, at, 5):
        return None
    size = _int(raw, at + 3, 2)
    if kind == ord("k") and size >= 3:
        if not _has(raw, at, 8):
            return None
        return Command(8, "keep" if raw[at + 6] == 0x50 and size > 3 else "", size - 3)
    return Command(5, "picture" if kind == ord("L") else "", size)


def _barcode(raw: bytes | bytearray, at: int, kind: int) -> Command | None:
    """GS k m … NUL, or GS k m n …"""
    if kind < 32:
        end = raw.find(0, at + 3, at + 3 + LONGEST_LIST)
        if end < 0:
            return Command(3) if _has(raw, at, 3 + LONGEST_LIST) else None
        return Command(end + 1 - at, code=bytes(raw[at + 3 : end]))
    if not _has(raw, at, 4):
        return None
    size = 4 + raw[at + 3]
    return Command(size, code=bytes(raw[at + 4 : at + size]))


# ---------------------------------------------------------------- FS


def _file(raw: bytes | bytearray, at: int) -> Command | None:
    second = raw[at + 1]
    match second:
        case 0x28:  # (
            return _encoding(raw, at)
        case 0x71:  # q
            return _stored_pictures(raw, at)
        case 0x67:  # g 1 and g 2: ten bytes of parameters, then, for 1, what is stored
            size = 9 if _has(raw, at, 3) and raw[at + 2] in b"12" else 3
            if not _has(raw, at, size):
                return None
            return Command(size, skip=_int(raw, at + 7, 2) if size == 9 and raw[at + 2] == ord("1") else 0)
    size = _FS.get(second, 0) + 2
    if not _has(raw, at, size):
        return None
    return Command(size, _FS_EFFECTS.get(second, ""), value=raw[at + 2] if size > 2 else 0)


def _encoding(raw: bytes | bytearray, at: int) -> Command | None:
    """FS ( C 2 0 48 m chooses the encoding, m = 2 is UTF-8; all other FS ( are skipped."""
    if not _has(raw, at, 5):
        return None
    if raw[at + 2] != ord("C") or _int(raw, at + 3, 2) != 2:
        return _bracket(raw, at)
    if not _has(raw, at, 7):
        return None
    return Command(7, "encoding" if raw[at + 5] == 0x30 else "", value=raw[at + 6])


def _stored_pictures(raw: bytes | bytearray, at: int) -> Command | None:
    """FS q n, then for each picture xL xH yL yH and its bytes: the lengths stand between the data, so all of it must have come."""
    if not _has(raw, at, 3):
        return None
    end = at + 3
    for _ in range(raw[at + 2]):
        if not _has(raw, end, 4):
            return None
        end += 4 + _int(raw, end, 2) * _int(raw, end + 2, 2) * 8
        if end - at > _LONGEST_STORED:
            return Command(3)
    return Command(end - at)


def _signed(dots: int) -> int:
    return dots - 65536 if dots >= 32768 else dots
