"""Owns what a counted event does to the lots of an account and to the authorisation that it was held under.

The journal's event is the truth: the member was told so. It is booked also where its authorisation has run out meanwhile, and then carries a
note for head office that begins with ``late``. Rows are locked in one order everywhere: coupons, balances, authorisations, lots.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import assert_never

from posagent import events
from posagent.cloud import authorise, schema
from posagent.cloud.engine import Work
from posagent.cloud.lots import as_day
from posagent.cloud.reading import MAX_DELTA, Reading
from posagent.cloud.told import Told, said_text, said_texts
from posagent.loyalty.value import Lot, spend

_HOLD_KINDS: Mapping[str, authorise.Kind] = {
    events.COUPON_REDEEMED: "coupon", events.POINTS_REDEEMED: "points", events.VALUE_SPENT: "value", events.VALUE_CHARGED: "charge",
}  # fmt: skip


def settle(work: Work, told: Sequence[Told], now_ms: int) -> dict[int, str]:
    """Ends the authorisations that the events were held under and moves the lots. By seq: a note for head office."""
    notes: dict[int, str] = {}
    promised: dict[int, Mapping[str, int]] = {}
    for one in told:
        if one.reading.type == events.HOLD_RELEASED and (hold_id := said_text(one.reading, "hold_id")):  # the journal knows: it was not used
            work.run(
                "UPDATE authorisation SET state = 'released' WHERE tenant = ? AND hold_id = ? AND settled_ms IS NULL"
                " AND state IN ('held', 'committed')",
                one.reading.place.tenant, hold_id,
            )  # fmt: skip
    held = [one for one in told if one.reading.type in _HOLD_KINDS and said_text(one.reading, "hold_id")]
    for one in sorted(held, key=lambda one: (one.reading.place.tenant, said_text(one.reading, "hold_id") or "")):
        found = authorise.find(work, one.reading.place.tenant, said_text(one.reading, "hold_id") or "", lock=True)
        note = _note(one.reading, found, now_ms)
        if note:
            notes[one.seq] = note
        if found is not None:
            promised[one.seq] = dict(found.lots)
            work.run(
                "UPDATE authorisation SET settled_ms = ? WHERE tenant = ? AND hold_id = ? AND settled_ms IS NULL",
                now_ms, one.reading.place.tenant, found.id,
            )  # fmt: skip
    moves: dict[tuple[str, str, str, str], tuple[int, str | None, str, str]] = {}
    for one in told:
        day = one.reading.day
        for account, lot, delta, expires in _named(one, promised.get(one.seq, {})):
            key = (one.reading.place.tenant, one.reading.member or "", account, lot)
            amount, known, since, touched = moves.get(key, (0, None, day, day))
            moves[key] = (amount + delta, known or expires, min(since, day), max(touched, day))
    work.merge(schema.LOT, [(*key, *move) for key, move in sorted(moves.items(), key=lambda item: item[0])])
    for one in told:
        if one.reading.type == events.SALE_VOIDED:
            _give_back(work, one)
        else:
            _take_unnamed(work, one, promised.get(one.seq, {}))
    return notes


def add_activity(work: Work, readings: Sequence[Reading]) -> None:
    """What ranks are reckoned from."""
    sums: dict[tuple[str, str, str], tuple[int, int, int]] = {}
    for reading in readings:
        if reading.visit is not None:
            key = (reading.place.tenant, reading.member or "", reading.day)
            spend, points, visits = sums.get(key, (0, 0, 0))
            sums[key] = spend + reading.visit[0], points + reading.visit[1], visits + reading.visit[2]
    work.merge(schema.ACTIVITY, [(*key, *numbers) for key, numbers in sorted(sums.items())])


def _note(reading: Reading, held: authorise.Held | None, now_ms: int) -> str:
    """What head office should look at; empty when the event is what was authorised, in time."""
    if held is None:
        return "late: head office knows no authorisation of that id"
    if held.settled_ms is not None:
        return "late: its authorisation had been used for another event"
    kind = _HOLD_KINDS[reading.type or ""]
    match kind:
        case "points" | "value":
            amount = -sum(delta for _, delta in reading.entries)
        case "charge":
            amount = max((delta for _, delta in reading.entries), default=0)  # what was paid; the bonus on it is less
        case "coupon":
            amount = held.amount
        case _:
            assert_never(kind)
    if held.kind != kind or amount > held.amount:  # less is in order: the sale became smaller
        return f"late: {held.kind} {held.amount} was authorised, {kind} {amount} was taken"
    state = held.state(now_ms)
    why = f" ({held.reason})" if held.reason else ""
    return "" if state in {"held", "committed"} else f"late: its authorisation was {state}{why} when it came"


def _named(one: Told, promised: Mapping[str, int]) -> list[tuple[str, str, int, str | None]]:
    """(account, lot, delta, expires) of what the event itself, or its authorisation, says of lots."""
    found = [(account, lot, delta, expires) for account, lot, delta, expires in one.reading.lots if lot is not None]
    left = _unnamed(one)
    for name, amount in _said_of_unnamed(one, promised).items():
        account, _, lot = name.partition("/")
        part = min(amount, left.get(account, 0))
        if part > 0:
            found.append((account, lot, -part, None))
            left[account] -= part
    return found


def _unnamed(one: Told) -> dict[str, int]:
    """By account, what the event's entries take without naming a lot."""
    found: dict[str, int] = {}
    for account, lot, delta, _ in one.reading.lots:
        if lot is None and delta < 0:
            found[account] = found.get(account, 0) - delta
    return found


def _said_of_unnamed(one: Told, promised: Mapping[str, int]) -> dict[str, int]:
    """What ``data.lots``, or the authorisation, says beyond the lots that the entries name themselves."""
    said = dict(_said_lots(one.reading) or promised)
    for account, lot, delta, _ in one.reading.lots:
        name = f"{account}/{lot}"
        if lot is not None and delta < 0 and name in said:
            said[name] = max(0, said[name] + delta)
    return said


def _take_unnamed(work: Work, one: Told, promised: Mapping[str, int]) -> None:
    """What was spent without a word of lots (a register that could not ask): what expires first goes first, on the day of the sale."""
    said = _said_of_unnamed(one, promised)
    for account, taken in _unnamed(one).items():
        missing = taken - sum(amount for name, amount in said.items() if name.partition("/")[0] == account)
        if missing <= 0:
            continue
        rows = work.rows(
            "SELECT lot, amount, expires, since FROM lot WHERE tenant = ? AND member = ? AND account = ? ORDER BY lot",
            one.reading.place.tenant, one.reading.member or "", account,
        )  # fmt: skip
        lots = [Lot(name, account, amount, as_day(expires), since) for name, amount, expires, since in rows if name]
        portions, rest = spend(lots, missing, as_day(one.reading.day) or date.min)
        _move(work, one, account, {name: -part for name, part in (dict(portions) | ({"": rest} if rest else {})).items()})


def _give_back(work: Work, one: Told) -> None:
    """What a voided sale had spent goes back into the lots that it came from; one that has expired meanwhile stays expired. The void names its
    authorisations; where it does not, they are the newest of its sale."""
    for account, lot, delta, _ in one.reading.lots:
        left = delta
        if lot is not None or delta <= 0:
            continue
        back: dict[str, int] = {}
        for name, amount in _spent(work, one):
            part = min(left, amount) if name.partition("/")[0] == account else 0
            if part:
                back[name.partition("/")[2]] = back.get(name.partition("/")[2], 0) + part
                left -= part
        _move(work, one, account, back)


def _spent(work: Work, one: Told) -> list[tuple[str, int]]:
    """(ACCOUNT/LOT, amount) of the settled authorisations that a void takes back."""
    tenant, named = one.reading.place.tenant, said_texts(one.reading, "holds_back")
    column, keys = ("hold_id", named) if named else ("sale_id", [said_text(one.reading, "sale_id") or ""])
    marks = ", ".join("?" * len(keys))
    rows = work.rows(
        f"SELECT lots FROM authorisation WHERE tenant = ? AND {column} IN ({marks}) AND settled_ms IS NOT NULL"  # noqa: S608 - ours
        " AND kind IN ('points', 'value') ORDER BY settled_ms DESC, hold_id",
        tenant, *keys,
    )  # fmt: skip
    return [(name, amount) for (raw,) in rows for name, amount in json.loads(raw)]


def _move(work: Work, one: Told, account: str, changes: Mapping[str, int]) -> None:
    place, day = one.reading.place, one.reading.day
    work.merge(schema.LOT, [(place.tenant, one.reading.member or "", account, lot, n, None, day, day) for lot, n in sorted(changes.items())])


def _said_lots(reading: Reading) -> dict[str, int]:
    """``data.lots`` as an answer gave them: [[ACCOUNT/LOT, amount], …]."""
    raw = reading.said.get("lots")
    found: dict[str, int] = {}
    for one in raw if isinstance(raw, list) else ():
        name, amount = one if isinstance(one, list) and len(one) == 2 else ("", 0)
        if isinstance(name, str) and len(name) <= 200 and name.isprintable() and type(amount) is int and 0 < amount <= MAX_DELTA:
            found[name] = found.get(name, 0) + amount
    return found
