"""Owns what a member may still spend: balances, the lots that they were promised in, and what other sales hold of them.

A lot's name in answers is ``ACCOUNT/LOT``: ``bonus/2027-02-28`` is the bonus that is usable until that day, ``value/`` what never expires.
A balance changes only by events; everything here is read from the rows of one moment.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from posagent.cloud import schema
from posagent.cloud.engine import Work
from posagent.loyalty.rules import Program
from posagent.loyalty.value import Lot, spend

Portions = tuple[tuple[str, int], ...]
"""(ACCOUNT/LOT, amount)"""


@dataclass(frozen=True, slots=True)
class Purse:
    """One account of a member on one day. ``lots``: what is in it, also what has expired; ``free``: the usable ones less what is held."""

    account: str
    balance: int
    lots: tuple[Lot, ...]
    free: tuple[Lot, ...]
    day: date

    @property
    def available(self) -> int:
        """What a new sale may use."""
        return sum(lot.left for lot in self.free) if self.balance > 0 else min(0, self.balance)

    @property
    def expired(self) -> Portions:
        """What is in it and may not be used any more."""
        return tuple((lot.id, lot.left) for lot in self.lots if lot.left > 0 and lot.expires is not None and lot.expires < self.day)


def names_of(work: Work, tenant: str, member: str) -> tuple[str, ...]:
    """Under which names a member's entries stand: the token, and the hash of the number from before it was registered."""
    column = "number_hash" if member.startswith("?") else "member"
    rows = work.rows(f"SELECT member, number_hash FROM member WHERE tenant = ? AND {column} = ?", tenant, member.lstrip("?"))  # noqa: S608 - ours
    return (rows[0][0], f"?{rows[0][1]}") if rows else (member,)


def lock(work: Work, tenant: str, names: Iterable[str], accounts: Iterable[str]) -> None:
    """Two who want to spend from the same accounts come one after the other. A missing row is made: only a row can be locked."""
    keys = sorted((tenant, name, account, 0) for name in names for account in accounts)
    work.merge(schema.BALANCE, keys)


def purses(
    work: Work, tenant: str, names: tuple[str, ...], program: Program | None, day: date, now_ms: int, without: str = ""
) -> dict[str, Purse]:
    """Every account of a member. ``without``: the hold that asks, which does not stand in its own way."""
    marks = ", ".join("?" * len(names))
    where = f"WHERE tenant = ? AND member IN ({marks})"
    balances: dict[str, int] = {}
    question = f"SELECT account, amount FROM balance {where} ORDER BY account"  # noqa: S608 - marks only
    for account, amount in work.rows(question, tenant, *names):
        balances[account] = balances.get(account, 0) + amount
    rows: dict[str, list[LotRow]] = {}
    for account, *row in work.rows(
        f"SELECT account, lot, amount, expires, since, touched FROM lot {where} ORDER BY account, lot", tenant, *names  # noqa: S608 - marks only
    ):
        rows.setdefault(account, []).append(LotRow(*row))
    held = _held(work, tenant, names, now_ms, without)
    return {account: purse(account, balance, rows.get(account, ()), held, program, day) for account, balance in balances.items()}


@dataclass(frozen=True, slots=True)
class LotRow:
    """A row of table ``lot``, without its key."""

    lot: str
    amount: int
    expires: str | None
    since: str
    touched: str


def purse(account: str, balance: int, rows: Iterable[LotRow], held: Mapping[str, int], program: Program | None, day: date) -> Purse:
    """One account. Pure. A lot may stand in several rows, of one member's several names."""
    rows = _together(rows)
    found = program.account(account) if program else None
    rule = found.expire if found else None
    if rule is not None and rule.start == "activity":
        last = max((row.touched for row in rows if row.touched), default="")
        ends = [end for row in rows if (end := as_day(row.expires))] + ([rule.last_day(date.fromisoformat(last))] if as_day(last) else [])
        lots: tuple[Lot, ...] = (Lot(f"{account}/", account, max(balance, 0), max(ends, default=None)),)
    else:
        named = [Lot(f"{account}/{row.lot}", account, row.amount, as_day(row.expires), row.since) for row in rows if row.lot]
        lots = _settled([*named, Lot(f"{account}/", account, balance - sum(lot.left for lot in named))])
    usable = [lot for lot in lots if lot.left > 0 and (lot.expires is None or lot.expires >= day)]
    free = _less(usable, {name: amount for name, amount in held.items() if name.partition("/")[0] == account})
    return Purse(account, balance, lots, free, day)


def _together(rows: Iterable[LotRow]) -> list[LotRow]:
    found: dict[str, LotRow] = {}
    for row in rows:
        if (one := found.get(row.lot)) is not None:
            row = LotRow(row.lot, one.amount + row.amount, one.expires or row.expires, min(one.since, row.since), max(one.touched, row.touched))
        found[row.lot] = row
    return list(found.values())


def _settled(lots: list[Lot]) -> tuple[Lot, ...]:
    """No lot is below nothing: what is missing in one (its charge has not arrived, or it was spent twice offline) the others pay."""
    missing = sum(-lot.left for lot in lots if lot.left < 0)
    paid = dict(spend(lots, missing, date.min)[0]) if missing else {}
    return tuple(replace(lot, left=max(0, lot.left) - paid.get(lot.id, 0)) for lot in lots)


def _less(usable: list[Lot], held: Mapping[str, int]) -> tuple[Lot, ...]:
    """What other sales hold, from the lots that they were promised; from any other where those are gone."""
    left = {lot.id: lot.left for lot in usable}
    beyond = 0
    for name, amount in held.items():
        part = min(left.get(name, 0), amount)
        beyond += amount - part
        if part:
            left[name] -= part
    free = [replace(lot, left=left[lot.id]) for lot in usable]
    paid = dict(spend(free, beyond, date.min)[0]) if beyond else {}
    return tuple(replace(lot, left=lot.left - paid.get(lot.id, 0)) for lot in free)


def _held(work: Work, tenant: str, names: tuple[str, ...], now_ms: int, without: str) -> dict[str, int]:
    """What open authorisations keep, by lot: held ones until their end, committed ones until their event has come."""
    marks = ", ".join("?" * len(names))
    found: dict[str, int] = {}
    for (lots,) in work.rows(
        f"SELECT lots FROM authorisation WHERE tenant = ? AND member IN ({marks}) AND settled_ms IS NULL AND kind IN ('points', 'value')"  # noqa: S608
        " AND (state = 'committed' OR (state = 'held' AND expires_ms > ?)) AND hold_id <> ?",
        tenant, *names, now_ms, without,
    ):
        for name, amount in json.loads(lots):
            found[name] = found.get(name, 0) + amount
    return found


def as_day(text: str | None) -> date | None:
    """A date; None for what is none."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
