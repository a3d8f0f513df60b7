"""Owns the register PC that the doctor is tried on: a machine below a folder, healthy until somebody breaks it."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import socket
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from offline_queue.events import NewEvent
from offline_queue.journal import Journal
from posagent.doctor.case import Case
from posagent.doctor.examine import examine
from posagent.doctor.host import Host, Ran
from posagent.ports import Found
from posagent.registry import Broken
from posagent.settings import load_settings

AT = datetime.fromisoformat("2026-11-22T12:00:00+09:00")
PROGRAM = Path(__file__).parents[3] / "config" / "program.example.toml"
UNIT = {"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "Result": "success", "ExecMainStatus": "0", "NRestarts": "0",
        "WatchdogUSec": "30s", "DevicePolicy": "closed", "DeviceAllow": "char-ttyACM rw char-input r",
        "ActiveEnterTimestamp": "Sun 2026-11-22 03:00:00 UTC"}  # fmt: skip
ROOM: dict[str, Any] = {
    "devices": [
        {"name": "front", "kind": "scanner", "state": "ready", "stale": False, "beat": 1, "message": None, "detail": "",
         "scanner": {"good": 50, "damaged": 0, "why": ""}, "printer": None},
        {"name": "slips", "kind": "printer", "state": "ready", "stale": False, "beat": 1, "message": None, "detail": "", "scanner": None,
         "printer": {"says": {"paper": "ok", "cover_open": False}, "capabilities": {"kanji": True}}},
    ],
    "test_mode": {"on": False, "left_s": 0}, "cloud": {"clock_offset_ms": 12, "blocked": ""},
}  # fmt: skip
STATUS: dict[str, Any] = {"questions": [], "degraded": []}
SETTINGS = """
[register]
company = "acme"
brand = "cafe"
store = "0042"
register = "R2"
store_name = "喫茶アクメ"
[journal]
directory = "{home}/var/lib/posagent"
[program]
file = "{home}/etc/posagent/program.toml"
[screen]
listen = "{listen}"
socket = "{home}/run/posagent/api.sock"
{screen}
[cloud]
url = "{url}"
credentials = "{home}/etc/posagent/credentials/register.json"
[[scanner]]
name = "front"
driver = "serial"
port = "/dev/serial/by-id/usb-Datalogic_Gryphon-if00"
[[printer]]
name = "slips"
driver = "escpos-tcp"
host = "127.0.0.1"
port = {printer}
{code}
"""
CODE = '[[code]]\nname = "jan-member"\nkind = "member"\nsymbologies = ["ean13"]\nlength = 13\nprefixes = ["20-29"]'


@dataclass
class Machine:
    """A register PC below a folder: healthy until somebody breaks it."""

    home: Path
    url: str
    listen: str
    printer: int
    screen: str = ""
    code: str = CODE
    snapshots: str = ""
    unit: dict[str, str] | None = field(default_factory=lambda: dict(UNIT))
    active: set[str] = field(default_factory=set)
    commands: dict[str, Ran] = field(default_factory=dict)
    agent: Any = "running"
    room: dict[str, Any] | None = field(default_factory=lambda: deepcopy(ROOM))
    status: dict[str, Any] | None = field(default_factory=lambda: deepcopy(STATUS))
    found: list[Found] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    now: datetime = AT
    trouble: str = ""
    has_settings: bool = True
    text: str = SETTINGS
    settings_mode: int = 0o640

    def put(self, path: str, text: str = "", mode: int = 0o640) -> Path:
        """A file of the machine. Settings and journal name their real places, so they stand below the folder by name as well."""
        file = self.home / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        file.chmod(mode)
        return file

    def run(self, command: Sequence[str]) -> Ran:
        for start, ran in self.commands.items():
            if " ".join(command).startswith(start):
                return ran
        match command[:2]:
            case ["systemctl", "show"]:
                return Ran(4, "") if self.unit is None else Ran(0, "\n".join(f"{key}={value}" for key, value in self.unit.items()))
            case ["systemctl", "is-active"]:
                return Ran(0, "active\n") if command[2] in self.active else Ran(3, "inactive\n")
            case ["timedatectl", _]:
                return Ran(0, "Timezone=Asia/Tokyo\nNTPSynchronized=yes\n")
            case ["journalctl", _]:
                return Ran(0, "usb 1-4: new full-speed USB device number 5 using xhci_hcd\n")
        return Ran(127, "")

    def case(self) -> Case:
        text = self.text.format(home=self.home, url=self.url, listen=self.listen, printer=self.printer, screen=self.screen, code=self.code)
        text = text.replace("[program]", f"{self.snapshots}\n[program]")
        file = self.put("/etc/posagent/posagent.toml", text, self.settings_mode)
        settings = load_settings(file)[0] if self.has_settings else None
        # The machine's root is "/" for what the settings name below the folder, and the folder for everything else.
        host = _Rooted(self.home, self.run, lambda: self.now)
        return Case(host, file, settings, self.trouble, self.agent, self.room, self.status, tuple(self.found), tuple(self.broken))

    def program(self, until: str) -> None:
        """The store's program, with its last day."""
        self.put("/etc/posagent/program.toml", re.sub(r"(?m)^until = \S+", f"until = {until}", PROGRAM.read_text("utf-8"), count=1))

    def sql(self, *statements: str) -> None:
        """Changes the journal behind its back."""
        with closing(sqlite3.connect(self.home / "var/lib/posagent/queue.db")) as conn:
            for statement in statements:
                conn.execute(statement)
            conn.commit()

    def serial_port(self, node: str = "/dev/ttyACM0") -> None:
        """The scanner stands under its kernel name in the settings."""
        self.put(node, mode=0o660)
        self.text = self.text.replace("/dev/serial/by-id/usb-Datalogic_Gryphon-if00", node)

    def usb_printer(self) -> None:
        """The printer hangs on USB, under the name that our udev rule gives it."""
        self.put("/dev/posagent/printer-04b8-0e15-1-2", mode=0o660)
        network = 'driver = "escpos-tcp"\nhost = "127.0.0.1"\nport = {printer}'
        self.text = self.text.replace(network, 'driver = "escpos-lp"\nnode = "/dev/posagent/printer-04b8-0e15-1-2"')

    def keys(self, **how: Any) -> dict[str, str]:
        """What the doctor finds: key -> level."""
        return {found.words: found.level for one in examine(self.case(), **how) for found in one.findings}


class _Rooted(Host):
    def path(self, absolute: str | Path) -> Path:
        return Path(absolute) if str(absolute).startswith(str(self.root)) else super().path(absolute)


@pytest.fixture(scope="module")
def listener() -> Iterator[int]:
    """Somebody who takes every connection: head office's port, and the printer's."""
    server = socket.create_server(("127.0.0.1", 0), backlog=64)

    def take() -> None:
        while True:
            try:
                server.accept()[0].close()
            except OSError:
                return

    thread = threading.Thread(target=take)
    thread.start()
    yield int(server.getsockname()[1])
    server.shutdown(socket.SHUT_RDWR)
    thread.join()
    server.close()


@pytest.fixture(scope="module")
def page() -> Iterator[tuple[str, dict[str, int]]]:
    """The page's address, and the status with which strangers are answered."""
    answers = {"status": 403}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answers["status"])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", answers
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal with one fresh event, to be copied."""
    directory = tmp_path_factory.mktemp("journal") / "posagent"
    directory.mkdir(mode=0o700)
    written = Journal.open(directory, source="/t/acme/s/0042/r/R2", reserve_mb=0)
    written.put([NewEvent("posagent.sale.granted.v1", "m:1", "k1", (AT - timedelta(minutes=5)).isoformat(), {"points": 1})]).result(60)
    written.close()
    return directory


@pytest.fixture
def machine(tmp_path: Path, journal: Path, listener: int, page: tuple[str, dict[str, int]]) -> Machine:
    page[1]["status"] = 403
    found = Machine(tmp_path, f"http://127.0.0.1:{listener}", page[0], listener)
    found.program("2027-03-31")
    keys = {"device": "d1", "key": "00" * 32, "member_key": "11" * 32, "file_keys": {}}
    found.put("/etc/posagent/credentials/register.json", json.dumps(keys), 0o600)
    found.put("/etc/passwd", "posagent:x:995:993::/var/lib/posagent:/usr/sbin/nologin\n")
    found.put("/etc/group", f"posagent:x:993:\ndialout:x:20:posagent\nmine:x:{os.getgid()}:posagent\n")
    found.put("/usr/lib/udev/rules.d/71-posagent.rules")
    found.put("/dev/serial/by-id/usb-Datalogic_Gryphon-if00", mode=0o660)
    found.put("/proc/devices", "Character devices:\n166 ttyACM\n 13 input\n\nBlock devices:\n  8 sd\n")
    shutil.copytree(journal, found.home / "var/lib/posagent")
    return found
