"""Owns a register for tests of the local API: the real agent as a process, with its Unix socket, its loopback port and paired tokens."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from posagent.screen.tokens import TokenBook
from posagent.staff import store_pin
from virtual_counter.plain_register import PlainRegister, free_port, settings

POS = "https://pos.example.jp"
PIN = "47110815"


@dataclass(frozen=True)
class Said:
    """An answer. ``status`` 0: nobody answered."""

    status: int
    body: Any
    headers: dict[str, str]


class Register(PlainRegister):
    """One register with its page's port. ``token``: of a program with both scopes."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        super().__init__(directory, settings(listen=f"127.0.0.1:{self.port}", screen=f'allowed_origins = ["{POS}"]'))
        (directory / "journal").mkdir()
        self.token = TokenBook(directory / "journal" / "tokens.json").add("test", "", frozenset({"pos", "tech"}))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def with_manager(self) -> None:
        with self.settings.open("a", encoding="utf-8") as file:
            file.write(f'[[staff]]\ncode = "M01"\nrole = "manager"\npin = "{store_pin(PIN)}"\n')

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

    def command(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """The posagent command against this register."""
        argv = [sys.executable, "-m", "posagent", *words, "--settings", str(self.settings)]
        return subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    made = Register(tmp_path)
    yield made
    made.end()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Register]:
    """A register whose agent runs for a whole file, with a manager's PIN."""
    made = Register(tmp_path_factory.mktemp("register"))
    made.with_manager()
    made.start()
    yield made
    assert made.stop() == 0, made.log()
