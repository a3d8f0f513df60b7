"""Owns the demo's counter: every virtual device on its real port, a receiver, and the agent itself as a process of its own, restarted as
systemd would.

The agent is the installed one with its real drivers; all it knows of this module is the settings file that `Counter` writes.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from string import Template
from typing import Any

import requests

from posagent.cloud.embedded import EmbeddedReceiver
from posagent.cloud.receiver import Settings as ReceiverSettings
from virtual_counter.camera import Camera
from virtual_counter.clock import RealClock
from virtual_counter.demo_till import Listener, Till
from virtual_counter.display import LineDisplay
from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import T3_80
from virtual_counter.scanner import SerialScanner
from virtual_counter.screen import Screen
from virtual_counter.tcp import serve_tcp
from virtual_counter.wedge import WedgeScanner

COMPANY, STORE, REGISTER = "demo", "0001", "R1"
MEMBERS = {  # token -> number, as head office knows them
    "aoki": "2012345678903",
    "ito": "123456784",
    "ueda": "4012345678901239",
    "endo": "5012345678901236",
}
WEDGE = """
[[scanner]]
name = "keyboard-scanner"
driver = "wedge"
device = "usb:0c2e:0b81"
"""
RESTART_S = 0.5
START_S = 60.0  # a limit for a machine that does ten other things

STATIC = Path(__file__).parent / "static"
PER_AMOUNT = "per_amount.toml"  # 会計額毎
FIXED_RATE = "fixed_rate.toml"  # 定率


class Counter:
    """A register with everything on it, in one directory. ``start``, then use the parts; ``stop`` ends all of it."""

    def __init__(self, directory: Path, *, language: str = "ja", page_port: int = 0, frame_of: str = "") -> None:
        self.directory = directory
        self._language, self._frame_of = language, frame_of
        self._page_port = page_port or _free_port()
        self.printer = VirtualPrinter(T3_80, RealClock())
        self._printer_server: Any = None
        self.scanner = SerialScanner(directory / "scanner")
        self.camera = Camera(directory / "camera")
        self.display = LineDisplay(directory / "display", Screen(kanji=True))
        self.wedge_missing = WedgeScanner.available()
        self.wedge: WedgeScanner | None = None
        self._receiver = EmbeddedReceiver(ReceiverSettings(signed=True))
        self._receiver_port = 0
        self.cloud_up = False
        self.settings = directory / "posagent.toml"
        self._version = 1
        self.sock = directory / "api.sock"
        self.till = Till(self.sock)
        self.listener = Listener(self.sock)
        self._agent: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None
        self._stopping = threading.Event()
        self.starts = 0

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Devices, receiver, agent; returns when the agent answers. Raises RuntimeError with the agent's last words."""
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "cloud").mkdir(exist_ok=True)
        self._printer_server = serve_tcp(self.printer)
        if not self.wedge_missing:
            self.wedge = WedgeScanner()
        self.cloud(up=True)
        self._enrol()
        (self.directory / "program.toml").write_bytes((STATIC / PER_AMOUNT).read_bytes())
        self.settings.write_text(self._settings(), "utf-8")
        self._keeper = threading.Thread(target=self._keep, name="demo-keeper", daemon=True)
        self._keeper.start()
        self.wait_ready()
        self.listener.start()

    def stop(self) -> None:
        """Ends everything, the agent in good order."""
        self._stopping.set()
        self.listener.stop()
        if self._agent is not None and self._agent.poll() is None:
            self._agent.send_signal(signal.SIGTERM)
            try:
                self._agent.wait(10)
            except subprocess.TimeoutExpired:
                self._agent.kill()
        if self._keeper is not None:
            self._keeper.join(12)
        self.scanner.close()
        if self.wedge is not None:
            self.wedge.close()
        self.display.close()
        if self._printer_server is not None:
            self._printer_server.stop()
        if self.cloud_up:
            self.cloud(up=False)

    def wait_ready(self) -> None:
        """Returns when the agent answers. Raises RuntimeError with its log's end when it does not."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.till.status().status == 200:
                return
            time.sleep(0.05)
        raise RuntimeError(f"the agent did not become ready within {START_S:.0f} s; its log ends with:\n{self.log_tail()}")

    def log_tail(self, lines: int = 12) -> str:
        """The end of the agent's log."""
        log = self.directory / "agent.log"
        return "\n".join(log.read_text("utf-8", "replace").splitlines()[-lines:]) if log.exists() else "(no log)"

    def kill_agent(self) -> int:
        """SIGKILL: as a crash or the OOM killer would. Returns the process id that died; the keeper starts another."""
        agent = self._agent
        if agent is None:
            return 0
        agent.kill()
        agent.wait()
        return agent.pid

    @property
    def agent_pid(self) -> int:
        """The agent's process id; 0 while it is down."""
        return self._agent.pid if self._agent is not None and self._agent.poll() is None else 0

    def _keep(self) -> None:
        while not self._stopping.is_set():
            with (self.directory / "agent.log").open("ab") as log:
                self._agent = subprocess.Popen(
                    [sys.executable, "-m", "posagent", "run", "--settings", str(self.settings)], stderr=log, stdin=subprocess.DEVNULL
                )
            self.starts += 1
            self._agent.wait()
            self._stopping.wait(RESTART_S)

    # ------------------------------------------------------------ hands

    def publish(self, program: str) -> int:
        """Head office publishes one of the demo's programs under the next version; registers get it with their next heartbeat."""
        self._version += 1
        text = (STATIC / program).read_text("utf-8")
        text = re.sub(r"^version = \d+", f"version = {self._version}", text, flags=re.MULTILINE)
        answer = requests.put(f"{self.receiver_url}v1/programs/{STORE}?tenant={COMPANY}", text.encode(), timeout=10)
        answer.raise_for_status()
        return self._version

    def cloud(self, *, up: bool) -> None:
        """Plugs or cuts the line to the receiver (same address, same database)."""
        if up and not self.cloud_up:
            url = self._receiver.start(self.directory / "cloud", self._receiver_port)
            self._receiver_port = int(url.rsplit(":", 1)[1])
        elif not up and self.cloud_up:
            self._receiver.stop()
        self.cloud_up = up

    @property
    def page_url(self) -> str:
        """The cashier's page."""
        return f"http://127.0.0.1:{self._page_port}/"

    @property
    def receiver_url(self) -> str:
        """Head office's page."""
        return f"http://127.0.0.1:{self._receiver_port}/"

    # ------------------------------------------------------------

    def _enrol(self) -> None:
        """What store IT does once: a one-time code against the register's key. And head office registers its members."""
        place = {"store": STORE, "register": REGISTER}
        office = f"{self.receiver_url}v1"
        code = requests.post(f"{office}/enrolments?tenant={COMPANY}", json=place, timeout=10)
        code.raise_for_status()
        credentials = requests.post(f"{office}/enrol", json={"code": code.json()["code"]}, timeout=10)
        credentials.raise_for_status()
        path = self.directory / "credentials.json"
        path.touch(mode=0o600)
        path.write_text(credentials.text, "utf-8")
        for token, number in MEMBERS.items():
            answer = requests.post(f"{office}/members?tenant={COMPANY}", json={"token": token, "number": number}, timeout=10)
            answer.raise_for_status()

    def _settings(self) -> str:
        template = (STATIC / "posagent.toml").read_text("utf-8")
        if self.wedge is not None:
            template += WEDGE
        return Template(template).substitute(
            language=self._language,
            receiver=self.receiver_url.rstrip("/"),
            page_port=self._page_port,
            frame=json.dumps([self._frame_of] if self._frame_of else []),
            directory=self.directory,
            printer_port=self._printer_server.port,
        )


def _free_port() -> int:
    """A port that is free now; fixed for the demo's life, so that the page finds a restarted agent again."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
