"""Owns what is written on a receipt: ESC/POS bytes in, in any portions, documents of text lines out. PURE.

A document ends at a cut. Bitmaps and downloads are skipped by their length, questions to the printer are no text, and the code system is
decided for the whole document (`posagent.doors.charset`), so that half a kanji at a buffer's end is no special case.

Sources: Epson ESC/POS command reference (lengths of parameters; FS C, FS &, FS . for kanji, ESC t for pages, FS ( C for UTF-8, GS V, ESC i,
ESC m for cuts); TM-T88III specification pp. 140-150 for DLE sequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from posagent.doors.charset import Run, decode_runs, join
from posagent.doors.page_mode import GAP, Page
from posagent.doors.star_text import star_command

ESC, FS, GS, DLE, US = 0x1B, 0x1C, 0x1D, 0x10, 0x1F
LONGEST_TEXT = 256 * 1024
"""Bytes of text in one document; what comes after them is dropped and the document is marked."""
MOST_CODES = 16
_LONGEST_LIST = 600  # bytes of a list or code that ends with NUL

Ending = Literal["cut", "end", "silence"]


@dataclass(frozen=True, slots=True)
class Document:
    """What was printed between two cuts. ``lines`` without line ends; empty where only pictures were printed."""

    lines: tuple[str, ...]
    ended: Ending = "cut"
    pictures: int = 0  # bytes of bitmaps
    codes: tuple[str, ...] = ()  # what barcodes and QR codes hold, as far as it is text
    too_long: bool = False
    encoding: str = ""

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


# Bytes of parameters after the two of the command, where their number is fixed.
_ESC = dict.fromkeys(b"@2<SL\x0civmoOP", 0)
_ESC |= dict.fromkeys(b'!-3 aAdeJKjEGMRtVTr{=?%uUBQxkHlNI+Cfqsw4', 1) | dict.fromkeys(b"$\\c", 2) | {ord("p"): 3, ord("W"): 8}
_GS = dict.fromkeys(b":c\x0c", 0) | {ord("^"): 3, ord("z"): 3, ord("g"): 4}
_GS |= dict.fromkeys(b"!/abfhHIrwBTEj#", 1) | dict.fromkeys(b"$LPW\\dt", 2)
_FS = dict.fromkeys(b"&.", 0) | dict.fromkeys(b"C!-Wr", 1) | dict.fromkeys(b"Sp?", 2) | {ord("2"): 74}
_MORE = None
_ASB = b"\x1da"
_LASTING = frozenset(
    [b"\x1b" + bytes([one]) for one in b"! 23-EGMRTVat{r%"] + [b"\x1d" + bytes([one]) for one in b"!BbLWPfhwHa"]
    + [b"\x1c" + bytes([one]) for one in b"!&.-CSW("]
)  # fmt: skip
"""Commands whose effect lasts until ESC @ (GS a: until it is said otherwise)."""
_PAIRED = {b"\x1c.": b"\x1c&", b"\x1b3": b"\x1b2"}  # one undoes the other
"""A command whose end has not arrived yet."""


class PaperReader:
    """One printer's paper. Fed by whoever sees the bytes; never raises, whatever they are."""

    def __init__(self) -> None:
        self._open = bytearray()  # the beginning of a command
        self._skip = 0
        self._star = False  # commands of Star's own were seen
        self._modes: dict[bytes, bytes] = {}
        self._kept: tuple[int, bytearray] | None = None  # (bytes still to keep, of a QR code)
        self._new_document()
        self._reset()

    def _reset(self) -> None:
        self._kanji: Literal["", "sjis", "jis"] = ""
        self._double = False
        self._page: int | None = None
        self._utf8 = False
        self._deaf = False  # ESC =: what comes is for the display
        self._modes = {key: mode for key, mode in self._modes.items() if key == _ASB}

    def _new_document(self) -> None:
        self._runs: list[list[Run]] = [[]]
        self._laid: Page | None = None  # page mode: text is placed, and printed by FF
        self._size = 0
        self._pictures = 0
        self._codes: list[str] = []
        self._too_long = False

    @property
    def open(self) -> bool:
        """Something was printed that no cut has ended yet, or a command is not all there."""
        return self._size > 0 or self._pictures > 0 or self._skip > 0 or bool(self._open)

    @property
    def modes(self) -> bytes:
        """What puts another printer, or this one after a reset, into the state that was asked for: character sets, sizes, margins."""
        return b"".join(self._modes.values())

    def feed(self, data: bytes) -> list[Document]:
        """The documents that these bytes end."""
        found: list[Document] = []
        self._open += data
        at = 0
        while at < len(self._open):
            if self._skip:
                step = min(self._skip, len(self._open) - at)
                self._keep(self._open[at : at + step])
                self._skip -= step
                at += step
                continue
            byte = self._open[at]
            if byte in (ESC, FS, GS, DLE, US):
                taken = self._command(at, found)
                if taken is _MORE:
                    break
                self._remember(bytes(self._open[at : at + min(taken, 8)]), taken)
                at += taken
            else:
                at += self._text(at)
        del self._open[:at]
        return found

    def end(self, ended: Ending = "end") -> list[Document]:
        """The paper will not be cut: what stands on it, if anything does. A command that was cut off is forgotten."""
        self._open.clear()
        self._skip, self._kept = 0, None
        return self._finish(ended)

    # ------------------------------------------------------------ text

    def _text(self, at: int) -> int:
        """Plain bytes up to the next control; returns how many."""
        end = at
        buffer = self._open
        while end < len(buffer) and buffer[end] >= 0x20:
            end += 1
        if end > at:
            self._add(bytes(buffer[at:end]))
            return end - at
        match buffer[at]:
            case 0x0C if self._laid is not None:
                self._print_page()
                self._laid = None
            case 0x0A | 0x0C:
                self._new_line()
            case 0x0D:
                if len(buffer) > at + 1 and buffer[at + 1] == 0x0A:
                    return 1
                self._new_line()
            case 0x09:
                self._gap()
            case 0x18 if self._laid is not None:  # CAN: what was placed is not printed
                self._laid = Page()
        return 1

    def _add(self, raw: bytes) -> None:
        if self._deaf:
            return
        self._size += len(raw)
        if self._size > LONGEST_TEXT:
            self._too_long = True
            return
        jis = self._double and self._kanji != "sjis"
        run = Run(raw, "utf-8" if self._utf8 else "jis" if jis else "", self._page, self._kanji == "sjis")
        if self._laid is not None:
            self._laid.write(run)
            return
        join(self._runs[-1], run)

    def _gap(self) -> None:
        if self._laid is None and self._runs[-1] and not self._too_long:
            self._runs[-1].append(GAP)

    def _print_page(self) -> None:
        """What was placed on the page goes on paper."""
        if self._laid is not None:
            self._runs += [*self._laid.lines(), []]
            self._laid = Page(turned=self._laid.turned)

    def _new_line(self) -> None:
        if self._laid is not None:
            self._laid.feed()
        elif self._runs[-1] and not self._too_long:
            self._runs.append([])

    def _finish(self, ended: Ending) -> list[Document]:
        self._print_page()
        runs, pictures, codes, too_long = self._runs, self._pictures, tuple(self._codes), self._too_long
        self._new_document()
        lines, encoding = decode_runs([line for line in runs if line])
        if not pictures and not any(line.strip() for line in lines):
            return []
        return [Document(lines, ended, pictures, codes, too_long, encoding)]

    def _keep(self, raw: bytes | bytearray) -> None:
        if self._kept is None:
            return
        self._kept[1].extend(raw[:_LONGEST_LIST])
        if len(raw) >= self._skip:
            self._code(bytes(self._kept[1]))
            self._kept = None

    def _code(self, raw: bytes) -> None:
        text = raw[:_LONGEST_LIST].decode("ascii", "replace")
        if len(self._codes) < MOST_CODES:
            self._codes.append("".join(mark for mark in text if mark.isprintable()))

    # ------------------------------------------------------------ commands

    def _remember(self, command: bytes, size: int) -> None:
        """Keeps the last of each mode; those that depend on each other in the order in which they came."""
        key = _ASB if command.startswith(_ASB) else command[:2]
        if key in _LASTING and size == len(command) and not self._skip and not self._star:
            key = _PAIRED.get(key, key)
            self._modes.pop(key, None)
            self._modes[key] = command

    def _command(self, at: int, found: list[Document]) -> int | None:
        """How many bytes the command at ``at`` takes (what is long is left to ``_skip``); `_MORE` when it is not all there."""
        buffer = self._open
        if len(buffer) < at + 2:
            return _MORE
        first, second = buffer[at], buffer[at + 1]
        match first:
            case 0x10:
                return self._real_time(at, second)
            case 0x1F:
                return self._display(at, second)
            case 0x1B:
                return self._escape(at, second, found)
            case 0x1D:
                return self._group(at, second, found)
            case _:
                return self._file(at, second)

    def _has(self, at: int, count: int) -> bool:
        return len(self._open) >= at + count

    def _int(self, at: int, size: int) -> int:
        return int.from_bytes(self._open[at : at + size], "little")

    def _real_time(self, at: int, second: int) -> int | None:
        if second not in (0x04, 0x05, 0x14):
            return 1
        if not self._has(at, 3):
            return _MORE
        third = self._open[at + 2]
        if second == 0x04:
            size = 4 if third in (7, 8, 18) else 3
        else:
            size = 3 if second == 0x05 else 10 if third == 8 else 5
        return size if self._has(at, size) else _MORE

    def _display(self, at: int, second: int) -> int | None:
        size = {0x24: 4, 0x43: 3, 0x58: 3, 0x72: 3, 0x45: 3, 0x40: 2, 0x01: 2, 0x02: 2, 0x03: 2}.get(second, 2)
        return size if self._has(at, size) else _MORE

    def _bracket(self, at: int) -> int | None:
        """X ( fn pL pH …"""
        if not self._has(at, 5):
            return _MORE
        self._skip = self._int(at + 3, 2)
        return 5

    def _escape(self, at: int, second: int, found: list[Document]) -> int | None:
        buffer = self._open
        if second == GS or self._star:
            self._star = True
            return self._starred(at, found)
        if second in b"im":
            found += self._finish("cut")
            return 2
        long = {0x28: self._bracket, 0x2A: self._bit_image, 0x44: self._tabs, 0x26: self._user_characters}.get(second)
        if long is not None:
            return long(at)
        size = _ESC.get(second, 0) + 2
        if not self._has(at, size):
            return _MORE
        value = buffer[at + 2] if size > 2 else 0
        match second:
            case 0x40:  # @
                self._laid = None
                self._new_line()
                self._reset()
            case 0x74:  # t: the page of single bytes
                self._page = value
            case 0x3D:  # =: who listens
                self._deaf = value in (2, 0x32)
            case 0x64 | 0x4A | 0x65 | 0x4B:  # d J e K: feeds end a line
                self._new_line()
            case 0x4C | 0x53 | 0x0C | 0x57 | 0x54:  # L S FF W T
                self._page_mode(at, second, value)
            case 0x24 | 0x5C:  # $ \
                self._across(self._int(at + 2, 2), relative=second == 0x5C)
        return size

    def _page_mode(self, at: int, second: int, value: int) -> None:
        page = self._laid
        match second:
            case 0x4C:
                self._new_line()
                self._laid = Page()
            case 0x53:  # back to lines; what was not printed is gone
                self._laid = None
            case 0x0C:
                self._print_page()
            case 0x57 if page is not None:
                page.area(self._int(at + 2, 2), self._int(at + 4, 2))
            case 0x54 if page is not None:
                page.turned = value & 3 != 0

    def _across(self, dots: int, *, relative: bool) -> None:
        """What comes stands apart, in another column."""
        if self._laid is None:
            self._gap()
        else:
            self._laid.x = self._laid.x + _signed(dots) if relative else dots

    def _down(self, dots: int, *, relative: bool) -> None:
        if self._laid is not None:
            self._laid.y = self._laid.y + _signed(dots) if relative else dots

    def _starred(self, at: int, found: list[Document]) -> int | None:
        command = star_command(self._open, at)
        if command is None:
            return _MORE
        match command.effect:
            case "cut":
                found += self._finish("cut")
            case "line":
                self._new_line()
            case "reset":
                self._new_line()
                self._reset()
            case "picture":
                self._pictures += command.skip
        self._skip = command.skip
        if command.code:
            self._code(command.code)
        return command.size

    def _bit_image(self, at: int) -> int | None:
        """ESC * m nL nH …"""
        if not self._has(at, 5):
            return _MORE
        self._skip = self._int(at + 3, 2) * (3 if self._open[at + 2] >= 32 else 1)
        self._pictures += self._skip
        return 5

    def _tabs(self, at: int) -> int | None:
        """ESC D … NUL"""
        end = self._open.find(0, at + 2, at + 2 + 34)
        return end + 1 - at if end >= 0 else 2 if self._has(at, 36) else _MORE

    def _user_characters(self, at: int) -> int | None:
        """ESC & y c1 c2, then for each character its width and y times as many bytes. Bounded: 95 characters."""
        if not self._has(at, 5):
            return _MORE
        rows, low, high = self._open[at + 2 : at + 5]
        end = at + 5
        for _ in range(max(0, min(high - low + 1, 95))):
            if not self._has(end, 1):
                return _MORE
            end += 1 + rows * self._open[end]
        return end - at if self._has(end, 0) else _MORE

    def _group(self, at: int, second: int, found: list[Document]) -> int | None:
        buffer = self._open
        if second in b"V(8v*kQC":
            if not self._has(at, 3):
                return _MORE
            third = buffer[at + 2]
            match second:
                case 0x56:  # V: the cut
                    size = 4 if third in (65, 66, 97, 98, 103, 104) else 3
                    if not self._has(at, size):
                        return _MORE
                    found += self._finish("cut")
                    return size
                case 0x28:  # (
                    return self._function(at)
                case 0x38:  # 8 L p1 p2 p3 p4
                    if not self._has(at, 7):
                        return _MORE
                    self._skip = self._int(at + 3, 4)
                    self._pictures += self._skip
                    return 7
                case 0x76 | 0x51:  # v 0 m xL xH yL yH …, Q 0 m xL xH yL yH …
                    if not self._has(at, 8):
                        return _MORE
                    self._skip = self._int(at + 4, 2) * self._int(at + 6, 2)
                    self._pictures += self._skip
                    return 8
                case 0x2A:  # * x y …
                    if not self._has(at, 4):
                        return _MORE
                    self._skip = third * buffer[at + 3] * 8
                    return 4
                case 0x6B:  # k
                    return self._barcode(at, third)
                case _:  # C 0 m n, C 1 six, C 2 two
                    size = {0x30: 5, 0x31: 9, 0x32: 5}.get(third, 3)
                    return size if self._has(at, size) else _MORE
        return self._short_group(at, second)

    def _short_group(self, at: int, second: int) -> int | None:
        size = _GS.get(second, 0) + 2
        if not self._has(at, size):
            return _MORE
        if second in b"$\\":
            self._down(self._int(at + 2, 2), relative=second == 0x5C)
        return size

    def _function(self, at: int) -> int | None:
        """GS ( fn pL pH …: the data of a QR code (k, function 80) are kept, pictures (L) are counted."""
        if not self._has(at, 5):
            return _MORE
        kind, size = self._open[at + 2], self._int(at + 3, 2)
        if kind == ord("k") and size >= 3:
            if not self._has(at, 8):
                return _MORE
            self._skip = size - 3
            if self._open[at + 6] == 0x50 and self._skip:
                self._kept = (self._skip, bytearray())
            return 8
        if kind == ord("L"):
            self._pictures += size
        self._skip = size
        return 5

    def _barcode(self, at: int, kind: int) -> int | None:
        if kind < 32:
            end = self._open.find(0, at + 3, at + 3 + _LONGEST_LIST)
            if end < 0:
                return 3 if self._has(at, 3 + _LONGEST_LIST) else _MORE
            self._code(bytes(self._open[at + 3 : end]))
            return end + 1 - at
        if not self._has(at, 4) or not self._has(at, 4 + self._open[at + 3]):
            return _MORE
        size = 4 + self._open[at + 3]
        self._code(bytes(self._open[at + 4 : at + size]))
        return size

    def _file(self, at: int, second: int) -> int | None:
        buffer = self._open
        if second == ord("("):
            if not self._has(at, 5):
                return _MORE
            kind, size = buffer[at + 2], self._int(at + 3, 2)
            if kind == ord("C") and size == 2:  # code conversion: fn 48 chooses the encoding, 2 is UTF-8
                if not self._has(at, 7):
                    return _MORE
                if buffer[at + 5] == 0x30:
                    self._utf8 = buffer[at + 6] in (2, 0x32)
                return 7
            return self._bracket(at)
        if second == ord("q"):
            return self._stored_pictures(at)
        if second == ord("g"):
            size = 9 if self._has(at, 3) and buffer[at + 2] in b"12" else 3
            if not self._has(at, size):
                return _MORE
            self._skip = self._int(at + 7, 2) if size == 9 and buffer[at + 2] == ord("1") else 0
            return size
        size = _FS.get(second, 0) + 2
        if not self._has(at, size):
            return _MORE
        match second:
            case 0x43:  # C: the code system of kanji
                self._kanji = "sjis" if buffer[at + 2] in (1, 2, 0x31, 0x32) else "jis"
            case 0x26:
                self._double = True
            case 0x2E:
                self._double = False
        return size

    def _stored_pictures(self, at: int) -> int | None:
        """FS q n, then for each picture xL xH yL yH and its bytes: the lengths stand between the data, so all of it must have come."""
        if not self._has(at, 3):
            return _MORE
        end = at + 3
        for _ in range(self._open[at + 2]):
            if not self._has(end, 4):
                return _MORE
            end += 4 + self._int(end, 2) * self._int(end + 2, 2) * 8
            if end - at > LONGEST_TEXT:
                return 3
        return end - at if self._has(end, 0) else _MORE


def _signed(dots: int) -> int:
    return dots - 65536 if dots >= 32768 else dots
