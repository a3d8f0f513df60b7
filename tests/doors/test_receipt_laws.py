"""Laws of reading receipts, over generated texts and bytes."""

# ruff: noqa: E501 - tables are read as one line

import json
import time
from itertools import pairwise
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from posagent.doors.escpos_text import PaperReader
from posagent.doors.reading import documents_of, whole_file
from posagent.doors.receipt import read_text

CORPUS = json.loads((Path(__file__).parent / "receipts.json").read_text("utf-8"))
OTHERS = [case["text"] for case in CORPUS["others"]] + CORPUS["never_sales"]
SALES = [case["text"] for case in CORPUS["sales"]]
WORDS = st.sampled_from(
    ["合計", "小計", "お預り", "お釣り", "¥1,080", "￥１，０８０", "540", "3点", "-100", "10%", "8%対象", "(内税", "98円)", "返品", "再発行", "精算", "TOTAL", "ポイント利用", "No.12", "領収証", "様", "但し", "取消", ",", ".", "-", "\\", "(", ")", "1", "080"]
)
TEXTS = st.lists(st.lists(WORDS, max_size=6).map(" ".join), max_size=12).map("\n".join) | st.text(max_size=200)
COMMANDS = st.sampled_from([b"\x1b", b"\x1d", b"\x1c", b"\x10", b"\x1f", b"\x1dV", b"\x1dv0", b"\x1d(k", b"\x1d(L", b"\x1b*", b"\x1c&", b"\x1cC", b"\x1cq", b"\x1b&"])
BYTES = st.lists(st.binary(max_size=20) | COMMANDS, max_size=30).map(b"".join)


@given(TEXTS)
@settings(deadline=None)  # the machine may be busy
def test_any_text_has_an_answer(text: str) -> None:
    receipt = read_text(text)
    assert receipt.why
    assert receipt.kind != "sale" or (receipt.total or 0) > 0
    assert receipt.kind != "refund" or (receipt.total or 0) <= 0


@given(BYTES)
@example(b"\x1b\x26\x03\xff\x00")
@example(b"\x1cq\xff\xff\xff\xff\xff")
@settings(deadline=None)  # the machine may be busy
def test_any_bytes_have_an_answer(raw: bytes) -> None:
    whole_file(documents_of(raw))


@given(BYTES, st.lists(st.integers(0, 600), max_size=8))
@settings(deadline=None)  # the machine may be busy
def test_how_the_bytes_arrive_changes_nothing(raw: bytes, cuts: list[int]) -> None:
    whole, parts = PaperReader(), PaperReader()
    at_once = [*whole.feed(raw), *whole.end()]
    bounds = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    piecewise = [document for begin, end in pairwise(bounds) for document in parts.feed(raw[begin:end])]
    assert at_once == [*piecewise, *parts.end()]


@given(st.sampled_from(OTHERS), st.sampled_from(["", "\n", " "]), st.lists(st.sampled_from(["ありがとうございました", "TEL 03-1234-5678", "-----", "2026/11/22 12:34"]), max_size=4))
@settings(max_examples=300, deadline=None)
def test_what_is_no_sale_stays_none_under_any_head_and_foot(text: str, gap: str, around: list[str]) -> None:
    half = len(around) // 2
    assert read_text("\n".join([*around[:half], gap, text, gap, *around[half:]])).kind != "sale"


@given(st.sampled_from(SALES), st.sampled_from(["再発行", "精算レポート", "練習モード", "注文伝票", "取引中止", "お客様控え", "返品レシート", "仮レシート"]), st.booleans())
@settings(max_examples=300, deadline=None)
def test_one_line_takes_any_sale_its_grant(text: str, word: str, above: bool) -> None:
    assert read_text(f"*** {word} ***\n{text}" if above else f"{text}\n【{word}】").kind != "sale"


HOSTILE = ("0合計)" * 100, "お支払.1" * 80, "1 " * 200, "合計 " * 100, "¥" * 400, "1,111," * 60, "返品" * 200, "(" * 400, "ア" * 400, "NO.1-" * 80, "%1" * 200, "z" * 400)


def reading_s(line: str, count: int) -> float:
    began = time.process_time()
    read_text("\n".join([line] * count))
    return time.process_time() - began


def test_reading_time_grows_with_the_size_and_no_faster() -> None:
    """Four times the text takes about four times the time, whatever it is; sixteen times would be the square."""
    for line in HOSTILE:
        assert reading_s(line, 80) < 10 * reading_s(line, 20) + 0.1, line[:10]


def test_a_line_without_an_end_takes_no_longer_than_a_line_of_paper() -> None:
    for line in HOSTILE:
        assert reading_s(line * 600, 1) < 0.5, line[:10]
