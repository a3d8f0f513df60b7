"""Owns what a page is told: the agent's facts with the words of their codes added, so that a page needs no catalogue of its own."""

from __future__ import annotations

from typing import Any

from posagent.screen.backend import Backend, Notice, PageEvent, Status
from posagent.screen.problems import spoken
from posagent.screen.technician import Room
from posagent.screen.upos import upos_of


def shown_status(backend: Backend, status: Status, last_seq: int) -> dict[str, Any]:
    """The body of GET /v1/status and of the ``status`` event."""
    values = status.get("values") or {}
    devices = [
        {
            **device,
            "message": spoken(code, {**values, "device": device.get("name", "")}) if (code := device.get("code")) else None,
            "upos": upos_of(device["state"], code or ""),
        }
        for device in status.get("devices", [])
    ]
    code = status.get("code")
    return {
        "open": None,
        "questions": [],
        "refunds": [],
        "shift_start_seq": 0,
        "degraded": [],
        **status,
        "devices": devices,
        "message": spoken(code, values) if code else None,
        "language": backend.language,
        "register_name": backend.register_name,
        "store_name": backend.store_name,
        "last_seq": last_seq,
    }


_NOBODYS: dict[str, Any] = {"member": None, "coupons": [], "points": None, "stamps": [], "reductions": []}


def without_members(shown: dict[str, Any]) -> dict[str, Any]:
    """The same for a technician: nothing of a customer, not even masked, and not what he owns."""
    opened = shown["open"] and {key: _NOBODYS.get(key, value) for key, value in shown["open"].items()}
    questions = [{**question, "member": None} for question in shown["questions"]]
    refunds = [{**refund, "member": None, "points": 0} for refund in shown["refunds"]]
    return {**shown, "open": opened, "questions": questions, "refunds": refunds}


def shown_event(event: PageEvent) -> dict[str, Any]:
    """The body of a ``page`` event."""
    return {**event, **({"message": spoken(code)} if (code := event.get("code")) else {})}


def shown_notice(notice: Notice) -> dict[str, Any]:
    """The body of a ``notice`` event."""
    return {**notice, "message": spoken(notice["code"], notice.get("values")) if "code" in notice else None}


def shown_room(backend: Backend, room: Room) -> dict[str, Any]:
    """The body of GET /v1/devices."""
    devices = [
        {**device, "message": spoken(code, {"device": device.get("name", "")}) if (code := device.get("code")) else None}
        for device in room["devices"]
    ]
    return {
        **room,
        "devices": devices,
        "language": backend.language,
        "register_name": backend.register_name,
        "store_name": backend.store_name,
    }
