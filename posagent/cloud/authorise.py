"""Owns authorisations: what head office keeps for one sale until its event has come. They change no balance and use no coupon.

    held ── commit ──► committed ── the event is counted ──► settled          available = balance - held - committed and not settled
     ├──── release ──► released
     └──── its time is over: it has expired by itself, whoever reads; a commit then takes it again where that is still possible

Whoever wants to spend first locks the thing itself (the member's balance rows, the coupon's row), then looks at what others hold, then writes
its hold; so of two registers that want the same coupon or the last points at the same moment one wins.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Literal, assert_never

from posagent.cloud import coupons, lots
from posagent.cloud.coupons import Instance
from posagent.cloud.engine import Work
from posagent.cloud.reading import Place
from posagent.cloud.rules import BONUS, instant, points_account, program_for, today, value_accounts
from posagent.loyalty.rules import ChargeLimits, Program, Redeem
from posagent.loyalty.value import Lot, charge_denied, spend, value_account

Kind = Literal["coupon", "points", "value", "charge"]
State = Literal["held", "refused", "committed", "released", "expired"]
Reason = coupons.Reason | Literal["short", "limit", "held_elsewhere", "blocked", "merged"]
REMEMBERED_MS = 35 * 86_400_000
_COLUMNS = "asked, kind, member, code_hash, amount, lots, sale_id, state, reason, created_ms, expires_ms, settled_ms"


@dataclass(frozen=True, slots=True)
class Ask:
    """What a register asks for. ``amount``: points or yen, 0 for a coupon."""

    id: str
    kind: Kind
    member: str | None
    code_hash: str | None
    amount: int
    sale_id: str
    ttl_s: int

    @property
    def digest(self) -> bytes:
        """The same for the same request, however it was spelled."""
        said = [self.id, self.kind, self.member, self.code_hash, self.amount, self.sale_id, self.ttl_s]
        return sha256(json.dumps(said).encode()).digest()


@dataclass(frozen=True, slots=True)
class Held:
    """A row of table ``authorisation``."""

    id: str
    asked: bytes
    kind: Kind
    member: str | None
    code_hash: str | None
    amount: int
    lots: lots.Portions
    sale_id: str
    stored: str
    reason: str | None
    created_ms: int
    expires_ms: int
    settled_ms: int | None

    def state(self, now_ms: int) -> State:
        """What is true of it at a moment. Once its event is counted it was committed, whatever became of the calls."""
        if self.settled_ms is not None:
            return "committed"
        match self.stored:
            case "held":
                return "held" if now_ms < self.expires_ms else "expired"
            case "refused" | "committed" | "released":
                return self.stored
            case other:
                raise ValueError(f"authorisation {self.id}: {other} is no state")


@dataclass(frozen=True, slots=True)
class _Verdict:
    reason: Reason | None
    lots: lots.Portions = ()


def place(work: Work, here: Place, device_id: str | None, ask: Ask, now_ms: int) -> Held | None:
    """Holds what is asked for, or refuses with a reason, once for an id; None: the id stands with another request."""
    before = find(work, here.tenant, ask.id)
    if before is None:
        names = lots.names_of(work, here.tenant, ask.member) if ask.member else ()
        verdict = _judge(work, here, ask, names, now_ms)
        work.run(
            "INSERT INTO authorisation (tenant, hold_id, asked, kind, member, code_hash, amount, lots, sale_id, store, register, device_id,"
            " state, reason, created_ms, expires_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            here.tenant, ask.id, ask.digest, ask.kind, names[0] if names else None, ask.code_hash, ask.amount, json.dumps(verdict.lots),
            ask.sale_id, here.store, here.register, device_id, "refused" if verdict.reason else "held", verdict.reason, now_ms,
            now_ms + ask.ttl_s * 1000,
        )  # fmt: skip
        before = find(work, here.tenant, ask.id)  # ours, or that of the same request which came at the same moment
    return before if before is not None and before.asked == ask.digest else None


def commit(work: Work, here: Place, hold_id: str, now_ms: int) -> tuple[Held, bool] | None:
    """Keeps it until its event comes; (as it stands now, whether it is committed). None: nothing is known under this id."""
    seen = find(work, here.tenant, hold_id)
    if seen is None:
        return None
    ask = Ask(hold_id, seen.kind, seen.member, seen.code_hash, seen.amount, seen.sale_id, 0)
    names = lots.names_of(work, here.tenant, seen.member) if seen.member else ()
    verdict = _judge(work, here, ask, names, now_ms) if seen.state(now_ms) == "expired" else None  # locks as a new one would
    held = find(work, here.tenant, hold_id, lock=True)
    if held is None:
        return None
    state = held.state(now_ms)
    again = state == "expired" and verdict is not None and verdict.reason is None
    if state == "held" or again:
        kept = json.dumps(verdict.lots) if verdict and again else json.dumps(held.lots)
        work.run("UPDATE authorisation SET state = 'committed', lots = ? WHERE tenant = ? AND hold_id = ?", kept, here.tenant, hold_id)
        held = find(work, here.tenant, hold_id) or held
    return held, held.state(now_ms) == "committed"


def release(work: Work, here: Place, hold_id: str) -> tuple[Held, bool] | None:
    """Gives it back; (as it stands now, whether nothing is kept any more). None: nothing is known under this id."""
    held = find(work, here.tenant, hold_id, lock=True)
    if held is None:
        return None
    if held.stored == "held" and held.settled_ms is None:
        work.run("UPDATE authorisation SET state = 'released' WHERE tenant = ? AND hold_id = ?", here.tenant, hold_id)
        held = find(work, here.tenant, hold_id) or held
    return held, held.stored != "committed" and held.settled_ms is None


def free(work: Work, tenant: str, hold_id: str, by: str, now_ms: int) -> bool:
    """Head office gives back what a register keeps that will never tell (a broken till); False where nothing is kept under this id."""
    return (
        work.run(
            "UPDATE authorisation SET state = 'released', freed = ? WHERE tenant = ? AND hold_id = ? AND settled_ms IS NULL"
            " AND state IN ('held', 'committed')",
            f"{by} at {instant(now_ms)}", tenant, hold_id,
        )
        == 1
    )  # fmt: skip


def tidy(work: Work, tenant: str, now_ms: int) -> None:
    """Forgets what came to nothing, after the time for which registers may send again. Nothing depends on it but the size of the table."""
    work.run(
        "DELETE FROM authorisation WHERE tenant = ? AND settled_ms IS NULL AND state <> 'committed' AND expires_ms < ?",
        tenant, now_ms - REMEMBERED_MS,
    )  # fmt: skip


def find(work: Work, tenant: str, hold_id: str, *, lock: bool = False) -> Held | None:
    """As it is stored."""
    rows = work.rows(
        f"SELECT {_COLUMNS} FROM authorisation WHERE tenant = ? AND hold_id = ?{' FOR UPDATE' if lock else ''}", tenant, hold_id  # noqa: S608 - ours
    )
    if not rows:
        return None
    asked, kind, member, code_hash, amount, portions, *rest = rows[0]
    return Held(hold_id, bytes(asked), kind, member, code_hash, amount, tuple((name, part) for name, part in json.loads(portions)), *rest)


def answer(work: Work, here: Place, held: Held, now_ms: int) -> dict[str, Any]:
    """What the register reads: how it stands, and what the member may still use."""
    program = program_for(work, here.tenant, here.store, now_ms)
    day = today(program, now_ms)
    balances: dict[str, int] = {}
    if held.member is not None:
        names = lots.names_of(work, here.tenant, held.member)
        balances = {name: one.available for name, one in lots.purses(work, here.tenant, names, program, day, now_ms).items()}
    found = coupons.find(work, here.tenant, held.code_hash) if held.code_hash else None
    return {
        "id": held.id,
        "state": held.state(now_ms),
        "reason": held.reason,
        "expires_at": instant(held.expires_ms),
        "balances": balances,
        "lots": [list(portion) for portion in held.lots] if held.kind == "value" else [],
        "coupon": found.fields(day) if found is not None and found.known else None,
    }


def usable_here(work: Work, here: Place, code_hash: str, now_ms: int) -> tuple[Instance, Reason | None, dict[str, Any]] | None:
    """A coupon as it stands, and why this register could not honour it now (its member is not judged); None: not known."""
    found = coupons.find(work, here.tenant, code_hash)
    if found is None or not found.known:
        return None
    day = today(program_for(work, here.tenant, here.store, now_ms), now_ms)
    reason: Reason | None = coupons.obstacle(found, here, brand_of(work, here), (found.member or "",), day)
    if reason is None and _coupon_held(work, here.tenant, code_hash, now_ms, ""):
        reason = "held_elsewhere"
    return found, reason, found.fields(day)


def brand_of(work: Work, here: Place) -> str:
    """The store's brand; "" where head office has not said."""
    rows = work.rows("SELECT brand FROM store WHERE tenant = ? AND store = ?", here.tenant, here.store)
    return (rows[0][0] or "") if rows else ""


# ---------------------------------------------------------------- the verdict


def _judge(work: Work, here: Place, ask: Ask, names: tuple[str, ...], now_ms: int) -> _Verdict:
    """Locks what is asked for and judges it. The order of locks: coupon or balances, then the authorisation."""
    program = program_for(work, here.tenant, here.store, now_ms)
    day = today(program, now_ms)
    if ask.kind == "coupon":
        found = coupons.find(work, here.tenant, ask.code_hash or "", lock=True)
        reason: Reason | None = coupons.obstacle(found, here, brand_of(work, here), names, day) or _member_obstacle(work, here, names)
        if reason is None and _coupon_held(work, here.tenant, ask.code_hash or "", now_ms, ask.id):
            reason = "held_elsewhere"
        return _Verdict(reason)
    if reason := _unknown(work, here, names) or _member_obstacle(work, here, names):
        return _Verdict(reason)
    accounts = (points_account(program),) if ask.kind == "points" else value_accounts(program)
    lots.lock(work, here.tenant, names, accounts)
    purses = lots.purses(work, here.tenant, names, program, day, now_ms, ask.id)
    match ask.kind:
        case "charge":
            return _Verdict(_charge_obstacle(work, here, ask, names, program, purses, now_ms))
        case "points":
            account = program.account(accounts[0]) if program else None
            if (account is not None and account.redeem is not None) and not _redeemable(account.redeem, ask.amount):
                return _Verdict("limit")
        case "value":
            pass
        case _:
            assert_never(ask.kind)
    free = [
        _kinded(lot, account) for account in accounts if (found_purse := purses.get(account)) is not None and found_purse.available > 0
        for lot in found_purse.free
    ]  # fmt: skip
    portions, missing = spend(free, ask.amount, day)
    return _Verdict("short") if missing else _Verdict(None, portions)


def _kinded(lot: Lot, account: str) -> Lot:
    """Only a bonus goes before what was paid for when both end on the same day."""
    return replace(lot, kind="bonus" if account == BONUS else "value")


def _redeemable(redeem: Redeem, points: int) -> bool:
    return points >= redeem.min and points % redeem.unit == 0 and (redeem.max is None or points <= redeem.max)


def _unknown(work: Work, here: Place, names: tuple[str, ...]) -> Reason | None:
    """A member of whom nothing was ever heard has nothing to spend; a charge needs one that is registered or was seen."""
    marks = ", ".join("?" * len(names))
    known = work.rows(
        f"SELECT 1 FROM balance WHERE tenant = ? AND member IN ({marks}) UNION SELECT 1 FROM member WHERE tenant = ? AND member IN ({marks})",  # noqa: S608
        here.tenant, *names, here.tenant, *names,
    )
    return None if known else "unknown"


def _member_obstacle(work: Work, here: Place, names: tuple[str, ...]) -> Reason | None:
    """Members who may only earn, or nothing at all, take nothing out."""
    if not names:
        return None
    rows = work.rows("SELECT status FROM member WHERE tenant = ? AND member = ?", here.tenant, names[0])
    return "blocked" if rows and rows[0][0] in {"blocked", "earn_only"} else None


def _charge_obstacle(
    work: Work, here: Place, ask: Ask, names: tuple[str, ...], program: Program | None, purses: dict[str, lots.Purse], now_ms: int
) -> Reason | None:
    """The limits of a charge, against what is there and what others are charging at this moment."""
    account = value_account(program) if program else None
    name = account.name if account else value_accounts(program)[-1]
    limits = account.charge if account and account.charge else ChargeLimits()
    marks = ", ".join("?" * len(names))
    coming = work.rows(
        f"SELECT coalesce(sum(amount), 0) FROM authorisation WHERE tenant = ? AND member IN ({marks}) AND kind = 'charge'"  # noqa: S608
        " AND settled_ms IS NULL AND (state = 'committed' OR (state = 'held' AND expires_ms > ?)) AND hold_id <> ?",
        here.tenant, *names, now_ms, ask.id,
    )[0][0]
    there = sum(lot.left for lot in purses[name].lots) - sum(part for _, part in purses[name].expired)
    return "limit" if charge_denied(limits, ask.amount, there + int(coming)) else None


def _coupon_held(work: Work, tenant: str, code_hash: str, now_ms: int, without: str) -> bool:
    return bool(
        work.rows(
            "SELECT 1 FROM authorisation WHERE tenant = ? AND code_hash = ? AND settled_ms IS NULL AND hold_id <> ?"
            " AND (state = 'committed' OR (state = 'held' AND expires_ms > ?)) LIMIT 1",
            tenant, code_hash, without, now_ms,
        )
    )  # fmt: skip
