"""Receipts of `tills.txt` as the bytes that a POS sends to its printer: told exactly as the plain text is."""

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from posagent.doors.escpos_text import PaperReader
from posagent.doors.receipt import Receipt, read_document, read_text

TEXTS = [
    part.partition("\n")[2].strip("\n") for part in re.split(r"(?m)^@ ", (Path(__file__).parent / "tills.txt").read_text("utf-8"))[1:]
]
CUTS = (b"\x1dV\x00", b"\x1dV\x42\x20", b"\x1bd\x05\x1bi", b"\x1bJ\xff\x1bm", b"")
LARGE = ((b"\x1b!\x30", b"\x1b!\x00\n"), (b"\x1d!\x11", b"\x0a\x1d!\x00"), (b"\x1ba\x01\x1bE\x01", b"\x1bE\x00\n\x1ba\x00"))
LOOKS = (*LARGE, (b"", b"\r\n"), (b"", b"\x1bd\x01"))


def lines_in(text: str, encoding: str, rnd: random.Random, head: bytes) -> bytes:
    """Each line large, bold, centred or plain."""
    raw = b"\x1b@" + head
    for line in text.split("\n"):
        before, after = rnd.choice((*LOOKS, *[(b"", b"\n")] * 4))
        raw += before + line.encode(encoding) + after
    return raw


def kanji_between_switches(text: str, system: int) -> bytes:
    """FS & before each run of wide characters, FS . behind it; Shift_JIS (1) or JIS (0)."""
    raw, wide = b"\x1b@\x1cC" + bytes([system]) + b"\x1bR\x08", False
    for mark in text + "\n":
        code = mark.encode("cp932")
        if (len(code) == 2) != wide:
            raw, wide = raw + (b"\x1c." if wide else b"\x1c&"), not wide
        raw += mark.encode("iso2022_jp")[3:5] if wide and not system else code
    return raw


Wrapping = Callable[[str, random.Random], bytes]
WRAPPINGS: dict[str, Wrapping] = {
    "Shift_JIS": lambda text, rnd: lines_in(text, "cp932", rnd, b""),
    "Shift_JIS, katakana page, FS &": lambda text, rnd: lines_in(text, "cp932", rnd, b"\x1bt\x01\x1cC\x01\x1c&"),
    "Shift_JIS, page 437, FS &, yen for \\": lambda text, rnd: lines_in(text, "cp932", rnd, b"\x1bt\x00\x1bR\x08\x1c&"),
    "Shift_JIS between FS & and FS .": lambda text, rnd: kanji_between_switches(text, 1),
    "JIS": lambda text, rnd: kanji_between_switches(text, 0),
    "UTF-8": lambda text, rnd: lines_in(text, "utf-8", rnd, b""),
    "UTF-8 that was announced": lambda text, rnd: lines_in(text, "utf-8", rnd, b"\x1c(C\x02\x00\x30\x02"),
    "EUC-JP": lambda text, rnd: lines_in(text, "euc_jp", rnd, b""),
    "page 437": lambda text, rnd: lines_in(text, "cp437", rnd, b"\x1bt\x00"),
    "page 858": lambda text, rnd: lines_in(text, "cp858", rnd, b"\x1bt\x13"),
    "page 1252": lambda text, rnd: lines_in(text, "cp1252", rnd, b"\x1bt\x10"),
}


def told(receipt: Receipt) -> tuple[object, ...]:
    return receipt.kind, receipt.total, receipt.receipt_no, dict(receipt.tax_split), receipt.confidence


def read_in_portions(raw: bytes, rnd: random.Random) -> list[Receipt]:
    """As it comes from a socket: a byte, two, a hundred; a kanji torn in the middle."""
    paper, documents, at = PaperReader(), [], 0
    while at < len(raw):
        size = rnd.choice((1, 2, 3, 7, 64, 500))
        documents += paper.feed(raw[at : at + size])
        at += size
    return [read_document(document) for document in [*documents, *paper.end()]]


@pytest.mark.parametrize("name", WRAPPINGS)
def test_a_receipt_says_the_same_in_whatever_bytes_it_is_sent(name: str) -> None:
    rnd = random.Random(name)
    wrong, tried = [], 0
    for text in TEXTS[len(name) % 9 :: 9]:
        if name == "EUC-JP" and not re.search("[ぁ-ヶ一-龠]", text):
            continue  # no word of Japanese: nothing tells the encoding
        plain = text if name.startswith(("UTF", "page")) else text.replace("¥", "\\")
        try:
            raw = WRAPPINGS[name](plain, rnd)
        except UnicodeEncodeError:
            continue  # this till has no such letters
        tried += 1
        receipts = read_in_portions(raw + rnd.choice(CUTS), rnd)
        if [told(one) for one in receipts] != [told(read_text(text))]:
            wrong.append(f"{text[:60]!r}: {receipts}")
    assert tried >= 10
    assert not wrong, "\n".join(wrong)


def test_two_receipts_in_one_stream_are_two_and_one_without_a_cut_is_one() -> None:
    rnd = random.Random(7)
    one, two = "伝票No.0001\n合計 ¥1,080\n現金 ¥1,080", "伝票No.0002\n合計 ¥540\n現金 ¥540"
    raw = lines_in(one, "utf-8", rnd, b"") + b"\x1bd\x04\x1dV\x01" + lines_in(two, "utf-8", rnd, b"")
    assert [(receipt.receipt_no, receipt.total) for receipt in read_in_portions(raw, rnd)] == [("0001", 1080), ("0002", 540)]
    assert [receipt.total for receipt in read_in_portions(lines_in(f"{one}\n{two}", "utf-8", rnd, b""), rnd)] == [None]
