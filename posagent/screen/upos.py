"""Owns a device's state in the words and numbers of UnifiedPOS (javapos-contracts), so that an integrator knows them again. PURE."""

from __future__ import annotations

from typing import Any

_STATES = {"CLOSED": 1, "IDLE": 2, "ERROR": 4}
_POWERS = {"ONLINE": 2001, "OFFLINE": 2003, "OFF_OFFLINE": 2004}
_ERRORS = {"CLAIMED": 102, "NOHARDWARE": 107, "OFFLINE": 108, "FAILURE": 111, "TIMEOUT": 112, "EXTENDED": 114}
_STATUSES = {"COVER_OPEN": 11, "REC_EMPTY": 24, "REC_NEAREMPTY": 25}
_ERROR_OF_CODE = {
    "E213": "OFFLINE", "E214": "NOHARDWARE", "E218": "CLAIMED", "E301": "NOHARDWARE", "E302": "CLAIMED", "E304": "TIMEOUT",
}  # fmt: skip
_STATUS_OF_CODE = {"E201": "REC_NEAREMPTY", "E210": "REC_EMPTY", "E211": "COVER_OPEN"}


def upos_of(state: str, code: str) -> dict[str, Any]:
    """{"state", "power", "error", "status"}, each {"name", "number"} or None. ``state``: `posagent.screen.backend.DeviceState`; ``code``: of
    the message catalogue, "" when all is well. A device that is being opened, or says nothing of its power, has none: unknown is not good."""
    status = _STATUS_OF_CODE.get(code)
    words: tuple[str, str | None, str | None]
    match state:
        case "ready":
            words = ("IDLE", "ONLINE", None)
        case "unknown":
            words = ("IDLE", None, None)
        case "held":
            words = ("ERROR", "OFFLINE" if code == "E213" else "ONLINE", "EXTENDED" if status else _ERROR_OF_CODE.get(code, "FAILURE"))
        case "opening":
            words = ("CLOSED", None, None)
        case _:
            words = ("CLOSED", "OFF_OFFLINE", _ERROR_OF_CODE.get(code, "FAILURE"))
    return {
        "state": _named(_STATES, words[0]),
        "power": _named(_POWERS, words[1]),
        "error": _named(_ERRORS, words[2]),
        "status": _named(_STATUSES, status),
    }


def _named(numbers: dict[str, int], name: str | None) -> dict[str, Any] | None:
    return {"name": name, "number": numbers[name]} if name else None
