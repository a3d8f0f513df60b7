"""Bytes: Shift_JIS by the book, control bytes never from data, codes as the manuals say, and pictures where the font ends."""

from __future__ import annotations

import itertools
import random
import re

import pytest
from golden_slips import golden

from drivers.escpos import guard
from drivers.escpos.barcodes import check_digit, checked, command, fit
from drivers.escpos.charset import CELLS, clean, native, width
from drivers.escpos.dialects import DIALECTS, Dialect
from drivers.escpos.encoder import encode, void_strip
from drivers.escpos.layout import Row, lay_out
from drivers.escpos.line_break import NOT_FIRST, NOT_LAST, wrap
from drivers.escpos.paper import PAPERS, Paper, Unprintable
from drivers.escpos.raster import MOST_PAYLOAD, Picture, commands, text_picture
from posagent.slips import QR, Barcode, Columns, Cut, Feed, Image, Rule, Slip, Stamps, Text

EPSON, WIDE = DIALECTS["epson"], PAPERS["80mm-203"]
ALL_PAPERS = list(PAPERS.values())
RASTER = re.compile(rb"\x1dv0\x00(..)(..)", re.DOTALL)


def printed(*lines: object, dialect: Dialect = EPSON, paper: Paper = WIDE) -> bytes:
    return encode(Slip("S", 1, tuple(lines)), dialect, paper).stream  # type: ignore[arg-type]


# ---------------------------------------------------------------- characters


@pytest.mark.parametrize(
    "text,expected",
    [
        ("東京¥100ｱｲ", "93 8C 8B 9E 5C 31 30 30 B1 B2"),  # V1
        ("￥", "81 8F"), ("〜", "81 60"), ("～", "81 60"), ("−", "81 7C"), ("－", "81 7C"), ("—", "81 5C"), ("‾", "7E"), ("\\", "81 5F"),
    ],
)  # fmt: skip
def test_characters_become_the_bytes_that_print_them(text, expected):
    assert native(text) == bytes.fromhex(expected)


@pytest.mark.parametrize(
    "text,rom,expected", [("①", "row13", "87 40"), ("㈱", "row13", "87 8A"), ("髙", "nec", "EE E0"), ("﨑", "nec", "ED 95")]
)
def test_what_only_some_fonts_have_is_sent_only_to_those(text, rom, expected):
    assert native(text) is None
    assert native(text, rom) == bytes.fromhex(expected)
    assert native("𠮷😀", "nec") is None
    assert native("髙", "row13") is None


def test_v1_the_set_up_and_the_text_of_a_line():
    stream = printed(Text("東京¥100ｱｲ"))
    assert stream.startswith(bytes.fromhex("1C 43 01 1B 52 08"))
    assert bytes.fromhex("93 8C 8B 9E 5C 31 30 30 B1 B2 0A") in stream
    assert b"\x1c&" not in stream


def test_v25_jis_mode_brackets_every_run_of_kanji():
    from dataclasses import replace

    stream = printed(Text("D{珈D"), dialect=replace(EPSON, kanji="jis"))
    assert stream.startswith(bytes.fromhex("1C 43 00"))
    assert b"D{\x1c&" + "珈".encode("iso2022_jp")[3:5] + b"\x1c.D" in stream


def test_no_lead_byte_beyond_ef_leaves_in_any_character_of_cp932_and_none_becomes_a_question_mark():
    for lead in (*range(0x81, 0xA0), *range(0xE0, 0xFD)):
        for trail in range(0x40, 0xFD):
            try:
                char = bytes([lead, trail]).decode("cp932")
            except UnicodeDecodeError:
                continue
            coded = native(clean(char), "nec")
            if coded is not None:
                assert coded[0] <= 0xEF, char
                assert b"?" not in coded


def test_the_width_of_a_character_is_what_the_printer_makes_of_it():
    assert [CELLS[c] for c in "±×°α①…―Aｱ漢é"] == [2, 2, 2, 2, 2, 2, 2, 1, 1, 2, 1]
    assert width("ไทย") == 3
    assert width("か\u3099") == 2
    assert clean("か\u3099") == "が"


@pytest.mark.parametrize("evil", ["\x10\x14\x01\x00\x05", "A\x1bp\x00\x19\xfa", "\x1d(A", "a\x00b", "\u202eabc", "x\u200by", "\ud800", "\x9b"])
def test_control_bytes_and_invisible_marks_from_data_never_reach_the_printer(evil):
    slip = Slip("S", 1, (Text(f"山田{evil}様"), Columns(evil, evil), QR("x", caption=evil), Cut()))
    good = clean(evil)
    harmless = Slip("S", 1, (Text(f"山田{good}様"), Columns(good, good), QR("x", caption=good), Cut()))
    assert encode(slip, EPSON, WIDE).stream == encode(harmless, EPSON, WIDE).stream
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in clean(evil))


def test_a_line_with_a_rare_character_is_drawn_and_its_neighbours_stay_text():
    stream = printed(Text("東京"), Text("髙島屋"), Text("大阪"))
    assert "東京".encode("shift_jis") + b"\n" in stream
    assert "大阪".encode("shift_jis") + b"\n" in stream
    assert RASTER.search(stream)
    assert "島屋".encode("shift_jis") not in stream


def test_a_character_that_no_atlas_has_is_set_as_geta_and_noted():
    encoded = encode(Slip("S", 1, (Text("a\U0001fbff\U000110d0b"),)), EPSON, WIDE)
    assert encoded.warnings == ("no glyph for U+1FBFF U+110D0; set as 〓",) or "set as 〓" in encoded.warnings[0]


@pytest.mark.parametrize("codec", ["cp932", "shift_jis_2004"])
def test_every_character_of_the_japanese_sets_has_bytes_or_a_glyph(codec):
    from drivers.escpos.atlas import glyph

    missing = []
    for lead in (*range(0x81, 0xA0), *range(0xE0, 0xFD)):
        for trail in range(0x40, 0xFD):
            try:
                text = clean(bytes([lead, trail]).decode(codec))
            except UnicodeDecodeError:
                continue
            missing += [char for char in text if native(char) is None and glyph(char) is None and not "\ue000" <= char < "\uf900"]
    assert missing == []


# ---------------------------------------------------------------- lines


def random_text(rng: random.Random) -> str:
    pieces = ("お買い上げ", "ありがとう", "、", "。", "「", "」", "(", ")", "¥1,280", "100円", "ー", "っ", "ABC", "https://e.jp/a", " ", "…",
              "％",
              "髙", "ｶﾞ", "10%", "12/31", "03-1234-5678", "é", "한", "😀")  # fmt: skip
    return "".join(rng.choice(pieces) for _ in range(rng.randrange(1, 30)))


def test_no_line_is_too_wide_and_none_breaks_the_rules_where_they_can_be_kept():
    rng = random.Random(1)
    for _ in range(10_000):
        text, cells = clean(random_text(rng)), rng.randrange(30, 65)
        lines = wrap(text, cells)
        assert max(map(width, lines)) <= cells, (text, cells)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        for before, after in itertools.pairwise(lines):
            wrong = after[0] in NOT_FIRST or before[-1] in NOT_LAST
            if wrong:  # allowed only where the line is one unbreakable run of such marks
                assert all(c in NOT_FIRST or d in NOT_LAST or d == " " for c, d in zip(before[1:], before, strict=False)), (lines, cells)


def test_numbers_units_and_words_stay_whole():
    lines = wrap("クーポンは500円以上で100円引き、電話03-1234-5678まで", 20)
    assert any("500円" in line for line in lines)
    assert any("03-1234-5678" in line for line in lines)
    assert wrap("abc " + "x" * 50, 20)[0] == "abc " + "x" * 16


def test_an_address_that_is_too_long_is_broken_behind_a_stroke():
    assert wrap("https://minato.example.jp/c/8KQ4-77ZP", 32) == ["https://minato.example.jp/c/", "8KQ4-77ZP"]
    assert wrap("https://" + "a" * 40, 20) == ["https://", "a" * 20, "a" * 20]


@pytest.mark.parametrize("paper", ALL_PAPERS, ids=list(PAPERS))
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_no_row_of_any_slip_is_wider_than_the_paper_and_the_amount_column_ends_at_its_edge(lang, paper):
    for slip in golden(lang).values():
        for item in lay_out(slip, paper).items:
            if isinstance(item, Row):
                assert item.indent + width(item.text) * item.wide <= paper.columns, item
    long = Slip("S", 1, (Columns("とても長い品名がここに入るのでおりかえします", "1,280円"),))
    rows = [item for item in lay_out(long, paper).items if isinstance(item, Row)]
    assert width(rows[-1].text) == paper.columns
    assert rows[-1].text.endswith("1,280円")
    assert all("1,280" not in row.text for row in rows[:-1])


def test_enlarged_lines_know_their_width():
    rows = [item for item in lay_out(Slip("S", 1, (Text("あ" * 30, wide=2, tall=2),)), WIDE).items if isinstance(item, Row)]
    assert [width(row.text) for row in rows] == [24, 24, 12]


# ---------------------------------------------------------------- codes


def test_v17_to_v19_barcode_commands_and_widths():
    jan = fit(Barcode("jan13", "4901234567894"), WIDE)
    assert jan is not None
    assert len(jan.bars) == 95 * 3
    assert command(jan, 80).endswith(bytes.fromhex("1D 6B 43 0D") + b"4901234567894")
    eight = fit(Barcode("jan8", "4901234"), WIDE)
    assert eight is not None
    assert command(eight, 80).endswith(bytes.fromhex("1D 6B 44 08") + b"49012347")
    narrow = Paper(320)
    nw7 = fit(Barcode("nw7", "a1234567890a"), narrow)
    assert nw7 is not None
    assert (nw7.module, len(nw7.bars)) == (2, 268)
    assert command(nw7, 80).endswith(bytes.fromhex("1D 6B 47 0C") + b"A1234567890A")
    code = fit(Barcode("code128", "CPN-2026-000123"), Paper(480))
    assert code is not None
    assert (code.module, len(code.bars)) == (2, 400)
    assert command(code, 80).endswith(bytes.fromhex("1D 6B 49 11 7B 42") + b"CPN-2026-000123")
    brace = fit(Barcode("code128", "a{b"), WIDE)
    assert brace is not None
    assert command(brace, 80).endswith(b"\x1d\x6b\x49\x06{Ba{{b")


def test_v20_and_v21_qr_code_and_cut():
    stream = printed(QR("https://example.jp/c/000123"), Cut(), paper=Paper(220))
    assert bytes.fromhex("1D 28 6B 04 00 31 41 32 00 1D 28 6B 03 00 31 43 05 1D 28 6B 03 00 31 45 31 1D 28 6B 1E 00 31 50 30") in stream
    assert b"https://example.jp/c/000123\x1d(k\x03\x001Q0" in stream
    assert stream.endswith(bytes.fromhex("1D 56 42 00"))


@pytest.mark.parametrize(
    "symbology,value",
    [("jan13", "4901234567890"), ("jan13", "49012345678"), ("jan8", "4901234x"), ("nw7", "123"), ("code128", "日本"), ("code128", "")],
)
def test_a_code_that_cannot_be_right_is_refused_before_anything_is_printed(symbology, value):
    with pytest.raises(Unprintable):
        checked(Barcode(symbology, value))
    with pytest.raises(Unprintable):
        printed(Barcode(symbology, value))


def test_check_digits():
    assert check_digit("490123456789") == "4"
    assert check_digit("4901234") == "7"


def test_a_barcode_that_is_too_wide_becomes_a_finer_one_then_set_c_then_a_qr_code_then_an_error():
    assert fit(Barcode("code128", "CPN-2026-000123"), Paper(700)).module == 3  # type: ignore[union-attr]
    assert fit(Barcode("code128", "CPN-2026-000123"), Paper(512)).module == 2  # type: ignore[union-attr]
    compact = fit(Barcode("code128", "12345678901234567890"), PAPERS["58mm-203"])
    assert compact is not None
    assert not compact.native
    assert RASTER.search(printed(Barcode("code128", "12345678901234567890"), paper=PAPERS["58mm-203"]))
    encoded = encode(Slip("S", 1, (Barcode("code128", "CPN-2026-000123-ABCDEFG"),)), EPSON, PAPERS["58mm-203"])
    assert b"1P0CPN-2026-000123-ABCDEFG" in encoded.stream
    assert "printed as a QR code" in encoded.warnings[0]
    with pytest.raises(Unprintable, match="does not fit"):
        printed(QR("x" * 400), paper=Paper(240))


# ---------------------------------------------------------------- pictures and the guard


def test_v15_a_chance_drawer_command_in_a_picture_does_not_leave_the_encoder():
    row = bytes.fromhex("00 10 14 01 00 05 00")
    body = commands(Picture(7, 3, row * 3), 7)
    assert guard.is_safe(body)
    assert RASTER.search(body)
    with pytest.raises(Unprintable, match="real-time"):
        guard.checked(b"text" + row)


@pytest.mark.parametrize("found", ["10 04 01", "10 04 12", "10 05 02", "10 14 01", "10 14 08"])
def test_the_guard_knows_every_real_time_command_and_no_other_bytes(found):
    assert not guard.is_safe(b"ab" + bytes.fromhex(found) + b"cd")
    assert guard.is_safe(bytes.fromhex("10 04 09 10 05 03 10 14 04 10 10"))


def test_dense_pictures_by_chance_never_hold_a_real_time_command_and_stay_legible():
    rng = random.Random(5)
    changed = 0
    for _ in range(60):
        bits = bytes(rng.choice((0x10, 0x04, 0x14, 0x05, 0x01, 0x02, 0xFF, 0x00)) for _ in range(48 * 24))
        picture = Picture(48, 24, bits)
        body = commands(picture, 48, b"\x10")
        assert guard.is_safe(b"\x10" + body)
        shown = unpacked(body, 48)
        if shown != bits:
            changed += 1
            dots = sum((a ^ b).bit_count() for a, b in zip(shown, bits, strict=True))
            assert dots < 48 * 24 * 8 // 50 or b"".join(shown[n : n + 48] for n in range(0, len(shown), 48)) != bits
    assert changed


def unpacked(body: bytes, stride: int) -> bytes:
    rows, at = b"", 0
    while at < len(body):
        assert body[at : at + 4] == b"\x1dv0\x00"
        across, down = body[at + 4] + 256 * body[at + 5], body[at + 6] + 256 * body[at + 7]
        assert across * down <= MOST_PAYLOAD
        data = body[at + 8 : at + 8 + across * down]
        rows += b"".join(data[n : n + across].ljust(stride, b"\0") for n in range(0, len(data), across))
        at += 8 + across * down
    return rows


def test_a_picture_arrives_dot_for_dot():
    picture, lost = text_picture("髙﨑 𠮷野家 Café ไทย 😀", 72, bold=True, invert=True, wide=2, tall=2)
    assert lost == ""
    assert unpacked(commands(picture, 72), 72) == picture.bits


@pytest.mark.parametrize("name", list(DIALECTS))
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_slip_in_every_dialect_is_safe_and_ends_with_the_cut(lang, name):
    dialect = DIALECTS[name]
    for slip in golden(lang).values():
        for paper in (dialect.wide, dialect.narrow):
            encoded = encode(slip, dialect, paper)
            assert guard.is_safe(encoded.stream)
            assert encoded.stream.endswith(b"\x1dVB\x00")
            parts = [segment.part for segment in encoded.segments]
            assert parts == [part for part in ("header", "body", "code", "cut") if part in parts]
            assert guard.is_safe(void_strip(dialect, paper))


def test_drawn_lines_of_random_kanji_hold_no_real_time_command():
    rng = random.Random(11)
    kanji = [chr(c) for c in range(0x4E00, 0x9FA0) if native(chr(c))]
    clone = DIALECTS["clone"]
    for _ in range(12):
        lines = tuple(Text("".join(rng.choices(kanji, k=24)), bold=rng.random() < 0.3) for _ in range(40))
        assert guard.is_safe(encode(Slip("S", 1, lines), clone, WIDE).stream)


def test_an_image_is_printed_at_its_place_and_one_that_is_too_wide_is_refused():
    stream = printed(Image(9, 2, "ff80ff80"))
    assert unpacked(stream[stream.index(b"\x1dv0") :], 72).count(b"\xff\x80") == 2
    with pytest.raises(Unprintable, match="does not fit"):
        printed(Image(800, 1, "ff" * 100))


def test_slips_are_as_small_as_promised():
    kana = DIALECTS["clone"]
    lines = [Columns(f"ブレンドコーヒー {n}番", f"{n * 110:,}円") if n % 2 else Text(f"本日のおすすめ {n}番") for n in range(36)]
    codes = (Barcode("jan13", "4901234567894"), QR("https://e.jp/1"))
    slip = Slip("S", 1, (Text("珈琲みなと", align="center", tall=2), *lines, Rule(), Feed(), *codes, Cut()))
    assert len(encode(slip, EPSON, WIDE).stream) <= 2300
    with_one = Slip("S", 1, (*slip.lines[:5], Text("髙﨑様"), *slip.lines[5:]))
    assert len(encode(with_one, EPSON, WIDE).stream) <= 3500
    assert len(encode(slip, kana, WIDE).stream) <= 60_000


# ---------------------------------------------------------------- beside python-escpos


def test_the_ascii_subset_is_what_python_escpos_sends():
    from escpos.printer import Dummy

    theirs = Dummy(profile="TM-T88V")
    theirs.set(bold=True)
    bold = theirs.output
    assert bytes.fromhex("1B 45 01") in bold
    assert bytes.fromhex("1B 45 01") in printed(Text("x", bold=True))
    theirs = Dummy(profile="TM-T88V")
    theirs.barcode("4901234567894", "EAN13", height=80, width=3, pos="OFF", function_type="B", check=True)
    ours = printed(Barcode("jan13", "4901234567894", text=False))
    for piece in (b"\x1dh\x50", b"\x1dw\x03", b"\x1dH\x00", b"\x1dkC\x0d4901234567894"):
        assert (piece in ours)
        assert (piece in theirs.output or piece == b"\x1dH\x00" or piece == b"\x1dkC\x0d4901234567894")
    theirs = Dummy(profile="TM-T88V")
    theirs.qr("https://example.jp/c/000123", native=True, size=6, ec=1)
    start = theirs.output.index(b"\x1d(k")
    expected = theirs.output[start:]
    ours = printed(QR("https://example.jp/c/000123"))
    for part in (b"\x04\x001A2\x00", b"\x03\x001C\x06", b"\x03\x001E1", b"\x1e\x001P0https://example.jp/c/000123", b"\x03\x001Q0"):
        assert b"\x1d(k" + part in expected
        assert b"\x1d(k" + part in ours


def test_golden_stamp_cards_are_closed_boxes():
    rows = [item.text for item in lay_out(Slip("S", 1, (Stamps(7, 12, 1),)), WIDE).items if isinstance(item, Row)]
    assert rows[0] == "┌──┬──┬──┬──┬──┐"
    assert rows[6] == "├──┼──┼──┴──┴──┘"
    assert rows[-1] == "└──┴──┘"
    assert sum(row.count("●") for row in rows) == 6
    assert sum(row.count("★") for row in rows) == 1


