"""Scans at a running till: what is damaged or foreign is told to the cashier and never reaches the counter; one scanner for agent and POS."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from posagent.cli import main
from posagent.cli.agent_line import ask_agent
from posagent.cli.agent_stream import follow_agent
from posagent.messages import words
from virtual_counter.pos_keyboard import PosKeyboard

MEMBER = "2012345678903"
GOOD = f"]E0{MEMBER}\r".encode()
PARITY = bytes(byte | (0x80 if byte.bit_count() % 2 else 0) for byte in f"{MEMBER}\r".encode())  # 7E1 read as 8N1


@pytest.fixture
def till(register: Any) -> Any:
    register.plug_scanner()
    register.start()
    register.until(lambda: register.device("front").get("state") == "ready")
    return register


BAD = {
    "noise": (bytes(range(0x80, 0xA0)) * 3 + b"\r", "E320"),
    "wrong speed": (b"\x00\xf8\x00\x1e\xe6\x00\x98\x1e\r", "E320"),
    "wrong parity": (PARITY, "E320"),
    "half a scan": (b"]E020123456", "E320"),
    "control bytes": (b"2012\x01\x1b[2J345678903\r", "E320"),
    "four kilobytes without an end": (b"2" * 5000 + b"\r", "E320"),
    "two scans glued": (f"{MEMBER}{MEMBER}\r".encode(), "E602"),
    "a QR code of another shop": (b"]Q1https://pay.example/p/2012345678903\r", "E602"),
    "a wrong check digit": (b"]E02012345678904\r", "E604"),
}


def test_every_bad_scan_is_told_in_one_line_and_none_reaches_the_counter(till: Any) -> None:
    """One till for all, because starting one takes seconds; each input by its name."""
    path = till.directory / "api.sock"
    told: dict[str, str] = {}
    with closing(follow_agent(path, "/v1/events", silence_s=0.2)) as frames:
        while (frame := next(frames)) is None or frame[0] != "live":
            continue
        for name, (raw, _) in BAD.items():
            till.scanner.send(b"\r" + raw)  # whatever was broken before has ended
            deadline = time.monotonic() + 60
            while (frame := next(frames)) is None or frame[0] != "notice":
                assert time.monotonic() < deadline, f"{name}: nobody is told"
            told[name] = frame[1]["code"]
            status = till.till.status().body
            assert status["open"] is None, f"{name} reached the counter"
    assert told == {name: code for name, (_, code) in BAD.items()}
    for code in told.values():
        for language in ("ja", "en"):
            said = words(code, language, {"why": "x", "device": "front"})
            assert said.title
            assert said.todo
    till.scanner.send(b"\r" + GOOD)  # what was broken does not spoil what comes after
    till.until(lambda: till.till.status().body["open"] is not None)


def test_a_scanner_that_vanishes_in_mid_scan_is_told_and_half_a_scan_is_nothing(till: Any) -> None:
    till.scanner.send(b"]E020123456")
    till.scanner.close()
    till.until(lambda: till.device("front").get("code") == "E301")
    assert till.till.status().body["open"] is None
    till.plug_scanner()
    till.until(lambda: till.device("front").get("state") == "ready")
    till.scanner.send(b"78903\r" + GOOD)  # the tail of the lost scan is a code of its own, and not ours
    till.until(lambda: till.till.status().body["open"] is not None)


def test_listening_goes_through_the_running_agent(till: Any, capsys: pytest.CaptureFixture[str]) -> None:
    import threading

    settings = str(till.settings)
    heard: list[int] = []
    command = ["scan", "listen", "--settings", settings, "--for", "5", "--json", "--test"]
    listening = threading.Thread(target=lambda: heard.append(main(command)))
    listening.start()
    path = till.directory / "api.sock"
    till.until(lambda: ask_agent(path, "/v1/devices")["test_mode"]["on"])
    till.scanner.send(GOOD)
    listening.join()
    assert heard == [0]
    out, err = capsys.readouterr()
    assert "through the running agent" in err
    scan = json.loads(out.splitlines()[0])
    assert (scan["device"], scan["quality"], scan["verdict"]) == ("front", "ok", "member")
    assert MEMBER not in out + err  # the agent hands no number out
    assert not ask_agent(path, "/v1/devices")["test_mode"]["on"]
    assert till.till.status().body["open"] is None  # explained, not counted


def test_listening_without_an_agent_opens_the_scanners_itself(register: Any, capsys: pytest.CaptureFixture[str]) -> None:
    import threading

    scanner = register.plug_scanner()
    sending = threading.Event()

    def send() -> None:
        while not sending.wait(0.3):
            scanner.send(GOOD)

    sender = threading.Thread(target=send)
    sender.start()
    code = main(["scan", "listen", "--settings", str(register.settings), "--for", "5", "--json"])
    sending.set()
    sender.join()
    out, err = capsys.readouterr()
    assert code == 0
    assert "directly (no agent runs)" in err
    assert json.loads(out.splitlines()[0])["text"] == MEMBER
    assert main(["scan", "listen", "--settings", str(register.settings), "--for", "1", "--test"]) == 69


def test_one_scanner_serves_agent_and_pos(register: Any, tmp_path: Path) -> None:
    with PosKeyboard(tmp_path / "keys", "jis") as pos:
        text = register.settings.read_text("utf-8").replace(
            'driver = "serial"\n', f'driver = "serial"\nroute = {{ keyboard = "unix:{pos.path}", layout = "jis", end = "enter" }}\n'
        )
        register.write(text)
        register.plug_scanner()
        register.start()
        register.until(lambda: register.device("front").get("state") == "ready")
        for code in ("4901234567894", "4901234567894", MEMBER, "ABC-12:[x]"):
            register.scanner.send(f"{code}\r".encode())
        assert pos.wait_for("4901234567894\r4901234567894\rABC-12:[x]\r", 60), pos.typed
        register.until(lambda: register.till.status().body["open"] is not None)
        with closing(follow_agent(register.directory / "api.sock", "/v1/events", silence_s=0.2)) as frames:
            while (frame := next(frames)) is None or frame[0] != "live":
                continue
            register.scanner.send("商品カード\r".encode("cp932"))
            assert next(frame[1]["code"] for frame in frames if frame is not None and frame[0] == "notice") == "E322"
