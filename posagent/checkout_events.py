"""Owns how the records of a checkout become events and are read back from them. PURE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from posagent import events as ev
from posagent.checkout import LANGUAGES, Basket, Card, Live, Now, Rules, points_of, sale_id_of
from posagent.events import Draft, Role, draft
from posagent.handout import HandedSlip
from posagent.loyalty.model import Line, Member, Quote, Sale
from posagent.loyalty.records import coupon_from, plain
from posagent.loyalty.words import explain
from posagent.redeeming import Redemption, as_json, redemption_of

# ---------------------------------------------------------------- records -> events


def drafted(
    now: Now, rules: Rules, type_: str, tail: str, *, day: str | None = None, key: str = "", trace: Mapping[str, Any] | None = None, **more: Any
) -> Draft:
    """The business key is businessdate/register/TAIL (or ``key``, for what is one thing on whatever date); the moment of the writing is a
    circumstance, not content."""
    day = day or rules.day(now.at)
    at = now.at.isoformat(timespec="milliseconds")
    more.setdefault("operator", rules.operator)
    more.setdefault("role", "staff")
    return draft(
        type_, place=rules.place, idemkey=key or f"{day}/{rules.place.register}/{tail}", at=at, business_date=day,
        program=rules.register.program,
        offline=now.offline, trace={"at": at, **({} if now.clock_ok else {"clock": "suspect"}), **(trace or {})}, **more,
    )  # fmt: skip


def member_seen(now: Now, card: Card, rules: Rules) -> Draft:
    """A member waits for the sale."""
    member = card.member
    kept = {"masked": card.masked, **_member_data(member)}
    return drafted(now, rules, ev.MEMBER_SEEN, f"scan/{card.scan_id}", member=member.token, source=card.source,
                  data={"masked": card.masked, "scan_id": card.scan_id, **_doubts(card)}, trace={"card": kept})  # fmt: skip


def _member_data(member: Member) -> dict[str, Any]:
    return {
        "status": member.status, "rank": member.rank, "birth_month": member.birth_month, "first": member.first,
        "flags": list(member.flags), "balances": dict(member.balances), "as_of": member.as_of.isoformat() if member.as_of else None,
        **({"coupons": [plain(coupon) for coupon in member.coupons]} if member.coupons else {}),
        **({"issued": list(member.issued)} if member.issued else {}),
        **({"last_at": {account: at.isoformat() for account, at in member.last_at.items()}} if member.last_at else {}),
    }  # fmt: skip


def code_noted(now: Now, scan_id: str, code: str, masked: str, why: str, rules: Rules) -> Draft:
    """A code that opened no checkout."""
    return drafted(now, rules, ev.MEMBER_SEEN, f"scan/{scan_id}", data={"masked": masked, "refused": code, "why": why, "scan_id": scan_id})


def sale_seen(now: Now, basket: Basket, rules: Rules, joins: str = "") -> Draft:
    """A sale came through a door. ``joins``: the id of the sale that it is already, and counts as."""
    tail = f"{basket.key}/seen" if basket.paid else f"{basket.key}/shown/{basket.total}"  # an open bill grows
    words = _trace_of(basket)
    data = basket_data(basket) | ({"joins": joins} if joins else {})
    return drafted(now, rules, ev.SALE_SEEN, tail, day=rules.day(basket.at), sale_id=sale_id_of(basket, rules), data=data, trace=words)


def sale_granted(
    now: Now, basket: Basket, sale: Sale, number: int, card: Card, quote: Quote, slips: tuple[HandedSlip, ...], rules: Rules,
    used: Sequence[Redemption] = (), payable: int | None = None,
) -> Draft:
    """Points for a sale, with what an auditor needs to compute them again. No item names: category, amount and tax only."""
    tail = f"{basket.key}/grant" if number == 1 else f"{basket.key}/grant/{number}"
    member = card.member
    words = {lang: explain(quote, rules.program, lang) for lang in LANGUAGES} if rules.program else {}
    balance = None
    if member.as_of is not None:
        balance = {"value": member.balances.get("points", 0) - quote.points_used + quote.total("points"), "as_of": member.as_of.isoformat()}
    return drafted(
        now, rules, ev.SALE_GRANTED, tail,
        day=rules.day(basket.at), member=member.token, sale_id=sale.sale_id, source=card.source,
        entries=[
            {"account": entry.account, "delta": entry.delta}
            | ({"lot": entry.lot} if entry.lot else {})
            | ({"expires": entry.expires.isoformat()} if entry.expires else {})
            for entry in quote.entries
        ],
        data={
            **basket_data(basket),
            "masked": card.masked,
            "number": number,
            "points": quote.total("points"),
            "basis": list(quote.basis),
            "payable": basket.total if payable is None else payable,
            "reductions": [
                {"kind": each.kind, "amount": each.amount, "by_tax": [list(part) for part in each.by_tax]} for each in quote.allocations
            ],
            "coupons_used": [use.code for use in quote.coupons_used],  # their hashes: the codes are not kept
            "coupons": [{"label": issue.label, "last_day": _day(issue.last_day)} for issue in quote.coupons_issued],
            "rank": quote.rank,
            "boosts": list(quote.boosts),
            "explain": plain(quote.explain),
            "unverified": member.status == "unverified",
            **_doubts(card),
        },
        trace={
            "slips": [slip.serial for slip in slips],
            "issued": [_issued(slip) for slip in slips if slip.coupon],
            "stamps": stamps_of(quote, member, rules),
            "balance": balance,
            "words": words,
            "scan_id": card.scan_id,
            "used": [as_json(each) for each in used],
            "holder": _member_data(replace(member, coupons=())),
            **_trace_of(basket),
        },
    )  # fmt: skip


def _trace_of(basket: Basket) -> dict[str, str]:
    """What of a sale is no business content."""
    return ({"adopts": basket.adopts} if basket.adopts else {}) | ({"seen_by": basket.seen_by} if basket.seen_by else {})


def _issued(slip: HandedSlip) -> dict[str, str]:
    return {"id": slip.coupon.issue.id, "code_hash": slip.coupon.code_hash, "serial": slip.serial} if slip.coupon else {}


def coupon_issued(now: Now, basket: Basket, number: int, card: Card, slip: HandedSlip, rules: Rules) -> Draft:
    """A coupon that this grant printed. The code itself stays on the paper."""
    coupon = slip.coupon
    if coupon is None:
        raise ValueError("a slip without a coupon issues none")
    issue = coupon.issue
    return drafted(
        now, rules, ev.COUPON_ISSUED, f"{basket.key}/coupon/{issue.id}" + (f"/{number}" if number > 1 else ""),
        day=rules.day(basket.at), member=issue.member, sale_id=sale_id_of(basket, rules), source=card.source,
        data={
            "code_hash": coupon.code_hash, "def": issue.definition, "coupon_id": issue.id, "label": issue.label, "bearer": issue.member is None,
            "first_day": issue.first_day.isoformat(), "last_day": _day(issue.last_day),
            "reach": issue.reach, "cause": issue.cause, "serial": slip.serial,
        },
    )  # fmt: skip


def sale_voided(now: Now, live: Live, reason: str, operator: str, role: Role, rules: Rules) -> Draft:
    """The exact negation of everything that a sale recorded: what it granted, and what was used up in it."""
    negated = [{**entry, "delta": -entry["delta"]} for entry in live.recorded]
    used = [one for one in live.used if one.kind == "coupon"]
    return drafted(
        now, rules, ev.SALE_VOIDED, f"{live.basket.key}/void/{live.number}",
        day=live.business_date, member=live.token or None, sale_id=live.sale_id, entries=negated, ref=live.event_id,
        reason=reason, operator=operator, role=role,
        data={"masked": live.masked, "amount": live.basket.total, "points": -points_of(live.entries)}
        | ({"coupons_back": [one.code_hash for one in used], "coupons_back_yen": sum(one.yen for one in used)} if used else {})
        | ({"holds_back": [one.id for one in live.used]} if live.used else {}),
    )  # fmt: skip


def coupons_voided(
    now: Now, live: Live, reason: str, operator: str, role: Role, rules: Rules, ids: Sequence[str] | None = None
) -> tuple[Draft, ...]:
    """The coupons that a grant had issued are worth nothing any more, on whatever paper they are. ``ids``: these only."""
    return tuple(
        drafted(
            now, rules, ev.COUPON_VOIDED, f"{live.basket.key}/coupon/{coupon['id']}/void/{live.number}",
            day=live.business_date, sale_id=live.sale_id, reason=reason, operator=operator, role=role,
            data={"code_hash": coupon["code_hash"], "coupon_id": coupon["id"], "serial": coupon["serial"]},
        )
        for coupon in live.coupons_due if ids is None or coupon["id"] in ids
    )  # fmt: skip


def stamps_of(quote: Quote, member: Member, rules: Rules) -> dict[str, int] | None:
    """Where the member's stamp card stands after the grant, as far as the snapshot knows: {position, size, added}."""
    for account in rules.program.accounts if rules.program else ():
        added = quote.total(account.name)
        if account.card and member.as_of is not None:
            count = member.balances.get(account.name, 0) + added
            return {"position": count % account.card.size, "size": account.card.size, "added": added}
    return None


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _line_data(line: Line) -> dict[str, Any]:
    plain = {"category": line.category, "amount": line.amount, "tax": line.tax, "qty": line.qty}
    return plain if line.net is None else {**plain, "net": line.net}


def _doubts(card: Card) -> dict[str, Any]:
    """What a time-limited code leaves open; its own record (`posagent.timed_codes`) holds the proof."""
    return ({"verify": card.verify} if card.verify else {}) | ({"clock_unsure": True} if card.clock_unsure else {})


def basket_data(basket: Basket) -> dict[str, Any]:
    """As an event keeps a sale; `basket_of` reads it back."""
    return {
        "key": basket.key,
        "amount": basket.total,
        "lines": [_line_data(line) for line in basket.lines],
        "sold_at": basket.at.isoformat(),
        "paid": basket.paid,
        "door": basket.door,
        "receipt_no": basket.receipt_no,
    }


# ---------------------------------------------------------------- events -> records


def basket_of(data: Mapping[str, Any]) -> Basket:
    """Back from `sale_seen` or `sale_granted`."""
    lines = tuple(Line(line["amount"], line["category"], line["tax"], line["qty"], line.get("net")) for line in data["lines"])
    return Basket(data["key"], lines, datetime.fromisoformat(data["sold_at"]), data["paid"], data["door"], data["receipt_no"],
                  adopts=data["trace"].get("adopts", ""), seen_by=data["trace"].get("seen_by", ""))  # fmt: skip


def card_of(data: Mapping[str, Any]) -> Card:
    """Back from `member_seen`."""
    kept = data["trace"]["card"]
    member = _member_of(data["member"], kept)
    return Card(member, kept["masked"], data["source"], data["scan_id"], data.get("verify", ""), data.get("clock_unsure", False))


def _member_of(token: str, kept: Mapping[str, Any]) -> Member:
    return Member(
        token=token, status=kept["status"], rank=kept["rank"], birth_month=kept["birth_month"], first=kept["first"],
        flags=tuple(kept["flags"]), balances=kept["balances"], as_of=datetime.fromisoformat(kept["as_of"]) if kept["as_of"] else None,
        coupons=tuple(coupon_from(coupon) for coupon in kept.get("coupons", ())), issued=tuple(kept.get("issued", ())),
        last_at={account: datetime.fromisoformat(at) for account, at in kept.get("last_at", {}).items()},
    )  # fmt: skip


def live_of(data: Mapping[str, Any], event_id: str) -> Live:
    """Back from `sale_granted`."""
    trace = data["trace"]
    return Live(
        data["sale_id"], basket_of(data), data["number"], data["member"], data["masked"], tuple(data["entries"]), event_id,
        data["business_date"], datetime.fromisoformat(trace["at"]), tuple(trace["slips"]), tuple(trace["issued"]),
        tuple(redemption_of(each) for each in trace.get("used", ())), data.get("payable", data["amount"]),
        _member_of(data["member"], trace["holder"]) if "holder" in trace else None, data["program"],
    )  # fmt: skip
