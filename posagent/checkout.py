"""Owns the records of a checkout: what a register computes with, a card, a basket, a grant that stands. PURE."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from posagent.events import Place, Source
from posagent.handout import Stationery
from posagent.loyalty.days import business_date
from posagent.loyalty.model import Line, Member, Register
from posagent.loyalty.rules import Program
from posagent.loyalty.words import Language
from posagent.redeeming import Charged, Redemption

LANGUAGES: tuple[Language, ...] = ("ja", "en")


@dataclass(frozen=True, slots=True)
class Now:
    """The circumstances of an input. ``ms`` is monotonic and decides windows; ``at`` is data. ``entropy``: 32 random bytes."""

    at: datetime
    ms: int
    offline: bool
    entropy: bytes = b""
    unsent: int = 0  # events that wait for the cloud
    clock_ok: bool = True  # False: the clock ran back behind what is on record, or behind the members' snapshot


@dataclass(frozen=True, slots=True)
class Rules:
    """What a register computes with; replaced as a whole when a program or the settings change."""

    place: Place
    program: Program | None  # None: no program may be applied; scans are recorded, nothing is granted
    register: Register
    stationery: Stationery | None  # None: no printer
    operator: str
    pair_window_ms: int = 120_000
    head_office: bool = False  # whether there is one to ask; points and value need it
    bounce_ms: int = 2_000
    repeat_ms: int = 15_000
    """A rescan of the member who was just granted shows the first result for so long; later it opens the next checkout."""

    def day(self, at: datetime) -> str:
        """The business date of a moment, YYYY-MM-DD."""
        return business_date(at, self.program.day_start if self.program else 0).isoformat()


@dataclass(frozen=True, slots=True)
class Card:
    """A member as scanned. ``masked`` is all of the number that leaves the scan."""

    member: Member
    masked: str
    source: Source
    scan_id: str  # UUID minted when it was read
    verify: Literal["", "verified", "deferred"] = ""  # of a time-limited code: "deferred" is left to the receiver
    clock_unsure: bool = False  # the code's time could not be judged


@dataclass(frozen=True, slots=True)
class Basket:
    """A sale as it came. ``key`` is what makes it this sale and no other: the POS's receipt number, or the door's own key."""

    key: str
    lines: tuple[Line, ...]
    at: datetime
    paid: bool
    door: str
    receipt_no: str | None = None
    after_redemptions: bool = False  # its total is what was left to pay after what is kept for the sale; the counter knows the whole
    adopts: str = ""  # the key of the sale that was typed in and that this one is: what was kept for that is kept for this
    seen_by: str = ""  # typed: the door that had told its amount of this sale already, so that what it tells next is another sale

    @property
    def total(self) -> int:
        """Tax included."""
        return sum(line.amount for line in self.lines)


@dataclass(frozen=True, slots=True)
class Refunded:
    """One refund of a sale. ``kept``: (line, amount, pieces) of what the customer keeps after it; ``back``: yen of prepaid value given back;
    ``cancelled``: ids of coupons that were not due any more."""

    kept: tuple[tuple[int, int, int], ...]
    entries: tuple[Mapping[str, Any], ...]
    back: int = 0
    cancelled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Live:
    """A grant that stands: what a void negates and what a second scan is shown."""

    sale_id: str
    basket: Basket
    number: int  # 1 for the first grant of the sale, 2 after a void, …
    token: str
    masked: str
    entries: tuple[Mapping[str, Any], ...]
    event_id: str
    business_date: str
    granted_at: datetime
    slips: tuple[str, ...]  # serials of what was printed for it
    coupons: tuple[Mapping[str, str], ...]  # what it issued: {id, code_hash, serial}
    used: tuple[Redemption, ...] = ()  # what was used up in the sale
    payable: int = 0  # what was left to pay after it
    holder: Member | None = None  # whom the rules were told of, for a refund; None: not kept, or nobody
    program: str = ""  # "id@version"
    refunds: tuple[Refunded, ...] = ()  # what was taken back since, oldest first

    @property
    def recorded(self) -> tuple[Mapping[str, Any], ...]:
        """Everything that the sale has recorded on its member's accounts: what a void negates."""
        taken = (entry for one in self.used for entry in one.took)
        return (*self.entries, *taken, *(entry for one in self.refunds for entry in one.entries))

    @property
    def coupons_due(self) -> tuple[Mapping[str, str], ...]:
        """The coupons that it issued and that no refund has cancelled."""
        gone = {coupon for one in self.refunds for coupon in one.cancelled}
        return tuple(coupon for coupon in self.coupons if coupon["id"] not in gone)

    @property
    def kept(self) -> dict[int, tuple[int, int]] | None:
        """What the customer keeps after the last refund: line -> (amount, pieces); None: everything."""
        return {index: (amount, qty) for index, amount, qty in self.refunds[-1].kept} if self.refunds else None


def with_local(member: Member, grants: Iterable[Live], charges: Iterable[Charged] = ()) -> Member:
    """The snapshot's member with what this register granted and charged since: a balance and a stamp card must not forget this morning's
    visit, nor a charge of a minute ago."""
    as_of = member.as_of
    if as_of is None:
        return member
    balances = dict(member.balances)
    for live in grants:
        if live.token == member.token and live.granted_at > as_of:
            for entry in live.recorded:
                balances[entry["account"]] = balances.get(entry["account"], 0) + entry["delta"]
    for charge in charges:
        if charge.token == member.token and charge.at is not None and charge.at > as_of:
            for entry in charge.entries:
                balances[entry["account"]] = balances.get(entry["account"], 0) + entry["delta"]
    return replace(member, balances=balances)


def sale_id_of(basket: Basket, rules: Rules) -> str:
    """store-register-businessdate-key."""
    return f"{rules.place.store}-{rules.place.register}-{rules.day(basket.at)}-{basket.key}"


def points_of(entries: tuple[Mapping[str, Any], ...] | list[Mapping[str, Any]]) -> int:
    """The sum of the points among entries."""
    return sum(entry["delta"] for entry in entries if entry["account"] == "points")


def used_only(
    basket: Basket, sale_id: str, used: tuple[Redemption, ...], event_id: str, at: datetime, rules: Rules, number: int
) -> Live:
    """A paid sale in which something was used up and nothing granted (yet): nobody's, but it can be voided."""
    day = rules.day(basket.at)
    return Live(sale_id, basket, number, "", "", (), event_id, day, at, (), (), used, program=rules.register.program)
