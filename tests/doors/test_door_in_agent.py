"""Captured sales at the counter: the real agent as a process, a POS that prints, a member who shows a card."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from virtual_counter.demo_till import Till

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
[journal]
directory = "journal"
[program]
file = "program.toml"
[screen]
listen = ""
socket = "api.sock"
[[sale_door]]
name = "till-printer"
driver = "capture-printer"
listen = "127.0.0.1:{port}"
trust = "{trust}"
profiles = "{profiles}"
[[code]]
name = "jan"
kind = "member"
symbologies = ["ean13"]
length = 13
prefixes = ["20-29"]
"""
MEMBER = "2012345678903"


def receipt(text: str) -> bytes:
    return b"\x1b@\x1cC\x01" + text.replace("¥", "\\").encode("cp932") + b"\n\x1dV\x42\x00"


PAID = "レシートNo.{no}\n合計 ¥1,980\n(10%対象 ¥1,980 内税 ¥180)\nお預り ¥2,000\nお釣り ¥20"


class Shop:
    """A register whose POS prints through the agent."""

    def __init__(self, directory: Path, trust: str = "grant") -> None:
        self.directory = directory
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = SETTINGS.replace("{port}", str(self.port)).replace("{trust}", trust).replace("{profiles}", str(directory / "receipts"))
        (directory / "posagent.toml").write_text(settings, "utf-8")
        (directory / "program.toml").write_text(PROGRAM, "utf-8")
        self.till = Till(directory / "api.sock")
        argv = [sys.executable, "-m", "posagent", "run", "--settings", str(directory / "posagent.toml")]
        with (directory / "log").open("w") as log:
            self.agent = subprocess.Popen(argv, stderr=log, stdin=subprocess.DEVNULL)
        self.until(lambda: any(device["state"] == "ready" for device in self.till.status().body.get("devices", [])))

    def until(self, holds: Any) -> None:
        deadline = time.monotonic() + 45
        while not holds():
            assert self.agent.poll() is None, (self.directory / "log").read_text("utf-8")
            assert time.monotonic() < deadline, "the condition did not come true in time"
            time.sleep(0.02)

    def print(self, text: str) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as pos:
            pos.sendall(receipt(text))

    def scan(self) -> Any:
        return self.till._post("/v1/scans", {"text": MEMBER, "symbology": "E0"})

    def events(self, kind: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.directory / "journal" / "queue.db")) as journal:
            rows = journal.execute("SELECT body FROM ev ORDER BY seq").fetchall()
        return [event["data"] for (body,) in rows if (event := json.loads(body))["type"] == f"posagent.sale.{kind}.v1"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.agent.send_signal(signal.SIGTERM)
    assert made.agent.wait(10) == 0, (tmp_path / "log").read_text("utf-8")


def test_a_printed_receipt_and_a_card_make_one_grant_in_either_order(shop: Shop) -> None:
    shop.print(PAID.format(no="0001"))
    shop.until(lambda: (shop.till.status().body.get("open") or {}).get("amount") == 1980)
    assert shop.scan().status == 200
    shop.until(lambda: len(shop.events("granted")) == 1)
    assert shop.scan().status == 200  # the same card again shows the first grant
    shop.print(PAID.format(no="0001"))  # and the same receipt, printed again, is the same sale
    shop.print("** 再発行 **\n" + PAID.format(no="0002"))
    shop.print("精算レポート\n純売上合計 ¥152,300\n合計 ¥152,300")
    shop.print(PAID.format(no="0003"))
    shop.until(lambda: (shop.till.status().body.get("open") or {}).get("amount") == 1980)
    assert len(shop.events("granted")) == 1
    assert [event["receipt_no"] for event in shop.events("seen")] == ["0001", "0003"]
    (seen, _) = shop.events("seen")
    assert (seen["door"], seen["paid"]) == ("till-printer", True)
    assert "ブレンド" not in (shop.directory / "log").read_text("utf-8")


def test_a_total_without_payment_or_number_only_pre_fills(shop: Shop) -> None:
    shop.scan()
    shop.print("合計 ¥1,980")
    shop.until(lambda: shop.events("seen"))
    assert shop.events("seen")[0]["paid"] is False
    assert not shop.events("granted")
    shop.print(PAID.format(no="0009"))
    shop.until(lambda: shop.events("granted"))
    assert shop.events("granted")[0]["sale_id"].endswith("-n0009")


def test_a_printed_refund_proposes_its_sale_and_only_a_manager_takes_points_back(shop: Shop) -> None:
    shop.print(PAID.format(no="0001"))
    shop.until(lambda: shop.events("seen"))
    shop.scan()
    shop.until(lambda: shop.events("granted"))
    shop.print("返品\n元取引番号 0001\n取引No.0002\n合計 -1,980\n現金 -1,980")
    shop.until(lambda: shop.till.status().body["refunds"])
    (proposed,) = shop.till.status().body["refunds"]
    assert (proposed["sale_id"], proposed["amount"], proposed["remaining_total"]) == (shop.events("granted")[0]["sale_id"], 1980, 0)
    assert not shop.events("voided")
    assert shop.till._post("/v1/voids", {"sale_id": proposed["sale_id"], "reason": "returned", "role": "manager"}).status == 200
    shop.until(lambda: not shop.till.status().body["refunds"])
    assert sum(entry["delta"] for event in (*shop.events("granted"), *shop.events("voided")) for entry in event["entries"]) == 0
    assert shop.till.status().body["open"] is None  # the next card is another customer's


@pytest.fixture
def doubted(tmp_path: Path) -> Iterator[Shop]:
    """A shop whose door has to earn its trust."""
    made = Shop(tmp_path, trust="earn")
    yield made
    made.agent.send_signal(signal.SIGTERM)
    assert made.agent.wait(10) == 0, (tmp_path / "log").read_text("utf-8")


def test_a_door_that_is_not_trusted_waits_for_the_cashier_and_is_taught(doubted: Shop, tmp_path: Path) -> None:
    shop = doubted
    shop.scan()
    shop.print(PAID.format(no="0001"))
    shop.until(lambda: shop.events("seen"))
    assert shop.events("seen")[0]["paid"] is False
    assert not shop.events("granted")
    assert shop.till._post("/v1/sales", {"total": 1980, "source": "typed"}).status == 200
    shop.until(lambda: shop.events("granted"))
    shop.until(lambda: (tmp_path / "journal" / "doors.json").exists())
    assert '"confirmed": 1' in (tmp_path / "journal" / "doors.json").read_text("utf-8")
    assert shop.till._post("/v1/devices/till-printer/teach", {"on": True}).status == 200

    def card() -> dict[str, Any]:
        room = shop.till._ask("GET", "/v1/devices", None, {}).body
        return next(device["door"] for device in room["devices"] if device["name"] == "till-printer")

    for number, total in ((11, "1,200"), (12, "2,350")):
        shop.print(f"レシートNo.A-{number}\nおあいそ ¥{total}\nお預り ¥5,000")
    shop.until(lambda: len(card()["captured"]) == 2)
    assert [one["total"] for one in card()["captured"]] == [None, None]
    known = [{"number": 1, "total": 1200}, {"number": 2, "total": 2350}]
    learned = shop.till._post("/v1/devices/till-printer/learn", {"name": "acme", "known": known})
    assert (learned.status, learned.body["totals"]) == (200, [1200, 2350])
    assert "おあいそ" in (tmp_path / "receipts" / "acme.toml").read_text("utf-8")
    untrue = [{"number": 1, "total": 5}, {"number": 2, "total": 6}]
    wrong = shop.till._post("/v1/devices/till-printer/learn", {"name": "other", "known": untrue})
    assert wrong.body["code"] == "E636"
    assert shop.till._post("/v1/devices/till-printer/teach", {"on": False}).status == 200
    assert card()["captured"] == []
