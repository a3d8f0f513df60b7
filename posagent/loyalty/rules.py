"""Owns the model of a program file: what a store's rules are once they have been read. PURE.

`posagent.loyalty.program` reads them, `posagent.loyalty.quote` applies them. Rates are basis points, multipliers thousandths.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from posagent.loyalty.days import Expire, Window
from posagent.loyalty.model import Reach
from posagent.loyalty.numbers import Rounding

Formula = Literal["amount", "rate", "visit", "item", "nothing"]
Per = Literal["receipt", "line", "unit"]
Issue = Literal["sale", "stamps", "rank_up", "welcome", "birthday", "survey", "manual"]
ISSUES: tuple[Issue, ...] = ("sale", "stamps", "rank_up", "welcome", "birthday", "survey", "manual")
REDUCTIONS = ("discount", "coupon", "points", "value")


@dataclass(frozen=True, slots=True)
class When:
    """The conditions of a rule: all that are given must hold; within a list one suffices. Days are business dates."""

    rank: tuple[str, ...] = ()
    flag: tuple[str, ...] = ()
    store: tuple[str, ...] = ()
    weekday: tuple[int, ...] = ()  # Monday is 0
    hours: tuple[int, int] | None = None  # minutes after midnight, [start, end), may cross midnight
    dates: tuple[date, date] | None = None
    min_amount: int = 0
    birth_month: bool = False
    first: bool = False
    category: tuple[str, ...] = ()
    tender: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether this is no campaign: it depends on nothing but what is bought where."""
        return not (self.rank or self.flag or self.weekday or self.hours or self.dates or self.birth_month or self.first or self.tender)


ALWAYS = When()


@dataclass(frozen=True, slots=True)
class Redeem:
    """How points pay: ``yen`` per point, in steps of ``unit``, from ``min`` to ``max`` points a sale."""

    yen: int = 1
    unit: int = 1
    min: int = 1
    max: int | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A stamp card: rewards by position, as (position, coupon id) in ascending order."""

    size: int
    rewards: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class ChargeLimits:
    """What may be charged at once and held in all."""

    unit: int = 1
    min: int | None = None
    max: int | None = None
    max_balance: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A named counter per member. The last four texts are what the law on prepaid payment wants on the slip after a charge."""

    name: str
    label: str
    expire: Expire | None = None
    redeem: Redeem | None = None
    cooldown: str = "none"
    card: Card | None = None
    charge: ChargeLimits | None = None
    issuer: str = ""
    contact: str = ""
    places: str = ""
    balance_url: str = ""


@dataclass(frozen=True, slots=True)
class Earn:
    """One rule that turns a basis into points, stamps or bonus."""

    id: str
    account: str
    formula: Formula
    on: Literal["sale", "charge"] = "sale"
    when: When = ALWAYS
    lines: frozenset[str] | None = None  # categories; None: every line
    every: int = 100
    give: int = 0
    rate: int = 0
    round: Rounding = "floor"
    visit: int = 0
    item: int = 0
    per: Per = "receipt"


@dataclass(frozen=True, slots=True)
class Boost:
    """An extra on the rounded base of an account; the best of each group counts, groups add up. Exactly one of times and add is given."""

    id: str
    account: str = "points"
    group: str = "boost"
    when: When = ALWAYS
    times: int | None = None
    add: int | None = None


@dataclass(frozen=True, slots=True)
class Benefit:
    """What a coupon is good for: ``off`` yen, or ``off_rate`` at most ``max`` yen, or a gift worth at most ``value`` yen."""

    off: int | None = None
    off_rate: int | None = None
    max: int | None = None
    gift: str | None = None
    value: int = 0


@dataclass(frozen=True, slots=True)
class Valid:
    """How long an issued coupon lives: a period from its issue, the end of the month of issue, or a fixed last day; all None: for ever."""

    expire: Expire | None = None
    month_end: bool = False
    until: date | None = None


@dataclass(frozen=True, slots=True)
class CouponRule:
    """A kind of coupon: when it is issued, what it gives, when it may be used. ``bearer``: whoever holds the slip, not one member."""

    id: str
    label: str
    benefit: Benefit
    issue: Issue = "manual"
    when: When = ALWAYS
    use_when: When = ALWAYS
    lines: frozenset[str] | None = None
    group: str = "coupon"
    valid: Valid = Valid()
    reach: Reach = "store"
    bearer: bool = False


@dataclass(frozen=True, slots=True)
class Tier:
    """A rank and what must be reached for it in the window: spend, points, visits; any other name is a flag that counts 0 or 1."""

    id: str
    label: str
    need: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Ranks:
    """The ranks, lowest first."""

    window: Window
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of single operations; None: no cap."""

    points_per_sale: int | None = None
    late_days: int = 0
    refund_days: int = 30


@dataclass(frozen=True, slots=True)
class OfflineLimits:
    """What the register may risk while nobody can be asked."""

    snapshot_ttl_hours: int = 72
    grant_points_per_sale: int = 3_000
    grant_yen_per_sale: int = 100_000
    coupon_value_per_sale: int = 500
    coupon_value_per_day: int = 5_000
    coupons_per_day: int = 200
    redeem_yen: int = 0  # per member and outage; at most 500
    redeem_snapshot_hours: int = 24
    charge_yen: int = 0  # at most 10,000
    queue_warn: int = 5_000
    queue_stop: int = 50_000


@dataclass(frozen=True, slots=True)
class Approval:
    """One decision on the way to this version."""

    level: int
    by: str
    at: datetime
    decision: Literal["approved", "rejected"]
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where the program holds; ``"*"`` is every store."""

    company: str = ""
    brand: str = ""
    stores: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True)
class Basis:
    """What amounts count."""

    tax: Literal["included", "excluded"] = "included"
    exclude: frozenset[str] = frozenset()
    reduced_by: frozenset[str] = frozenset({"discount", "coupon", "points"})


@dataclass(frozen=True, slots=True)
class Program:
    """A store's rules, one version. Dates are inclusive business dates; None: open."""

    id: str
    version: int
    accounts: tuple[Account, ...]
    earn: tuple[Earn, ...]
    name: str = ""
    currency: str = "JPY"
    timezone: str = "Asia/Tokyo"
    day_start: int = 0  # minutes after midnight
    first_day: date | None = None
    last_day: date | None = None
    scope: Scope = Scope()
    approvals_required: int = 0
    basis: Basis = Basis()
    boost: tuple[Boost, ...] = ()
    coupon: tuple[CouponRule, ...] = ()
    ranks: Ranks | None = None
    limits: Limits = Limits()
    offline: OfflineLimits = OfflineLimits()
    approvals: tuple[Approval, ...] = ()
    caps: tuple[tuple[str, int], ...] = field(default=())  # (account, most per sale)

    @property
    def reference(self) -> str:
        """``id@version``, as every event records it."""
        return f"{self.id}@{self.version}"

    def account(self, name: str) -> Account | None:
        """The account of that name."""
        return next((account for account in self.accounts if account.name == name), None)

    def coupon_rule(self, name: str) -> CouponRule | None:
        """The kind of coupon of that id."""
        return next((rule for rule in self.coupon if rule.id == name), None)
