"""Owns which characters a receipt's bytes are: Shift_JIS, JIS, UTF-8, katakana and western pages, decided for a whole document. PURE.

A POS names its code system more or less: FS C 1 says Shift_JIS, FS & begins JIS (and is sent before Shift_JIS by many), ESC t names a page,
and nothing at all is the commonest. What is said is believed; where nothing is said, strict UTF-8 is tried, then CP932, then the page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["", "utf-8", "jis"]

# ESC t n of Epson: the pages that Japanese and English receipts use. 1 is katakana, of which CP932's single bytes are a superset.
_PAGES = {0: "cp437", 2: "cp850", 3: "cp860", 4: "cp863", 5: "cp865", 16: "cp1252", 17: "cp866", 18: "cp852", 19: "cp858"}
_KATAKANA = 1


@dataclass(frozen=True, slots=True)
class Run:
    """Bytes of one line under one setting."""

    raw: bytes
    mode: Mode = ""
    page: int | None = None  # as ESC t said; None: never
    sjis: bool = False  # FS C 1 was said


def join(runs: list[Run], run: Run) -> None:
    """Appends a run; what is under the same setting is one run, however it arrived."""
    last = runs[-1] if runs else None
    if last is not None and (last.mode, last.page, last.sjis) == (run.mode, run.page, run.sjis):
        runs[-1] = Run(last.raw + run.raw, run.mode, run.page, run.sjis)
    else:
        runs.append(run)


def decode_runs(lines: list[list[Run]]) -> tuple[tuple[str, ...], str]:
    """The lines' text, and the name of the encoding that most of it was read with."""
    plain = b"\n".join(run.raw for line in lines for run in line if run.mode == "" or not _is_jis(run.raw))
    guess = _guess(plain)
    used: dict[str, int] = {}
    texts = []
    for line in lines:
        text = ""
        for run in line:
            encoding = _encoding(run, guess)
            used[encoding] = used.get(encoding, 0) + len(run.raw)
            text += _decode(run.raw, encoding)
        texts.append(text.rstrip())
    return tuple(texts), max(used, key=lambda name: used[name], default="ascii")


def decode_file(raw: bytes) -> tuple[str, str]:
    """A text file: (text, encoding). A mark at its beginning decides, then strict UTF-8, then CP932."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace"), "utf-16"
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    guess = _guess(raw) or "cp932"
    return _decode(raw, guess), guess


def _is_jis(raw: bytes) -> bool:
    """Whether bytes between FS & and FS . can be JIS pairs; many send Shift_JIS there."""
    return all(0x21 <= byte <= 0x7E for byte in raw) and len(raw) % 2 == 0


def _encoding(run: Run, guess: str) -> str:
    if run.mode == "utf-8":
        return "utf-8"
    if run.mode == "jis" and _is_jis(run.raw):
        return "jis"
    if run.sjis or run.mode == "jis" or run.page == _KATAKANA:
        return "cp932" if guess != "utf-8" else guess
    if run.page in _PAGES and not guess:
        return _PAGES[run.page]
    if run.page is not None and run.page in _PAGES and run.page != 0 and guess == "cp932":
        return _PAGES[run.page]  # a western page was chosen, and nothing spoke of kanji
    return guess or "cp437"


def _guess(raw: bytes) -> str:
    """"utf-8" or "cp932" where (nearly) all of it can be read so, "ascii", else "". A kanji that was cut in half spoils nothing."""
    if raw.isascii():
        return "ascii"
    for encoding in ("utf-8", "cp932"):
        text = raw.decode(encoding, "replace")
        wide = sum(mark > "\x7f" for mark in text)
        broken = text.count("\ufffd")
        if not broken or (wide >= 12 and broken * 8 <= wide):
            return encoding
    return ""


def _decode(raw: bytes, encoding: str) -> str:
    if encoding == "jis":
        return (b"\x1b$B" + raw + b"\x1b(B").decode("iso2022_jp", "replace")
    return raw.decode("latin-1" if encoding == "ascii" else encoding, "replace")
