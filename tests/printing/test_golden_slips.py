"""Every kind of slip on every paper: the picture that was looked at, the same text on a virtual printer, codes that read back."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from golden_slips import golden

from drivers.escpos.dialects import DIALECTS
from drivers.escpos.encoder import encode
from drivers.escpos.paper import PAPERS
from drivers.escpos.preview import draw
from posagent.slips import QR, Barcode, Slip, Text, from_json
from virtual_counter.clock import ManualClock
from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import T1_GB, T3_80, PrinterProfile

HERE = Path(__file__).parent
EXAMPLES = HERE.parent.parent / "config" / "slips"
DIGESTS = json.loads((HERE / "golden_pictures.json").read_text("utf-8"))
CASES = [(lang, name, paper) for lang in ("ja", "en") for name in golden(lang) for paper in PAPERS]


def codes_in(png: bytes) -> list[str]:
    import zxingcpp
    from PIL import Image

    return [found.text for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(png)).convert("L"))]


def codes_of(slip: Slip) -> list[str]:
    return [line.value for line in slip.lines if isinstance(line, (QR, Barcode))]


@pytest.mark.parametrize("lang,name,paper", CASES)
def test_the_picture_is_the_one_that_was_looked_at_and_its_codes_read_back(lang, name, paper):
    slip = golden(lang)[name]
    png = draw(slip, PAPERS[paper])
    assert sorted(codes_in(png)) == sorted(codes_of(slip))
    assert digest(png) == DIGESTS[f"{name}.{lang}.{paper}"], "look at it (posagent print preview), then: python tests/printing/golden_update.py"


def digest(png: bytes) -> str:
    """Of the dots, not of the compressed file."""
    from PIL import Image

    picture = Image.open(io.BytesIO(png))
    return f"{picture.width}x{picture.height} {hashlib.sha256(picture.tobytes()).hexdigest()[:16]}"


def paper_of(slip: Slip, profile: PrinterProfile, dialect: str, width_dots: int) -> VirtualPrinter:
    clock = ManualClock()
    printer = VirtualPrinter(profile, clock)
    shape = replace(DIALECTS[dialect].wide, width_dots=width_dots, dpi=profile.dpi)
    body = encode(slip, DIALECTS[dialect], shape).stream
    link = printer.connect()
    while body:
        taken = link.send(b"\x1b@"[:0] + body)
        body = body[taken:]
        clock.advance(1.0)
    clock.advance(30.0)
    return printer


@pytest.mark.parametrize("dots", [576, 512, 420, 384])
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_printers_own_font_and_codes_give_the_same_slip_without_a_wrapped_line(lang, dots):
    for slip in golden(lang).values():
        printer = paper_of(slip, replace(T3_80, width_dots=dots), "epson", dots)
        assert printer.oddities == []
        assert printer.wraps == 0
        (paper,) = printer.slips()
        assert paper.complete
        assert paper.serial == slip.serial
        assert [code.text for code in paper.codes] == codes_of(slip)
        shown = "".join("".join(paper.lines).split())
        for line in slip.lines:
            if isinstance(line, Text) and all(ord(c) < 0x3000 for c in line.text) and line.wide == 1 and "Café" not in line.text:
                assert "".join(line.text.split()) in shown.replace("￥", "¥"), line.text


@pytest.mark.parametrize("dots", [576, 384])
def test_a_printer_without_a_japanese_font_gets_pictures_whose_codes_read_back(dots):
    for name in ("coupon", "coupon-again", "test"):
        slip = golden("ja")[name]
        printer = paper_of(slip, replace(T1_GB, width_dots=dots), "clone", dots)
        assert printer.oddities == []
        (paper,) = printer.slips()
        assert sorted(codes_in(paper.png())) == sorted(codes_of(slip))


@pytest.mark.parametrize("kind,value", [("jan13", "4901234567894"), ("jan8", "49012347"), ("nw7", "A1234567890A"), ("code128", "CPN-2026-1")])
@pytest.mark.parametrize("paper", list(PAPERS))
def test_every_symbology_reads_back_from_paper_drawn_by_us_and_by_the_printer(kind, value, paper):
    slip = Slip("S-1-20261122-1", 1, (Barcode(kind, value),))
    assert codes_in(draw(slip, PAPERS[paper])) == [value]
    dots = PAPERS[paper].width_dots
    profile = replace(T3_80, width_dots=dots, dpi=PAPERS[paper].dpi)  # type: ignore[arg-type]
    for dialect in ("epson", "clone"):
        (out,) = paper_of(slip, profile, dialect, dots).slips()
        assert codes_in(out.png()) == [value], dialect


def test_random_japanese_slips_come_out_of_the_printer_as_they_were_written():
    import random

    from drivers.escpos.charset import clean, native

    rng = random.Random(9)
    chars = [chr(c) for c in (*range(0x3041, 0x3094), *range(0x30A1, 0x30F7), *range(0x4E00, 0x9FA0)) if native(chr(c))]
    for _ in range(25):
        lines = tuple(Text("".join(rng.choices(chars, k=rng.randrange(1, 60)))) for _ in range(12))
        printer = paper_of(Slip("S", 1, lines), T3_80, "epson", 576)
        assert "".join("".join(paper.lines) for paper in printer.slips()) == clean("".join(line.text for line in lines))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.name)
def test_the_examples_are_the_golden_slips(path):
    name, lang, _ = path.name.split(".")
    assert from_json(path.read_bytes()) == golden(lang)[name]
