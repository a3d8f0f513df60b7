"""Owns a time-limited member code at the till: it is judged, and one copied screen is worth one checkout.

The memory of used codes is the journal itself: every code that is taken goes on record under a business key of its own before the counter
hears of it, so that the second try is a key that stands already, also after a restart and after days without a clock. What this register
cannot judge (a one-time password, a signature without a public key) goes on record for the receiver: ``verify = "deferred"``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from offline_queue.errors import KeyConflict
from offline_queue.events import Stored
from posagent.checkout import Card, Now, Rules
from posagent.counter_parts import State
from posagent.events import MEMBER_SEEN, Draft, draft
from posagent.member_code import Member, Rule, parse_token
from posagent.member_code.symbologies import normalise
from posagent.token_codes import Seen, Token, TokenRefused, Why, judge

Verify = Callable[[bytes, bytes], bool]
Record = Callable[[Draft], Stored]
"""Stores and waits for the disk. Raises KeyConflict, and PosagentError where nothing can be stored."""

_CODES: dict[Why, str] = {"expired": "E616", "ahead": "E619", "replayed": "E617", "scope": "E602", "signature": "E618"}


@dataclass(frozen=True, slots=True)
class NotTaken:
    """``code`` of the message catalogue; ``why`` for the record."""

    code: str
    why: str


class TimedCodes:
    """``scope``: this shop's in signed codes ("" takes any). ``verify`` None: no public key here. ``clock_ok``: may the time be judged now?"""

    def __init__(self, rules: Sequence[Rule], scope: str, verify: Verify | None, clock_ok: Callable[[], bool]) -> None:
        self._rules = {rule.name: rule for rule in rules if rule.timed != "no"}
        self._scope, self._verify, self._clock_ok = scope, verify, clock_ok
        self._last = ("", 0)

    def admit(
        self, text: str, aim: str | None, verdict: Member, card: Card, now: Now, state: State, rules: Rules, record: Record
    ) -> Card | NotTaken | None:
        """The card as it may go to the counter, marked with what is still to be verified; None: the same gesture again, nothing to do.

        Raises PosagentError where the code could not be put on record; it then counts as never shown."""
        token = parse_token(self._rules[verdict.rule], normalise(text, aim)[0])
        if token is None:
            return NotTaken("E602", "pattern")
        if self._last[0] == token.digest and now.ms - self._last[1] < rules.bounce_ms:
            return None
        judged = judge(
            token,
            now_s=int(now.at.timestamp()),
            clock_ok=now.clock_ok and self._clock_ok(),
            seen=Seen(),  # the journal remembers
            scope=self._scope,
            verify=self._verify,
        )
        if isinstance(judged, TokenRefused):
            return NotTaken(_CODES[judged.why], judged.why)
        card = replace(card, verify=judged.verify, clock_unsure=judged.clock_unsure)
        try:
            record(_taken(token, card, now, rules))
        except KeyConflict as used:
            return _again(used.stored.data, card, now, state, rules)
        self._last = (token.digest, now.ms)
        return card


def _again(first: Any, card: Card, now: Now, state: State, rules: Rules) -> NotTaken | None:
    """A code that stands on record: harmless while its own checkout is open or has just ended, else a copy."""
    if state.card and state.card.scan_id == first.get("scan_id"):
        return None
    if state.last and not state.basket and state.last.token == card.member.token and now.ms - state.last_ms < rules.repeat_ms:
        return NotTaken("E620", "just granted")
    return NotTaken(_CODES["replayed"], "replayed")


def _taken(token: Token, card: Card, now: Now, rules: Rules) -> Draft:
    """The record of a code that is taken. Its key has no date: the same code is the same code tomorrow. The member's number is not in it."""
    at = now.at.isoformat(timespec="milliseconds")
    said: dict[str, Any] = {"masked": card.masked, "scan_id": card.scan_id, "verify": card.verify, "issued_s": token.issued_s}
    if card.clock_unsure:
        said["clock_unsure"] = True
    if card.verify == "deferred":
        said["proof"] = _proof(token)
    return draft(
        MEMBER_SEEN,
        place=rules.place,
        idemkey=f"token/{rules.place.register}/{token.digest}",
        at=at,
        business_date=rules.day(now.at),
        operator=rules.operator,
        role="staff",
        program=rules.register.program,
        member=card.member.token,
        source=card.source,
        offline=now.offline,
        data=said,
        trace={"at": at},
    )


def _proof(token: Token) -> dict[str, str]:
    """What the receiver needs to verify, together with the member's number, which it knows: of V1.<member>.<stamp>.<scope> all but that."""
    if not token.signature:
        return {"form": "window", "otp": token.otp}
    version, _, stamp, scope = token.signed.decode("ascii").split(".")
    return {"form": "signed", "version": version, "stamp": stamp, "scope": scope, "signature": token.signature.hex()}
