"""`posagent program` as its user runs it."""

# ruff: noqa: E501 - program texts and messages stand on one line, as they are written and printed

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from posagent.cli import main

ROOT = Path(__file__).parents[2]
EXAMPLE = str(ROOT / "config" / "program.example.toml")
RAMEN = str(ROOT / "config" / "programs" / "ramen-points.toml")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["program", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_check_says_what_it_found_and_how_bad_it_is(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "check", EXAMPLE)
    assert (code, out.splitlines()[-1]) == (0, f"{EXAMPLE}: acme-cafe@12: 0 errors, 0 warnings, 1 notes")
    warned = tmp_path / "warned.toml"
    warned.write_text(Path(RAMEN).read_text("utf-8").replace('exclude = ["tobacco"', 'exclude = ["x"'), encoding="utf-8")
    assert run(capsys, "check", str(warned))[0] == 4
    code, out, _ = run(capsys, "check", RAMEN, "--against", RAMEN, "--json")
    found = json.loads(out)
    assert (code, {each["code"] for each in found["findings"]}, found["program"]) == (1, {"version", "overlap"}, "menya-kaze@7")
    broken = tmp_path / "broken.toml"
    broken.write_text("schema = 1\n[progam]\n", encoding="utf-8")
    code, out, _ = run(capsys, "check", str(broken))
    assert code == 78
    assert "E line 2: progam: is not a setting; did you mean 'program'? [read]" in out
    assert out.splitlines()[-1].endswith("cannot be read; 6 to mend first")
    assert json.loads(run(capsys, "check", str(broken), "--json")[1])["program"] is None


def test_a_file_that_cannot_be_read_is_named_with_the_remedy(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    gone = str(tmp_path / "gone.toml")
    assert run(capsys, "show", gone) == (78, "", f"posagent: [E600] program file {gone}: No such file or directory; give a file that can be read\n")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"x = \xff")
    assert "not UTF-8 at byte 4; save it as UTF-8" in run(capsys, "show", str(binary))[2]
    huge = tmp_path / "huge.toml"
    huge.write_bytes(b"#" * 1_000_001)
    assert "larger than 1,000,000 bytes" in run(capsys, "show", str(huge))[2]
    huge.write_text("schema = 1\n", encoding="utf-8")
    code, _, err = run(capsys, "explain", str(huge))
    assert code == 78
    assert err.startswith(f"posagent: [E600] {huge}: 5 problems in the program file\n  program: is missing; give a table\n")


def test_explain_and_show_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert "100円ごとにポイント 1" in run(capsys, "explain", EXAMPLE)[1]
    assert "points: 1 for every full 100 yen" in run(capsys, "explain", EXAMPLE, "--lang", "en")[1]
    code, out, _ = run(capsys, "show", EXAMPLE)
    assert (code, out.splitlines()[0]) == (0, "acme-cafe@12  アクメカフェ ポイント")
    assert "  level 1  approved  area-manager-07  2026-03-20T10:00:00+09:00  「上限を500円に」" in out
    assert "approvals 0 needed, none in the file" in run(capsys, "show", RAMEN)[1]
    found = json.loads(run(capsys, "show", EXAMPLE, "--json")[1])
    assert (found["id"], found["approvals"][0]["comment"], found["scope"]["stores"], found["problem"]) == ("acme-cafe", "上限を500円に", ["*"], "")


def test_try_reads_standard_input_and_prints_words_or_the_event(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sale = tmp_path / "sale.json"
    sale.write_text('{"sale_id": "1", "at": "2026-06-02T15:00:00+09:00", "lines": [{"amount": 1100}, {"amount": 540, "tax": 800}],'
                    '"reductions": [{"kind": "discount", "amount": 164}]}', encoding="utf-8")
    member, register = tmp_path / "member.json", tmp_path / "register.json"
    member.write_text('{"token": "m", "rank": "gold"}', encoding="utf-8")
    register.write_text('{"company": "acme", "brand": "cafe", "tax_rounding": "half_up"}', encoding="utf-8")
    code, out, _ = run(capsys, "try", EXAMPLE, "--sale", str(sale), "--member", str(member), "--register", str(register))
    assert code == 0
    assert "acme-cafe@12  2026-06-02  お会計 1,640円" in out
    assert "  税率ごとの内訳 (discount): 10%: 110, 8%: 54" in out
    assert "  ポイント +88 (有効期限 2027-06-30)" in out
    assert out.endswith("  お支払い 1,476円\n")
    english = run(capsys, "try", EXAMPLE, "--sale", str(sale), "--lang", "en")[1]
    assert "  to pay: 1,476 yen" in english
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(sale.read_bytes())))
    assert json.loads(run(capsys, "try", EXAMPLE, "--sale", "-", "--json")[1])["program"] == "acme-cafe@12"


def test_try_refuses_a_wrong_sale(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    sale = tmp_path / "sale.json"
    sale.write_text('{"sale_id": "1", "at": "2026-06-02T15:00:00+09:00", "total": -5}', encoding="utf-8")
    code, _, err = run(capsys, "try", EXAMPLE, "--sale", str(sale))
    assert (code, err) == (1, "posagent: [E601] the sale is refused: sale 1, line 1: -5 is negative; send a return as a refund\n")
    for text in ("{", "[" * 100_000):
        sale.write_text(text, encoding="utf-8")
        assert "not JSON" in run(capsys, "try", EXAMPLE, "--sale", str(sale))[2]


CSV = """sale_id,at,amount,member,rank,category,tax,qty,birth_month,first,flags,tender
1,2026-07-06T15:00:00+09:00,900,m1,,,,,,,,
1,2026-07-06T15:00:00+09:00,300,m1,,topping,800,2,,,,

2,2026-07-06T20:00:00+09:00,1000,m2,,,,,7,1,a|b,cash|card
3,2026-07-07T12:00:00+09:00,700,,,,,,,,,
1,2026-07-07T12:00:00+09:00,700,m1,,,,,,,,
4,yesterday,700,m1,,,,,,,,
5,2026-07-07T12:00:00+09:00,abc,m1,,,,,,,,
6,2026-07-07T12:00:00+09:00
,2026-07-07T12:00:00+09:00,1,m1,,,,,,,,
7,2026-07-07T12:00:00+09:00,-1,m1,,,,,,,,
"""


def test_replay_shows_what_past_sales_would_have_cost(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    sales, html = tmp_path / "sales.csv", tmp_path / "out.html"
    sales.write_text(CSV, encoding="utf-8")
    code, out, _ = run(capsys, "replay", RAMEN, "--sales", str(sales), "--html", str(html), "--lang", "en")
    assert code == 1  # some rows could not be computed
    assert out.startswith("menya-kaze@7: 3 sales of 2,900 yen would have cost ")
    assert "2026-07-06           2         2           2,200" in out
    assert "6 rows or sales could not be computed; the first:" in out
    assert "  row 7: the rows of sale '1' do not stand together; sort the file by at and sale_id" in out
    assert "  row 8: at must be a time with an offset" in out
    assert "  row 9: invalid literal for int()" in out
    assert "  row 10: sale_id, at and amount are needed" in out
    assert "  row 11: sale_id, at and amount are needed" in out
    assert "  sale 7, line 1: -1 is negative; send a return as a refund" in out
    assert html.read_text("utf-8").startswith("<!doctype html>")
    found = json.loads(run(capsys, "replay", RAMEN, "--sales", str(sales), "--json")[1])
    rules = {rule["id"]: rule for rule in found["rules"]}
    assert rules["base"]["amount"] == 6 + 5
    assert rules["afternoon"]["amount"] == 12
    assert rules["first-visit"]["amount"] == 50
    assert rules["gyoza"]["times"] == 2
    assert (found["sales"], found["cost_yen"]) == (3, sum(rule["cost_yen"] for rule in found["rules"]))


@pytest.mark.parametrize(
    "text,message",
    [
        ("sale_id,at\n", "has no column amount; known: sale_id, at, amount"),
        ("sale_id,at,amount,name\n", "has the unknown column 'name'"),
        ("", "has no column sale_id"),
    ],
)
def test_replay_names_what_is_wrong_with_the_file(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, message: str) -> None:
    sales = tmp_path / "sales.csv"
    sales.write_text(text, encoding="utf-8")
    code, _, err = run(capsys, "replay", RAMEN, "--sales", str(sales))
    assert code == 1
    assert message in err


def test_replay_with_files_that_cannot_be_used(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    sales = tmp_path / "sales.csv"
    assert "No such file or directory; give a file that can be read" in run(capsys, "replay", RAMEN, "--sales", str(sales))[2]
    sales.write_bytes(b"sale_id,at,amount\n\xff,,\n")
    assert "not UTF-8; save it as UTF-8" in run(capsys, "replay", RAMEN, "--sales", str(sales))[2]
    sales.write_text("sale_id,at,amount\n1,2026-07-06T15:00:00+09:00,900\n", encoding="utf-8")
    assert "give another place with --html" in run(capsys, "replay", RAMEN, "--sales", str(sales), "--html", str(tmp_path / "no" / "x.html"))[2]
    sales.write_text("sale_id,at,amount\n" + "x" * 200_000 + ",,\n", encoding="utf-8")
    assert "field larger than field limit" in run(capsys, "replay", RAMEN, "--sales", str(sales))[2]


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["program", "--help"])
    assert "posagent program try config/program.example.toml --sale -" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["program", "replay", "--help"])
    assert "sale_id,at,amount,member,rank" in capsys.readouterr().out
