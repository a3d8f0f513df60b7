"""Owns what puts a sale or an account right afterwards: refund and adjustment, the steps of `posagent.counter` that concern them. PURE.

A refund is computed by the rules (`posagent.loyalty.reversal`) from what was recorded with the grant: the sale, its member as the rules were
told of him, and what was used in it. Where that cannot be done with certainty (another program is in force, or computing the grant again
gives another result than stands on record) nothing is guessed: the whole sale is voided instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from posagent import checkout_events as ce
from posagent import events as ev
from posagent.checkout import Live, Refunded, Rules
from posagent.checkout_events import drafted
from posagent.counter_parts import (
    AdjustAccount,
    AdjustAsked,
    Answered,
    CancelSlips,
    Commit,
    RefundAsked,
    RefundSale,
    State,
    Step,
    refusing,
    reply_to,
)
from posagent.loyalty.days import business_date
from posagent.loyalty.model import Entry, Member, Sale, SaleRejected
from posagent.loyalty.offline import Situation, offline_allows
from posagent.loyalty.quote import quote
from posagent.loyalty.reversal import AdjustRefused, Kept, adjust, kept_sale, refund, refund_allows, whole
from posagent.loyalty.rules import Program
from posagent.loyalty.value import value_account
from posagent.redeeming import points_account, with_redemptions

_ADJUST = {"reason": "E672", "approver": "E613", "role": "E613", "offline": "E650", "range": "E652"}


def refund_asked(state: State, asked: RefundAsked, rules: Rules) -> Step:
    """The recomputed difference, where it can be known."""
    live = state.live.get(asked.live.sale_id, asked.live)
    program, holder = rules.program, live.holder
    if asked.role != "manager":
        return refusing(state, asked.reply, "E613")
    if state.voided.get(live.sale_id, 0) >= live.number:  # since the journal was looked at
        return refusing(state, asked.reply, "E609")
    if program is None or holder is None or live.program != program.reference:
        return refusing(state, asked.reply, "E667")
    today, sold = business_date(asked.now.at, program.day_start), date.fromisoformat(live.business_date)
    if not refund_allows(program, sold, today):
        return refusing(state, asked.reply, "E668")
    situation = Situation(own=True, same_day=sold == today, manager=True)
    if asked.now.offline and not offline_allows(program.offline, "sale.refund", situation).allow:
        return refusing(state, asked.reply, "E650")
    sale = with_redemptions(Sale(live.sale_id, live.basket.at, live.basket.lines, rules.operator), live.used)
    before = live.kept or dict(whole(sale))
    kept = _kept(asked, sale, before)
    if kept is None:
        return refusing(state, asked.reply, "E669")
    if kept == before:
        return state, reply_to(asked.reply, "already", _fields(live, 0, 0, sum(amount for amount, _ in kept.values())))
    try:
        if not _stands(quote(program, rules.register, sale, holder).entries, live):
            return refusing(state, asked.reply, "E667")
        return _refund(state, asked, live, sale, holder, program, kept, rules)
    except SaleRejected:
        return refusing(state, asked.reply, "E669")


def _kept(asked: RefundAsked, sale: Sale, before: Kept) -> dict[int, tuple[int, int]] | None:
    """What the customer keeps; None where the request does not say, or says more than was there."""
    if asked.kept is not None:
        kept = {index: (amount, qty) for index, amount, qty in asked.kept if amount}
    elif asked.remaining == 0:
        kept = {}
    elif len(sale.lines) == 1 and asked.remaining is not None:
        kept = {0: (asked.remaining, sale.lines[0].qty)}
    else:  # which of several lines came back nobody can know from a total
        return None
    known = all(index in before and amount <= before[index][0] and qty <= before[index][1] for index, (amount, qty) in kept.items())
    return kept if known else None


def _stands(entries: Sequence[Entry], live: Live) -> bool:
    """Whether the rules give today what stands on record."""
    return sorted((entry.account, entry.delta) for entry in entries) == sorted((entry["account"], entry["delta"]) for entry in live.entries)


def _refund(
    state: State, asked: RefundAsked, live: Live, sale: Sale, holder: Member, program: Program, kept: dict[int, tuple[int, int]], rules: Rules
) -> Step:
    reversal = refund(program, rules.register, sale, holder, kept, live.kept)
    remaining = kept_sale(program, rules.register, sale, holder, kept)[0]
    entries = [
        {"account": entry.account, "delta": entry.delta} | ({"expires": entry.expires.isoformat()} if entry.expires else {})
        for entry in reversal.entries
    ]
    account = points_account(program)
    if reversal.points_back and account:
        entries.append({"account": account.name, "delta": reversal.points_back})
    back = _value_back(live, quote(program, rules.register, remaining, holder).payable)
    entries += back
    yen_back = sum(entry["delta"] for entry in back)
    cancelled = [coupon for coupon in live.coupons_due if coupon["id"] in reversal.coupons_cancelled]
    gone = tuple(coupon["id"] for coupon in cancelled)
    refunded = Refunded(tuple((index, *kept[index]) for index in sorted(kept)), tuple(entries), yen_back, gone)
    number = len(live.refunds) + 1
    left = sum(amount for amount, _ in kept.values())
    fields = _fields(live, sum(entry.delta for entry in reversal.entries if entry.account == "points"), reversal.points_back, left)
    fields |= {"value_back": yen_back, "coupons_cancelled": len(gone)}
    draft = drafted(
        asked.now, rules, ev.SALE_REFUNDED, f"{live.basket.key}/refund/{live.number}/{number}",
        day=live.business_date, member=live.token, sale_id=live.sale_id, entries=entries, ref=live.event_id, reason=asked.reason,
        operator=asked.operator, role=asked.role, approver=asked.operator,
        data={"masked": live.masked, "number": number, "points": fields["points"], "returned_points": reversal.points_back,
              "value_back": yen_back, "remaining": left, "kept": [list(line) for line in refunded.kept], "cancelled": list(gone)},
    )  # fmt: skip
    coupons = ce.coupons_voided(asked.now, live, asked.reason, asked.operator, asked.role, rules, gone)
    slips = tuple(coupon["serial"] for coupon in cancelled)
    return state, (Commit((draft, *coupons), RefundSale(live, refunded, slips, fields, asked.reply)),)


def _value_back(live: Live, payable: int) -> list[dict[str, Any]]:
    """Value that the remaining sale does not need any more goes back to its lots, the last one that paid first; it is never paid out."""
    paid = [entry for one in live.used if one.kind == "value" for entry in one.took]
    standing = -sum(entry["delta"] for entry in paid) - sum(one.back for one in live.refunds)
    missing = standing - min(standing, payable)
    done = sum(one.back for one in live.refunds)
    found: list[dict[str, Any]] = []
    for entry in reversed(paid):
        there = -entry["delta"]
        skipped = min(done, there)  # went back with an earlier refund
        done -= skipped
        if part := min(missing, there - skipped):
            found.append({**entry, "delta": part})
            missing -= part
    return found


def _fields(live: Live, points: int, returned: int, left: int) -> dict[str, Any]:
    return {"sale_id": live.sale_id, "member": live.masked, "points": points, "returned_points": returned, "amount": left}


def refunded_now(state: State, answer: Answered, intent: RefundSale) -> Step:
    """It is on record."""
    if answer.result == "conflict":
        return refusing(state, intent.reply, "E607")
    live = replace(intent.live, refunds=(*intent.live.refunds, intent.refunded))
    status = reply_to(intent.reply, "already" if answer.result == "duplicate" else "refunded", intent.fields)
    return with_live(state, live), (*((CancelSlips(intent.slips),) if intent.slips else ()), *status)


def refunded_of(data: Mapping[str, Any]) -> Refunded:
    """Back from the event."""
    kept = tuple((index, amount, qty) for index, amount, qty in data["kept"])
    return Refunded(kept, tuple(data["entries"]), data["value_back"], tuple(data["cancelled"]))


def with_live(state: State, live: Live) -> State:
    """The state in which a sale stands like this."""
    last = live if state.last is not None and state.last.sale_id == live.sale_id else state.last
    return replace(state, live={**state.live, live.sale_id: live}, last=last)


def adjust_asked(state: State, asked: AdjustAsked, rules: Rules) -> Step:
    """By a manager, with a reason, for the member who waits, while head office can be reached. Prepaid value is charged, never given."""
    program, card = rules.program, state.card
    if program is None:
        return refusing(state, asked.reply, "E600")
    if card is None:
        return refusing(state, asked.reply, "E657")
    account, paid_in = program.account(asked.account), value_account(program)
    if account is None or (paid_in is not None and account.name == paid_in.name):
        return refusing(state, asked.reply, "E673")
    online = rules.head_office and not asked.now.offline
    try:
        entry = adjust(asked.account, asked.delta, asked.reason, asked.operator, text=asked.text, role=asked.role, online=online)
    except AdjustRefused as refused:
        return refusing(state, asked.reply, _ADJUST[refused.code], {"limit": "—"})
    last_day = account.expire.last_day(business_date(asked.now.at, program.day_start)) if account.expire and entry.delta > 0 else None
    draft = drafted(
        asked.now, rules, ev.POINTS_ADJUSTED, f"adjust/{asked.key}",
        member=card.member.token, source=card.source, reason=asked.reason, approver=asked.operator, operator=asked.operator, role=asked.role,
        entries=[{"account": entry.account, "delta": entry.delta} | ({"expires": last_day.isoformat()} if last_day else {})],
        data={"masked": card.masked, "account": entry.account, "points": entry.delta} | ({"text": asked.text} if asked.text else {}),
    )  # fmt: skip
    fields = {"member": card.masked, "account": entry.account, "delta": entry.delta}
    return state, (Commit((draft,), AdjustAccount(fields, asked.reply)),)


def adjusted_now(state: State, answer: Answered, intent: AdjustAccount) -> Step:
    """It is on record."""
    if answer.result == "conflict":
        return refusing(state, intent.reply, "E607")
    return state, reply_to(intent.reply, "already" if answer.result == "duplicate" else "adjusted", intent.fields)
