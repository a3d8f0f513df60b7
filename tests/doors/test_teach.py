"""Teaching: two known sales make a profile, both readings are shown, and what cannot be learned is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from posagent.cli import main
from posagent.doors.escpos_text import Document
from posagent.doors.profiles import read_profile
from posagent.doors.receipt import read_text
from posagent.doors.teach import Lesson, teach

ONE = "喫茶アクメ\n伝票 A-0041\nランチ ¥1,200\n小計 1,200\nおあいそ 1,200\n釣札 300"
TWO = "喫茶アクメ\n伝票 A-0042\nランチ ¥1,200\nケーキ ¥1,150\n小計 2,350\nおあいそ 2,350\n釣札 650"


def lesson(text: str, total: int) -> Lesson:
    return Lesson(Document(tuple(text.splitlines()), encoding="cp932"), total)


def test_two_known_sales_make_a_profile_that_reads_the_third() -> None:
    assert read_text(ONE).kind == "unknown"
    taught = teach("acme", [lesson(ONE, 1200), lesson(TWO, 2350)])
    assert taught.text is not None, taught.why
    assert [receipt.kind for receipt in taught.before] == ["unknown", "unknown"]
    assert [receipt.total for receipt in taught.after] == [1200, 2350]
    profile, problems = read_profile(taught.text)
    assert not problems
    third = read_text(TWO.replace("0042", "0043").replace("2,350", "3,100"), profile)
    assert (third.kind, third.total) == ("sale", 3100)


def test_a_label_that_also_means_something_else_is_no_anchor() -> None:
    one = ONE.replace("小計 1,200", "おあいそ 1,000")
    taught = teach("acme", [lesson(one, 1200), lesson(TWO, 2350)])
    assert taught.text is None or "おあいそ" not in taught.text


def test_what_is_read_already_needs_no_words_of_its_own() -> None:
    taught = teach("plain", [lesson("レシートNo.A-1\n合計 ¥1,080\n現金 ¥1,080", 1080), lesson("レシートNo.A-2\n合計 ¥540\n現金 ¥540", 540)])
    assert taught.text is not None
    assert "total =" not in taught.text
    assert 'number_form = "A-9"' in taught.text


@pytest.mark.parametrize(
    "lessons, why",
    [
        ([lesson(ONE, 1200)], "two sales"),
        ([lesson(ONE, 1200), lesson(ONE, 1200)], "different amounts"),
        ([lesson(ONE, 1201), lesson(TWO, 2350)], "1,201 stands nowhere"),
        ([lesson("精算レポート\n合計 1,200", 1200), lesson("精算レポート\n合計 2,350", 2350)], "report"),
        ([lesson("再発行\n" + ONE, 1200), lesson("再発行\n" + TWO, 2350)], "reprint"),
        ([Lesson(Document((), pictures=99), 1200), Lesson(Document((), pictures=99), 2350)], "pictures"),
    ],
)
def test_what_cannot_be_learned_says_why(lessons: list[Lesson], why: str) -> None:
    taught = teach("x", lessons)
    assert taught.text is None
    assert any(why in each for each in taught.why), taught.why


def test_doubts_are_told_with_the_profile() -> None:
    taught = teach("x", [lesson("合計 ¥1,080", 1080), lesson("合計 ¥540", 540)])
    assert taught.text is not None
    assert any("number" in each for each in taught.why)
    assert any("payment" in each for each in taught.why)


def test_the_command_writes_once_and_shows_both_readings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one").write_bytes(ONE.replace("¥", "\\").encode("cp932"))
    (tmp_path / "two").write_bytes(TWO.replace("¥", "\\").encode("cp932"))
    argv = ["receipt", "teach", "acme", f"{tmp_path}/one=1200", f"{tmp_path}/two=2350", "--profiles", str(tmp_path / "made")]
    assert main([*argv, "--dry-run"]) == 0
    assert not (tmp_path / "made").exists()
    capsys.readouterr()
    assert main(argv) == 0
    said = capsys.readouterr().out
    assert said.index("as any receipt") < said.index("unknown") < said.index("with the profile acme") < said.index("sale")
    assert main(argv) == 1  # never overwritten
    assert "another name" in capsys.readouterr().err
    assert main(["receipt", "parse", f"{tmp_path}/two", "--profile", str(tmp_path / "made" / "acme.toml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"] == 2350
    assert main([*argv[:3], f"{tmp_path}/one=1", f"{tmp_path}/two=2", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["profile"] is None
