"""Owns what the tests of installation and service share."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from posagent.cloud import enrol
from posagent.cloud.embedded import EmbeddedReceiver
from posagent.cloud.reading import Place
from posagent.cloud.receiver import Settings
from virtual_counter.scanner import TcpScanner

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
"""A machine that others keep busy starts an agent in half a minute; what does not come at all is told soon enough."""


class HeadOffice:
    """A receiver that asks for keys, with its database at hand."""

    def __init__(self, directory: Path) -> None:
        self._embedded = EmbeddedReceiver(Settings(signed=True))
        self.url = self._embedded.start(directory)

    @property
    def receiver(self):
        return self._embedded.receiver

    def code(self, store: str = "0042", register: str = "R2", company: str = "acme", *, now_ms: int | None = None) -> str:
        at = self.receiver.now_ms() if now_ms is None else now_ms
        return self.receiver.engine.write(lambda work: enrol.new_code(work, Place(company, store, register), at))

    def revoke(self, device: str, company: str = "acme") -> bool:
        return self.receiver.engine.write(lambda work: enrol.revoke(work, company, device, self.receiver.now_ms()))

    def stop(self) -> None:
        self._embedded.stop()


@pytest.fixture(scope="module")
def head_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeadOffice]:
    made = HeadOffice(tmp_path_factory.mktemp("receiver"))
    yield made
    made.stop()


SETTINGS = """\
[register]
company = "acme"
brand = "cafe"
store = "0042"
register = "R2"
store_name = "cafe"
[journal]
directory = "journal"
[program]
file = "program.toml"
[screen]
listen = ""
socket = "api.sock"
[[scanner]]
name = "front"
driver = "tcp-scanner"
host = "127.0.0.1"
tcp_port = {port}
role = "client"
[[code]]
name = "jan"
kind = "member"
symbologies = ["ean13"]
length = 13
prefixes = ["20-29"]
[[code]]
name = "nw7"
kind = "member"
symbologies = ["nw7"]
length = 10
start_stop = "strip"
[[code]]
name = "qr"
kind = "member"
symbologies = ["qr"]
length = 10
template = "https://m.example/c/{id}"
"""
PROGRAM = """\
schema = 1
[program]
id = "shop"
version = 1
[accounts.points]
label = "P"
[[earn]]
id = "base"
account = "points"
every = 100
give = 1
"""


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=20)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(str(self._path))


class Till:
    """A whole agent with a network scanner, under a made-up systemd: the test is the other end of $NOTIFY_SOCKET."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.settings = directory, directory / "posagent.toml"
        self.scanner = TcpScanner()
        self.write(SETTINGS)
        (directory / "program.toml").write_text(PROGRAM, "utf-8")
        self._notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notified.bind(str(directory / "notify"))
        self._notified.settimeout(PATIENCE_S)
        self._heard: list[str] = []
        self.agent: subprocess.Popen[bytes] | None = None

    def write(self, settings: str) -> None:
        self.settings.write_text(settings.replace("{port}", str(self.scanner.port)), "utf-8")

    def start(self, *more: str) -> None:
        """Returns when the agent says that it is ready and the scanner has its host."""
        environment = os.environ | {"NOTIFY_SOCKET": str(self.directory / "notify"), "WATCHDOG_USEC": "3000000"}
        environment.pop("WATCHDOG_PID", None)
        words = [sys.executable, "-m", "posagent", "run", *more, "--settings", str(self.settings)]
        with (self.directory / "log").open("ab") as log:
            self.agent = subprocess.Popen(words, stderr=log, stdin=subprocess.DEVNULL, env=environment)
        assert self.hear("READY=1").startswith("READY=1\nSTATUS=")
        self.until(lambda: self.scanner.connected)

    def hear(self, word: str) -> str:
        """Waits for a message that holds the word."""
        while True:
            self._heard.append(self._notified.recv(4096).decode())
            if word in self._heard[-1]:
                return self._heard[-1]

    def heard(self) -> list[str]:
        """Everything so far."""
        self._notified.setblocking(False)
        while True:
            try:
                self._heard.append(self._notified.recv(4096).decode())
            except BlockingIOError:
                self._notified.settimeout(PATIENCE_S)
                return self._heard

    def until(self, holds: object, timeout_s: float = PATIENCE_S) -> None:
        """Polls a condition of another process: there is nothing to wait on."""
        deadline = time.monotonic() + timeout_s
        while not holds():  # type: ignore[operator]
            assert time.monotonic() < deadline, "the condition did not come true in time"
            time.sleep(0.02)

    def get(self, target: str) -> tuple[int, str]:
        line = _Unix(self.directory / "api.sock")
        line.request("GET", target)
        answer = line.getresponse()
        text = answer.read().decode()
        line.close()
        return answer.status, text

    def log(self) -> str:
        return (self.directory / "log").read_text("utf-8")

    def stop(self) -> int:
        assert self.agent is not None
        self.agent.send_signal(signal.SIGTERM)
        return self.agent.wait(20)

    def close(self) -> None:
        if self.agent is not None:
            self.agent.kill()
            self.agent.wait()
        self.scanner.close()
        self._notified.close()


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    made = Till(tmp_path)
    yield made
    made.close()
