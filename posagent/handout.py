"""Owns what a grant hands out on paper: a point slip, and a coupon slip for every coupon it issued. PURE: random bits come from outside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256

from posagent.loyalty.coupons import code as coupon_code
from posagent.loyalty.model import CouponIssue, Member, Quote, Sale
from posagent.loyalty.rules import Account, CouponRule, Program
from posagent.slip_texts import Balance, Card, Head, Terms, charge_slip, coupon_slip, grant_slip, yen
from posagent.slips import Lang, Slip, to_json

OPEN_END = date(9999, 12, 31)


@dataclass(frozen=True, slots=True)
class Stationery:
    """What every slip of this register carries."""

    store: str
    register: str
    store_name: str
    lang: Lang


@dataclass(frozen=True, slots=True)
class CouponOnPaper:
    """A coupon as printed. The code stands on the paper only; the journal keeps its hash."""

    issue: CouponIssue
    code_hash: str


@dataclass(frozen=True, slots=True)
class HandedSlip:
    """One slip to print. ``serial`` is <store>-<register>-<yyyymmdd>-<n>."""

    serial: str
    document: bytes
    coupon: CouponOnPaper | None = None


def code_hash(code: str) -> str:
    """What the journal keeps of a coupon's code (it has 64 random bits and more: a plain hash cannot be searched)."""
    return sha256(b"posagent/coupon/1\n" + code.encode()).hexdigest()[:32]


def slips_for_grant(
    stationery: Stationery,
    program: Program,
    quote: Quote,
    member: Member,
    masked: str,
    sale: Sale,
    receipt_no: str | None,
    first: int,
    at: datetime,
    entropy: bytes,
) -> tuple[HandedSlip, ...]:
    """The slips of one grant, numbered from ``first`` within the business day."""
    day = quote.business_date.strftime("%Y%m%d")

    def head(number: int) -> Head:
        serial = f"{stationery.store}-{stationery.register}-{day}-{number}"
        return Head(serial, stationery.store_name, stationery.register, at, stationery.lang)

    slips = []
    top = head(first)
    document = grant_slip(
        top,
        member=masked,
        granted=quote.total("points"),
        used=quote.points_used,
        balance=_balance(quote, member, at),
        sale_total=sum(line.amount for line in sale.lines),
        sale_id=receipt_no or "",
        cards=_cards(program, quote, member),
        explain=_explained(program, quote, stationery.lang),
    )
    slips.append(HandedSlip(top.serial, to_json(document)))
    for number, issue in enumerate(quote.coupons_issued, 1):
        one = head(first + number)
        bits = sha256(entropy + number.to_bytes(2, "big") + issue.id.encode()).digest()
        code = coupon_code(bits)
        document = _coupon(one, program.coupon, issue, code)
        slips.append(HandedSlip(one.serial, to_json(document), CouponOnPaper(issue, code_hash(code))))
    return tuple(slips)


def slip_for_charge(
    stationery: Stationery, account: Account, masked: str, charged: int, bonus: int, balance: int, expires: date | None, number: int,
    at: datetime, day: date, operator: str,
) -> HandedSlip:
    """What the law wants handed over after a charge. ``balance``: with this charge, as head office said a moment ago."""
    serial = f"{stationery.store}-{stationery.register}-{day:%Y%m%d}-{number}"
    document = charge_slip(
        Head(serial, stationery.store_name, stationery.register, at, stationery.lang, operator),
        member=masked,
        charged=charged,
        balance=Balance(balance, at),
        terms=Terms(account.issuer, account.contact, account.places, account.balance_url),
        bonus=bonus,
        expires=expires,
    )
    return HandedSlip(serial, to_json(document))


def _balance(quote: Quote, member: Member, at: datetime) -> Balance:
    """The snapshot's balance, what this register recorded since, and this sale; nothing where no snapshot knows the member."""
    if member.as_of is None:
        return Balance(None)
    return Balance(member.balances.get("points", 0) - quote.points_used + quote.total("points"), member.as_of.astimezone(at.tzinfo))


def _cards(program: Program, quote: Quote, member: Member) -> list[Card]:
    """Stamp cards as they stand now; without a snapshot only today's stamps are known, and no card is drawn from a guess."""
    cards = []
    labels = {coupon.id: coupon.label for coupon in program.coupon}
    for account in program.accounts:
        if account.card is None or member.as_of is None:
            continue
        new = quote.total(account.name)
        filled = (member.balances.get(account.name, 0) + new) % account.card.size
        due = [labels[coupon] for position, coupon in account.card.rewards if position > filled]
        cards.append(Card(account.label, filled, account.card.size, min(new, filled), due[0] if due else ""))
    return cards


def _explained(program: Program, quote: Quote, lang: Lang) -> list[tuple[str, str]]:
    """How the points came about: a line for each rule and boost that gave some."""
    rules = {rule.id: rule for rule in program.earn}
    lines = []
    for reason in quote.explain:
        if reason.code not in {"earn", "boost"} or reason["account"] != "points" or not reason["gives"]:
            continue
        rule = rules.get(str(reason["rule"]))
        if rule is None:
            label = "ボーナスポイント" if lang == "ja" else "Bonus points"
        elif rule.formula == "amount":
            label = f"{yen(rule.every, lang)}ごとに{rule.give}P" if lang == "ja" else f"{rule.give} per {yen(rule.every, lang)}"
        elif rule.formula == "rate":
            percent = f"{rule.rate // 100}.{rule.rate % 100:02}".rstrip("0").rstrip(".") + "%"
            label = f"お買い上げの{percent}" if lang == "ja" else f"{percent} of your purchase"
        else:
            label = "ご来店" if lang == "ja" else "Visit"
        lines.append((label, f"+{reason['gives']}P"))
    return lines


def _coupon(head: Head, rules: tuple[CouponRule, ...], issue: CouponIssue, code: str) -> Slip:
    rule = next(rule for rule in rules if rule.id == issue.definition)
    ja = head.lang == "ja"
    conditions = []
    if least := rule.use_when.min_amount:
        conditions.append(f"{yen(least, 'ja')}以上のお会計で使えます" if ja else f"For purchases of {yen(least, 'en')} or more")
    if rule.lines:
        names = "、".join(sorted(rule.lines)) if ja else ", ".join(sorted(rule.lines))
        conditions.append(f"対象: {names}" if ja else f"For: {names}")
    return coupon_slip(
        head,
        benefit=issue.label,
        last_day=issue.last_day or OPEN_END,
        code=code,
        conditions=conditions,
        first_day=issue.first_day if issue.first_day > head.issued.date() else None,
    )
