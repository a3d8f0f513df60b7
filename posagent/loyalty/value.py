"""Owns prepaid value: what may be charged, what a charge gives, and which lots are spent first. PURE.

What was paid (`value`) and what was given for nothing (`bonus`) stay in separate accounts: only the first falls under the law on prepaid
payment. There is no refund in cash and no change; a mistaken charge is voided by a manager on the same business day.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from posagent.loyalty.conditions import Facts
from posagent.loyalty.days import business_date
from posagent.loyalty.earning import Counted, earn_account
from posagent.loyalty.model import Entry, Line, Member, Reason, Register, SaleRejected
from posagent.loyalty.numbers import MAX_AMOUNT, not_negative
from posagent.loyalty.rules import Account, ChargeLimits, Program
from posagent.loyalty.validity import in_time

Denial = Literal["unit", "min", "max", "max_balance", "no_account", "member", "program"]


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge: what it records, or why it is refused (then without entries)."""

    denied: Denial | None
    entries: tuple[Entry, ...] = ()
    explain: tuple[Reason, ...] = ()


def charge_denied(limits: ChargeLimits, amount: int, balance: int) -> Denial | None:
    """The first limit that an amount breaks. Raises OutOfRange for a negative amount."""
    not_negative("a charge", amount)
    if amount > MAX_AMOUNT:
        raise SaleRejected("range", f"a charge of {amount} is above {MAX_AMOUNT}")
    if amount % limits.unit:
        return "unit"
    if amount < (limits.unit if limits.min is None else limits.min):
        return "min"
    if limits.max is not None and amount > limits.max:
        return "max"
    if limits.max_balance is not None and balance + amount > limits.max_balance:
        return "max_balance"
    return None


def value_account(program: Program) -> Account | None:
    """The account that customers pay into: the one with limits for charges, or the one named value."""
    return next((account for account in program.accounts if account.charge), program.account("value"))


def charge(program: Program, register: Register, at: datetime, amount: int, member: Member, tender: tuple[str, ...] = ()) -> Charge:
    """What charging an amount gives: the value itself, and what the rules with ``on = "charge"`` add."""
    account = value_account(program)
    if account is None:
        return Charge("no_account")
    if member.status not in ("active", "earn_only"):
        return Charge("member")
    day = business_date(at, program.day_start)
    standing = in_time(program, day)
    if not standing.grants:
        return Charge("program")
    denied = charge_denied(account.charge or ChargeLimits(), amount, member.balances.get(account.name, 0))
    if denied:
        return Charge(denied)
    minute, bought = at.hour * 60 + at.minute, frozenset({"charge"})
    facts = Facts(day, minute, register.store, amount, bought, tender, member.rank, member.flags, member.birth_month, member.first)
    counted = Counted((Line(amount, "charge", tax=0),), (amount,), None)
    entries = [Entry(account.name, amount, expires=account.expire.last_day(day) if account.expire else None)]
    explain = [Reason("charge", (("account", account.name), ("yen", amount)))]
    for other in program.accounts:
        rules = [rule for rule in program.earn if rule.on == "charge" and rule.account == other.name]
        if standing.state == "grace":
            rules = [rule for rule in rules if rule.when.plain]
        if rules:
            earned = earn_account(other.name, rules, program.boost if standing.state == "ok" else (), dict(program.caps), counted, facts)
            explain.extend(earned.explain)
            if earned.amount:
                entries.append(Entry(other.name, earned.amount, expires=other.expire.last_day(day) if other.expire else None))
    return Charge(None, tuple(entries), tuple(explain))


@dataclass(frozen=True, slots=True)
class Lot:
    """What is left of one charge or one bonus. ``expires``: last usable business date; None: never. ``since`` orders otherwise equal lots."""

    id: str
    kind: str  # "value" or "bonus"
    left: int
    expires: date | None = None
    since: str = ""


def spend(lots: Iterable[Lot], amount: int, day: date) -> tuple[tuple[tuple[str, int], ...], int]:
    """(what each lot pays, in order; what is missing). What expires first goes first, a bonus before what was paid, then the oldest."""
    not_negative("an amount to spend", amount)
    usable = [lot for lot in lots if lot.left > 0 and (lot.expires is None or lot.expires >= day)]
    usable.sort(key=lambda lot: (lot.expires is None, lot.expires or day, lot.kind != "bonus", lot.since))
    used: list[tuple[str, int]] = []
    missing = amount
    for lot in usable:
        part = min(lot.left, missing)
        if part:
            used.append((lot.id, part))
            missing -= part
    return tuple(used), missing
