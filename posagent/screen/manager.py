"""Owns what the manager's page asks of the agent beyond what the cashier's page asks."""

from __future__ import annotations

from typing import Protocol

from posagent.screen.backend import Answer, Json


class ManagerBackend(Protocol):
    """May be called from any thread; raises as `posagent.screen.backend.Backend` does."""

    def unsettled(self) -> Json:
        """``{"pending": int, "oldest": RFC 3339 | None, "link", "blocked": str, "events": […], "more": bool}``; each event is ``{"seq",
        "state": "parked" | "rejected" | "conflict", "kind": "sale.granted", "at", "problem", …}`` with what it says of amount, points, sale."""

    def decide(self, seq: int, what: str, reason: str, operator: str, role: str) -> Answer:
        """``what``: "retry" (a parked event goes again with its body) or "drop" (given up; it stays, marked). Refused without the role."""
