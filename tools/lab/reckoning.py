"""Owns the lab's books: every grant that was told against head office's ledger, every slip that was promised against the paper."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests

from tools.lab.register import COMPANY, Register

SETTLED_S = 300.0
COPY = "再発行"


def settle(register: Register) -> None:
    """Waits until every promised slip has an outcome and head office has everything; not for ever: the books say what is missing."""
    deadline = register.machine.lived_s() + SETTLED_S
    while register.machine.lived_s() < deadline:
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


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of paper. ``complete``: it was cut off. ``copy``: it says of itself that it is one."""

    picture: str
    serials: tuple[str, ...]
    complete: bool
    void: bool
    copy: bool


def reckon(register: Register, pictures: Path) -> dict[str, Any]:
    """Compares. Writes every piece of paper as a picture; ``wrong`` in the answer is empty when nothing was lost and nothing doubled."""
    told, voided = register.listener.told("granted"), register.listener.told("voided")
    arrived, pieces = ledger(register), _pieces(register, pictures)
    outcomes = {event["serial"]: event["state"] for event in register.listener.told("slip")}
    wrong = [*wrong_grants(told, voided, arrived), *wrong_slips(told, outcomes, pieces), *_wrong_sales(register)]
    wrong += [f"the printer could not make sense of: {oddity}" for oddity in register.printer.oddities]
    wrong += [f"{register.listener.repeated} events were told twice"] if register.listener.repeated else []
    good = [piece for piece in pieces if piece.complete and not piece.void]
    return {
        "agree": not wrong, "wrong": wrong, "told": len(told), "arrived": sum(row["kind"] == "grant" for row in arrived), "voids": len(voided),
        "slips_promised": sum(len(event["slips"]) for event in told),
        "originals": sum(len(piece.serials) for piece in good if not piece.copy),
        "marked_copies": sum(len(piece.serials) for piece in good if piece.copy),
        "cancelled": sum(state == "cancelled" for state in outcomes.values()), "pieces": [asdict(piece) for piece in pieces],
        "sales": len(register.sales), "power_cuts": register.cuts,
    }  # fmt: skip


def wrong_grants(told: list[dict[str, Any]], voided: list[dict[str, Any]], arrived: list[dict[str, Any]]) -> list[str]:
    """Every grant that was told stands in the ledger once, and nothing else does."""
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
    return wrong


def wrong_slips(told: list[dict[str, Any]], outcomes: dict[str, str], pieces: list[Piece]) -> list[str]:
    """Every promised slip lies in the tray once, as the original or as a copy that says so; a cancelled one does not."""
    originals: Counter[str] = Counter()
    copies: Counter[str] = Counter()
    for piece in pieces:
        if piece.complete and not piece.void:
            (copies if piece.copy else originals).update(piece.serials)
    slips = [serial for event in told for serial in event["slips"]]
    wrong = []
    for serial in slips:
        on_paper = (originals[serial], copies[serial])
        if outcomes.get(serial) == "cancelled" and on_paper != (0, 0):
            wrong.append(f"slip {serial}: cancelled with its grant, but on paper")
        elif outcomes.get(serial) != "cancelled" and on_paper not in {(1, 0), (0, 1)}:
            found = f"on paper {on_paper[0]} times, as a marked copy {on_paper[1]} times"
            wrong.append(f"slip {serial}: promised once, {found}; told {outcomes.get(serial)}")
    known = {*slips, *outcomes}
    return wrong + [f"slip {serial}: on paper, but nobody promised it" for serial in originals | copies if serial not in known]


def _pieces(register: Register, pictures: Path) -> list[Piece]:
    found = []
    for slip in register.printer.slips():
        if slip.blank:
            continue
        name = f"paper-{slip.number:03}.png"
        (pictures / name).write_bytes(slip.png())
        found.append(Piece(name, slip.serials, slip.complete, slip.void, any(COPY in line for line in slip.lines)))
    return found


def _wrong_sales(register: Register) -> list[str]:
    """Every sale whose grant the POS was told must be among the grants."""
    known = {event["sale_id"] for event in register.listener.told("granted")}
    return [
        f"receipt {receipt}: the POS was told of a grant for sale {said['sale_id']}, the register's events know none"
        for receipt, sale in register.sales.items()
        if (said := sale["said"]) and said.get("result") in {"granted", "already"} and said.get("sale_id") and said["sale_id"] not in known
    ]
