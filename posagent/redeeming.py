"""Owns what is used up in a sale: coupons, points and prepaid value, from the moment they are kept for it until they are used. PURE.

A redemption is first *kept* (head office holds it, or this register answers for a coupon of its own), then *used* with the paid sale, or let
go. What it is worth is reckoned anew with every change of the sale; the order of reductions is the rules' (`posagent.loyalty.reductions`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from posagent.loyalty.model import Coupon, Line, Member, Quote, Reduction, Refusal, Register, Sale
from posagent.loyalty.quote import quote
from posagent.loyalty.records import coupon_from, plain
from posagent.loyalty.rules import Account, Program

Redeemable = Literal["coupon", "points", "value"]
Authority = Literal["cloud", "register"]
"""Who answers for it: head office's hold, or this register for a right that it issued itself."""
Entry = Mapping[str, Any]
"""{account, delta} and perhaps lot: as an event carries it."""


@dataclass(frozen=True, slots=True)
class FoundCoupon:
    """A coupon as somebody who may know it told of it. ``coupon.code`` is the hash of its code: the code itself is never kept."""

    coupon: Coupon
    coupon_id: str
    label: str
    given_back: int = 0  # how often a void has made it usable again


@dataclass(frozen=True, slots=True)
class Redemption:
    """One thing kept for a sale, or used in it. ``id``: a UUID, the hold's where head office holds it."""

    id: str
    kind: Redeemable
    authority: Authority
    sale_key: str
    amount: int = 0  # points, or yen of value; 0 for a coupon
    yen: int = 0  # what it takes off or pays at most (0: a coupon is worth what the sale makes of it); once used: what was taken
    member: str | None = None  # whose it is; None: the bearer's
    found: FoundCoupon | None = None  # of a coupon
    lots: tuple[tuple[str, str, int], ...] = ()  # of value: what each lot pays, (account, lot, amount), in order
    kept_ms: int = 0  # by the counter's clock
    used: bool = False
    took: tuple[Entry, ...] = ()  # once used: its event's entries

    @property
    def code_hash(self) -> str:
        """Of a coupon's code; "" for the others."""
        return self.found.coupon.code if self.found else ""


@dataclass(frozen=True, slots=True)
class Charged:
    """A charge of prepaid value that stands."""

    charge_id: str
    event_id: str
    token: str
    masked: str
    business_date: str
    amount: int
    entries: tuple[Entry, ...]
    slips: tuple[str, ...] = ()
    at: datetime | None = None  # when it was recorded


@dataclass(frozen=True, slots=True)
class Share:
    """What one redemption does in the sale as it is now. ``by_tax``: (rate in basis points, yen), highest first; empty for value, a tender."""

    amount: int
    by_tax: tuple[tuple[int, int], ...] = ()
    gift: str | None = None


@dataclass(frozen=True, slots=True)
class Reckoning:
    """A sale with everything that is kept for it. ``payable``: what is left to pay in other ways."""

    quote: Quote
    shares: Mapping[str, Share]  # by redemption id: what is taken
    refused: Mapping[str, Refusal]  # by redemption id: what this sale does not take
    payable: int


def reckon(program: Program, register: Register, sale: Sale, member: Member | None, kept: Sequence[Redemption]) -> Reckoning:
    """Raises SaleRejected."""
    result = quote(program, register, with_redemptions(sale, kept), member)
    shares: dict[str, Share] = {}
    refused: dict[str, Refusal] = {}
    payable = result.payable
    for one in kept:
        allocated = next((each for each in result.allocations if each.coupon == (one.code_hash or one.id)), None)
        use = next((each for each in result.coupons_used if each.code == one.code_hash), None)
        if one.kind == "coupon" and use is not None:
            shares[one.id] = Share(use.amount, allocated.by_tax if allocated else (), use.gift)
        elif one.kind == "coupon":
            refused[one.id] = result.rejected.get(one.code_hash, "unknown")
        elif allocated is not None:
            shares[one.id] = Share(allocated.amount, allocated.by_tax)
        elif one.kind == "value" and (paid := min(one.yen, payable)):  # a tender: it pays, and reduces nothing
            shares[one.id] = Share(paid)
            payable -= paid
        else:
            refused[one.id] = "no_effect"
    return Reckoning(result, shares, refused, payable)


def with_redemptions(sale: Sale, kept: Sequence[Redemption]) -> Sale:
    """The sale as the rules want it. A reduction carries its redemption's id, so that its share can be told from the others'."""
    return replace(
        sale,
        reductions=tuple(Reduction(one.kind, one.yen, coupon=one.id) for one in kept if one.kind != "coupon"),
        codes=tuple(one.code_hash for one in kept if one.found),
        coupons=tuple(one.found.coupon for one in kept if one.found),
    )


def points_account(program: Program) -> Account | None:
    """The account whose points pay."""
    return next((account for account in program.accounts if account.redeem), None)


def taken(one: Redemption, share: Share, program: Program) -> Redemption:
    """The redemption once it is used: with the entries of its event. Less may be taken than was kept, where the sale became smaller."""
    entries: list[Entry] = []
    if one.kind == "points":
        account = points_account(program)
        name, yen = (account.name, account.redeem.yen) if account and account.redeem else ("points", 1)
        entries.append({"account": name, "delta": -min(one.amount, -(-share.amount // yen))})
    left = share.amount
    for account_name, lot, amount in one.lots if one.kind == "value" else ():
        if part := min(left, amount):
            entries.append({"account": account_name, "delta": -part} | ({"lot": lot} if lot else {}))
            left -= part
    return replace(one, used=True, took=tuple(entries), yen=share.amount)


# ---------------------------------------------------------------- for who asks


def fields_of(reckoning: Reckoning, kept: Sequence[Redemption], lines: Sequence[Line], one: Redemption | None = None) -> dict[str, Any]:
    """What an answer says: of one redemption, or of all. ``per_rate`` is what the POS takes off, split by tax rate; value is a tender, and is
    in none of them."""
    shares = [reckoning.shares[one.id]] if one else list(reckoning.shares.values())
    off: dict[int, int] = {}
    for share in shares:
        for rate, amount in share.by_tax:
            off[rate] = off.get(rate, 0) + amount
    gross: dict[int, int] = {}
    for line in lines:
        gross[line.tax] = gross.get(line.tax, 0) + line.amount
    return {
        "discount": sum(off.values()),
        "per_rate": [{"tax": rate, "amount": amount, "discount": off.get(rate, 0)} for rate, amount in sorted(gross.items(), reverse=True)],
        "payable": reckoning.payable,
        "reductions": [shown(each, reckoning.shares[each.id]) for each in kept if each.id in reckoning.shares],
    }


def shown(one: Redemption, share: Share) -> dict[str, Any]:
    """One reduction of the open sale, as page and POS see it."""
    return {
        "id": one.id,
        "kind": one.kind,
        "label": one.found.label if one.found else None,
        "amount": share.amount,
        "gift": share.gift,
        "points": one.amount if one.kind == "points" else None,
    }


# ---------------------------------------------------------------- JSON


def as_json(one: Redemption) -> dict[str, Any]:
    """As an event keeps it; `redemption_of` reads it back."""
    return {
        "id": one.id, "kind": one.kind, "authority": one.authority, "sale_key": one.sale_key, "amount": one.amount, "yen": one.yen,
        "member": one.member, "lots": [list(lot) for lot in one.lots], "used": one.used, "took": [dict(entry) for entry in one.took],
        "found": {"coupon": plain(one.found.coupon), "coupon_id": one.found.coupon_id, "label": one.found.label,
                  "given_back": one.found.given_back} if one.found else None,
    }  # fmt: skip


def redemption_of(data: Mapping[str, Any], kept_ms: int = 0) -> Redemption:
    """Back from `as_json`."""
    found = data["found"]
    known = FoundCoupon(coupon_from(found["coupon"]), found["coupon_id"], found["label"], found["given_back"]) if found else None
    return Redemption(
        data["id"], data["kind"], data["authority"], data["sale_key"], data["amount"], data["yen"], data["member"], known,
        tuple((account, lot, amount) for account, lot, amount in data["lots"]), kept_ms, data["used"], tuple(data["took"]),
    )  # fmt: skip
