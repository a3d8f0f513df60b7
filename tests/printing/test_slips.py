"""The slip model: marks, JSON, and what composed slips say and keep quiet about."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from posagent.slip_texts import Balance, Card, Head, Section, Terms, charge_slip, coupon_slip, diagnostic_slip, grant_slip, report_slip
from posagent.slips import QR, Barcode, Checkpoint, Columns, Cut, Slip, Text, from_json, marked, reissued, to_json

NOW = datetime(2026, 11, 22, 10, 31, tzinfo=UTC)


def slips(lang: str) -> dict[str, Slip]:
    head = Head("S01-R1-20261122-7", "珈琲みなと 本店", "R1", NOW, lang)  # type: ignore[arg-type]
    return {
        "grant": grant_slip(head, member="****-1234", granted=49, balance=Balance(1349, NOW), used=100, sale_total=1080,
                            sale_id="0001-0457",
                            cards=[Card("ドリンクカード", 3, 10, 1, "コーヒー1杯")], expiry=(120, date(2026, 12, 31)),
                            explain=[("通常 1%", "10P")]),
        "coupon": coupon_slip(head, benefit="100円引き", last_day=date(2026, 12, 31), code="CPN-2026-000123", conditions=["500円以上"]),
        "charge": charge_slip(head, member="****-1234", charged=3000, balance=Balance(4200, NOW), expires=date(2027, 5, 22),
                              terms=Terms("株式会社みなと", "03-1234-5678")),
        "report": report_slip(head, kind="z", business_date=date(2026, 11, 22), sections=[Section("売上", (("件数", "120"),))],
                              first_seq=1, last_seq=480, chain="ab" * 32),
        "diagnostic": diagnostic_slip(head, facts=[("Model", "TM-T88V")]),
    }  # fmt: skip


ALL = [(lang, name) for lang in ("ja", "en") for name in slips("ja")]


def words(slip: Slip) -> str:
    return "\n".join(f"{getattr(x, 'text', '')}{getattr(x, 'left', '')} {getattr(x, 'right', '')}" for x in marked(slip))


@pytest.mark.parametrize("lang,name", ALL)
def test_a_slip_survives_json_unchanged_and_gives_the_same_bytes_again(lang, name):
    slip = slips(lang)[name]
    assert from_json(to_json(slip)) == slip
    assert to_json(from_json(to_json(slip))) == to_json(slip)


@pytest.mark.parametrize("lang,name", ALL)
def test_serial_register_and_date_stand_at_the_top_and_at_the_foot_and_the_code_is_last(lang, name):
    slip = slips(lang)[name]
    lines = list(slip.lines)
    top, foot = words(replace(slip, lines=tuple(lines[:5]))), words(replace(slip, lines=tuple(lines[-12:])))
    assert "S01-R1-20261122-7" in top
    assert "S01-R1-20261122-7" in words(slip)[len(top) :]
    assert "2026-11-22" in foot or "2026-11-22" in words(slip)
    body = lines.index(Checkpoint("body"))
    assert all(not isinstance(line, (QR, Barcode)) for line in lines[:body]), "a torn slip must not carry a code"
    assert lines[-2:] == [Cut(), Checkpoint("cut")]
    assert all(not isinstance(line, (Text, Columns)) for line in lines[body:])


def test_a_coupon_says_nothing_of_the_member_and_a_point_slip_says_it_is_no_receipt():
    ja = slips("ja")
    assert "会員" not in words(ja["coupon"])
    assert "1234" not in words(ja["coupon"])
    assert "領収書ではありません" in words(ja["grant"])
    assert "払戻しはできません" in words(ja["charge"])
    assert "株式会社みなと" in words(ja["charge"])
    assert "03-1234-5678" in words(ja["charge"])


def test_an_unknown_balance_is_said_to_follow_and_never_shown_as_a_number():
    head = Head("S", "店", "R1", NOW)
    slip = grant_slip(head, member="***", granted=5, balance=Balance(None))
    assert "後ほど反映" in words(slip)


def test_the_first_copy_is_unmarked_and_every_further_copy_is_marked_above_and_below_before_the_code():
    slip = slips("ja")["coupon"]
    assert "再発行" not in words(slip)
    again = reissued(slip, "紙詰まり")
    assert (again.copy, again.serial) == (2, slip.serial)
    lines = marked(again)
    marks = [n for n, line in enumerate(lines) if isinstance(line, Text) and line.text == "【再発行 2】 DUPLICATE" and line.invert]
    assert marks[0] == 0
    assert len(marks) == 2
    assert marks[1] < next(n for n, line in enumerate(lines) if isinstance(line, QR))
    assert "紙詰まり" in words(again)
    assert "再発行 3" in words(reissued(again))


def test_a_slip_without_checkpoints_is_marked_above_and_below_too():
    slip = Slip("X", 2, (Text("a"), QR("z"), Cut()))
    assert [type(line).__name__ for line in marked(slip)] == ["Text", "Text", "Text", "QR", "Cut"]
    assert len([1 for line in marked(Slip("X", 2, (Text("a"),))) if "再発行" in getattr(line, "text", "")]) == 2


@pytest.mark.parametrize(
    "body,complaint",
    [
        (b"\xff", "not JSON"),
        (b"[" * 100000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"lines":[]}', "serial is missing"),
        (b'{"serial":"A","copy":0}', "copy must be from 1"),
        (b'{"serial":"A","copy":true}', "copy must be a whole number"),
        (b'{"serial":"A","colour":"red"}', "'colour' is not known here"),
        (b'{"serial":"A","lines":[{"t":"poem"}]}', r'lines\[1\]: must be an object whose "t"'),
        (b'{"serial":"A","lines":[{"t":"text"}]}', r"lines\[1\]: text is missing"),
        (b'{"serial":"A","lines":[{"t":"text","text":"a","wide":9}]}', "wide must be one of 1, 2, 3"),
        (b'{"serial":"A","lines":[{"t":"text","text":1}]}', "text must be a text"),
        (b'{"serial":"A","lines":[{"t":"stamps","filled":4,"size":3}]}', "of 3 stamps 4 cannot be filled"),
        (b'{"serial":"A","lines":[{"t":"image","width":9,"height":1,"rows":"ff"}]}', "rows must be 2 bytes"),
        (b'{"serial":"A","lines":[{"t":"barcode","symbology":"itf","value":"1"}]}', "symbology must be one of"),
        (b'{"serial":"A","lines":[' + b'{"t":"cut"},' * 700 + b'{"t":"cut"}]}', "at most 600 lines"),
        (b'{"serial":"A","lines":[{"t":"text","text":"' + b"a" * 2001 + b'"}]}', "longer than 2000"),
    ],
)
def test_a_wrong_slip_file_is_refused_with_the_place_and_the_reason(body, complaint):
    with pytest.raises(ValueError, match=complaint):
        from_json(body)
