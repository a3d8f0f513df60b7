"""The calendar of a store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

import pytest

from posagent.loyalty.days import (
    Expire,
    Window,
    add_days,
    add_months,
    birth_window,
    business_date,
    cooldown_allows,
    in_hours,
    late_allows,
    minutes,
    month_end,
)
from posagent.loyalty.numbers import OutOfRange


@pytest.mark.parametrize("text,expected", [("00:00", 0), ("05:30", 330), ("23:59", 1439), ("24:00", 1440)])
def test_a_time_of_day_is_minutes(text: str, expected: int) -> None:
    assert minutes(text) == expected


@pytest.mark.parametrize("text", ["24:01", "25:00", "5:00", "05:60", "0500", "05:00:00", ""])
def test_a_text_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(OutOfRange, match=r'^a time of day is written like "05:30", not ') as refused:
        minutes(text)
    assert refused.value.code == "time"


def test_the_business_date_follows_the_clock_face_of_the_register(at: Callable[[str], datetime]) -> None:
    assert business_date(at("2026-04-01 04:59"), "05:00") == date(2026, 3, 31)
    assert business_date(at("2026-04-01 05:00"), 300) == date(2026, 4, 1)
    assert business_date(datetime.fromisoformat("2026-03-31T23:00:00+00:00")) == date(2026, 3, 31)


@pytest.mark.parametrize(
    "day,months,expected",
    [
        ("2023-08-31", 6, "2024-02-29"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2025-01-31", 1, "2025-02-28"),
        ("2026-12-15", 1, "2027-01-15"),
        ("2026-01-15", -1, "2025-12-15"),
        ("2026-05-31", 1, "2026-06-30"),
        ("2026-03-31", 1, "2026-04-30"),
        ("2026-08-31", 1, "2026-09-30"),
        ("2026-10-31", 1, "2026-11-30"),
        ("2026-06-30", 1, "2026-07-30"),
        ("1999-12-31", 2, "2000-02-29"),
        ("2099-12-31", 2, "2100-02-28"),
        ("2026-06-30", 0, "2026-06-30"),
        ("0001-02-01", -1, "0001-01-01"),
        ("9999-11-30", 1, "9999-12-30"),
    ],
)
def test_months_are_added_with_the_day_clipped(day: str, months: int, expected: str) -> None:
    assert add_months(date.fromisoformat(day), months) == date.fromisoformat(expected)


def test_dates_beyond_the_calendar_are_refused() -> None:
    with pytest.raises(OutOfRange, match=r"^there is no date 1 months from 9999-12-01$") as refused:
        add_months(date(9999, 12, 1), 1)
    assert refused.value.code == "range"
    with pytest.raises(OutOfRange, match=r"^there is no date 1 days from 9999-12-31$") as refused:
        add_days(date(9999, 12, 31), 1)
    assert refused.value.code == "range"
    with pytest.raises(OutOfRange):
        add_months(date(1, 1, 1), -1)


def test_the_months_have_their_ends() -> None:
    ends = [month_end(date(2026, month, 3)).day for month in range(1, 13)]
    assert ends == [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    assert [month_end(date(year, 2, 1)).day for year in (1900, 2000, 2024, 2100)] == [28, 29, 29, 28]


def test_expiry_counts_months_or_days_and_may_round_to_the_month() -> None:
    assert Expire(months=6).last_day(date(2026, 1, 10)) == date(2026, 7, 10)
    assert Expire(months=6, round="month").last_day(date(2026, 1, 10)) == date(2026, 7, 31)
    assert Expire(months=0, days=None).last_day(date(2026, 1, 10)) == date(2026, 1, 10)
    assert Expire(days=30).last_day(date(2026, 1, 10)) == date(2026, 2, 9)
    assert Expire(days=0, round="month").last_day(date(2026, 1, 10)) == date(2026, 1, 31)
    assert Expire().last_day(date(2026, 1, 10)) == date(2026, 1, 10)


@pytest.mark.parametrize("expire", [Expire(months=-1), Expire(days=-1)])
def test_a_negative_period_is_an_error(expire: Expire) -> None:
    with pytest.raises(OutOfRange, match=r"^a period must not be negative$") as refused:
        expire.last_day(date(2026, 1, 1))
    assert refused.value.code == "negative"


@pytest.mark.parametrize(
    "policy,last,now,allowed",
    [
        ("none", "2026-04-01 12:00", "2026-04-01 12:00", True),
        ("day", "2026-04-01 23:30", "2026-04-02 01:30", False),
        ("day", "2026-04-02 04:59", "2026-04-02 05:00", True),
        ("day", "2026-04-03 12:00", "2026-04-02 12:00", False),
        ("hours:3", "2026-04-01 12:00", "2026-04-01 15:00", True),
        ("hours:3", "2026-04-01 12:01", "2026-04-01 15:00", False),
        ("hours:3", None, "2026-04-01 15:00", True),
    ],
)
def test_a_cooldown_allows_again_in_time(at: Callable[[str], datetime], policy: str, last: str | None, now: str, allowed: bool) -> None:
    assert cooldown_allows(policy, at(last) if last else None, at(now), "05:00") is allowed


def test_the_day_begins_at_midnight_unless_said_otherwise(at: Callable[[str], datetime]) -> None:
    assert cooldown_allows("day", at("2026-04-01 23:59"), at("2026-04-02 00:00"))
    assert not late_allows(0, at("2026-04-01 23:59"), at("2026-04-02 00:00"))
    assert business_date(at("2026-04-02 00:00")) == date(2026, 4, 2)


@pytest.mark.parametrize("policy", ["hours:0", "hours:", "hours:12345", "week", "hours:3h"])
def test_an_unknown_cooldown_is_refused(at: Callable[[str], datetime], policy: str) -> None:
    with pytest.raises(OutOfRange, match=r'^a cooldown is "none", "day" or "hours:3", not ') as refused:
        cooldown_allows(policy, at("2026-04-01 12:00"), at("2026-04-01 13:00"))
    assert refused.value.code == "cooldown"


@pytest.mark.parametrize(
    "days,sale,now,allowed",
    [
        (0, "2026-04-01 23:50", "2026-04-02 00:10", True),
        (0, "2026-04-01 23:50", "2026-04-02 05:00", False),
        (7, "2026-04-01 12:00", "2026-04-08 23:00", True),
        (7, "2026-04-01 12:00", "2026-04-09 05:00", False),
        (7, "2026-04-03 12:00", "2026-04-02 12:00", False),
    ],
)
def test_a_late_grant_is_allowed_for_some_days(at: Callable[[str], datetime], days: int, sale: str, now: str, allowed: bool) -> None:
    assert late_allows(days, at(sale), at(now), "05:00") is allowed


@pytest.mark.parametrize(
    "span,inside,outside",
    [((600, 720), [600, 719], [599, 720]), ((1380, 120), [1380, 1439, 0, 119], [120, 1379]), ((0, 1440), [0, 1439], [])],
)
def test_hours_hold_their_start_not_their_end_and_may_cross_midnight(span: tuple[int, int], inside: list[int], outside: list[int]) -> None:
    assert all(in_hours(span, minute) for minute in inside)
    assert not any(in_hours(span, minute) for minute in outside)


def test_the_birthday_month_has_its_days() -> None:
    assert birth_window(2, 2024) == (date(2024, 2, 1), date(2024, 2, 29))
    assert birth_window(1, 2024) == (date(2024, 1, 1), date(2024, 1, 31))
    for month in (0, 13):
        with pytest.raises(OutOfRange, match=rf"^a birth month is 1 to 12, not {month}$") as refused:
            birth_window(month, 2024)
        assert refused.value.code == "range"


@pytest.mark.parametrize(
    "window,today,first,last",
    [
        (Window(months=12), "2024-03-15", "2023-03-01", "2024-02-29"),
        (Window(months=1), "2026-01-31", "2025-12-01", "2025-12-31"),
        (Window(yearly="09-16"), "2026-09-15", "2025-09-16", "2026-09-15"),
        (Window(yearly="09-16"), "2026-09-16", "2026-09-16", "2027-09-15"),
        (Window(yearly="02-29"), "2027-03-01", "2027-02-28", "2028-02-28"),
        (Window(yearly="01-01"), "2026-06-01", "2026-01-01", "2026-12-31"),
        (Window(yearly="12-31"), "2026-06-01", "2025-12-31", "2026-12-30"),
    ],
)
def test_the_window_of_a_rank(window: Window, today: str, first: str, last: str) -> None:
    assert window.span(date.fromisoformat(today)) == (date.fromisoformat(first), date.fromisoformat(last))


def test_a_lifetime_has_no_ends_and_a_window_must_make_sense() -> None:
    assert Window().span(date(2026, 1, 1)) == (None, None)
    with pytest.raises(OutOfRange, match=r"^a window has at least one month, not 0$") as refused:
        Window(months=0).span(date(2026, 1, 1))
    assert refused.value.code == "range"
    for text in ("13-01", "00-10", "09-32", "9-1", ""):
        with pytest.raises(OutOfRange, match=r'^a day of the year is written like "09-16", not ') as refused:
            Window(yearly=text).span(date(2026, 1, 1))
        assert refused.value.code == "range"
