"""Owns which characters a receipt's bytes are: Shift_JIS, JIS, UTF-8, katakana and western pages, decided for a whole document. PURE.

A POS names its code system more or less: FS C 1 says Shift_JIS, FS & begins JIS (and is sent before Shift_JIS by many), ESC t names a page,
and nothing at all is the commonest. What is said is believed; where nothing is said, strict UTF-8 is tried, then CP932, then the page.
Where CP932 makes no word of a receipt out of the bytes and another system does (printers with a Chinese or Korean font are driven so, and
journals of Unix tills), that one is right: all of them are two bytes, and any bytes can be read in each.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Mode = Literal["", "utf-8", "jis"]

# ESC t n of Epson: the pages that Japanese and English receipts use. 1 is katakana, of which CP932's single bytes are a superset.
_PAGES = {0: "cp437", 2: "cp850", 3: "cp860", 4: "cp863", 5: "cp865", 16: "cp1252", 17: "cp866", 18: "cp852", 19: "cp858"}
_KATAKANA = 1
_OTHERS = ("euc_jp", "gb18030", "cp949", "big5")
_TELLING = re.compile(
    "合計|小計|総計|総額|会計|お預|お釣|釣銭|現金|税込|税抜|消費税|内税|外税|領収|返品|返金|取消|再発行|精算|点検|売上|レシート|番号|登録|クレジット|お買|注文|伝票|取引|支払|控え|練習|厨房|テーブル|ＴＯＴＡＬ|券売|新規|ゴウケイ|アズカリ"
    "|ｺﾞｳｹｲ|ｼｮｳｹｲ|ｼﾖｳｹｲ|ｹﾞﾝｹｲ|ｱｽﾞｶﾘ|ｵﾂﾘ|ｹﾞﾝｷﾝ|ｳﾘｱｹﾞ|ｾｲｻﾝ|ﾃﾝｹﾝ|ﾍﾝﾋﾟﾝ|ｻｲﾊｯｺｳ|ﾚｼｰﾄ|ｵｶｲｱｹﾞ|合计|小计|总计|總計|现金|收银|结账|退货|退款|합계|매출|마감|소계|현금|카드|영수증|결제|반품"
)  # fmt: skip
"""Words of which at least one stands on nearly every document of a till."""
_SPACES = dict.fromkeys(map(ord, " \u3000"))


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
    jis = _speaks_jis([run.raw for line in lines for run in line if run.mode == "jis"])
    plain = b"\n".join(run.raw for line in lines for run in line if run.mode == "" or not (jis and _is_jis(run.raw)))
    guess = _guess(plain)
    used: dict[str, int] = {}
    texts = []
    for line in lines:
        text = ""
        for run in line:
            encoding = _encoding(run, guess, jis=jis)
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


def _speaks_jis(runs: list[bytes]) -> bool:
    """Whether what stands behind FS & is JIS at all: TRAINING would be four kanji. Eight-bit bytes there are another system's; of seven-bit
    ones all are pairs, or the pairs make words."""
    pairs = [raw for raw in runs if _is_jis(raw)]
    if not pairs or any(not raw.isascii() for raw in runs):
        return False
    return len(pairs) == len(runs) or _words(_decode(b"".join(pairs), "jis")) > 0


def _is_jis(raw: bytes) -> bool:
    """Whether bytes between FS & and FS . can be JIS pairs; many send Shift_JIS there."""
    return all(0x21 <= byte <= 0x7E for byte in raw) and len(raw) % 2 == 0


def _encoding(run: Run, guess: str, *, jis: bool) -> str:
    if run.mode == "utf-8":
        return "utf-8"
    if jis and run.mode == "jis" and _is_jis(run.raw):
        return "jis"
    if run.sjis or run.mode == "jis" or run.page == _KATAKANA:
        return guess if guess not in {"", "ascii"} else "cp932"
    if run.page in _PAGES and not guess:
        return _PAGES[run.page]
    if run.page is not None and run.page in _PAGES and run.page != 0 and guess == "cp932":
        return _PAGES[run.page]  # a western page was chosen, and nothing spoke of kanji
    return guess or "cp437"


def _guess(raw: bytes) -> str:
    """"ascii", or the system in which (nearly) all of it can be read, else "". A kanji that was cut in half spoils nothing."""
    if raw.isascii():
        return "ascii"
    if _readable(raw, "utf-8"):
        return "utf-8"
    texts = {encoding: _readable(raw, encoding) for encoding in ("cp932", *_OTHERS)}
    best = max(texts, key=lambda encoding: _words(texts[encoding]))  # the first of equals
    return best if _words(texts[best]) or texts["cp932"] else ""


def _words(text: str) -> int:
    return len(_TELLING.findall(text.translate(_SPACES)))


def _readable(raw: bytes, encoding: str) -> str:
    """The text, or "" where too much of it is no character of this encoding."""
    text = raw.decode(encoding, "replace")
    wide = sum(mark > "\x7f" for mark in text)
    broken = text.count("\ufffd")
    return text if not broken or (wide >= 12 and broken * 8 <= wide) else ""


def _decode(raw: bytes, encoding: str) -> str:
    if encoding == "jis":
        return (b"\x1b$B" + raw + b"\x1b(B").decode("iso2022_jp", "replace")
    return raw.decode("latin-1" if encoding == "ascii" else encoding, "replace")
