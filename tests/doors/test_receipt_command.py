"""`posagent receipt parse`: what it prints, and its exit codes."""

import json
from pathlib import Path

import pytest

from posagent.cli import main
from posagent.doors.profiles import read_profile

STREAM = b"\x1b@\x1cC\x01" + "レシートNo.0042\n合計 \\1,080\nお預り \\2,000\nお釣り \\920\n".encode("cp932") + b"\x1dV\x42\x00"


def test_a_captured_stream_is_told_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "captured.bin").write_bytes(STREAM)
    assert main(["receipt", "parse", str(tmp_path / "captured.bin"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["total"], told["receipt_no"], told["confidence"]) == ("sale", 1080, "0042", "high")
    assert told["why"]


def test_every_document_of_a_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "two.bin").write_bytes(STREAM + STREAM.replace(b"0042", b"0043"))
    assert main(["receipt", "parse", str(tmp_path / "two.bin")]) == 0
    said = capsys.readouterr().out
    assert said.index("0042") < said.index("document 2 of 2") < said.index("0043")


def test_what_cannot_be_read_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["receipt", "parse", str(tmp_path / "nothing")]) == 1
    assert "give a file" in capsys.readouterr().err
    (tmp_path / "text").write_text("合計 ¥1", "utf-8")
    assert main(["receipt", "parse", str(tmp_path / "text"), "--profile", "nowhere"]) == 78


def test_what_is_no_receipt_at_all_is_said_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, raw, words in (
        ("empty", b"", "nothing is written"),
        ("spaces", b" \n" * 50_000, "nothing is written"),
        ("junk", bytes(range(256)).replace(b"\x1b", b"").replace(b"\x1c", b"").replace(b"\x1d", b"") * 20, "no text"),
        ("long", "合計 ¥1\n".encode() * 100_000, "longer than 256 kB"),
    ):
        (tmp_path / name).write_bytes(raw)
        assert main(["receipt", "parse", str(tmp_path / name)]) == 0
        assert words in capsys.readouterr().out, name


def test_a_file_that_is_too_large_is_refused_and_not_cut_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "day.bin").write_bytes(STREAM * (10_000_000 // len(STREAM)))
    assert main(["receipt", "parse", str(tmp_path / "day.bin")]) == 1
    assert "larger than 8 MB; give one receipt" in capsys.readouterr().err
    assert main(["receipt", "parse", str(tmp_path)]) == 1
    assert "Is a directory" in capsys.readouterr().err


def test_the_profiles_that_are_shipped_are_good() -> None:
    for path in (Path(__file__).parent.parent.parent / "config" / "receipts").glob("*.toml"):
        profile, problems = read_profile(path.read_text("utf-8"))
        assert not problems
        assert profile.name == path.stem
