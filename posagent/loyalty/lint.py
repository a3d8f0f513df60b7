"""Owns `program check`: what is wrong with a program that can be read, alone and against the version before it. PURE.

Errors (E) keep a program from being applied; warnings (W) need a person who decides; notes (N) say what a choice means in law. The legal
figures: 景品表示法 総付 (Consumer Affairs Agency, premiums without lottery): below 1,000 yen 200, else 20 %; 資金決済法 (prepaid payment).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from posagent.loyalty.coupons import reach_is_wider
from posagent.loyalty.days import Expire, add_months
from posagent.loyalty.numbers import show_rate
from posagent.loyalty.rules import ALWAYS, CouponRule, Earn, Program
from posagent.loyalty.validity import approval_problem

HIGH_RATE = 2_000  # basis points
CEIL_RATE = 500
USUAL_EXCLUSIONS = ("tobacco", "giftcard", "charge")


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: where, what, and what to do."""

    level: Literal["E", "W", "N"]
    code: str
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.level} {self.path}: {self.message} [{self.code}]"


def lint(program: Program, previous: Program | None = None) -> list[Finding]:
    """All findings, errors first."""
    found = [*_approvals(program), *_value(program), *_earn(program), *_rates(program), *_coupons(program), *_stamps(program), *_basis(program)]
    if previous is not None:
        found += against(program, previous)
    return sorted(found, key=lambda finding: "EWN".index(finding.level))


def max_gift(price: int) -> int:
    """The dearest gift that may be given to everybody who buys for a price (総付景品の上限)."""
    return 200 if price < 1_000 else price * 20 // 100


def _approvals(program: Program) -> Iterator[Finding]:
    if problem := approval_problem(program):
        yield Finding("E", "approvals", "approval", f"this version {problem}")


def _value(program: Program) -> Iterator[Finding]:
    for account in program.accounts:
        if account.charge is None and account.name != "value":
            continue
        path = f"accounts.{account.name}"
        for name, text in (("issuer", account.issuer), ("contact", account.contact)):
            if not text.strip():
                yield Finding("E", f"value-{name}", path, f"has no {name}; 資金決済法 13条 wants it on the slip after a charge")
        for name, text in (("places", account.places), ("balance_url", account.balance_url)):
            if not text.strip():
                message = f"has no {name}; 資金決済法 13条 wants customers told where it is accepted and what is left"
                yield Finding("W", f"value-{name}", path, message)
        if account.expire is None:
            yield Finding("E", "value-expire", path, "has no expiry; the law wants the period of use stated to the customer")
        elif _within_six_months(account.expire):
            yield Finding("N", "value-exempt", path, "usable within 6 months of issue: exempt from 資金決済法 (no notification, no deposit)")
        else:
            message = (
                "usable for more than 6 months: with above 10 million yen unused on 31 March or 30 September, "
                "資金決済法 wants a notification and half of it deposited"
            )
            yield Finding("N", "value-law", path, message)
    paid = {account.name for account in program.accounts if account.charge is not None} | {"value"}
    for number, rule in enumerate(program.earn, 1):
        if rule.on == "charge" and rule.account in paid:
            message = f"gives free money into '{rule.account}', where the law counts it as paid by the customer; give it to a bonus account"
            yield Finding("E", "charge-value", f"earn[{number}] {rule.id}", message)


def _within_six_months(expire: Expire) -> bool:
    """From any day of issue; counted from the last activity, use may go on for ever."""
    issues = [date(2027, month, day) for month in range(1, 13) for day in (1, 28)]
    return expire.start == "earn" and all(expire.last_day(issued) <= add_months(issued, 6) for issued in issues)


def _earn(program: Program) -> Iterator[Finding]:
    tiers = {tier.id for tier in program.ranks.tiers} if program.ranks else set()
    for number, rule in enumerate(program.earn, 1):
        path = f"earn[{number}] {rule.id}"
        blocker = next((earlier for earlier in program.earn[: number - 1] if _covers(earlier, rule)), None)
        if blocker:
            yield Finding("W", "unreachable", path, f"never applies: '{blocker.id}' before it takes every line; put the special rule first")
        elif rule.lines is not None and rule.lines <= program.basis.exclude:
            yield Finding("W", "unreachable", path, "never applies: all its categories are excluded in [basis]")
        if rule.formula == "rate" and rule.round == "ceil" and rule.rate >= CEIL_RATE:
            yield Finding("W", "ceil", path, f"rounds {show_rate(rule.rate)} up: 1 yen gives a whole point, so split payments gain")
        unknown = [name for name in rule.when.rank if tiers and name not in tiers]
        if unknown:
            yield Finding("W", "rank", path, f"names the rank '{unknown[0]}', which [rank] does not define; it never applies to it")


def _covers(earlier: Earn, later: Earn) -> bool:
    if (earlier.account, earlier.on) != (later.account, later.on) or earlier.when not in (ALWAYS, later.when):
        return False
    return earlier.lines is None or (later.lines is not None and later.lines <= earlier.lines)


def effective_rate(program: Program, rule: Earn) -> int:
    """The most that a rule gives back, in basis points of the amount, when the best boost of every group applies."""
    if rule.formula == "rate":
        base = rule.rate
    elif rule.formula == "amount":
        base = rule.give * 10_000 // rule.every
    else:
        return 0
    account = program.account(rule.account)
    worth = base * (account.redeem.yen if account and account.redeem else 1)
    best: dict[str, int] = {}
    for boost in program.boost:
        if boost.account == rule.account and boost.times is not None:
            best[boost.group] = max(best.get(boost.group, 0), boost.times - 1000)
    return worth + worth * sum(best.values()) // 1000


def _rates(program: Program) -> Iterator[Finding]:
    for number, rule in enumerate(program.earn, 1):
        rate = effective_rate(program, rule)
        if rate > HIGH_RATE:
            message = f"gives back up to {show_rate(rate)} with all boosts; above 20% somebody should have meant it"
            yield Finding("W", "rate", f"earn[{number}] {rule.id}", message)


def _coupons(program: Program) -> Iterator[Finding]:
    for number, coupon in enumerate(program.coupon, 1):
        path = f"coupon[{number}] {coupon.id}"
        valid = coupon.valid
        if valid.expire is None and valid.until is None and not valid.month_end:
            yield Finding("W", "coupon-expiry", path, "never expires; give valid = { days = 30 }, or it is owed for ever")
        if coupon.bearer and reach_is_wider(coupon.reach, than="store"):
            message = "is good for whoever holds it in every store: offline, a copy of the slip can be used twice; give reach = \"store\""
            yield Finding("W", "bearer", path, message)
        if coupon.benefit.gift is not None:
            price = gift_price(program, coupon)
            if coupon.benefit.value > max_gift(price):
                message = f"gift worth {coupon.benefit.value:,} yen for a purchase of {price:,}: 景品表示法 (総付) allows {max_gift(price):,}"
                yield Finding("W", "gift", path, message)


def gift_price(program: Program, coupon: CouponRule) -> int:
    """The least purchase that earns a gift; where none is needed the law counts 100 yen."""
    prices = []
    if coupon.issue == "sale":
        prices.append(coupon.when.min_amount)
    for account in program.accounts:
        for position, name in account.card.rewards if account.card else ():
            if name == coupon.id:
                rules = [rule for rule in program.earn if rule.account == account.name and rule.on == "sale"]
                prices += [_price_of_stamps(program, rule, position) for rule in rules if rule.formula != "nothing"]
    return max(min(prices, default=0), 100)


def _price_of_stamps(program: Program, rule: Earn, stamps: int) -> int:
    """The least purchase for a number of stamps, boosts counted; for stamps per piece one receipt, as prices of pieces are not in the file."""
    if rule.formula == "visit":
        best: dict[str, int] = {}
        for boost in program.boost:
            if boost.account == rule.account:
                extra = boost.add or 0 if boost.times is None else rule.visit * (boost.times - 1000) // 1000
                best[boost.group] = max(best.get(boost.group, 0), extra)
        return -(-stamps // (rule.visit + sum(best.values()))) * rule.when.min_amount
    if rule.formula == "amount":
        return -(-stamps // rule.give) * rule.every
    return rule.when.min_amount


def _stamps(program: Program) -> Iterator[Finding]:
    for number, rule in enumerate(program.earn, 1):
        account = program.account(rule.account)
        if rule.formula == "visit" and account and account.cooldown == "none":
            message = f"counts every receipt as a visit: a bill split in three gives three; give accounts.{rule.account} cooldown = \"day\""
            yield Finding("W", "cooldown", f"earn[{number}] {rule.id}", message)


def _basis(program: Program) -> Iterator[Finding]:
    lacking = [name for name in USUAL_EXCLUSIONS if name not in program.basis.exclude]
    if lacking:
        message = f"does not exclude {', '.join(lacking)}; tobacco has fixed prices (たばこ事業法), gift cards and charges earn twice"
        yield Finding("W", "exclude", "basis.exclude", message)


def against(program: Program, previous: Program) -> Iterator[Finding]:
    """What changes for members who collected under the version before."""
    old = previous.reference
    if program.id != previous.id:
        yield Finding("E", "id", "program.id", f"is '{program.id}', but {old} is another program; compare versions of one program")
    if program.version <= previous.version:
        yield Finding("E", "version", "program.version", f"is {program.version}, but must be above {previous.version} of {old}")
    first, last = program.first_day or date.min, program.last_day or date.max
    if first <= (previous.last_day or date.max) and (previous.first_day or date.min) <= last:
        period = f"{previous.first_day or 'the beginning'} to {previous.last_day or 'no end'}"
        yield Finding("E", "overlap", "program.from", f"overlaps {old} ({period}); let this version begin after that one's last day")
    for account in previous.accounts:
        now = program.account(account.name)
        path = f"accounts.{account.name}"
        if now is None:
            yield Finding("E", "account-dropped", path, f"was in {old} and is gone; members hold balances in it")
            continue
        if _shorter(now.expire, account.expire):
            yield Finding("E", "expire-shorter", path, f"expires sooner than in {old}; members were promised the longer period")
        if account.redeem and (now.redeem is None or now.redeem.yen < account.redeem.yen):
            yield Finding("W", "redeem-lower", path, f"is worth less than in {old}; announce it (usual: 30 days before)")
        if account.card and account.card != now.card:
            yield Finding("W", "card-changed", path, f"the stamp card differs from {old}; cards that are half full change with it")
    before, after = ({tier.id for tier in each.ranks.tiers} if each.ranks else set() for each in (previous, program))
    for name in sorted(before - after):
        yield Finding("W", "rank-dropped", "rank.tiers", f"the rank '{name}' of {old} is gone; members who hold it fall to no rank")


def _shorter(now: Expire | None, before: Expire | None) -> bool:
    if now is None or before is None:
        return now is not None
    if before.start == "activity" and now.start == "earn":
        return True
    samples = [date(2027, month, day) for month in range(1, 13) for day in (1, 15, 28)]
    return any(now.last_day(sample) < before.last_day(sample) for sample in samples)
