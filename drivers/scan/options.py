"""Owns the settings that all byte-oriented scanner drivers share, and builds their assembler from them."""

from __future__ import annotations

from codecs import escape_decode
from typing import Any

from drivers.scan.assembler import TERMINATORS, Assembler, LineSplitter, Splitter
from drivers.scan.content import Content, DoubleReads
from drivers.scan.ssi import SsiSplitter
from drivers.scan.stx_frames import FrameSplitter
from posagent.ports import Option, Options

DRESSING: dict[str, Option] = {
    "prefix": Option(str, "characters that the scanner puts in front of every code; \\x02 for control characters", ""),
    "suffix": Option(str, "characters that it puts behind every code, in front of the terminator", ""),
    "fixed_length": Option(int, "every code has this many characters (0: no); needed to part glued scans", 0, minimum=0, maximum=200),
    "double_read_ms": Option(int, "the same code again within this time is the same scan", 1000, minimum=0, maximum=60_000),
}
BYTE_STREAM: dict[str, Option] = {
    "framing": Option(
        str, "how a code ends: a terminator, STX...ETX, STX...ETX and a check byte, or Zebra's SSI packets", "line",
        choices=("line", "stx-etx", "stx-etx-bcc", "ssi"),
    ),
    "terminator": Option(
        str, 'what ends a code when framing = "line"; "none": a pause ends it', "any", choices=("any", "cr", "lf", "crlf", "tab", "etx", "none")
    ),
    "pause_ms": Option(
        int, "a pause of this length ends a code, or breaks it where a terminator is due (0: by speed)", 0, minimum=0, maximum=5000
    ),
    "encoding": Option(
        str, "for texts that are neither UTF-8 nor CP932", "", choices=("", "ascii", "latin-1", "cp1252", "euc_jp", "gb18030", "big5")
    ),
    **DRESSING,
}


def literal(text: str) -> bytes:
    """Bytes of a setting in which \\x02 and \\t stand for control characters."""
    return bytes(escape_decode(text.encode("utf-8"))[0])


def content_of(options: Options, **more: Any) -> Content:
    """The part of the settings that says how texts are dressed."""
    return Content(prefix=literal(options["prefix"]), suffix=literal(options["suffix"]), fixed_length=options["fixed_length"], **more)


def stream_assembler(options: Options, *, pause_ms: int) -> tuple[Assembler, Splitter]:
    """The assembler for `BYTE_STREAM` settings; ``pause_ms`` is used when the settings say 0."""
    splitter: Splitter
    match options["framing"]:
        case "stx-etx" | "stx-etx-bcc" as framing:
            splitter = FrameSplitter(bcc=framing == "stx-etx-bcc")
        case "ssi":
            splitter = SsiSplitter()
        case _:
            splitter = LineSplitter(TERMINATORS[options["terminator"]], pause_ms=options["pause_ms"] or pause_ms)
    return Assembler(splitter, content_of(options, encoding=options["encoding"]), DoubleReads(options["double_read_ms"])), splitter
