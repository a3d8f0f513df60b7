"""Text of symbols: Japanese in every encoding that shops print, UPC as printed, formats told apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from drivers.camera.deep import read_deep
from drivers.camera.symbols import MATRIX, RETAIL, decode_text, formats_of, read_one

TEXTS = [
    "0123456789012345", "https://members.example/m/0123456789012345", "会員", "会員証の番号", "ポイントカード", "ﾎﾟｲﾝﾄｶｰﾄﾞ", "①②③", "髙﨑",
    "～－∥", "カ", "é", "表示ソ能", "東京都A-1 ｱ",
]  # fmt: skip
ENCODINGS = ["utf-8", "utf-8-sig", "cp932", "ascii", "latin-1"]


def _encodable() -> list[tuple[str, str]]:
    cases = []
    for text in TEXTS:
        for encoding in ENCODINGS:
            try:
                raw = text.encode(encoding)
            except UnicodeEncodeError:
                continue
            if encoding != "latin-1" or not raw.isascii():
                cases.append((text, encoding))
    return cases


CASES = _encodable()


def test_there_are_as_many_cases_as_the_figure_says() -> None:
    assert len(CASES) >= 40


@pytest.mark.parametrize(("text", "encoding"), CASES)
def test_qr_text_survives_every_encoding(text: str, encoding: str, draw_qr_bytes: Callable[[bytes], Any]) -> None:
    symbol = read_one(draw_qr_bytes(text.encode(encoding)), formats_of(MATRIX), "test")
    assert symbol is not None
    assert symbol.text == text
    assert symbol.raw == text.encode(encoding)


def test_bytes_that_are_no_text_still_give_some() -> None:
    assert decode_text(b"\xff\xfe\xfd") == "ÿþý"
    assert decode_text(b"") == ""


@pytest.mark.parametrize(
    ("name", "text", "shown", "symbology", "aim"),
    [
        ("EAN13", "2012345678903", "2012345678903", "EAN13", "E0"),
        ("UPCA", "036000291452", "036000291452", "UPCA", "E0"),
        ("UPCE", "04252614", "04252614", "UPCE", "E0"),
        ("EAN8", "49123456", "49123456", "EAN8", "E4"),
        ("Code128", "0000000000000000", "0000000000000000", "Code128", "C0"),
        ("Code39", "ABC-123", "ABC-123", "Code39", "A0"),
        ("Code93", "ABC123", "ABC123", "Code93", "G0"),
        ("Codabar", "A1234567B", "A1234567B", "Codabar", "F0"),
        ("ITF", "0123456789", "0123456789", "ITF", "I0"),
        ("QRCode", "会員", "会員", "QRCode", "Q1"),
        ("MicroQRCode", "12345", "12345", "MicroQRCode", "Q1"),
        ("DataMatrix", "ABC", "ABC", "DataMatrix", "d1"),
        ("PDF417", "PDF417", "PDF417", "PDF417", "L2"),
        ("Aztec", "Aztec", "Aztec", "Aztec", "z0"),
    ],
)
def test_every_retail_format_is_read_as_printed(name: str, text: str, shown: str, symbology: str, aim: str, draw: Callable[..., Any]) -> None:
    found = read_deep(draw(name, text))
    assert [(symbol.text, symbol.format, symbol.aim) for symbol in found] == [(shown, symbology, aim)]


def test_formats_that_were_not_asked_for_are_not_read(draw: Callable[..., Any]) -> None:
    assert read_deep(draw("QRCode", "x"), ["EAN13"]) == []
    assert read_deep(draw("EAN13", "2012345678903"), ["QRCode"]) == []


def test_all_names_are_known_to_the_decoder() -> None:
    assert formats_of(RETAIL)


@pytest.mark.parametrize("turn", [0, 17, 45, 73, 90, 135, 180, 222, 301])
@pytest.mark.parametrize(("name", "text"), [("EAN13", "2012345678903"), ("Codabar", "A1234567B"), ("Code128", "0123456789012345")])
def test_linear_codes_are_read_at_any_angle(turn: int, name: str, text: str, draw: Callable[..., Any]) -> None:
    found = read_deep(draw(name, text, turn), ["EAN13", "Codabar", "Code128"])
    assert [symbol.text for symbol in found] == [text]


def test_two_codes_in_one_picture_are_both_read(draw: Callable[..., Any]) -> None:
    import numpy as np

    both = np.hstack([np.pad(picture, ((0, 600 - picture.shape[0]), (0, 0)), constant_values=255) for picture in (
        draw("EAN13", "2012345678903"), draw("EAN13", "4901234567894", 90), draw("QRCode", "x"))])  # fmt: skip
    assert sorted(symbol.text for symbol in read_deep(both)) == ["2012345678903", "4901234567894", "x"]


@pytest.mark.parametrize("turn", [10, 30, 45, 60, 120, 160])
def test_rows_of_bars_are_read_at_any_angle(turn: int, draw: Callable[..., Any]) -> None:
    picture = draw("PDF417", "member 2012345678903", float(turn), 3)
    assert [code.text for code in read_deep(picture)] == ["member 2012345678903"]
