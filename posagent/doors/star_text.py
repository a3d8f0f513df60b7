"""Owns the lengths of Star Line Mode commands, where they differ from ESC/POS. PURE.

ESC d cuts where ESC/POS feeds, ESC i sets a size where ESC/POS cuts, and ESC GS begins a family that ESC/POS does not have: by that family a
stream is known to be Star's. Source: Star Line Mode command specification (parameters, ESC GS y for QR codes, ESC b … RS for barcodes).
"""

from __future__ import annotations

from posagent.doors.escpos_commands import LONGEST_LIST, Command

_FIXED = dict.fromkeys(b"@EF4567MPg:Hqp0123O", 0) | dict.fromkeys(b"WhCNaJIz-_R$tlQ/dU%'\x19", 1) | dict.fromkeys(b"is\x07", 2)
_GROUP = dict.fromkeys(b"ta/b hn", 1) | {ord("A"): 2, ord("R"): 2, 3: 3, 7: 3, ord("#"): 6}


def star_command(raw: bytes | bytearray, at: int) -> Command | None:
    """The command whose ESC stands at ``at``; None when it is not all there."""
    if len(raw) < at + 3:
        return None
    second, third = raw[at + 1], raw[at + 2]
    match second:
        case 0x1D:
            return _group(raw, at, third)
        case 0x1E:  # RS: status and fonts
            return Command(4) if len(raw) >= at + 4 else None
        case 0x64:  # d: the cut
            return Command(3, "cut")
        case 0x61 | 0x4A | 0x49:
            return Command(3, "line")
        case 0x40:
            return Command(2, "reset")
        case 0x62:  # b n1 n2 n3 n4 … RS
            return _until(raw, at + 6, 0x1E, at)
        case 0x44:
            return _until(raw, at + 2, 0, at, keep=False)
        case 0x4B | 0x4C | 0x58 | 0x6B:  # K L X k: bit images
            return _picture(raw, at, {0x58: 3, 0x6B: 24}.get(second, 1))
        case 0x2A:  # * r …: raster mode; its commands end with NUL
            return _until(raw, at + 3, 0, at, keep=False)
        case 0x1C:
            return Command(5) if len(raw) >= at + 5 else None
        case _:
            return Command(2 + _FIXED.get(second, 0))


def _until(raw: bytes | bytearray, begin: int, end: int, at: int, *, keep: bool = True) -> Command | None:
    found = raw.find(end, begin, begin + LONGEST_LIST)
    if found < 0:
        return Command(2) if len(raw) >= begin + LONGEST_LIST else None
    return Command(found + 1 - at, code=bytes(raw[begin:found]) if keep else b"")


def _picture(raw: bytes | bytearray, at: int, wide: int) -> Command | None:
    if len(raw) < at + 4:
        return None
    count = raw[at + 2] if wide == 24 else raw[at + 2] + 256 * raw[at + 3]
    return Command(4, "picture", skip=count * wide)


def _group(raw: bytes | bytearray, at: int, third: int) -> Command | None:
    """ESC GS …"""
    if third == ord("y"):
        return _qr(raw, at)
    if third in b"()":  # X pL pH …
        if len(raw) < at + 6:
            return None
        return Command(6, skip=raw[at + 4] + 256 * raw[at + 5])
    if third == ord("S"):  # S m xL xH yL yH n …: raster graphics
        if len(raw) < at + 9:
            return None
        rows = raw[at + 6] + 256 * raw[at + 7]
        return Command(9, "picture", skip=(raw[at + 4] + 256 * raw[at + 5]) * rows)
    size = 3 + _GROUP.get(third, 0)
    return Command(size) if len(raw) >= at + size else None


def _qr(raw: bytes | bytearray, at: int) -> Command | None:
    """ESC GS y S 0/1/2 n sets, y D 1 m nL nH … stores, y P prints, y I asks."""
    if len(raw) < at + 4:
        return None
    match raw[at + 3]:
        case 0x53:
            return Command(6) if len(raw) >= at + 6 else None
        case 0x44:
            if len(raw) < at + 8:
                return None
            size = raw[at + 6] + 256 * raw[at + 7]
            if size > LONGEST_LIST:
                return Command(8, skip=size)
            return Command(8 + size, code=bytes(raw[at + 8 : at + 8 + size])) if len(raw) >= at + 8 + size else None
        case _:
            return Command(4)
