"""Owns the scripted day of `posagent demo --once`: scenes at a counter, told as they happen, and the reckoning: promised against arrived.

Nothing here knows how the agent works: it acts with the hands of a cashier, a customer and bad luck, and afterwards compares what the
agent's event stream told with the paper in the tray and with head office's ledger.
"""

from __future__ import annotations

import json
import time
from collections import Counter as Tally
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from virtual_counter.cards import draw_card, draw_phone
from virtual_counter.demo_counter import COMPANY, FIXED_RATE, MEMBERS, Counter

TOLD_S = 15.0
SETTLED_S = 40.0

JAN = "2012345678903"
NW7 = "A123456784A"
CODE128 = "4012345678901239"
QR = "5012345678901236"
SCANNED = {"JAN": JAN, "NW-7": NW7, "Code 128": CODE128, "QR": QR}


@dataclass
class Day:
    """The day so far. ``say`` prints a line of the story."""

    counter: Counter
    say: Callable[[str], None]
    grants: int = 0
    voids: int = 0
    notes: list[str] = field(default_factory=list)

    def granted(self, what: str) -> None:
        """Waits until one more grant has been told on the event stream. Raises RuntimeError."""
        self.grants += 1
        if not self.counter.listener.wait_for(self.grants, "granted", TOLD_S):
            raise RuntimeError(f"{what}: no grant was told within {TOLD_S:.0f} s; the agent's log ends with:\n{self.counter.log_tail()}")
        event = self.counter.listener.told("granted")[-1]
        coupons = "".join(f", coupon {coupon['label']}" for coupon in event["coupons"])
        offline = " (offline)" if event["offline"] else ""
        self.say(f"    -> {event['member']}: {event['amount']:,} yen, +{event['points']} points{coupons}{offline}")

    def printed(self, count: int) -> None:
        """Waits until so many slips lie in the tray. Raises RuntimeError."""
        deadline = time.monotonic() + TOLD_S
        while time.monotonic() < deadline:
            if sum(slip.complete for slip in self.counter.printer.slips()) >= count:
                return
            time.sleep(0.05)
        found = sum(slip.complete for slip in self.counter.printer.slips())
        raise RuntimeError(f"only {found} of {count} slips came out; the agent's log ends with:\n{self.counter.log_tail()}")

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        """Waits until something is so. Raises RuntimeError."""
        deadline = time.monotonic() + TOLD_S
        while not holds():
            if time.monotonic() > deadline:
                raise RuntimeError(f"not within {TOLD_S:.0f} s: {what}; the agent's log ends with:\n{self.counter.log_tail()}")
            time.sleep(0.05)

    def promised_slips(self) -> int:
        """How many slips the grants told so far promise."""
        return sum(len(event["slips"]) for event in self.counter.listener.told("granted"))


def play(counter: Counter, say: Callable[[str], None]) -> Day:
    """The scenes, one after another, on a started counter. Raises RuntimeError where the agent does not do what it must."""
    day = Day(counter, say)
    for number, (title, scene) in enumerate(SCENES, 1):
        say(f"{number}. {title}")
        scene(day)
    return day


def _plastic_card(day: Day) -> None:
    day.counter.scanner.scan(SCANNED["JAN"], aim="E0")
    time.sleep(0.3)
    day.counter.till.ring_up(1980, receipt_no="1001")
    day.granted("scan, then sale")


def _sale_first(day: Day) -> None:
    day.counter.till.ring_up(2480, receipt_no="1002")
    day.counter.scanner.scan(SCANNED["NW-7"], aim="F0")
    day.granted("sale, then scan")
    day.printed(day.promised_slips())


def _phone_barcode(day: Day) -> None:
    day.counter.till.ring_up(880, receipt_no="1003")
    day.counter.camera.show(draw_phone("CODE128", CODE128, seed=7))
    day.granted("Code 128 on a phone")
    day.counter.camera.clear()


def _paper_out(day: Day) -> None:
    before = day.promised_slips()
    day.printed(before)
    day.counter.printer.paper_out(after_rows=120)
    day.counter.camera.show(draw_card("QR", QR))
    time.sleep(0.5)
    day.counter.till.ring_up(3300, receipt_no="1004")
    day.granted("QR while the paper ends")
    day.counter.camera.clear()
    time.sleep(2.0)
    held = next(device for device in day.counter.till.status().body["devices"] if device["kind"] == "printer")
    day.say(f"    the page says: {held['state']} {held['code'] or ''}; the cashier puts in a new roll")
    if held["code"] != "E210":
        raise RuntimeError(f"the printer is out of paper, but the page says {held}")
    day.counter.printer.load_paper()
    day.printed(day.promised_slips())


def _outage(day: Day) -> None:
    day.counter.cloud(up=False)
    for receipt_no, kind in (("1005", "JAN"), ("1006", "Code 128")):
        day.counter.till.ring_up(1200, receipt_no=receipt_no)
        day.counter.scanner.scan(SCANNED[kind])
        day.granted("without a line to head office")
    waiting = day.counter.till.status().body["queue"]["pending"]
    day.say(f"    {waiting} records wait; the line comes back")
    day.counter.cloud(up=True)


def _killed(day: Day) -> None:
    day.printed(day.promised_slips())
    day.counter.printer.cover(is_open=True)  # so that the slip cannot come out before the kill
    day.counter.till.ring_up(2750, receipt_no="1007")
    day.counter.scanner.scan(SCANNED["NW-7"], aim="F0")
    day.granted("between grant and print")
    pid = day.counter.kill_agent()
    day.say(f"    kill -9 {pid}; the service manager starts another")
    day.counter.wait_ready()
    day.counter.printer.cover(is_open=False)
    day.printed(day.promised_slips())


def _fixed_rate(day: Day) -> None:
    version = day.counter.publish(FIXED_RATE)
    day.counter.scanner.scan(SCANNED["JAN"], aim="E0")
    deadline = time.monotonic() + TOLD_S
    while day.counter.till.quote(1980).body.get("points") != 59:  # 3 % of 1,980 yen, rounded down
        if time.monotonic() > deadline:
            raise RuntimeError(f"program version {version} was published, but the register does not compute with it: {day.counter.log_tail()}")
        time.sleep(0.1)
    day.counter.till.ring_up(1980, receipt_no="1008")
    day.granted("under the fixed-rate program")


def _wrong_card(day: Day) -> None:
    day.counter.till.ring_up(1500, receipt_no="1009")
    day.counter.scanner.scan(SCANNED["Code 128"], aim="C0")
    day.granted("the wrong card")
    wrong = day.counter.listener.told("granted")[-1]
    day.counter.till.void(wrong["sale_id"], "wrong_member")
    day.voids += 1
    if not day.counter.listener.wait_for(day.voids, "voided", TOLD_S):
        raise RuntimeError("the void was not told")
    day.say("    voided; the right card")
    day.counter.scanner.scan(SCANNED["QR"], aim="Q1")
    day.granted("the right card")


def _used(day: Day) -> None:
    """A coupon of the first scenes comes back out of the tray, and some points with it."""
    till, codes = day.counter.till, [code for slip in day.counter.printer.slips() for code in slip.scanned() if code.startswith("C")]
    till.ring_up(1000, receipt_no="1010", paid=False)
    day.counter.scanner.scan(codes[0], aim="Q1")
    day.until("the coupon is in the sale", lambda: bool((till.status().body.get("open") or {}).get("reductions")))
    day.counter.scanner.scan(SCANNED["JAN"], aim="E0")
    day.until("the card is read", lambda: bool((till.status().body.get("open") or {}).get("member")))
    said = till.redeem_points(30)
    if said.body.get("payable") != 870:
        raise RuntimeError(f"100 yen off and 30 points of 1,000 yen leave 870 to pay, but the agent says {said.body}")
    till.ring_up(1000, receipt_no="1010")
    day.granted("870 yen to pay after a coupon and 30 points")
    day.until("the coupon is worth nothing any more", lambda: till.check_coupon(codes[0]).body.get("code") == "E646")


SCENES: tuple[tuple[str, Callable[[Day], None]], ...] = (
    ("A plastic card (JAN, serial scanner) before the sale; 会計額毎, 100 yen a point", _plastic_card),
    ("The sale before the card (NW-7, serial scanner)", _sale_first),
    ("A phone (Code 128) in front of the camera", _phone_barcode),
    ("A QR card in front of the camera; the paper ends in the middle of the slip", _paper_out),
    ("The line to head office is cut; two customers", _outage),
    ("The agent is killed between grant and print", _killed),
    ("Head office hands down a fixed-rate program (定率, 3 %)", _fixed_rate),
    ("The wrong card is scanned, the grant voided, the right card scanned", _wrong_card),
    ("A coupon from the tray is scanned, and points are used; head office holds both until the sale is paid", _used),
)


# ---------------------------------------------------------------- the reckoning

IDENTITY = ("sale_id", "number", "points")
"""What makes a grant this grant: its sale, which try of it (a void makes room for another), and what was promised."""


def reckon(day: Day, out: Path) -> dict[str, Any]:
    """Waits until nothing is on its way, then compares. Writes the slips as PNG and ``story.json`` to ``out``; returns the story."""
    counter = day.counter
    _settle(day)
    out.mkdir(parents=True, exist_ok=True)
    told, voided = counter.listener.told("granted"), counter.listener.told("voided")
    arrived = ledger(counter)
    grants = []
    for event in told:
        same = [row for row in arrived if (row["sale_id"], row["number"], row["points"]) == tuple(event[key] for key in IDENTITY)]
        grants.append({**{key: event[key] for key in (*IDENTITY, "member", "amount", "offline")}, "acks": len(same)})
    paper: Tally[str] = Tally()
    slips = []
    for number, slip in enumerate(counter.printer.slips(), 1):
        if slip.blank:
            continue
        (out / f"slip-{number:02}.png").write_bytes(slip.png())
        paper.update(serial for serial in slip.serials if slip.complete and not slip.void)
        slips.append({"picture": f"slip-{number:02}.png", "serials": list(slip.serials), "complete": slip.complete, "void": slip.void})
    outcomes = {event["serial"]: event["state"] for event in counter.listener.told("slip")}
    promised = [serial for event in told for serial in event["slips"]]
    wrong = [f"{row['sale_id']}: told once, arrived {row['acks']} times" for row in grants if row["acks"] != 1]
    gone = {event["sale_id"] for event in voided}
    spared = {serial for event in told if event["sale_id"] in gone for serial in event["slips"] if outcomes.get(serial) == "cancelled"}
    wrong += [f"slip {serial}: cancelled with its grant, but on paper" for serial in spared if paper[serial]]
    promised = [serial for serial in promised if serial not in spared]
    wrong += [f"slip {serial}: promised once, on paper {paper[serial]} times" for serial in promised if paper[serial] != 1]
    wrong += [f"slip {serial}: on paper, but nobody promised it" for serial in paper if serial not in promised]
    wrong += [f"slip {serial}: the agent says {outcomes.get(serial)}" for serial in promised if outcomes.get(serial) != "printed"]
    extra = len([row for row in arrived if row["type"] == "granted"]) - len(told)
    wrong += [f"{extra} grants arrived that were never told"] if extra else []
    wrong += ["a void did not arrive"] if len([row for row in arrived if row["type"] == "voided"]) != len(voided) else []
    wrong += [f"{counter.listener.repeated} events were told twice"] if counter.listener.repeated else []
    wrong += [f"the printer could not make sense of: {oddity}" for oddity in counter.printer.oddities]
    story = {
        "schema": 1, "agree": not wrong, "wrong": wrong, "grants": grants,
        "voids": [{"sale_id": event["sale_id"], "points": event["points"]} for event in voided],
        "slips": slips, "slip_outcomes": outcomes, "promised_slips": promised, "cancelled_slips": sorted(spared),
        "arrived": arrived, "agent_starts": counter.starts, "wedge_scanner": counter.wedge_missing or "present",
    }  # fmt: skip
    (out / "story.json").write_text(json.dumps(story, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return story


def _settle(day: Day) -> None:
    """Until every slip has an outcome and head office has everything. Goes on after a while: the reckoning then says what is missing."""
    deadline = time.monotonic() + SETTLED_S
    while time.monotonic() < deadline:
        waiting = day.counter.till.status().body.get("queue", {}).get("pending", 1)
        if not waiting and len(day.counter.listener.told("slip")) >= day.promised_slips():
            return
        time.sleep(0.1)


def ledger(counter: Counter) -> list[dict[str, Any]]:
    """Head office's ledger of the demo's members, as its own API tells it."""
    rows = []
    for token in MEMBERS:
        answer = requests.get(f"{counter.receiver_url}v1/members/{token}?tenant={COMPANY}", timeout=10)
        if answer.status_code == 404:
            continue
        answer.raise_for_status()
        for row in answer.json()["ledger"]:
            day, register, sale, kind, nth = [*row["key"].split("/"), "", "", ""][:5]
            if kind in {"grant", "void"}:
                rows.append(
                    {
                        "sale_id": f"{row['store']}-{register}-{day}-{sale}",
                        "number": int(nth or 1),
                        "type": "granted" if kind == "grant" else "voided",
                        "points": row["entries"].get("points", 0),
                        "status": row["status"],
                    }
                )
    return rows
