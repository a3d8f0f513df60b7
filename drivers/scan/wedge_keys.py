"""Owns the way from key events to scans: layouts, keypad, Alt codes, control combinations, Caps Lock, lost events. PURE: it is fed bytes.

    struct input_event, 64 bit, 24 bytes (linux/input.h):   [seconds: 8][microseconds: 8][type: 2][code: 2][value: 4]
    one key of a scanner:   EV_MSC  EV_KEY code 1  EV_SYN 0      and again with value 0 on release;  value 2 is autorepeat
    the kernel's buffer ran over:   EV_SYN 3 (SYN_DROPPED): ignore all up to the next EV_SYN 0, then ask for the keys that are down
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Literal

from drivers.scan.assembler import MS, TERMINATORS, Assembler, LineSplitter
from drivers.scan.content import Content, DoubleReads
from drivers.scan.keymaps import ALTS, CAPSLOCK, CTRLS, ENTER, KEYPAD, KPENTER, SHIFTS, SILENT, TAB, Layout, typed
from posagent.ports import Scan

EVENT = Struct("@llHHi")
EV_SYN, EV_KEY = 0, 1
_SYN_REPORT, _SYN_DROPPED = 0, 3
DROPPED = "the computer was too slow and the kernel dropped keys of this scan"
TYPED = "typed by hand, not scanned: is this a keyboard? (typing = true accepts it)"
_HAND_GAP_NS = 40 * MS  # scanners send a key every 1 to 16 ms, people need 40 or more
_HAND_KEYS = 4
_BURST_NS = 300 * MS  # after such a silence Caps Lock counts as off: scanners switch it on and off around a code
_LF = 0x0A
# Control characters that a code may carry as Ctrl combinations: STX, ETX, EOT, LF, FS, GS, RS, US (ISO/IEC 15434 and GS1 messages).
WEDGE_CONTROLS = frozenset({0x02, 0x03, 0x04, _LF, 0x1C, 0x1D, 0x1E, 0x1F})
WEDGE_CONTENT = Content(encoding="cp1252", controls=WEDGE_CONTROLS)


@dataclass(frozen=True, slots=True)
class WedgeSettings:
    """How the scanner is programmed."""

    layout: Layout = "us"
    terminator: str = "enter-or-tab"  # a key of `assembler.TERMINATORS`
    pause_ms: int = 0  # 0: 200 where a terminator is due, else 100
    caps: Literal["follow", "ignore", "invert"] = "follow"
    typing: bool = False  # accept what is typed by hand
    double_read_ms: int = 1000
    content: Content = WEDGE_CONTENT


def middle(numbers: Sequence[int]) -> int:
    """The lower median. (`statistics` would bring decimal and fractions into the reader process.)"""
    return sorted(numbers)[(len(numbers) - 1) // 2]


class WedgeKeys:
    """One device's state. ``held_keys`` answers EVIOCGKEY (96 bytes, a bit per key code); needed only after lost events.

    ``event_times``: the events carry CLOCK_MONOTONIC; otherwise the time of reading is used.
    """

    def __init__(self, settings: WedgeSettings, held_keys: Callable[[], bytes] = bytes, *, event_times: bool = True) -> None:
        terminators = TERMINATORS[settings.terminator]
        pause = settings.pause_ms or (200 if terminators else 100)
        splitter = LineSplitter(terminators, pause_ms=pause, exact_times=event_times)
        self._assembler = Assembler(splitter, settings.content, DoubleReads(settings.double_read_ms))
        self._settings = settings
        self._held_keys = held_keys
        self._event_times = event_times
        self._tail = b""
        self._down: set[int] = set()
        self._alt_digits = ""
        self._caps = False
        self._dropping = False
        self._fresh = True  # nothing of a scan has come yet
        self._gaps: list[int] = []
        self._last_key_ns = 0

    def feed(self, chunk: bytes, now_ns: int) -> list[Scan]:
        """Scans that these events complete."""
        stream = self._tail + chunk
        whole = len(stream) - len(stream) % EVENT.size
        self._tail = stream[whole:]
        scans: list[Scan] = []
        for seconds, micros, kind, code, value in EVENT.iter_unpack(stream[:whole]):
            at_ns = seconds * 1_000_000_000 + micros * 1000 if self._event_times else now_ns
            if kind == EV_SYN:
                scans += self._sync(code, at_ns)
            elif kind == EV_KEY and not self._dropping:
                scans += self._key(code, value, at_ns)
        return scans

    def idle(self, now_ns: int) -> list[Scan]:
        """Scans that silence completes (or shows to be broken)."""
        scans = self._assembler.idle(now_ns)
        if scans:
            self._begin()
        return scans

    def wait_s(self, now_ns: int, longest_s: float) -> float:
        """How long a read may block before `idle` is due."""
        return self._assembler.wait_s(now_ns, longest_s)

    def _sync(self, code: int, at_ns: int) -> list[Scan]:
        if code == _SYN_DROPPED:
            self._dropping = True
            self._alt_digits = ""
            return self._assembler.damage(DROPPED, at_ns)
        if code == _SYN_REPORT and self._dropping:
            self._dropping = False
            bits = self._held_keys()
            self._down = {key for key in SHIFTS | CTRLS | ALTS if key // 8 < len(bits) and bits[key // 8] >> (key % 8) & 1}
        return []

    def _key(self, code: int, value: int, at_ns: int) -> list[Scan]:
        if value == 0:
            if code in self._down:
                self._down.discard(code)
                if code in ALTS and self._alt_digits:
                    return self._alt_code(at_ns)
            return []
        if value != 1:
            return []
        if code in SHIFTS | CTRLS | ALTS:
            self._down.add(code)
            return []
        gap = at_ns - self._last_key_ns
        self._last_key_ns = at_ns
        if gap > _BURST_NS:
            self._caps = False
        if code == CAPSLOCK:
            self._caps = not self._caps
            return []
        if code in SILENT:
            return []
        if self._down & ALTS and KEYPAD.get(code, "").isdigit():
            self._alt_digits = (self._alt_digits + KEYPAD[code])[:7]
            return []
        if not self._fresh:
            self._gaps.append(gap)
            del self._gaps[:-64]
        return self._type(code, at_ns)

    def _type(self, code: int, at_ns: int) -> list[Scan]:
        if code in {ENTER, KPENTER}:
            return self._byte(0x0D, at_ns)
        if code == TAB:
            return self._byte(0x09, at_ns)
        character = typed(self._settings.layout, code, shift=bool(self._down & SHIFTS), caps=self._turned())
        if not character or self._down & ALTS:
            self._fresh = False
            return self._assembler.damage(f"key {code} types no character in layout {self._settings.layout}: wrong layout or mode", at_ns)
        if not self._down & CTRLS:
            return self._byte(ord(character), at_ns)
        control = ord(character.upper()) ^ 0x40  # Ctrl+J is LF, Ctrl+] is GS
        if control < 0x20:
            return self._byte(control, at_ns)
        self._fresh = False
        return self._assembler.damage(f"Ctrl+{character} is no control character", at_ns)

    def _turned(self) -> bool:
        match self._settings.caps:
            case "follow":
                return self._caps
            case "invert":
                return True
            case _:
                return False

    def _alt_code(self, at_ns: int) -> list[Scan]:
        """Alt+065 is byte 65. Above 255 it is a Unicode number (scanners in an "Alt Unicode" mode)."""
        number = int(self._alt_digits)
        self._alt_digits = ""
        if number <= 0xFF:
            return self._byte(number, at_ns)
        if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            return self._assembler.damage(f"Alt+{number} is no character", at_ns)
        self._fresh = False
        return self._assembler.feed(chr(number).encode(), at_ns)

    def _byte(self, byte: int, at_ns: int) -> list[Scan]:
        if byte == _LF and self._fresh:
            return []  # the second half of CR LF
        self._fresh = False
        by_hand = not self._settings.typing and len(self._gaps) >= _HAND_KEYS - 1 and middle(self._gaps) > _HAND_GAP_NS
        scans = self._assembler.damage(TYPED, at_ns) if by_hand else []
        scans += self._assembler.feed(bytes([byte]), at_ns)
        if bytes([byte]) in TERMINATORS[self._settings.terminator]:
            self._begin()
        return scans

    def _begin(self) -> None:
        self._fresh = True
        self._gaps.clear()
