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
from typing import Any, assert_never

from posagent import checkout as co
from posagent import checkout_events as ce
from posagent import counter_amend as ca
from posagent import counter_charge as cc
from posagent import counter_join as cj
from posagent import counter_redeem as cr
from posagent import counter_sale as cs
from posagent import events as ev
from posagent.checkout import Now, Rules
from posagent.counter_parts import (
    AdjustAccount,
    AdjustAsked,
    Amendment,
    Answered,
    AttachCard,
    Authorised,
    CancelSlips,
    ChargeAsked,
    ChargeValue,
    Cleared,
    CodeSeen,
    Commit,
    ConfirmAsked,
    Effect,
    GrantPoints,
    Input,
    JoinSale,
    KeepRedemption,
    LateGrantAsked,
    LetGo,
    NoteCode,
    OpenSale,
    RedeemAsked,
    RefundAsked,
    RefundSale,
    ReleaseAsked,
    SaleArrived,
    Scanned,
    Settle,
    State,
    Step,
    Tell,
    Ticked,
    UseRedemptions,
    VoidAsked,
    VoidCharge,
    VoidGrant,
    reply_to,
    today_of,
    with_today,
)
from posagent.redeeming import redemption_of

_UNSTORED = {"full": "E506", "failed": "E500", "refused": "E622"}


# ---------------------------------------------------------------- the machine


def step(state: State, input_: Input, rules: Rules) -> Step:
    """One step. Called by the dispatcher alone, in the order of arrival."""
    state, expired = _expire(state, input_.now, rules)
    state, unanswered = cr.given_up(state, input_.now, rules)
    match input_:
        case Scanned():
            new, effects = _scanned(state, input_, rules)
        case CodeSeen():
            new, effects = _code_seen(state, input_, rules)
        case SaleArrived():
            new, effects = cs.sale_arrived(state, input_, rules)
        case ConfirmAsked():
            new, effects = cs.confirm_asked(state, input_, rules)
        case VoidAsked():
            new, effects = _void_asked(state, input_, rules)
        case RedeemAsked():
            new, effects = cr.redeem_asked(state, input_, rules)
        case ChargeAsked() | LateGrantAsked() | RefundAsked() | AdjustAsked():
            new, effects = _amend(state, input_, rules)
        case ReleaseAsked():
            new, effects = cr.release_asked(state, input_, rules)
        case Authorised():
            new, effects = cr.authorised(state, input_, rules)
        case Cleared():
            new, effects = _cleared(state, input_, rules)
        case Ticked():
            new, effects = state, _left_undone(state, input_.now, rules)
        case Answered():
            new, effects = _answered(state, input_, rules)
        case _:
            assert_never(input_)
    new = cr.without_spent(new)
    return new, (*expired, *unanswered, *effects, *_let_go(new, input_, effects, rules))


def _amend(state: State, asked: ChargeAsked | LateGrantAsked | RefundAsked | AdjustAsked, rules: Rules) -> Step:
    match asked:
        case ChargeAsked():
            return cc.charge_asked(state, asked, rules)
        case LateGrantAsked():
            return cs.late_grant(state, asked, rules)
        case RefundAsked():
            return ca.refund_asked(state, asked, rules)
        case AdjustAsked():
            return ca.adjust_asked(state, asked, rules)
        case _:
            assert_never(asked)


def _let_go(state: State, input_: Input, effects: tuple[Effect, ...], rules: Rules) -> tuple[Effect, ...]:
    """Whatever ended a sale, what was kept for it is let go. Where the store did not take that, the next input tries again."""
    letting_go = any(isinstance(effect, Commit) and isinstance(effect.intent, LetGo) for effect in effects)
    if letting_go or (isinstance(input_, Answered) and isinstance(input_.intent, LetGo)):
        return ()
    return cr.let_go(input_.now, cr.outlived(state, input_.now), cr.LET_GO, rules)


def _left_undone(state: State, now: Now, rules: Rules) -> tuple[Effect, ...]:
    """A sale that is paid on record, but whose redemptions an earlier life did not get to use."""
    return cr.use_now(state, now, state.basket, rules, None) if state.basket and state.basket.paid else ()


def _expire(state: State, now: Now, rules: Rules) -> Step:
    """A side that waited too long is let go: better ask for the card again than grant to the customer before. A customer to whom a discount
    was told is given longer."""
    effects: list[Effect] = []
    window = max(rules.pair_window_ms, cr.KEPT_MS) if any(not one.used for one in cr.kept_for(state, state.basket)) else rules.pair_window_ms
    if state.card and now.ms - state.card_ms > window:
        effects.append(Tell("E610", {"member": state.card.masked}))
        state = replace(state, card=None)
    if state.basket and now.ms - state.basket_ms > window:
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
    owners = {one.member for one in cr.kept_for(state, state.basket) if one.member}
    if owners and owners != {member.token}:
        return state, (Tell("E655", {"member": state.card.masked if state.card else ""}),)
    just_granted = state.last is not None and state.last.token == member.token and now.ms - state.last_ms < rules.repeat_ms
    if state.last and just_granted and not state.basket:
        return state, (Tell("E620", cs.result_of(state.last)),)
    if state.basket and state.basket.paid:
        return cs.grant(state, now, state.basket, scan.card, rules, reply=None)
    return state, (Commit((ce.member_seen(now, scan.card, rules),), AttachCard(scan.card)),)


def _cleared(state: State, asked: Cleared, rules: Rules) -> Step:
    said = reply_to(asked.reply, "released", {"sale_id": asked.sale_id})
    if asked.sale_id and (state.basket is None or co.sale_id_of(state.basket, rules) != asked.sale_id):
        return state, said
    card = state.card if asked.sale_id else None
    return replace(state, card=card, basket=None, bounce=("", 0)), said


def _code_seen(state: State, seen: CodeSeen, rules: Rules) -> Step:
    note = ce.code_noted(seen.now, seen.scan_id, seen.code, seen.masked, seen.why, rules)
    return state, (Commit((note,), NoteCode()), Tell(seen.code, {"member": seen.masked, "why": seen.why}))


def _void_asked(state: State, asked: VoidAsked, rules: Rules) -> Step:
    if charge := state.charges.get(asked.sale_id):
        return cc.void_asked(state, asked, charge, rules)
    live = state.live.get(asked.sale_id, asked.live)
    if live is None or state.voided.get(live.sale_id, 0) >= live.number:  # not here; or voided since the journal was looked at
        return state, (Tell("E608", {"sale_id": asked.sale_id}), *reply_to(asked.reply, "refused", {"code": "E608"}))
    void = ce.sale_voided(asked.now, live, asked.reason, asked.operator, asked.role, rules)
    coupons = ce.coupons_voided(asked.now, live, asked.reason, asked.operator, asked.role, rules)
    return state, (Commit((void, *coupons), VoidGrant(live, asked.reply)),)


def _answered(state: State, answer: Answered, rules: Rules) -> Step:
    """What the store said decides what is told."""
    now, intent = answer.now, answer.intent
    if code := _UNSTORED.get(answer.result):
        asked = None if isinstance(intent, (AttachCard, NoteCode)) else intent.reply
        freed: tuple[Effect, ...] = cr.freed((intent.redemption,)) if isinstance(intent, KeepRedemption) else ()
        if isinstance(intent, ChargeValue):
            freed = (Settle(intent.hold, "release"),)
        return replace(state, bounce=("", 0)), (Tell(code), *freed, *reply_to(asked, "unavailable", {"code": code}))
    match intent:
        case NoteCode():
            return state, ()
        case AttachCard(card):
            replaced = state.card is not None and state.card.member.token != card.member.token
            told = (Tell("E606", {"member": card.masked}),) if replaced else ()
            return replace(state, card=card, card_ms=now.ms), told
        case OpenSale(basket, reply):
            return cs.opened(state, answer, basket, reply, rules)
        case JoinSale():
            return cj.joined_now(state, answer, intent, rules)
        case GrantPoints():
            return cs.granted(state, answer, intent, rules)
        case KeepRedemption():
            return cr.now_kept(state, answer, intent, rules)
        case LetGo():
            return cr.now_released(state, answer, intent, rules)
        case ChargeValue() | VoidCharge() | RefundSale() | AdjustAccount():
            return _amended(state, answer, intent)
        case UseRedemptions():
            return cs.used(state, answer, intent, rules)
        case VoidGrant(live, reply) if answer.result == "conflict":
            return cs.conflict(state, reply, live.sale_id)
        case VoidGrant(live, reply):
            fields = {"sale_id": live.sale_id, "points": -co.points_of(live.entries), "member": live.masked}
            back = {"coupons_back": [one.found.label for one in live.used if one.found]} if live.used else {}
            return cs.without(state, live, now.ms, answer.data["reason"]), (CancelSlips(live.slips), *reply_to(reply, "voided", fields | back))
        case _:
            assert_never(intent)


def _amended(state: State, answer: Answered, intent: Amendment) -> Step:
    match intent:
        case ChargeValue():
            return cc.charged_now(state, answer, intent)
        case VoidCharge():
            return cc.voided_now(state, intent)
        case RefundSale():
            return ca.refunded_now(state, answer, intent)
        case AdjustAccount():
            return ca.adjusted_now(state, answer, intent)
        case _:
            assert_never(intent)


# ---------------------------------------------------------------- after a restart


def resume(stored: Iterable[tuple[str, str, Mapping[str, Any]]], now: Now, rules: Rules) -> State:
    """Rebuilds the state from the journal's last events, oldest first: (type, event id, data). Windows go on by the wall clock."""
    state = State()
    for type_, event_id, data in stored:
        age = now.at - datetime.fromisoformat(data["trace"]["at"])
        ms = now.ms - max(0, int(age.total_seconds() * 1000))
        if type_ == ev.SALE_SEEN and "joins" in data:
            state = cj.with_receipt(state, data["joins"], data["receipt_no"] or "", rules)
        elif type_ == ev.SALE_SEEN:
            state = replace(state, basket=ce.basket_of(data), basket_ms=ms)
        elif type_ == ev.MEMBER_SEEN and "card" in data["trace"]:
            state = replace(state, card=ce.card_of(data), card_ms=ms)
        elif type_ == ev.SALE_GRANTED:
            live = ce.live_of(data, event_id)
            day, newest = live.business_date, max((int(serial.rsplit("-", 1)[1]) for serial in live.slips), default=0)
            state = replace(
                state,
                card=None,
                basket=None,
                last=live,
                last_ms=ms,
                live=cs.remembered(state.live, live),
                redemptions=tuple(one for one in state.redemptions if one.id not in {each.id for each in live.used}),
            )
            had = today_of(state, day)
            state = with_today(state, day, replace(had, slips=max(had.slips, newest), coupons=had.coupons + len(live.coupons)))
        elif type_ == ev.SALE_VOIDED and data["sale_id"] in state.live:
            state = cs.without(state, state.live[data["sale_id"]], ms, data["reason"])
        elif type_ == ev.SALE_REFUNDED and data["sale_id"] in state.live:
            live = state.live[data["sale_id"]]
            state = ca.with_live(state, replace(live, refunds=(*live.refunds, ca.refunded_of(data))))
        elif type_ == ev.VALUE_CHARGED:
            state = cc.with_charge(state, cc.charged_of(data, event_id))
        elif type_ == ev.VALUE_VOIDED:
            state = cc.without_charge(state, data["sale_id"])
        elif type_ == ev.HOLD_PLACED:
            one = redemption_of(data["trace"]["redemption"], ms)
            open_sale = ce.basket_of({**data["trace"]["sale"], "trace": data["trace"]})  # also where its own event is an older one
            state = replace(state, basket=open_sale, redemptions=(*state.redemptions, one), basket_ms=ms, card_ms=ms)
        elif type_ == ev.HOLD_RELEASED:
            state = replace(state, redemptions=tuple(one for one in state.redemptions if one.id != data["redemption_id"]))
        elif type_ in _USES:
            state = _resume_used(state, event_id, data, rules)
    if any(not one.used for one in state.redemptions):
        return state  # the first tick lets go what was kept for too long, and head office hears of it
    return _expire(state, now, rules)[0]


_USES = (ev.COUPON_REDEEMED, ev.POINTS_REDEEMED, ev.VALUE_SPENT)


def _resume_used(state: State, event_id: str, data: Mapping[str, Any], rules: Rules) -> State:
    """A use on record: of a grant, which stands before it, or of a sale without one."""
    one, sale_id = redemption_of(data["trace"]["redemption"]), data["sale_id"]
    live = state.live.get(sale_id)
    basket = live.basket if live else state.basket
    if basket is None or (live is None and one.sale_key not in (basket.key, basket.adopts)):  # of a sale before those that are read
        return replace(state, redemptions=tuple(other for other in state.redemptions if other.id != one.id))
    if live is None or one not in live.used:
        at = datetime.fromisoformat(data["trace"]["at"])
        only = co.used_only(basket, sale_id, (*(live.used if live else ()), one), event_id, at, rules, state.voided.get(sale_id, 0) + 1)
        state = replace(state, live=cs.remembered(state.live, only))
    return cs.with_used(state, basket, (one,), rules)
