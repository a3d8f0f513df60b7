"""Owns what the page shows of the journal: one stored event to one page event, or to none. PURE: nothing personal passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posagent import events as ev

SHOWN = (
    ev.SALE_GRANTED, ev.SALE_VOIDED, ev.SLIP_PRINTED, ev.COUPON_PRINTED, ev.COUPON_REDEEMED, ev.POINTS_REDEEMED, ev.VALUE_SPENT,
    ev.VALUE_CHARGED, ev.VALUE_VOIDED, ev.SALE_REFUNDED, ev.POINTS_ADJUSTED, ev.SALE_SEEN,
)  # fmt: skip
"""The types worth reading for the page."""
MOST_LINES = 40
"""Of a longer sale the page is told no lines: nobody ticks them off on a screen."""


def page_event(type_: str, data: Mapping[str, Any]) -> dict[str, Any] | None:
    """The page's form of an event (`posagent.screen.backend.PageEvent`)."""
    match type_:
        case ev.SALE_GRANTED:
            return _granted(data)
        case ev.SALE_SEEN:
            return _seen(data)
        case ev.SALE_VOIDED:
            return {"kind": "voided", "at": data["trace"]["at"], "member": data["masked"], "points": data["points"], "amount": data["amount"],
                    "sale_id": data["sale_id"], "reason": data["reason"]}  # fmt: skip
        case ev.SLIP_PRINTED | ev.COUPON_PRINTED:
            return {"kind": "slip", "at": data["trace"]["at"], "job": str(data["job"]), "state": data["result"], "code": data.get("code"),
                    "copy": data["copy"], "serial": data["serial"], "coupon": type_ == ev.COUPON_PRINTED}  # fmt: skip
        case ev.COUPON_REDEEMED:
            return {"kind": "coupon_used", "at": data["trace"]["at"], "label": data["label"], "amount": data["discount"],
                    "gift": data.get("gift"), "sale_id": data["sale_id"]}  # fmt: skip
        case ev.POINTS_REDEEMED:
            return {"kind": "points_used", "at": data["trace"]["at"], "points": sum(entry["delta"] for entry in data["entries"]),
                    "amount": data["yen"], "sale_id": data["sale_id"]}  # fmt: skip
        case ev.VALUE_SPENT:
            return {"kind": "value_used", "at": data["trace"]["at"], "amount": data["yen"], "sale_id": data["sale_id"]}
        case _:
            return _put_right(type_, data)


def _put_right(type_: str, data: Mapping[str, Any]) -> dict[str, Any] | None:
    """Charges, and what was put right afterwards."""
    common = {"at": data["trace"]["at"], "member": data.get("masked")}
    match type_:
        case ev.VALUE_CHARGED:
            return {"kind": "charged", **common, "amount": data["amount"], "bonus": data["bonus"], "sale_id": data["sale_id"],
                    "balance": {"value": data["trace"]["balance"], "as_of": data["trace"]["at"]}, "slips": data["trace"]["slips"]}  # fmt: skip
        case ev.VALUE_VOIDED:
            return {"kind": "charge_voided", **common, "amount": data["amount"], "sale_id": data["sale_id"], "reason": data["reason"]}
        case ev.SALE_REFUNDED:
            return {"kind": "refunded", **common, "points": data["points"], "returned_points": data["returned_points"],
                    "value_back": data["value_back"], "amount": data["remaining"], "sale_id": data["sale_id"], "kept": _kept(data),
                    "reason": data["reason"]}  # fmt: skip
        case ev.POINTS_ADJUSTED:
            return {"kind": "adjusted", **common, "points": data["points"], "account": data["account"], "reason": data["reason"]}
        case _:
            return None


def _seen(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """A paid sale, which waits for its member or never gets one; not one that is another, told by a second door."""
    if not data["paid"] or "joins" in data:
        return None
    return {"kind": "sale", "at": data["trace"]["at"], "amount": data["amount"], "sale_id": data["sale_id"], "receipt_no": data["receipt_no"]}


def _lines(data: Mapping[str, Any]) -> list[dict[str, int]]:
    """Of what came back a manager ticks off lines; they have no names here, only amounts. Empty where a total says it all."""
    lines = data["lines"]
    if not 1 < len(lines) <= MOST_LINES:
        return []
    return [{"amount": line["amount"], "tax": line["tax"], "qty": line["qty"]} for line in lines]


def _kept(data: Mapping[str, Any]) -> dict[str, int]:
    """Line (from 1) -> what the customer keeps of it."""
    return {str(index + 1): amount for index, amount, _ in data["kept"][:MOST_LINES]}


def _granted(data: Mapping[str, Any]) -> dict[str, Any]:
    trace = data["trace"]
    stamps = trace.get("stamps")
    return {
        "kind": "granted",
        "at": trace["at"],
        "member": data["masked"],
        "points": data["points"],
        "amount": data["amount"],
        "lines": _lines(data),
        "receipt_no": data["receipt_no"],
        "payable": data.get("payable", data["amount"]),
        "reductions": [{"kind": one["kind"], "amount": one["amount"]} for one in data.get("reductions", ())],
        "balance": trace.get("balance"),
        "coupons": data["coupons"],
        "stamps": {"position": stamps["position"], "size": stamps["size"]} if stamps else None,
        "sale_id": data["sale_id"],
        "number": data["number"],
        "offline": trace["offline"],
        "slips": trace["slips"],
        "explain": trace["words"],
    }

