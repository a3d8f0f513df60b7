"""Owns what no single table of a program file can know: names that must exist elsewhere, ids used twice, dates the wrong way round. PURE."""

from __future__ import annotations

from posagent.loyalty.rules import Program
from posagent.strict import Table


def check_references(table: Table, program: Program) -> None:
    """Adds a problem to the document's table for every reference that leads nowhere."""
    if program.first_day and program.last_day and program.last_day < program.first_day:
        table.complain("program", f"ends ({program.last_day}) before it begins ({program.first_day})")
    if program.day_start >= 24 * 60:
        table.complain("program.day_start", "must be before 24:00")
    if not program.accounts:
        table.complain("accounts", "is missing; a program needs at least one account, like [accounts.points]")
    if not program.earn:
        table.complain("earn", "is missing; a program needs at least one [[earn]] rule")
    _accounts(table, program)
    _ids(table, program)
    _coupons_and_tiers(table, program)


def _accounts(table: Table, program: Program) -> None:
    known = {account.name for account in program.accounts}
    if not known:
        return  # said already
    named = [(f"earn[{number}].account", rule.account) for number, rule in enumerate(program.earn, 1)]
    named += [(f"boost[{number}].account", rule.account) for number, rule in enumerate(program.boost, 1)]
    named += [(f"limits.per_sale.{name}", name) for name, _ in program.caps if name != "points"]
    for path, name in named:
        if name not in known:
            table.complain(path, f"the account '{name}' is not defined; known: {', '.join(sorted(known))}")


def _ids(table: Table, program: Program) -> None:
    named = [(f"earn[{number}]", rule.id) for number, rule in enumerate(program.earn, 1)]
    named += [(f"boost[{number}]", rule.id) for number, rule in enumerate(program.boost, 1)]
    named += [(f"coupon[{number}]", rule.id) for number, rule in enumerate(program.coupon, 1)]
    first_use: dict[str, str] = {}
    for path, name in named:
        if name in first_use:
            table.complain(f"{path}.id", f"'{name}' is used already by {first_use[name]}; every id is used once")
        first_use.setdefault(name, path)


def _coupons_and_tiers(table: Table, program: Program) -> None:
    coupons = {rule.id for rule in program.coupon}
    for account in program.accounts:
        for position, coupon in account.card.rewards if account.card else ():
            if coupon not in coupons:
                known = ", ".join(sorted(coupons)) or "none"
                path = f"accounts.{account.name}.card"
                table.complain(path, f"the reward at {position} names the coupon '{coupon}', which is not defined; known: {known}")
    tiers = [tier.id for tier in program.ranks.tiers] if program.ranks else []
    for name in sorted({name for name in tiers if tiers.count(name) > 1}):
        table.complain("rank.tiers", f"two tiers have the id '{name}'")
