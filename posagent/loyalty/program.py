"""Owns the reading of a program file: TOML in, a Program and every problem at once out. PURE: the caller reads the file.

`read_program` never raises: with problems the Program is a harmless stand-in that must not be applied. What is wrong between tables or
between versions (unreachable rules, the law's limits) is `posagent.loyalty.lint`; here is what makes a file unreadable.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from posagent.loyalty import numbers
from posagent.loyalty.days import Expire, Window, cooldown_hours, minutes
from posagent.loyalty.numbers import MAX_AMOUNT, MAX_BALANCE, OutOfRange
from posagent.loyalty.read_rules import ID, read_boost, read_coupon, read_earn
from posagent.loyalty.references import check_references
from posagent.loyalty.rules import (
    REDUCTIONS,
    Account,
    Approval,
    Basis,
    Card,
    ChargeLimits,
    Limits,
    OfflineLimits,
    Program,
    Ranks,
    Redeem,
    Scope,
    Tier,
)
from posagent.strict import Problem, Table

MAX_BYTES = 1_000_000
SCHEMA = 1


def read_program(text: str) -> tuple[Program, list[Problem]]:
    """The program and all problems, in the order of the file."""
    if len(text) > MAX_BYTES:
        problem = Problem("", f"the file has {len(text)} characters; a program file has at most {MAX_BYTES}")
        return Program("unreadable", 0, (), ()), [problem]
    table = Table.parse(text)
    if table.problems:
        return Program("unreadable", 0, (), ()), table.problems
    program = read_table(table)
    return program, sorted(table.problems, key=lambda problem: problem.line or 0)


def read_table(table: Table) -> Program:
    """The program from a document that is parsed already; problems are added to the table's."""
    schema = table.integer("schema", SCHEMA)
    if schema != SCHEMA:
        table.complain("schema", f"is {schema}, but this agent reads schema {SCHEMA}; update the agent or ask for the file in that form")
    head = table.table("program", required=True)
    scope = head.table("scope")
    basis = table.table("basis")
    accounts = tuple(_read_account(name, child) for name, child in table.table("accounts").each())
    limits = table.table("limits")
    points_per_sale = limits.integer("points_per_sale", None, minimum=0, maximum=numbers.MAX_RESULT)
    program = Program(
        id=head.text("id", pattern=ID, wanted="a short name like 'acme-cafe'"),
        version=head.integer("version", minimum=1, maximum=999_999_999),
        name=head.text("name", ""),
        currency=head.text("currency", "JPY", pattern="[A-Z]{3}", wanted="a currency code like 'JPY'"),
        timezone=head.text("timezone", "Asia/Tokyo", pattern="[A-Za-z0-9_+/-]+", wanted="a time zone like 'Asia/Tokyo'"),
        day_start=_parsed(head, "day_start", "00:00", minutes, 0),
        first_day=head.day("from", None),
        last_day=head.day("until", None),
        scope=Scope(scope.text("company", ""), scope.text("brand", ""), scope.texts("stores", ("*",))),
        approvals_required=head.integer("approvals_required", 0, minimum=0, maximum=5),
        basis=Basis(
            basis.text("tax", "included", choices=("included", "excluded")),
            frozenset(basis.texts("exclude", ())),
            frozenset(basis.texts("reduced_by", ("discount", "coupon", "points"), choices=REDUCTIONS)),
        ),
        accounts=accounts,
        earn=tuple(read_earn(child, number) for number, child in enumerate(table.tables("earn"), 1)),
        boost=tuple(read_boost(child, number) for number, child in enumerate(table.tables("boost"), 1)),
        coupon=tuple(read_coupon(child, number) for number, child in enumerate(table.tables("coupon"), 1)),
        ranks=_read_ranks(table),
        limits=Limits(
            points_per_sale,
            limits.integer("late_days", 0, minimum=0, maximum=366),
            limits.integer("refund_days", 30, minimum=0, maximum=3660),
        ),
        offline=_read_offline(table.table("offline")),
        approvals=tuple(_read_approval(child) for child in table.tables("approval")),
        caps=_read_caps(limits, points_per_sale),
    )
    for each in (scope, head, basis, limits):
        each.finish()
    check_references(table, program)
    table.finish()
    return program


def _read_caps(limits: Table, points: int | None) -> tuple[tuple[str, int], ...]:
    caps = limits.table("per_sale")
    found = [(name, caps.integer(name, minimum=0, maximum=numbers.MAX_RESULT)) for name in caps.values]
    if points is not None:
        found = [("points", points), *[cap for cap in found if cap[0] != "points"]]
    return tuple(found)


def _read_account(name: str, table: Table) -> Account:
    cooldown = table.text("cooldown", "none")
    if cooldown not in ("none", "day"):
        try:
            cooldown_hours(cooldown)
        except OutOfRange as wrong:
            table.complain("cooldown", str(wrong))
            cooldown = "none"
    account = Account(
        name=name,
        label=table.text("label", name, longest=40),
        expire=read_expire(table.table("expire")) if "expire" in table else None,
        redeem=_read_redeem(table.table("redeem")) if "redeem" in table else None,
        cooldown=cooldown,
        card=_read_card(table.table("card")) if "card" in table else None,
        charge=_read_charge(table.table("charge")) if "charge" in table else None,
        issuer=table.text("issuer", ""),
        contact=table.text("contact", ""),
        places=table.text("places", ""),
        balance_url=table.text("balance_url", ""),
    )
    table.finish()
    return account


def read_expire(table: Table) -> Expire:
    """``{ months = 12 | days = 30, from = "earn" | "activity", round = "month" }``."""
    months = table.integer("months", None, minimum=0, maximum=1200)
    days = table.integer("days", None, minimum=0, maximum=36_600)
    if (months is None) == (days is None):
        table.complain("", "needs exactly one of months and days")
    start = table.text("from", "earn", choices=("earn", "activity"))
    rounded = table.text("round", "none", choices=("none", "month"))
    table.finish()
    return Expire(months, days if months is None else None, start, rounded)


def _read_redeem(table: Table) -> Redeem:
    redeem = Redeem(
        table.integer("yen", 1, minimum=1, maximum=MAX_AMOUNT),
        table.integer("unit", 1, minimum=1, maximum=MAX_AMOUNT),
        table.integer("min", 1, minimum=0, maximum=MAX_AMOUNT),
        table.integer("max", None, minimum=1, maximum=MAX_AMOUNT),
    )
    table.finish()
    return redeem


def _read_card(table: Table) -> Card:
    size = table.integer("size", minimum=1, maximum=1000)
    rewards = table.table("rewards")
    found = []
    for key in rewards.values:
        coupon = rewards.text(key, pattern=ID, wanted="the id of a coupon")
        if not key.isascii() or not key.isdigit() or int(key) < 1:
            rewards.complain(key, "must be a position on the card, like \"10\"")
        elif int(key) > size:
            rewards.complain(key, f"is beyond the card's {size} fields")
        else:
            found.append((int(key), coupon))
    rewards.finish()
    table.finish()
    return Card(size, tuple(sorted(found)))


def _read_charge(table: Table) -> ChargeLimits:
    charge = ChargeLimits(
        table.integer("unit", 1, minimum=1, maximum=MAX_AMOUNT),
        table.integer("min", None, minimum=1, maximum=MAX_AMOUNT),
        table.integer("max", None, minimum=1, maximum=MAX_AMOUNT),
        table.integer("max_balance", None, minimum=1, maximum=MAX_BALANCE),
    )
    table.finish()
    return charge


def _read_ranks(table: Table) -> Ranks | None:
    if "rank" not in table:
        return None
    rank = table.table("rank")
    window = _read_window(rank)
    tiers = []
    for child in rank.tables("tiers"):
        need = child.table("need")
        name = child.text("id", pattern=ID, wanted="a short name like 'gold'")
        needed = tuple((key, need.integer(key, minimum=0, maximum=MAX_BALANCE)) for key in need.values)
        tiers.append(Tier(name, child.text("label", name, longest=40), needed))
        need.finish()
        child.finish()
    rank.finish()
    return Ranks(window, tuple(tiers))


def _read_window(rank: Table) -> Window:
    if rank.raw("metric_window", "lifetime") == "lifetime":
        return Window()
    window = rank.table("metric_window")
    yearly = window.text("yearly", None, pattern="(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", wanted='a day of the year like "09-16"')
    months = window.integer("months", None, minimum=1, maximum=120)
    if (yearly is None) == (months is None):
        rank.complain("metric_window", 'must be { yearly = "09-16" }, { months = 6 } or "lifetime"')
    window.finish()
    return Window(yearly, months)


def _read_offline(table: Table) -> OfflineLimits:
    plain = OfflineLimits()
    offline = OfflineLimits(
        table.integer("snapshot_ttl_hours", plain.snapshot_ttl_hours, minimum=0, maximum=8760),
        table.integer("grant_points_per_sale", plain.grant_points_per_sale, minimum=0, maximum=numbers.MAX_RESULT),
        table.integer("grant_yen_per_sale", plain.grant_yen_per_sale, minimum=0, maximum=MAX_AMOUNT),
        table.integer("coupon_value_per_sale", plain.coupon_value_per_sale, minimum=0, maximum=MAX_AMOUNT),
        table.integer("coupon_value_per_day", plain.coupon_value_per_day, minimum=0, maximum=MAX_AMOUNT),
        table.integer("coupons_per_day", plain.coupons_per_day, minimum=0, maximum=100_000),
        table.integer("redeem_yen", plain.redeem_yen, minimum=0, maximum=500),
        table.integer("redeem_snapshot_hours", plain.redeem_snapshot_hours, minimum=0, maximum=24),
        table.integer("charge_yen", plain.charge_yen, minimum=0, maximum=10_000),
        table.integer("queue_warn", plain.queue_warn, minimum=1, maximum=10_000_000),
        table.integer("queue_stop", plain.queue_stop, minimum=1, maximum=10_000_000),
    )
    table.finish()
    return offline


def _read_approval(table: Table) -> Approval:
    at = table.moment("at")
    approval = Approval(
        table.integer("level", minimum=1, maximum=5),
        table.text("by", longest=100),
        at if isinstance(at, datetime) else datetime.fromisoformat("1970-01-01T00:00:00+00:00"),
        table.text("decision", choices=("approved", "rejected")),
        table.text("comment", ""),
    )
    table.finish()
    return approval


_T = TypeVar("_T")


def _parsed(table: Table, key: str, default: str, parse: Callable[[str], _T], stand_in: _T) -> _T:
    text: Any = table.text(key, default)
    try:
        return parse(text)
    except OutOfRange as wrong:
        table.complain(key, str(wrong))
        return stand_in
