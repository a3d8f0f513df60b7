"""Owns the one vocabulary of conditions (`when`) that earn rules, boosts and coupons share. PURE."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from posagent.loyalty.days import in_hours
from posagent.loyalty.rules import ALWAYS, When


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions ask about, gathered once per sale. ``minute`` None: the clock is in doubt, so no condition on hours holds.
    ``subtotal`` is tax included, without excluded categories, before every reduction: a coupon cannot disqualify itself."""

    day: date
    minute: int | None
    store: str
    subtotal: int
    categories: frozenset[str]
    tender: tuple[str, ...] = ()
    rank: str | None = None
    flags: tuple[str, ...] = ()
    birth_month: int | None = None
    first: bool = False


def holds(when: When, facts: Facts) -> bool:
    """Whether all given conditions hold."""
    if when is ALWAYS:
        return True
    return (
        facts.subtotal >= when.min_amount
        and (not when.rank or facts.rank in when.rank)
        and (not when.weekday or facts.day.weekday() in when.weekday)
        and (when.dates is None or when.dates[0] <= facts.day <= when.dates[1])
        and (when.hours is None or (facts.minute is not None and in_hours(when.hours, facts.minute)))
        and (not when.store or facts.store in when.store)
        and (not when.flag or any(flag in facts.flags for flag in when.flag))
        and (not when.birth_month or facts.birth_month == facts.day.month)
        and (not when.first or facts.first)
        and (not when.category or any(category in facts.categories for category in when.category))
        and (not when.tender or any(tender in facts.tender for tender in when.tender))
    )
