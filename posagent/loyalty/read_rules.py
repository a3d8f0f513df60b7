"""Owns the reading of single rules of a program file: [[earn]], [[boost]], [[coupon]] and their conditions. PURE."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from posagent.loyalty.days import WEEKDAYS, Expire, minutes
from posagent.loyalty.numbers import MAX_AMOUNT, MAX_RESULT, OutOfRange, parse_rate, parse_times
from posagent.loyalty.rules import ALWAYS, ISSUES, Benefit, Boost, CouponRule, Earn, Formula, Valid, When
from posagent.strict import Table

ID = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_ROUNDINGS = ("floor", "ceil", "half_up")


def text_set(table: Table, key: str) -> frozenset[str] | None:
    """A list of categories as a set; None where it is absent or names every line with "*"."""
    found = table.texts(key, None)
    if found is not None and not found:
        table.complain(key, "is empty, so no line can match; leave it out for every line")
    return None if not found or "*" in found else frozenset(found)


def read_when(table: Table, key: str) -> When:
    """A table of conditions."""
    if key not in table:
        table.table(key)
        return ALWAYS
    when = table.table(key)
    days = when.texts("weekday", (), choices=WEEKDAYS)
    found = When(
        rank=when.texts("rank", ()),
        flag=when.texts("flag", ()),
        store=when.texts("store", ()),
        weekday=tuple(WEEKDAYS.index(day) for day in days),
        hours=_parsed(when, "hours", _hours),
        dates=_parsed(when, "dates", _dates),
        min_amount=when.integer("min_amount", 0, minimum=0, maximum=MAX_AMOUNT),
        birth_month=when.boolean("birth_month", False),
        first=when.boolean("first", False),
        category=when.texts("category", ()),
        tender=when.texts("tender", ()),
    )
    for name in ("birth_month", "first"):
        if when.raw(name) is False:
            when.complain(name, "can only be true; leave it out where it is no condition")
    for name in ("rank", "flag", "store", "weekday", "category", "tender"):
        if when.raw(name) == []:
            when.complain(name, "is empty, so the rule could never apply; leave it out where it is no condition")
    when.finish()
    return found


def read_earn(table: Table, number: int) -> Earn:
    """One [[earn]] rule: exactly one of every/give, rate, visit and item; ``give = 0`` alone excludes the lines it matches."""
    every = table.integer("every", None, minimum=1, maximum=1_000_000)
    give = table.integer("give", None, minimum=0, maximum=100_000)
    rate = _parsed(table, "rate", parse_rate)
    rounding = table.text("round", None, choices=_ROUNDINGS)
    visit = table.integer("visit", None, minimum=1, maximum=1000)
    item = table.integer("item", None, minimum=1, maximum=1000)
    given = [name for name, value in (("every", every), ("rate", rate), ("visit", visit), ("item", item)) if value is not None]
    formula: Formula = "nothing"
    if len(given) > 1:
        table.complain("", f"has {' and '.join(given)}; a rule has one formula")
    elif given:
        formula = _FORMULAS[given[0]]
    elif give is None and not {"rate", "every", "visit", "item"} & set(table.values):
        table.complain("", "needs a formula: every and give (per amount), rate, visit, or item; give = 0 alone excludes lines")
    if given == ["every"] and give is None:
        table.complain("give", "is missing; every = 100 needs give = 1")
    if not given and give:
        table.complain("every", "is missing; give needs every")
    if given and given != ["every"] and give is not None:
        table.complain("give", f"belongs to every, not to {given[0]}")
    if rounding is not None and given != ["rate"]:
        table.complain("round", "belongs to rate only; per-amount rules give for every full amount")
    if give == 0:
        formula = "nothing"
    per = table.text("per", "receipt", choices=("receipt", "line", "unit"))
    earn = Earn(
        id=table.text("id", f"earn-{number}", pattern=ID, wanted="a short name like 'base'"),
        account=table.text("account", "points"),
        formula=formula,
        on=table.text("on", "sale", choices=("sale", "charge")),
        when=read_when(table, "when"),
        lines=text_set(table, "lines"),
        every=every or 100,
        give=give or 0,
        rate=rate or 0,
        round=rounding or "floor",
        visit=visit or 0,
        item=item or 0,
        per=per,
    )
    table.finish()
    return earn


_FORMULAS: dict[str, Formula] = {"every": "amount", "rate": "rate", "visit": "visit", "item": "item"}


def read_boost(table: Table, number: int) -> Boost:
    """One [[boost]] rule: ``times = "2"`` or ``add = 100``."""
    times = _parsed(table, "times", parse_times)
    add = table.integer("add", None, minimum=1, maximum=MAX_RESULT)
    if "times" in table and "add" in table:
        table.complain("", "has times and add; a boost has one of them")
    if "times" not in table and "add" not in table:
        table.complain("", 'needs times = "2" or add = 100')
    boost = Boost(
        id=table.text("id", f"boost-{number}", pattern=ID, wanted="a short name like 'double-tuesday'"),
        account=table.text("account", "points"),
        group=table.text("group", "boost", longest=64),
        when=read_when(table, "when"),
        times=times,
        add=add if times is None else None,
    )
    table.finish()
    return boost


def read_coupon(table: Table, number: int) -> CouponRule:
    """One [[coupon]]."""
    name = table.text("id", f"coupon-{number}", pattern=ID, wanted="a short name like 'next-100'")
    coupon = CouponRule(
        id=name,
        label=table.text("label", name, longest=60),
        benefit=_read_benefit(table.table("benefit", required=True)),
        issue=table.text("issue", "manual", choices=ISSUES),
        when=read_when(table, "when"),
        use_when=read_when(table, "use_when"),
        lines=text_set(table, "lines"),
        group=table.text("group", "coupon", longest=64),
        valid=_read_valid(table.table("valid")),
        reach=table.text("reach", "store", choices=("register", "store", "brand")),
        bearer=table.boolean("bearer", False),
    )
    table.finish()
    return coupon


def _read_benefit(table: Table) -> Benefit:
    off = table.integer("off", None, minimum=1, maximum=MAX_AMOUNT)
    off_rate = _parsed(table, "off_rate", parse_rate)
    gift = table.text("gift", None, longest=64)
    most = table.integer("max", None, minimum=1, maximum=MAX_AMOUNT)
    value = table.integer("value", None, minimum=0, maximum=MAX_AMOUNT)
    kinds = [key for key in ("off", "off_rate", "gift") if key in table]
    if len(kinds) != 1:
        found = f", not {' and '.join(kinds)}" if kinds else ""
        table.complain("", 'needs exactly one of off = 100, off_rate = "10%" and gift = "drink"' + found)
    if gift is not None and value is None:
        table.complain("value", "is missing; a gift needs the value that it has at most, in yen (the law limits it)")
    if gift is None and value is not None:
        table.complain("value", "belongs to gift")
    if most is not None and kinds != ["off_rate"]:
        table.complain("max", "belongs to off_rate")
    table.finish()
    return Benefit(off, off_rate, most, gift, value or 0)


def _read_valid(table: Table) -> Valid:
    days = table.integer("days", None, minimum=0, maximum=36_600)
    months = table.integer("months", None, minimum=0, maximum=1200)
    rounded = table.text("round", "none", choices=("none", "month"))
    table.text("from", "issue", choices=("issue",))
    until = table.raw("until")
    table.finish()
    given = [key for key in ("days", "months", "until") if key in table]
    if len(given) > 1:
        table.complain("", f"has {' and '.join(given)}; give one of them")
    if until is not None and until != "month_end" and type(until) is not date:
        table.complain("until", 'must be "month_end" or a date like 2026-04-01 (without quotes)')
        until = None
    if days is None and months is None:
        return Valid(month_end=until == "month_end", until=until if type(until) is date else None)
    return Valid(Expire(months, days if months is None else None, round=rounded))


def _hours(text: str) -> tuple[int, int]:
    start, _, end = text.partition("-")
    span = minutes(start), minutes(end)
    if span[0] == span[1] or span[0] == 24 * 60:
        raise OutOfRange("time", f"{text!r} holds no time")
    return span


def _dates(text: str) -> tuple[date, date]:
    first, dots, last = text.partition("..")
    try:
        span = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        dots = ""
    if not dots:
        raise OutOfRange("date", f'dates are written like "2026-04-01..2026-04-30", not {text!r}')
    if span[1] < span[0]:
        raise OutOfRange("date", f"{text!r} ends before it begins")
    return span


def _parsed(table: Table, key: str, parse: Callable[[str], Any]) -> Any:
    text = table.text(key, None)
    if text is None:
        return None
    try:
        return parse(text)
    except OutOfRange as wrong:
        table.complain(key, str(wrong))
        return None
