"""`python -m tools.lab` refuses before it starts anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.lab import __main__ as lab


def test_a_folder_with_something_else_in_it_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lab.shutil, "which", lambda tool: f"/usr/bin/{tool}")
    (tmp_path / "thesis.txt").write_text("mine")
    assert lab.main(["--out", str(tmp_path)]) == 2
    assert (tmp_path / "thesis.txt").exists()
    assert "give another --out" in capsys.readouterr().err


def test_a_scenario_that_does_not_exist_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab.shutil, "which", lambda tool: f"/usr/bin/{tool}")
    with pytest.raises(SystemExit, match="there is no scenario nights; there are: day"):
        lab.main(["--out", str(tmp_path / "out"), "--only", "nights"])


def test_missing_tools_are_named_with_what_installs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lab.shutil, "which", lambda tool: None if tool == "debootstrap" else f"/usr/bin/{tool}")
    assert lab.main(["--out", str(tmp_path / "out")]) == 69
    assert "missing: debootstrap; tools/debian-packages" in capsys.readouterr().err
