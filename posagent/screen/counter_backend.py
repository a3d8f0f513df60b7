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

    def late_grant(self, sale_id: str, receipt_no: str) -> Answer:
        """Grants an earlier sale to the member who waits; by its id, or by its receipt number of today."""

    def refund(self, sale_id: str, lines: list[Json] | None, total: int | None, reason: str, operator: str, role: str) -> Answer:
        """A part of a sale comes back. ``lines``: what the customer keeps of each line ({"line", "amount", "quantity"}), or else its total."""

    def adjust(self, account: str, delta: int, reason: str, text: str, operator: str, role: str, idempotency_key: str) -> Answer:
        """Puts an account of the member who waits right by hand."""

    def reprint(self, job: str, operator: str, role: str) -> Answer:
        """A copy of a slip that came out, marked 再発行; by a manager."""

    def release(self, redemption: str) -> Answer:
        """Takes a redemption off the open sale."""
