"""Owns customer displays of two lines: Epson's command set (DM-D) and CD5220, on a serial line or a network port.

Most tubes show half-width kana only, so text is brought to that: full-width letters and kana become half-width, hiragana becomes katakana;
what cannot be shown becomes "*" and is logged once. Both lines are rewritten in place, without clearing, so that nothing flickers.
Sources: Epson DM-D110/210 command reference (ESC @, ESC t 1 katakana, ESC R 8 Japan, US $), CD5220 command table (ESC Q A, ESC Q B).
"""

from __future__ import annotations

import logging
import unicodedata
from functools import cache
from typing import Literal

from drivers.escpos.charset import clean, native, width
from drivers.escpos.link import Link
from posagent.errors import DeviceTimeout, SettingsError
from posagent.ports import Display, Driver, Option, Options

_log = logging.getLogger(__name__)
COLUMNS = 20
_OPEN_S = 3.0
Charset = Literal["kana", "sjis", "ascii"]
_CHARSETS = ("kana", "sjis", "ascii")


class LineDisplay:
    """See `posagent.ports.Display`."""

    def __init__(self, name: str, link: Link, commands: Literal["epson", "cd5220"], charset: Charset) -> None:
        self._name, self._link, self._epson, self._charset = name, link, commands == "epson", charset
        self._lost: set[str] = set()
        self._greeted = False

    def show(self, upper: str, lower: str, timeout_s: float) -> None:
        """See the port. Raises DeviceTimeout when the line is full."""
        lines = [self._bytes(text) for text in (upper, lower)]
        if self._epson:
            body = b"\x1b=\x02" + b"".join(b"\x1f$\x01" + bytes([row]) + line for row, line in enumerate(lines, 1))
        else:
            body = b"\x1bQA" + lines[0].rstrip(b" ") + b"\r" + b"\x1bQB" + lines[1].rstrip(b" ") + b"\r"
        if not self._greeted:
            japan = self._charset != "ascii"
            if self._epson:  # select the display, reset, katakana page, Japan, cursor off
                start = b"\x1b=\x02\x1b@" + (b"\x1bt\x01\x1bR\x08" if japan else b"") + b"\x1fC\x00"
            else:  # reset, international and extended font of Japan
                start = b"\x1b@" + (b"\x1bfJ\x1bcJ" if japan else b"")
            body = start + body
        deadline = self._link.now() + timeout_s
        if self._link.write(body, deadline) < len(body):
            raise DeviceTimeout(f"{self._name}: the display takes nothing; check its cable, its power and the baud rate", code="E304")
        self._greeted = True

    def close(self) -> None:
        """See the port."""
        self._link.close()

    def _bytes(self, text: str) -> bytes:
        """Exactly twenty cells; text that is too long is cut at a whole character."""
        shown, lost = presentable(text, self._charset)
        if lost - self._lost:
            self._lost |= lost
            _log.warning("%s: the display cannot show %s; set as *", self._name, " ".join(sorted(lost)))
        while width(shown) > COLUMNS:
            shown = shown[:-1]
        coded = native(shown, "jis" if self._charset != "ascii" else "ascii") or b""
        return coded.ljust(COLUMNS, b" ")


def presentable(text: str, charset: Charset) -> tuple[str, set[str]]:
    """The text in characters that the display has, and those that it lacks."""
    out, lost = "", set()
    for char in clean(text).replace("\n", " "):
        half = char if charset == "sjis" else _half().get(char, char)
        if charset == "ascii":
            good = half.isascii() or half == "¥"
        else:
            good = native(half) is not None and (charset == "sjis" or width(half) == len(half))
        if half in "\\~":
            good = False
        if not good:
            lost.add(char)
        out += half if good else "*"
    return out, lost


@cache
def _half() -> dict[str, str]:
    """Full-width character -> half-width form(s)."""
    table = {}
    for code in (*range(0xFF01, 0xFF5F), 0x3000):
        table[chr(code)] = unicodedata.normalize("NFKC", chr(code))
    single = {unicodedata.normalize("NFKC", chr(code)): chr(code) for code in range(0xFF61, 0xFF9E)}
    for code in range(0x30A1, 0x30FB):
        parts = unicodedata.normalize("NFD", chr(code))
        marks = {"\u3099": "ﾞ", "\u309a": "ﾟ"}
        if parts[0] in single:
            table[chr(code)] = single[parts[0]] + "".join(marks[mark] for mark in parts[1:])
    table |= {"゛": "ﾞ", "゜": "ﾟ", "ヮ": "ﾜ", "ヰ": "ｲ", "ヱ": "ｴ", "ヵ": "ｶ", "ヶ": "ｹ"}
    table |= {chr(ord(char) - 0x60): half for char, half in table.items() if "ァ" <= char <= "ヶ"}
    return table | {full: half for full, half in single.items() if full not in table} | {"￥": "¥", "〜": "-", "−": "-"}


def _open(name: str, options: Options) -> Display:
    link: Link
    if options["host"]:
        from drivers.escpos.link_tcp import open_tcp

        link = open_tcp(name, options["host"], options["port"], _OPEN_S)
    elif options["node"]:
        from drivers.escpos.link_serial import open_serial

        link = open_serial(name, options["node"], options["baud"], options["flow"])
    else:
        raise SettingsError(f"{name}: give node = \"/dev/serial/by-id/…\" or host = \"…\"")
    return LineDisplay(name, link, options["commands"], options["charset"])


DRIVER = Driver(
    name="display-escpos",
    kind="display",
    title="customer display of two lines by twenty (Epson DM-D, CD5220)",
    maturity="experimental",
    source="Epson DM-D110/210 command reference; CD5220 command table",
    options={
        "node": Option(str, "the serial port", default=""),
        "baud": Option(int, "as the display's switches say", default=9600, minimum=1200, maximum=115200),
        "flow": Option(str, "rtscts where the display's cable has it, else xonxoff", default="xonxoff", choices=("rtscts", "xonxoff")),
        "host": Option(str, "the address, for a display on the network", default=""),
        "port": Option(int, "its port", default=9100, minimum=1, maximum=65535),
        "commands": Option(str, "the command set", default="epson", choices=("epson", "cd5220")),
        "charset": Option(str, "kana: half-width kana (most tubes); sjis: shows Kanji; ascii", default="kana", choices=_CHARSETS),
    },
    open=_open,
)
