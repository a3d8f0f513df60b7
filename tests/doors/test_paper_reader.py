"""ESC/POS bytes in, text out: code systems, skipped pictures, cuts."""

# ruff: noqa: E501 - tables are read as one line

import pytest

from posagent.doors.escpos_text import Document, PaperReader
from posagent.doors.reading import documents_of, whole_file

CUT = b"\x1dV\x42\x00"
RECEIPT = "合計 ¥1,080\nお預り ¥2,000\nお釣り ¥920\n"


def read(raw: bytes) -> list[Document]:
    reader = PaperReader()
    return [*reader.feed(raw), *reader.end()]


def jis(text: str) -> bytes:
    return b"\x1c&" + text.encode("iso2022_jp").removeprefix(b"\x1b$B").removesuffix(b"\x1b(B") + b"\x1c."


def at_dots(x: int, y: int, text: str) -> bytes:
    return b"\x1b$" + x.to_bytes(2, "little") + b"\x1d$" + y.to_bytes(2, "little") + text.encode("cp932")


SJIS = RECEIPT.replace("¥", "\\").encode("cp932")
STREAMS = {
    "Shift_JIS that was announced": b"\x1b@\x1cC\x01\x1bR\x08\x1bt\x01\x1c." + SJIS + CUT,
    "Shift_JIS between FS & and FS .": b"\x1b@\x1c&" + SJIS + b"\x1c." + CUT,
    "Shift_JIS without a word": b"\x1b@" + SJIS + CUT,
    "Shift_JIS on page 437": b"\x1b@\x1bt\x00" + SJIS + CUT,
    "JIS": b"\x1b@\x1cC\x00" + jis("合計") + b" \\1,080\n" + jis("お預り") + b" \\2,000\n" + jis("お釣り") + b" \\920\n" + CUT,
    "UTF-8 that was announced": b"\x1b@\x1c(C\x02\x00\x30\x02" + RECEIPT.encode() + CUT,
    "UTF-8 without a word": b"\x1b@" + RECEIPT.encode() + CUT,
    "katakana page": b"\x1b@\x1bt\x01\x1bR\x08" + "ｺﾞｳｹｲ \\1,080\nｱｽﾞｶﾘ \\2,000\nﾂﾘ \\920\n".encode("cp932") + CUT,
    "large and bold, one letter at a time": b"\x1b@\x1cC\x01\x1d!\x11\x1bE\x01" + b"\x1bE\x00".join(bytes([b]) if b < 0x80 else b"" for b in b"TOTAL  JPY 1,080") + b"\nCash 2,000\nChange 920\n" + CUT,
    "page 437": b"\x1b@\x1bt\x00" + "TOTAL ¥1,080\nCash ¥2,000\nChange ¥920\n".encode("cp437") + CUT,
    "page 858": b"\x1b@\x1bt\x13" + "TOTAL ¥1,080\nCash ¥2,000\nChange ¥920\n".encode("cp858") + CUT,
    "page 1252": b"\x1b@\x1bt\x10" + "TOTAL ¥1,080\nCash ¥2,000\nChange ¥920\n".encode("cp1252") + CUT,
    "a logo, codes and questions between": b"\x1b@\x1dv0\x00\x02\x00\x03\x00" + b"\x1dV\x00\x0aAB" + b"\x10\x04\x01" + SJIS + b"\x1dk\x49\x06{B1234" + b"\x1d(k\x08\x00\x31\x50\x30https" + b"\x1dI\x42" + b"\x10\x04\x04" + CUT,
    "Star line mode": b"\x1b@\x1b\x1dt\x02\x1b\x1da\x01\x1bi\x01\x01" + SJIS + b"\x1bi\x00\x00\x1b\x1dyS0\x02\x1b\x1dyD1\x00\x05\x00\x1bd\x02hi\x1b\x1dyP\x1bb\x06\x02\x02\x50123456\x1e" + b"\x1bd\x02",
    "columns at positions": b"\x1b@" + SJIS.replace(b" ", b"\x1b$\x00\x01") + CUT,
    "page mode, amounts first": b"\x1b@\x1bL\x1bW\x00\x00\x00\x00\x40\x02\xf4\x01" + at_dots(300, 30, "\\1,080") + at_dots(300, 60, "\\2,000") + at_dots(300, 90, "\\920") + at_dots(0, 30, "合計") + at_dots(0, 60, "お預り") + at_dots(0, 90, "お釣り") + b"\x0c" + CUT,
    "ESC i": b"\x1b@" + SJIS + b"\x1bd\x05\x1bi",
}


@pytest.mark.parametrize("raw", STREAMS.values(), ids=STREAMS)
def test_the_total_is_read_in_every_code_system(raw: bytes) -> None:
    receipt, each = whole_file(documents_of(raw))
    assert len(each) == 1
    assert (receipt.kind, receipt.total, receipt.confidence) == ("sale", 1080, "high")


@pytest.mark.parametrize("raw", STREAMS.values(), ids=STREAMS)
def test_byte_by_byte_the_documents_are_the_same(raw: bytes) -> None:
    reader = PaperReader()
    assert [document for at in range(len(raw)) for document in reader.feed(raw[at : at + 1])] == read(raw)


def test_half_a_kanji_at_the_end_spoils_only_itself() -> None:
    assert read(b"\x1b@" + "東京店の領収書です\nありがとうございました\n合計".encode("cp932")[:-1])[0].lines[:2] == ("東京店の領収書です", "ありがとうございました")


def test_pictures_have_no_text_and_it_is_said() -> None:
    raster = b"\x1b@\x1dv0\x00" + (72).to_bytes(2, "little") + (100).to_bytes(2, "little") + bytes(range(72)) * 100
    receipt, _ = whole_file(documents_of(raster + raster + CUT))
    assert (receipt.kind, receipt.total, receipt.ask) == ("unknown", None, True)
    assert "image receipt" in receipt.why[0]


def test_a_cut_ends_a_document_and_two_receipts_are_never_added_up() -> None:
    two = b"\x1b@" + SJIS + CUT + b"\x1b@" + SJIS.replace(b"1,080", b"1,180").replace(b"920", b"820") + CUT
    receipt, each = whole_file(documents_of(two))
    assert (receipt.kind, [one.total for one in each]) == ("unknown", [1080, 1180])


def test_an_advertisement_after_the_cut_does_not_hide_the_sale() -> None:
    receipt, each = whole_file(documents_of(b"\x1b@" + SJIS + CUT + "\n次回クーポン\n10%引き\n".encode("cp932") + CUT))
    assert (receipt.total, len(each)) == (1080, 2)


def test_what_is_sent_to_a_display_through_the_printer_is_not_on_paper() -> None:
    assert read(b"\x1b=\x02TOTAL 9,999\n\x1b=\x01hello\n" + CUT)[0].lines == ("hello",)


def test_a_barcodes_value_is_kept() -> None:
    assert read(b"x\n\x1dk\x49\x05{B123\x1dk\x0449012\x00" + CUT)[0].codes == ("{B123", "49012")


def test_two_columns_are_not_one_number() -> None:
    assert read(b"\x1b@" + "コーヒー x2".encode("cp932") + b"\x1b$\x00\x01" + b"900" + CUT)[0].lines == ("コーヒー x2  900",)


def test_what_the_pos_has_set_is_remembered_until_it_resets() -> None:
    reader = PaperReader()
    reader.feed(b"\x1b@\x1cC\x01\x1bt\x01\x1bt\x10\x1d!\x11\x1da\x0f" + SJIS + CUT)
    assert reader.modes == b"\x1cC\x01\x1bt\x10\x1d!\x11\x1da\x0f"
    assert not reader.open
    reader.feed(b"\x1b@\x1b")
    assert reader.modes == b"\x1da\x0f"  # automatic status outlives a reset
    assert reader.open  # half a command


ABROAD = "伝票No.0042\n合計 1,080円\nお預り 2,000円\nお釣り 920円\n"


@pytest.mark.parametrize("encoding", ["gb18030", "euc_jp"])
@pytest.mark.parametrize("head", [b"\x1b@", b"\x1b@\x1c&", b"\x1b@\x1bt\x00"], ids=["bare", "FS &", "page 437"])
def test_japanese_sent_in_another_countrys_system_is_read(encoding: str, head: bytes) -> None:
    receipt, _ = whole_file(documents_of(head + ABROAD.encode(encoding) + CUT))
    assert (receipt.kind, receipt.total, receipt.receipt_no) == ("sale", 1080, "0042")


def test_a_korean_tills_closing_is_a_report_and_its_sale_is_not_in_yen() -> None:
    closing, _ = whole_file(documents_of(b"\x1b@\x1c&" + "일일 마감\n합계 1,230,000\n현금 1,230,000\n".encode("cp949") + CUT))
    sale, _ = whole_file(documents_of(b"\x1b@" + "합계 12,000\n현금 12,000\n".encode("cp949") + CUT))
    assert (closing.kind, sale.kind, sale.total) == ("report", "unknown", None)
    assert "Korean" in sale.why[0]


@pytest.mark.parametrize("title", ["TRAINING", "TEST", "DUPLICATE!", "REFUND"])
def test_english_behind_the_switch_to_kanji_stays_english(title: str) -> None:
    """FS & begins pairs of bytes; TRAINING would be four kanji, and the training a sale."""
    receipt, _ = whole_file(documents_of(b"\x1b@\x1c&" + f"{title}\nCoffee \\450\nTotal \\450\nCash \\450\n".encode() + CUT))
    assert receipt.kind != "sale"
    assert title in read(b"\x1b@\x1c&" + f"{title}\nCoffee \\450\nTotal \\450\n".encode())[0].lines
