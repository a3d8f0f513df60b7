"""Owns the coupons that are out there: what is known of each one, which state that makes, and whether a register may honour it now.

Events of different registers arrive in any order: a coupon may be redeemed or voided before the register that issued it has told of it. So a
row keeps facts, and the state is read from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from posagent.cloud.engine import Work
from posagent.cloud.lots import as_day
from posagent.cloud.reading import Place
from posagent.loyalty.coupons import within_reach
from posagent.loyalty.model import Coupon, CouponState, Reach, Register

Reason = Literal["unknown", "void", "not_yet", "expired", "used", "reach", "other_member"]
COLUMNS = (
    "code_hash, definition, coupon_id, label, member, first_day, last_day, reach, brand, store, register, sale_id, issued_ms, printed_ms,"
    " voided_ms, used_ms, used_sale, used_stream, used_seq"
)


@dataclass(frozen=True, slots=True)
class Instance:
    """A row of table ``coupon``, without its company."""

    code_hash: str
    definition: str | None
    coupon_id: str | None
    label: str | None
    member: str | None
    first_day: str | None
    last_day: str | None
    reach: str | None
    brand: str | None
    store: str | None
    register: str | None
    sale_id: str | None
    issued_ms: int | None
    printed_ms: int | None
    voided_ms: int | None
    used_ms: int | None
    used_sale: str | None
    used_stream: str | None
    used_seq: int | None

    @property
    def known(self) -> bool:
        """Whether the register that issued it has told of it."""
        return self.issued_ms is not None

    def state(self, day: date) -> CouponState:
        """What is true of it on a business date. A use wins over a void: what was given away is given away."""
        if self.used_ms is not None:
            return "used"
        if self.voided_ms is not None:
            return "void"
        last = as_day(self.last_day)
        if last is not None and last < day:
            return "expired"
        return "issued" if self.printed_ms is None else "printed"

    def fields(self, day: date) -> dict[str, Any]:
        """As a register reads it."""
        return {
            "def": self.definition, "coupon_id": self.coupon_id, "label": self.label, "member": self.member, "last_day": self.last_day,
            "reach": self.reach, "state": self.state(day),
        }  # fmt: skip


def find(work: Work, tenant: str, code_hash: str, *, lock: bool = False) -> Instance | None:
    """One coupon, known or only heard of."""
    rows = work.rows(
        f"SELECT {COLUMNS} FROM coupon WHERE tenant = ? AND code_hash = ?{' FOR UPDATE' if lock else ''}", tenant, code_hash  # noqa: S608 - ours
    )
    return Instance(*rows[0]) if rows else None


def of_members(work: Work, tenant: str, names: Iterable[str]) -> list[Instance]:
    """Every coupon that was issued to a member, newest first."""
    names = list(names)
    marks = ", ".join("?" * len(names))
    rows = work.rows(
        f"SELECT {COLUMNS} FROM coupon WHERE tenant = ? AND member IN ({marks}) ORDER BY issued_ms DESC, code_hash", tenant, *names  # noqa: S608
    )
    return [Instance(*row) for row in rows]


def obstacle(coupon: Instance | None, place: Place, brand: str, names: tuple[str, ...], day: date) -> Reason | None:
    """Why a register may not honour it, in the order of the loyalty rules (3.4). ``brand`` "": not known. A place without a store is one that
    nobody can name (registers without keys): reach is not judged there. ``names``: of the member who shows it, if any."""
    if coupon is None or not coupon.known:
        return "used" if coupon is not None and coupon.used_ms is not None else "unknown"
    state = coupon.state(day)
    if state == "void":
        return "void"
    first = as_day(coupon.first_day)
    if first is not None and day < first:
        return "not_yet"
    if state == "expired" or state == "used":
        return state
    if place.store and not _reaches(coupon, place, brand):
        return "reach"
    if coupon.member is not None and coupon.member not in names:
        return "other_member"
    return None


def _reaches(coupon: Instance, place: Place, brand: str) -> bool:
    reach: Reach = coupon.reach if coupon.reach in ("register", "store", "brand") else "register"  # type: ignore[assignment]
    issued = Coupon(
        coupon.code_hash, coupon.definition or "", reach=reach, brand=coupon.brand if coupon.brand and brand else "", store=coupon.store or "",
        register=coupon.register or "",
    )  # fmt: skip
    return within_reach(issued, Register(place.tenant, brand, place.store, place.register))
