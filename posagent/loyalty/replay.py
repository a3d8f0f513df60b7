"""Owns the rule simulator: what a list of past sales would have cost under a program, per day and per rule. PURE.

Stamp cards and cooldowns are followed per member through the list, so the sales must come in the order of their time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from posagent.loyalty.model import Member, Quote, Register, Sale, SaleRejected
from posagent.loyalty.quote import quote
from posagent.loyalty.rules import Benefit, Program

MOST_REJECTIONS = 20


@dataclass(slots=True)
class RuleCost:
    """What one rule gave. ``cost_yen``: as if everything given were used; 0 where the file names no worth."""

    id: str
    kind: Literal["earn", "boost", "coupon", "cap"]
    account: str
    times: int = 0
    amount: int = 0
    cost_yen: int = 0


@dataclass(slots=True)
class DayCost:
    """One business date."""

    sales: int = 0
    with_member: int = 0
    yen: int = 0
    cost_yen: int = 0


@dataclass(slots=True)
class Replay:
    """The result. ``rejections`` holds the first few; ``rejected`` counts all."""

    program: str
    days: dict[str, DayCost] = field(default_factory=dict)
    rules: dict[tuple[str, str], RuleCost] = field(default_factory=dict)
    accounts: dict[str, int] = field(default_factory=dict)
    rejected: int = 0
    rejections: list[str] = field(default_factory=list)

    @property
    def sales(self) -> int:
        """All sales that were counted."""
        return sum(day.sales for day in self.days.values())

    @property
    def yen(self) -> int:
        """Their amount."""
        return sum(day.yen for day in self.days.values())

    @property
    def cost_yen(self) -> int:
        """The cost of all of them."""
        return sum(day.cost_yen for day in self.days.values())

    @property
    def cost_bp(self) -> int:
        """The cost in basis points of the amount, rounded down."""
        return self.cost_yen * 10_000 // self.yen if self.yen else 0

    def reject(self, message: str) -> None:
        """Counts what could not be replayed."""
        self.rejected += 1
        if len(self.rejections) < MOST_REJECTIONS:
            self.rejections.append(message)


def unit_worth(program: Program) -> dict[str, int]:
    """Yen per unit of each account: what redeeming gives; money accounts one; stamps nothing (their rewards are counted as coupons)."""
    money = {"value", "bonus"} | {rule.account for rule in program.earn if rule.on == "charge"}
    return {account.name: account.redeem.yen if account.redeem else int(account.name in money) for account in program.accounts}


def benefit_worth(benefit: Benefit) -> int:
    """What a coupon costs at most; a rate without a limit has none and counts as nothing."""
    return benefit.off or benefit.max or benefit.value or 0


@dataclass(slots=True)
class _Known:
    balances: dict[str, int] = field(default_factory=dict)
    last_at: dict[str, datetime] = field(default_factory=dict)


def replay(program: Program, register: Register, sales: Iterable[tuple[Sale, Member | None]]) -> Replay:
    """Quotes every sale. A sale that is refused is counted and named, and the rest goes on."""
    found = Replay(program.reference)
    worth = unit_worth(program)
    coupon_worth = {rule.id: benefit_worth(rule.benefit) for rule in program.coupon}
    followed = {account.name for account in program.accounts if account.card or account.cooldown != "none"}
    members: dict[str, _Known] = {}
    for sale, member in sales:
        known = None
        if member is not None and followed:
            known = members.setdefault(member.token, _Known())
            if known.balances:
                member = replace(member, balances=known.balances, last_at=known.last_at)
        try:
            quoted = quote(program, register, sale, member)
        except SaleRejected as refused:
            found.reject(str(refused))
            continue
        _add(found, quoted, worth, coupon_worth)
        if known is not None:
            for entry in quoted.entries:
                if entry.account in followed:
                    known.balances[entry.account] = known.balances.get(entry.account, 0) + entry.delta
                    known.last_at[entry.account] = sale.at
    return found


def _add(found: Replay, quoted: Quote, worth: dict[str, int], coupon_worth: dict[str, int]) -> None:
    key = quoted.business_date.isoformat()
    day = found.days.get(key)
    if day is None:
        day = found.days[key] = DayCost()
    day.sales += 1
    day.with_member += quoted.member is not None
    day.yen += quoted.subtotal
    for entry in quoted.entries:
        found.accounts[entry.account] = found.accounts.get(entry.account, 0) + entry.delta
    for reason in quoted.explain:
        values = dict(reason.values)
        match reason.code:
            case "earn" | "boost":
                account, amount = str(values["account"]), int(values["gives"])
                day.cost_yen += _count(found, reason.code, str(values["rule"]), account, amount, amount * worth[account])
            case "cap":
                account, lost = str(values["account"]), int(values["lost"])
                day.cost_yen += _count(found, "cap", f"limit of {account}", account, -lost, -lost * worth[account])
            case "coupon_issued":
                name = str(values["coupon"])
                day.cost_yen += _count(found, "coupon", name, "", 1, coupon_worth[name])
            case _:
                pass


def _count(found: Replay, kind: Literal["earn", "boost", "coupon", "cap"], name: str, account: str, amount: int, cost: int) -> int:
    rule = found.rules.get((kind, name))
    if rule is None:
        rule = found.rules[(kind, name)] = RuleCost(name, kind, account)
    rule.times += 1
    rule.amount += amount
    rule.cost_yen += cost
    return cost
