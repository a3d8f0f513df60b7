"""Owns the POS's end of the agent's door: HTTP over the agent's Unix socket, and a listener that never misses an event."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REQUEST_S = 15.0


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass(frozen=True, slots=True)
class Said:
    """The agent's answer. ``status`` 0: it did not answer (not running, or killed meanwhile); ask the same again."""

    status: int
    body: dict[str, Any]


class Till:
    """A POS that tells the agent its sales. ``sock``: the agent's Unix socket."""

    def __init__(self, sock: Path) -> None:
        self._sock = sock

    def ring_up(self, total: int, *, receipt_no: str | None = None, paid: bool = True, key: str | None = None) -> Said:
        """Posts a sale; the same ``key`` again asks for the first answer."""
        sale: dict[str, Any] = {"total": total, "paid": paid}
        if receipt_no:
            sale["receipt_no"] = receipt_no
        return self._post("/v1/sales", sale, key)

    def quote(self, total: int) -> Said:
        """What a sale would give the member who waits; nothing is recorded."""
        return self._post("/v1/quotes", {"total": total})

    def redeem_points(self, points: int) -> Said:
        """Uses points of the member who waits for the open sale."""
        return self._post("/v1/redemptions", {"kind": "points", "amount": points})

    def check_coupon(self, code: str) -> Said:
        """What a coupon is worth now."""
        return self._post("/v1/coupons/check", {"code": code})

    def void(self, sale_id: str, reason: str) -> Said:
        """Takes a grant back, as a manager."""
        return self._post("/v1/voids", {"sale_id": sale_id, "reason": reason, "operator": "manager-1", "role": "manager"})

    def status(self) -> Said:
        """The agent's state."""
        return self._ask("GET", "/v1/status", None, {})

    def _post(self, path: str, body: dict[str, Any], key: str | None = None) -> Said:
        return self._ask("POST", path, json.dumps(body), {"Content-Type": "application/json", "Idempotency-Key": key or uuid.uuid4().hex})

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Said:
        line = _UnixConnection(self._sock, REQUEST_S)
        try:
            line.request(method, path, body, headers)
            answer = line.getresponse()
            return Said(answer.status, json.loads(answer.read()))
        except (OSError, http.client.HTTPException, ValueError):
            return Said(0, {})
        finally:
            line.close()


class Listener(threading.Thread):
    """Follows the agent's events (server-sent) with Last-Event-ID, across restarts. ``events``: by journal number, each exactly once."""

    def __init__(self, sock: Path) -> None:
        super().__init__(name="demo-listener", daemon=True)
        self._sock = sock
        self._changed = threading.Condition()
        self.events: dict[int, dict[str, Any]] = {}
        self.repeated = 0
        self._ending = threading.Event()

    def stop(self) -> None:
        """Ends within about a second."""
        self._ending.set()

    def run(self) -> None:
        """Until stopped."""
        while not self._ending.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
                self._follow()
            self._ending.wait(0.1)

    def wait_for(self, count: int, kind: str, timeout_s: float) -> bool:
        """Whether so many events of a kind have been told by then."""
        with self._changed:
            return bool(self._changed.wait_for(lambda: sum(event["kind"] == kind for event in self.events.values()) >= count, timeout_s))

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The events of a kind, in the journal's order."""
        with self._changed:
            return [event for _, event in sorted(self.events.items()) if event["kind"] == kind]

    def _follow(self) -> None:
        line = _UnixConnection(self._sock, 20.0)
        try:
            last = max(self.events, default=0)
            line.request("GET", "/v1/events", headers={"Accept": "text/event-stream", "Last-Event-ID": str(last)})
            stream = line.getresponse()
            if stream.status != 200:
                return
            number, text = 0, ""
            while not self._ending.is_set():
                raw = stream.readline()
                if not raw:
                    return
                words = raw.decode("utf-8").rstrip("\n")
                if words.startswith("id:"):
                    number = int(words[3:])
                elif words.startswith("data:"):
                    text += words[5:]
                elif not words:
                    if number and text:
                        self._take(number, json.loads(text))
                    number, text = 0, ""
        finally:
            line.close()

    def _take(self, number: int, event: dict[str, Any]) -> None:
        if "kind" not in event:
            return
        with self._changed:
            self.repeated += number in self.events
            self.events[number] = event
            self._changed.notify_all()
