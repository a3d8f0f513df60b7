"""Owns the way from text back to keys: what a keyboard of a layout has to press to type it, as key reports. PURE.

The inverse of `wedge_keys` and `keymaps`. A report is the (key code, 1 pressed or 0 released) pairs between two EV_SYN; a key is released in
the report that presses the next one, as fast typing does, but never in a report that presses the same key again.
"""

from __future__ import annotations

from drivers.scan.keymaps import ENTER, LAYOUTS, TAB, Layout
from drivers.scan.wedge_keys import EV_KEY, EV_SYN, EVENT, WEDGE_CONTROLS

Report = tuple[tuple[int, int], ...]
_SHIFT, _CTRL = 42, 29
_KEY_0 = 11  # Shift+0 types "~" on JIS keyboards, which show nothing there: another key is better
_KEY_102ND = 86  # US keyboards have no such key; drivers of some systems know "<" there all the same
_ENDS = {"\r": ENTER, "\n": ENTER, "\t": TAB}


def _inverse(layout: Layout) -> dict[str, tuple[int, int]]:
    """Character -> (key code, modifier key or 0). Of several keys, the one that needs no Shift, then the one whose keycap shows it."""
    table: dict[str, tuple[int, int]] = {}
    keys = {code: pair for code, pair in LAYOUTS[layout].items() if code != _KEY_102ND}
    for code, (plain, _) in sorted(keys.items()):
        table.setdefault(plain, (code, 0))
    for code, (_, shifted) in sorted(keys.items(), key=lambda item: (item[0] == _KEY_0, item[0])):
        table.setdefault(shifted, (code, _SHIFT))
    for control in WEDGE_CONTROLS:  # Ctrl+] is GS
        code, modifier = table[chr(control | 0x40).lower()]
        if not modifier:
            table.setdefault(chr(control), (code, _CTRL))
    return table | {end: (code, 0) for end, code in _ENDS.items()}


_KEYS: dict[Layout, dict[str, tuple[int, int]]] = {"us": _inverse("us"), "jis": _inverse("jis")}


def untypable(text: str, layout: Layout) -> str:
    """The characters of a text that a layout has no key for, each once."""
    return "".join(dict.fromkeys(character for character in text if character not in _KEYS[layout]))


def key_reports(text: str, layout: Layout) -> list[Report]:
    """What types the text; at its end no key is down. CR LF is one ENTER. KeyError for a character that `untypable` names."""
    reports: list[Report] = []
    down = held = 0
    for character in text.replace("\r\n", "\r"):
        code, modifier = _KEYS[layout][character]
        up: Report = ((down, 0),) if down else ()
        if modifier != held:
            changes = ((held, 0),) if held else ()
            reports.append((*up, *changes, *(((modifier, 1),) if modifier else ())))
            up, held = (), modifier
        elif down == code:
            reports.append(up)
            up = ()
        reports.append((*up, (code, 1)))
        down = code
    last = (*(((down, 0),) if down else ()), *(((held, 0),) if held else ()))
    return [*reports, last] if last else reports


def event_bytes(report: Report) -> bytes:
    """struct input_event records with their EV_SYN; the kernel sets the time."""
    return b"".join(EVENT.pack(0, 0, EV_KEY, code, value) for code, value in report) + EVENT.pack(0, 0, EV_SYN, 0, 0)
