"""A register in a temporary directory: the real agent as a process of its own, with virtual devices on its real ports."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from virtual_counter.demo_till import Till
from virtual_counter.scanner import SerialScanner

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
listen = ""
socket = "api.sock"
[[scanner]]
name = "front"
driver = "serial"
port = "{directory}/scanner"
[[code]]
name = "jan"
kind = "member"
symbologies = ["ean13"]
length = 13
prefixes = ["20-29"]
"""
MEMBER = "2012345678903"


class Register:
    """One register's directory and, when started, its agent."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.settings = directory / "posagent.toml"
        self.write(SETTINGS)
        (directory / "program.toml").write_text(PROGRAM, "utf-8")
        self.till = Till(directory / "api.sock")
        self.agent: subprocess.Popen[str] | None = None
        self.scanner: SerialScanner | None = None

    def write(self, settings: str) -> None:
        self.settings.write_text(settings.replace("{directory}", str(self.directory)), "utf-8")

    def plug_scanner(self) -> SerialScanner:
        self.scanner = SerialScanner(self.directory / "scanner")
        return self.scanner

    def spawn(self, *more: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "posagent", "run", "--settings", str(self.settings), *more]
        return subprocess.Popen(argv, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)

    def start(self) -> None:
        self.agent = self.spawn()
        self.until(lambda: self.till.status().status == 200)

    def kill(self) -> None:
        assert self.agent is not None
        self.agent.kill()
        self.agent.communicate()

    def stop(self) -> tuple[int, str]:
        """SIGTERM; the exit code and the log."""
        assert self.agent is not None
        self.agent.send_signal(signal.SIGTERM)
        _, log = self.agent.communicate(timeout=10)
        return self.agent.returncode, log

    def refused(self, *more: str) -> tuple[int, str]:
        """Starts an agent that must not start; its exit code and words."""
        process = self.spawn(*more)
        try:
            _, log = process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return process.returncode, log

    def device(self, name: str) -> dict[str, object]:
        devices = self.till.status().body.get("devices", [])
        return next((device for device in devices if device["name"] == name), {})

    def until(self, holds: object, timeout_s: float = 60.0) -> None:
        """Polls a condition of another process: there is nothing to wait on."""
        deadline = time.monotonic() + timeout_s
        while not holds():  # type: ignore[operator]
            assert time.monotonic() < deadline, "the condition did not come true in time"
            time.sleep(0.02)


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    made = Register(tmp_path)
    yield made
    if made.agent is not None and made.agent.poll() is None:
        made.kill()
    if made.scanner is not None:
        made.scanner.close()
