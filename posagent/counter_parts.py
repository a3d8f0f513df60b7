"""Owns what a counter knows, what it is told, and what it asks for: its state, its inputs, its effects. PURE; `posagent.counter` moves them.

What head office is asked for (`Authorise`) never waits in a step: the shell asks in a thread, and the answer is an input (`Authorised`). A step
that waits for it keeps what was asked under ``State.asking``, with the moment, so that an answer that never comes is given up by the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from posagent.checkout import Basket, Card, Live, Now, Refunded
from posagent.events import Draft, Role
from posagent.redeeming import Charged, FoundCoupon, Redemption


@dataclass(frozen=True, slots=True)
class Today:
    """What a business date has had so far. ``slips``: the newest slip's number; a number is on one paper only, whatever the clock does."""

    slips: int = 0
    coupons: int = 0
    own_coupon_yen: int = 0  # coupons used on this register's own authority


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
    days: Mapping[str, Today] = field(default_factory=dict)  # by business date; several, for a clock may jump and come back
    redemptions: tuple[Redemption, ...] = ()  # of the open basket: kept for it, and not used yet
    asking: Mapping[str, Asking] = field(default_factory=dict)  # by hold id: what head office was asked and has not answered
    charges: Mapping[str, Charged] = field(default_factory=dict)  # by charge id: what a manager may still take back


REMEMBERED_DAYS = 40


def today_of(state: State, day: str) -> Today:
    """What is known of a business date."""
    return state.days.get(day, Today())


def with_today(state: State, day: str, today: Today) -> State:
    """The state in which that date has had this much; the dates touched longest ago are forgotten."""
    others = [(other, had) for other, had in state.days.items() if other != day]
    return replace(state, days={**dict(others[-(REMEMBERED_DAYS - 1) :]), day: today})


# ---------------------------------------------------------------- inputs


Redeemable = Literal["coupon", "points", "value"]


@dataclass(frozen=True, slots=True)
class Asking:
    """What waits for head office's word."""

    since_ms: int
    asked: RedeemAsked | ChargeAsked


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
class ConfirmAsked:
    """A person says that the open sale, which a door read, is paid and that its amount is right."""

    now: Now
    sale_id: str
    total: int
    reply: int | None = None


@dataclass(frozen=True, slots=True)
class VoidAsked:
    """A manager takes a grant back. ``live``: as the journal has it, where the sale is older than those in memory."""

    now: Now
    sale_id: str
    reason: str
    operator: str
    role: Role
    reply: int | None = None
    live: Live | None = None


@dataclass(frozen=True, slots=True)
class RedeemAsked:
    """Something is to be used for the open sale. ``id``: the hold's, a UUID. ``amount``: points, or yen of value; 0 for a coupon.

    ``code_hash`` and ``found`` (what the journal knows of it; None: it was not issued here) are of a coupon."""

    now: Now
    id: str
    kind: Redeemable
    amount: int = 0
    code_hash: str = ""
    found: FoundCoupon | None = None
    reply: int | None = None


@dataclass(frozen=True, slots=True)
class ChargeAsked:
    """The member who waits pays value in. ``id``: the hold's, a UUID; ``tender``: how it is paid."""

    now: Now
    id: str
    amount: int
    tender: str
    operator: str
    reply: int | None = None


@dataclass(frozen=True, slots=True)
class ReleaseAsked:
    """A redemption is taken off the open sale."""

    now: Now
    id: str
    reply: int | None = None


@dataclass(frozen=True, slots=True)
class LateGrantAsked:
    """The member who waits gets points for an earlier sale, as the journal has it. ``voids``: how many grants of it were voided."""

    now: Now
    basket: Basket
    live: Live | None
    voids: int
    reply: int | None = None


@dataclass(frozen=True, slots=True)
class RefundAsked:
    """A part of a sale comes back. ``live``: as the journal has it. ``kept``: (line, amount, pieces) of what the customer keeps, or else
    ``remaining``: the total of it."""

    now: Now
    live: Live
    kept: tuple[tuple[int, int, int], ...] | None
    remaining: int | None
    reason: str
    operator: str
    role: Role
    reply: int | None = None


@dataclass(frozen=True, slots=True)
class AdjustAsked:
    """An account of the member who waits is put right by hand. ``key``: of the wish."""

    now: Now
    key: str
    account: str
    delta: int
    reason: str
    text: str
    operator: str
    role: Role
    reply: int | None = None


@dataclass(frozen=True, slots=True)
class Authorised:
    """Head office's word on what was asked, or that there was none. ``lots``: what each lot pays, (account, lot, amount)."""

    now: Now
    id: str
    word: Literal["held", "refused", "unknown"]
    reason: str = ""
    balances: Mapping[str, int] = field(default_factory=dict)
    lots: tuple[tuple[str, str, int], ...] = ()
    coupon: FoundCoupon | None = None


@dataclass(frozen=True, slots=True)
class Cleared:
    """What waits is forgotten, and stays in the journal; where a sale is named, only if it is the one that waits: it came back."""

    now: Now
    sale_id: str = ""
    reply: int | None = None


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


Input = (
    Scanned | CodeSeen | SaleArrived | ConfirmAsked | VoidAsked | RedeemAsked | ReleaseAsked | ChargeAsked | LateGrantAsked | RefundAsked
    | AdjustAsked | Authorised | Cleared | Ticked | Answered
)  # fmt: skip


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
class JoinSale:
    """Intent: what came is a sale that is known already. ``receipt_no``: its receipt's number, "" without one."""

    sale_id: str
    receipt_no: str
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
    used: tuple[Redemption, ...] = ()


@dataclass(frozen=True, slots=True)
class VoidGrant:
    """Intent: a grant is taken back."""

    live: Live
    reply: int | None


@dataclass(frozen=True, slots=True)
class KeepRedemption:
    """Intent: a redemption is kept for the open sale."""

    redemption: Redemption
    reply: int | None


@dataclass(frozen=True, slots=True)
class LetGo:
    """Intent: redemptions are let go unused. ``why``: a key of the message catalogue for the cashier, "" when it was asked for."""

    redemptions: tuple[Redemption, ...]
    why: str
    reply: int | None


@dataclass(frozen=True, slots=True)
class UseRedemptions:
    """Intent: what is kept for a paid sale is used, without a grant."""

    basket: Basket
    redemptions: tuple[Redemption, ...]
    reply: int | None


@dataclass(frozen=True, slots=True)
class ChargeValue:
    """Intent: value is paid in."""

    hold: str
    slips: int
    reply: int | None


@dataclass(frozen=True, slots=True)
class VoidCharge:
    """Intent: a mistaken charge is taken back."""

    charge: Charged
    reply: int | None


@dataclass(frozen=True, slots=True)
class RefundSale:
    """Intent: a part of a sale is taken back. ``slips``: of coupons that are not due any more."""

    live: Live
    refunded: Refunded
    slips: tuple[str, ...]
    fields: Mapping[str, Any]
    reply: int | None


@dataclass(frozen=True, slots=True)
class AdjustAccount:
    """Intent: an account is put right."""

    fields: Mapping[str, Any]
    reply: int | None


@dataclass(frozen=True, slots=True)
class NoteCode:
    """Intent: a code without a checkout goes on record."""


Amendment = ChargeValue | VoidCharge | RefundSale | AdjustAccount
Intent = AttachCard | OpenSale | JoinSale | GrantPoints | VoidGrant | KeepRedemption | LetGo | UseRedemptions | NoteCode | Amendment


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


@dataclass(frozen=True, slots=True)
class Authorise:
    """Ask head office to keep something; `Authorised` comes back under the same id."""

    id: str
    kind: Redeemable | Literal["charge"]
    member: str | None
    code_hash: str
    amount: int
    sale_id: str
    ttl_s: int


@dataclass(frozen=True, slots=True)
class Settle:
    """Tell head office what became of a hold. Not waited for: the event on record says the same, and an unused hold frees itself."""

    id: str
    word: Literal["commit", "release"]


Status = Literal[
    "granted", "already", "waiting_for_member", "waiting_for_payment", "voided", "redeemed", "released", "charged", "refunded", "adjusted",
    "conflict", "refused", "unavailable",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to who asked."""

    reply: int
    status: Status
    fields: Mapping[str, Any]


Effect = Commit | Tell | Show | CancelSlips | Authorise | Settle | Reply


Step = tuple[State, tuple[Effect, ...]]


def refusing(state: State, reply: int | None, code: str, fields: Mapping[str, Any] | None = None) -> Step:
    """A step that does nothing but say why: to the cashier, and to who asked."""
    values = dict(fields or {})
    return state, (Tell(code, values), *reply_to(reply, "refused", {"code": code, **values}))


def reply_to(reply: int | None, status: Status, fields: Mapping[str, Any]) -> tuple[Reply, ...]:
    """The answer, where somebody asked."""
    return () if reply is None else (Reply(reply, status, fields),)
