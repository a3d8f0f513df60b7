"""Owns what the page shows of the journal: one stored event to one page event, or to none. PURE: nothing personal passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posagent import events as ev

SHOWN = (ev.SALE_GRANTED, ev.SALE_VOIDED, ev.SLIP_PRINTED, ev.COUPON_PRINTED)
"""The types worth reading for the page."""


def page_event(type_: str, data: Mapping[str, Any]) -> dict[str, Any] | None:
    """The page's form of an event (`posagent.screen.backend.PageEvent`)."""
    match type_:
        case ev.SALE_GRANTED:
            return _granted(data)
        case ev.SALE_VOIDED:
            return {"kind": "voided", "at": data["trace"]["at"], "member": data["masked"], "points": data["points"], "amount": data["amount"],
                    "sale_id": data["sale_id"], "reason": data["reason"]}  # fmt: skip
        case ev.SLIP_PRINTED | ev.COUPON_PRINTED:
            return {"kind": "slip", "at": data["trace"]["at"], "job": str(data["job"]), "state": data["result"], "code": data.get("code"),
                    "copy": data["copy"], "serial": data["serial"]}  # fmt: skip
        case _:
            return None


def _granted(data: Mapping[str, Any]) -> dict[str, Any]:
    trace = data["trace"]
    stamps = trace.get("stamps")
    return {
        "kind": "granted",
        "at": trace["at"],
        "member": data["masked"],
        "points": data["points"],
        "amount": data["amount"],
        "balance": trace.get("balance"),
        "coupons": data["coupons"],
        "stamps": {"position": stamps["position"], "size": stamps["size"]} if stamps else None,
        "sale_id": data["sale_id"],
        "number": data["number"],
        "offline": trace["offline"],
        "slips": trace["slips"],
        "explain": trace["words"],
    }

