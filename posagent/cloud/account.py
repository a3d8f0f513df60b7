"""Owns what head office sees of one member beside the ledger: what may be used until when, what sales hold of it, and the coupons."""

from __future__ import annotations

from dataclasses import dataclass

from posagent.cloud import coupons, lots
from posagent.cloud.engine import Work
from posagent.cloud.rules import program_for, today

MOST_COUPONS = 100


@dataclass(frozen=True, slots=True)
class LotRow:
    """What is left of one lot. ``expires`` None: never; ``expired``: it may not be used any more and is not booked yet."""

    account: str
    lot: str
    left: int
    expires: str | None
    expired: bool


@dataclass(frozen=True, slots=True)
class HoldRow:
    """Something that a sale keeps."""

    id: str
    kind: str
    state: str
    amount: int
    code_hash: str | None
    sale_id: str
    store: str
    register: str
    created_ms: int
    expires_ms: int


@dataclass(frozen=True, slots=True)
class CouponRow:
    """One coupon that was issued to the member."""

    code_hash: str
    definition: str | None
    label: str | None
    state: str
    last_day: str | None
    reach: str | None
    store: str | None
    register: str | None
    used_sale: str | None


@dataclass(frozen=True, slots=True)
class Account:
    """``available``: by account, what a new sale may use."""

    available: dict[str, int]
    lots: tuple[LotRow, ...]
    holds: tuple[HoldRow, ...]
    coupons: tuple[CouponRow, ...]


def account(work: Work, tenant: str, token: str, now_ms: int) -> Account:
    """A member under any of the names that entries stand under."""
    names = lots.names_of(work, tenant, token)
    program = program_for(work, tenant, "", now_ms)
    day = today(program, now_ms)
    purses = lots.purses(work, tenant, names, program, day, now_ms)
    rows = []
    for one in purses.values():
        for lot in one.lots:
            if lot.left:
                expired = lot.expires is not None and lot.expires < day
                rows.append(LotRow(one.account, lot.id, lot.left, lot.expires.isoformat() if lot.expires else None, expired))
    marks = ", ".join("?" * len(names))
    holds = work.rows(
        f"SELECT hold_id, kind, state, amount, code_hash, sale_id, store, register, created_ms, expires_ms FROM authorisation"  # noqa: S608
        f" WHERE tenant = ? AND member IN ({marks}) AND settled_ms IS NULL"
        " AND (state = 'committed' OR (state = 'held' AND expires_ms > ?)) ORDER BY created_ms, hold_id",
        tenant, *names, now_ms,
    )  # fmt: skip
    return Account(
        {name: one.available for name, one in purses.items()},
        tuple(rows),
        tuple(HoldRow(*row) for row in holds),
        tuple(
            CouponRow(one.code_hash, one.definition, one.label, one.state(day), one.last_day, one.reach, one.store, one.register, one.used_sale)
            for one in coupons.of_members(work, tenant, names)[:MOST_COUPONS]
        ),
    )
