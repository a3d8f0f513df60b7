"""Owns the checkout of one register: pairs scan and sale in either order, one live grant per sale. PURE: (state, input) -> (state, effects).

::

             scan ─────────────► member waits ──── sale ───┐
    IDLE ──┤                                               ├──► Commit(Grant) ──► Answered ──► CLOSED (= IDLE, remembers the last checkout)
             sale ─────────────► sale waits ────── scan ───┘
                                   │ not paid yet: the grant waits for payment

Nothing is told before it is stored: a step asks for a `Commit`, the agent stores it and feeds the store's answer back as `Answered`; only
that step tells. What waits is stored as well (``member.seen``, ``sale.seen``), so `resume` finds the checkout where a killed agent left it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, assert_never

from posagent import checkout as co
from posagent import events as ev
from posagent.checkout import Basket, Card, Live, Now, Rules, sale_id_of
from posagent.counter_parts import (
    Answered,
    AttachCard,
    CancelSlips,
    Cleared,
    CodeSeen,
    Commit,
    Effect,
    GrantPoints,
    Input,
    NoteCode,
    OpenSale,
    PrintJob,
    Reply,
    SaleArrived,
    Scanned,
    Show,
    State,
    Status,
    Tell,
    Ticked,
    VoidAsked,
    VoidGrant,
)
from posagent.handout import HandedSlip, slips_for_grant
from posagent.loyalty.model import Quote, Sale, SaleRejected
from posagent.loyalty.offline import Situation, offline_allows
from posagent.loyalty.quote import quote
from posagent.loyalty.rules import Program

_UNSTORED = {"full": "E506", "failed": "E500", "refused": "E622"}
REMEMBERED_SALES = 2000
"""Live grants kept in memory for voids and double scans; older sales are answered from the journal's keys."""

Step = tuple[State, tuple[Effect, ...]]


# ---------------------------------------------------------------- the machine


def step(state: State, input_: Input, rules: Rules) -> Step:
    """One step. Called by the dispatcher alone, in the order of arrival."""
    state, expired = _expire(state, input_.now, rules)
    match input_:
        case Scanned():
            new, effects = _scanned(state, input_, rules)
        case CodeSeen():
            new, effects = _code_seen(state, input_, rules)
        case SaleArrived():
            new, effects = _sale_arrived(state, input_, rules)
        case VoidAsked():
            new, effects = _void_asked(state, input_, rules)
        case Cleared():
            new, effects = replace(state, card=None, basket=None, bounce=("", 0)), ()
        case Ticked():
            new, effects = state, ()
        case Answered():
            new, effects = _answered(state, input_, rules)
        case _:
            assert_never(input_)
    return new, (*expired, *effects)


def _expire(state: State, now: Now, rules: Rules) -> Step:
    """A side that waited too long is let go: better ask for the card again than grant to the customer before."""
    effects: list[Effect] = []
    if state.card and now.ms - state.card_ms > rules.pair_window_ms:
        effects.append(Tell("E610", {"member": state.card.masked}))
        state = replace(state, card=None)
    if state.basket and now.ms - state.basket_ms > rules.pair_window_ms:
        effects.append(Tell("E611", {"amount": state.basket.total}))
        state = replace(state, basket=None)
    return state, tuple(effects)


def _scanned(state: State, scan: Scanned, rules: Rules) -> Step:
    member, now = scan.card.member, scan.now
    bounced = state.bounce[0] == member.token and now.ms - state.bounce[1] < rules.bounce_ms
    state = replace(state, bounce=(member.token, now.ms))
    if bounced:
        return state, ()
    if member.status == "blocked":
        return _code_seen(state, CodeSeen(now, scan.card.scan_id, "E603", scan.card.masked, "blocked"), rules)
    just_granted = state.last is not None and state.last.token == member.token and now.ms - state.last_ms < rules.repeat_ms
    if state.last and just_granted and not state.basket:
        return state, (Tell("E620", _result(state.last)),)
    if state.basket and state.basket.paid:
        return _grant(state, now, state.basket, scan.card, rules, reply=None)
    return state, (Commit((co.member_seen(now, scan.card, rules),), AttachCard(scan.card)),)


def _code_seen(state: State, seen: CodeSeen, rules: Rules) -> Step:
    note = co.code_noted(seen.now, seen.scan_id, seen.code, seen.masked, seen.why, rules)
    return state, (Commit((note,), NoteCode()), Tell(seen.code, {"member": seen.masked, "why": seen.why}))


def _sale_arrived(state: State, sale: SaleArrived, rules: Rules) -> Step:
    basket, now = sale.basket, sale.now
    sale_id = sale_id_of(basket, rules)
    if live := state.live.get(sale_id):
        if live.basket.lines != basket.lines:
            return _conflict(state, sale.reply, sale_id)
        return state, _reply(sale.reply, "already", _result(live))
    waiting = state.basket
    if waiting and waiting.key == basket.key and waiting.paid == basket.paid and waiting.lines == basket.lines:  # the POS asked again
        return state, _reply(sale.reply, _waits(basket), {"sale_id": sale_id, "amount": basket.total})
    if state.card and basket.paid:
        return _grant(state, now, basket, state.card, rules, reply=sale.reply, opens=True)
    return state, (Commit((co.sale_seen(now, basket, rules),), OpenSale(basket, sale.reply)),)


def _grant(state: State, now: Now, basket: Basket, card: Card, rules: Rules, *, reply: int | None, opens: bool = False) -> Step:
    """Asks to store the grant, its coupons and its slips in one transaction."""
    if rules.program is None:
        return state, (Tell("E600"), *_reply(reply, "refused", {"code": "E600"}))
    sale_id = sale_id_of(basket, rules)
    number = state.voided.get(sale_id, 0) + 1
    card = replace(card, member=co.with_local(card.member, state.live.values()))
    sale = Sale(sale_id, basket.at, basket.lines, rules.operator, clock_ok=now.clock_ok)
    try:
        result = quote(rules.program, rules.register, sale, card.member)
    except SaleRejected as refused:
        why = {"why": str(refused)}
        return replace(state, basket=None), (Tell("E622", why), *_reply(reply, "refused", {"code": "E622", **why}))
    day = rules.day(basket.at)
    same_day = state.slip_day == day
    if refusal := _over_the_limits(now, basket, card, result, rules.program):
        return replace(state, card=None), (Tell(refusal), *_reply(reply, "refused", {"code": refusal}))
    result = _without_excess_coupons(now, result, state.coupons_today if same_day else 0, rules.program)
    first_slip = state.slips_today + 1 if same_day else 1
    slips: tuple[HandedSlip, ...] = ()
    if rules.stationery:
        slips = slips_for_grant(
            rules.stationery, rules.program, result, card.member, card.masked, sale, basket.receipt_no, first_slip, now.at, now.entropy
        )
    grant = co.sale_granted(now, basket, sale, number, card, result, slips, rules)
    coupons = tuple(co.coupon_issued(now, basket, number, card, slip, rules) for slip in slips if slip.coupon)
    # When the sale goes on record in the same transaction its key leads: a sale that stands already is not granted under this call.
    drafts = (co.sale_seen(now, basket, rules), grant, *coupons) if opens else (grant, *coupons)
    jobs = tuple(PrintJob(slip.serial, slip.document) for slip in slips)
    return state, (Commit(drafts, GrantPoints(basket, card, opens, len(slips), len(coupons), reply), jobs),)


def _over_the_limits(now: Now, basket: Basket, card: Card, result: Quote, program: Program) -> str:
    """Why this grant must wait until head office can be asked (or has heard of the others); "" when it need not."""
    if now.unsent >= program.offline.queue_stop:
        return "E625"
    if not now.offline:
        return ""
    standing: Literal["known", "unverified"] = "unverified" if card.member.status == "unverified" else "known"
    asked = Situation(own=True, same_day=True, member=standing, points=result.total("points"), yen=basket.total, queue=now.unsent)
    return "" if offline_allows(program.offline, "points.grant", asked).allow else "E624"


def _without_excess_coupons(now: Now, result: Quote, issued: int, program: Program) -> Quote:
    """Offline a register issues so many coupons a day; the points are granted all the same."""
    left = max(0, program.offline.coupons_per_day - issued)
    return replace(result, coupons_issued=result.coupons_issued[:left]) if now.offline and len(result.coupons_issued) > left else result


def _void_asked(state: State, asked: VoidAsked, rules: Rules) -> Step:
    live = state.live.get(asked.sale_id)
    if live is None:
        return state, (Tell("E608", {"sale_id": asked.sale_id}), *_reply(asked.reply, "refused", {"code": "E608"}))
    void = co.sale_voided(asked.now, live, asked.reason, asked.operator, asked.role, rules)
    coupons = co.coupons_voided(asked.now, live, asked.reason, asked.operator, asked.role, rules)
    return state, (Commit((void, *coupons), VoidGrant(live, asked.reply)),)


def _answered(state: State, answer: Answered, rules: Rules) -> Step:
    """What the store said decides what is told."""
    now, intent = answer.now, answer.intent
    if code := _UNSTORED.get(answer.result):
        asked = None if isinstance(intent, (AttachCard, NoteCode)) else intent.reply
        return replace(state, bounce=("", 0)), (Tell(code), *_reply(asked, "unavailable", {"code": code}))
    match intent:
        case NoteCode():
            return state, ()
        case AttachCard(card):
            replaced = state.card is not None and state.card.member.token != card.member.token
            told = (Tell("E606", {"member": card.masked}),) if replaced else ()
            return replace(state, card=card, card_ms=now.ms), told
        case OpenSale(basket, reply):
            return _opened(state, answer, basket, reply, rules)
        case GrantPoints():
            return _granted(state, answer, intent, rules)
        case VoidGrant(live, reply):
            fields = {"sale_id": live.sale_id, "points": -co.points_of(live.entries), "member": live.masked}
            return _without(state, live, now.ms), (CancelSlips(live.slips), *_reply(reply, "voided", fields))
        case _:
            assert_never(intent)


def _opened(state: State, answer: Answered, basket: Basket, reply: int | None, rules: Rules) -> Step:
    sale_id = sale_id_of(basket, rules)
    if answer.result == "conflict":
        return _conflict(state, reply, sale_id)
    replaced = state.basket is not None and state.basket.key != basket.key
    state = replace(state, basket=basket, basket_ms=answer.now.ms)
    if state.card and basket.paid:  # paid now, or on record since an earlier life of this process; and the member is there
        return _grant(state, answer.now, basket, state.card, rules, reply=reply)
    told = (Tell("E621", {"amount": basket.total}),) if replaced else ()
    return state, (*told, Show(_yen(basket.total), ""), *_reply(reply, _waits(basket), {"sale_id": sale_id, "amount": basket.total}))


def _granted(state: State, answer: Answered, intent: GrantPoints, rules: Rules) -> Step:
    if answer.result == "duplicate" and intent.opens:  # the sale was on record, its grant perhaps not: the same without the sale
        return _grant(state, answer.now, intent.basket, intent.card, rules, reply=intent.reply)
    if answer.result == "conflict":
        return _conflict(replace(state, basket=None), intent.reply, sale_id_of(intent.basket, rules))
    live = co.live_of(answer.data, answer.event_id)
    if answer.result == "duplicate":
        state = replace(state, card=None, basket=None, live={**state.live, live.sale_id: live})
        return state, (Tell("E620", _result(live)), *_reply(intent.reply, "already", _result(live)))
    day = live.business_date
    state = replace(
        state,
        card=None,
        basket=None,
        last=live,
        last_ms=answer.now.ms,
        live=_remembered(state.live, live),
        slip_day=day,
        slips_today=(state.slips_today if state.slip_day == day else 0) + intent.slips,
        coupons_today=(state.coupons_today if state.slip_day == day else 0) + intent.coupons,
    )
    return state, (Show(_yen(live.basket.total), f"＋{co.points_of(live.entries):,}ポイント"), *_reply(intent.reply, "granted", _result(live)))


def _without(state: State, live: Live, ms: int) -> State:
    """The state after a void: the sale is open again where it was the last one, so that the right card can be scanned."""
    left = {sale_id: other for sale_id, other in state.live.items() if sale_id != live.sale_id}
    state = replace(state, live=left, voided={**state.voided, live.sale_id: live.number}, bounce=("", 0))
    if state.last is None or state.last.sale_id != live.sale_id:
        return state
    state = replace(state, last=None)
    return state if state.basket else replace(state, basket=live.basket, basket_ms=ms)


def _remembered(live: Mapping[str, Live], new: Live) -> dict[str, Live]:
    kept = dict(list(live.items())[-(REMEMBERED_SALES - 1) :])
    return {**kept, new.sale_id: new}


def _conflict(state: State, reply: int | None, sale_id: str) -> Step:
    """The same sale with other content, or another member's: void first, or look at the till's receipt numbers."""
    return state, (Tell("E607", {"sale_id": sale_id}), *_reply(reply, "conflict", {"code": "E607", "sale_id": sale_id}))


def _waits(basket: Basket) -> Literal["waiting_for_member", "waiting_for_payment"]:
    return "waiting_for_member" if basket.paid else "waiting_for_payment"


def _reply(reply: int | None, status: Status, fields: Mapping[str, Any]) -> tuple[Reply, ...]:
    return () if reply is None else (Reply(reply, status, fields),)


def _result(live: Live) -> dict[str, Any]:
    return {"sale_id": live.sale_id, "member": live.masked, "points": co.points_of(live.entries), "amount": live.basket.total}


def _yen(amount: int) -> str:
    return f"{amount:,}円"


# ---------------------------------------------------------------- after a restart


def resume(stored: Iterable[tuple[str, str, Mapping[str, Any]]], now: Now, rules: Rules) -> State:
    """Rebuilds the state from the journal's last events, oldest first: (type, event id, data). Windows go on by the wall clock."""
    state = State()
    for type_, event_id, data in stored:
        age = now.at - datetime.fromisoformat(data["trace"]["at"])
        ms = now.ms - max(0, int(age.total_seconds() * 1000))
        if type_ == ev.SALE_SEEN:
            state = replace(state, basket=co.basket_of(data), basket_ms=ms)
        elif type_ == ev.MEMBER_SEEN and "card" in data["trace"]:
            state = replace(state, card=co.card_of(data), card_ms=ms)
        elif type_ == ev.SALE_GRANTED:
            live = co.live_of(data, event_id)
            day, newest = live.business_date, max((int(serial.rsplit("-", 1)[1]) for serial in live.slips), default=0)
            state = replace(
                state,
                card=None,
                basket=None,
                last=live,
                last_ms=ms,
                live=_remembered(state.live, live),
                slip_day=day,
                slips_today=max(state.slips_today if state.slip_day == day else 0, newest),
                coupons_today=(state.coupons_today if state.slip_day == day else 0) + len(live.coupons),
            )
        elif type_ == ev.SALE_VOIDED and data["sale_id"] in state.live:
            state = _without(state, state.live[data["sale_id"]], ms)
    return _expire(state, now, rules)[0]
