"""Owns what the receiver understands of one event: who, what, which business key and which entries; or why it is set aside.

A well-formed JSON object is never refused here: what cannot be counted is ``rejected`` with its reason, kept, and shown to people. Only bytes
that are not a JSON object make the whole batch unreadable (WireError), which is the register's cue to halve it and to withhold that one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from offline_queue.errors import WireError
from offline_queue.wire import FRAMING, TOO_LARGE, business_digest, decode_event
from posagent import events

MAX_DELTA = 999_999_990  # result of one rule, loyalty rules 3.1
MAX_ENTRIES = 100
MAX_TEXT = 200
ENTRIES_NEVER = frozenset(  # types whose entries, if any came, would be a mistake of the register
    {events.HOLD_PLACED, events.HOLD_RELEASED, events.MEMBER_SEEN, events.PROGRAM_APPLIED, events.DAY_CHECKED, events.DAY_CLOSED}
)

LOTS_ALWAYS = frozenset({events.POINTS_REDEEMED, events.VALUE_SPENT, events.VALUE_CHARGED})  # their entries move lots, also unnamed ones
SAID = LOTS_ALWAYS | {  # types that `posagent.cloud.settle` reads more of
    events.COUPON_ISSUED, events.COUPON_PRINTED, events.COUPON_REDEEMED, events.COUPON_VOIDED, events.SALE_VOIDED, events.MEMBER_SEEN,
    events.HOLD_RELEASED,
}  # fmt: skip

_VISITS = {events.SALE_GRANTED: 1, events.SALE_VOIDED: -1, events.SALE_REFUNDED: 0}

_TEXT = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]*")  # neither PostgreSQL nor a page can hold NUL or a lone surrogate
_DATE = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
NAME = re.compile(r"[A-Za-z0-9._@-]{1,64}")


class _Reject(Exception):
    """The event cannot be counted; carries the problem."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event happened."""

    tenant: str
    store: str
    register: str


NOWHERE = Place("?", "?", "?")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the receiver understood. ``problem`` is empty for an event that can be counted."""

    problem: str
    place: Place
    event_id: str | None = None
    idem: str | None = None
    type: str | None = None
    member: str | None = None
    occurred: str | None = None
    entries: tuple[tuple[str, int], ...] = ()  # (account, delta), one per account, sorted
    ref: str | None = None
    lots: tuple[LotMove, ...] = ()
    day: str = ""  # business date, as the register says it
    visit: tuple[int, int, int] | None = None  # (spend, points, visits) that a sale adds to its member's activity, or takes back
    said: Mapping[str, Any] = field(default_factory=dict)  # ``data`` where more of it is read; untrusted


LotMove = tuple[str, str | None, int, str | None]
"""(account, lot, delta, expires) of an entry that says until when, or of which lot; lot None: it says neither."""


def read(body: bytes, home: Place | None) -> Reading:
    """Understands one line. ``home``: where the sending register is enrolled; None where registers need no enrolment. A register may speak
    for another register of its company (a hub, a move), never for another company. Raises WireError for what is not a JSON object."""
    try:
        return _read_strictly(decode_event(body), home)
    except WireError as trouble:
        if trouble.problem == TOO_LARGE:
            raise
        return _read_loosely(_object(body), home, f"malformed: {str(trouble)[:160]}")
    except UnicodeEncodeError:  # a lone surrogate, written as an escape, has no UTF-8 form
        return _read_loosely(_object(body), home, "malformed: text with half of a surrogate pair")


def business(body: bytes) -> bytes:
    """What an event that can be counted says in business terms (32 bytes); see `offline_queue.wire.business_digest`."""
    return bytes.fromhex(business_digest(decode_event(body)))


def _read_strictly(event: Mapping[str, Any], home: Place | None) -> Reading:
    data = event["data"]
    place = _place(event)
    member = _member(event, data)
    entries: tuple[tuple[str, int], ...] = ()
    lots: tuple[LotMove, ...] = ()
    visit = None
    problem = ""
    try:
        _check(event, place, home)
        entries, lots = _entries(data.get("entries"), event["type"], member)
        visit = _visit(data, entries, _VISITS[event["type"]]) if member is not None and event["type"] in _VISITS else None
    except _Reject as reason:
        problem = str(reason)
    return Reading(
        problem,
        place or home or NOWHERE,
        _text(event["id"]),
        _text(event["idemkey"]),
        _text(event["type"]),
        member,
        _text(event["time"]),
        entries,
        _text(data.get("ref")),
        lots,
        _day(data.get("business_date"), event["time"]) if lots or visit else "",
        visit,
        data if event["type"] in SAID or "verify" in data else {},
    )


def _read_loosely(event: Mapping[str, Any], home: Place | None, problem: str) -> Reading:
    """As much as people need to find the event again."""
    return Reading(problem, _place(event) or home or NOWHERE, _text(event.get("id")), _text(event.get("idemkey")), _text(event.get("type")))


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body.decode())
    except (ValueError, RecursionError) as trouble:  # UnicodeDecodeError is a ValueError; so is a number of too many digits
        raise WireError(f"an event is not JSON in UTF-8: {str(trouble)[:120]}", FRAMING) from None
    if not isinstance(found, dict):
        raise WireError("an event is not a JSON object", FRAMING)
    return found


def _check(event: Mapping[str, Any], place: Place | None, home: Place | None) -> None:
    for key in ("id", "idemkey"):
        if _text(event[key]) is None:
            raise _Reject(f"malformed: {key} holds control characters")
    if event["type"] not in events.KNOWN:
        raise _Reject("unknown event type; update the receiver, then decide this case")
    if place is None:
        raise _Reject("malformed: source is not /t/COMPANY/s/STORE/r/REGISTER")
    if home is not None and place.tenant != home.tenant:
        raise _Reject("source names another company")


def _place(event: Mapping[str, Any]) -> Place | None:
    """``/t/acme/s/0042/r/2``; further pairs such as ``/b/cafe`` may stand between them."""
    source = _text(event.get("source"))
    return _parsed_source(source) if source else None


@lru_cache(4096)  # a register writes the same one into every event
def _parsed_source(source: str) -> Place | None:
    words = source.split("/")
    pairs = dict(zip(words[1::2], words[2::2], strict=False)) if len(words) % 2 and words[0] == "" else {}
    found = [pairs.get(key, "") for key in ("t", "s", "r")]
    return Place(*found) if all(NAME.fullmatch(name) for name in found) else None


def _member(event: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    """``data.member``, or the subject ``m:TOKEN``; a subject such as ``r:0042/2`` names no member."""
    subject = _text(event["subject"])
    return _text(data.get("member")) or (subject[2:] if subject and len(subject) > 2 and subject.startswith("m:") else None)


def _entries(raw: object, kind: str, member: str | None) -> tuple[tuple[tuple[str, int], ...], tuple[LotMove, ...]]:
    if raw is None:
        return (), ()
    if not isinstance(raw, list) or len(raw) > MAX_ENTRIES:
        raise _Reject(f"malformed: entries is not a list of at most {MAX_ENTRIES}")
    sums: dict[str, int] = {}
    lots: list[LotMove] = []
    always, returns = kind in LOTS_ALWAYS, kind == events.SALE_VOIDED
    for one in raw:
        account, delta = (one.get("account"), one.get("delta")) if isinstance(one, dict) else (None, None)
        if not isinstance(account, str) or not NAME.fullmatch(account) or type(delta) is not int:
            raise _Reject("malformed: an entry is not {account, delta}")
        if abs(delta) > MAX_DELTA:
            raise _Reject(f"amount out of range: {account} {delta}")
        sums[account] = sums.get(account, 0) + delta
        if always or "expires" in one or "lot" in one or (returns and delta > 0):
            lots.append((account, *_lot(one, account, delta, returns)))
    if sums and kind in ENTRIES_NEVER:
        raise _Reject("this type of event carries no entries")
    if sums and member is None:
        raise _Reject("entries without a member")
    return tuple(sorted(sums.items())), tuple(lots)


def _lot(entry: Mapping[str, Any], account: str, delta: int, returns: bool) -> tuple[str | None, int, str | None]:
    """(lot, delta, expires). A lot that the register does not name is named by its last day; what never expires is in none ("").
    None: it is found later, from the authorisation or by the order of spending."""
    expires = entry.get("expires")
    until = expires if isinstance(expires, str) and _DATE.fullmatch(expires) else None
    lot = _text(entry.get("lot"))
    if lot is not None:
        return lot.removeprefix(f"{account}/"), delta, until
    return (until or ("" if delta > 0 and not returns else None)), delta, until


def _visit(data: Mapping[str, Any], entries: tuple[tuple[str, int], ...], times: int) -> tuple[int, int, int]:
    """A sale's total is its ``amount``; a refund says none that counts here."""
    amount = data.get("amount")
    spend = amount if type(amount) is int and 0 <= amount <= MAX_DELTA else 0
    return times * spend, sum(delta for account, delta in entries if account == "points"), times


def _day(said: object, time: str) -> str:
    return said if isinstance(said, str) and _DATE.fullmatch(said) else time[:10] if _DATE.fullmatch(time[:10]) else ""


def _text(value: object) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        return None
    return value if value.isprintable() or _TEXT.fullmatch(value) else None  # the first is the quick answer for nearly all
