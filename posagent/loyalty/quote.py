"""Owns `quote`: what one sale gives one member under one program. PURE: the same four inputs give byte-identical JSON.

Order: validate, coupons, points used, allocation, basis, earn rules, boosts, cap, stamps that cross a threshold, coupons issued.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

from posagent.loyalty import coupons, stamps
from posagent.loyalty.conditions import Facts, holds
from posagent.loyalty.days import business_date, cooldown_allows
from posagent.loyalty.earning import Counted, Earned, earn_account
from posagent.loyalty.model import CouponIssue, Entry, Member, Quote, Reason, Register, Sale, SaleRejected
from posagent.loyalty.numbers import MAX_AMOUNT, MAX_BALANCE, MAX_LINES, MAX_QTY, ratio
from posagent.loyalty.reductions import Reduced, reduce_sale
from posagent.loyalty.rules import Account, Card, CouponRule, Program
from posagent.loyalty.validity import Standing, in_time

_NOTHING = Earned(0, (), ())


def quote(program: Program, register: Register, sale: Sale, member: Member | None) -> Quote:
    """What the sale gives. Without a member nothing is granted, but coupons of the bearer and the allocation hold.

    Raises SaleRejected when the sale as sent cannot be true or is outside the limits. Whether the program is signed, approved and meant for
    this store is the caller's question (`posagent.loyalty.validity.applicable`); its dates are respected here.
    """
    check_sale(sale)
    day = business_date(sale.at, program.day_start)
    standing = in_time(program, day)
    explain: list[Reason] = []
    known, distrust = trusted(program, sale, member)
    explain.extend(distrust)
    facts = facts_of(program, register, sale, known)
    reduced = reduce_sale(program, register, sale, known, facts)
    explain.extend(reduced.explain)
    excluded = program.basis.exclude
    basis = tuple(None if line.category in excluded else counted for line, counted in zip(sale.lines, reduced.counted, strict=True))
    if standing.state != "ok":
        explain.append(Reason("program_" + standing.state, (("program", program.reference),)))
    entries: list[Entry] = []
    issued: list[CouponIssue] = []
    boosts: list[str] = []
    if known is not None and known.status != "blocked" and standing.grants:
        counted = Counted(sale.lines, basis, register.tax_rounding if program.basis.tax == "excluded" else None)
        for account in program.accounts:
            earned = _earned(program, account, counted, facts, known, sale, standing)
            explain.extend(earned.explain)
            boosts.extend(earned.boosts)
            if earned.amount:
                entries.append(_entry(account, earned.amount, day))
                if account.card and standing.state == "ok":
                    issued.extend(_card_rewards(program, account.name, account.card, earned.amount, day, known))
        if standing.state == "ok":
            issued.extend(_sale_coupons(program, sale, day, known, facts))
    elif known is not None and known.status == "blocked":
        explain.append(Reason("member_blocked"))
    explain.extend(Reason("coupon_issued", (("coupon", each.definition), ("label", each.label), ("cause", each.cause))) for each in issued)
    return Quote(
        sale_id=sale.sale_id,
        program=program.reference,
        member=known.token if known else None,
        business_date=day,
        subtotal=facts.subtotal,
        payable=sum(reduced.remaining),
        basis=basis,
        entries=tuple(entries),
        allocations=tuple(reduced.allocations),
        points_used=_points_used(program, reduced),
        coupons_used=tuple(reduced.used),
        coupons_issued=tuple(issued),
        rejected=dict(reduced.rejected),
        rank=facts.rank,
        boosts=tuple(boosts),
        explain=tuple(explain),
    )


def check_sale(sale: Sale) -> None:
    """Raises SaleRejected for a sale outside the limits: nothing is corrected silently."""
    if sale.at.tzinfo is None:
        raise SaleRejected("time", f"sale {sale.sale_id}: its time has no offset")
    if len(sale.lines) > MAX_LINES:
        raise SaleRejected("range", f"sale {sale.sale_id} has {len(sale.lines)} lines; at most {MAX_LINES} are possible")
    total = 0
    for number, line in enumerate(sale.lines, 1):
        if line.amount < 0 or line.qty < 0 or (line.net is not None and line.net < 0):
            raise SaleRejected("negative", f"sale {sale.sale_id}, line {number}: {line.amount} is negative; send a return as a refund")
        if line.amount > MAX_AMOUNT or not 1 <= line.qty <= MAX_QTY:
            raise SaleRejected("range", f"sale {sale.sale_id}, line {number}: {line.amount} for {line.qty} pieces is outside the limits")
        if not 0 <= line.tax <= 10_000 or (line.net is not None and line.net > line.amount):
            raise SaleRejected("tax", f"sale {sale.sale_id}, line {number}: the tax rate {line.tax} or net amount {line.net} cannot be")
        total += line.amount
    if total > MAX_AMOUNT:
        raise SaleRejected("range", f"sale {sale.sale_id}: the total {total} is above {MAX_AMOUNT}")
    for reduction in sale.reductions:
        if reduction.amount <= 0:
            raise SaleRejected("negative", f"sale {sale.sale_id}: a reduction of {reduction.amount} is none")
        if reduction.amount > MAX_AMOUNT:
            raise SaleRejected("range", f"sale {sale.sale_id}: a reduction of {reduction.amount} is outside the limits")
        if any(not 0 <= index < len(sale.lines) for index in reduction.lines or ()):
            raise SaleRejected("index", f"sale {sale.sale_id}: a reduction names a line that is not there")


def trusted(program: Program, sale: Sale, member: Member | None) -> tuple[Member | None, list[Reason]]:
    """The member as far as the register may believe it: rank, flags, birthday and first visit count only with a verified member and a snapshot
    that is fresh; points are granted either way, by the base rule."""
    if member is None:
        return None, [Reason("no_member")]
    if member.as_of is not None and sale.at - member.as_of > timedelta(hours=program.offline.snapshot_ttl_hours):
        return _plain(member), [Reason("snapshot_old", (("hours", program.offline.snapshot_ttl_hours),))]
    if member.status == "unverified":
        return _plain(member), [Reason("member_unverified")]
    return member, []


def _plain(member: Member) -> Member:
    return Member(member.token, member.status, balances=member.balances, coupons=member.coupons, last_at=member.last_at, issued=member.issued)


def facts_of(program: Program, register: Register, sale: Sale, member: Member | None) -> Facts:
    """What the conditions of this sale ask about. A snapshot from the future shows that a clock is wrong: no condition on hours holds then."""
    counting = [line for line in sale.lines if line.category not in program.basis.exclude]
    ahead = member is not None and member.as_of is not None and member.as_of - sale.at > timedelta(minutes=5)
    return Facts(
        day=business_date(sale.at, program.day_start),
        minute=sale.at.hour * 60 + sale.at.minute if sale.clock_ok and not ahead else None,
        store=register.store,
        subtotal=sum(line.amount for line in counting),
        categories=frozenset(line.category for line in sale.lines),
        tender=sale.tender,
        rank=member.rank if member else None,
        flags=member.flags if member else (),
        birth_month=member.birth_month if member else None,
        first=member.first if member else False,
    )


def _earned(
    program: Program, account: Account, counted: Counted, facts: Facts, member: Member, sale: Sale, standing: Standing
) -> Earned:
    rules = [rule for rule in program.earn if rule.account == account.name and rule.on == "sale"]
    if standing.state == "grace":
        rules = [rule for rule in rules if rule.when.plain]
    if not rules:
        return _NOTHING
    earned = earn_account(account.name, rules, program.boost if standing.state == "ok" else (), dict(program.caps), counted, facts)
    if earned.amount and not cooldown_allows(account.cooldown, member.last_at.get(account.name), sale.at, program.day_start):
        return Earned(0, (), (Reason("cooldown", (("account", account.name), ("policy", account.cooldown))),))
    if member.balances.get(account.name, 0) + earned.amount > MAX_BALANCE:
        raise SaleRejected("range", f"the balance of {account.name} would leave the range of whole numbers that every reader keeps")
    return earned


def _entry(account: Account, amount: int, day: date) -> Entry:
    return Entry(account.name, amount, expires=account.expire.last_day(day) if account.expire else None)


def _card_rewards(program: Program, account: str, card: Card, added: int, day: date, member: Member) -> list[CouponIssue]:
    """Coupons whose position on the card was passed now, unless the same reward was issued before."""
    before = member.balances.get(account, 0)
    issued = []
    for reward in stamps.rewards_due(card, before, before + added):
        rule = program.coupon_rule(reward.coupon)
        reward_id = stamps.reward_id(program.id, member.token, account, reward)
        if rule is not None and reward_id not in member.issued:
            issued.append(_issue(rule, reward_id, day, "stamps", member))
    return issued


def _sale_coupons(program: Program, sale: Sale, day: date, member: Member, facts: Facts) -> list[CouponIssue]:
    """Coupons that this sale earns."""
    due = [rule for rule in program.coupon if rule.issue == "sale" and holds(rule.when, facts)]
    return [_issue(rule, coupons.sale_coupon_id(program.id, sale.sale_id, rule.id), day, "sale", member) for rule in due]


def _issue(rule: CouponRule, issue_id: str, day: date, cause: Literal["sale", "stamps"], member: Member) -> CouponIssue:
    owner = None if rule.bearer else member.token
    return CouponIssue(issue_id, rule.id, rule.label, day, coupons.last_day(rule.valid, day), rule.reach, rule.group, cause, owner)


def _points_used(program: Program, reduced: Reduced) -> int:
    """Points behind the reductions of kind points: whole points, rounded up where the yen do not divide."""
    yen = sum(allocation.amount for allocation in reduced.allocations if allocation.kind == "points")
    redeem = next((account.redeem for account in program.accounts if account.redeem), None)
    return ratio(yen, 1, redeem.yen if redeem else 1, "ceil")
