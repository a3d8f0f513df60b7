"""posagent sale, status, pair, tokens, staff and report at a real agent, as a person or a script calls them."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from posagent.cli import main
from posagent.cli.sale import _tax
from posagent.cli.status import lines
from posagent.settings import load_settings

MEMBER, PIN = "2012345678903", "47110815"


def test_sale_status_pair_and_tokens_at_a_running_agent(running: Any) -> None:
    said = running.command("sale", "--total", "1980", "--tax", "8:500,10:1480", "--receipt-no", "41", "--json")
    assert (said.returncode, json.loads(said.stdout)["result"]) == (0, "waiting_for_member")
    assert running.command("scan", "inject", stdin="4901234567894\n").returncode == 1  # a product's
    assert running.command("scan", "inject", "--symbology", "E0", stdin=f"{MEMBER}\n").stdout == "taken\n"
    said = running.command("sale", "--total", "1980", "--tax", "8:500,10:1480", "--receipt-no", "41")
    assert re.fullmatch(r"1,980 yen: granted before, \+19 points  \(0042-R2-\S+-n41\)\n", said.stdout), said
    refused = running.command("sale", "--total", "1980", "--tax", "8:500,10:1481")
    assert (refused.returncode, "[E622]" in refused.stderr) == (1, True)
    status = running.command("status", "--lang", "en")
    assert (status.returncode, status.stdout.splitlines()[0]) == (0, "喫茶 R2: ok")
    assert json.loads(running.command("status", "--json").stdout)["register_name"] == "R2"
    opened = json.loads(running.command("pair", "--name", "Web POS", "--origin", "https://pos.example.jp", "--json").stdout)
    assert re.fullmatch(r"[0-9]{8}", opened["code"])
    assert running.command("pair", "--name", "x", "--scope", "admin").returncode == 1
    assert "no slip printer" in running.command("pair", "--name", "x", "--print").stderr
    assert running.command("tokens", "list").stdout.split()[1:4] == ["test", "a", "program"]
    assert running.command("tokens", "revoke", "nobody").returncode == 1


def test_a_closing_asks_for_the_managers_pin_on_standard_input(running: Any) -> None:
    without = running.command("report", "z", "--operator", "M01")
    assert (without.returncode, "PIN" in without.stderr) == (1, True)
    wrong = running.command("report", "z", "--operator", "M01", stdin="0000\n")
    assert "[E710]" in wrong.stderr
    right = running.command("report", "z", "--operator", "M01", stdin=f"{PIN}\n")
    assert (right.returncode, right.stdout.startswith("Closing (Z)"), "M01" in right.stdout) == (0, True, True)


def test_the_browsers_policy_names_the_settings_and_the_paired_pages(running: Any) -> None:
    shown = json.loads(running.command("pair", "--chrome-policy").stdout)
    assert shown == {name: ["https://pos.example.jp"] for name in ("LoopbackNetworkAllowedForUrls", "LocalNetworkAccessAllowedForUrls")}


def test_the_policy_is_written_where_the_browsers_look(running: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    folders = (tmp_path / "chrome" / "managed", tmp_path / "chromium" / "managed")
    monkeypatch.setattr("posagent.cli.pair.POLICY_FOLDERS", folders)
    assert main(["pair", "--chrome-policy", "--install", "--settings", str(running.settings), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["origins"] == ["https://pos.example.jp"]
    for folder in folders:
        assert json.loads((folder / "posagent.json").read_text("utf-8"))["LoopbackNetworkAllowedForUrls"] == ["https://pos.example.jp"]
        assert (folder / "posagent.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("command", [["sale", "--total", "100"], ["status"], ["tokens", "list"], ["pair", "--name", "x"]])
def test_without_an_agent_a_command_says_so_and_exits_3(register: Any, capsys: Any, command: list[str]) -> None:
    assert main([*command, "--settings", str(register.settings)]) == 3
    assert "systemctl start posagent" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["--total", "0"], ["--total", "19.80"], ["--total", "-5"], ["--total", "５"], ["--total", "1", "--tax", "8=5"]]
)
def test_what_is_no_amount_is_wrong_usage(register: Any, words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["sale", *words, "--settings", str(register.settings)])
    assert ended.value.code == 2


def test_tax_rates_in_percent_become_basis_points() -> None:
    assert _tax("8:500,10:1480") == {"800": 500, "1000": 1480}
    assert _tax("7.7:1, 7.25:2,0:3") == {"770": 1, "725": 2, "0": 3}


def test_a_made_entry_is_one_that_the_settings_take(register: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("8642\n"))
    assert main(["staff", "pin", "--stdin", "--code", "B02"]) == 0
    entry = capsys.readouterr().out
    assert "8642" not in entry
    with register.settings.open("a", encoding="utf-8") as settings:
        settings.write(entry)
    assert [(one.code, one.role) for one in load_settings(register.settings)[0].screen.staff] == [("B02", "manager")]
    monkeypatch.setattr("sys.stdin", io.StringIO("1234\n"))
    assert main(["staff", "pin", "--stdin"]) == 2


def test_a_status_with_everything_wrong_is_told_line_by_line_and_steers_no_terminal() -> None:
    words = {"code": "E210", "ja": {"title": "紙がありません", "todo": "交換"}, "en": {"title": "No paper", "todo": "Change it"}}
    said = {
        "store_name": "\x1b[31mshop", "register_name": "1", "level": "action", "message": words, "questions": [{}], "degraded": ["x"],
        "devices": [{"kind": "printer", "name": "p", "state": "held", "stale": True, "as_of": 3, "message": words}],
        "queue": {"pending": 2, "oldest_s": 60, "link": "offline"},
    }  # fmt: skip
    shown = lines(said, "en")
    assert shown[0] == "?[31mshop 1: action"
    assert shown[1:] == ["  [E210] No paper Change it", "printer p: held silent (3 s)", "  [E210] No paper Change it",
                         "unsent: 2, oldest 60 s, line: offline", "slips in doubt: 1", "degraded: x"]  # fmt: skip
    assert len(lines(said, "ja")) == len(shown)
