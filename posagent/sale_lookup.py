"""Owns finding an earlier sale of this register in its journal, by its id or its receipt number, and how it stands now.

Business keys are indexed, so a sale is a handful of look-ups, however long the journal. Only this register's own sales are here: others are
head office's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from typing import Any

from offline_queue.events import Event
from posagent.checkout import Basket, Live, Rules
from posagent.checkout_events import basket_of, live_of
from posagent.counter_amend import refunded_of

Find = Callable[[str], Event | None]
"""`JournalReader.find`: the event of a business key."""
MOST = 50
"""Grants, voids and refunds of one sale that are looked for."""


@dataclass(frozen=True, slots=True)
class FoundSale:
    """``live`` None: nothing is granted for it now. ``voids``: how many grants of it were voided; ``void``: what the last of these events says,
    where nothing is granted now."""

    sale_id: str
    basket: Basket
    live: Live | None
    voids: int
    void: Mapping[str, Any] | None = None

    @property
    def void_reason(self) -> str:
        """Why it was voided; "": it was not."""
        return str(self.void["reason"]) if self.void else ""


def key_of_receipt(receipt_no: str) -> str:
    """What makes a sale with this receipt number this sale: the number itself, or a hash where it has characters that a key must not have."""
    if re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", receipt_no):
        return "n" + receipt_no
    return "h" + sha256(receipt_no.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def sale_id_of_receipt(receipt_no: str, business_date: str, rules: Rules) -> str:
    """The id of a sale of this register."""
    return f"{rules.place.store}-{rules.place.register}-{business_date}-{key_of_receipt(receipt_no)}"


def find_sale(find: Find, sale_id: str, rules: Rules) -> FoundSale | None:
    """None: no sale of this register, or not in its journal any more."""
    start = f"{rules.place.store}-{rules.place.register}-"
    day, key = sale_id[len(start) :][:10], sale_id[len(start) + 11 :]
    try:
        date.fromisoformat(day)
    except ValueError:
        return None
    if not sale_id.startswith(start) or not key:
        return None
    front = f"{day}/{rules.place.register}/{key}"
    live, voids, void = _live(find, front)
    seen = find(f"{front}/seen")
    if seen is not None and (joins := seen.data.get("joins")) and joins != sale_id:
        return find_sale(find, joins, rules)
    basket = live.basket if live else basket_of(seen.data) if seen else None
    return None if basket is None else FoundSale(sale_id, basket, live, voids, void)


def _live(find: Find, front: str) -> tuple[Live | None, int, Mapping[str, Any] | None]:
    """The grant that stands, with its refunds; how many were voided before it; and the last void where none stands."""
    voids, void = 0, None
    for number in range(1, MOST):
        granted = find(f"{front}/grant" if number == 1 else f"{front}/grant/{number}")
        voided = find(f"{front}/void/{number}")
        if voided is not None:
            voids, void = voids + 1, voided.data
        elif granted is not None:
            return _with_refunds(find, front, live_of(granted.data, granted.id)), voids, None
        else:
            break
    return None, voids, void


def _with_refunds(find: Find, front: str, live: Live) -> Live:
    for number in range(1, MOST):
        refunded = find(f"{front}/refund/{live.number}/{number}")
        if refunded is None:
            break
        live = replace(live, refunds=(*live.refunds, refunded_of(refunded.data)))
    return live
