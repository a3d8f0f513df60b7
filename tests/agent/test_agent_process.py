"""The agent as a process: what it does at the till, and what it says when it cannot."""

from __future__ import annotations

import json
import socket
import sqlite3
from pathlib import Path
from typing import Any

import pytest

MEMBER = "2012345678903"


def open_checkout(register: Any) -> dict[str, Any] | None:
    return register.till.status().body.get("open")


def test_a_scan_and_a_sale_make_a_durable_grant(register: Any) -> None:
    scanner = register.plug_scanner()
    register.start()
    register.until(lambda: register.device("front").get("state") == "ready")
    scanner.scan(MEMBER, aim="E0")
    register.until(lambda: open_checkout(register))
    said = register.till.ring_up(1980, receipt_no="77")
    assert (said.body["result"], said.body["points"], said.body["member"]) == ("granted", 19, "*********8903")
    assert register.stop() == 0
    assert MEMBER not in register.log()
    events = register.events()
    types = [event["type"] for event in events]
    assert types == ["posagent.program.applied.v1", "posagent.member.seen.v1", "posagent.sale.seen.v1", "posagent.sale.granted.v1"]
    assert MEMBER not in json.dumps(events)


def test_the_same_request_again_gets_the_first_answer_and_another_body_is_refused(register: Any) -> None:
    scanner = register.plug_scanner()
    register.start()
    register.until(lambda: register.device("front").get("state") == "ready")
    scanner.scan(MEMBER)
    register.until(lambda: open_checkout(register))
    first = register.till.ring_up(1980, key="sale-0001-abcd")
    again = register.till.ring_up(1980, key="sale-0001-abcd")
    other = register.till.ring_up(2980, key="sale-0001-abcd")
    assert (first.body["result"], again.body["result"]) == ("granted", "already")
    assert again.body["points"] == first.body["points"]
    assert other.status in {409, 422}
    assert other.body["code"] == "E607"


def test_killed_between_scan_and_sale_the_next_agent_goes_on(register: Any) -> None:
    scanner = register.plug_scanner()
    register.start()
    register.until(lambda: register.device("front").get("state") == "ready")
    scanner.scan(MEMBER)
    register.until(lambda: open_checkout(register))
    register.kill()
    register.start()
    assert open_checkout(register)["member"] == "*********8903"
    assert register.till.ring_up(500, receipt_no="1").body["result"] == "granted"


def test_killed_after_a_grant_the_sale_is_not_granted_again(register: Any) -> None:
    scanner = register.plug_scanner()
    register.start()
    register.until(lambda: register.device("front").get("state") == "ready")
    scanner.scan(MEMBER)
    register.until(lambda: open_checkout(register))
    register.till.ring_up(500, receipt_no="1")
    register.kill()
    register.start()
    assert register.till.ring_up(500, receipt_no="1").body["result"] == "already"


def test_an_unplugged_scanner_is_told_and_works_again_when_it_is_back(register: Any) -> None:
    scanner = register.plug_scanner()
    register.start()
    register.until(lambda: register.device("front").get("state") == "ready")
    scanner.unplug()
    register.until(lambda: register.device("front").get("state") == "gone")
    assert register.till.status().body["level"] == "action"
    scanner.plug()
    register.until(lambda: register.device("front").get("state") == "ready")
    scanner.scan(MEMBER)
    register.until(lambda: open_checkout(register))


def test_a_missing_scanner_does_not_stop_the_till(register: Any) -> None:
    register.start()
    register.until(lambda: register.device("front").get("code") == "E301")
    assert register.till.ring_up(100, receipt_no="1").body["result"] == "waiting_for_member"


def test_a_second_agent_on_the_same_journal_says_who_holds_it_and_exits_75(register: Any) -> None:
    register.start()
    code, log = register.refused()
    assert code == 75
    assert "[E501]" in log
    assert str(register.agent.pid) in log


def test_a_taken_port_names_its_holder_and_exits_75(register: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        register.write(register.settings.read_text("utf-8").replace('listen = ""', f'listen = "127.0.0.1:{taken.getsockname()[1]}"'))
        code, log = register.refused()
    assert code == 75
    assert "python" in log
    assert "listen" in log


def test_every_problem_of_the_settings_is_told_at_once_and_exits_78(register: Any) -> None:
    text = register.settings.read_text("utf-8")
    text = text.replace('driver = "serial"', 'driver = "serail"').replace('language = "en"', 'language = "fr"').replace("[screen]", "[sceen]")
    register.write(text)
    code, log = register.refused()
    assert code == 78
    assert "did you mean 'serial'?" in log
    assert "register.language" in log
    assert "did you mean 'screen'?" in log


def test_a_missing_settings_file_says_where_to_begin(register: Any) -> None:
    register.settings.unlink()
    code, log = register.refused()
    assert code == 78
    assert "posagent.example.toml" in log


def test_a_journal_that_is_not_ours_is_refused_untouched(register: Any) -> None:
    journal = register.directory / "journal"
    journal.mkdir()
    foreign = sqlite3.connect(journal / "queue.db")
    foreign.execute("CREATE TABLE accounts(x)")
    foreign.execute("INSERT INTO accounts VALUES (42)")
    foreign.commit()
    foreign.close()
    code, log = register.refused()
    assert code == 69
    assert "[E500]" in log
    assert sqlite3.connect(journal / "queue.db").execute("SELECT x FROM accounts").fetchall() == [(42,)]


def test_without_a_program_members_are_seen_and_the_cashier_is_told(register: Any) -> None:
    (register.directory / "program.toml").write_text("schema = 1\n[program]\nid = 5\n", "utf-8")
    scanner = register.plug_scanner()
    register.start()
    register.until(lambda: register.device("front").get("state") == "ready")
    assert register.till.status().body["code"] == "E600"
    scanner.scan(MEMBER)
    register.until(lambda: open_checkout(register))
    assert register.till.ring_up(100, receipt_no="1").body["code"] == "E600"


def test_a_broken_new_program_leaves_the_last_good_one_in_force(register: Any) -> None:
    register.start()
    register.stop()
    (register.directory / "program.toml").write_text("not toml at all", "utf-8")
    scanner = register.plug_scanner()
    register.start()
    register.until(lambda: register.device("front").get("state") == "ready")
    scanner.scan(MEMBER)
    register.until(lambda: open_checkout(register))
    assert register.till.ring_up(1000, receipt_no="1").body["points"] == 10


def test_a_broken_driver_of_a_third_party_is_reported_and_does_not_stop_the_till(
    register: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    (site / "acme_pos-1.0.dist-info").mkdir(parents=True)
    (site / "acme_pos-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-pos\nVersion: 1.0\n")
    (site / "acme_pos-1.0.dist-info" / "entry_points.txt").write_text("[posagent.drivers]\nacme-scanner = acme_pos:DRIVER\n")
    (site / "acme_pos.py").write_text("raise RuntimeError('needs a licence')\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    register.start()
    register.stop()
    assert "acme" not in register.log()  # its driver is not in the settings, so it is not even imported
    register.write(register.settings.read_text("utf-8") + '[[scanner]]\nname = "b"\ndriver = "acme-scanner"\n')
    code, log = register.refused()
    assert code == 78
    assert "acme-pos" in log
    assert "needs a licence" in log
