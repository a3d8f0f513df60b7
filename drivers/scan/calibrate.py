"""Owns calibration: one scan of one known code tells layout, Caps Lock, prefix, suffix, AIM identifier, terminator and speed of a wedge. PURE.

The text holds every character whose key differs between the layouts, both cases, and digits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from drivers.scan.assembler import MS
from drivers.scan.content import Content
from drivers.scan.keymaps import ALTS, CTRLS, KEYPAD, LAYOUTS, SHIFTS, Layout
from drivers.scan.wedge_keys import EV_KEY, EVENT, WedgeKeys, WedgeSettings, middle
from posagent.ports import Scan

TEXT = "A@:[]_=+*\"'&(^~\\-/.9"
_RAW = Content(encoding="cp1252", controls=frozenset(range(32)))
_ENDS = {"\r\n": "enter-or-tab", "\r": "enter-or-tab", "\t": "enter-or-tab", "\n": "lf", "\x03": "etx", "": "none"}
_CAPS: tuple[Literal["follow", "ignore", "invert"], ...] = ("follow", "ignore", "invert")


@dataclass(frozen=True, slots=True)
class Calibration:
    """What one scan of TEXT showed. ``settings`` is empty when it did not fit any layout; ``problems`` says why, key by key."""

    settings: Mapping[str, Any]
    aim: str | None = None
    gap_ms: int = 0
    keypad: bool = False
    alt_codes: bool = False
    problems: tuple[str, ...] = ()


def judge(events: bytes) -> Calibration:
    """``events``: everything the device sent for one scan of the calibration code (struct input_event)."""
    presses = [(code, sec * 1_000_000_000 + usec * 1000) for sec, usec, kind, code, value in EVENT.iter_unpack(events)
               if kind == EV_KEY and value == 1]  # fmt: skip
    typing = [at for code, at in presses if code not in SHIFTS | CTRLS | ALTS]
    if len(typing) < len(TEXT):
        return Calibration({}, problems=(f"only {len(typing)} keys came; scan the calibration code once, without touching a keyboard",))
    gap_ms = middle([later - earlier for earlier, later in pairwise(typing)]) // MS
    keypad = any(code in KEYPAD for code, _ in presses)
    alt_codes = any(code in ALTS for code, _ in presses)
    seen: dict[Layout, str] = {}
    for layout in LAYOUTS:
        for caps in _CAPS:
            scan = _decode(events, layout, caps)
            whole = f"]{scan.aim}{scan.text}" if scan.aim else scan.text
            if caps == "follow":
                seen[layout] = whole
            if TEXT in whole:
                settings, aim = _settings(whole, layout, caps)
                return Calibration(settings, aim, gap_ms, keypad, alt_codes)
    return Calibration({}, None, gap_ms, keypad, alt_codes, _differences(seen))


def _decode(events: bytes, layout: Layout, caps: Literal["follow", "ignore", "invert"]) -> Scan:
    keys = WedgeKeys(WedgeSettings(layout, "none", 60_000, caps, typing=True, double_read_ms=0, content=_RAW))
    scans = keys.feed(events, 0)
    scans += keys.idle(1 << 62)
    return scans[0] if scans else Scan("")


def _settings(whole: str, layout: Layout, caps: str) -> tuple[dict[str, Any], str | None]:
    before, _, after = whole.partition(TEXT)
    end = next(end for end in _ENDS if after.endswith(end))
    suffix = after[: len(after) - len(end)]
    found = re.search(r"\]([A-Za-z][0-9A-Za-z])", before)
    prefix = before.replace(found[0], "", 1) if found else before
    settings: dict[str, Any] = {"layout": layout}
    if _ENDS[end] != "enter-or-tab":
        settings["terminator"] = _ENDS[end]
    if caps != "follow":
        settings["caps"] = caps
    if prefix:
        settings["prefix"] = _escaped(prefix)
    if suffix:
        settings["suffix"] = _escaped(suffix)
    return settings, found[1] if found else None


def _escaped(text: str) -> str:
    """As the settings write it: backslashes doubled, control characters as \\x02."""
    return "".join(character if character.isprintable() and character != "\\" else f"\\x{ord(character):02x}" for character in text)


def _differences(seen: Mapping[Layout, str]) -> tuple[str, ...]:
    """Character by character for the layout that came nearest."""
    layout, whole = max(seen.items(), key=lambda item: sum(a == b for a, b in zip(item[1], TEXT, strict=False)))
    wrong = [f"expected {want!r}, layout {layout} gives {got!r}" for want, got in zip(TEXT, whole, strict=False) if want != got]
    advice = f"the scanner is programmed for neither {' nor '.join(LAYOUTS)}: scan its setup code for the US keyboard, or use HID POS mode"
    return (*wrong, advice) if whole else ("nothing readable came", advice)
