"""Owns how redemptions go on record: kept (``hold.placed``), let go (``hold.released``), used (``coupon.redeemed`` and its like). PURE.

Only what is used carries entries. ``hold.placed`` holds the redemption and its sale, so that a killed agent finds what it promised; a coupon's
use has a key of its own that no second use can have, on whatever date and in whatever sale."""

from __future__ import annotations

from typing import Any, assert_never

from posagent import events as ev
from posagent.checkout import Basket, Now, Rules, sale_id_of
from posagent.checkout_events import basket_data, drafted
from posagent.events import Draft
from posagent.redeeming import Redemption, Share, as_json


def hold_placed(now: Now, basket: Basket, one: Redemption, ttl_s: int, rules: Rules) -> Draft:
    """Something is kept for the open sale."""
    return drafted(
        now, rules, ev.HOLD_PLACED, f"hold/{one.id}", member=one.member, sale_id=sale_id_of(basket, rules),
        data={**_named(one), "amount": one.amount, "yen": one.yen, "ttl_s": ttl_s, "sale_key": one.sale_key}
        | ({"code_hash": one.code_hash} if one.found else {}),
        trace={"redemption": as_json(one), "sale": basket_data(basket), "adopts": basket.adopts},
    )  # fmt: skip


def hold_released(now: Now, one: Redemption, why: str, rules: Rules) -> Draft:
    """It is not kept any more, and was not used. ``why``: a key of the message catalogue, or "asked"."""
    return drafted(
        now, rules, ev.HOLD_RELEASED, f"hold/{one.id}/released", member=one.member,
        data={**_named(one), "sale_key": one.sale_key, "why": why},
    )  # fmt: skip


def _named(one: Redemption) -> dict[str, Any]:
    """``hold_id`` is head office's word for it, and stands only where head office holds it."""
    named = {"redemption_id": one.id, "kind": one.kind, "authority": one.authority}
    return named | ({"hold_id": one.id} if one.authority == "cloud" else {})


def used(now: Now, basket: Basket, one: Redemption, share: Share, member: str | None, rules: Rules) -> Draft:
    """A redemption that is used with its paid sale. ``one``: as `posagent.redeeming.taken` made it; ``member``: who bought, if known."""
    common = {**_named(one), "discount": share.amount, "by_tax": [list(part) for part in share.by_tax]}
    trace = {"redemption": as_json(one)}
    day, sale_id = rules.day(basket.at), sale_id_of(basket, rules)
    match one.kind:
        case "coupon":
            found = one.found
            if found is None:
                raise ValueError("a coupon's redemption knows its coupon")
            return drafted(
                now, rules, ev.COUPON_REDEEMED, "", key=f"coupon/{rules.place.register}/{one.code_hash}/used/{found.given_back + 1}",
                day=day, member=member, sale_id=sale_id, trace=trace,
                data={**common, "code_hash": one.code_hash, "def": found.coupon.definition, "coupon_id": found.coupon_id, "label": found.label}
                | ({"gift": share.gift} if share.gift else {}),
            )  # fmt: skip
        case "points":
            return drafted(
                now, rules, ev.POINTS_REDEEMED, f"{basket.key}/redeem/{one.id}",
                day=day, member=one.member, sale_id=sale_id, entries=one.took, trace=trace, data={**common, "yen": share.amount},
            )  # fmt: skip
        case "value":
            return drafted(
                now, rules, ev.VALUE_SPENT, f"{basket.key}/spend/{one.id}",
                day=day, member=one.member, sale_id=sale_id, entries=one.took, trace=trace,
                data={**common, "yen": share.amount,
                      "lots": [[f"{entry['account']}/{entry.get('lot', '')}", -entry["delta"]] for entry in one.took]},
            )  # fmt: skip
        case _:
            assert_never(one.kind)

