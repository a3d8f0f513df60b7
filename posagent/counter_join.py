"""Owns how a sale that comes by two doors stays one: a typed amount and the till's receipt, a display's total and the receipt after it. PURE.

A receipt is told from the next customer's by three things: the amount is the same, the earlier sale has no receipt of its own yet, and it comes
by another door, which has not told it yet, within the pairing window. Once a receipt has come for a sale no second one joins it. Where a card
waits already the receipt may be that customer's: then it only pre-fills, and a person confirms it.
"""

from __future__ import annotations

from dataclasses import replace

from posagent import checkout_events as ce
from posagent import counter_redeem as cr
from posagent.checkout import Basket, Now, Rules, sale_id_of
from posagent.counter_parts import Answered, Commit, ConfirmAsked, JoinSale, State, Step, refusing, reply_to

_TOLD = {"typed", "api"}


def captured(basket: Basket) -> bool:
    """Whether a door read it, so that it is neither a person's word nor the POS's own."""
    return basket.door not in _TOLD


def proposed(basket: Basket) -> bool:
    """Whether it waits for somebody to say that the amount is right and paid."""
    return captured(basket) and not basket.paid


def same_sale(state: State, basket: Basket, now: Now, rules: Rules) -> Basket | None:
    """The sale that this one is already; None: it is another."""
    waiting, last = state.basket, state.last
    if waiting is not None:
        if not waiting.paid or waiting.key == basket.key or waiting.total != basket.total or cr.kept_for(state, waiting):
            return None
        typed_again = basket.door == "typed" and basket.paid and captured(waiting)
        return waiting if typed_again or _receipt_of(waiting, basket) else None
    if last is None or now.ms - state.last_ms > rules.pair_window_ms or not _receipt_of(last.basket, basket):
        return None
    return last.basket if basket.total in {last.basket.total, last.payable} else None


def _receipt_of(earlier: Basket, basket: Basket) -> bool:
    return captured(basket) and earlier.receipt_no is None and basket.door not in {earlier.door, earlier.seen_by}


def typed_over(state: State, basket: Basket) -> Basket:
    """A typed sale, with the door whose word it replaces."""
    waiting = state.basket
    over = basket.door == "typed" and waiting is not None and captured(waiting)
    return replace(basket, seen_by=waiting.door) if over and waiting is not None else basket


def join(state: State, now: Now, basket: Basket, earlier: Basket, reply: int | None, rules: Rules) -> Step:
    """Puts on record that they are one."""
    sale_id = sale_id_of(earlier, rules)
    return state, (Commit((ce.sale_seen(now, basket, rules, joins=sale_id),), JoinSale(sale_id, basket.receipt_no or "", reply)),)


def joined_now(state: State, answer: Answered, intent: JoinSale, rules: Rules) -> Step:
    """It is on record, now or since an earlier time; or what came was a sale of its own before, and is not this one."""
    if answer.result == "conflict":
        return told(state, answer.data.get("joins") or answer.data["sale_id"], intent.reply, rules)
    return told(with_receipt(state, intent.sale_id, intent.receipt_no, rules), intent.sale_id, intent.reply, rules)


def told(state: State, sale_id: str, reply: int | None, rules: Rules) -> Step:
    """The answer to who tells a sale that has joined another."""
    if state.basket is not None and sale_id_of(state.basket, rules) == sale_id:
        return state, reply_to(reply, "waiting_for_member", {"sale_id": sale_id, "amount": state.basket.total})
    live = state.live.get(sale_id)
    return state, reply_to(reply, "already", {"sale_id": sale_id, **({"amount": live.basket.total} if live else {})})


def with_receipt(state: State, sale_id: str, receipt_no: str, rules: Rules) -> State:
    """The state in which a sale has its receipt; "": one without a number."""
    if state.basket is not None and sale_id_of(state.basket, rules) == sale_id:
        return replace(state, basket=_named(state.basket, receipt_no))
    live = state.live.get(sale_id)
    if live is None:
        return state
    named = replace(live, basket=_named(live.basket, receipt_no))
    last = named if state.last is not None and state.last.sale_id == sale_id else state.last
    return replace(state, live={**state.live, sale_id: named}, last=last)


def _named(basket: Basket, receipt_no: str) -> Basket:
    return replace(basket, receipt_no=receipt_no) if basket.receipt_no is None else basket


def confirmed(state: State, asked: ConfirmAsked, rules: Rules) -> Basket | Step:
    """The open sale as paid, where it is the one and the amount that was on the page; else the step that says what is there now."""
    live, basket = state.live.get(asked.sale_id), state.basket
    if live is not None and live.token and live.basket.total == asked.total:  # the answer was lost
        return state, reply_to(asked.reply, "already", {"sale_id": live.sale_id, "member": live.masked, "amount": live.basket.total})
    if basket is None or sale_id_of(basket, rules) != asked.sale_id or basket.total != asked.total:
        return refusing(state, asked.reply, "E678", {"amount": f"{basket.total:,}" if basket else "—"})
    return replace(basket, paid=True)
