"""Owns the plainest register there is: a directory with settings, rules of one point per 100 yen, and the agent on it as a process of its own.

Tests and measurements put their own devices and rules on it.
"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from virtual_counter.demo_till import Till

MEMBER = "2012345678903"
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
_SETTINGS = """\
[register]
company = "acme"
brand = "cafe"
store = "0042"
register = "R2"
store_name = "喫茶"
language = "{language}"
[journal]
directory = "journal"
[program]
file = "program.toml"
[screen]
listen = "{listen}"
socket = "api.sock"
{screen}
[[code]]
name = "jan"
kind = "member"
symbologies = ["ean13"]
length = 13
prefixes = ["20-29"]
"""
STOP_S = 20.0  # the agent's own limit is shorter
REFUSE_S = 15.0


def settings(more: str = "", *, listen: str = "", language: str = "en", screen: str = "") -> str:
    """A settings file's text. ``more``: tables at its end; ``screen``: further lines of [screen]."""
    return _SETTINGS.replace("{listen}", listen).replace("{language}", language).replace("{screen}", screen) + more


def free_port() -> int:
    """A TCP port of loopback that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


class PlainRegister:
    """A register's directory and, when started, its agent. ``{directory}`` in settings is the directory."""

    def __init__(self, directory: Path, text: str) -> None:
        self.directory = directory
        self.settings, self.socket, self.log_file = directory / "posagent.toml", directory / "api.sock", directory / "log"
        self.write(text)
        (directory / "program.toml").write_text(PROGRAM, "utf-8")
        self.till = Till(self.socket)
        self.agent: subprocess.Popen[bytes] | None = None

    def write(self, text: str) -> None:
        """The settings, anew."""
        self.settings.write_text(text.replace("{directory}", str(self.directory)), "utf-8")

    def spawn(self, *more: str) -> subprocess.Popen[bytes]:
        """An agent that may or may not come up; what it says goes to the end of the log."""
        argv = [sys.executable, "-m", "posagent", "run", "--settings", str(self.settings), *more]
        with self.log_file.open("ab") as log:
            return subprocess.Popen(argv, stderr=log, stdin=subprocess.DEVNULL)

    def start(self) -> None:
        """Returns when the agent answers."""
        self.agent = agent = self.spawn()

        def answers() -> bool:
            if agent.poll() is not None:
                raise RuntimeError(f"the agent did not come up\n{self.log()}")
            return self.till.status().status == 200

        self.until(answers)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        self._running().kill()
        self._running().wait(STOP_S)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self._running().send_signal(signal.SIGTERM)
        return self._running().wait(STOP_S)

    def _running(self) -> subprocess.Popen[bytes]:
        if self.agent is None:
            raise RuntimeError("no agent was started")
        return self.agent

    def end(self) -> None:
        """Whatever still runs, at once."""
        if self.agent is not None and self.agent.poll() is None:
            self.kill()

    def refused(self, *more: str) -> tuple[int, str]:
        """Starts an agent that must not come up; its exit code and words."""
        said_before = len(self.log())
        process = self.spawn(*more)
        try:
            code = process.wait(REFUSE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        return code, self.log()[said_before:]

    def log(self) -> str:
        """What the agents have said so far."""
        return self.log_file.read_text("utf-8") if self.log_file.exists() else ""

    def until(self, holds: Callable[[], object], timeout_s: float = 60.0) -> None:
        """Polls a condition of another process: there is nothing to wait on."""
        deadline = time.monotonic() + timeout_s
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the condition did not come true in time\n{self.log()}")
            time.sleep(0.02)

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """The journal's events as they are on disk; with a name ("sale.granted"), the data of those."""
        with contextlib.closing(sqlite3.connect(self.directory / "journal" / "queue.db")) as journal:
            found = [json.loads(body) for (body,) in journal.execute("SELECT body FROM ev ORDER BY seq")]
        return [event["data"] for event in found if event["type"] == f"posagent.{name}.v1"] if name else found
