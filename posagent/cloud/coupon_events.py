"""Owns what events say of coupons: issued, printed, redeemed, voided, in whatever order they come."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from posagent import events
from posagent.cloud import coupons, schema
from posagent.cloud.coupons import Instance
from posagent.cloud.engine import Work
from posagent.cloud.reading import Reading
from posagent.cloud.told import Told, said_text, said_texts

_COUPON_TYPES = frozenset({events.COUPON_ISSUED, events.COUPON_PRINTED, events.COUPON_REDEEMED, events.COUPON_VOIDED})
_HASH = re.compile(r"[0-9a-f]{32,64}")


@dataclass(frozen=True, slots=True)
class UsedAlready:
    """A coupon's second use: a case for people. Where the first one stands."""

    stream_id: str
    seq: int


def use_coupons(work: Work, told: Sequence[Told], now_ms: int) -> dict[int, UsedAlready | str]:
    """What the events say of coupons, in their order. By seq: a second use, or a note. Call it before the balances are touched."""
    concerned = [one for one in told if one.reading.type in _COUPON_TYPES or one.reading.type == events.SALE_VOIDED]
    if not concerned:
        return {}
    found: dict[int, UsedAlready | str] = {}
    for tenant in sorted({one.reading.place.tenant for one in concerned}):
        mine = [one for one in concerned if one.reading.place.tenant == tenant]
        rows = _load(work, tenant, mine)
        before = dict(rows)
        for one in mine:
            verdict = _step(rows, one, now_ms)
            if verdict is not None:
                found[one.seq] = verdict
        changed = sorted(code for code, row in rows.items() if row != before[code])
        work.merge(schema.COUPON, [(tenant, *asdict(rows[code]).values()) for code in changed])
    return found


def _load(work: Work, tenant: str, told: Sequence[Told]) -> dict[str, Instance]:
    """The rows of every coupon that is named, or that a voided sale used or issued; locked, and made where they are missing."""
    named = {code for one in told if (code := _code_hash(one.reading))}
    voids = [one.reading for one in told if one.reading.type == events.SALE_VOIDED]
    named |= {code for reading in voids for code in said_texts(reading, "coupons_back") if _HASH.fullmatch(code)}
    sales = sorted({sale for reading in voids if (sale := said_text(reading, "sale_id"))})
    if sales:
        marks = ", ".join("?" * len(sales))
        named |= {
            code
            for (code,) in work.rows(
                f"SELECT code_hash FROM coupon WHERE tenant = ? AND used_sale IN ({marks})"  # noqa: S608 - marks only
                f" UNION SELECT code_hash FROM coupon WHERE tenant = ? AND sale_id IN ({marks})",
                tenant, *sales, tenant, *sales,
            )
        }  # fmt: skip
    codes = sorted(named)
    if not codes:
        return {}
    for code in codes:
        work.run("INSERT INTO coupon (tenant, code_hash) VALUES (?, ?) ON CONFLICT DO NOTHING", tenant, code)
    marks = ", ".join("?" * len(codes))
    rows = work.rows(
        f"SELECT {coupons.COLUMNS} FROM coupon WHERE tenant = ? AND code_hash IN ({marks}) ORDER BY code_hash FOR UPDATE", tenant, *codes  # noqa: S608
    )
    return {row[0]: Instance(*row) for row in rows}


def _step(rows: dict[str, Instance], one: Told, now_ms: int) -> UsedAlready | str | None:
    """One event's part."""
    reading = one.reading
    if reading.type == events.SALE_VOIDED:
        _void_sale(rows, said_text(reading, "sale_id"), said_texts(reading, "coupons_back"), now_ms)
        return None
    code = _code_hash(reading)
    if code is None:
        return "malformed: the coupon has no code_hash"
    row = rows[code]
    match reading.type:
        case events.COUPON_ISSUED:
            rows[code] = _issued(row, reading, now_ms) if row.issued_ms is None else row
        case events.COUPON_PRINTED:
            on_paper = said_text(reading, "result") in {None, "printed", "unknown"}
            rows[code] = replace(row, printed_ms=now_ms) if on_paper and row.printed_ms is None else row
        case events.COUPON_VOIDED:
            rows[code] = replace(row, voided_ms=now_ms) if row.voided_ms is None else row
        case events.COUPON_REDEEMED:
            if row.used_ms is not None:
                return UsedAlready(row.used_stream or "", row.used_seq or 0)
            sale = said_text(reading, "sale_id")
            rows[code] = replace(row, used_ms=now_ms, used_sale=sale, used_stream=one.stream_id, used_seq=one.seq)
            if row.voided_ms is not None:
                return "late: the coupon was void when it was used"
        case _:
            raise ValueError(f"{reading.type} is no event of a coupon")
    return None


def _issued(row: Instance, reading: Reading, now_ms: int) -> Instance:
    place = reading.place
    return replace(
        row, issued_ms=now_ms, member=reading.member if not reading.said.get("bearer") else None, definition=said_text(reading, "def"),
        coupon_id=said_text(reading, "coupon_id"), label=said_text(reading, "label"), first_day=said_text(reading, "first_day"),
        last_day=said_text(reading, "last_day"), reach=said_text(reading, "reach"), brand=said_text(reading, "brand"), store=place.store,
        register=place.register, sale_id=said_text(reading, "sale_id"),
    )  # fmt: skip


def _void_sale(rows: dict[str, Instance], sale: str | None, back: Sequence[str], now_ms: int) -> None:
    """The coupons that the sale used are usable again; those that it issued and that nobody used are worth nothing."""
    for code, row in rows.items():
        if row.used_ms is not None and (code in back if row.used_sale is None else row.used_sale == sale):  # not another sale's use of it
            rows[code] = replace(row, used_ms=None, used_sale=None, used_stream=None, used_seq=None)
        elif sale is not None and row.sale_id == sale and row.used_ms is None and row.voided_ms is None:
            rows[code] = replace(row, voided_ms=now_ms)


def _code_hash(reading: Reading) -> str | None:
    code = said_text(reading, "code_hash")
    return code if code is not None and _HASH.fullmatch(code) else None
