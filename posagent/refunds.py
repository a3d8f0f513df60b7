"""Owns refunds that a till rang up: which sale each one means, and what waits for a manager's word.

A refund means the sale whose number it names; else the only sale of the business date with its total, points or none, that still stands. Where
several have that total, or none, the cashier is told and nobody guesses. Nothing is taken back here: the page shows the sale, and a manager
confirms a refund or a void like any other. What waits is kept in memory: after a restart the list of sales is still there.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import OrderedDict
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from posagent import checkout as co
from posagent.agent import Agent, Ask, Say
from posagent.counter_parts import Cleared, Reply
from posagent.sale_lookup import FoundSale, find_sale, sale_id_of_receipt

_log = logging.getLogger(__name__)
WAITS = timedelta(minutes=10)
"""A proposal that nobody took up is over: the customer is gone, and the list of sales is still there."""
KEPT = 50
SHOWN = 5
CANDIDATES = 20
"""Sales of one total that are looked at; with more than one it is ambiguous anyway."""

_OF_DAY = """SELECT body FROM ev WHERE idem >= ?1 AND idem < ?2 AND (idem GLOB '*/seen' OR idem GLOB '*/grant*') AND instr(body, ?3)
AND (json_extract(CAST(body AS TEXT), '$.data.amount') = ?4 OR json_extract(CAST(body AS TEXT), '$.data.payable') = ?4) LIMIT 200"""


@dataclass(frozen=True, slots=True)
class RungUp:
    """A refund of a till. ``key``: the same again is the same refund. ``of``: the sale that it names, by id or receipt number ("": none);
    ``number``: a number that may be that sale's or the refund's own."""

    key: str
    amount: int
    of: str = ""
    number: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True)
class Meant:
    """The sale that a refund means. ``left``: its total after it; ``candidates``: sales that it could mean, where ``sale`` is None."""

    sale: FoundSale | None
    left: int = 0
    candidates: int = 0


@dataclass(frozen=True, slots=True)
class _Waiting:
    at: datetime
    answer: dict[str, Any]
    refunds: int  # of the sale, when it was proposed


def standing(sale: FoundSale) -> int:
    """What of a sale's total stands after its refunds."""
    kept = sale.live.kept if sale.live else None
    return sale.basket.total if kept is None else sum(amount for amount, _ in kept.values())


def after(sale: FoundSale, amount: int) -> int | None:
    """What stands after a refund of this amount: nothing, where it is all that stands or all that was paid. None: it does not fit."""
    stands = standing(sale)
    paid = sale.live.payable if sale.live and not sale.live.refunds else stands
    if amount in {stands, paid}:
        return 0
    return stands - amount if 0 < amount < stands else None


class RefundDesk:
    """Called from the HTTP server's and the doors' threads; a lock guards the journal's reader and what waits."""

    def __init__(self, agent: Agent) -> None:
        self._agent, self._reader = agent, agent.journal.reader()
        self._guard = threading.Lock()
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()

    def propose(self, refund: RungUp) -> dict[str, Any]:
        """What is shown to the cashier: {"result": "refund_proposed", "amount"} and, where the sale is known, {"sale_id", "remaining_total",
        "total", "member", "points", "receipt_no", "sold_at"}; where it could be several, {"candidates"}."""
        with self._guard:
            if (known := self._waiting.get(refund.key)) is not None:
                return known.answer
            meant = self._meant(refund)
            answer: dict[str, Any] = {"result": "refund_proposed", "amount": refund.amount}
            sale, live = meant.sale, meant.sale.live if meant.sale else None
            if sale is not None and live is not None:
                answer |= {
                    "sale_id": sale.sale_id, "remaining_total": meant.left, "total": sale.basket.total, "member": live.masked,
                    "points": co.points_of(live.entries), "receipt_no": sale.basket.receipt_no, "sold_at": sale.basket.at.isoformat(),
                }  # fmt: skip
            elif meant.candidates > 1:
                answer |= {"candidates": meant.candidates}
            self._waiting[refund.key] = _Waiting(datetime.now().astimezone(), answer, len(live.refunds) if live else 0)
            while len(self._waiting) > KEPT:
                self._waiting.popitem(last=False)
        self._tell(refund, meant, answer)
        return answer

    def waiting(self) -> list[dict[str, Any]]:
        """Proposals that name a sale and that nobody has settled yet, oldest first; each with its ``id``."""
        now = datetime.now().astimezone()
        with self._guard:
            fresh = [(key, one) for key, one in self._waiting.items() if "sale_id" in one.answer and now - one.at <= WAITS]
            return [{"id": key, **one.answer} for key, one in fresh if self._open(one)][:SHOWN]

    # ------------------------------------------------------------

    def _open(self, one: _Waiting) -> bool:
        """Whether the sale still stands as it did when the refund was rung up."""
        found = find_sale(self._reader.find, one.answer["sale_id"], self._agent.rules)
        return found is not None and found.live is not None and len(found.live.refunds) == one.refunds

    def _meant(self, refund: RungUp) -> Meant:
        rules, find = self._agent.rules, self._reader.find
        day = rules.day(datetime.now().astimezone())
        for name in filter(None, (refund.of, refund.number)):
            for sale_id in (name, sale_id_of_receipt(name, day, rules)):
                if (sale := find_sale(find, sale_id, rules)) and _stands(sale) and (left := after(sale, refund.amount)) is not None:
                    return Meant(sale, left)
        if refund.of:  # it says which sale it means, and that one is not here or does not fit
            return Meant(None)
        now = datetime.now().astimezone()
        taken = {one.answer.get("sale_id") for one in self._waiting.values() if now - one.at <= WAITS}
        standing_ones = [sale for sale in self._of_total(day, refund.amount) if sale.sale_id not in taken and _stands(sale)]
        fitting = [sale for sale in standing_ones if after(sale, refund.amount) == 0]
        return Meant(fitting[0], 0, 1) if len(fitting) == 1 else Meant(None, 0, len(fitting))

    def _of_total(self, day: str, total: int) -> list[FoundSale]:
        """This register's sales of a business date whose total, or what was paid of it, is this."""
        rules = self._agent.rules
        front = f"{day}/{rules.place.register}/"
        rows = self._reader.rows(_OF_DAY, (front, front[:-1] + "0", f":{total}".encode(), total))
        ids = {json.loads(row["body"])["data"]["sale_id"]: None for row in rows}
        found = (find_sale(self._reader.find, sale_id, rules) for sale_id in list(ids)[:CANDIDATES])
        return list({sale.sale_id: sale for sale in found if sale is not None}.values())

    def _tell(self, refund: RungUp, meant: Meant, answer: dict[str, Any]) -> None:
        fields: dict[str, Any] = {"device": refund.device, **answer}
        sale = meant.sale
        if sale is None:
            self._agent.post(Say("E676", {**fields, "count": meant.candidates}) if meant.candidates else Say("E633", fields))
        elif sale.live is not None and sale.live.token:
            self._agent.post(Say("E675", fields))
        else:
            self._agent.post(Say("E677", {**fields, "receipt_no": sale.basket.receipt_no or ""}))
            if meant.left == 0:  # it may still wait for its member: the next card would get points for what came back
                answered: Future[Reply] = Future()
                self._agent.post(Ask(lambda now, reply: Cleared(now, sale.sale_id, reply), answered))
        _log.info("refund of %d: %s", refund.amount, sale.sale_id if sale else f"{meant.candidates} sales could be meant")


def _stands(sale: FoundSale) -> bool:
    """Whether anything of it is left that could come back. One that was voided for the wrong member is a sale all the same."""
    return standing(sale) > 0 if sale.live is not None else sale.void_reason in {"", "wrong_member"}
