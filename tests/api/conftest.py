"""Owns a register for tests of the local API: the real agent as a process, with its Unix socket, its loopback port and paired tokens."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from posagent.screen.tokens import TokenBook
from posagent.staff import store_pin

PROGRAM = """\
schema = 1
[program]
id = "shop"
version = 1
[accounts.points]
label = "ポイント"
[[earn]]
id = "base"
account = "points"
every = 100
give = 1
"""
SETTINGS = """\
[register]
company = "acme"
brand = "cafe"
store = "0042"
register = "R2"
store_name = "喫茶"
language = "en"
[journal]
directory = "journal"
[program]
file = "program.toml"
[screen]
listen = "127.0.0.1:{port}"
socket = "api.sock"
allowed_origins = ["https://pos.example.jp"]
[[code]]
name = "jan"
kind = "member"
symbologies = ["ean13"]
length = 13
prefixes = ["20-29"]
"""
MEMBER = "2012345678903"
POS = "https://pos.example.jp"
PIN = "47110815"


@dataclass(frozen=True)
class Said:
    """An answer. ``status`` 0: nobody answered."""

    status: int
    body: Any
    headers: dict[str, str]


class Register:
    """One register's directory and, when started, its agent. ``token``: of a program with both scopes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.settings, self.socket = directory / "posagent.toml", directory / "api.sock"
        self.port = free_port()
        self.settings.write_text(SETTINGS.replace("{port}", str(self.port)), "utf-8")
        (directory / "program.toml").write_text(PROGRAM, "utf-8")
        (directory / "journal").mkdir()
        self.token = TokenBook(directory / "journal" / "tokens.json").add("test", "", frozenset({"pos", "tech"}))
        self.agent: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def with_manager(self) -> None:
        with self.settings.open("a", encoding="utf-8") as settings:
            settings.write(f'[[staff]]\ncode = "M01"\nrole = "manager"\npin = "{store_pin(PIN)}"\n')

    def start(self) -> None:
        argv = [sys.executable, "-m", "posagent", "run", "--settings", str(self.settings)]
        with (self.directory / "log").open("ab") as log:
            self.agent = subprocess.Popen(argv, stderr=log, stdin=subprocess.DEVNULL)
        self.until(lambda: self.ask("GET", "/readyz").status == 200)

    def kill(self) -> None:
        assert self.agent is not None
        self.agent.kill()
        self.agent.wait(20)

    def stop(self) -> int:
        assert self.agent is not None
        self.agent.send_signal(signal.SIGTERM)
        return self.agent.wait(20)

    def until(self, holds: Callable[[], object], timeout_s: float = 30.0) -> None:
        """Polls a condition of another process: there is nothing to wait on."""
        deadline = time.monotonic() + timeout_s
        while not holds():
            assert self.agent is None or self.agent.poll() is None, (self.directory / "log").read_text("utf-8")
            assert time.monotonic() < deadline, "the condition did not come true in time"
            time.sleep(0.02)

    def ask(self, method: str, path: str, body: Any = None, key: str = "", **headers: str) -> Said:
        """Over the Unix socket, as the agent's own user."""
        line = http.client.HTTPConnection("agent", timeout=20)
        given = {"Content-Type": "application/json", "Idempotency-Key": key or os.urandom(8).hex()} if body is not None else {}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            line.sock = socket.socket(socket.AF_UNIX)
            line.sock.settimeout(20)
            line.sock.connect(str(self.socket))
            line.request(method, path, json.dumps(body) if body is not None else None, given)
            answer = line.getresponse()
            raw = answer.read()
        except (OSError, http.client.HTTPException):
            return Said(0, None, {})
        finally:
            line.close()
        return Said(answer.status, json.loads(raw) if raw else None, {name.lower(): value for name, value in answer.getheaders()})

    def events(self) -> list[dict[str, Any]]:
        """The journal's events as they are on disk."""
        import sqlite3

        with contextlib.closing(sqlite3.connect(self.directory / "journal" / "queue.db")) as journal:
            return [json.loads(body) for (body,) in journal.execute("SELECT body FROM ev ORDER BY seq")]

    def command(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """The posagent command against this register."""
        argv = [sys.executable, "-m", "posagent", *words, "--settings", str(self.settings)]
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    made = Register(tmp_path)
    yield made
    if made.agent is not None and made.agent.poll() is None:
        made.kill()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Register]:
    """A register whose agent runs for a whole file, with a manager's PIN."""
    made = Register(tmp_path_factory.mktemp("register"))
    made.with_manager()
    made.start()
    yield made
    assert made.stop() == 0, (made.directory / "log").read_text("utf-8")
