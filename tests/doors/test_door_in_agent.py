"""Captured sales at the counter: the real agent as a process, a POS that prints, a member who shows a card."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from virtual_counter.plain_register import MEMBER, PlainRegister, free_port, settings

DOOR = """\
[[sale_door]]
name = "till-printer"
driver = "capture-printer"
listen = "127.0.0.1:{port}"
trust = "{trust}"
profiles = "{directory}/receipts"
"""


def receipt(text: str) -> bytes:
    return b"\x1b@\x1cC\x01" + text.replace("¥", "\\").encode("cp932") + b"\n\x1dV\x42\x00"


PAID = "レシートNo.{no}\n合計 ¥1,980\n(10%対象 ¥1,980 内税 ¥180)\nお預り ¥2,000\nお釣り ¥20"


class Shop(PlainRegister):
    """A register whose POS prints through the agent."""

    def __init__(self, directory: Path, trust: str = "grant") -> None:
        self.port = free_port()
        super().__init__(directory, settings(DOOR.replace("{port}", str(self.port)).replace("{trust}", trust), language="ja"))
        self.start()
        self.until(lambda: any(device["state"] == "ready" for device in self.till.status().body.get("devices", [])))

    def print(self, text: str) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as pos:
            pos.sendall(receipt(text))

    def scan(self) -> Any:
        return self.till._post("/v1/scans", {"text": MEMBER, "symbology": "E0"})


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    assert made.stop() == 0, made.log()


def test_a_printed_receipt_and_a_card_make_one_grant_in_either_order(shop: Shop) -> None:
    shop.print(PAID.format(no="0001"))
    shop.until(lambda: (shop.till.status().body.get("open") or {}).get("amount") == 1980)
    assert shop.scan().status == 200
    shop.until(lambda: len(shop.events("sale.granted")) == 1)
    assert shop.scan().status == 200  # the same card again shows the first grant
    shop.print(PAID.format(no="0001"))  # and the same receipt, printed again, is the same sale
    shop.print("** 再発行 **\n" + PAID.format(no="0002"))
    shop.print("精算レポート\n純売上合計 ¥152,300\n合計 ¥152,300")
    shop.print(PAID.format(no="0003"))
    shop.until(lambda: (shop.till.status().body.get("open") or {}).get("amount") == 1980)
    assert len(shop.events("sale.granted")) == 1
    assert [event["receipt_no"] for event in shop.events("sale.seen")] == ["0001", "0003"]
    (seen, _) = shop.events("sale.seen")
    assert (seen["door"], seen["paid"]) == ("till-printer", True)
    assert "ブレンド" not in shop.log()


def test_a_total_without_payment_or_number_only_pre_fills(shop: Shop) -> None:
    shop.scan()
    shop.print("合計 ¥1,980")
    shop.until(lambda: shop.events("sale.seen"))
    assert shop.events("sale.seen")[0]["paid"] is False
    assert not shop.events("sale.granted")
    shop.print(PAID.format(no="0009"))
    shop.until(lambda: shop.events("sale.granted"))
    assert shop.events("sale.granted")[0]["sale_id"].endswith("-n0009")


def test_a_printed_refund_proposes_its_sale_and_only_a_manager_takes_points_back(shop: Shop) -> None:
    shop.print(PAID.format(no="0001"))
    shop.until(lambda: shop.events("sale.seen"))
    shop.scan()
    shop.until(lambda: shop.events("sale.granted"))
    shop.print("返品\n元取引番号 0001\n取引No.0002\n合計 -1,980\n現金 -1,980")
    shop.until(lambda: shop.till.status().body["refunds"])
    (proposed,) = shop.till.status().body["refunds"]
    assert (proposed["sale_id"], proposed["amount"], proposed["remaining_total"]) == (shop.events("sale.granted")[0]["sale_id"], 1980, 0)
    assert not shop.events("sale.voided")
    assert shop.till._post("/v1/voids", {"sale_id": proposed["sale_id"], "reason": "returned", "role": "manager"}).status == 200
    shop.until(lambda: not shop.till.status().body["refunds"])
    assert sum(entry["delta"] for event in (*shop.events("sale.granted"), *shop.events("sale.voided")) for entry in event["entries"]) == 0
    assert shop.till.status().body["open"] is None  # the next card is another customer's


@pytest.fixture
def doubted(tmp_path: Path) -> Iterator[Shop]:
    """A shop whose door has to earn its trust."""
    made = Shop(tmp_path, trust="earn")
    yield made
    assert made.stop() == 0, made.log()


def test_a_door_that_is_not_trusted_waits_for_the_cashier_and_is_taught(doubted: Shop, tmp_path: Path) -> None:
    shop = doubted
    shop.scan()
    shop.print(PAID.format(no="0001"))
    shop.until(lambda: shop.events("sale.seen"))
    assert shop.events("sale.seen")[0]["paid"] is False
    assert not shop.events("sale.granted")
    assert shop.till._post("/v1/sales", {"total": 1980, "source": "typed"}).status == 200
    shop.until(lambda: shop.events("sale.granted"))
    shop.until(lambda: (tmp_path / "journal" / "doors.json").exists())
    assert '"confirmed": 1' in (tmp_path / "journal" / "doors.json").read_text("utf-8")
    shop.print(PAID.format(no="0002"))  # Enter on the empty field says that what was read is right
    shop.until(lambda: (shop.till.status().body["open"] or {}).get("proposed"))
    opened = shop.till.status().body["open"]
    assert (opened["door"], opened["amount"]) == ("till-printer", 1980)
    enter = {"total": 1980, "source": "typed", "confirms": opened["sale_id"]}
    assert shop.till._post("/v1/sales", enter | {"total": 1800}).body["code"] == "E678"
    assert shop.till._post("/v1/sales", enter).body["result"] == "waiting_for_member"
    assert shop.till._post("/v1/scans", {"text": "2112345678900", "symbology": "E0"}).status == 200
    shop.until(lambda: len(shop.events("sale.granted")) == 2)
    assert shop.events("sale.granted")[1]["sale_id"].endswith("-n0002")
    shop.until(lambda: '"confirmed": 2' in (tmp_path / "journal" / "doors.json").read_text("utf-8"))
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
    def doors(*more: str) -> str:
        argv = [sys.executable, "-m", "posagent", "doors", *more, "--settings", str(tmp_path / "posagent.toml")]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout

    assert doors("list") == "till-printer: profile none; 2 of 20 sales confirmed\n  could use: acme\n"
    assert doors("use", "till-printer", "acme") == "till-printer: profile acme (chosen here); 0 of 20 sales confirmed\n"
    shop.print("レシートNo.A-13\nおあいそ ¥3,300\nお預り ¥5,000")  # it counts from the next receipt on
    shop.until(lambda: (shop.till.status().body["open"] or {}).get("amount") == 3300)
    untrue = [{"number": 1, "total": 5}, {"number": 2, "total": 6}]
    wrong = shop.till._post("/v1/devices/till-printer/learn", {"name": "other", "known": untrue})
    assert wrong.body["code"] == "E636"
    assert shop.till._post("/v1/devices/till-printer/teach", {"on": False}).status == 200
    assert card()["captured"] == []
