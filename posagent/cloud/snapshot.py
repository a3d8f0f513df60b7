"""Owns the file of members that a store's registers get: who they are, what they have, their rank and the coupons that they may use there.

``posagent.members`` reads it. A coupon stands in it without its code, which only the paper has: {key, def, coupon_id, label, first_day,
last_day, reach}; its key is the code's hash, by which a register asks for it and from which no paper can be printed. What has expired is in
no balance. A rank that head office entered for a member stands; the others are reckoned.
"""

from __future__ import annotations

import json
from typing import Any

from posagent.cloud import authorise, coupons, lots
from posagent.cloud.coupons import Instance
from posagent.cloud.engine import Work
from posagent.cloud.lots import LotRow
from posagent.cloud.reading import Place
from posagent.cloud.rules import instant, program_for, today
from posagent.loyalty.ranks import rank_of
from posagent.loyalty.rules import Program

WHOLE_COMPANY = 50_000  # members; above it a store's snapshot holds only those who were seen there
MOST_COUPONS = 50  # of one member


def members(work: Work, place: Place, now_ms: int) -> dict[str, Any]:
    """The file's content. A member's balance includes what was granted to the number before it was registered."""
    count = work.rows("SELECT count(*) FROM member WHERE tenant = ?", place.tenant)[0][0]
    here = ""
    values: list[object] = [place.tenant]
    if count > WHOLE_COMPANY:
        here = " AND member IN (SELECT member FROM event WHERE tenant = ? AND store = ? AND member IS NOT NULL)"
        values += [place.tenant, place.store]
    program = program_for(work, place.tenant, place.store, now_ms)
    found: dict[str, Any] = {}
    by_name: dict[str, dict[str, Any]] = {}
    for token, hashed, status, rank, birth_month, flags in work.rows(
        f"SELECT member, number_hash, status, rank, birth_month, flags FROM member WHERE tenant = ?{here}", *values  # noqa: S608 - ours
    ):
        one = {"token": token, "status": status, "flags": json.loads(flags), "balances": {}, "coupons": []}
        one |= {key: value for key, value in (("rank", rank), ("birth_month", birth_month)) if value is not None}
        found[hashed] = by_name[token] = by_name[f"?{hashed}"] = one
    _add_balances(work, place, program, now_ms, by_name)
    _add_ranks(work, place, program, now_ms, by_name)
    _add_coupons(work, place, program, now_ms, by_name)
    return {"as_of": instant(now_ms), "members": found}


def _add_balances(work: Work, place: Place, program: Program | None, now_ms: int, by_name: dict[str, dict[str, Any]]) -> None:
    for member, account, amount in work.rows("SELECT member, account, amount FROM balance WHERE tenant = ?", place.tenant):
        if member in by_name:
            balances = by_name[member]["balances"]
            balances[account] = balances.get(account, 0) + amount
    rows: dict[tuple[int, str], list[LotRow]] = {}  # of the same member under either name
    owner: dict[int, dict[str, Any]] = {}
    for member, account, *row in work.rows(
        "SELECT member, account, lot, amount, expires, since, touched FROM lot WHERE tenant = ? ORDER BY member, account, lot", place.tenant
    ):
        if member in by_name:
            one = by_name[member]
            owner[id(one)] = one
            rows.setdefault((id(one), account), []).append(LotRow(*row))
    day = today(program, now_ms)
    for (key, account), lot_rows in rows.items():
        balances = owner[key]["balances"]
        purse = lots.purse(account, balances.get(account, 0), lot_rows, {}, program, day)
        balances[account] = purse.balance - sum(amount for _, amount in purse.expired)


def _add_ranks(work: Work, place: Place, program: Program | None, now_ms: int, by_name: dict[str, dict[str, Any]]) -> None:
    ranks = program.ranks if program else None
    if ranks is None:
        return
    first, last = ranks.window.span(today(program, now_ms))
    metrics: dict[int, dict[str, int]] = {}
    for member, spend, points, visits in work.rows(
        "SELECT member, sum(spend), sum(points), sum(visits) FROM activity WHERE tenant = ? AND day >= ? AND day <= ? GROUP BY member",
        place.tenant, first.isoformat() if first else "", last.isoformat() if last else "9999",
    ):  # fmt: skip
        if member in by_name:
            sums = metrics.setdefault(id(by_name[member]), {"spend": 0, "points": 0, "visits": 0})
            for name, number in (("spend", spend), ("points", points), ("visits", visits)):
                sums[name] += int(number)
    for one in by_name.values():
        if "rank" not in one:
            reached = rank_of(ranks, dict.fromkeys(one["flags"], 1) | metrics.get(id(one), {}))
            one |= {"rank": reached} if reached else {}


def _add_coupons(work: Work, place: Place, program: Program | None, now_ms: int, by_name: dict[str, dict[str, Any]]) -> None:
    day, brand = today(program, now_ms), authorise.brand_of(work, place)
    for row in work.rows(
        f"SELECT {coupons.COLUMNS} FROM coupon WHERE tenant = ? AND member IS NOT NULL AND issued_ms IS NOT NULL AND used_ms IS NULL"  # noqa: S608
        " AND voided_ms IS NULL AND (last_day IS NULL OR last_day >= ?) ORDER BY last_day, code_hash",
        place.tenant, day.isoformat(),
    ):
        coupon = Instance(*row)
        one = by_name.get(coupon.member or "")
        at = place if coupon.reach != "register" else Place(place.tenant, place.store, coupon.register or "")  # the snapshot is the store's
        if one is None or len(one["coupons"]) >= MOST_COUPONS or coupons.obstacle(coupon, at, brand, (coupon.member or "",), day):
            continue
        told = {"key": coupon.code_hash, "def": coupon.definition, "coupon_id": coupon.coupon_id, "label": coupon.label,
                "first_day": coupon.first_day, "last_day": coupon.last_day, "reach": coupon.reach}  # fmt: skip
        one["coupons"].append(told | ({"register": coupon.register} if coupon.reach == "register" else {}))
