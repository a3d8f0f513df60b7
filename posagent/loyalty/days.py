"""Owns the calendar of a store: business dates, months, expiry, windows, cooldown, late grants. PURE: every time comes from the caller."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from posagent.loyalty.numbers import OutOfRange

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def minutes(clock: str) -> int:
    """``"05:30"`` as minutes after midnight; ``"24:00"`` is allowed as an end."""
    found = re.fullmatch(r"([01][0-9]|2[0-4]):([0-5][0-9])", clock, re.ASCII)
    if not found or (total := int(found[1]) * 60 + int(found[2])) > 24 * 60:
        raise OutOfRange("time", f'a time of day is written like "05:30", not {clock!r}')
    return total


def business_date(at: datetime, day_start: str | int = 0) -> date:
    """The store's date: until ``day_start`` ("05:00" or minutes after midnight) it is still yesterday. Reads the clock face of ``at`` itself:
    a register stamps its own local time with its offset."""
    start = minutes(day_start) if isinstance(day_start, str) else day_start
    return (at - timedelta(minutes=start)).date()


def month_end(day: date) -> date:
    """The last day of the month."""
    return day.replace(day=_days_in(day.year, day.month))


def _days_in(year: int, month: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def add_months(day: date, months: int) -> date:
    """The same day of a later (or, below zero, earlier) month, clipped to that month's last day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    if not 1 <= year <= 9999:
        raise OutOfRange("range", f"there is no date {months} months from {day}")
    return date(year, month + 1, min(day.day, _days_in(year, month + 1)))


def add_days(day: date, count: int) -> date:
    """``count`` days later."""
    try:
        return day + timedelta(days=count)
    except OverflowError:
        raise OutOfRange("range", f"there is no date {count} days from {day}") from None


@dataclass(frozen=True, slots=True)
class Expire:
    """How long something stays usable. Exactly one of months and days is given."""

    months: int | None = None
    days: int | None = None
    start: Literal["earn", "activity"] = "earn"
    round: Literal["none", "month"] = "none"

    def last_day(self, since: date) -> date:
        """The last usable business date, counted from the grant or from the last activity."""
        if any(period is not None and period < 0 for period in (self.months, self.days)):
            raise OutOfRange("negative", "a period must not be negative")
        last = add_months(since, self.months) if self.months is not None else add_days(since, self.days or 0)
        return month_end(last) if self.round == "month" else last


def cooldown_allows(policy: str, last_at: datetime | None, at: datetime, day_start: str | int = 0) -> bool:
    """Whether a stamp or visit counts again: "none", "day" (a new business day), "hours:N" (from exactly N hours on)."""
    if policy == "none" or last_at is None:
        return True
    if policy == "day":
        return business_date(at, day_start) > business_date(last_at, day_start)
    return at - last_at >= timedelta(hours=cooldown_hours(policy))


def cooldown_hours(policy: str) -> int:
    """The N of "hours:N"."""
    found = re.fullmatch(r"hours:([1-9][0-9]{0,3})", policy, re.ASCII)
    if not found:
        raise OutOfRange("cooldown", f'a cooldown is "none", "day" or "hours:3", not {policy!r}')
    return int(found[1])


def late_allows(late_days: int, sale_at: datetime, at: datetime, day_start: str | int = 0) -> bool:
    """Whether points may still be granted for an earlier sale. A sale of a later business date is a clock fault and refused."""
    age = (business_date(at, day_start) - business_date(sale_at, day_start)).days
    return 0 <= age <= late_days


def in_hours(span: tuple[int, int], minute: int) -> bool:
    """Whether a minute of the day lies in [start, end); a span whose end is not after its start crosses midnight."""
    start, end = span
    return start <= minute < end if start < end else minute >= start or minute < end


def birth_window(birth_month: int, year: int) -> tuple[date, date]:
    """First and last day of the birthday month."""
    if not 1 <= birth_month <= 12:
        raise OutOfRange("range", f"a birth month is 1 to 12, not {birth_month}")
    first = date(year, birth_month, 1)
    return first, month_end(first)


@dataclass(frozen=True, slots=True)
class Window:
    """The period in which rank counts: the year that begins on a day ("09-16"), full calendar months before this one, or for ever."""

    yearly: str | None = None
    months: int | None = None

    def span(self, today: date) -> tuple[date | None, date | None]:
        """First and last day, both inclusive; (None, None) for a lifetime. A year that begins on 02-29 begins on 02-28 where there is none."""
        if self.months is not None:
            if self.months < 1:
                raise OutOfRange("range", f"a window has at least one month, not {self.months}")
            this_month = today.replace(day=1)
            return add_months(this_month, -self.months), add_days(this_month, -1)
        if self.yearly is not None:
            first = _anniversary(self.yearly, today.year)
            if first > today:
                first = _anniversary(self.yearly, today.year - 1)
            return first, add_days(_anniversary(self.yearly, first.year + 1), -1)
        return None, None


def _anniversary(month_day: str, year: int) -> date:
    found = re.fullmatch(r"(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", month_day, re.ASCII)
    if not found:
        raise OutOfRange("range", f'a day of the year is written like "09-16", not {month_day!r}')
    month, day = int(found[1]), int(found[2])
    return date(year, month, min(day, _days_in(year, month)))
