"""Owns what comes off a sale before points are computed: presented coupons, points used as payment, and how all of it is spread over the lines.
PURE. The order is fixed: discounts of the register, coupons for single lines, coupons for the receipt, points, and then prepaid value."""

from __future__ import annotations

from dataclasses import dataclass, field

from posagent.loyalty.conditions import Facts, holds
from posagent.loyalty.coupons import within_reach
from posagent.loyalty.masking import mask
from posagent.loyalty.model import Allocation, Coupon, CouponUse, Line, Member, Reason, Reduction, ReductionKind, Refusal, Register, Sale
from posagent.loyalty.numbers import allocate, not_negative, ratio
from posagent.loyalty.rules import CouponRule, Program, Redeem

_ORDER: dict[ReductionKind, int] = {"discount": 0, "coupon": 1, "points": 2, "value": 3}


@dataclass(slots=True)
class Reduced:
    """A sale while it is being reduced; local to one quote. Per line, ``remaining`` is still to pay and ``counted`` counts for points."""

    lines: tuple[Line, ...]
    reduced_by: frozenset[str]
    remaining: list[int]
    counted: list[int]
    allocations: list[Allocation] = field(default_factory=list)
    used: list[CouponUse] = field(default_factory=list)
    rejected: dict[str, Refusal] = field(default_factory=dict)
    explain: list[Reason] = field(default_factory=list)

    def take(self, kind: ReductionKind, amount: int, where: tuple[int, ...] | None, coupon: str | None = None) -> int:
        """Spreads an amount over lines and returns what was taken: at most what remains on them (no change is given)."""
        if where is None:
            weights = self.remaining
        else:
            chosen = set(where)
            weights = [left if index in chosen else 0 for index, left in enumerate(self.remaining)]
        taken = min(amount, sum(weights))
        if taken == 0:
            return 0
        shares = allocate(taken, weights)
        counts = kind in self.reduced_by
        by_tax: dict[int, int] = {}
        for index, share in enumerate(shares):
            if share:
                tax = self.lines[index].tax
                by_tax[tax] = by_tax.get(tax, 0) + share
                self.remaining[index] -= share
                if counts:
                    self.counted[index] -= share
        self.allocations.append(Allocation(kind, taken, shares, tuple(sorted(by_tax.items(), reverse=True)), coupon, where))
        return taken


def reduce_sale(program: Program, register: Register, sale: Sale, member: Member | None, facts: Facts) -> Reduced:
    """Applies everything in the fixed order. Prepaid value is a way to pay: it takes nothing off unless the program lists it in reduced_by."""
    amounts = [line.amount for line in sale.lines]
    state = Reduced(sale.lines, program.basis.reduced_by, amounts, list(amounts))
    given = sorted(sale.reductions, key=lambda reduction: _ORDER[reduction.kind])
    coupons_done = not sale.codes
    for reduction in given:
        if reduction.kind in ("points", "value") and not coupons_done:
            coupons_done = True
            _present(state, program, register, sale, member, facts)
        if reduction.kind != "value" or "value" in program.basis.reduced_by:
            _apply(state, reduction)
    if not coupons_done:
        _present(state, program, register, sale, member, facts)
    return state


def _apply(state: Reduced, reduction: Reduction) -> None:
    taken = state.take(reduction.kind, reduction.amount, reduction.lines, reduction.coupon)
    state.explain.append(Reason("reduction", (("kind", reduction.kind), ("yen", taken))))


def _present(state: Reduced, program: Program, register: Register, sale: Sale, member: Member | None, facts: Facts) -> None:
    """Tests the presented codes and applies the accepted ones: those for single lines first, then those for the receipt; within both in the
    order of the program file, never in the order of scanning."""
    found = {coupon.code: coupon for coupon in (*(member.coupons if member else ()), *sale.coupons)}
    order = {rule.id: (rule.lines is None, number) for number, rule in enumerate(program.coupon)}
    rules = {rule.id: rule for rule in program.coupon}
    waiting: list[tuple[tuple[bool, int], str, CouponRule]] = []
    for code in dict.fromkeys(sale.codes):
        coupon = found.get(code)
        if coupon is None or coupon.definition not in rules:
            state.rejected[code] = "unknown"
        elif refusal := refuses(coupon, rules[coupon.definition], register, member, facts, sale.lines):
            state.rejected[code] = refusal
        else:
            waiting.append((order[coupon.definition], code, rules[coupon.definition]))
    groups: set[str] = set()
    for _, code, rule in sorted(waiting, key=lambda each: each[:2]):
        if rule.group in groups:
            state.rejected[code] = "group"
        else:
            groups.add(rule.group)
            _use(state, code, rule)
    for code, refusal in state.rejected.items():
        state.explain.append(Reason("coupon_refused", (("code", mask(code)), ("why", refusal))))


def refuses(
    coupon: Coupon, rule: CouponRule, register: Register, member: Member | None, facts: Facts, lines: tuple[Line, ...]
) -> Refusal | None:
    """The first reason why a coupon is not taken for this sale (its group aside); None when it is."""
    mine = coupon.member is None or (member is not None and coupon.member == member.token)
    trusted = coupon.member is None or (member is not None and member.status == "active")
    if coupon.blocked or coupon.state == "void" or not mine or not trusted:
        return "blocked"
    if coupon.first_day and facts.day < coupon.first_day:
        return "not_yet"
    if coupon.state == "expired" or (coupon.last_day and facts.day > coupon.last_day):
        return "expired"
    if coupon.state == "used":
        return "used"
    if not within_reach(coupon, register):
        return "reach"
    if not holds(rule.use_when, facts):
        return "when"
    if rule.lines is not None and not any(line.category in rule.lines for line in lines):
        return "no_line"
    return None


def _use(state: Reduced, code: str, rule: CouponRule) -> None:
    where = None if rule.lines is None else tuple(index for index, line in enumerate(state.lines) if line.category in rule.lines)
    handed_over = rule.benefit.gift is not None and where is None
    amount = 0 if handed_over else _worth(state, rule, where)
    taken = state.take("coupon", amount, where, code) if amount else 0
    if taken == 0 and not handed_over:
        state.rejected[code] = "no_effect"
        return
    state.used.append(CouponUse(code, rule.id, taken, rule.benefit.gift))
    state.explain.append(Reason("coupon_used", (("coupon", rule.id), ("label", rule.label), ("yen", taken))))


def _worth(state: Reduced, rule: CouponRule, where: tuple[int, ...] | None) -> int:
    """What a coupon takes off at most: a rate works on what remains of its lines; a gift is one piece, the dearest, up to its stated value."""
    benefit = rule.benefit
    indices = range(len(state.lines)) if where is None else where
    if benefit.off is not None:
        return benefit.off
    if benefit.off_rate is not None:
        amount = ratio(sum(state.remaining[index] for index in indices), benefit.off_rate, 10_000)
        return amount if benefit.max is None else min(amount, benefit.max)
    return min(benefit.value, max(state.remaining[index] // state.lines[index].qty for index in indices))


def redeem_limit(redeem: Redeem, balance: int, payable: int) -> tuple[int, int]:
    """(points, yen) that may be used: whole units, not more than the balance or what is to pay, nothing below the minimum."""
    not_negative("the payable amount", payable)
    points = min(max(balance, 0), payable // redeem.yen)
    if redeem.max is not None:
        points = min(points, redeem.max)
    points = points // redeem.unit * redeem.unit
    return (points, points * redeem.yen) if points >= max(redeem.min, 1) else (0, 0)
