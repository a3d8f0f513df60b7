"""Owns what keys type: the US and JIS layouts that scanners are programmed for, the numeric keypad, the modifiers. PURE.

Key codes: linux/input-event-codes.h. Characters: xkeyboard-config, symbols/us and symbols/jp. The layout is the scanner's, not the operating
system's: evdev hands out keys, not characters.
"""

from __future__ import annotations

from typing import Literal

Layout = Literal["us", "jis"]

ENTER, KPENTER, TAB, CAPSLOCK, NUMLOCK = 28, 96, 15, 58, 69
SHIFTS = frozenset({42, 54})
CTRLS = frozenset({29, 97})
ALTS = frozenset({56, 100})
# Types nothing and says nothing: NumLock, the meta keys, ScrollLock. Every other unknown key is a character that we would lose.
SILENT = frozenset({NUMLOCK, 70, 125, 126})

KEYPAD: dict[int, str] = {
    82: "0", 79: "1", 80: "2", 81: "3", 75: "4", 76: "5", 77: "6", 71: "7", 72: "8", 73: "9", 74: "-", 78: "+", 83: ".", 98: "/", 55: "*",
}  # fmt: skip

# (first code, unshifted, shifted) of each run of keys
_US = (
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (16, "qwertyuiop[]", "QWERTYUIOP{}"),
    (30, "asdfghjkl;'`", "ASDFGHJKL:\"~"),
    (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    (57, " ", " "),
    (86, "<", ">"),
)
# \0 is a key that types nothing there. Shift+0 is "~" on JIS scanners though the keycap is blank (xkeyboard-config, jp106).
_JIS = (
    (2, "1234567890-^", "!\"#$%&'()~=~"),
    (16, "qwertyuiop@[", "QWERTYUIOP`{"),
    (30, "asdfghjkl;:\0", "ASDFGHJKL+*\0"),
    (43, "]zxcvbnm,./", "}ZXCVBNM<>?"),
    (57, " ", " "),
    (89, "\\", "_"),
    (124, "\\", "|"),
)


def _table(runs: tuple[tuple[int, str, str], ...]) -> dict[int, tuple[str, str]]:
    return {
        first + place: (plain, shifted)
        for first, plains, shifteds in runs
        for place, (plain, shifted) in enumerate(zip(plains, shifteds, strict=True))
        if plain != "\0"
    }


LAYOUTS: dict[Layout, dict[int, tuple[str, str]]] = {"us": _table(_US), "jis": _table(_JIS)}


def typed(layout: Layout, code: int, *, shift: bool, caps: bool) -> str:
    """The character of a key; empty when it has none. Caps Lock turns letters only."""
    if code in KEYPAD:
        return KEYPAD[code]
    pair = LAYOUTS[layout].get(code)
    if pair is None:
        return ""
    return pair[shift ^ (caps and pair[0].isalpha())]
