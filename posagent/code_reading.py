"""Owns what a scanned or typed text means to the counter: a member's card, a coupon, or a code that opens no checkout."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from posagent.checkout import Card, Now, Rules
from posagent.counter_parts import CodeSeen, Scanned, State
from posagent.errors import PosagentError
from posagent.events import Source
from posagent.loyalty.masking import mask_code
from posagent.member_code import Ambiguous, Coupon, Member, Product, Refused, Rule, Staff, classify
from posagent.members import MemberDirectory
from posagent.timed_codes import NotTaken, Record, TimedCodes


class CodeReading:
    """``present``: whoever looks a coupon's code up and brings it to the counter; it must not block."""

    def __init__(
        self, rules: tuple[Rule, ...], members: MemberDirectory, timed: TimedCodes, record: Record, present: Callable[[str], None]
    ) -> None:
        self._rules, self._members, self._timed, self._record, self._present = rules, members, timed, record, present

    def read(self, text: str, aim: str | None, source: Source, now: Now, state: State, rules: Rules) -> Scanned | CodeSeen | None:
        """The counter's input; None: nothing to do (the same gesture again, or a coupon that is being looked up)."""
        scan_id = str(uuid.uuid4())
        verdict = classify(text, aim, self._rules)
        match verdict:
            case Member():
                card = Card(self._members.find(verdict.number), mask_code(verdict.number), source, scan_id)
                admitted = card if verdict.timed == "no" else self._timed_card(text, aim, verdict, card, now, state, rules)
                if isinstance(admitted, Card):
                    return Scanned(now, admitted)
                if admitted is None:
                    return None
                code, why = admitted.code, admitted.why
            case Coupon():
                self._present(verdict.code)
                return None
            case Ambiguous():
                code, why = "E605", "two rules fit"
            case Product():
                code, why = "E602", "product"
            case Staff():
                code, why = "E602", "staff"
            case Refused(reason=reason):
                code, why = ("E604" if reason == "check_digit" else "E602"), reason
        return CodeSeen(now, scan_id, code, mask_code(text), why)

    def _timed_card(
        self, text: str, aim: str | None, verdict: Member, card: Card, now: Now, state: State, rules: Rules
    ) -> Card | NotTaken | None:
        try:
            return self._timed.admit(text, aim, verdict, card, now, state, rules, self._record)
        except PosagentError as trouble:
            return NotTaken(trouble.code, "not recorded")
