"""Owns an event on its way into the books, and the bounded reading of what else it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from posagent.cloud.reading import Reading

MOST_NAMED = 100  # coupons or authorisations that one void names


@dataclass(frozen=True, slots=True)
class Told:
    """An event that is being counted."""

    stream_id: str
    seq: int
    reading: Reading


def said_text(reading: Reading, key: str) -> str | None:
    """A text of ``data``; None for what is none, is too long, or cannot be stored."""
    value: Any = reading.said.get(key)
    return value if isinstance(value, str) and 0 < len(value) <= 200 and "\x00" not in value else None


def said_texts(reading: Reading, key: str) -> list[str]:
    """A list of such texts; what is none is left out."""
    raw = reading.said.get(key)
    texts = raw[:MOST_NAMED] if isinstance(raw, list) else []
    return [one for one in texts if isinstance(one, str) and 0 < len(one) <= 200 and "\x00" not in one]
