"""Owns the shop of the agent's longer stories: points, prepaid value and a coupon, a printer that is away, a receiver beside the register."""

from __future__ import annotations

import contextlib
import sqlite3
import uuid
from pathlib import Path
from typing import Any

from posagent.cloud.embedded import EmbeddedReceiver
from posagent.slips import from_json
from virtual_counter.plain_register import MEMBER

PROGRAM = """\
schema = 1
[program]
id = "shop"
version = 1
[accounts.points]
label = "ポイント"
redeem = { yen = 1, unit = 1, min = 1 }
[accounts.value]
label = "チャージ残高"
expire = { months = 6 }
issuer = "acme"
contact = "0120-000-000"
charge = { unit = 1000, min = 1000, max = 30000, max_balance = 50000 }
[[earn]]
id = "base"
account = "points"
every = 10
give = 1
[[coupon]]
id = "next"
label = "次回100円引き"
issue = "sale"
when = { min_amount = 2000 }
benefit = { off = 100 }
valid = { days = 30 }
bearer = true
"""
SETTINGS = """\
[checkout]
bounce_s = 0
[[printer]]
name = "paper"
driver = "escpos-tcp"
host = "127.0.0.1"
port = 9
[cloud]
url = "{url}"
heartbeat_s = 5
"""


class AgentShop:
    """A register that has not started yet, and a receiver in a directory of its own. The till and the scanner come over the socket."""

    def __init__(self, register: Any, directory: Path) -> None:
        self.register, self.office_directory = register, directory
        self.office = EmbeddedReceiver()
        self.office_url = self.office.start(directory)
        register.write(register.settings.read_text("utf-8") + SETTINGS.replace("{url}", self.office_url))
        (register.directory / "program.toml").write_text(PROGRAM, "utf-8")

    def post(self, path: str, key: str = "", **body: Any) -> Any:
        return self.register.till._post(path, body, key or uuid.uuid4().hex)

    def scan(self, text: str = MEMBER) -> None:
        assert self.post("/v1/scans", text=text).body["taken"]

    def open(self) -> Any:
        return self.register.till.status().body.get("open") or {}

    def online(self) -> bool:
        return bool(self.register.till.status().body["queue"]["link"] == "online")

    def of(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.register.events(name)
        return found

    def coupon_code(self) -> str:
        """Off the paper: the journal has only its hash."""
        with contextlib.closing(sqlite3.connect(self.register.directory / "journal" / "queue.db")) as journal:
            rows = journal.execute("SELECT document FROM job ORDER BY id").fetchall()
        return str([line.value for (document,) in rows for line in from_json(document).lines if hasattr(line, "value")][-1])
