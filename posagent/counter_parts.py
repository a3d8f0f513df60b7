"""Owns what a counter knows, what it is told, and what it asks for: its state, its inputs, its effects. PURE; `posagent.counter` moves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from posagent.checkout import Basket, Card, Live, Now
from posagent.events import Draft, Role


@dataclass(frozen=True, slots=True)
class State:
    """Of one register."""

    card: Card | None = None
    card_ms: int = 0
    basket: Basket | None = None
    basket_ms: int = 0
    last: Live | None = None
    last_ms: int = 0
    bounce: tuple[str, int] = ("", 0)  # token and ms of the last scan
    live: Mapping[str, Live] = field(default_factory=dict)  # by sale_id
    voided: Mapping[str, int] = field(default_factory=dict)  # sale_id -> how many grants of it were voided
    slip_day: str = ""
    slips_today: int = 0  # the newest slip's number within slip_day
    coupons_today: int = 0


# ---------------------------------------------------------------- inputs


@dataclass(frozen=True, slots=True)
class Scanned:
    """A member's code was read."""

    now: Now
    card: Card


@dataclass(frozen=True, slots=True)
class CodeSeen:
    """A code was read that opens no checkout: refused, unknown, ambiguous, a coupon, a product. ``code`` of the message catalogue."""

    now: Now
    scan_id: str
    code: str
    masked: str
    why: str


@dataclass(frozen=True, slots=True)
class SaleArrived:
    """A sale came through a door. ``reply`` is handed back in `Reply`."""

    now: Now
    basket: Basket
    reply: int | None = None


@dataclass(frozen=True, slots=True)
class VoidAsked:
    """A manager takes a grant back."""

    now: Now
    sale_id: str
    reason: str
    operator: str
    role: Role
    reply: int | None = None


@dataclass(frozen=True, slots=True)
class Cleared:
    """The cashier starts over: what waits is forgotten (and stays in the journal)."""

    now: Now


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time passed."""

    now: Now


Result = Literal["stored", "duplicate", "conflict", "full", "failed", "refused"]
"""full: disk and reserve are used up; failed: the disk did not take it, or not in time; refused: it cannot be written as an event at all."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The store's word on a `Commit`. ``data`` is the stored lead event's (the old one's where it is a duplicate or a conflict)."""

    now: Now
    intent: Intent
    result: Result
    event_id: str
    data: Mapping[str, Any]
    jobs: tuple[int, ...] = ()


Input = Scanned | CodeSeen | SaleArrived | VoidAsked | Cleared | Ticked | Answered


# ---------------------------------------------------------------- effects


@dataclass(frozen=True, slots=True)
class PrintJob:
    """One slip to print, stored with the event that it belongs to."""

    serial: str
    document: bytes


@dataclass(frozen=True, slots=True)
class AttachCard:
    """Intent: a member waits for the sale."""

    card: Card


@dataclass(frozen=True, slots=True)
class OpenSale:
    """Intent: a sale waits for the member (or, not paid, for its payment)."""

    basket: Basket
    reply: int | None


@dataclass(frozen=True, slots=True)
class GrantPoints:
    """Intent: points for a sale. ``opens``: the sale itself goes on record with it, and its key leads."""

    basket: Basket
    card: Card
    opens: bool
    slips: int
    coupons: int
    reply: int | None


@dataclass(frozen=True, slots=True)
class VoidGrant:
    """Intent: a grant is taken back."""

    live: Live
    reply: int | None


@dataclass(frozen=True, slots=True)
class NoteCode:
    """Intent: a code without a checkout goes on record."""


Intent = AttachCard | OpenSale | GrantPoints | VoidGrant | NoteCode


@dataclass(frozen=True, slots=True)
class Commit:
    """Store these in one transaction, then feed `Answered` back."""

    drafts: tuple[Draft, ...]
    intent: Intent
    jobs: tuple[PrintJob, ...] = ()


@dataclass(frozen=True, slots=True)
class Tell:
    """Something to say now that stands in no event: ``code`` is a key of the message catalogue, ``fields`` its values."""

    code: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Show:
    """The two lines of the customer's display."""

    upper: str
    lower: str


@dataclass(frozen=True, slots=True)
class CancelSlips:
    """These need not be printed any more; what is on its way to paper stays."""

    serials: tuple[str, ...]


Status = Literal["granted", "already", "waiting_for_member", "waiting_for_payment", "voided", "conflict", "refused", "unavailable"]


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to who asked."""

    reply: int
    status: Status
    fields: Mapping[str, Any]


Effect = Commit | Tell | Show | CancelSlips | Reply
