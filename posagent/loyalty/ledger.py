"""Owns what a stream of events does to balances: one live grant per sale, every id once, sums that no order can change. PURE.

The register's counter, the receiver and the tests share these answers: ``ok``, ``duplicate`` (the same event id again: success), ``already``
(the same member for the same sale), ``conflict`` (another member: void first), ``nothing`` (nothing to take back), ``short`` (not enough to
spend), ``reason``, ``used`` / ``void`` / ``expired`` (a coupon), ``late``, ``blocked``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from posagent.loyalty.model import CouponState, Entry
from posagent.loyalty.reversal import AdjustRefused, adjust

Answer = str


@dataclass(slots=True)
class _LiveSale:
    member: str
    entries: list[Entry] = field(default_factory=list)
    coupons: list[str] = field(default_factory=list)
    granted: bool = False


@dataclass(slots=True)
class Ledger:
    """Balances, live sales and coupons. Every method takes the event's id first and returns the answer; a repeated id changes nothing."""

    balances: dict[tuple[str, str], int] = field(default_factory=dict)  # (member, account)
    _seen: set[str] = field(default_factory=set)
    _sales: dict[str, _LiveSale] = field(default_factory=dict)
    _coupons: dict[str, CouponState] = field(default_factory=dict)
    _merged: dict[str, str] = field(default_factory=dict)
    _held: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    _blocked: set[str] = field(default_factory=set)

    def grant(self, event: str, sale: str, member: str, entries: Iterable[Entry], coupons: Iterable[str] = (), late: bool = False) -> Answer:
        """Points for a sale; ``late`` True: the caller found it too late."""
        if self._again(event):
            return "duplicate"
        who = self.current(member)
        live = self._sales.get(sale)
        if live is not None and live.granted:
            return "already" if live.member == who else "conflict"
        if live is not None and live.member != who:
            return "conflict"
        if who in self._blocked:
            return "blocked"
        if late:
            return "late"
        live = self._sales.setdefault(sale, _LiveSale(who))
        live.granted = True
        live.coupons.extend(coupons)
        self._record(live, entries)
        return "ok"

    def void(self, event: str, sale: str) -> Answer:
        """Takes back all that a sale recorded: grants, refunds, points used and coupons used in it."""
        if self._again(event):
            return "duplicate"
        live = self._sales.pop(sale, None)
        if live is None:
            return "nothing"
        for entry in live.entries:
            self._add(live.member, entry.account, -entry.delta)
        for coupon in live.coupons:
            if self._coupons.get(coupon) == "used":
                self._coupons[coupon] = "printed"
        return "ok"

    def refund(self, event: str, sale: str, entries: Iterable[Entry]) -> Answer:
        """The recomputed difference of a live sale."""
        if self._again(event):
            return "duplicate"
        live = self._sales.get(sale)
        if live is None or not live.granted:
            return "nothing"
        self._record(live, entries)
        return "ok"

    def redeem(self, event: str, member: str, account: str, amount: int, sale: str | None = None) -> Answer:
        """Spends; refused where the balance, less what is held, does not suffice. With a sale, a void of that sale gives it back."""
        if self._again(event):
            return "duplicate"
        who = self.current(member)
        if who in self._blocked:
            return "blocked"
        held = sum(part for holder, name, part in self._held.values() if (holder, name) == (who, account))
        if amount > self.balances.get((who, account), 0) - held:
            return "short"
        if sale is None:
            self._add(who, account, -amount)
            return "ok"
        live = self._sales.setdefault(sale, _LiveSale(who))
        if live.member != who:
            return "conflict"
        self._record(live, [Entry(account, -amount)])
        return "ok"

    def hold(self, event: str, hold: str, member: str, account: str, amount: int) -> Answer:
        """Reserves an amount until it is released."""
        if self._again(event):
            return "duplicate"
        who = self.current(member)
        held = sum(part for holder, name, part in self._held.values() if (holder, name) == (who, account))
        if amount > self.balances.get((who, account), 0) - held:
            return "short"
        self._held[hold] = (who, account, amount)
        return "ok"

    def release(self, event: str, hold: str) -> Answer:
        """Ends a reservation."""
        if self._again(event):
            return "duplicate"
        return "nothing" if self._held.pop(hold, None) is None else "ok"

    def adjust(self, event: str, member: str, account: str, delta: int, reason: str, approver: str, text: str = "") -> Answer:
        """A manual change with a reason."""
        if self._again(event):
            return "duplicate"
        try:
            entry = adjust(account, delta, reason, approver, text=text)
        except AdjustRefused as refused:
            return refused.code
        self._add(self.current(member), account, entry.delta)
        return "ok"

    def coupon(self, event: str, code: str, step: str, sale: str | None = None) -> Answer:
        """``issue``, ``print``, ``redeem``, ``void``, ``unuse`` or ``expire``. A coupon that was never seen may be redeemed: events of
        different registers arrive in any order."""
        if self._again(event):
            return "duplicate"
        state = self._coupons.get(code)
        if state in ("used", "void", "expired") and not (state == "used" and step == "unuse"):
            return "already" if step == "issue" else state
        if state is not None and step == "issue":
            return "already"
        if step == "unuse" and state != "used":
            return "nothing"
        self._coupons[code] = _STATES[step]
        if step == "redeem" and sale is not None and sale in self._sales:
            self._sales[sale].coupons.append(code)
        return "ok"

    def merge(self, event: str, source: str, target: str) -> Answer:
        """Two members become one: balances move, live sales follow, later events of the old token go to the new one."""
        if self._again(event):
            return "duplicate"
        old, new = self.current(source), self.current(target)
        if old == new:
            return "nothing"
        for (member, account), amount in list(self.balances.items()):
            if member == old:
                self._add(new, account, amount)
                self.balances[(member, account)] = 0
        for live in self._sales.values():
            live.member = new if live.member == old else live.member
        self._held = {hold: (new if who == old else who, account, part) for hold, (who, account, part) in self._held.items()}
        self._merged[old] = new
        return "ok"

    def block(self, event: str, member: str, blocked: bool = True) -> Answer:
        """Blocks a member, or lifts the block."""
        if self._again(event):
            return "duplicate"
        (self._blocked.add if blocked else self._blocked.discard)(self.current(member))
        return "ok"

    def current(self, member: str) -> str:
        """The member's token after merges."""
        while member in self._merged:
            member = self._merged[member]
        return member

    def _again(self, event: str) -> bool:
        if event in self._seen:
            return True
        self._seen.add(event)
        return False

    def _record(self, live: _LiveSale, entries: Iterable[Entry]) -> None:
        for entry in entries:
            live.entries.append(entry)
            self._add(live.member, entry.account, entry.delta)

    def _add(self, member: str, account: str, delta: int) -> None:
        self.balances[(member, account)] = self.balances.get((member, account), 0) + delta


_STATES: dict[str, CouponState] = {
    "issue": "issued",
    "print": "printed",
    "redeem": "used",
    "void": "void",
    "unuse": "printed",
    "expire": "expired",
}
