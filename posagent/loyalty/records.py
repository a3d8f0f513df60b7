"""Owns the JSON forms: registers, sales and members read strictly, quotes written canonically. PURE: text and values, no files.

Reading is for untrusted JSON (a door, a file, the cloud): wrong types raise SaleRejected with the path, unknown keys too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from typing import Any, TypeVar, cast, get_args

from posagent.loyalty.model import (
    Coupon,
    CouponState,
    Line,
    Member,
    MemberStatus,
    Quote,
    Reach,
    Reason,
    Reduction,
    ReductionKind,
    Register,
    Sale,
    SaleRejected,
)
from posagent.loyalty.numbers import MAX_LINES, Rounding

_T = TypeVar("_T")
_MANY = 10_000


def plain(value: object) -> object:
    """A record as JSON values: dataclasses and mappings as objects, dates as ISO text, reasons as flat objects."""
    if isinstance(value, Reason):
        return {"code": value.code, **dict(value.values)}
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(value)
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def canonical(value: object) -> str:
    """One JSON text per value: sorted keys, no blanks, no escapes for letters."""
    return json.dumps(plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def to_json(quote: Quote) -> str:
    """The quote as the event keeps it; the same inputs give the same bytes."""
    return canonical(quote)


class _Fields:
    """An untrusted JSON object under strict reading."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise SaleRejected("type", f"{path} must be an object, not {type(value).__name__}")
        self.values: dict[str, Any] = value
        self.path = path
        self._asked: set[str] = set()

    def get(self, key: str, kind: type[_T], default: _T | None = None, *, required: bool = False) -> _T:
        """A value of one type; null counts as absent."""
        self._asked.add(key)
        value = self.values.get(key)
        if value is None:
            if required:
                raise SaleRejected("missing", f"{self.path}.{key} is missing")
            return cast("_T", default)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise SaleRejected("type", f"{self.path}.{key} must be {_NAMES[kind]}, not {value!r:.40}")
        return value

    def choice(self, key: str, literal: object, default: str) -> str:
        """One of the words of a Literal."""
        value = self.get(key, str, default)
        if value not in get_args(literal):
            raise SaleRejected("type", f"{self.path}.{key} must be one of {', '.join(get_args(literal))}, not {value!r:.40}")
        return value

    def many(self, key: str, most: int = _MANY) -> list[Any]:
        """A bounded list."""
        found = self.get(key, list, [])
        if len(found) > most:
            raise SaleRejected("range", f"{self.path}.{key} holds {len(found)} items; at most {most} are possible")
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        found = self.many(key)
        if any(not isinstance(item, str) for item in found):
            raise SaleRejected("type", f"{self.path}.{key} must hold texts only")
        return tuple(found)

    def moment(self, key: str) -> datetime | None:
        """A time with an offset."""
        text = self.get(key, str)
        return None if text is None else moment(text, f"{self.path}.{key}")

    def day(self, key: str) -> date | None:
        """A date."""
        text = self.get(key, str)
        try:
            return None if text is None else date.fromisoformat(text)
        except ValueError:
            raise SaleRejected("type", f"{self.path}.{key} must be a date like 2026-04-01, not {text!r:.40}") from None

    def finish(self) -> None:
        """Refuses what nobody asked for."""
        unknown = sorted(set(self.values) - self._asked)
        if unknown:
            raise SaleRejected("unknown", f"{self.path}.{unknown[0]} is not known; known: {', '.join(sorted(self._asked))}")


_NAMES: dict[type, str] = {str: "a text", int: "a whole number", bool: "true or false", list: "a list", dict: "an object"}


def moment(text: str, path: str = "time") -> datetime:
    """RFC 3339 with an offset."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise SaleRejected("time", f"{path} must be a time with an offset like 2026-04-01T10:00:00+09:00, not {text!r:.40}")
    return at


def register_from(value: object) -> Register:
    """A Register from its JSON form."""
    found = _Fields(value, "register")
    register = Register(
        found.get("company", str, ""),
        found.get("brand", str, ""),
        found.get("store", str, ""),
        found.get("register", str, ""),
        cast("Rounding", found.choice("tax_rounding", Rounding, "floor")),
        found.get("program", str, ""),
    )
    found.finish()
    return register


def sale_from(value: object) -> Sale:
    """A Sale from its JSON form; ``total`` instead of ``lines`` makes one line."""
    found = _Fields(value, "sale")
    total = found.get("total", int)
    raw_lines = found.many("lines", MAX_LINES)
    if (total is None) == ("lines" not in found.values):
        raise SaleRejected("missing", "sale needs either lines or total")
    sale = Sale(
        sale_id=found.get("sale_id", str, required=True),
        at=moment(found.get("at", str, required=True), "sale.at"),
        lines=(Line(total),) if total is not None else tuple(_line(item, f"sale.lines[{n}]") for n, item in enumerate(raw_lines, 1)),
        operator=found.get("operator", str, ""),
        reductions=tuple(_reduction(item, f"sale.reductions[{n}]") for n, item in enumerate(found.many("reductions"), 1)),
        codes=found.texts("codes"),
        coupons=tuple(coupon_from(item, f"sale.coupons[{n}]") for n, item in enumerate(found.many("coupons"), 1)),
        tender=found.texts("tender"),
        clock_ok=found.get("clock_ok", bool, True),
    )
    found.finish()
    return sale


def _line(value: object, path: str) -> Line:
    found = _Fields(value, path)
    line = Line(
        found.get("amount", int, required=True),
        found.get("category", str, "*"),
        found.get("tax", int, 1000),
        found.get("qty", int, 1),
        found.get("net", int),
    )
    found.finish()
    return line


def _reduction(value: object, path: str) -> Reduction:
    found = _Fields(value, path)
    lines = found.many("lines")
    if any(type(item) is not int for item in lines):
        raise SaleRejected("type", f"{path}.lines must hold whole numbers only")
    reduction = Reduction(
        cast("ReductionKind", found.choice("kind", ReductionKind, "discount")),
        found.get("amount", int, required=True),
        tuple(lines) if found.values.get("lines") is not None else None,
        found.get("coupon", str),
    )
    found.finish()
    return reduction


def coupon_from(value: object, path: str = "coupon") -> Coupon:
    """A Coupon from its JSON form."""
    found = _Fields(value, path)
    coupon = Coupon(
        code=found.get("code", str, required=True),
        definition=found.get("definition", str, required=True),
        first_day=found.day("first_day"),
        last_day=found.day("last_day"),
        reach=cast("Reach", found.choice("reach", Reach, "brand")),
        state=cast("CouponState", found.choice("state", CouponState, "issued")),
        member=found.get("member", str),
        brand=found.get("brand", str, ""),
        store=found.get("store", str, ""),
        register=found.get("register", str, ""),
        blocked=found.get("blocked", bool, False),
    )
    found.finish()
    return coupon


def member_from(value: object) -> Member:
    """A Member from its JSON form."""
    found = _Fields(value, "member")
    balances = found.get("balances", dict, {})
    if any(type(amount) is not int for amount in balances.values()):
        raise SaleRejected("type", "member.balances must hold whole numbers only")
    last_at = found.get("last_at", dict, {})
    member = Member(
        token=found.get("token", str, required=True),
        status=cast("MemberStatus", found.choice("status", MemberStatus, "active")),
        rank=found.get("rank", str),
        birth_month=found.get("birth_month", int),
        first=found.get("first", bool, False),
        flags=found.texts("flags"),
        balances=dict(balances),
        coupons=tuple(coupon_from(item, f"member.coupons[{n}]") for n, item in enumerate(found.many("coupons"), 1)),
        as_of=found.moment("as_of"),
        last_at={key: moment(str(at), f"member.last_at.{key}") for key, at in last_at.items()},
        issued=found.texts("issued"),
    )
    found.finish()
    return member
