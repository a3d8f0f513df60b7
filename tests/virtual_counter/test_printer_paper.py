"""What stands on the paper, and that it can be read: by people, by decoders, and after any nonsense."""

from __future__ import annotations

import io
import random

import pytest
from PIL import Image

from virtual_counter import barcodes, drawing
from virtual_counter.paper import Code, Picture, TextLine
from virtual_counter.profiles import PROFILES, T0_58, T1_GB, T1_JP, T3_58, T3_80, T3_80_180

h = bytes.fromhex
INIT = h("1B40 1C4301 1B5208 1B7401 1C2E")
CUT = h("1D564200")
QR = (
    h("1D286B04003141 3200 1D286B0300314304 1D286B0300314531 1D286B1E00315030") + b"https://example.jp/c/000123" + h("1D286B0300315130")
)
CODES = [
    (h("1D6B430D") + b"4901234567894", "EAN13", "4901234567894", 190),
    (h("1D6B4408") + b"49012347", "EAN8", "49012347", 134),
    (h("1D6B470C") + b"A1234567890A", "NW7", "A1234567890A", 268),
    (h("1D6B49117B42") + b"CPN-2026-000123", "CODE128", "CPN-2026-000123", 400),
    (h("1D6B450A") + b"MEMBER-001", "CODE39", "MEMBER-001", None),
    (h("1D6B460E") + b"12345678901231", "ITF", "12345678901231", None),
    (h("1D6B410B") + b"01234567890", "UPCA", "012345678905", 190),
    (QR, "QR", "https://example.jp/c/000123", 100),
]


@pytest.mark.parametrize("profile", [T3_80, T3_80_180, T3_58], ids=lambda profile: profile.name)
@pytest.mark.parametrize("command, symbology, text, width", CODES, ids=lambda value: value if isinstance(value, str) else "")
def test_an_independent_decoder_reads_every_code_from_the_picture_of_the_paper(bench, profile, command, symbology, text, width):
    till = bench(profile)
    till.print(INIT + h("1B6101 1D7702 1D6850") + b"\n" + command + b"\n" + CUT)
    assert till.printer.oddities == []
    (slip,) = till.printer.slips()
    (code,) = slip.codes
    assert (code.symbology, code.text) == (symbology, text)
    assert width is None or code.width_dots == width
    assert [read.lstrip("0") for read in slip.scanned()] == [text.lstrip("0")]


def test_a_code_that_was_sent_as_a_picture_is_read_from_the_paper(bench):
    till = bench()
    rows = barcodes.qr(b"CPN-000007", "M")
    stride = (len(rows) * 4 + 7) // 8
    raster = b"".join(int("".join(dot * 4 for dot in row).ljust(stride * 8, "0"), 2).to_bytes(stride, "big") * 4 for row in rows)
    till.print(b"\n\n" + h("1D763000") + bytes((stride, 0, len(rows) * 4, 0)) + raster + b"\n" + CUT)
    (slip,) = till.printer.slips()
    assert slip.codes == ()
    assert slip.scanned() == ("CPN-000007",)


def test_code_128_packs_pairs_of_digits_as_raw_bytes(bench):
    till = bench()
    till.print(h("1D7702 1D6B49") + bytes((10,)) + b"{C" + bytes((12, 34, 56, 78, 90, 12, 34, 56)))
    assert [code.text for code in till.printer.slips()[0].codes] == ["1234567890123456"]
    assert till.printer.slips()[0].scanned() == ("1234567890123456",)


@pytest.mark.parametrize(
    "data, oddity",
    [
        (h("1D6B430D") + b"4901234567890", "check digit"),
        (h("1D6B4705") + b"12345", "NW-7"),
        (h("1D6B4903") + b"ABC", "code set"),
        (h("1D7706 1D6B49117B42") + b"CPN-2026-000123", "nothing printed"),
        (b"text" + h("1D6B4408") + b"49012347", "middle of a line"),
        (h("1D286B0300315130"), "without data"),
    ],
)
def test_a_code_that_cannot_be_printed_is_not_printed_and_is_written_down(bench, data, oddity):
    till = bench()
    till.print(data + b"\n")
    assert oddity in till.printer.oddities[0]
    assert [code for slip in till.printer.slips() for code in slip.codes] == []


def test_a_code_on_a_begun_line_comes_out_as_text_as_on_a_real_printer(bench):
    till = bench()
    till.print(b"x" + h("1D6B4408") + b"49012347\n")
    assert till.lines == ["x49012347"]


def test_half_a_bar_code_still_scans_and_half_a_qr_code_does_not(bench):
    till = bench()
    till.printer.paper_out(after_rows=20)
    till.print(h("1D6850") + CODES[0][0])
    assert [code.text for code in till.printer.slips()[0].codes] == ["4901234567894"]
    other = bench()
    other.printer.paper_out(after_rows=50)
    other.print(QR)
    assert other.printer.slips()[0].codes == ()


def kanji_of_cp932() -> list[str]:
    """Every character that a classic Japanese printer has: two bytes, first byte up to EF."""
    found = []
    for lead in (*range(0x81, 0xA0), *range(0xE0, 0xF0)):
        for trail in (*range(0x40, 0x7F), *range(0x80, 0xFD)):
            try:
                found.append(bytes((lead, trail)).decode("cp932"))
            except UnicodeDecodeError:
                continue
    return [char for char in found if len(char) == 1 and not "\ue000" <= char <= "\uf8ff"]


def test_every_character_of_code_page_932_prints_as_itself(bench):
    till = bench()
    characters = kanji_of_cp932()
    assert len(characters) > 7000
    rows = ["".join(characters[at : at + 24]) for at in range(0, len(characters), 24)]
    till.print(INIT + b"".join(row.encode("cp932") + b"\n" for row in rows))
    assert till.printer.oddities == []
    # Some rows of the NEC and IBM sets hold the same character twice: what is printed is the character, not the code.
    assert till.lines == [row.rstrip("\u3000 ") for row in rows]


def test_a_lead_byte_beyond_the_rom_becomes_two_stray_half_width_signs(bench):
    till = bench()
    till.print(INIT + h("FBFC") + b"\n")
    assert till.lines != ["髙"]
    assert till.printer.oddities != []


def test_a_chinese_rom_swallows_pairs_until_it_is_told_not_to(bench):
    till = bench(T1_GB)
    till.print("漢字".encode("gb18030") + b"\n" + h("1C2E 1B7410") + b"\xe9t\xe9\n")
    assert till.lines == ["漢字", "été"]


def test_styles_change_cells_and_not_the_text(bench):
    till = bench()
    till.print(INIT + h("1D2111 1B4501 1D4201 1B2D02 1C2D01") + "大".encode("cp932") + b"A\n")
    (line,) = [part.item for part in till.printer.slips()[0].placed if isinstance(part.item, TextLine)]
    assert [(cell.char, cell.width, cell.height, cell.bold, cell.inverse, cell.underline) for cell in line.cells] == [
        ("大", 48, 48, True, True, 1),
        ("A", 24, 48, True, True, 2),
    ]
    assert line.rows == 48


def test_some_clones_enlarge_kanji_with_a_command_of_their_own(bench):
    till = bench(T1_JP)
    till.print(INIT + h("1D2111") + "大A".encode("cp932") + h("1C210C") + "大A\n".encode("cp932"))
    (line,) = [part.item for part in till.printer.slips()[0].placed if isinstance(part.item, TextLine)]
    assert [(cell.width, cell.height) for cell in line.cells] == [(24, 24), (24, 48), (48, 48), (24, 48)]


def test_alignment_margin_and_area_place_the_line(bench):
    till = bench()
    for setting, x in ((h("1B6100"), 0), (h("1B6101"), 264), (h("1B6102"), 528), (h("1B6100 1D4C6400"), 100), (h("1B6102 1D579001"), 452)):
        till.print(setting + b"ABCD\n")
        last = [part.item for part in till.printer.slips()[-1].placed if isinstance(part.item, TextLine)][-1]
        assert last.cells[0].x == x, setting


def test_a_line_that_is_too_long_wraps_and_is_counted(bench):
    till = bench()
    till.print(b"x" * 48 + b"\n")
    assert till.printer.wraps == 0
    till.print(b"x" * 49 + b"\n")
    assert till.printer.wraps == 1
    assert till.lines == ["x" * 48, "x" * 48, "x"]


def test_raster_dots_stand_where_they_were_sent(bench):
    till = bench()
    till.print(h("1D763000 0200 0200 8001 0180") + CUT)
    (slip,) = till.printer.slips()
    (part,) = [part for part in slip.placed if isinstance(part.item, Picture)]
    view = Image.open(io.BytesIO(slip.png())).convert("L")
    rows = range(part.top, part.top + part.count)
    black = {(x - drawing.MARGIN, y - part.top) for y in rows for x in range(view.width) if view.getpixel((x, y)) < 100}
    assert black == {(0, 0), (15, 0), (7, 1), (8, 1)}


def test_graphics_commands_and_column_images_print_the_same_dots(bench):
    raster, graphics, long_graphics, columns = bench(), bench(), bench(), bench()
    dots = bytes(random.Random(7).randbytes(3 * 24))
    raster.print(h("1D763000 0300 1800") + dots)
    graphics.print(h("1D284C") + (10 + 72).to_bytes(2, "little") + h("30703001013118001800") + dots + h("1D284C02003032"))
    long_graphics.print(h("1D384C") + (10 + 72).to_bytes(4, "little") + h("30703001013118001800") + dots + h("1D284C02003032"))
    turned = bytearray(72)
    for x in range(24):
        for y in range(24):
            if dots[y * 3 + x // 8] & (0x80 >> x % 8):
                turned[x * 3 + y // 8] |= 0x80 >> y % 8
    columns.print(h("1B3318 1B2A211800") + turned + b"\n")
    pictures = [till.printer.slips()[0].png() for till in (raster, graphics, long_graphics, columns)]
    assert all(till.printer.oddities == [] for till in (raster, graphics, long_graphics, columns))
    assert len(set(pictures)) == 1


def test_a_column_image_stands_among_the_characters_of_its_line(bench):
    till = bench()
    till.print(b"AB" + h("1B2A210800") + b"\xff" * 24 + b"CD\n")
    (line,) = [part.item for part in till.printer.slips()[0].placed if isinstance(part.item, TextLine)]
    assert [cell.x for cell in line.cells] == [0, 12, 32, 44]
    assert [image.x for image in line.images] == [24]
    assert till.lines == ["ABCD"]


def test_epson_counts_feeds_in_half_dots_until_the_host_sets_the_unit(bench):
    def fed(profile, command: bytes) -> int:
        till = bench(profile)
        till.print(command)
        return till.printer.totals["rows"]

    assert fed(T3_80, h("1B4A18")) == 24
    assert fed(T3_80_180, h("1B4A18")) == 12
    assert fed(T3_80_180, h("1D50B4B4 1B4A18")) == 24
    assert fed(T3_80_180, h("1D50B4B4 1B40 1B4A18")) == 12


def test_python_escpos_agrees_about_the_plain_commands(bench, capsys):
    from escpos.printer import Dummy

    other = Dummy(profile="TM-T88V")
    other.hw("INIT")
    other.set(align="center", bold=True, double_width=True, double_height=True)
    other.text("Hello\n")
    other.set_with_default()
    other.text("café €\n")
    other.barcode("490123456789", "EAN13", 64, 2, "BELOW", "A", function_type="A")
    other.barcode("{BABC123", "CODE128", 64, 2, function_type="B")
    other.qr("https://example.jp", native=True, size=4)
    picture = Image.new("1", (200, 60), 1)
    picture.paste(0, (20, 10, 180, 50))
    for way in ("bitImageRaster", "graphics", "bitImageColumn"):
        other.image(picture, impl=way)
    other.cashdraw(2)
    other.cut()
    till = bench(T3_80_180)
    till.print(other.output)
    assert till.printer.oddities == []
    (slip,) = till.printer.slips()
    assert slip.lines == ("Hello", "café €")
    assert [(code.symbology, code.text) for code in slip.codes] == [
        ("EAN13", "4901234567894"), ("CODE128", "ABC123"), ("QR", "https://example.jp")
    ]  # fmt: skip
    assert [kick.pin for kick in till.printer.kicks] == [2]
    assert slip.ending == "full"


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_no_bytes_whatever_bring_it_down_and_it_answers_afterwards(bench, profile):
    rng = random.Random(profile.name)
    till = bench(profile)
    introducers = ["1B", "1C", "1D", "1D28", "1004", "1014", "1D6B", "1D284C", "1D286B", "1D7630", "0A", "1D384C", "1B2A", "1C32", "1B44"]
    for _ in range(40):
        noise = b"".join(h(rng.choice(introducers)) + rng.randbytes(rng.randrange(12)) for _ in range(60))
        till.link.send(noise)
        till.clock.advance(5)
        till.link.receive()
        for slip in till.printer.take_slips():
            slip.png()
        till.printer.power_cut()
        till.printer.power_on()
        till.link = till.printer.connect()
    till.print(b"\nalive\n")
    assert till.lines[-1].endswith("alive")


@pytest.mark.parametrize("rom", [True, False])
def test_without_any_font_of_the_system_the_picture_still_comes(bench, monkeypatch, rom):
    monkeypatch.setattr(drawing, "font_paths", tuple)
    if not rom:
        monkeypatch.setattr(drawing.rom_font, "glyph", lambda char: None)
    drawing._glyph.cache_clear()
    till = bench(T0_58)
    till.print(b"ABC 123\n" + "漢".encode("gb18030") + b"\n" + h("1B4D01") + b"small\n")
    picture = Image.open(io.BytesIO(till.printer.slips()[0].png())).convert("L")
    drawing._glyph.cache_clear()
    top = 96  # below the rows between cutter and head
    for line in range(3):
        assert min(picture.crop((0, top + 30 * line, picture.width, top + 30 * line + 24)).tobytes()) < 60


def test_a_line_that_stands_on_its_head_begins_at_the_right(bench):
    till = bench()
    till.print(h("1B7B01") + b"AB\n")
    (line,) = [part.item for part in till.printer.slips()[0].placed if isinstance(part.item, TextLine)]
    assert [(cell.char, cell.x) for cell in line.cells] == [("A", 564), ("B", 552)]


def test_the_code_item_knows_its_height(bench):
    till = bench()
    till.print(h("1D6840 1D4803") + CODES[0][0])
    (code,) = [part.item for part in till.printer.slips()[0].placed if isinstance(part.item, Code)]
    assert code.rows == 64 + 2 * 26
