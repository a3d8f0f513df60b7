"""Owns what the doctor tells on paper: the findings in words, and a code that a support centre can read. PURE.

The code is Base45 (RFC 9285) over zlib over JSON: ``{"v": 1, "a": agent's version, "r": register, "t": "2026-11-22T14:05", "f": [["D-201",
"problem", "key of the words"], …], "m": how many more}``. It names no member, no device's serial number, no address.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

LONGEST_CODE = 900
"""Characters: a QR code of this length at correction M still has modules of 3 dots on paper of 58 mm."""
MOST_FINDINGS = 20
LONGEST_WORDS = 300
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def base45(data: bytes) -> str:
    """RFC 9285: two bytes are three characters, a last single byte is two; little end first."""
    shown = []
    for place in range(0, len(data), 2):
        pair = data[place : place + 2]
        value = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            value, digit = divmod(value, 45)
            shown.append(_ALPHABET[digit])
    return "".join(shown)


def summary(told: dict[str, Any], version: str, register: str, at: str) -> str:
    """The code of a `posagent.doctor.sheet.as_json`. What does not fit is counted, gravest kept."""
    order = ("problem", "warning", "unknown")
    rows = [[check["id"], found["level"], found["key"]] for check in told["checks"] for found in check["findings"] if found["level"] in order]
    rows.sort(key=lambda row: order.index(row[1]))
    for kept in range(len(rows), -1, -1):
        content = {"v": 1, "a": version, "r": register, "t": at, "f": rows[:kept], "m": len(rows) - kept}
        code = base45(zlib.compress(json.dumps(content, separators=(",", ":")).encode(), 9))
        if len(code) <= LONGEST_CODE:
            break
    return code


def on_paper(told: dict[str, Any], language: str) -> list[dict[str, str]]:
    """The findings that somebody must read, gravest first: {"id", "level", "wrong", "todo"}, as the agent's test print takes them."""
    rows: Sequence[dict[str, str]] = [
        {"id": check["id"], "level": level} | {part: found[language][part][:LONGEST_WORDS] for part in ("wrong", "todo")}
        for level in ("problem", "warning")
        for check in told["checks"]
        for found in check["findings"]
        if found["level"] == level
    ]
    return list(rows[:MOST_FINDINGS])
