"""Owns the records that a quote is made of: register, sale and member go in, a Quote comes out. PURE.

Amounts are tax included, in the currency's minor unit; taxes are basis points (1000 is 10 %); times carry an offset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from posagent.loyalty.numbers import OutOfRange, Rounding

ReductionKind = Literal["discount", "coupon", "points", "value"]
MemberStatus = Literal["active", "earn_only", "blocked", "unverified"]
CouponState = Literal["issued", "printed", "used", "void", "expired"]
Reach = Literal["register", "store", "brand"]
Refusal = Literal["unknown", "blocked", "not_yet", "expired", "used", "reach", "when", "no_line", "group", "no_effect"]
"""Why a presented coupon is not taken, in the order in which it is tested. ``no_effect``: nothing is left to reduce, so the coupon stays
unused for another day."""


class SaleRejected(OutOfRange):
    """The sale as sent cannot be true or is outside the limits: nothing is granted, nothing is clamped silently. Same ``code``."""


@dataclass(frozen=True, slots=True)
class Register:
    """Where the sale happens. ``tax_rounding`` must be the register's own way of rounding tax."""

    company: str = ""
    brand: str = ""
    store: str = ""
    register: str = ""
    tax_rounding: Rounding = "floor"
    program: str = ""  # "id@version" that the register believes is in force; informative


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the sale. ``net`` only where the POS itself gave the amount without tax."""

    amount: int
    category: str = "*"
    tax: int = 1000
    qty: int = 1
    net: int | None = None


@dataclass(frozen=True, slots=True)
class Reduction:
    """What was taken off the sale. ``lines``: indices from 0; None spreads over all lines. ``value`` (prepaid) is a way to pay and reduces
    nothing unless the program says so."""

    kind: ReductionKind
    amount: int
    lines: tuple[int, ...] | None = None
    coupon: str | None = None


@dataclass(frozen=True, slots=True)
class Coupon:
    """One single-use right. ``member`` None: bearer. Both days are business dates and inclusive."""

    code: str
    definition: str  # id of the [[coupon]] in the program
    first_day: date | None = None
    last_day: date | None = None
    reach: Reach = "brand"
    state: CouponState = "issued"
    member: str | None = None
    brand: str = ""
    store: str = ""
    register: str = ""
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale as the register sent it. ``codes`` are the coupon codes that were presented; ``coupons`` what the caller found for them (its own
    issues, the store's, the cloud's answer); a code found neither there nor with the member is unknown. ``clock_ok`` False (the register's
    clock is in doubt) switches conditions on the time of day off."""

    sale_id: str
    at: datetime
    lines: tuple[Line, ...]
    operator: str = ""
    reductions: tuple[Reduction, ...] = ()
    codes: tuple[str, ...] = ()
    coupons: tuple[Coupon, ...] = ()
    tender: tuple[str, ...] = ()
    clock_ok: bool = True

    @classmethod
    def of_total(cls, sale_id: str, at: datetime, total: int, operator: str = "", tax_split: Mapping[int, int] | None = None) -> Sale:
        """An amount-only register: one line per tax rate where they are known (``{1000: gross, 800: gross}``), else a single line."""
        split = dict(tax_split or {})
        if split and sum(split.values()) != total:
            raise SaleRejected("range", f"sale {sale_id}: the amounts by tax rate add up to {sum(split.values())}, not to the total {total}")
        lines = tuple(Line(amount, tax=tax) for tax, amount in sorted(split.items(), reverse=True)) if split else (Line(total),)
        return cls(sale_id, at, lines, operator)


@dataclass(frozen=True, slots=True)
class Member:
    """What the register knows of a member. ``as_of`` None: the answer is live, not from a snapshot. ``last_at`` is the time of the last grant
    per account (for cooldowns); ``issued`` the ids of card rewards that were issued before."""

    token: str
    status: MemberStatus = "active"
    rank: str | None = None
    birth_month: int | None = None
    first: bool = False
    flags: tuple[str, ...] = ()
    balances: Mapping[str, int] = field(default_factory=dict)
    coupons: tuple[Coupon, ...] = ()
    as_of: datetime | None = None
    last_at: Mapping[str, datetime] = field(default_factory=dict)
    issued: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """The only thing that changes a balance. ``expires``: last usable business date."""

    account: str
    delta: int
    lot: str | None = None
    expires: date | None = None


@dataclass(frozen=True, slots=True)
class Allocation:
    """One reduction, split: per line, and per tax rate as the POS must print it (a lump discount over two rates is shown split)."""

    kind: ReductionKind
    amount: int
    shares: tuple[int, ...]
    by_tax: tuple[tuple[int, int], ...]  # (tax in basis points, yen), highest rate first
    coupon: str | None = None
    lines: tuple[int, ...] | None = None  # over which it was spread; None: all


@dataclass(frozen=True, slots=True)
class CouponUse:
    """A presented coupon that was taken."""

    code: str
    definition: str
    amount: int
    gift: str | None = None


@dataclass(frozen=True, slots=True)
class CouponIssue:
    """A coupon to be issued. ``id`` is the same however often the sale is voided and granted again; the printed code gets its random bits
    from the caller (`posagent.loyalty.coupons.code`)."""

    id: str
    definition: str
    label: str
    first_day: date
    last_day: date | None
    reach: Reach
    group: str
    cause: Literal["sale", "stamps"]
    member: str | None


@dataclass(frozen=True, slots=True)
class Reason:
    """One step of the computation, kept in the event for the audit; `posagent.loyalty.words` says it in Japanese or English."""

    code: str
    values: tuple[tuple[str, int | str], ...] = ()

    def __getitem__(self, key: str) -> int | str:
        for name, value in self.values:
            if name == key:
                return value
        raise KeyError(key)


@dataclass(frozen=True, slots=True)
class Quote:
    """What a sale gives. ``entries`` are what the grant records; ``points_used`` what its reduction of kind points takes (recorded by the
    redemption, not by the grant). ``basis`` per line after reductions, None where the line does not take part."""

    sale_id: str
    program: str
    member: str | None
    business_date: date
    subtotal: int
    payable: int
    basis: tuple[int | None, ...]
    entries: tuple[Entry, ...]
    allocations: tuple[Allocation, ...]
    points_used: int
    coupons_used: tuple[CouponUse, ...]
    coupons_issued: tuple[CouponIssue, ...]
    rejected: Mapping[str, Refusal]
    rank: str | None
    boosts: tuple[str, ...]
    explain: tuple[Reason, ...]

    def total(self, account: str) -> int:
        """The sum of the entries of one account."""
        return sum(entry.delta for entry in self.entries if entry.account == account)
