"""Owns what the screen asks of the counter beyond sale, scan and void: what is used up in a sale, and what is given, taken or put right."""

from __future__ import annotations

from typing import Protocol

from posagent.screen.backend import Answer, Json


class CounterBackend(Protocol):
    """Every call may come from any thread, returns or raises within its deadline, and raises `posagent.errors.PosagentError`."""

    def check_coupon(self, code: str) -> Json:
        """What is known of a coupon and what it would do in the open sale. Nothing is held or recorded."""

    def redeem(self, kind: str, amount: int, code: str, idempotency_key: str) -> Answer:
        """Keeps a coupon (its code, or its key from the status), points, or value for the open sale; it is used when the sale is paid."""

    def charge(self, amount: int, tender: str, operator: str, idempotency_key: str) -> Answer:
        """Pays value in for the member who waits."""

    def release(self, redemption: str) -> Answer:
        """Takes a redemption off the open sale."""
