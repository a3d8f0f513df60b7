"""Owns the vocabulary of the journal: the types of events and the envelope that every event's ``data`` carries. PURE.

An event travels as one CloudEvents line: its type is ``posagent.NAME.v1``; identity and the envelope's fields stand in ``data``. What may
differ between two tries of the same thing (clock readings, versions) stands under ``data["trace"]`` and is no part of the business digest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["staff", "manager", "it", "system"]
Source = Literal["scan", "camera", "typed", "late", "cloud"]

SALE_GRANTED = "posagent.sale.granted.v1"
SALE_VOIDED = "posagent.sale.voided.v1"
SALE_REFUNDED = "posagent.sale.refunded.v1"
POINTS_REDEEMED = "posagent.points.redeemed.v1"
POINTS_ADJUSTED = "posagent.points.adjusted.v1"
HOLD_PLACED = "posagent.hold.placed.v1"
HOLD_RELEASED = "posagent.hold.released.v1"
VALUE_CHARGED = "posagent.value.charged.v1"
VALUE_SPENT = "posagent.value.spent.v1"
COUPON_ISSUED = "posagent.coupon.issued.v1"
COUPON_PRINTED = "posagent.coupon.printed.v1"
COUPON_REDEEMED = "posagent.coupon.redeemed.v1"
COUPON_VOIDED = "posagent.coupon.voided.v1"
MEMBER_SEEN = "posagent.member.seen.v1"
MEMBER_MERGED = "posagent.member.merged.v1"
PROGRAM_APPLIED = "posagent.program.applied.v1"
DAY_CHECKED = "posagent.day.checked.v1"
DAY_CLOSED = "posagent.day.closed.v1"
# Ours, beside the vocabulary of the loyalty rules: what a checkout saw before its grant (so that a killed agent goes on where it stood, and
# the day's report can count sales without a member), and what became of a slip that carries no coupon.
SALE_SEEN = "posagent.sale.seen.v1"
SLIP_PRINTED = "posagent.slip.printed.v1"
VALUE_VOIDED = "posagent.value.voided.v1"  # a mistaken charge taken back on the same business date: the exact negation of its entries
SLIP_TESTED = "posagent.slip.tested.v1"  # a technician asked for a test print
ACCESS_NOTED = "posagent.access.noted.v1"  # a PIN entered or refused, a program paired or shut out; never the PIN, code or token
BALANCE_EXPIRED = "posagent.balance.expired.v1"  # head office's own: what of an account may not be used any more
EVENT_DROPPED = "posagent.event.dropped.v1"  # a person gave up what the receiver does not take

KNOWN = frozenset(value for name, value in list(globals().items()) if name.isupper() and isinstance(value, str))
"""Every type that a receiver accepts; any other is stored and answered ``rejected``."""


@dataclass(frozen=True, slots=True)
class Place:
    """Who records: immutable for the life of a journal."""

    company: str
    brand: str
    store: str
    register: str


@dataclass(frozen=True, slots=True)
class Draft:
    """An event before it is stored: what `offline_queue.journal.NewEvent` needs, without its id and its trace."""

    type: str
    subject: str
    idemkey: str
    time: str
    data: Mapping[str, Any]


def draft(
    type_: str,
    *,
    place: Place,
    idemkey: str,
    at: str,
    business_date: str,
    operator: str,
    role: Role,
    program: str,
    member: str | None = None,
    sale_id: str | None = None,
    source: Source | None = None,
    offline: bool = False,
    entries: Sequence[Mapping[str, Any]] = (),
    ref: str | None = None,
    reason: str | None = None,
    approver: str | None = None,
    data: Mapping[str, Any] | None = None,
    trace: Mapping[str, Any] | None = None,
) -> Draft:
    """Builds an event with the whole envelope. ``at``: RFC 3339 with offset; ``program``: "id@version"; ``entries``: {account, delta, …}."""
    envelope: dict[str, Any] = {
        "company": place.company,
        "brand": place.brand,
        "store": place.store,
        "register": place.register,
        "business_date": business_date,
        "operator": operator,
        "role": role,
        "program": program,
        "entries": [dict(entry) for entry in entries],
    }
    optional = {"member": member, "sale_id": sale_id, "source": source, "ref": ref, "reason": reason, "approver": approver}
    envelope |= {key: value for key, value in optional.items() if value is not None}
    envelope |= dict(data or {})
    envelope["trace"] = {"offline": offline, **(trace or {})}
    return Draft(type_, f"m:{member}" if member else f"r:{place.store}/{place.register}", idemkey, at, envelope)
