"""Owns how a sale and its member come together: the sale's arrival, its grant with all that is used up in it, and what was granted. PURE.

The steps of `posagent.counter` that concern the open sale; what is kept for it is `posagent.counter_redeem`'s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from posagent import checkout as co
from posagent import checkout_events as ce
from posagent import counter_join as cj
from posagent import counter_redeem as cr
from posagent.checkout import Basket, Card, Live, Now, Rules, sale_id_of
from posagent.counter_parts import (
    Answered,
    Commit,
    ConfirmAsked,
    GrantPoints,
    LateGrantAsked,
    OpenSale,
    PrintJob,
    SaleArrived,
    Show,
    State,
    Step,
    Tell,
    UseRedemptions,
    refusing,
    reply_to,
    today_of,
    with_today,
)  # fmt: skip
from posagent.handout import HandedSlip, slips_for_grant
from posagent.loyalty.days import late_allows
from posagent.loyalty.model import Quote, SaleRejected
from posagent.loyalty.offline import Situation, offline_allows
from posagent.loyalty.rules import Program
from posagent.redeeming import Redemption, fields_of

REMEMBERED_SALES = 2000
"""Live grants kept in memory for voids and double scans; older sales are answered from the journal's keys."""


def sale_arrived(state: State, sale: SaleArrived, rules: Rules) -> Step:
    """A sale came through a door: the first time, again, changed, or as what was left to pay."""
    basket, now = sale.basket, sale.now
    if (live := state.live.get(sale_id_of(basket, rules))) and live.token:
        same = not basket.after_redemptions and live.basket.lines == basket.lines
        if not same and not ((basket.after_redemptions or live.used) and basket.total == live.payable):
            return conflict(state, sale.reply, live.sale_id)
        return state, reply_to(sale.reply, "already", result_of(live))
    if (earlier := cj.same_sale(state, basket, now, rules)) is not None:
        if state.basket is not None or state.card is None:
            return cj.join(state, now, basket, earlier, sale.reply, rules)
        basket = replace(basket, paid=False)  # of the sale before, or of the customer whose card waits: a person says which
    basket = cj.typed_over(state, basket)
    meant = _whole_sale(state, basket, now, rules)
    if meant is None:
        payable = _fields(state, now, state.basket, rules).get("payable") if state.basket else None
        return state, (Tell("E660", {"payable": payable}), *reply_to(sale.reply, "refused", {"code": "E660", "payable": payable}))
    basket, waiting = meant, state.basket
    if waiting and waiting.key == basket.key and waiting.paid == basket.paid and waiting.lines == basket.lines:  # the POS asked again
        return state, reply_to(sale.reply, _waits(basket), _fields(state, now, basket, rules))
    if state.card and basket.paid:
        return grant(state, now, basket, state.card, rules, reply=sale.reply, opens=True)
    return state, (Commit((ce.sale_seen(now, basket, rules),), OpenSale(basket, sale.reply)),)


def confirm_asked(state: State, asked: ConfirmAsked, rules: Rules) -> Step:
    """What a door read is right, and paid: the sale goes on under its own key."""
    meant = cj.confirmed(state, asked, rules)
    return sale_arrived(state, SaleArrived(asked.now, meant, asked.reply), rules) if isinstance(meant, Basket) else meant


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
    typed = (waiting.door == "typed" or cj.proposed(waiting)) and waiting.key != basket.key
    again = waiting.adopts and waiting.key == basket.key
    if basket.door not in {"typed", "api"} and (typed or again) and basket.total in {payable, waiting.total}:
        return replace(basket, lines=waiting.lines, adopts=waiting.adopts or waiting.key)
    return basket


def grant(state: State, now: Now, basket: Basket, card: Card, rules: Rules, *, reply: int | None, opens: bool = False) -> Step:
    """Asks to store the grant, what is used up in the sale, its coupons and its slips in one transaction."""
    if rules.program is None:
        return state, (Tell("E600"), *reply_to(reply, "refused", {"code": "E600"}))
    sale_id = sale_id_of(basket, rules)
    number = state.voided.get(sale_id, 0) + 1
    card = replace(card, member=co.with_local(card.member, state.live.values(), state.charges.values()))
    sale = cr.sale_of(now, basket, rules)
    try:
        using = cr.using(now, state, basket, card, rules.program, rules)
    except SaleRejected as refused:
        why = {"why": str(refused)}
        return replace(state, basket=None), (Tell("E622", why), *reply_to(reply, "refused", {"code": "E622", **why}))
    result = using.reckoning.quote
    today = today_of(state, rules.day(basket.at))
    if refusal := _over_the_limits(now, basket, card, result, rules.program):
        used = cr.use_now(state, now, basket, rules, None)  # the customer has paid less: that stands, whatever becomes of the points
        return replace(state, card=None), (*used, Tell(refusal), *reply_to(reply, "refused", {"code": refusal}))
    result = _without_excess_coupons(now, result, today.coupons, rules.program)
    slips: tuple[HandedSlip, ...] = ()
    if rules.stationery:
        slips = slips_for_grant(
            rules.stationery, rules.program, result, card.member, card.masked, sale, basket.receipt_no, today.slips + 1, now.at, now.entropy
        )
    all_used = (*(one for one in cr.kept_for(state, basket) if one.used), *using.ones)
    on_record = ce.sale_granted(now, basket, sale, number, card, result, slips, rules, all_used, using.reckoning.payable)
    coupons = tuple(ce.coupon_issued(now, basket, number, card, slip, rules) for slip in slips if slip.coupon)
    # When the sale goes on record in the same transaction its key leads: a sale that stands already is not granted under this call.
    drafts = (ce.sale_seen(now, basket, rules), on_record) if opens else (on_record,)
    jobs = tuple(PrintJob(slip.serial, slip.document) for slip in slips)
    intent = GrantPoints(basket, card, opens, len(slips), len(coupons), reply, using.ones)
    return state, (Commit((*drafts, *using.drafts, *coupons), intent, jobs),)


def late_grant(state: State, asked: LateGrantAsked, rules: Rules) -> Step:
    """Points for an earlier sale, under the program that is in force and with the member as the snapshot knows him now."""
    basket, card, program, sale_id = asked.basket, state.card, rules.program, sale_id_of(asked.basket, rules)
    if program is None or card is None:
        return refusing(state, asked.reply, "E600" if program is None else "E657")
    live = state.live.get(sale_id, asked.live)
    if live is not None and live.token:
        if live.token != card.member.token:
            return conflict(state, asked.reply, sale_id)
        return state, reply_to(asked.reply, "already", result_of(live))
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
    return grant(state, asked.now, basket, replace(card, source="late"), rules, reply=asked.reply)


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


def opened(state: State, answer: Answered, basket: Basket, reply: int | None, rules: Rules) -> Step:
    """The sale is on record: it waits, or is granted to the member who waits."""
    now, sale_id = answer.now, sale_id_of(basket, rules)
    if answer.result == "conflict":
        if joins := answer.data.get("joins"):
            return cj.told(state, joins, reply, rules)
        if (recorded := _as_recorded(answer.data, basket)) is None:
            return conflict(state, reply, sale_id)
        basket = recorded
    before = state.basket
    replaced = before is not None and before.key != basket.key and (before.paid or before.total != basket.total)
    state = replace(state, basket=basket, basket_ms=now.ms)
    if (live := state.live.get(sale_id)) and not cr.kept_for(state, basket):  # its redemptions are used, its points not granted yet
        state = replace(state, redemptions=(*state.redemptions, *live.used))
    if state.card and basket.paid:  # paid now, or on record since an earlier life of this process; and the member is there
        return grant(state, now, basket, state.card, rules, reply=reply)
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
    recorded = ce.basket_of(data)
    same = replace(basket, at=recorded.at, after_redemptions=False, adopts=recorded.adopts, seen_by=recorded.seen_by)
    return recorded if recorded == same else None


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


def used(state: State, answer: Answered, intent: UseRedemptions, rules: Rules) -> Step:
    """Used without a grant: the sale may still be granted, and voided either way."""
    if answer.result == "conflict":  # a use of the same coupon stands already
        return state, cr.let_go(answer.now, intent.redemptions, cr.LET_GO, rules)
    sale_id = sale_id_of(intent.basket, rules)
    before = state.live[sale_id].used if sale_id in state.live else ()
    number = state.voided.get(sale_id, 0) + 1
    live = co.used_only(intent.basket, sale_id, (*before, *intent.redemptions), answer.event_id, answer.now.at, rules, number)
    state = with_used(replace(state, live=remembered(state.live, live)), intent.basket, intent.redemptions, rules)
    return state, cr.commits(intent.redemptions)


def with_used(state: State, basket: Basket, ones: tuple[Redemption, ...], rules: Rules) -> State:
    """The state in which these are used."""
    now_used = {one.id: one for one in ones}
    had = today_of(state, day := rules.day(basket.at))
    spent = sum(one.yen for one in ones if one.authority == "register")
    state = replace(state, redemptions=tuple(now_used.get(one.id, one) for one in state.redemptions))
    return with_today(state, day, replace(had, own_coupon_yen=had.own_coupon_yen + spent))


def granted(state: State, answer: Answered, intent: GrantPoints, rules: Rules) -> Step:
    """The store's word on a grant."""
    if answer.result == "duplicate" and intent.opens:  # the sale was on record, its grant perhaps not: the same without the sale
        return grant(state, answer.now, intent.basket, intent.card, rules, reply=intent.reply)
    if answer.result == "conflict" and (joins := answer.data.get("joins")):
        return cj.told(state, joins, intent.reply, rules)
    if answer.result == "conflict" and intent.opens and (recorded := _as_recorded(answer.data, intent.basket)):
        return grant(state, answer.now, recorded, intent.card, rules, reply=intent.reply)
    if answer.result == "conflict":
        lost = tuple(one for one in intent.used if one.code_hash and one.code_hash == answer.data.get("code_hash"))
        if not lost:
            return conflict(replace(state, basket=None), intent.reply, sale_id_of(intent.basket, rules))
        state = replace(state, redemptions=tuple(one for one in state.redemptions if one.id not in {each.id for each in lost}))
        state, again = grant(state, answer.now, intent.basket, intent.card, rules, reply=intent.reply, opens=intent.opens)
        return state, (*cr.let_go(answer.now, lost, cr.LET_GO, rules), *again)
    live = ce.live_of(answer.data, answer.event_id)
    if answer.result == "duplicate":
        left = tuple(one for one in state.redemptions if one.id not in {each.id for each in live.used})
        state = replace(state, card=None, basket=None, live={**state.live, live.sale_id: live}, redemptions=left)
        return state, (Tell("E620", result_of(live)), *cr.commits(live.used), *reply_to(intent.reply, "already", result_of(live)))
    state = with_used(state, live.basket, intent.used, rules)
    had = today_of(state, day := rules.day(live.basket.at))
    state = with_today(state, day, replace(had, slips=had.slips + intent.slips, coupons=had.coupons + intent.coupons))
    state = replace(
        state,
        card=None,
        basket=None,
        last=live,
        last_ms=answer.now.ms,
        live=remembered(state.live, live),
        redemptions=tuple(one for one in state.redemptions if not one.used),
    )
    shown = Show(_yen(live.payable), f"＋{co.points_of(live.entries):,}ポイント")
    return state, (shown, *cr.commits(intent.used), *reply_to(intent.reply, "granted", result_of(live)))


def without(state: State, live: Live, ms: int, reason: str) -> State:
    """The state after a void: the sale is open again where it was the last one, so that the right card can be scanned. Not where something was
    used up in it: that was given back, and the sale is another one now. And not where it came back: the next card is another customer's."""
    left = {sale_id: other for sale_id, other in state.live.items() if sale_id != live.sale_id}
    state = replace(state, live=left, voided={**state.voided, live.sale_id: live.number}, bounce=("", 0))
    if state.last is None or state.last.sale_id != live.sale_id:
        return state
    state = replace(state, last=None)
    return state if state.basket or live.used or reason == "returned" else replace(state, basket=live.basket, basket_ms=ms)


def remembered(live: Mapping[str, Live], new: Live) -> dict[str, Live]:
    """With one more; the oldest gives way."""
    kept = dict(list(live.items())[-(REMEMBERED_SALES - 1) :])
    return {**kept, new.sale_id: new}


def conflict(state: State, reply: int | None, sale_id: str) -> Step:
    """The same sale with other content, or another member's: void first, or look at the till's receipt numbers."""
    return state, (Tell("E607", {"sale_id": sale_id}), *reply_to(reply, "conflict", {"code": "E607", "sale_id": sale_id}))


def _waits(basket: Basket) -> Literal["waiting_for_member", "waiting_for_payment"]:
    return "waiting_for_member" if basket.paid else "waiting_for_payment"


def result_of(live: Live) -> dict[str, Any]:
    """A grant for who asks."""
    fields = {"sale_id": live.sale_id, "member": live.masked, "points": co.points_of(live.entries), "amount": live.basket.total}
    used = [{"id": one.id, "kind": one.kind, "label": one.found.label if one.found else None, "amount": one.yen} for one in live.used]
    return fields | ({"payable": live.payable, "reductions": used} if used else {})


def _yen(amount: int) -> str:
    return f"{amount:,}円"
