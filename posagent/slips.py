"""Owns what is printed: slips as models, not bytes. PURE."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slip:
    """A slip: its lines from top to bottom."""

    serial: str
    copy: int = 1
