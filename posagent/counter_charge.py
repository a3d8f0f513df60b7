"""Owns the charge of prepaid value for the member who waits, and its void: the steps of `posagent.counter` that concern it. PURE.

Head office is asked first, holds the charge against the account's limits and tells the balance; then the charge and its slip go on record in
one transaction. Value is never paid out (資金決済法 20条): a mistaken charge is voided by a manager, on the same business date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from posagent import events as ev
from posagent.checkout import Card, Rules
from posagent.checkout_events import drafted
from posagent.counter_parts import (
    Answered,
    Asking,
    Authorise,
    Authorised,
    CancelSlips,
    ChargeAsked,
    ChargeValue,
    Commit,
    PrintJob,
    Settle,
    Show,
    State,
    Step,
    VoidAsked,
    VoidCharge,
    refusing,
    reply_to,
    today_of,
    with_today,
)
from posagent.handout import HandedSlip, slip_for_charge
from posagent.loyalty.model import SaleRejected
from posagent.loyalty.rules import Program
from posagent.loyalty.value import Charge, charge, value_account
from posagent.redeeming import Charged

TTL_S = 60
"""The answer is on record a moment later, or never."""
_DENIALS = {"unit": "E662", "min": "E662", "max": "E662", "max_balance": "E663", "no_account": "E664", "member": "E603", "program": "E600"}


def charge_asked(state: State, asked: ChargeAsked, rules: Rules) -> Step:
    """Head office is asked, unless the amount cannot be charged at all."""
    program, card = rules.program, state.card
    if program is None:
        return refusing(state, asked.reply, "E600")
    if card is None:
        return refusing(state, asked.reply, "E657")
    charge_id = _charge_id(asked, rules)
    if known := state.charges.get(charge_id):  # the answer was lost
        return state, reply_to(asked.reply, "already", fields_of(known))
    if not rules.head_office or asked.now.offline:
        return refusing(state, asked.reply, "E650")
    if asked.id in state.asking:
        return refusing(state, asked.reply, "E656")
    result = _computed(asked, card, {}, program, rules)
    if result.denied:
        return refusing(state, asked.reply, _DENIALS[result.denied], _limits(program))
    ask = Authorise(asked.id, "charge", card.member.token, "", asked.amount, charge_id, TTL_S)
    return replace(state, asking={**state.asking, asked.id: Asking(asked.now.ms, asked)}), (ask,)


def charge_authorised(state: State, word: Authorised, asked: ChargeAsked, rules: Rules) -> Step:
    """What head office said; ``state`` no longer waits for it."""
    program, card = rules.program, state.card
    if word.word == "refused":
        code = {"limit": "E663", "blocked": "E603", "merged": "E603"}.get(word.reason, "E658")
        return refusing(state, asked.reply, code, _limits(program) if program else {})
    result = _computed(replace(asked, now=word.now), card, word.balances, program, rules) if card and program else Charge("member")
    if word.word == "unknown" or card is None or program is None or result.denied:
        code = "E656" if word.word == "unknown" else "E657" if card is None else _DENIALS[result.denied or "program"]
        refused = refusing(state, asked.reply, code)
        return refused[0], (*refused[1], Settle(word.id, "release"))
    return _commit(state, word, asked, card, result, program, rules)


def _computed(asked: ChargeAsked, card: Card, balances: Mapping[str, int], program: Program, rules: Rules) -> Charge:
    member = replace(card.member, balances=dict(balances), status="active" if card.member.status == "unverified" else card.member.status)
    try:
        return charge(program, rules.register, asked.now.at, asked.amount, member, (asked.tender,))
    except SaleRejected:
        return Charge("max")


def _commit(state: State, word: Authorised, asked: ChargeAsked, card: Card, result: Charge, program: Program, rules: Rules) -> Step:
    now, account = word.now, value_account(program)
    day = rules.day(now.at)
    paid, *free = result.entries
    bonus = sum(entry.delta for entry in free if entry.account == "bonus")
    balance = word.balances.get(paid.account, 0) + paid.delta
    slips: tuple[HandedSlip, ...] = ()
    if rules.stationery and account:
        number = today_of(state, day).slips + 1
        slips = (
            slip_for_charge(
                rules.stationery, account, card.masked, paid.delta, bonus, balance, paid.expires, number, now.at, date.fromisoformat(day),
                asked.operator,
            ),
        )  # fmt: skip
    charged = drafted(
        now, rules, ev.VALUE_CHARGED, f"charge/{asked.id}",
        member=card.member.token, sale_id=_charge_id(asked, rules), source=card.source, operator=asked.operator,
        entries=[{"account": entry.account, "delta": entry.delta} | ({"expires": entry.expires.isoformat()} if entry.expires else {})
                 for entry in result.entries],
        data={"masked": card.masked, "amount": paid.delta, "bonus": bonus, "tender": asked.tender, "hold_id": asked.id,
              "limits": _limits(program)},
        trace={"slips": [slip.serial for slip in slips], "balance": balance},
    )  # fmt: skip
    jobs = tuple(PrintJob(slip.serial, slip.document) for slip in slips)
    return state, (Commit((charged,), ChargeValue(asked.id, len(slips), asked.reply), jobs),)


def charged_now(state: State, answer: Answered, intent: ChargeValue) -> Step:
    """It is on record."""
    if answer.result == "conflict":
        refused = refusing(state, intent.reply, "E656")
        return refused[0], (*refused[1], Settle(intent.hold, "release"))
    done = charged_of(answer.data, answer.event_id)
    balance = answer.data["trace"]["balance"]
    state = with_charge(replace(state, card_ms=answer.now.ms), done)
    fields = fields_of(done) | {"balance": balance, "bonus": answer.data["bonus"]}
    told = (Show(f"チャージ {done.amount:,}円", f"残高 {balance:,}円"), Settle(intent.hold, "commit"))
    return state, (*told, *reply_to(intent.reply, "already" if answer.result == "duplicate" else "charged", fields))


def void_asked(state: State, asked: VoidAsked, charge: Charged, rules: Rules) -> Step:
    """Only by a manager, on the same business date, and with head office there: it takes value from the member."""
    if asked.role != "manager":
        return refusing(state, asked.reply, "E613")
    if rules.day(asked.now.at) != charge.business_date:
        return refusing(state, asked.reply, "E665")
    if asked.now.offline:
        return refusing(state, asked.reply, "E650")
    void = drafted(
        asked.now, rules, ev.VALUE_VOIDED, f"{charge.charge_id}/void",
        member=charge.token, sale_id=charge.charge_id, ref=charge.event_id, reason=asked.reason, operator=asked.operator, role=asked.role,
        entries=[{**entry, "delta": -entry["delta"]} for entry in charge.entries],
        data={"masked": charge.masked, "amount": charge.amount},
    )  # fmt: skip
    return state, (Commit((void,), VoidCharge(charge, asked.reply)),)


def voided_now(state: State, intent: VoidCharge) -> Step:
    """It is on record."""
    return without_charge(state, intent.charge.charge_id), (
        CancelSlips(intent.charge.slips),
        *reply_to(intent.reply, "voided", fields_of(intent.charge)),
    )


# ---------------------------------------------------------------- records


def charged_of(data: Mapping[str, Any], event_id: str) -> Charged:
    """Back from the event."""
    return Charged(
        data["sale_id"], event_id, data["member"], data["masked"], data["business_date"], data["amount"], tuple(data["entries"]),
        tuple(data["trace"]["slips"]), datetime.fromisoformat(data["trace"]["at"]),
    )  # fmt: skip


def with_charge(state: State, one: Charged) -> State:
    """The state in which it stands; of earlier business dates nothing can be voided, so they are forgotten."""
    had = today_of(state, one.business_date)
    kept = {charge_id: other for charge_id, other in state.charges.items() if other.business_date == one.business_date}
    newest = max((int(serial.rsplit("-", 1)[1]) for serial in one.slips), default=0)
    state = replace(state, charges={**kept, one.charge_id: one})
    return with_today(state, one.business_date, replace(had, slips=max(had.slips, newest)))


def without_charge(state: State, charge_id: str) -> State:
    """The state after its void."""
    return replace(state, charges={other: charge for other, charge in state.charges.items() if other != charge_id})


def fields_of(one: Charged) -> dict[str, Any]:
    """For who asks."""
    return {"sale_id": one.charge_id, "member": one.masked, "amount": one.amount}


def _charge_id(asked: ChargeAsked, rules: Rules) -> str:
    """What a void names: like a sale's id, with the hold's in place of the receipt."""
    return f"{rules.place.store}-{rules.place.register}-{rules.day(asked.now.at)}-c{asked.id.replace('-', '')[:20]}"


def _limits(program: Program) -> dict[str, Any]:
    account = value_account(program)
    limits = account.charge if account else None
    return {"unit": limits.unit, "min": limits.min, "max": limits.max, "max_balance": limits.max_balance} if limits else {}
