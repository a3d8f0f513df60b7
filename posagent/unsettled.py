"""Owns what head office has not taken, for the manager's page: how much waits, what was refused, and the decision about it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from offline_queue.decisions import drop, retry
from offline_queue.errors import QueueError
from offline_queue.journal import Journal
from offline_queue.sync import SyncState
from posagent.errors import Refused
from posagent.screen.backend import Answer, Json

MOST = 100
_TOLD = ("amount", "points", "sale_id", "masked", "operator", "business_date", "reason")


class Unsettled:
    """Called from the HTTP server's threads. `posagent.screen.manager.ManagerBackend`."""

    def __init__(self, journal: Journal, link: Callable[[], SyncState | None]) -> None:
        self._journal, self._link = journal, link
        self._reader = journal.reader()
        self._reading = threading.Lock()

    def unsettled(self) -> Json:
        """What waits and what needs a decision; see `ManagerBackend`."""
        link = self._link()
        with self._reading:
            waiting, rows = self._reader.pending(), self._reader.undecided(MOST + 1)
            told = [self._told(row) for row in rows[:MOST]]
        return {
            "pending": waiting.count,
            "oldest": waiting.oldest_time,
            "link": link.link if link else "unknown",
            "blocked": link.blocked if link else "",
            "events": told,
            "more": len(rows) > MOST,
        }

    def decide(self, seq: int, what: str, reason: str, operator: str, role: str) -> Answer:
        """Sends a parked event again, or gives one up; it stays in the journal, marked. Raises Refused."""
        if role != "manager":
            raise Refused("deciding about what head office did not take needs a manager", code="E613")
        try:
            said = retry(self._journal, seq, operator) if what == "retry" else drop(self._journal, seq, reason, operator)
        except QueueError as trouble:
            raise Refused(str(trouble), code="E601") from trouble
        return Answer("done", {"seq": seq, "said": said})

    def _told(self, row: dict[str, Any]) -> Json:
        """An event in the shop's terms: nothing of a member but the masked number."""
        found = self._reader.lines(row["seq"] - 1, 1)
        said = json.loads(found[0][1]).get("data", {}) if found and found[0][1] else {}
        kind = row["type"].removeprefix("posagent.").removesuffix(".v1")
        kept = {name: said[name] for name in _TOLD if name in said}
        return {"seq": row["seq"], "state": row["state"].lower(), "kind": kind, "at": row["time"], "problem": row.get("problem", ""), **kept}
