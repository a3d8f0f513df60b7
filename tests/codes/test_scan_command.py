"""`posagent scan` as a technician uses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.camera.files import decode
from posagent.cli import main, scan

CARD = "9876543210000007"


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture reader of this source tree, whether or not its entry point is installed."""
    monkeypatch.setattr(scan, "_picture_reader", lambda: decode)


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[str, str], Path]:
    def drawn(name: str, text: str) -> Path:
        import cv2
        import numpy as np
        import zxingcpp

        code = np.array(zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, name)).to_image(scale=3, add_quiet_zones=True))
        path = tmp_path / f"{name}.png"
        cv2.imwrite(str(path), np.pad(code, 40, constant_values=255))
        return path

    return drawn


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(["scan", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_decode_prints_one_json_object_per_code(reader: None, picture: Any, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = picture("EAN13", "2012345678903"), picture("QRCode", "会員")
    code, out, _ = run(["decode", "--json", str(first), str(second)], capsys)
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [(one["file"], one["text"], one["symbology"], one["aim"]) for one in records] == [
        (str(first), "2012345678903", "EAN13", "E0"),
        (str(second), "会員", "QRCode", "Q1"),
    ]
    assert all(one["ms"] > 0 and one["how"] for one in records)


def test_decode_takes_a_folder_and_says_where_nothing_was_found(reader: None, picture: Any, capsys: pytest.CaptureFixture[str]) -> None:
    import cv2
    import numpy as np

    folder = picture("Code128", CARD).parent
    cv2.imwrite(str(folder / "empty.png"), np.full((60, 60), 255, np.uint8))
    code, out, err = run(["decode", str(folder)], capsys)
    assert code == 1
    assert CARD in out
    assert "empty.png: no code found" in err


def test_decode_goes_on_after_a_file_that_is_no_picture(reader: None, picture: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    code, out, err = run(["decode", str(tmp_path / "a.png"), str(picture("EAN8", "49123456"))], capsys)
    assert code == 1
    assert "a.png: not a picture" in err
    assert "49123456" in out


def test_decode_refuses_a_format_that_there_is_not(reader: None, picture: Any, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(["decode", "--formats", "EAN31", str(picture("EAN8", "49123456"))], capsys)
    assert code == 2
    assert "there is no format EAN31" in err


def test_control_characters_of_a_code_never_reach_the_terminal(reader: None, picture: Any, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(["decode", str(picture("QRCode", "a\x1b[2Jb"))], capsys)
    assert "\x1b" not in out
    assert "a\\x1b[2Jb" in out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["2012345678903"], 0, "member 2012345678903 (rule jan-member)"),
        (["4901234567894", "--symbology", "JAN"], 0, "product 4901234567894"),
        (["2012345678904", "--symbology", "JAN"], 1, "check digit is wrong"),
        (["https://pay.example/p", "--symbology", "QR"], 1, "他のサービスのQRコードです"),
        (["x", "--symbology", "nonsense"], 2, ""),
    ],
)
def test_classify_explains_its_verdict(words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    got, out, _ = run(["classify", *words], capsys)
    assert got == code
    assert said in out


def test_classify_as_json_carries_the_steps(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(["classify", CARD, "--symbology", "C0", "--json"], capsys)
    found = json.loads(out)
    assert (found["verdict"], found["number"], found["rule"]) == ("member", CARD, "code128-card")
    assert any(step["rule"] == "code128-card" and step["passed"] for step in found["steps"])


def test_classify_with_the_shops_own_rules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "codes.toml"
    rules.write_text('[[code]]\nname="a"\nkind="member"\nlength=4\n[[code]]\nname="b"\nkind="staff"\nlength=4\n')
    code, out, _ = run(["classify", "1234", "--rules", str(rules)], capsys)
    assert code == 0
    assert "ambiguous: the cashier is asked" in out
    code, out, _ = run(["classify", "1234", "--rules", str(rules), "--json"], capsys)
    assert [one["verdict"] for one in json.loads(out)["candidates"]] == ["member", "staff"]


def test_classify_names_every_problem_of_a_rule_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "codes.toml"
    rules.write_text('[[code]]\nname="a"\nkind="member"\nlenght=4\n')
    code, _, err = run(["classify", "1234", "--rules", str(rules)], capsys)
    assert code == 78
    assert "line 4" in err
    assert "did you mean 'length'" in err
    assert run(["classify", "1234", "--rules", str(tmp_path / "none")], capsys)[0] == 78


def test_listen_without_settings_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(["listen", "--settings", str(tmp_path / "none.toml")], capsys)
    assert code == 78
    assert "no settings file" in err
