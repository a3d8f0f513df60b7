"""Owns what the page is shown of the open checkout: the sale, what is used in it, and what the member who waits could use. PURE.

::

    {"sale_id", "amount", "paid", "door", "proposed", "member": masked, "payable", "per_rate": [{"tax", "amount", "discount"}],
     "reductions": [{"id", "kind", …}],
     "coupons": [{"key", "label", "benefit": {"ja", "en"}, "last_day", "usable", "code"}],
     "points": {"balance", "as_of", "redeemable", "yen"} | null, "stamps": [{"label", "position", "size"}], "asking": true | false,
     "value": {"label", "balance" | null, "usable"} | null, "charge": {"label", "unit", "min", "max"} | null, "accounts": [{"name", "label"}]}

Balances are the snapshot's and this register's own grants since, and carry the snapshot's time."""

from __future__ import annotations

from typing import Any

from posagent import checkout as co
from posagent.checkout import Now, Rules, sale_id_of
from posagent.counter_join import proposed
from posagent.counter_parts import State
from posagent.counter_redeem import kept_for, reckoned, refusal_code, sale_of
from posagent.loyalty.describe import benefit_words
from posagent.loyalty.model import Coupon, Member, SaleRejected
from posagent.loyalty.quote import facts_of, trusted
from posagent.loyalty.reductions import redeem_limit, refuses
from posagent.loyalty.rules import Program
from posagent.loyalty.value import value_account
from posagent.redeeming import fields_of, points_account

MOST_COUPONS = 20
NOTHING_OPEN = 99_999_999
"""Where no sale is open, all that the balance allows may be used."""


def open_checkout(state: State, now: Now, rules: Rules) -> dict[str, Any] | None:
    """None: nothing is open."""
    card, basket = state.card, state.basket
    if card is None and basket is None:
        return None
    shown: dict[str, Any] = {
        "member": card.masked if card else None, "amount": basket.total if basket else None, "paid": basket.paid if basket else None,
        "door": basket.door if basket else None, "proposed": basket is not None and proposed(basket),
        "sale_id": sale_id_of(basket, rules) if basket else None, "payable": basket.total if basket else None, "per_rate": [],
        "reductions": [], "coupons": [], "points": None, "stamps": [], "asking": bool(state.asking),
        "value": None, "charge": None, "accounts": [],
    }  # fmt: skip
    program = rules.program
    if program is None:
        return shown
    if basket is not None:
        try:
            found = fields_of(reckoned(now, state, basket, program, rules), kept_for(state, basket), basket.lines)
        except SaleRejected:
            return shown
        shown |= {key: found[key] for key in ("payable", "per_rate", "reductions")}
    if card is not None:
        member = co.with_local(card.member, state.live.values(), state.charges.values())
        shown["points"] = _points(state, member, shown["payable"], program, now, rules)
        shown["stamps"] = [
            {"label": account.label, "position": member.balances.get(account.name, 0) % account.card.size, "size": account.card.size}
            for account in program.accounts
            if account.card and member.as_of is not None
        ]
        shown["coupons"] = _coupons(state, member, program, now, rules)
        shown["value"] = _value(state, member, shown["payable"], program, now, rules)
        shown["charge"] = _charge(program, now, rules)
        paid_in = value_account(program)
        shown["accounts"] = [{"name": one.name, "label": one.label} for one in program.accounts if paid_in is None or one.name != paid_in.name]
    return shown


def _value(state: State, member: Member, payable: int | None, program: Program, now: Now, rules: Rules) -> dict[str, Any] | None:
    """Prepaid value as a tender: the most that is left to pay; 0: not in this sale. Whether the balance is enough is head office's to say,
    for what other registers charged or spent a minute ago is not in it. None: the program has no such account."""
    account = value_account(program)
    if account is None:
        return None
    used = any(one.kind == "value" for one in kept_for(state, state.basket))
    usable = rules.head_office and not now.offline and member.status != "earn_only" and not used and state.basket is not None
    balance = member.balances.get(account.name, 0) if member.as_of is not None else None
    return {"label": account.label, "balance": balance, "usable": payable or 0 if usable else 0}


def _charge(program: Program, now: Now, rules: Rules) -> dict[str, Any] | None:
    """What the cashier may charge; None: nothing, or not now."""
    account = value_account(program)
    if account is None or account.charge is None or not rules.head_office or now.offline:
        return None
    limits = account.charge
    return {"label": account.label, "unit": limits.unit, "min": limits.unit if limits.min is None else limits.min, "max": limits.max}


def _points(state: State, member: Member, payable: int | None, program: Program, now: Now, rules: Rules) -> dict[str, Any] | None:
    """What is known of the balance, and the most that the open sale would take of it. Head office has the last word when it is used."""
    account = points_account(program) or program.account("points")
    if account is None or member.as_of is None:
        return None
    balance = member.balances.get(account.name, 0)
    most, yen = 0, 0
    reachable = rules.head_office and not now.offline and member.status != "earn_only"
    if account.redeem and reachable and not any(one.kind == "points" for one in kept_for(state, state.basket)):
        most, yen = redeem_limit(account.redeem, max(0, balance), NOTHING_OPEN if payable is None else payable)
    return {"balance": balance, "as_of": member.as_of.isoformat(), "redeemable": most, "yen": yen}


def _coupons(state: State, member: Member, program: Program, now: Now, rules: Rules) -> list[dict[str, Any]]:
    """The member's own, as the snapshot knows them, usable ones first; those that are in the sale already are among its reductions."""
    basket = state.basket
    taken = {one.code_hash for one in kept_for(state, basket)}
    shown = []
    for coupon in member.coupons:
        rule = program.coupon_rule(coupon.definition)
        if rule is None or coupon.code in taken or coupon.state not in ("issued", "printed"):
            continue
        code = "" if basket is None else _refusal(coupon, member, state, program, now, rules)
        shown.append(
            {"key": coupon.code, "label": rule.label, "usable": not code, "code": code or None,
             "benefit": {"ja": benefit_words(rule.benefit, lambda ja, _: ja), "en": benefit_words(rule.benefit, lambda _, en: en)},
             "last_day": coupon.last_day.isoformat() if coupon.last_day else None}
        )  # fmt: skip
    return sorted(shown, key=lambda one: not one["usable"])[:MOST_COUPONS]


def _refusal(coupon: Coupon, member: Member, state: State, program: Program, now: Now, rules: Rules) -> str:
    """Why the open sale would not take it; its group is tested when it is used."""
    rule, basket = program.coupon_rule(coupon.definition), state.basket
    if rule is None or basket is None:
        return ""
    sale = sale_of(now, basket, rules)
    known, _ = trusted(program, sale, member)
    refusal = refuses(coupon, rule, rules.register, known, facts_of(program, rules.register, sale, known), sale.lines)
    return refusal_code(refusal) if refusal else ""
