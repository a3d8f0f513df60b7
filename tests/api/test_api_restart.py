"""What an agent that was killed owes its callers: the first answer again, and no event missed, with curl and requests as the callers."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from offline_queue.events import NewEvent
from posagent.settings import load_settings
from posagent.start import open_journal

MEMBER, OTHER, POS = "2012345678903", "2012345678910", "https://pos.example.jp"
GRANTED = "posagent.sale.granted.v1"
MANY = 2000


def sell(register: Any, receipt_no: str, total: int = 1980, card: str = MEMBER) -> str:
    """A sale with a member's card; its id."""
    assert register.ask("POST", "/v1/scans", {"text": card, "symbology": "E0"}).status == 200
    said = register.ask("POST", "/v1/sales", {"total": total, "receipt_no": receipt_no}, f"sale-{receipt_no:0>8}")
    assert said.body["result"] == "granted", said
    sale_id: str = said.body["sale_id"]
    return sale_id


def test_a_void_a_sale_and_a_closing_are_answered_the_same_after_a_kill(register: Any) -> None:
    register.with_manager()
    register.start()
    sale_id = sell(register, "7")
    sell(register, "8", 500, OTHER)
    release = register.ask("POST", "/v1/unlock", {"operator": "M01", "pin": "47110815"}).body["unlock"]
    void = ("POST", "/v1/voids", {"sale_id": sale_id, "reason": "returned"}, "void-key-1")
    assert register.ask(*void).status == 403
    first = register.ask(*void, posagent_unlock=release)
    assert (first.status, "idempotency-replayed" in first.headers) == (200, False)
    closing = ("POST", "/v1/reports", {"kind": "z", "operator": "M01"}, "close-key-1")
    closed = register.ask(*closing, posagent_unlock=release)
    assert closed.body["result"] == "closed"
    before = register.events()
    register.kill()
    register.start()
    assert register.ask(*void, posagent_unlock=release).body["code"] == "E712"  # a release does not outlive the agent
    release = register.ask("POST", "/v1/unlock", {"operator": "M01", "pin": "47110815"}).body["unlock"]
    again = register.ask(*void, posagent_unlock=release)
    assert (again.status, again.headers["idempotency-replayed"], again.body["sale_id"]) == (200, "true", first.body["sale_id"])
    assert again.body["points"] == first.body["points"]
    closed_again = register.ask(*closing, posagent_unlock=release)
    assert (closed_again.status, closed_again.body["replayed"], closed_again.body["chain"]) == (200, True, closed.body["chain"])
    sold_again = register.ask("POST", "/v1/sales", {"total": 500, "receipt_no": "8"}, "sale-00000008")
    assert (sold_again.headers["idempotency-replayed"], sold_again.body["points"]) == ("true", 5)
    kinds = [event["type"] for event in register.events()]
    assert kinds.count("posagent.sale.voided.v1") == kinds.count("posagent.day.closed.v1") == 1
    assert kinds.count(GRANTED) == 2
    assert len(kinds) == len(before) + 1  # the second release by PIN


def test_a_wrong_pin_and_a_release_stand_in_the_journal_without_the_pin(register: Any) -> None:
    register.with_manager()
    register.start()
    assert register.ask("POST", "/v1/unlock", {"operator": "M01", "pin": "80808080"}).status == 403
    assert register.ask("POST", "/v1/unlock", {"operator": "M01", "pin": "47110815"}).status == 200
    noted = [event for event in register.events() if event["type"] == "posagent.access.noted.v1"]
    assert [event["data"]["what"] for event in noted] == ["pin_refused", "unlocked"]
    assert noted[0]["data"]["access"] == {"door": f"socket uid {os.geteuid()}", "operator": "M01"}
    assert "80808080" not in json.dumps(register.events())
    assert "80808080" not in (register.directory / "log").read_text("utf-8")


def test_a_paired_token_works_after_a_kill_and_a_revoked_one_does_not(register: Any) -> None:
    register.start()
    wish = {"name": "Web POS", "origin": POS, "scopes": ["pos"]}
    code = register.ask("POST", "/v1/pairings", wish).body["code"]
    paired = requests.post(f"{register.url}/v1/pair", json={"code": code}, headers={"Origin": POS}, timeout=20)
    token = paired.json()["token"]

    def status() -> int:
        headers = {"Origin": POS, "Authorization": f"Bearer {token}"}
        return requests.get(f"{register.url}/v1/status", headers=headers, timeout=20).status_code

    assert status() == 200
    register.kill()
    register.start()
    assert status() == 200
    assert register.ask("POST", "/v1/tokens/revoke", {"token": "Web POS"}).status == 200
    register.kill()
    register.start()
    assert status() == 401
    noted = [event["data"]["what"] for event in register.events() if event["type"] == "posagent.access.noted.v1"]
    assert noted == ["pairing_opened", "paired", "token_revoked"]
    assert token not in json.dumps(register.events()) + (register.directory / "journal" / "tokens.json").read_text("utf-8")


# ---------------------------------------------------------------- events


def frames(lines: Iterator[str]) -> Iterator[tuple[int | None, str]]:
    """(id, kind) of each event of a stream."""
    number: int | None = None
    kind = ""
    for line in lines:
        if line.startswith("id: "):
            number = int(line[4:])
        elif line.startswith("event: "):
            kind = line[7:]
        elif not line and kind:
            yield number, kind
            number, kind = None, ""


def until_live(lines: Iterator[str]) -> list[int]:
    found = []
    for number, kind in frames(lines):
        if number is not None:
            found.append(number)
        if kind == "live":
            return found
    raise AssertionError("the stream ended before it was live")


def curl(register: Any, after: int) -> list[int]:
    argv = ["curl", "-sSN", "--max-time", "60", "-H", f"Authorization: Bearer {register.token}", "-H", f"Last-Event-ID: {after}"]
    with subprocess.Popen([*argv, f"{register.url}/v1/events"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            return until_live(line.rstrip("\n") for line in process.stdout)
        finally:
            process.kill()


@pytest.fixture
def busy(register: Any) -> Any:
    """A register with thousands of grants in its journal (copies of a real one), sold while nobody looked."""
    register.start()
    sell(register, "1")
    assert register.stop() == 0
    real = next(event for event in register.events() if event["type"] == GRANTED)
    journal = open_journal(load_settings(register.settings)[0])
    try:
        for start in range(0, MANY, 500):
            copies = [NewEvent(GRANTED, real["subject"], f"copy/{number}", real["time"], {**real["data"], "sale_id": f"copy-{number}"})
                      for number in range(start, start + 500)]  # fmt: skip
            journal.put(copies).result(60)
    finally:
        journal.close()
    register.start()
    return register


def test_who_was_away_for_thousands_of_events_and_a_kill_misses_none_and_gets_none_twice(busy: Any) -> None:
    grants = [number for number, event in enumerate(busy.events(), 1) if event["type"] == GRANTED]
    assert len(grants) == MANY + 1
    headers = {"Authorization": f"Bearer {busy.token}", "Last-Event-ID": "0"}
    seen: list[int] = []
    with requests.get(f"{busy.url}/v1/events", headers=headers, stream=True, timeout=60) as stream:
        for number, _ in frames(stream.iter_lines(chunk_size=1024, decode_unicode=True)):
            seen += [number] if number is not None else []
            if len(seen) == MANY // 2:
                break  # the line breaks in the middle of the replay
    busy.kill()
    busy.start()
    sell(busy, "2", 1980, OTHER)
    last = seen[-1]
    with requests.get(f"{busy.url}/v1/events", headers={**headers, "Last-Event-ID": str(last)}, stream=True, timeout=60) as stream:
        seen += until_live(stream.iter_lines(chunk_size=1024, decode_unicode=True))
    now = [number for number, event in enumerate(busy.events(), 1) if event["type"] == GRANTED]
    assert len(now) == MANY + 2
    assert [number for number in seen if number in set(now)] == now
    assert len(seen) == len(set(seen))
    assert curl(busy, 0) == seen  # another client, from the beginning
    assert curl(busy, seen[-1]) == []
    assert curl(busy, now[-2]) == [number for number in seen if number > now[-2]]
