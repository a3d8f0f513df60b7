"""Owns which program counts for a store at head office, and what day it is there by it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from posagent.cloud.engine import Work
from posagent.loyalty.days import business_date
from posagent.loyalty.program import read_program
from posagent.loyalty.rules import Account, Program
from posagent.loyalty.value import value_account

BONUS = "bonus"
OWN_STORE = "@cloud"
"""The store under which head office's own events stand, such as what has expired."""
_JAPAN = timezone(timedelta(hours=9))
_LOOK_BACK = 5  # versions: the newest may not have begun yet


def program_for(work: Work, tenant: str, store: str, now_ms: int) -> Program | None:
    """The newest published program of the store that has begun; None where nothing was published. ``store`` "": of any store, where the
    question is the company's."""
    rows = work.rows(
        "SELECT body FROM published WHERE tenant = ? AND kind = 'program' AND (store IN (?, '*') OR ? = '') ORDER BY version DESC LIMIT ?",
        tenant, store, store, _LOOK_BACK,
    )  # fmt: skip
    programs = [program for (body,) in rows if (program := _parsed(bytes(body))) is not None]
    begun = (one for one in programs if one.first_day is None or one.first_day <= today(one, now_ms))
    return next(begun, programs[0] if programs else None)


@lru_cache(64)
def _parsed(body: bytes) -> Program | None:
    return read_program(body.decode("utf-8", "replace"))[0]


def today(program: Program | None, now_ms: int) -> date:
    """The business date of a moment; without a program, Japan's calendar day."""
    at = datetime.fromtimestamp(now_ms / 1000, _zone(program.timezone) if program else _JAPAN)
    return business_date(at, program.day_start if program else 0)


@lru_cache(16)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # a system without time zones, or a name that it does not know
        return _JAPAN


def points_account(program: Program | None) -> str:
    """The account that a redemption takes from: the first with rules for it."""
    return next((account.name for account in program.accounts if account.redeem), "points") if program else "points"


def value_accounts(program: Program | None) -> tuple[str, ...]:
    """The accounts that prepaid value is spent from: what was given first by name, then what was paid."""
    paid: Account | None = value_account(program) if program else None
    return (BONUS, paid.name if paid else "value")


def instant(ms: int) -> str:
    """RFC 3339, UTC, milliseconds."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
