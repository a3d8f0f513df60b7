"""Owns what the receiver answers: the acknowledgement, the stream's state and the problem, made and read strictly. Pure.

An acknowledgement is cumulative and carries the chain's link at ``acked``; the register moves its cursor only if that link is its own.
``items`` names only what is not plainly applied.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple, cast

from offline_queue.chain import DIGEST_BYTES
from offline_queue.errors import WireError
from offline_queue.wire import FRAMING, MAX_EVENTS, MAX_INT, b64, unb64

Status = Literal["applied", "duplicate", "conflict", "rejected", "withheld"]
NOT_APPLIED: Final = ("duplicate", "conflict", "rejected", "withheld")
MAX_ANSWER_BYTES: Final = 1 << 20


class Item(NamedTuple):
    """The verdict on one event that was stored but not plainly applied."""

    seq: int
    status: Literal["duplicate", "conflict", "rejected", "withheld"]
    problem: str = ""  # why, for people: "unknown member"
    of_stream: str = ""  # where the same business key stands already
    of_seq: int = 0


class Answer(NamedTuple):
    """200 to a batch, and (with no items) to a heartbeat. ``chain`` is the link at ``acked`` (32 bytes)."""

    acked: int
    chain: bytes
    server_time: str  # RFC 3339, UTC
    items: tuple[Item, ...] = ()
    max_batch: int = MAX_EVENTS
    min_interval_ms: int = 0


class Problem(NamedTuple):
    """A problem document (RFC 9457). ``expected`` and ``chain`` (the link at expected-1) come with a gap."""

    type: str
    title: str
    detail: str = ""
    status: int = 0
    expected: int = 0
    chain: bytes = b""


def encode_answer(answer: Answer) -> bytes:
    """What the receiver sends."""
    items: list[dict[str, Any]] = []
    for item in answer.items:
        entry: dict[str, Any] = {"seq": item.seq, "status": item.status}
        if item.problem:
            entry["problem"] = item.problem
        if item.of_stream:
            entry["of"] = {"stream": item.of_stream, "seq": item.of_seq}
        items.append(entry)
    return _dump(
        {
            "acked": answer.acked,
            "chain": b64(answer.chain),
            "items": items,
            "server_time": answer.server_time,
            "next": {"max_batch": answer.max_batch, "min_interval_ms": answer.min_interval_ms},
        }
    )


def parse_answer(payload: bytes) -> Answer:
    """Reads it; unknown fields are ignored, known ones must be right. Raises WireError."""
    fields = _load(payload)
    try:
        further = fields.get("next", {})
        return Answer(
            acked=_whole(fields["acked"], 0),
            chain=unb64(_text(fields["chain"], 100), DIGEST_BYTES),
            server_time=_text(fields.get("server_time", ""), 40),
            items=_items(fields.get("items", [])),
            max_batch=min(MAX_EVENTS, max(1, _whole(further.get("max_batch", MAX_EVENTS), 0))),
            min_interval_ms=min(3_600_000, _whole(further.get("min_interval_ms", 0), 0)),
        )
    except (KeyError, TypeError, AttributeError) as trouble:
        raise WireError(f"the answer is not an acknowledgement: {type(trouble).__name__} {trouble}", FRAMING) from None


def encode_problem(problem: Problem) -> bytes:
    """What the receiver sends with 4xx and 5xx."""
    fields: dict[str, Any] = {"type": problem.type, "title": problem.title, "status": problem.status}
    if problem.detail:
        fields["detail"] = problem.detail
    if problem.expected:
        fields["expected"] = problem.expected
        fields["chain"] = b64(problem.chain)
    return _dump(fields)


def parse_problem(payload: bytes, status: int) -> Problem:
    """Reads it leniently: a proxy's HTML page gives a Problem with an empty type. Never raises for the content of ``payload``."""
    try:
        fields = _load(payload)
        expected = _whole(fields.get("expected", 0), 0)
        chain = unb64(_text(fields.get("chain", "::"), 100), DIGEST_BYTES if expected else None)
        return Problem(
            type=_text(fields.get("type", ""), 200),
            title=_text(fields.get("title", ""), 500),
            detail=_text(fields.get("detail", ""), 2000),
            status=status,
            expected=expected,
            chain=chain,
        )
    except (WireError, TypeError, AttributeError):
        return Problem(type="", title=payload[:120].decode("utf-8", "replace"), status=status)


def _items(entries: Any) -> tuple[Item, ...]:
    if not isinstance(entries, Sequence) or isinstance(entries, str) or len(entries) > MAX_EVENTS:
        raise WireError(f"items is not a list of at most {MAX_EVENTS}", FRAMING)
    found = []
    for entry in entries:
        status = entry["status"]
        if status not in NOT_APPLIED:
            raise WireError(f"unknown verdict {str(status)[:40]!r}", FRAMING)
        origin = entry.get("of", {})
        found.append(
            Item(
                seq=_whole(entry["seq"], 1),
                status=cast("Literal['duplicate', 'conflict', 'rejected', 'withheld']", status),
                problem=_text(entry.get("problem", ""), 500),
                of_stream=_text(origin.get("stream", ""), 64),
                of_seq=_whole(origin.get("seq", 0), 0),
            )
        )
    return tuple(found)


def _dump(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _load(payload: bytes) -> dict[str, Any]:
    if len(payload) > MAX_ANSWER_BYTES:
        raise WireError(f"the answer has more than {MAX_ANSWER_BYTES} bytes", FRAMING)
    try:
        fields = json.loads(payload)
    except (ValueError, RecursionError) as trouble:
        raise WireError(f"the answer is not JSON: {str(trouble)[:200]}", FRAMING) from None
    if not isinstance(fields, dict):
        raise WireError("the answer is not a JSON object", FRAMING)
    return fields


def _whole(value: Any, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= MAX_INT:
        raise WireError(f"{str(value)[:40]!r} is not a whole number from {least}", FRAMING)
    return value


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise WireError(f"{str(value)[:40]!r} is not text of at most {longest} characters", FRAMING)
    return value
