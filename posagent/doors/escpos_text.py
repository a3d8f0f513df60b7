"""Owns what is written on a receipt: ESC/POS bytes in, in any portions, documents of text lines out. PURE.

A document ends at a cut. Bitmaps and downloads are skipped by their length, questions to the printer are no text, and the code system is
decided for the whole document (`posagent.doors.charset`), so that half a kanji at a buffer's end is no special case. Where a command ends
say `posagent.doors.escpos_commands` and, in Star's own set, `posagent.doors.star_text`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from posagent.doors.charset import Run, decode_runs, join
from posagent.doors.escpos_commands import DLE, ESC, FS, GS, LONGEST_LIST, US, Command, escpos_command
from posagent.doors.page_mode import GAP, Page
from posagent.doors.star_text import star_command

LONGEST_TEXT = 256 * 1024
"""Bytes of text in one document; what comes after them is dropped and the document is marked."""
MOST_CODES = 16

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


_ASB = b"\x1da"
_LASTING = frozenset(
    [b"\x1b" + bytes([one]) for one in b"! 23-EGMRTVat{r%"] + [b"\x1d" + bytes([one]) for one in b"!BbLWPfhwHa"]
    + [b"\x1c" + bytes([one]) for one in b"!&.-CSW("]
)  # fmt: skip
"""Commands whose effect lasts until ESC @ (GS a: until it is said otherwise)."""
_PAIRED = {b"\x1c.": b"\x1c&", b"\x1b3": b"\x1b2"}  # one undoes the other


class PaperReader:
    """One printer's paper. Fed by whoever sees the bytes; never raises, whatever they are."""

    def __init__(self) -> None:
        self._open = bytearray()  # the beginning of a command
        self._skip = 0
        self._star = False  # commands of Star's own were seen
        self._modes: dict[bytes, bytes] = {}
        self._kept: bytearray | None = None  # the text of a QR code, while it is skipped
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
                command = self._next(at)
                if command is None:
                    break  # its end has not arrived yet
                self._obey(command, found)
                self._remember(bytes(self._open[at : at + min(command.size, 8)]), command.size)
                at += command.size
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
        self._kept.extend(raw[:LONGEST_LIST])
        if len(raw) >= self._skip:
            self._code(bytes(self._kept))
            self._kept = None

    def _code(self, raw: bytes) -> None:
        text = raw[:LONGEST_LIST].decode("ascii", "replace")
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

    def _next(self, at: int) -> Command | None:
        if self._open[at] == ESC and len(self._open) >= at + 2 and (self._open[at + 1] == GS or self._star):
            self._star = True
            return star_command(self._open, at)
        return escpos_command(self._open, at)

    def _obey(self, command: Command, found: list[Document]) -> None:
        value = command.value
        self._skip = command.skip
        if command.code:
            self._code(command.code)
        match command.effect:
            case "cut":
                found += self._finish("cut")
            case "line":
                self._new_line()
            case "reset":
                self._laid = None
                self._new_line()
                self._reset()
            case "picture":
                self._pictures += command.skip
            case "keep":
                self._kept = bytearray()
            case "page":
                self._page = value
            case "listener":
                self._deaf = value in (2, 0x32)
            case "kanji system":
                self._kanji = "sjis" if value in (1, 2, 0x31, 0x32) else "jis"
            case "pairs" | "no pairs":
                self._double = command.effect == "pairs"
            case "encoding":
                self._utf8 = value in (2, 0x32)
            case "":
                pass
            case _:
                self._place(command)

    def _place(self, command: Command) -> None:
        """Page mode, and columns on a line."""
        page, value = self._laid, command.value
        match command.effect:
            case "page mode":
                self._new_line()
                self._laid = Page()
            case "line mode":  # back to lines; what was not printed is gone
                self._laid = None
            case "print page":
                self._print_page()
            case "right to" | "right by" if page is None:
                self._gap()  # what comes stands apart, in another column
            case "right to" if page is not None:
                page.x = value
            case "right by" if page is not None:
                page.x += value
            case "down to" if page is not None:
                page.y = value
            case "down by" if page is not None:
                page.y += value
            case "area" if page is not None:
                page.area(value, command.other)
            case "turn" if page is not None:
                page.turned = value & 3 != 0
