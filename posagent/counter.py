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
from posagent import counter_amend as ca
from posagent import counter_charge as cc
from posagent import counter_redeem as cr
from posagent import events as ev
from posagent.checkout import Basket, Card, Live, Now, Rules, sale_id_of
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
    Effect,
    GrantPoints,
    Input,
    KeepRedemption,
    LateGrantAsked,
    LetGo,
    NoteCode,
    OpenSale,
    PrintJob,
    RedeemAsked,
    RefundAsked,
    RefundSale,
    ReleaseAsked,
    SaleArrived,
    Scanned,
    Settle,
    Show,
    State,
    Step,
    Tell,
    Ticked,
    UseRedemptions,
    VoidAsked,
    VoidCharge,
    VoidGrant,
    refusing,
    reply_to,
)
from posagent.handout import HandedSlip, slips_for_grant
from posagent.loyalty.days import late_allows
from posagent.loyalty.model import Quote, SaleRejected
from posagent.loyalty.offline import Situation, offline_allows
from posagent.loyalty.rules import Program
from posagent.redeeming import Redemption, fields_of, redemption_of

_UNSTORED = {"full": "E506", "failed": "E500", "refused": "E622"}
REMEMBERED_SALES = 2000
"""Live grants kept in memory for voids and double scans; older sales are answered from the journal's keys."""


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
            new, effects = _sale_arrived(state, input_, rules)
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
            new, effects = replace(state, card=None, basket=None, bounce=("", 0)), ()
        case Ticked():
            new, effects = state, _left_undone(state, input_.now, rules)
        case Answered():
            new, effects = _answered(state, input_, rules)
        case _:
            assert_never(input_)
    return new, (*expired, *unanswered, *effects, *_let_go(new, input_, effects, rules))


def _amend(state: State, asked: ChargeAsked | LateGrantAsked | RefundAsked | AdjustAsked, rules: Rules) -> Step:
    match asked:
        case ChargeAsked():
            return cc.charge_asked(state, asked, rules)
        case LateGrantAsked():
            return _late_grant(state, asked, rules)
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
    return cr.let_go(input_.now, cr.orphans(state), cr.LET_GO, rules)


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
        return state, (Tell("E620", _result(state.last)),)
    if state.basket and state.basket.paid:
        return _grant(state, now, state.basket, scan.card, rules, reply=None)
    return state, (Commit((co.member_seen(now, scan.card, rules),), AttachCard(scan.card)),)


def _code_seen(state: State, seen: CodeSeen, rules: Rules) -> Step:
    note = co.code_noted(seen.now, seen.scan_id, seen.code, seen.masked, seen.why, rules)
    return state, (Commit((note,), NoteCode()), Tell(seen.code, {"member": seen.masked, "why": seen.why}))


def _sale_arrived(state: State, sale: SaleArrived, rules: Rules) -> Step:
    basket, now = sale.basket, sale.now
    if (live := state.live.get(sale_id_of(basket, rules))) and live.token:
        same = not basket.after_redemptions and live.basket.lines == basket.lines
        if not same and not ((basket.after_redemptions or live.used) and basket.total == live.payable):
            return _conflict(state, sale.reply, live.sale_id)
        return state, reply_to(sale.reply, "already", _result(live))
    meant = _whole_sale(state, basket, now, rules)
    if meant is None:
        payable = _fields(state, now, state.basket, rules).get("payable") if state.basket else None
        return state, (Tell("E660", {"payable": payable}), *reply_to(sale.reply, "refused", {"code": "E660", "payable": payable}))
    if meant is not basket and state.basket and meant.key != state.basket.key:  # what is kept goes over to the sale under its real number
        state = replace(state, redemptions=tuple(replace(one, sale_key=meant.key) for one in state.redemptions))
    basket, waiting = meant, state.basket
    if waiting and waiting.key == basket.key and waiting.paid == basket.paid and waiting.lines == basket.lines:  # the POS asked again
        return state, reply_to(sale.reply, _waits(basket), _fields(state, now, basket, rules))
    if state.card and basket.paid:
        return _grant(state, now, basket, state.card, rules, reply=sale.reply, opens=True)
    return state, (Commit((co.sale_seen(now, basket, rules),), OpenSale(basket, sale.reply)),)


def _whole_sale(state: State, basket: Basket, now: Now, rules: Rules) -> Basket | None:
    """The sale before anything was taken off. A POS that has taken off what it was told says so; a sale that was typed in and then arrives
    from the till's own receipt, of the same amount before or after, is that sale. None: it says so, and the amounts do not agree."""
    waiting = state.basket
    kept = cr.kept_for(state, waiting)
    if waiting is None or not kept:
        return None if basket.after_redemptions else basket
    payable = _fields(state, now, waiting, rules).get("payable")
    if basket.after_redemptions:
        if waiting.key != basket.key or payable != basket.total:
            return None
        return replace(waiting, paid=basket.paid, receipt_no=basket.receipt_no or waiting.receipt_no)
    captured = waiting.door == "typed" and basket.door not in {"typed", "api"} and waiting.key != basket.key
    if captured and basket.total in {payable, waiting.total}:
        return replace(basket, lines=waiting.lines)
    return basket


def _grant(state: State, now: Now, basket: Basket, card: Card, rules: Rules, *, reply: int | None, opens: bool = False) -> Step:
    """Asks to store the grant, what is used up in the sale, its coupons and its slips in one transaction."""
    if rules.program is None:
        return state, (Tell("E600"), *reply_to(reply, "refused", {"code": "E600"}))
    sale_id = sale_id_of(basket, rules)
    number = state.voided.get(sale_id, 0) + 1
    card = replace(card, member=co.with_local(card.member, state.live.values()))
    sale = cr.sale_of(now, basket, rules)
    try:
        using = cr.using(now, state, basket, card, rules.program, rules)
    except SaleRejected as refused:
        why = {"why": str(refused)}
        return replace(state, basket=None), (Tell("E622", why), *reply_to(reply, "refused", {"code": "E622", **why}))
    result = using.reckoning.quote
    day = rules.day(basket.at)
    same_day = state.slip_day == day
    if refusal := _over_the_limits(now, basket, card, result, rules.program):
        used = cr.use_now(state, now, basket, rules, None)  # the customer has paid less: that stands, whatever becomes of the points
        return replace(state, card=None), (*used, Tell(refusal), *reply_to(reply, "refused", {"code": refusal}))
    result = _without_excess_coupons(now, result, state.coupons_today if same_day else 0, rules.program)
    first_slip = state.slips_today + 1 if same_day else 1
    slips: tuple[HandedSlip, ...] = ()
    if rules.stationery:
        slips = slips_for_grant(
            rules.stationery, rules.program, result, card.member, card.masked, sale, basket.receipt_no, first_slip, now.at, now.entropy
        )
    all_used = (*(one for one in cr.kept_for(state, basket) if one.used), *using.ones)
    grant = co.sale_granted(now, basket, sale, number, card, result, slips, rules, all_used, using.reckoning.payable)
    coupons = tuple(co.coupon_issued(now, basket, number, card, slip, rules) for slip in slips if slip.coupon)
    # When the sale goes on record in the same transaction its key leads: a sale that stands already is not granted under this call.
    drafts = (co.sale_seen(now, basket, rules), grant) if opens else (grant,)
    jobs = tuple(PrintJob(slip.serial, slip.document) for slip in slips)
    intent = GrantPoints(basket, card, opens, len(slips), len(coupons), reply, using.ones)
    return state, (Commit((*drafts, *using.drafts, *coupons), intent, jobs),)


def _late_grant(state: State, asked: LateGrantAsked, rules: Rules) -> Step:
    """Points for an earlier sale, under the program that is in force and with the member as the snapshot knows him now."""
    basket, card, program, sale_id = asked.basket, state.card, rules.program, sale_id_of(asked.basket, rules)
    if program is None or card is None:
        return refusing(state, asked.reply, "E600" if program is None else "E657")
    live = state.live.get(sale_id, asked.live)
    if live is not None and live.token:
        if live.token != card.member.token:
            return _conflict(state, asked.reply, sale_id)
        return state, reply_to(asked.reply, "already", _result(live))
    if not basket.paid:
        return refusing(state, asked.reply, "E670")
    if state.basket is not None and state.basket.key != basket.key:  # one sale at a time, or the wrong one is closed
        return refusing(state, asked.reply, "E671")
    same_day = rules.day(asked.now.at) == rules.day(basket.at)
    situation = Situation(own=True, same_day=same_day, yen=basket.total)
    offline = asked.now.offline and not offline_allows(program.offline, "late.grant", situation).allow
    if offline or not late_allows(program.limits.late_days, basket.at, asked.now.at, program.day_start):
        return refusing(state, asked.reply, "E674")
    used = live.used if live is not None and not cr.kept_for(state, basket) else ()
    voided = {**state.voided, sale_id: max(asked.voids, state.voided.get(sale_id, 0))} if asked.voids else state.voided
    state = replace(state, redemptions=(*state.redemptions, *used), voided=voided)
    return _grant(state, asked.now, basket, replace(card, source="late"), rules, reply=asked.reply)


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
    if charge := state.charges.get(asked.sale_id):
        return cc.void_asked(state, asked, charge, rules)
    live = state.live.get(asked.sale_id)
    if live is None:
        return state, (Tell("E608", {"sale_id": asked.sale_id}), *reply_to(asked.reply, "refused", {"code": "E608"}))
    void = co.sale_voided(asked.now, live, asked.reason, asked.operator, asked.role, rules)
    coupons = co.coupons_voided(asked.now, live, asked.reason, asked.operator, asked.role, rules)
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
            return _opened(state, answer, basket, reply, rules)
        case GrantPoints():
            return _granted(state, answer, intent, rules)
        case KeepRedemption():
            return cr.now_kept(state, answer, intent, rules)
        case LetGo():
            return cr.now_released(state, answer, intent, rules)
        case ChargeValue() | VoidCharge() | RefundSale() | AdjustAccount():
            return _amended(state, answer, intent)
        case UseRedemptions():
            return _used(state, answer, intent, rules)
        case VoidGrant(live, reply) if answer.result == "conflict":
            return _conflict(state, reply, live.sale_id)
        case VoidGrant(live, reply):
            fields = {"sale_id": live.sale_id, "points": -co.points_of(live.entries), "member": live.masked}
            back = {"coupons_back": [one.found.label for one in live.used if one.found]} if live.used else {}
            return _without(state, live, now.ms), (CancelSlips(live.slips), *reply_to(reply, "voided", fields | back))
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


def _opened(state: State, answer: Answered, basket: Basket, reply: int | None, rules: Rules) -> Step:
    now, sale_id = answer.now, sale_id_of(basket, rules)
    if answer.result == "conflict":
        if (recorded := _as_recorded(answer.data, basket)) is None:
            return _conflict(state, reply, sale_id)
        basket = recorded
    replaced = state.basket is not None and state.basket.key != basket.key
    state = replace(state, basket=basket, basket_ms=now.ms)
    if (live := state.live.get(sale_id)) and not cr.kept_for(state, basket):  # its redemptions are used, its points not granted yet
        state = replace(state, redemptions=(*state.redemptions, *live.used))
    if state.card and basket.paid:  # paid now, or on record since an earlier life of this process; and the member is there
        return _grant(state, now, basket, state.card, rules, reply=reply)
    told = (Tell("E621", {"amount": basket.total}),) if replaced else ()
    unfit = _no_longer_taken(state, now, basket, rules)
    state_now = replace(state, redemptions=tuple(one for one in state.redemptions if one not in unfit))
    fields = _fields(state_now, now, basket, rules)
    used = cr.use_now(state_now, now, basket, rules, None) if basket.paid else ()
    gone = cr.let_go(now, unfit, cr.LET_GO, rules)
    return state, (*told, *gone, *used, Show(_yen(fields.get("payable", basket.total)), ""), *reply_to(reply, _waits(basket), fields))


def _as_recorded(data: Mapping[str, Any], basket: Basket) -> Basket | None:
    """The sale on record where it is this one, told at another moment (a POS repeats itself after an outage): the first moment counts."""
    if "paid" not in data or "masked" in data:  # not a sale that was seen, but what became of one
        return None
    recorded = co.basket_of(data)
    return recorded if recorded == replace(basket, at=recorded.at, after_redemptions=False) else None


def _no_longer_taken(state: State, now: Now, basket: Basket, rules: Rules) -> tuple[Redemption, ...]:
    """What was kept while the bill was another."""
    kept = cr.kept_for(state, basket)
    if not kept or rules.program is None:
        return ()
    try:
        refused = cr.reckoned(now, state, basket, rules.program, rules).refused
    except SaleRejected:
        return kept
    return tuple(one for one in kept if one.id in refused and not one.used)


def _fields(state: State, now: Now, basket: Basket, rules: Rules) -> dict[str, Any]:
    """An open sale for who asks; with what is left to pay, where something is kept for it."""
    fields: dict[str, Any] = {"sale_id": sale_id_of(basket, rules), "amount": basket.total}
    kept = cr.kept_for(state, basket)
    if kept and rules.program:
        try:
            fields |= fields_of(cr.reckoned(now, state, basket, rules.program, rules), kept, basket.lines)
        except SaleRejected:
            return fields
    return fields


def _used(state: State, answer: Answered, intent: UseRedemptions, rules: Rules) -> Step:
    """Used without a grant: the sale may still be granted, and voided either way."""
    if answer.result == "conflict":  # a use of the same coupon stands already
        return state, cr.let_go(answer.now, intent.redemptions, cr.LET_GO, rules)
    sale_id = sale_id_of(intent.basket, rules)
    before = state.live[sale_id].used if sale_id in state.live else ()
    number = state.voided.get(sale_id, 0) + 1
    live = co.used_only(intent.basket, sale_id, (*before, *intent.redemptions), answer.event_id, answer.now.at, rules, number)
    state = _with_used(replace(state, live=_remembered(state.live, live)), intent.basket, intent.redemptions, rules)
    return state, cr.commits(intent.redemptions)


def _with_used(state: State, basket: Basket, ones: tuple[Redemption, ...], rules: Rules) -> State:
    """The state in which these are used."""
    now_used = {one.id: one for one in ones}
    same_day = state.slip_day == (day := rules.day(basket.at))
    spent = sum(one.yen for one in ones if one.authority == "register")
    return replace(
        state,
        redemptions=tuple(now_used.get(one.id, one) for one in state.redemptions),
        own_coupon_yen=(state.own_coupon_yen if same_day else 0) + spent,
        slip_day=day,
        slips_today=state.slips_today if same_day else 0,
        coupons_today=state.coupons_today if same_day else 0,
    )


def _granted(state: State, answer: Answered, intent: GrantPoints, rules: Rules) -> Step:
    if answer.result == "duplicate" and intent.opens:  # the sale was on record, its grant perhaps not: the same without the sale
        return _grant(state, answer.now, intent.basket, intent.card, rules, reply=intent.reply)
    if answer.result == "conflict" and intent.opens and (recorded := _as_recorded(answer.data, intent.basket)):
        return _grant(state, answer.now, recorded, intent.card, rules, reply=intent.reply)
    if answer.result == "conflict":
        lost = tuple(one for one in intent.used if one.code_hash and one.code_hash == answer.data.get("code_hash"))
        if not lost:
            return _conflict(replace(state, basket=None), intent.reply, sale_id_of(intent.basket, rules))
        state = replace(state, redemptions=tuple(one for one in state.redemptions if one.id not in {each.id for each in lost}))
        state, again = _grant(state, answer.now, intent.basket, intent.card, rules, reply=intent.reply, opens=intent.opens)
        return state, (*cr.let_go(answer.now, lost, cr.LET_GO, rules), *again)
    live = co.live_of(answer.data, answer.event_id)
    if answer.result == "duplicate":
        left = tuple(one for one in state.redemptions if one.id not in {each.id for each in live.used})
        state = replace(state, card=None, basket=None, live={**state.live, live.sale_id: live}, redemptions=left)
        return state, (Tell("E620", _result(live)), *cr.commits(live.used), *reply_to(intent.reply, "already", _result(live)))
    state = _with_used(state, live.basket, intent.used, rules)  # from here on its day is the counter's
    state = replace(
        state,
        card=None,
        basket=None,
        last=live,
        last_ms=answer.now.ms,
        live=_remembered(state.live, live),
        slips_today=state.slips_today + intent.slips,
        coupons_today=state.coupons_today + intent.coupons,
        redemptions=tuple(one for one in state.redemptions if not one.used),
    )
    shown = Show(_yen(live.payable), f"＋{co.points_of(live.entries):,}ポイント")
    return state, (shown, *cr.commits(intent.used), *reply_to(intent.reply, "granted", _result(live)))


def _without(state: State, live: Live, ms: int) -> State:
    """The state after a void: the sale is open again where it was the last one, so that the right card can be scanned. Not where something was
    used up in it: that was given back, and the sale is another one now."""
    left = {sale_id: other for sale_id, other in state.live.items() if sale_id != live.sale_id}
    state = replace(state, live=left, voided={**state.voided, live.sale_id: live.number}, bounce=("", 0))
    if state.last is None or state.last.sale_id != live.sale_id:
        return state
    state = replace(state, last=None)
    return state if state.basket or live.used else replace(state, basket=live.basket, basket_ms=ms)


def _remembered(live: Mapping[str, Live], new: Live) -> dict[str, Live]:
    kept = dict(list(live.items())[-(REMEMBERED_SALES - 1) :])
    return {**kept, new.sale_id: new}


def _conflict(state: State, reply: int | None, sale_id: str) -> Step:
    """The same sale with other content, or another member's: void first, or look at the till's receipt numbers."""
    return state, (Tell("E607", {"sale_id": sale_id}), *reply_to(reply, "conflict", {"code": "E607", "sale_id": sale_id}))


def _waits(basket: Basket) -> Literal["waiting_for_member", "waiting_for_payment"]:
    return "waiting_for_member" if basket.paid else "waiting_for_payment"


def _result(live: Live) -> dict[str, Any]:
    fields = {"sale_id": live.sale_id, "member": live.masked, "points": co.points_of(live.entries), "amount": live.basket.total}
    used = [{"id": one.id, "kind": one.kind, "label": one.found.label if one.found else None, "amount": one.yen} for one in live.used]
    return fields | ({"payable": live.payable, "reductions": used} if used else {})


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
                own_coupon_yen=state.own_coupon_yen if state.slip_day == day else 0,
                redemptions=tuple(one for one in state.redemptions if one.id not in {each.id for each in live.used}),
            )
        elif type_ == ev.SALE_VOIDED and data["sale_id"] in state.live:
            state = _without(state, state.live[data["sale_id"]], ms)
        elif type_ == ev.SALE_REFUNDED and data["sale_id"] in state.live:
            live = state.live[data["sale_id"]]
            state = ca.with_live(state, replace(live, refunds=(*live.refunds, ca.refunded_of(data))))
        elif type_ == ev.VALUE_CHARGED:
            state = cc.with_charge(state, cc.charged_of(data, event_id))
        elif type_ == ev.VALUE_VOIDED:
            state = cc.without_charge(state, data["sale_id"])
        elif type_ == ev.HOLD_PLACED:
            one = redemption_of(data["trace"]["redemption"], ms)
            state = replace(state, redemptions=(*state.redemptions, one), basket_ms=ms, card_ms=ms)
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
    if basket is None or basket.key != one.sale_key:  # of a sale before the last ones that are read
        return state
    if live is None or one not in live.used:
        at = datetime.fromisoformat(data["trace"]["at"])
        only = co.used_only(basket, sale_id, (*(live.used if live else ()), one), event_id, at, rules, state.voided.get(sale_id, 0) + 1)
        state = replace(state, live=_remembered(state.live, only))
    return _with_used(state, basket, (one,), rules)
