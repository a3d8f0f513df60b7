"""Owns the way from what counts on each line to points, stamps and bonus: first matching rule, formula, boosts, cap. PURE.

The same engine runs on a sale and on a charge of prepaid value (one line without tax).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from posagent.loyalty.conditions import Facts, holds
from posagent.loyalty.model import Line, Reason, SaleRejected
from posagent.loyalty.numbers import MAX_RESULT, Rounding, net_of, ratio
from posagent.loyalty.rules import Boost, Earn


@dataclass(frozen=True, slots=True)
class Counted:
    """What counts: lines with their basis (None: takes no part), and how the register rounds tax; None where tax stays included."""

    lines: Sequence[Line]
    basis: Sequence[int | None]
    tax_rounding: Rounding | None


def assign(rules: Sequence[Earn], counted: Counted) -> dict[int, list[int]]:
    """Per rule (its index) the lines that it takes: each line goes to the first rule that lists its category. The rules' conditions have been
    tested before."""
    by_category: dict[str, int | None] = {}
    taken: dict[int, list[int]] = {}
    for index, line in enumerate(counted.lines):
        if counted.basis[index] is None:
            continue
        category = line.category
        if category not in by_category:
            by_category[category] = next(
                (number for number, rule in enumerate(rules) if rule.lines is None or category in rule.lines), None
            )
        number = by_category[category]
        if number is not None:
            taken.setdefault(number, []).append(index)
    return taken


def base_amount(counted: Counted, indices: Sequence[int]) -> int:
    """The basis of some lines together. Without tax: one rounding per tax rate; a line whose net amount the POS gave, and from which nothing
    came off, brings that."""
    if counted.tax_rounding is None:
        return sum(counted.basis[index] or 0 for index in indices)
    net = 0
    gross_by_tax: dict[int, int] = {}
    for index in indices:
        line, amount = counted.lines[index], counted.basis[index] or 0
        if line.net is not None and amount == line.amount:
            net += line.net
        else:
            gross_by_tax[line.tax] = gross_by_tax.get(line.tax, 0) + amount
    return net + sum(net_of(gross, tax, counted.tax_rounding) for tax, gross in gross_by_tax.items())


def result_of(rule: Earn, counted: Counted, indices: Sequence[int]) -> int:
    """What one rule gives for the lines it takes. Raises SaleRejected above the largest result."""
    match rule.formula:
        case "nothing":
            result = 0
        case "visit":
            result = rule.visit
        case "item":
            result = rule.item * sum(counted.lines[index].qty for index in indices)
        case "amount" | "rate":
            result = sum(_formula(rule, amount) * times for amount, times in _amounts(rule, counted, indices))
        case _:
            assert_never(rule.formula)
    if result > MAX_RESULT:
        raise SaleRejected("range", f"rule '{rule.id}' would give {result}; one rule gives at most {MAX_RESULT}")
    return result


def _formula(rule: Earn, amount: int) -> int:
    return amount // rule.every * rule.give if rule.formula == "amount" else ratio(amount, rule.rate, 10_000, rule.round)


def _amounts(rule: Earn, counted: Counted, indices: Sequence[int]) -> list[tuple[int, int]]:
    """What the formula is applied to, as (amount, how many times)."""
    match rule.per:
        case "receipt":
            return [(base_amount(counted, indices), 1)]
        case "line":
            return [(base_amount(counted, [index]), 1) for index in indices]
        case "unit":
            return [piece for index in indices for piece in _pieces(rule, counted, index)]
        case _:
            assert_never(rule.per)


def _pieces(rule: Earn, counted: Counted, index: int) -> list[tuple[int, int]]:
    """One line as single pieces. The line's own amount must divide by its quantity; what a reduction leaves is dealt out evenly."""
    line = counted.lines[index]
    if line.amount % line.qty:
        message = f"line {index + 1}: {line.amount} does not divide by {line.qty} pieces, as rule '{rule.id}' (per unit) needs"
        raise SaleRejected("unit", message)
    amount = base_amount(counted, [index])
    each, larger = divmod(amount, line.qty)
    return [(each + 1, larger), (each, line.qty - larger)] if larger else [(each, line.qty)]


def extras(boosts: Sequence[Boost], account: str, base: int, facts: Facts) -> list[tuple[Boost, int]]:
    """The boosts that count for an account, with their extra: the best of each group (ties: the earlier), computed from the rounded base."""
    best: dict[str, tuple[Boost, int]] = {}
    if base <= 0:
        return []
    for boost in boosts:
        if boost.account != account or not holds(boost.when, facts):
            continue
        extra = ratio(base, boost.times - 1000, 1000) if boost.times is not None else boost.add or 0
        if extra > MAX_RESULT:
            raise SaleRejected("range", f"boost '{boost.id}' would give {extra}; one rule gives at most {MAX_RESULT}")
        if boost.group not in best or extra > best[boost.group][1]:
            best[boost.group] = (boost, extra)
    return [(boost, extra) for boost, extra in best.values() if extra]


@dataclass(frozen=True, slots=True)
class Earned:
    """What an account gets, and how it came about."""

    amount: int
    boosts: tuple[str, ...]
    explain: tuple[Reason, ...]


def earn_account(
    account: str, rules: Sequence[Earn], boosts: Sequence[Boost], caps: Mapping[str, int], counted: Counted, facts: Facts
) -> Earned:
    """Rules (of this account, their conditions not yet tested), then boosts on the rounded base, then the cap."""
    live = [rule for rule in rules if holds(rule.when, facts)]
    base = 0
    explain: list[Reason] = []
    for number, indices in sorted(assign(live, counted).items()):
        rule = live[number]
        result = result_of(rule, counted, indices)
        base += result
        amount = base_amount(counted, indices)
        explain.append(Reason("earn", (("account", account), ("rule", rule.id), ("basis", amount), ("lines", len(indices)), ("gives", result))))
    counting = extras(boosts, account, base, facts)
    total = base
    for boost, extra in counting:
        total += extra
        explain.append(Reason("boost", (("account", account), ("rule", boost.id), ("gives", extra))))
    cap = caps.get(account)
    if cap is not None and total > cap:
        explain.append(Reason("cap", (("account", account), ("limit", cap), ("lost", total - cap))))
        total = cap
    return Earned(total, tuple(boost.id for boost, _ in counting), tuple(explain))
