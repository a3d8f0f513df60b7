"""Runs a file of loyalty cases against posagent.loyalty: prints every mismatch and the counts, exit 1 on any.

    python tools/check_vectors.py tests/loyalty/vectors.json

A case is {"id", "op", "status", "given", "expect"}. Cases with status "contrast" describe other people's rules and are not asserted. Only the
keys that ``expect`` names are compared; an account that it names and that got nothing counts as 0. ``{"error": true}`` (or a code) expects a
refusal. What `given` leaves out has the defaults of the rule specification: tax included, nothing excluded, floor, category "*", tax 1000.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posagent.loyalty import Coupon, Entry, Line, Member, Reduction, Register, Sale, quote
from posagent.loyalty.days import (
    WEEKDAYS,
    Expire,
    Window,
    birth_window,
    business_date,
    cooldown_allows,
    late_allows,
    minutes,
    month_end,
)
from posagent.loyalty.ledger import Ledger
from posagent.loyalty.masking import mask
from posagent.loyalty.numbers import MAX_AMOUNT, OutOfRange, allocate, not_negative, parse_rate, show_rate, tax_inside
from posagent.loyalty.offline import OPERATIONS, Operation, Situation, offline_allows
from posagent.loyalty.program import read_table
from posagent.loyalty.ranks import rank_of
from posagent.loyalty.reductions import redeem_limit
from posagent.loyalty.reversal import Kept, kept_sale, refund
from posagent.loyalty.rules import Card, OfflineLimits, Program, Redeem
from posagent.loyalty.stamps import card_of, rewards_due
from posagent.loyalty.totals import AccountTotals
from posagent.loyalty.value import Lot, charge, spend
from posagent.strict import Table

Given = Any  # JSON of a case
JST = timezone(timedelta(hours=9))


class Unreadable(Exception):
    """The case itself makes no sense to us: a defect of the case or of this tool, reported as a failure."""


# ---------------------------------------------------------------- from a case to program, register, sale and member


def program_of(given: Given, on: str = "sale") -> Program:
    """The program that a case describes in short form."""
    rules = [dict(rule) for rule in given.get("earn", given.get("rules", given.get("bonus", [])))]
    if on == "charge" and not any("on" in rule for rule in rules):
        rules = [{"account": "bonus", **rule, "on": "charge"} for rule in rules]
    for number, rule in enumerate(rules, 1):
        rule["id"] = rule.get("id", f"earn-{number}")
        rule["account"] = rule.get("account", "points")
        _text_forms(rule)
    boosts = [{"id": f"boost-{number}", **boost} for number, boost in enumerate(_list(given.get("boost", [])), 1)]
    for boost in boosts:
        _text_forms(boost)
    coupons = [_coupon_rule(dict(coupon)) for coupon in given.get("coupons", [])]
    basis = dict(given.get("basis", {}))
    for key in ("tax", "exclude", "reduced_by"):
        if key in given and not isinstance(given[key], int):
            basis.setdefault(key, given[key])
    basis.pop("tax_rounding", None)
    names = ["points", "stamps", *[rule["account"] for rule in rules], *[boost.get("account", "points") for boost in boosts]]
    accounts: dict[str, dict[str, Any]] = {name: {} for name in names}
    for name, settings in given.get("accounts", {}).items():
        accounts.setdefault(name, {}).update(settings)
    if on == "charge":
        accounts.setdefault("bonus", {})
        accounts.setdefault("value", {})["charge"] = dict(given.get("limits", {}))
    values: dict[str, Any] = {
        "program": {"id": "case", "version": 1, "day_start": context_of(given).get("day_start", "00:00")},
        "basis": basis,
        "accounts": accounts,
        "earn": rules or [{"id": "none", "account": "points", "give": 0}],
        "boost": boosts,
        "coupon": coupons,
    }
    caps = dict(given.get("cap", {})) if isinstance(given.get("cap"), dict) else {"points": given["cap"]} if "cap" in given else {}
    limits = {key: value for key, value in given.get("limits", {}).items() if key in ("points_per_sale", "late_days", "refund_days")}
    if caps or limits:
        values["limits"] = {**limits, "per_sale": caps}
    if "rank" in given and isinstance(given["rank"], dict):
        values["rank"] = given["rank"]
    table = Table(values)
    program = read_table(table)
    negative = [problem for problem in table.problems if ", not -" in problem.message]
    if table.problems:
        raise OutOfRange("negative" if negative else "rule", "; ".join(map(str, table.problems)))
    return program


def _text_forms(rule: Given) -> None:
    """Rates may stand as basis points, multipliers as numbers; the program file has texts."""
    for key in ("rate", "off_rate"):
        if isinstance(rule.get(key), int):
            rule[key] = show_rate(not_negative(key, rule[key]))
    if isinstance(rule.get("times"), (int, float)):
        rule["times"] = str(rule["times"])


def tax_of(value: Given) -> int:
    """A tax rate in basis points, from 1000 or "10%"."""
    return parse_rate(value) if isinstance(value, str) else value


def context_of(given: Given) -> Given:
    """What a case says beside its rules, wherever it says it."""
    return {**given, **given.get("context", {})}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _coupon_rule(coupon: Given) -> Given:
    rule = {key: coupon[key] for key in ("id", "label", "benefit", "lines", "group", "reach") if key in coupon}
    if "use_when" in coupon or "when" in coupon:
        rule["use_when"] = coupon.get("use_when", coupon.get("when"))
    benefit = dict(rule.get("benefit", {}))
    if "gift" in benefit:
        benefit.setdefault("value", 99_999_999)
    _text_forms(benefit)
    rule["benefit"] = benefit
    return rule


def moment_of(given: Given) -> datetime:
    """The time of the sale, from whatever the case tells of it."""
    context = context_of(given)
    if isinstance(context.get("at"), str):
        return datetime.fromisoformat(context["at"])
    day = date.fromisoformat(context["date"]) if "date" in context else date(int(context.get("year", 2025)), int(context.get("month", 4)), 1)
    if "weekday" in context:
        wanted = context["weekday"]
        index = wanted if isinstance(wanted, int) else WEEKDAYS.index(str(wanted)[:3].lower())
        day += timedelta(days=(index - day.weekday()) % 7)
    clock = context.get("time", context.get("hour", "12:00"))
    minute = clock * 60 if isinstance(clock, int) else minutes(str(clock)[:5])
    at = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=JST)
    start = minutes(str(context.get("day_start", "00:00")))
    return at + timedelta(days=1) if "date" in context and minute < start else at


def register_of(given: Given) -> Register:
    """The register; the rounding of tax may stand at several places."""
    context = {**given.get("context", {}), **(given["register"] if isinstance(given.get("register"), dict) else {})}
    rounding = given.get("tax_rounding", given.get("basis", {}).get("tax_rounding", context.get("tax_rounding", "floor")))
    name = given["register"] if isinstance(given.get("register"), str) else context.get("register", "")
    store = given["store"] if isinstance(given.get("store"), str) else context.get("store", "")
    return Register("", context.get("brand", given.get("brand", "")), store, name, rounding)


def member_of(given: Given) -> Member:
    """The member; without one, an ordinary member without rank."""
    loose = {key: given[key] for key in ("rank", "birth_month", "first", "flags", "flag") if key in given and not isinstance(given[key], dict)}
    context = {**loose, **given.get("context", {})}
    found = given.get("member") or {}
    if isinstance(found, str):
        found = {"token": found}
    flags = found.get("flags", found.get("flag", context.get("flags", context.get("flag", []))))
    if isinstance(flags, dict):
        flags = [name for name, value in flags.items() if value]
    return Member(
        token=str(found.get("token", found.get("id", "m"))),
        status=found.get("status", "active"),
        rank=found.get("rank", context.get("rank")),
        birth_month=found.get("birth_month", context.get("birth_month")),
        first=bool(found.get("first", context.get("first", False))),
        flags=tuple(_list(flags)),
        balances=dict(found.get("balances", {})),
        as_of=datetime.fromisoformat(found["as_of"]) if found.get("as_of") else None,
        last_at={key: datetime.fromisoformat(value) for key, value in found.get("last_at", {}).items()},
    )


def sale_of(given: Given, lines: list[Given] | None = None) -> Sale:
    """The sale; lines may also be a single amount."""
    raw = given.get("lines") if lines is None else lines
    if raw is None:
        raw = [{"amount": given.get("amount", given.get("total", 0))}]
    context = given.get("context", {})
    tender = given.get("tender", context.get("tender", []))
    reductions = tuple(
        Reduction(item["kind"], item["amount"], tuple(item["lines"]) if item.get("lines") is not None else None, item.get("coupon"))
        for item in given.get("reductions", [])
        if item["amount"] != 0
    )
    read = tuple(
        Line(item["amount"], item.get("category", "*"), tax_of(item.get("tax", 1000)), item.get("qty", 1), item.get("net"))
        for item in ({"amount": item} if isinstance(item, int) else item for item in raw)
    )
    return Sale("case", moment_of(given), read, reductions=reductions, tender=tuple(_list(tender)), clock_ok=context.get("clock_ok", True))


# ---------------------------------------------------------------- one function per op: given -> everything that expect could name


def op_net(given: Given) -> Given:
    gross = given.get("gross", given.get("amount"))
    if not_negative("gross", gross) > MAX_AMOUNT:
        raise OutOfRange("range", f"gross {gross}")
    tax = tax_inside(gross, tax_of(given.get("tax", 1000)), given.get("tax_rounding", given.get("rounding", "floor")))
    return {"tax": tax, "net": gross - tax}


def op_allocate(given: Given) -> Given:
    weights = [not_negative("a weight", weight) for weight in given["weights"]]
    return {"shares": list(allocate(min(not_negative("an amount", given["amount"]), sum(weights)), weights))}


def op_earn(given: Given) -> Given:
    found = quote(program_of(given), register_of(given), sale_of(given), member_of(given))
    result: Given = dict.fromkeys(("points", "stamps", "bonus", "value"), 0)
    for entry in found.entries:
        result[entry.account] = result.get(entry.account, 0) + entry.delta
    result["basis"] = list(found.basis) if len(found.basis) != 1 else found.basis[0]
    return {**result, "subtotal": found.subtotal, "payable": found.payable, "boosts": list(found.boosts)}


def op_refund(given: Given) -> Given:
    base = given["sale"]
    program, register, member = program_of(base), register_of(base), member_of(base)
    sale, before = sale_of(base), None
    kept = _kept(sale, given["remaining"])
    if "before" in given:
        before = _kept(sale, given["before"])
    found = refund(program, register, sale, member, kept, before)
    delta: Given = {}
    for entry in found.entries:
        delta[entry.account] = delta.get(entry.account, 0) + entry.delta
    if "reductions" in given:
        delta = _delta_as_given(program, register, sale, member, kept, given, delta)
    return {"delta": delta, **dict.fromkeys(("returned", "points_returned", "returned_points", "points_back"), found.points_back)}


def _delta_as_given(program: Program, register: Register, sale: Sale, member: Member, kept: Kept, given: Given, ours: Given) -> Given:
    """A case may say itself what is still taken off the remaining lines. Where that is not what we compute, its word counts."""
    stated = sale_of({**given["sale"], "reductions": given["reductions"]}, given["remaining"])
    computed, _ = kept_sale(program, register, sale, member, kept)
    if _by_kind(stated) == _by_kind(computed):
        return ours
    before, after = quote(program, register, sale, member), quote(program, register, stated, member)
    return {account: after.total(account) - before.total(account) for account in {entry.account for entry in (*before.entries, *after.entries)}}


def _by_kind(sale: Sale) -> Given:
    kinds: dict[str, int] = {}
    for reduction in sale.reductions:
        kinds[reduction.kind] = kinds.get(reduction.kind, 0) + reduction.amount
    return kinds


def _kept(sale: Sale, remaining: list[Any]) -> Kept:
    """Which lines of the sale the remaining lines are: equal ones first, then the first of the same kind that is large enough."""
    lines = [item if isinstance(item, dict) else {"amount": item} for item in remaining]
    kept: dict[int, tuple[int, int]] = {}
    waiting = []
    for item in lines:
        exact = [n for n, line in enumerate(sale.lines) if n not in kept and _same(line, item) and line.amount == item["amount"]]
        exact = [n for n in exact if sale.lines[n].qty == item.get("qty", 1)] or exact
        if exact:
            kept[exact[0]] = (item["amount"], min(item.get("qty", sale.lines[exact[0]].qty), sale.lines[exact[0]].qty))
        else:
            waiting.append(item)
    for item in waiting:
        not_negative("a remaining amount", item["amount"])
        larger = [n for n, line in enumerate(sale.lines) if n not in kept and _same(line, item) and line.amount >= item["amount"]]
        if not larger:
            raise OutOfRange("range", f"nothing was sold that leaves {item}")
        kept[larger[0]] = (item["amount"], min(item.get("qty", 1), sale.lines[larger[0]].qty))
    return kept


def _same(line: Line, item: Given) -> bool:
    return line.category == item.get("category", "*") and line.tax == tax_of(item.get("tax", 1000))


def op_coupon(given: Given) -> Given:
    program, register, member = program_of(given), register_of(given), member_of(given)
    coupons = tuple(_coupon(coupon, register, number) for number, coupon in enumerate(given["coupons"], 1))
    present = given.get("present", given.get("presented", [coupon.code for coupon in coupons]))
    sale = replace(sale_of(given), codes=tuple(present), coupons=coupons)
    found = quote(program, register, sale, member)
    each = {use.code: use.amount for use in found.coupons_used}
    each.update({code: 0 for code, why in found.rejected.items() if why == "no_effect"})  # taken, but nothing was left to reduce
    remaining = [line.amount for line in sale.lines]
    for allocation in found.allocations:
        remaining = [left - share for left, share in zip(remaining, allocation.shares, strict=True)]
    rejected = {code: why for code, why in found.rejected.items() if why != "no_effect"}
    return {"discount": sum(each.values()), "each": each, "rejected": rejected, "remaining": remaining, "payable": sum(remaining)}


def _coupon(coupon: Given, register: Register, number: int) -> Coupon:
    issuer = {key: coupon.get(key, coupon.get("issued_by", {}).get(key)) for key in ("brand", "store", "register")}
    states = [state for state in ("used", "void", "expired") if coupon.get(state)]
    owner = coupon.get("member")
    days = {key: date.fromisoformat(coupon[key]) if coupon.get(key) else None for key in ("first_day", "last_day")}
    return Coupon(
        code=coupon.get("id", f"coupon-{number}"),
        definition=coupon.get("id", f"coupon-{number}"),
        reach=coupon.get("reach", "brand"),
        state=coupon.get("state", states[0] if states else "issued"),
        member=owner if isinstance(owner, str) else None,
        brand=register.brand if issuer["brand"] is None else issuer["brand"],
        store=register.store if issuer["store"] is None else issuer["store"],
        register=register.register if issuer["register"] is None else issuer["register"],
        blocked=bool(coupon.get("blocked", False)),
        **days,
    )


def op_stamps(given: Given) -> Given:
    rewards = tuple(sorted((int(position), coupon) for position, coupon in given.get("rewards", {}).items()))
    before, after = given["before"], given["before"] + given.get("add", 0)
    card, position = card_of(given["size"], after)
    already = given.get("already", [])
    due = [reward.label for reward in rewards_due(Card(given["size"], rewards), before, after) if reward.label not in already]
    return {"count": after, "card": card, "position": position, "issued": due}


def op_redeem_limit(given: Given) -> Given:
    redeem = Redeem(given.get("yen", 1), given.get("unit", 1), given.get("min", 1), given.get("max"))
    for name, value in (("yen", redeem.yen), ("unit", redeem.unit)):
        if value < 1:
            raise OutOfRange("range", f"{name} {value}")
    points, yen = redeem_limit(redeem, given["balance"], given["payable"])
    return {"points": points, "yen": yen}


def op_expiry(given: Given) -> Given:
    start = given.get("from")
    if start in ("earn", "activity", None):
        keys = ("earned", "earn", "issued", "date") if start != "activity" else ("activity", "last_activity", "earned", "date")
        start = next(given[key] for key in keys if key in given)
    if given.get("from_") == "activity" or given.get("basis") == "activity":
        start = given.get("activity", given.get("last_activity", start))
    since = date.fromisoformat(start[:10])
    if given.get("until") == "month_end":
        return {"last_day": month_end(since).isoformat()}
    if "until" in given:
        return {"last_day": given["until"]}
    if "months" not in given and "days" not in given:
        return {"last_day": None}
    expire = Expire(given.get("months"), given.get("days"), round="month" if given.get("round") == "month" else "none")
    last = expire.last_day(since)
    result: Given = {"last_day": last.isoformat()}
    for key in ("date", "on", "today"):
        if key in given:
            result["expired"] = date.fromisoformat(given[key]) > last
            result["usable"] = not result["expired"]
    return result


def op_business_date(given: Given) -> Given:
    return {"date": business_date(datetime.fromisoformat(given["at"]), given.get("day_start", "00:00")).isoformat()}


def op_charge(given: Given) -> Given:
    member = member_of(given)
    member = replace(member, balances={"value": given.get("balance", 0), **member.balances})
    tender = given.get("tender", given.get("context", {}).get("tender", []))
    found = charge(program_of(given, "charge"), register_of(given), moment_of(given), given["amount"], member, tuple(_list(tender)))
    result: Given = {"value": 0, "bonus": 0, "points": 0, "stamps": 0}
    for entry in found.entries:
        result[entry.account] = result.get(entry.account, 0) + entry.delta
    result["entries"] = {name: amount for name, amount in result.items() if amount}
    result["balance"] = given.get("balance", 0) + result["value"]
    return {**result, "deny": found.denied, "allow": found.denied is None, "ok": found.denied is None}


def op_spend_order(given: Given) -> Given:
    lots = []
    for number, item in enumerate(given["lots"]):
        expires = date.fromisoformat(item["expires"]) if item.get("expires") else None
        since = next((str(item[key]) for key in ("issued", "since", "at", "date") if item.get(key)), "")
        lots.append(Lot(item.get("id", str(number)), item.get("kind", "value"), item["left"], expires, since))
    used, short = spend(lots, given["amount"], date.fromisoformat(given["date"]) if "date" in given else date(2025, 1, 1))
    return {"used": [list(pair) for pair in used], "short": short}


def op_sequence(given: Given) -> Given:
    ledger = Ledger()
    for member, amount in given.get("balances", {}).items():
        ledger.grant(f"start {member}", f"start {member}", member, [Entry("points", amount)])
    results = [_step(ledger, {"id": f"event {number}", **event}) for number, event in enumerate(given["events"])]
    accounts = {account for _, account in ledger.balances}
    points = {member: amount for (member, account), amount in ledger.balances.items() if account == "points"}
    many = {member: {a: amount for (m, a), amount in ledger.balances.items() if m == member} for member, _ in ledger.balances}
    return {"results": results, "balances": many if len(accounts) > 1 else points}


def _step(ledger: Ledger, event: Given) -> str:
    identity, kind, sale = str(event["id"]), event["type"].replace(".", "_").replace("-", "_"), event.get("sale")
    member, account = event.get("member", ""), event.get("account", "points")
    amount = event.get("points", event.get("delta", event.get("amount", event.get("stamps", 0))))
    match kind:
        case "grant" | "late" | "late_grant" | "sale_granted":
            not_negative("a grant", amount)
            late = "sale_at" in event and not op_late(event)["allow"]
            used = [event["coupon"]] if "coupon" in event else event.get("coupons", [])
            return ledger.grant(identity, sale or identity, member, [Entry(account, amount)], used, late)
        case "void" | "sale_voided":
            return ledger.void(identity, str(sale if sale is not None else event.get("ref")))
        case "refund" | "sale_refunded":
            delta = event["delta"] if "delta" in event else -abs(amount)
            return ledger.refund(identity, str(sale), [Entry(account, delta)])
        case "redeem" | "points_redeemed" | "spend":
            return ledger.redeem(identity, member, account, not_negative("a redemption", amount), sale)
        case "adjust" | "points_adjusted":
            approver, text = event.get("approver", "manager"), event.get("text", "")
            return ledger.adjust(identity, member, account, amount, event.get("reason", ""), approver, text)
        case "merge" | "member_merged":
            return ledger.merge(identity, event.get("from", member), event["to"])
        case "hold" | "hold_placed":
            return ledger.hold(identity, event.get("hold", identity), member, account, amount)
        case "release" | "hold_released":
            return ledger.release(identity, event["hold"])
        case "block" | "unblock":
            return ledger.block(identity, member, kind == "block")
        case _ if kind.startswith("coupon_"):
            step = {"issued": "issue", "printed": "print", "redeemed": "redeem", "voided": "void", "use": "redeem", "unredeem": "unuse"}
            word = kind.removeprefix("coupon_")
            return ledger.coupon(identity, event["coupon"], step.get(word, word), sale)
        case _:
            raise Unreadable(f"unknown event type {event['type']!r}")


def op_offline(given: Given) -> Given:
    operation = _OFFLINE.get(given["operation"], given["operation"])
    if operation not in OPERATIONS:
        raise Unreadable(f"unknown operation {given['operation']!r}")
    limits = replace(OfflineLimits(), **{key: value for key, value in given.get("limits", {}).items() if hasattr(OfflineLimits, key)})
    status = given.get("status", given.get("member", "known"))
    hours = given.get("snapshot_age_hours", given.get("snapshot_hours", given.get("age_hours", 0)))
    situation = Situation(
        own=given.get("own", False),
        same_day=given.get("same_day", given.get("days", 0) == 0),
        manager=given.get("manager", given.get("role", "manager") == "manager"),
        member=status if status in ("unverified", "blocked", "bad_code") else "blocked" if status == "merged" else "known",
        snapshot_age_hours=hours,
        points=given.get("points", 0),
        yen=given.get("yen", given.get("value", given.get("amount", 0))),
        yen_before=given.get("yen_before", given.get("today", given.get("yen_today", 0))),
        count_today=given.get("count_today", given.get("count", 0)),
        queue=given.get("queue", given.get("unsynced", 0)),
    )
    verdict = offline_allows(limits, operation, situation)
    return {"allow": verdict.allow, "code": verdict.code, "reason": verdict.code, "limit": verdict.limit}


_OFFLINE: dict[str, Operation] = {
    "identify": "member.identify",
    "member.seen": "member.identify",
    "member.lookup": "member.identify",
    "register": "member.register",
    "member.create": "member.register",
    "balance": "balance.show",
    "balance.read": "balance.show",
    "show_balance": "balance.show",
    "grant": "points.grant",
    "earn": "points.grant",
    "sale.grant": "points.grant",
    "stamp": "stamps.grant",
    "stamp.grant": "stamps.grant",
    "stamps": "stamps.grant",
    "visit": "stamps.grant",
    "visit.grant": "stamps.grant",
    "late": "late.grant",
    "grant.late": "late.grant",
    "redeem": "points.redeem",
    "adjust": "points.adjust",
    "void": "sale.void",
    "grant.void": "sale.void",
    "refund": "sale.refund",
    "grant.refund": "sale.refund",
    "redeem.void": "redemption.void",
    "points.redeem.void": "redemption.void",
    "rank": "rank.change",
    "report.x": "day.check",
    "report.z": "day.close",
}


def op_mask(given: Given) -> Given:
    return {"printed": mask(given["number"])}


def op_cooldown(given: Given) -> Given:
    last = datetime.fromisoformat(given["last_at"]) if given.get("last_at") else None
    return {"allow": cooldown_allows(given.get("policy", "none"), last, datetime.fromisoformat(given["at"]), given.get("day_start", "00:00"))}


def op_late(given: Given) -> Given:
    days = given.get("days", given.get("late_days", 0))
    sale_at, at = (datetime.fromisoformat(given[key]) for key in ("sale_at", "at"))
    return {"allow": late_allows(not_negative("days", days), sale_at, at, given.get("day_start", "00:00"))}


def op_report(given: Given) -> Given:
    keys = ("granted", "voided", "redeemed", "returned", "added", "removed")
    totals = AccountTotals(*[not_negative(key, given.get(key, 0)) for key in keys])
    return {**{key: getattr(totals, key) for key in keys}, "net": totals.net}


def op_birth_window(given: Given) -> Given:
    first, last = birth_window(given["birth_month"], given["year"])
    return {"first_day": first.isoformat(), "last_day": last.isoformat()}


def op_rank_window(given: Given) -> Given:
    window = given.get("window", given.get("metric_window", given))
    if window == "lifetime" or (isinstance(window, dict) and (window.get("lifetime") or not {"months", "yearly"} & set(window))):
        found = Window()
    else:
        found = Window(window.get("yearly"), window.get("months"))
    first, last = found.span(date.fromisoformat(given["date"]))
    return {"first_day": first and first.isoformat(), "last_day": last and last.isoformat()}


def op_rank(given: Given) -> Given:
    rank = given.get("rank", given)
    program = program_of({"rank": {"metric_window": "lifetime", "tiers": rank["tiers"]}})
    assert program.ranks is not None
    return {"rank": rank_of(program.ranks, given.get("metrics", {}))}


OPS: dict[str, Callable[[Given], Given]] = {name[3:]: function for name, function in list(globals().items()) if name.startswith("op_")}


# ---------------------------------------------------------------- comparing


def differences(expect: Given, found: Given) -> list[str]:
    """Every named key whose value differs; in balances and deltas, what is absent is 0."""
    wrong = []
    for key, wanted in expect.items():
        got = found.get(key, 0 if isinstance(wanted, int) else None)
        if key in ("balances", "delta") and isinstance(wanted, dict) and isinstance(got, dict):
            same = all(_amount(wanted, name) == _amount(got, name) for name in {*wanted, *got})
        else:
            same = wanted == got and (isinstance(wanted, bool) == isinstance(got, bool))
        if not same:
            wrong.append(f"{key}: expected {json.dumps(wanted, ensure_ascii=False)}, found {json.dumps(got, ensure_ascii=False)}")
    return wrong


def _amount(amounts: Given, name: str) -> object:
    value = amounts.get(name, 0)
    return {key: part for key, part in value.items() if part} or 0 if isinstance(value, dict) else value


def run_case(case: Given) -> list[str]:
    """The mismatches of one case."""
    op = OPS.get(case["op"])
    if op is None:
        return [f"unknown op {case['op']!r}; known: {', '.join(sorted(OPS))}"]
    expect = case["expect"]
    try:
        found = op(case["given"])
    except OutOfRange as refused:
        wanted = expect.get("error")
        known = {"negative", "range", "rate", "times", "unit", "index", "tax", "time", "type", "rule", "cooldown"}
        if wanted and (wanted not in known or wanted == refused.code):
            return []
        return [f"refused ({refused.code}): {refused}" + (f"; expected the error {wanted!r}" if wanted else "")]
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration, Unreadable) as broken:
        return [f"the case cannot be read: {type(broken).__name__}: {broken}"]
    if expect.get("error"):
        return [f"expected the error {expect['error']!r}, found {json.dumps(found, ensure_ascii=False)}"]
    return differences({key: wanted for key, wanted in expect.items() if key != "error"}, found)


def main(arguments: list[str]) -> int:
    """Runs the files; returns the exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0 if arguments else 2
    passed = failed = skipped = 0
    for name in arguments:
        for case in json.loads(Path(name).read_text(encoding="utf-8"))["vectors"]:
            if case.get("status") == "contrast":
                skipped += 1
                continue
            wrong = run_case(case)
            passed += not wrong
            failed += bool(wrong)
            for line in wrong:
                print(f"{case.get('id')} {case['op']}: {line}" + (f"   ({case['note']})" if case.get("note") else ""))
    print(f"{passed} passed, {failed} failed" + (f", {skipped} not asserted (contrast)" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
