"""Owns the lab's books: every grant that was told against head office's ledger, every slip that was promised against the paper."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import requests

from tools.lab.register import COMPANY, Register

SETTLED_S = 300.0
COPY = "再発行"


def settle(register: Register) -> None:
    """Waits until every promised slip has an outcome and head office has everything; not for ever: the books say what is missing."""
    deadline = time.monotonic() + SETTLED_S
    while time.monotonic() < deadline:
        promised = sum(len(event["slips"]) for event in register.listener.told("granted"))
        if not register.till.status().body.get("queue", {}).get("pending", 1) and len(register.slips_done()) >= promised:
            return
        time.sleep(0.2)


def ledger(register: Register) -> list[dict[str, Any]]:
    """Head office's grants and voids, as its own API tells them."""
    rows = []
    for token in register.members:
        answer = requests.get(f"{register.receiver_url}/v1/members/{token}?tenant={COMPANY}", timeout=30)
        if answer.status_code == 404:
            continue
        answer.raise_for_status()
        for row in answer.json()["ledger"]:
            day, name, sale, kind, nth = [*row["key"].split("/"), "", "", ""][:5]
            if kind in {"grant", "void"}:
                sale_id = f"{row['store']}-{name}-{day}-{sale}"
                points = row["entries"].get("points", 0)
                rows.append({"sale_id": sale_id, "number": int(nth or 1), "kind": kind, "points": points, "member": token})
    return rows


def reckon(register: Register, pictures: Path) -> dict[str, Any]:
    """Compares. Writes every piece of paper as a picture; ``wrong`` in the answer is empty when nothing was lost and nothing doubled."""
    told, voided = register.listener.told("granted"), register.listener.told("voided")
    arrived = ledger(register)
    granted = Counter((row["sale_id"], row["number"], row["points"]) for row in arrived if row["kind"] == "grant")
    promised = Counter((event["sale_id"], event["number"], event["points"]) for event in told)
    wrong = [
        f"grant {key}: told {promised[key]} times, in the ledger {granted[key]} times"
        for key in granted | promised
        if (promised[key], granted[key]) != (1, 1)
    ]
    void_rows = sum(row["kind"] == "void" for row in arrived)
    if void_rows != len(voided):
        wrong.append(f"{len(voided)} voids were told, {void_rows} arrived")
    wrong += _sales(register)
    originals: Counter[str] = Counter()
    copies: Counter[str] = Counter()
    pieces = []
    for slip in register.printer.slips():
        if slip.blank:
            continue
        name = f"paper-{slip.number:03}.png"
        (pictures / name).write_bytes(slip.png())
        is_copy = any(COPY in line for line in slip.lines)
        if slip.complete and not slip.void:
            (copies if is_copy else originals).update(slip.serials)
        pieces.append({"picture": name, "serials": list(slip.serials), "complete": slip.complete, "void": slip.void, "copy": is_copy})
    outcomes = {event["serial"]: event["state"] for event in register.listener.told("slip")}
    cancelled = {serial for serial, state in outcomes.items() if state == "cancelled"}
    slips = [serial for event in told for serial in event["slips"]]
    for serial in slips:
        on_paper = (originals[serial], copies[serial])
        if serial in cancelled and on_paper != (0, 0):
            wrong.append(f"slip {serial}: cancelled with its grant, but on paper")
        elif serial not in cancelled and on_paper not in {(1, 0), (0, 1)}:
            found = f"on paper {on_paper[0]} times, as a marked copy {on_paper[1]} times"
            wrong.append(f"slip {serial}: promised once, {found}; told {outcomes.get(serial)}")
    known = {*slips, *outcomes}
    wrong += [f"slip {serial}: on paper, but nobody promised it" for serial in originals | copies if serial not in known]
    wrong += [f"the printer could not make sense of: {oddity}" for oddity in register.printer.oddities]
    wrong += [f"{register.listener.repeated} events were told twice"] if register.listener.repeated else []
    return {
        "agree": not wrong, "wrong": wrong, "told": len(told), "arrived": sum(granted.values()), "voids": len(voided),
        "slips_promised": len(slips),
        "originals": sum(originals.values()), "marked_copies": sum(copies.values()), "cancelled": len(cancelled), "pieces": pieces,
        "sales": len(register.sales), "power_cuts": register.cuts,
    }  # fmt: skip


def _sales(register: Register) -> list[str]:
    """Every sale whose grant the POS was told must be among the grants."""
    known = {event["sale_id"] for event in register.listener.told("granted")}
    return [
        f"receipt {receipt}: the POS was told of a grant for sale {said['sale_id']}, the register's events know none"
        for receipt, sale in register.sales.items()
        if (said := sale["said"]) and said.get("result") in {"granted", "already"} and said.get("sale_id") and said["sale_id"] not in known
    ]
