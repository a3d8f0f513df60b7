"""Owns what head office sees and decides: stores and their registers, a member's ledger, cases that wait for people."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Literal

from offline_queue.chain import digest
from offline_queue.errors import WireError
from posagent.cloud import coupon_events, schema, settle
from posagent.cloud.engine import Work
from posagent.cloud.publish import member_key, number_hash
from posagent.cloud.reading import NOWHERE, Reading, read
from posagent.cloud.rules import OWN_STORE, instant
from posagent.cloud.told import Told

Decision = Literal["apply", "dismiss", "note"]
OPEN = "status IN ('conflict', 'rejected', 'withheld')"
LEDGER_ROWS = 200
CASE_ROWS = 200


@dataclass(frozen=True, slots=True)
class RegisterRow:
    """One register's newest stream. ``pending``: events that it had not sent when it last told; None where it never told."""

    tenant: str
    brand: str
    store: str
    store_name: str
    register: str
    stream_id: str
    device_id: str | None
    acked: int
    last_seen_ms: int
    last_event_ms: int | None
    pending: int | None
    oldest_pending_ms: int | None
    streams: int
    holes: int
    open_cases: int
    revoked: bool


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One event of a member."""

    case: str
    received_ms: int
    occurred: str | None
    store: str
    register: str
    type: str | None
    key: str | None  # the business key: businessdate/register/receipt/kind
    status: str
    entries: dict[str, int]
    problem: str | None
    decided: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """An event that was stored and not counted. ``against``: the one that holds its business key."""

    case: str
    received_ms: int
    store: str
    register: str
    type: str | None
    member: str | None
    idem: str | None
    status: str
    problem: str | None
    body: str | None
    against: str | None
    against_body: str | None


def rows_of(items: list[Any]) -> list[dict[str, Any]]:
    """As JSON."""
    return [asdict(item) for item in items]


def companies(work: Work) -> list[str]:
    """Every company that has sent or enrolled anything."""
    found = work.rows("SELECT DISTINCT tenant FROM stream UNION SELECT DISTINCT tenant FROM store UNION SELECT DISTINCT tenant FROM device")
    return sorted(tenant for (tenant,) in found)


def registers(work: Work, tenant: str) -> list[RegisterRow]:
    """Every register, by brand, store and name. Replaced streams count only in ``streams``."""
    stores = {store: (brand or "", name) for store, brand, name in work.rows("SELECT store, brand, name FROM store WHERE tenant = ?", tenant)}
    hole_question = "SELECT h.stream_id, count(*) FROM hole h JOIN stream s ON s.stream_id = h.stream_id WHERE s.tenant = ? GROUP BY 1"
    holes: dict[str, int] = dict(work.rows(hole_question, tenant))
    case_question = f"SELECT stream_id, count(*) FROM event WHERE tenant = ? AND {OPEN} AND decided IS NULL GROUP BY 1"  # noqa: S608 - ours
    waiting: dict[str, int] = dict(work.rows(case_question, tenant))
    revoked = {device for (device,) in work.rows("SELECT device_id FROM device WHERE tenant = ? AND revoked_ms IS NOT NULL", tenant)}
    newest: dict[tuple[str, str], RegisterRow] = {}
    for stream_id, store, register, device_id, acked, last_seen, last_event, pending, oldest in work.rows(
        "SELECT stream_id, store, register, device_id, acked, last_seen_ms, last_event_ms, pending, oldest_pending_ms FROM stream"
        " WHERE tenant = ? AND store <> ? ORDER BY store, register, first_seen_ms, last_seen_ms",
        tenant, OWN_STORE,
    ):
        before = newest.get((store, register))
        brand, name = stores.get(store, ("", store))
        newest[store, register] = RegisterRow(
            tenant, brand, store, name, register, stream_id, device_id, acked, last_seen, last_event, pending, oldest,
            1 + (before.streams if before else 0),
            holes.get(stream_id, 0) + (before.holes if before else 0),
            waiting.get(stream_id, 0) + (before.open_cases if before else 0),
            device_id in revoked,
        )  # fmt: skip
    return sorted(newest.values(), key=lambda row: (row.brand, row.store, row.register))


def ledger(work: Work, tenant: str, token: str) -> tuple[dict[str, int], list[LedgerRow]]:
    """A member's balances and newest events. A registered member's include those of the number before it was registered."""
    known = work.rows("SELECT number_hash FROM member WHERE tenant = ? AND member = ?", tenant, token)
    names = [token, *(f"?{hashed}" for (hashed,) in known)]
    marks = ", ".join("?" * len(names))
    balances: dict[str, int] = {}
    for account, amount in work.rows(
        f"SELECT account, amount FROM balance WHERE tenant = ? AND member IN ({marks}) ORDER BY account", tenant, *names  # noqa: S608 - marks only
    ):
        balances[account] = balances.get(account, 0) + amount
    rows = work.rows(
        "SELECT stream_id, seq, received_ms, occurred, store, register, type, idem, status, body, problem, decided FROM event"  # noqa: S608
        f" WHERE tenant = ? AND member IN ({marks}) AND member IS NOT NULL ORDER BY received_ms DESC, stream_id, seq DESC LIMIT {LEDGER_ROWS}",
        tenant, *names,
    )  # fmt: skip
    return balances, [
        LedgerRow(f"{stream}:{seq}", received, occurred, store, register, kind, key, status, dict(_read(body).entries), problem, decided)
        for stream, seq, received, occurred, store, register, kind, key, status, body, problem, decided in rows
    ]


def cases(work: Work, tenant: str) -> list[Case]:
    """What waits for a decision, oldest first."""
    return _cases(work, tenant, OPEN)


def notes(work: Work, tenant: str) -> list[Case]:
    """What was counted and is to be looked at, such as what came late. A code that nobody can check is marked in the ledger only: where an
    issuer gives no keys out, all of them would stand here."""
    return _cases(work, tenant, "status = 'applied' AND problem IS NOT NULL AND problem NOT LIKE 'unchecked%'")


def _cases(work: Work, tenant: str, which: str) -> list[Case]:
    found = []
    for stream, seq, received, store, register, kind, member, idem, status, problem, body, of_stream, of_seq in work.rows(
        "SELECT stream_id, seq, received_ms, store, register, type, member, idem, status, problem, body, of_stream, of_seq FROM event"  # noqa: S608
        f" WHERE tenant = ? AND {which} AND decided IS NULL ORDER BY received_ms, stream_id, seq LIMIT {CASE_ROWS}",
        tenant,
    ):
        other = work.rows("SELECT body FROM event WHERE stream_id = ? AND seq = ?", of_stream, of_seq) if of_stream else []
        found.append(
            Case(
                f"{stream}:{seq}", received, store, register, kind, member, idem, status, problem, _shown(body),
                f"{of_stream}:{of_seq}" if of_stream else None, _shown(other[0][0]) if other else None,
            )
        )  # fmt: skip
    return found


def decide(work: Work, tenant: str, case: str, decision: Decision, by: str, now_ms: int) -> str:
    """Closes a case; "" when done, else why not. ``apply`` counts the event's entries, once, whoever clicks how often; ``note`` closes what was
    counted and is only to be looked at."""
    stream_id, _, seq = case.rpartition(":")
    rows = work.rows(
        "SELECT status, body, decided, problem FROM event WHERE tenant = ? AND stream_id = ? AND seq = ? FOR UPDATE",
        tenant, stream_id, int(seq) if seq.isascii() and seq.isdigit() and len(seq) < 19 else 0,
    )  # fmt: skip
    if not rows:
        return "there is no such case"
    status, body, decided, problem = rows[0]
    noted = status == "applied" and problem is not None
    if decided is not None or not (noted or status in {"conflict", "rejected", "withheld"}) or noted != (decision == "note"):
        return f"this case is closed: {decided or status}"
    new_status = status
    if decision == "apply":
        if body is None:
            return "the register keeps the body back; it cannot be counted before it comes"
        reading = _read(bytes(body))
        if reading.problem:
            return f"it cannot be counted: {reading.problem}"
        if status == "rejected":
            key = (reading.place.tenant, reading.place.store, reading.idem)
            if not work.insert_absent(schema.GRANT_KEY, [(*key, stream_id, int(seq), digest(bytes(body)))]):
                return "its business key was counted meanwhile; dismiss it"
        told = [Told(stream_id, int(seq), reading)]
        coupon_events.use_coupons(work, told, now_ms)
        work.merge(schema.BALANCE, [(tenant, reading.member or "", account, delta) for account, delta in reading.entries])
        settle.settle(work, told, now_ms)
        settle.add_activity(work, [reading])
        new_status = "applied"
    text = f"{decision} by {by} at {instant(now_ms)}"
    work.run("UPDATE event SET status = ?, decided = ? WHERE stream_id = ? AND seq = ?", new_status, text, stream_id, int(seq))
    return ""


def register_member(work: Work, tenant: str, fields: dict[str, Any], now_ms: int) -> str:
    """Adds or changes a member: {number, token, status, rank, birth_month, flags, otp_key, keep_number}; "" when done, else why not. The number
    is kept only where ``keep_number`` says so: signed codes cannot be verified without it."""
    number, token = fields.get("number"), fields.get("token")
    status, rank, month, flags = fields.get("status", "active"), fields.get("rank"), fields.get("birth_month"), fields.get("flags", [])
    if not isinstance(number, str) or not isinstance(token, str) or not 4 <= len(number) <= 64 or not re.fullmatch(r"[^?\s]\S{0,63}", token):
        return "a member needs a number of 4 to 64 characters and a token of 1 to 64 that does not begin with ?"
    if status not in {"active", "earn_only", "blocked"} or not (rank is None or (isinstance(rank, str) and len(rank) <= 64)):
        return "status is active, earn_only or blocked; rank is a name"
    if not (month is None or (type(month) is int and 1 <= month <= 12)):
        return "birth_month is 1 to 12"
    if not isinstance(flags, list) or not all(isinstance(flag, str) for flag in flags):
        return "flags is a list of names"
    otp_key, keep_number = fields.get("otp_key"), fields.get("keep_number", False)
    if not (otp_key is None or (isinstance(otp_key, str) and re.fullmatch(r"([0-9a-f]{2}){10,64}", otp_key))) or type(keep_number) is not bool:
        return "otp_key is 10 to 64 bytes in hexadecimal digits; keep_number is true or false"
    if otp_key or keep_number:
        work.run("DELETE FROM member_secret WHERE tenant = ? AND member = ?", tenant, token)
        work.merge(schema.MEMBER_SECRET, [(tenant, token, bytes.fromhex(otp_key) if otp_key else None, number if keep_number else None)])
    hashed = number_hash(member_key(work, tenant), number)
    work.run(
        "INSERT INTO member (tenant, member, number_hash, status, rank, birth_month, flags, changed_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (tenant, member) DO UPDATE SET number_hash = excluded.number_hash, status = excluded.status, rank = excluded.rank,"
        " birth_month = excluded.birth_month, flags = excluded.flags, changed_ms = excluded.changed_ms",
        tenant, token, hashed, status, rank, month, json.dumps(flags), now_ms,
    )  # fmt: skip
    return ""


def _read(body: bytes | None) -> Reading:
    try:
        return read(bytes(body or b"{}"), None)
    except WireError as trouble:  # never stored like this; a damaged database may still hold it
        return Reading(str(trouble), NOWHERE)


def _shown(body: bytes | None) -> str | None:
    return None if body is None else bytes(body).decode("utf-8", "replace")
