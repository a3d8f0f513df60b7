"""Owns the memory of voids: the journal's own word on a sale whose grant was taken back, for who asks a second time, whenever that is."""

from __future__ import annotations

from itertools import count
from typing import Any

from offline_queue.events import Event
from offline_queue.reader import JournalReader
from posagent.events import Place

_DAY = len("2026-11-22")


def voided_before(reader: JournalReader, place: Place, sale_id: str) -> dict[str, Any] | None:
    """What the last void of this sale told: {"sale_id", "points", "member"}; None where there was none. ``sale_id``: STORE-REGISTER-DAY-KEY,
    from which the business keys of its voids follow (`posagent.checkout.sale_voided`)."""
    ours = f"{place.store}-{place.register}-"
    day, key = sale_id[len(ours) :][:_DAY], sale_id[len(ours) + _DAY + 1 :]
    if not sale_id.startswith(ours) or not key:
        return None
    last: Event | None = None
    for number in count(1):
        found = reader.find(f"{day}/{place.register}/{key}/void/{number}")
        if found is None:
            break
        last = found
    if last and reader.find(f"{day}/{place.register}/{key}/grant/{number}"):  # granted again since: that is not what was voided
        return None
    return {"sale_id": sale_id, "points": last.data["points"], "member": last.data["masked"]} if last else None
