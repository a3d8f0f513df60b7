"""Owns how something is kept for the open sale, used with it, or let go: the steps of `posagent.counter` that concern redemptions. PURE.

::

    asked ──► head office is asked (State.asking) ──► held ──► Commit(hold.placed) ──► kept ──► with the paid sale: used, in its transaction
      │                              │ refused, unknown                                  │
      └── a coupon of this register ─┴─ a coupon of this register, within its limits ────┘        sale gone, time over, asked for: let go

Nothing is told before it is on record, and nothing is used before it is told. A hold whose sale ends without it is let go with the words that
the discount does not stand; head office is told afterwards, and frees what it never hears of by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from posagent.checkout import Basket, Card, Now, Rules, sale_id_of
from posagent.counter_charge import charge_authorised
from posagent.counter_parts import (
    Answered,
    Asking,
    Authorise,
    Authorised,
    ChargeAsked,
    Commit,
    Effect,
    KeepRedemption,
    LetGo,
    RedeemAsked,
    ReleaseAsked,
    Settle,
    State,
    Step,
    Tell,
    UseRedemptions,
    refusing,
    reply_to,
    today_of,
)
from posagent.events import Draft
from posagent.loyalty.describe import benefit_words
from posagent.loyalty.model import Refusal, Sale, SaleRejected
from posagent.loyalty.offline import Situation, offline_allows
from posagent.loyalty.reductions import redeem_limit
from posagent.loyalty.rules import Program
from posagent.loyalty.value import value_account
from posagent.redeeming import FoundCoupon, Reckoning, Redemption, Share, fields_of, points_account, reckon, taken
from posagent.redemption_events import hold_placed, hold_released, used

TTL_S = 900
"""What head office is asked to keep a hold for: the longest that it grants. An uncommitted hold frees itself then."""
KEPT_MS = (TTL_S - 60) * 1000
"""A sale with something kept for it may take so long: the register lets go before head office does."""
AUTHORISE_MS = 2_500
"""Given up after so long: the shell's own deadline for the call (`posagent.authorise.ASK_S`) and a little more."""
LET_GO = "E653"

_REFUSALS: dict[Refusal, str] = {
    "unknown": "E643", "blocked": "E661", "not_yet": "E645", "expired": "E644", "used": "E646", "reach": "E647",
    "when": "E648", "no_line": "E648", "no_effect": "E648", "group": "E649",
}  # fmt: skip
_AUTHORITY: dict[str, str] = {
    "unknown": "E643", "void": "E643", "not_yet": "E645", "expired": "E644", "used": "E646", "held_elsewhere": "E646", "reach": "E647",
    "other_member": "E661", "short": "E651", "limit": "E652", "blocked": "E603", "merged": "E603",
}  # fmt: skip
"""Head office's reasons."""


def code_of(reason: str) -> str:
    """The message for head office's reason; one that this version does not know is a plain refusal."""
    return _AUTHORITY.get(reason, "E658")


def refusal_code(refusal: Refusal) -> str:
    """The message for the rules' reason."""
    return _REFUSALS[refusal]


def sale_of(now: Now, basket: Basket, rules: Rules) -> Sale:
    """The sale before anything is taken off."""
    return Sale(sale_id_of(basket, rules), basket.at, basket.lines, rules.operator, clock_ok=now.clock_ok)


def kept_for(state: State, basket: Basket | None) -> tuple[Redemption, ...]:
    """What is kept for a sale, or used in it already."""
    return tuple(one for one in state.redemptions if basket is not None and one.sale_key in (basket.key, basket.adopts))


def reckoned(now: Now, state: State, basket: Basket, program: Program, rules: Rules, more: tuple[Redemption, ...] = ()) -> Reckoning:
    """The open sale with all that is kept for it. Raises SaleRejected."""
    member = state.card.member if state.card else None
    return reckon(program, rules.register, sale_of(now, basket, rules), member, (*kept_for(state, basket), *more))


# ---------------------------------------------------------------- asked


def redeem_asked(state: State, asked: RedeemAsked, rules: Rules) -> Step:
    """Head office is asked, or this register answers for its own coupon, or nobody can."""
    basket, program = state.basket, rules.program
    if program is None:
        return refusing(state, asked.reply, "E600")
    if basket is None or basket.paid:
        return refusing(state, asked.reply, "E640" if basket is None else "E641", _told_of(asked.found, program))
    if again := next((one for one in state.redemptions if one.id == asked.id), None):  # the answer was lost
        return state, reply_to(asked.reply, "redeemed", _told(asked.now, state, basket, again, program, rules))
    if asked.id in state.asking:
        return refusing(state, asked.reply, "E656")
    if asked.reply is None and asked.kind == "coupon" and asked.code_hash in _shown(state):  # the scanner read it twice
        return state, ()
    if code := _cannot(state, asked):
        return refusing(state, asked.reply, code)
    if asked.kind != "coupon" and ((limit := _most(asked, state, basket, program, rules)) != asked.amount or not limit):
        return refusing(state, asked.reply, "E652", {"limit": limit})
    if not rules.head_office or asked.now.offline:
        return _on_own_authority(state, asked, "E642" if rules.head_office else "E643", rules)
    member = state.card.member.token if state.card else None
    ask = Authorise(asked.id, asked.kind, member, asked.code_hash, asked.amount, sale_id_of(basket, rules), TTL_S)
    return replace(state, asking={**state.asking, asked.id: Asking(asked.now.ms, asked)}), (ask,)


def _told_of(found: FoundCoupon | None, program: Program) -> dict[str, Any]:
    """A coupon that cannot be used yet, for the cashier: what it is, and what it is worth."""
    rule = program.coupon_rule(found.coupon.definition) if found else None
    if found is None or rule is None:
        return {"label": found.label if found else ""}
    benefit = {"ja": benefit_words(rule.benefit, lambda ja, _: ja), "en": benefit_words(rule.benefit, lambda _, en: en)}
    return {"label": found.label, "benefit": benefit}


def _shown(state: State) -> set[str]:
    """Coupons that are in the sale, or on their way into it."""
    asked = {one.asked.code_hash for one in state.asking.values() if isinstance(one.asked, RedeemAsked)}
    return {one.code_hash for one in state.redemptions} | asked


def _cannot(state: State, asked: RedeemAsked) -> str:
    """Why it need not even be asked."""
    pending = [one.asked for one in state.asking.values() if isinstance(one.asked, RedeemAsked)]
    if asked.kind == "coupon":
        return "E649" if asked.code_hash in _shown(state) else ""
    if state.card is None:
        return "E657"
    if state.card.member.status == "earn_only":
        return "E603"
    return "E649" if asked.kind in [*(one.kind for one in state.redemptions), *(one.kind for one in pending)] else ""


def _most(asked: RedeemAsked, state: State, basket: Basket, program: Program, rules: Rules) -> int:
    """The amount that was asked for where the sale takes it, else the most that it would take. The balance is head office's question."""
    try:
        payable = reckoned(asked.now, state, basket, program, rules).payable
    except SaleRejected:
        return 0
    if asked.kind == "value":
        return min(asked.amount, payable) if value_account(program) else 0
    account = points_account(program)
    return redeem_limit(account.redeem, asked.amount, payable)[0] if account and account.redeem else 0


def _on_own_authority(state: State, asked: RedeemAsked, otherwise: str, rules: Rules) -> Step:
    """This register answers for a coupon that it issued itself, within its limits; for nothing else."""
    program, basket = rules.program, state.basket
    if asked.kind != "coupon":
        return refusing(state, asked.reply, "E650")
    if asked.found is None or program is None or basket is None:
        return refusing(state, asked.reply, otherwise)
    one = Redemption(asked.id, "coupon", "register", basket.key, member=asked.found.coupon.member, found=asked.found, kept_ms=asked.now.ms)
    share, code = _worth(asked.now, state, basket, one, program, rules)
    if share is None:
        return refusing(state, asked.reply, code)
    own = [kept for kept in kept_for(state, basket) if kept.authority == "register"]
    before = _own_worth(asked.now, state, basket, own, program, rules)
    today = today_of(state, rules.day(basket.at)).own_coupon_yen
    limits = program.offline
    situation = Situation(own=True, same_day=True, yen=before + share.amount, yen_before=today)
    if not offline_allows(limits, "coupon.redeem", situation).allow:
        return refusing(state, asked.reply, "E654", {"limit": limits.coupon_value_per_sale})
    return _keep(state, asked.now, basket, one, asked.reply, rules)


def _own_worth(now: Now, state: State, basket: Basket, own: list[Redemption], program: Program, rules: Rules) -> int:
    shares = reckoned(now, state, basket, program, rules).shares if own else {}
    return sum(shares[one.id].amount for one in own if one.id in shares)


def _worth(now: Now, state: State, basket: Basket, one: Redemption, program: Program, rules: Rules) -> tuple[Share | None, str]:
    """What it does in the sale, or the code of why it does nothing. One that would push another out is refused itself."""
    try:
        reckoning = reckoned(now, state, basket, program, rules, (one,))
    except SaleRejected:
        return None, "E622"
    if one.id in reckoning.refused:
        return None, _REFUSALS[reckoning.refused[one.id]]
    if any(kept.id in reckoning.refused for kept in kept_for(state, basket)):
        return None, "E649"
    return reckoning.shares[one.id], ""


def _keep(state: State, now: Now, basket: Basket, one: Redemption, reply: int | None, rules: Rules) -> Step:
    return state, (Commit((hold_placed(now, basket, one, TTL_S, rules),), KeepRedemption(one, reply)),)


# ---------------------------------------------------------------- head office's word


def authorised(state: State, word: Authorised, rules: Rules) -> Step:
    """What head office said to `redeem_asked`, or that it said nothing in time."""
    waiting = state.asking.get(word.id)
    if waiting is None:  # given up, or of an earlier life
        return state, (Settle(word.id, "release"),) if word.word != "refused" else ()
    state = replace(state, asking={hold: other for hold, other in state.asking.items() if hold != word.id})
    if isinstance(waiting.asked, ChargeAsked):
        return charge_authorised(state, word, waiting.asked, rules)
    asked, basket, program = replace(waiting.asked, now=word.now), state.basket, rules.program
    if basket is None or basket.paid or program is None:  # the sale went on without it
        refused = refusing(state, asked.reply, "E640")
        return refused[0], (*refused[1], Settle(word.id, "release"))
    match word.word:
        case "held":
            return _held(state, word, asked, basket, program, rules)
        case "refused" if asked.found and word.reason == "unknown":  # it has not heard of a coupon that was issued here a moment ago
            return _on_own_authority(state, asked, "E643", rules)
        case "refused":
            code = "E651" if word.reason == "unknown" and asked.kind != "coupon" else code_of(word.reason)
            return refusing(state, asked.reply, code, {"limit": asked.amount})
        case _ if asked.found:  # nobody answers; should head office hold it all the same, it frees it
            state, effects = _on_own_authority(state, asked, "E656", rules)
            return state, (*effects, Settle(word.id, "release"))
        case _:
            refused = refusing(state, asked.reply, "E656")
            return refused[0], (*refused[1], Settle(word.id, "release"))


def _held(state: State, word: Authorised, asked: RedeemAsked, basket: Basket, program: Program, rules: Rules) -> Step:
    member = state.card.member.token if state.card else None
    account = points_account(program)
    rate = account.redeem.yen if account and account.redeem else 1
    yen = {"coupon": 0, "points": asked.amount * rate, "value": asked.amount}[asked.kind]
    found = (word.coupon or asked.found) if asked.kind == "coupon" else None
    one = Redemption(asked.id, asked.kind, "cloud", basket.key, asked.amount, yen, member, found, word.lots, word.now.ms)
    share, code = (None, "E658") if asked.kind == "coupon" and found is None else _worth(word.now, state, basket, one, program, rules)
    if share is None:
        refused = refusing(state, asked.reply, code)
        return refused[0], (*refused[1], Settle(asked.id, "release"))
    return _keep(state, word.now, basket, one, asked.reply, rules)


def given_up(state: State, now: Now, rules: Rules) -> Step:
    """What head office was asked too long ago counts as not answered."""
    effects: list[Effect] = []
    for hold, waiting in state.asking.items():
        if now.ms - waiting.since_ms > AUTHORISE_MS:
            state, more = authorised(state, Authorised(now, hold, "unknown"), rules)
            effects += more
    return state, tuple(effects)


# ---------------------------------------------------------------- let go


def release_asked(state: State, asked: ReleaseAsked, rules: Rules) -> Step:
    """The cashier takes it off the open sale."""
    one = next((each for each in state.redemptions if each.id == asked.id and not each.used), None)
    if one is None:
        return refusing(state, asked.reply, "E659")
    return state, (Commit((hold_released(asked.now, one, "asked", rules),), LetGo((one,), "", asked.reply)),)


def let_go(now: Now, ones: tuple[Redemption, ...], why: str, rules: Rules) -> tuple[Effect, ...]:
    """Effects that let redemptions go with words for the cashier."""
    return (Commit(tuple(hold_released(now, one, why, rules) for one in ones), LetGo(ones, why, None)),) if ones else ()


def outlived(state: State, now: Now) -> tuple[Redemption, ...]:
    """What is kept for a sale that is not open any more, or for longer than head office holds it."""
    open_ones = kept_for(state, state.basket)
    kept = (one for one in state.redemptions if not one.used)
    return tuple(one for one in kept if one not in open_ones or (one.authority == "cloud" and now.ms - one.kept_ms > KEPT_MS))


def without_spent(state: State) -> State:
    """What was used in a sale that is not open any more stands with that sale, not here."""
    open_ones = kept_for(state, state.basket)
    left = tuple(one for one in state.redemptions if not one.used or one in open_ones)
    return state if len(left) == len(state.redemptions) else replace(state, redemptions=left)


# ---------------------------------------------------------------- used


@dataclass(frozen=True, slots=True)
class Using:
    """What a paid sale uses: its redemptions as used, their events, and the sale as it was reckoned with them."""

    ones: tuple[Redemption, ...]
    drafts: tuple[Draft, ...]
    reckoning: Reckoning


def using(now: Now, state: State, basket: Basket, card: Card | None, program: Program, rules: Rules) -> Using:
    """With what is kept for the sale and not used yet; what the sale does not take any more is left over. Raises SaleRejected."""
    member = card.member if card else None
    all_kept = kept_for(state, basket)
    reckoning = reckon(program, rules.register, sale_of(now, basket, rules), member, all_kept)
    fresh = [one for one in all_kept if not one.used and one.id in reckoning.shares]
    ones = tuple(taken(one, reckoning.shares[one.id], program) for one in fresh)
    token = member.token if member else None
    return Using(ones, tuple(used(now, basket, one, reckoning.shares[one.id], token, rules) for one in ones), reckoning)


def use_now(state: State, now: Now, basket: Basket, rules: Rules, reply: int | None) -> tuple[Effect, ...]:
    """A paid sale uses what is kept for it although nothing can be granted yet; nothing where nothing is kept."""
    if rules.program is None or not any(not one.used for one in kept_for(state, basket)):
        return ()
    try:
        found = using(now, state, basket, state.card, rules.program, rules)
    except SaleRejected:
        return ()
    return (Commit(found.drafts, UseRedemptions(basket, found.ones, reply)),) if found.ones else ()


def commits(ones: tuple[Redemption, ...]) -> tuple[Effect, ...]:
    """Head office hears at once that the event is on its way."""
    return tuple(Settle(one.id, "commit") for one in ones if one.authority == "cloud")


def freed(ones: tuple[Redemption, ...]) -> tuple[Effect, ...]:
    """Head office hears that it need not keep them."""
    return tuple(Settle(one.id, "release") for one in ones if one.authority == "cloud")


# ---------------------------------------------------------------- the store's answers


def now_kept(state: State, answer: Answered, intent: KeepRedemption, rules: Rules) -> Step:
    """It is on record: now it may be told."""
    one, basket = intent.redemption, state.basket
    if answer.result == "conflict" or basket is None or rules.program is None:
        refused = refusing(state, intent.reply, "E656")
        return refused[0], (*refused[1], Settle(one.id, "release"))
    state = replace(state, redemptions=(*state.redemptions, one), basket_ms=answer.now.ms, card_ms=answer.now.ms)
    return state, reply_to(intent.reply, "redeemed", _told(answer.now, state, basket, one, rules.program, rules))


def now_released(state: State, answer: Answered, intent: LetGo, rules: Rules) -> Step:
    """It is on record that they are not kept any more."""
    gone = {one.id for one in intent.redemptions}
    state = replace(state, redemptions=tuple(one for one in state.redemptions if one.id not in gone))
    told = tuple(Tell(intent.why, {"label": label_of(one), "amount": one.amount}) for one in intent.redemptions) if intent.why else ()
    fields: dict[str, Any] = {"id": next(iter(gone))}
    if state.basket is not None and rules.program is not None:
        fields |= _sale_fields(answer.now, state, state.basket, rules.program, rules)
    return state, (*told, *freed(intent.redemptions), *reply_to(intent.reply, "released", fields))


def label_of(one: Redemption) -> str:
    """A name for the cashier."""
    return one.found.label if one.found else {"points": "ポイント", "value": "チャージ残高", "coupon": ""}[one.kind]


def _told(now: Now, state: State, basket: Basket, one: Redemption, program: Program, rules: Rules) -> dict[str, Any]:
    reckoning = reckoned(now, state, basket, program, rules)
    share = reckoning.shares.get(one.id, Share(0))
    all_kept = kept_for(state, basket)
    named = {"id": one.id, "kind": one.kind, "label": one.found.label if one.found else None, "gift": share.gift, "authority": one.authority}
    fields = fields_of(reckoning, all_kept, basket.lines, one if one.id in reckoning.shares else None)
    return {**named, **fields, "amount": share.amount, "sale_id": sale_id_of(basket, rules)}


def _sale_fields(now: Now, state: State, basket: Basket, program: Program, rules: Rules) -> dict[str, Any]:
    try:
        return fields_of(reckoned(now, state, basket, program, rules), kept_for(state, basket), basket.lines)
    except SaleRejected:
        return {}
