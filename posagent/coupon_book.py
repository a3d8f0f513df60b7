"""Owns what this register's journal knows of a coupon: whether it was issued here, and what became of it since.

The journal is the register's authority for its own coupons. A coupon is found by the hash of its code in the events' text, window by window;
some tens of milliseconds for a busy month, so nobody asks on the dispatcher's thread."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from posagent import events as ev
from posagent.checkout import Rules
from posagent.loyalty.coupons import advance
from posagent.loyalty.model import Coupon
from posagent.redeeming import FoundCoupon

Rows = Callable[[str, Sequence[Any]], list[dict[str, Any]]]
"""`JournalReader.rows`: (SQL, values) -> rows."""
WINDOW = 10_000


def find_own(rows: Rows, code_hash: str, last_seq: int, rules: Rules) -> FoundCoupon | None:
    """The coupon as this register issued it and as it stands now; None: it was not issued here, or too long ago."""
    found: FoundCoupon | None = None
    for after in range(0, last_seq, WINDOW):
        sql = "SELECT body FROM ev WHERE seq > ? AND seq <= ? AND instr(body, ?) ORDER BY seq"
        for row in rows(sql, (after, after + WINDOW, code_hash.encode())):
            event = json.loads(row["body"])
            found = _after(found, event["type"], event["data"], code_hash, rules)
    return found


def _after(found: FoundCoupon | None, type_: str, data: Mapping[str, Any], code_hash: str, rules: Rules) -> FoundCoupon | None:
    """The coupon after one event that names it."""
    if type_ == ev.COUPON_ISSUED and data.get("code_hash") == code_hash:
        return _issued(data, code_hash, rules)
    if found is None:
        return None
    back = False
    match type_:
        case ev.COUPON_REDEEMED:
            new = advance(found.coupon, "use")
        case ev.COUPON_VOIDED:
            new = advance(found.coupon, "void")
        case ev.SALE_VOIDED if code_hash in data.get("coupons_back", ()):
            new, back = advance(found.coupon, "unuse"), True
        case _:
            return found
    return replace(found, coupon=new or found.coupon, given_back=found.given_back + back)


def _issued(data: Mapping[str, Any], code_hash: str, rules: Rules) -> FoundCoupon:
    coupon = Coupon(
        code_hash, data["def"], _day(data["first_day"]), _day(data["last_day"]), data["reach"], "issued",
        None if data["bearer"] else data.get("member"), rules.place.brand, rules.place.store, rules.place.register,
    )  # fmt: skip
    return FoundCoupon(coupon, data["coupon_id"], data["label"])


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
