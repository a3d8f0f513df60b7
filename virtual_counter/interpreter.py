"""Owns the meaning of queued commands: a coroutine that asks for bytes and moves line, mechanism and firmware.

``Commands`` yields how many bytes it wants and is sent exactly so many. Whoever drops the coroutine drops a half-received command with
it (power loss, buffer clear); ESC @ alone cannot do that, as on real printers. What no real printer of the profile would understand is
written into ``oddities``; what it understands but has not got, into ``ignored``.
Source: Epson ESC/POS command reference; standard mode only, page mode is not modelled.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from virtual_counter import charset
from virtual_counter.firmware import Firmware
from virtual_counter.graphics import Graphics
from virtual_counter.line import Line
from virtual_counter.mechanism import Mechanism
from virtual_counter.profiles import PrinterProfile
from virtual_counter.style_commands import StyleCommands

Commands = Generator[int, bytes, None]

ESC, FS, GS, DLE = 0x1B, 0x1C, 0x1D, 0x10


class Interpreter:
    """One per printer; `start` begins anew with a fresh coroutine."""

    def __init__(self, profile: PrinterProfile, mechanism: Mechanism, firmware: Firmware) -> None:
        self.oddities: list[str] = []
        self.ignored: list[str] = []
        self.line = Line(profile, mechanism)
        self._profile = profile
        self._mechanism = mechanism
        self._firmware = firmware
        self._graphics = Graphics(profile, mechanism, firmware, self.line, self.oddities, self.ignored)
        self._gaiji: dict[bytes, bytes] = {}
        self._deaf = False  # ESC = has selected another device on the same line
        style = self._style = StyleCommands(profile, self.line, self.oddities, self.ignored)
        self._esc_one: dict[int, Callable[[int], None]] = {
            0x21: style.mode, 0x2D: style.ank_underline, 0x45: style.bold, 0x47: style.bold, 0x7B: style.upside_down,
            0x56: style.rotate, 0x61: style.align, 0x4D: style.font, 0x74: style.page, 0x52: style.country, 0x33: style.spacing,
            0x20: style.ank_space, 0x4A: self._feed_dots, 0x64: self._feed_lines, 0x3D: self._select_device, 0x55: self._nothing,
            0x25: self._nothing, 0x3F: self._nothing, 0x54: self._nothing, 0x72: self._nothing, 0x4B: self._back, 0x65: self._back,
        }  # fmt: skip
        self._gs_one: dict[int, Callable[[int], None]] = {
            0x21: style.size, 0x42: style.inverse, 0x62: self._nothing, 0x48: self._graphics.hri_place, 0x68: self._graphics.code_height,
            0x77: self._graphics.code_module, 0x66: self._nothing, 0x49: firmware.answer_identity, 0x61: firmware.automatic_status,
            0x72: firmware.answer_r, 0x45: self._nothing, 0x2F: self._nothing, 0x6A: self._nothing, 0x54: self._nothing,
        }  # fmt: skip
        self._fs_one: dict[int, Callable[[int], None]] = {
            0x21: style.kanji_mode_bits, 0x2D: style.kanji_underline, 0x43: style.kanji_system, 0x57: style.kanji_quad,
        }  # fmt: skip

    def start(self) -> Commands:
        """A fresh coroutine; style and definitions stay as they are."""
        return self._run()

    def power_on(self) -> None:
        """Style, definitions and graphics as after switching on."""
        self.line.reset()
        self._gaiji.clear()
        self._deaf = False
        self._style.reset_units()
        self._graphics.reset()

    # ------------------------------------------------------------ the loop

    def _run(self) -> Commands:
        while True:
            (byte,) = yield 1
            if byte == ESC:
                yield from self._esc()
            elif self._deaf:
                continue
            elif byte >= 0x20:
                yield from self._text(byte)
            elif byte == FS:
                yield from self._fs()
            elif byte == GS:
                yield from self._gs()
            elif byte == DLE:
                yield from self._skip_real_time()
            elif byte == 0x0A:
                self.line.feed(self.line.style.line_spacing)
            elif byte == 0x09:
                self.line.tab()
            elif byte not in {0x00, 0x0D, 0x18}:  # NUL and CR do nothing (automatic feed is off), CAN belongs to page mode
                self.oddities.append(f"control byte {byte:02X}")

    def _unknown(self, head: bytes) -> None:
        self.oddities.append(f"unknown command {head.hex(' ').upper()}")

    def _without(self, what: str) -> None:
        self.ignored.append(what)

    def _skip_real_time(self) -> Commands:
        """Real-time commands were executed at reception; here their bytes only have to go away."""
        (kind,) = yield 1
        if kind in {0x04, 0x05}:
            (n,) = yield 1
            if kind == 0x04 and n in {7, 8, 18}:
                yield 1
        elif kind == 0x14:
            (function,) = yield 1
            yield {1: 2, 2: 2, 3: 5, 6: 5, 7: 1, 8: 7}.get(function, 0) or 1
        else:
            self._unknown(bytes((DLE, kind)))

    # ------------------------------------------------------------ text

    def _text(self, byte: int) -> Commands:
        style, profile = self.line.style, self._profile
        if profile.kanji == "gb18030" and style.kanji_mode and byte >= 0x81:
            (low,) = yield 1
            self._kanji(charset.kanji_gb(byte, low), bytes((byte, low)))
        elif profile.kanji == "jis" and style.system == 0 and style.kanji_mode:
            if byte == 0x20:
                self.line.ank(" ")
                return
            (low,) = yield 1
            self._kanji(charset.kanji_jis(byte & 0x7F, low & 0x7F, profile), bytes((byte, low)))
        elif profile.kanji == "jis" and style.system and charset.is_lead(byte, profile, style.system):
            (low,) = yield 1
            self._kanji(charset.kanji_sjis(byte, low, profile, style.system), bytes((byte, low)))
        elif byte != 0x7F:
            char = charset.single_byte(byte, style.page, style.country)
            if char == charset.UNKNOWN or (style.system and (0x80 <= byte <= 0xA0 or byte >= 0xE0)):
                self.oddities.append(f"byte {byte:02X} has no character in page {style.page}")
            self.line.ank(char)

    def _kanji(self, char: str | None, code: bytes) -> None:
        glyph = self._gaiji.get(code)
        if glyph is not None:
            self.line.kanji(chr(0xE000 + code[1]), glyph)
            return
        if char is None:
            self.oddities.append(f"no kanji {code.hex(' ').upper()}")
        self.line.kanji(char or charset.UNKNOWN)

    # ------------------------------------------------------------ ESC

    def _esc(self) -> Commands:
        (code,) = yield 1
        if code == 0x40:
            self._initialise()
        elif code == 0x3D or (code in self._esc_one and not self._deaf):
            (n,) = yield 1
            self._esc_one[code](n)
        elif self._deaf:
            return
        elif code == 0x32:
            self.line.style.line_spacing = self._profile.line_spacing
        elif code in {0x24, 0x5C}:
            low, high = yield 2
            units = low + high * 256
            if code == 0x24:
                self.line.move_to(self._style.across(units))
            else:
                self.line.move_by(self._style.across(units - 65536 if units >= 32768 else units))
        elif code == 0x2A:
            yield from self._graphics.column_image()
        elif code in {0x69, 0x6D}:
            self._cut_now("full" if code == 0x69 else "partial")
        else:
            yield from self._esc_rare(code)

    def _esc_rare(self, code: int) -> Commands:
        if code == 0x70:
            pin, on, off = yield 3
            self._mechanism.notice(lambda: self._firmware.kick(pin & 1, on * 2, off * 2))
        elif code == 0x44:
            stops: list[int] = []
            while len(stops) < 33:
                (stop,) = yield 1
                if stop == 0:
                    break
                stops.append(stop * 12)
            self.line.style.tabs = tuple(stops)
        elif code == 0x63:
            yield 2  # paper sensors and panel buttons
        elif code == 0x26:
            yield from self._define_characters()
        elif code == 0x28:
            yield from self._bracketed(ESC)
        elif code == 0x42:  # ESC B n t, of many compatible printers
            times, _ = yield 2
            self._mechanism.notice(lambda: self._firmware.beep(times))
        elif code in {0x4C, 0x53, 0x0C}:
            self.oddities.append("page mode is not modelled")
        elif code == 0x57:
            yield 8
            self.oddities.append("page mode is not modelled")
        else:
            self._unknown(bytes((ESC, code)))

    def _define_characters(self) -> Commands:
        down, first, last = yield 3
        for _ in range(max(last - first + 1, 0)):
            (across,) = yield 1
            if across * down:
                yield across * down
        self._without("user-defined characters")

    def _initialise(self) -> None:
        if not self.line.empty:
            self.line.clear()  # the print buffer is cleared, not printed
        self.line.reset()
        self._deaf = False
        self._style.reset_units()
        self._gaiji.clear()
        self._graphics.reset()
        self._firmware.initialised()

    def _feed_dots(self, n: int) -> None:
        self.line.feed(self._style.down(n))

    def _feed_lines(self, n: int) -> None:
        self.line.feed(n * self.line.style.line_spacing)

    def _back(self, n: int) -> None:
        self._without(f"reverse feed by {n}")

    def _nothing(self, n: int) -> None:
        """Takes its parameter and changes nothing that this model shows."""

    def _select_device(self, n: int) -> None:
        self._deaf = not n & 1

    # ------------------------------------------------------------ FS

    def _fs(self) -> Commands:
        (code,) = yield 1
        style = self.line.style
        if code in self._fs_one:
            (n,) = yield 1
            self._fs_one[code](n)
        elif code in {0x26, 0x2E}:
            if style.system and code == 0x26 and self._profile.kanji == "jis":
                self.oddities.append("FS & has no effect in Shift_JIS mode")
            style.kanji_mode = code == 0x26
        elif code == 0x53:
            left, right = yield 2
            style.kanji_space = (left, right)
        elif code == 0x32:
            name = yield 2
            self._gaiji[name] = yield 72
        elif code == 0x3F:
            name = yield 2
            self._gaiji.pop(name, None)
        elif code == 0x28:
            yield from self._bracketed(FS)
        elif code == 0x70:
            yield 2
            self._without("NV bit image")
        else:
            self._unknown(bytes((FS, code)))

    # ------------------------------------------------------------ GS

    def _gs(self) -> Commands:
        (code,) = yield 1
        style = self.line.style
        if code in self._gs_one:
            (n,) = yield 1
            self._gs_one[code](n)
        elif code in {0x4C, 0x57}:
            low, high = yield 2
            if code == 0x4C:
                style.left_margin = min(self._style.across(low + high * 256), self._profile.width_dots)
            else:
                style.area = self._style.across(low + high * 256)
        elif code == 0x56:
            yield from self._cut()
        elif code == 0x6B:
            yield from self._graphics.bar_code()
        elif code == 0x28:
            yield from self._bracketed(GS)
        elif code == 0x38:
            yield from self._graphics.long_graphics()
        elif code == 0x76:
            yield from self._graphics.raster()
        elif code == 0x67:
            yield from self._maintenance()
        else:
            yield from self._gs_rare(code)

    def _gs_rare(self, code: int) -> Commands:
        if code == 0x50:
            across, down = yield 2
            self._style.set_units(across, down)
        elif code in {0x24, 0x5C}:
            yield 2  # vertical position of page mode
        elif code == 0x2A:
            across, down = yield 2
            yield across * down * 8
            self._without("downloaded bit image")
        elif code == 0x5E:
            yield 3
            self._without("macro")
        elif code == 0x3A:
            self._without("macro")
        else:
            self._unknown(bytes((GS, code)))

    def _cut(self) -> Commands:
        (mode,) = yield 1
        kind = "full" if mode in {0, 48, 65} else "partial"
        if mode in {65, 66}:
            (rows,) = yield 1
            if not self.line.empty:
                self.line.feed(self.line.style.line_spacing)
            self._mechanism.feed(self._profile.rows(self._profile.head_to_cutter_mm) + self._style.down(rows))
        elif mode not in {0, 1, 48, 49}:
            self.oddities.append(f"cut mode {mode}")
            return
        self._cut_now(kind)

    def _cut_now(self, kind: str) -> None:
        if not self.line.empty:
            self.oddities.append("cut in the middle of a line")
            self.line.feed(self.line.style.line_spacing)
        self._mechanism.cut("full" if kind == "full" else "partial")

    def _maintenance(self) -> Commands:
        if not self._profile.counters and self._profile.unknown_prints:
            self._unknown(b"\x1d\x67")  # the parameters come out as text
            return
        kind, _, low, high = yield 4
        if not self._profile.counters:
            self._without("GS g")
        elif kind == 0x32:
            if not self._firmware.answer_counter(low + high * 256):
                self.oddities.append(f"counter {low + high * 256}")
        elif kind == 0x30:
            self._firmware.nv_writes += 1
        else:
            self.oddities.append(f"GS g {kind:02X}")

    def _bracketed(self, introducer: int) -> Commands:
        """ESC ( , FS ( and GS ( carry their length."""
        name, low, high = yield 3
        size = low + high * 256
        if introducer == GS and name == 0x4C:
            yield from self._graphics.graphics(size)
            return
        body = (yield size) if size else b""
        if introducer == GS and name == 0x48:
            self._process_id(body)
        elif introducer == GS and name == 0x6B:
            self._graphics.symbol(body)
        elif introducer == ESC and name == 0x41 and body[:2] == b"\x61\x64" and len(body) == 5:  # TM-U230 specification, function 97
            self._mechanism.notice(lambda: self._firmware.beep(body[2]))
        elif introducer == GS and name == 0x44:
            for place in range(1, len(body) - 1, 2):
                self._firmware.enable_real_time(body[place], bool(body[place + 1] & 1))
        else:
            self._without(f"{introducer:02X} 28 {name:02X}")

    def _process_id(self, body: bytes) -> None:
        if not self._profile.process_id:
            self._without("GS ( H")
        elif body[:2] == b"\x30\x30" and len(body) == 6 and all(0x20 <= byte <= 0x7E for byte in body[2:]):
            ids = body[2:]
            self._mechanism.notice(lambda: self._firmware.process_id(ids))
        elif body[:1] == b"\x31" and len(body) == 3:
            self._firmware.offline_response(body[2] & 3)
        else:
            self.oddities.append(f"GS ( H {body.hex(' ')}")
