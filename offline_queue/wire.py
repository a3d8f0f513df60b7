"""Owns the wire format that the register and the receiver share: framing, headers, limits, digests and the event line. Pure.

A batch is one HTTP request::

    POST /v1/streams/{stream}/events
    Content-Type: application/cloudevents-batch+json      Content-Encoding: gzip      Content-Digest: sha-256=:…:
    Posagent-First-Seq: 101        Posagent-Prev-Chain: :link 100:        Posagent-Last-Chain: :link 103:
    Posagent-Withheld: 102;:digest of body 102:           (only when a body stays at home; it is then not in the payload)
    Posagent-Floor: 100;:link 100:                        (as Withheld; only when the register no longer holds what the server asks for)

    [\\n{event 101},\\n{event 103}\\n]

The payload is a CloudEvents JSON batch and, because compact JSON has no raw newline, also a list of lines: the receiver gets back
every body byte by byte, so the chain needs no canonical form. Bodies never carry seq or stream.

A receiver that holds an event as withheld adopts its body when a later batch that overlaps brings it (its digest is in the chain).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final, NamedTuple, NoReturn, TypeAlias

from offline_queue.chain import DIGEST_BYTES, digest
from offline_queue.errors import EventRefused, WireError

JSON: TypeAlias = "bool | int | str | Sequence[JSON] | Mapping[str, JSON] | None"
"""What an event may hold: no float anywhere (money and points are int, instants are text)."""

MAX_EVENTS: Final = 500
MAX_DECODED_BYTES: Final = 1 << 20
MAX_BODY_BYTES: Final = 128 << 10  # one event; eight of the largest still make a batch
MAX_WITHHELD: Final = 16  # keeps the header far below what servers accept (8 KiB)
MAX_DEPTH: Final = 16
MAX_INT: Final = (1 << 63) - 1
MAX_TEXT: Final = {"id": 64, "source": 200, "type": 100, "time": 40, "subject": 200, "idemkey": 200}

CONTENT_TYPE: Final = "application/cloudevents-batch+json"
PROBLEM_TYPE: Final = "application/problem+json"
FIRST_SEQ: Final = "Posagent-First-Seq"
PREV_CHAIN: Final = "Posagent-Prev-Chain"
LAST_CHAIN: Final = "Posagent-Last-Chain"
WITHHELD: Final = "Posagent-Withheld"
FLOOR: Final = "Posagent-Floor"
CONTENT_DIGEST: Final = "Content-Digest"
IDEMPOTENCY_KEY: Final = "Idempotency-Key"  # informational; correctness never rests on it

PROBLEMS: Final = "urn:posagent:problems:"
FRAMING: Final = PROBLEMS + "framing"  # 400: not a batch
DIGEST: Final = PROBLEMS + "digest"  # 400: Content-Digest does not fit
TOO_LARGE: Final = PROBLEMS + "too-large"  # 413
UNSUPPORTED: Final = PROBLEMS + "unsupported"  # 415
SIGNATURE: Final = PROBLEMS + "signature"  # 401
FORBIDDEN: Final = PROBLEMS + "forbidden"  # 403
UNKNOWN_STREAM: Final = PROBLEMS + "unknown-stream"  # 404
GAP: Final = PROBLEMS + "gap"  # 409, with expected and chain
FORK: Final = PROBLEMS + "fork"  # 409
CHAIN_MISMATCH: Final = PROBLEMS + "chain-mismatch"  # 422
OVERLOAD: Final = PROBLEMS + "overload"  # 429 and 503, with Retry-After

_REQUIRED: Final = ("specversion", "id", "source", "type", "time", "subject", "idemkey", "datacontenttype", "data")
_SEQ: Final = re.compile(r"[1-9][0-9]{0,18}")


# ---------------------------------------------------------------- framing


def frame(bodies: Sequence[bytes]) -> bytes:
    """The payload of a batch."""
    return b"[\n" + b",\n".join(bodies) + b"\n]"


def split(payload: bytes) -> list[bytes]:
    """The bodies of a payload, byte by byte as they were framed. Each is non-empty and looks like one JSON object on one line.

    Raises WireError (framing or too-large). Does not parse the lines: that is `decode_event`.
    """
    if len(payload) > MAX_DECODED_BYTES:
        raise WireError(f"the batch has {len(payload)} bytes; at most {MAX_DECODED_BYTES} are allowed", TOO_LARGE)
    if not (payload.startswith(b"[\n") and payload.endswith(b"\n]") and len(payload) >= 4):
        raise WireError("the batch is not framed as '[', one event per line, ']'", FRAMING)
    inner = payload[2:-2]
    if not inner:
        return []
    lines = inner.split(b"\n")
    if len(lines) > MAX_EVENTS:
        raise WireError(f"the batch has {len(lines)} events; at most {MAX_EVENTS} are allowed", TOO_LARGE)
    last = len(lines) - 1
    for number, line in enumerate(lines):
        if number < last:
            if not line.endswith(b","):
                raise WireError(f"line {number + 1} of the batch does not end with a comma", FRAMING)
            line = lines[number] = line[:-1]
        if not (line.startswith(b"{") and line.endswith(b"}")):
            raise WireError(f"line {number + 1} of the batch is not one JSON object", FRAMING)
    return lines


def gunzip(payload: bytes, limit: int = MAX_DECODED_BYTES) -> bytes:
    """Inflates one whole gzip member, never into more than ``limit`` bytes. Raises WireError."""
    inflate = zlib.decompressobj(wbits=31)
    try:
        decoded = inflate.decompress(payload, limit + 1)
    except zlib.error as trouble:
        raise WireError(f"the body is not gzip: {trouble}", FRAMING) from None
    if len(decoded) > limit:
        raise WireError(f"the body inflates to more than {limit} bytes", TOO_LARGE)
    if not inflate.eof or inflate.unused_data:
        raise WireError("the body is not one whole gzip member (cut short, or followed by more)", FRAMING)
    return decoded


# ---------------------------------------------------------------- header values


def b64(value: bytes) -> str:
    """A structured-field byte sequence (RFC 8941 section 3.3.5)."""
    return f":{base64.b64encode(value).decode('ascii')}:"


def unb64(text: str, size: int | None = None) -> bytes:
    """The other way; raises WireError unless it is one byte sequence (of ``size`` bytes)."""
    if not (len(text) >= 2 and text[0] == text[-1] == ":"):
        raise WireError(f"{text[:80]!r} is not a byte sequence of the form :base64:", FRAMING)
    try:
        value = base64.b64decode(text[1:-1].encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise WireError(f"{text[:80]!r} is not base64", FRAMING) from None
    if size is not None and len(value) != size:
        raise WireError(f"{text[:80]!r} has {len(value)} bytes instead of {size}", FRAMING)
    return value


def content_digest(payload: bytes) -> str:
    """The Content-Digest header (RFC 9530) of the coded payload."""
    return f"sha-256={b64(sha256(payload).digest())}"


def check_content_digest(header: str, payload: bytes) -> None:
    """Raises WireError unless the header's sha-256 entry fits the coded payload."""
    if content_digest(payload) not in (entry.strip() for entry in header.split(",")):
        raise WireError("Content-Digest does not fit the body that arrived", DIGEST)


def parse_seq(text: str) -> int:
    """A seq from a header: 1 … 2^63-1 in plain decimal. Raises WireError."""
    if not _SEQ.fullmatch(text) or int(text) > MAX_INT:
        raise WireError(f"{text[:40]!r} is not a sequence number", FRAMING)
    return int(text)


class Withheld(NamedTuple):
    """An event whose body stays at home; the digest (32 bytes) keeps the chain verifiable."""

    seq: int
    digest: bytes


def withheld_header(items: Sequence[Withheld]) -> str:
    """The value of Posagent-Withheld; ascending by seq."""
    return ", ".join(f"{item.seq};{b64(item.digest)}" for item in items)


def parse_withheld(header: str) -> tuple[Withheld, ...]:
    """The other way; "" gives (). Raises WireError."""
    if not header:
        return ()
    found = []
    for entry in header.split(",", MAX_WITHHELD):
        seq, semicolon, value = entry.strip().partition(";")
        if not semicolon:
            raise WireError("Posagent-Withheld is not a list of seq;:digest:", FRAMING)
        found.append(Withheld(parse_seq(seq), unb64(value, DIGEST_BYTES)))
    if any(later.seq <= earlier.seq for earlier, later in pairwise(found)):
        raise WireError("Posagent-Withheld is not in ascending order", FRAMING)
    return tuple(found)


class Line(NamedTuple):
    """One event of a batch: ``body`` is None where it is withheld."""

    seq: int
    digest: bytes
    body: bytes | None


def assemble(first_seq: int, bodies: Sequence[bytes], withheld: Sequence[Withheld] = ()) -> list[Line]:
    """Puts bodies and withheld digests back into their order: contiguous from ``first_seq``. Raises WireError."""
    count = len(bodies) + len(withheld)
    if not 1 <= count <= MAX_EVENTS:
        raise WireError(f"a batch has 1 to {MAX_EVENTS} events, not {count}", FRAMING)
    if first_seq + count - 1 > MAX_INT:
        raise WireError("the sequence numbers run past 2^63-1", FRAMING)
    absent = {item.seq: item.digest for item in withheld}
    if any(not first_seq <= seq < first_seq + count for seq in absent):
        raise WireError("Posagent-Withheld names an event outside of the batch", FRAMING)
    rest = iter(bodies)
    lines = []
    for seq in range(first_seq, first_seq + count):
        if seq in absent:
            lines.append(Line(seq, absent[seq], None))
        else:
            body = next(rest)
            lines.append(Line(seq, digest(body), body))
    return lines


# ---------------------------------------------------------------- the event line


def encode_event(*, id: str, source: str, type: str, time: str, subject: str, idemkey: str, data: Mapping[str, JSON]) -> bytes:  # noqa: A002
    """One CloudEvents 1.0 line. Raises EventRefused where a value is too long, not of a JSON kind, a float, or not encodable."""
    for (name, longest), value in zip(_LIMITS, (id, source, type, time, subject, idemkey), strict=True):
        if value.__class__ is not str or not 0 < len(value) <= longest:
            raise EventRefused(f"the event's {name} must be text of 1 to {longest} characters, not {str(value)[:60]!r}")
    if data.__class__ is not dict:
        raise EventRefused(f"event {idemkey}: its data must be a dict, not {data.__class__.__name__}")
    _check(data, "data", 0)
    try:
        body = (  # put together by hand: half the time of one dict more
            f'{{"specversion":"1.0","id":{_QUOTE(id)},"source":{_QUOTE(source)},"type":{_QUOTE(type)},"time":{_QUOTE(time)},'
            f'"subject":{_QUOTE(subject)},"idemkey":{_QUOTE(idemkey)},"datacontenttype":"application/json","data":{_ENCODE(data)}}}'
        ).encode()
    except (UnicodeEncodeError, TypeError, ValueError) as trouble:
        raise EventRefused(f"event {idemkey}: cannot be written as JSON: {trouble}") from None
    if len(body) > MAX_BODY_BYTES:
        raise EventRefused(f"event {idemkey}: has {len(body)} bytes; at most {MAX_BODY_BYTES} are allowed")
    return body


def decode_event(body: bytes) -> dict[str, Any]:
    """Reads a line strictly: valid UTF-8, one object, the attributes of `encode_event`, no float, no key twice. Raises WireError."""
    if len(body) > MAX_BODY_BYTES:
        raise WireError(f"an event has {len(body)} bytes; at most {MAX_BODY_BYTES} are allowed", TOO_LARGE)
    try:
        event = _DECODER.decode(body.decode())
        if b"\\u" in body:
            _ENCODE(event).encode()
    except UnicodeEncodeError:
        raise WireError("an event holds half of a surrogate pair, written as an escape: that is no text", FRAMING) from None
    except (ValueError, RecursionError) as trouble:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise WireError(f"an event is not strict JSON: {str(trouble)[:200]}", FRAMING) from None
    if not isinstance(event, dict):
        raise WireError("an event is not a JSON object", FRAMING)
    for name in _REQUIRED:
        if name not in event:
            raise WireError(f"an event lacks {name!r}", FRAMING)
    for name, longest in MAX_TEXT.items():
        if not isinstance(event[name], str) or not 0 < len(event[name]) <= longest:
            raise WireError(f"an event's {name} is not text of 1 to {longest} characters", FRAMING)
    if event["specversion"] != "1.0" or not isinstance(event["data"], dict):
        raise WireError("an event is not CloudEvents 1.0 with an object as data", FRAMING)
    try:
        _check(event["data"], "data", 0)
    except EventRefused as trouble:
        raise WireError(str(trouble), FRAMING) from None
    return event


def business_digest(event: Mapping[str, Any]) -> str:
    """What an event says in business terms, as hex SHA-256 over canonical JSON of type, subject and data without ``data["trace"]``.

    ``trace`` is where volatile things live (mono_ms, boot, agent version, snapshot_as_of), so that a sale which is tried again has the
    same digest: same key and same digest is a duplicate, same key and another digest is a conflict.
    """
    said = {name: value for name, value in event["data"].items() if name != "trace"}
    return sha256(_CANONICAL({"type": event["type"], "subject": event["subject"], "data": said}).encode()).hexdigest()


_LIMITS: Final = tuple(MAX_TEXT.items())
_QUOTE: Final = json.encoder.encode_basestring
_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode
_CANONICAL: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode


def _check(value: object, path: str, depth: int) -> None:
    """Raises EventRefused unless ``value`` is of the kinds of JSON above."""
    kind = value.__class__
    if kind is str or kind is bool or value is None:
        return
    if kind is int:
        if not -MAX_INT <= value <= MAX_INT:  # type: ignore[operator]
            raise EventRefused(f"{path}: a number beyond 63 bits cannot be recorded")
        return
    if depth >= MAX_DEPTH:
        raise EventRefused(f"{path}: nested more than {MAX_DEPTH} deep")
    if kind is dict:
        for key, inner in value.items():  # type: ignore[attr-defined]
            if key.__class__ is not str:
                raise EventRefused(f"{path}: the key {str(key)[:40]!r} is not text")
            if inner.__class__ is not str and not (inner.__class__ is int and -MAX_INT <= inner <= MAX_INT):
                _check(inner, key, depth + 1)
    elif kind is list:
        for inner in value:  # type: ignore[attr-defined]
            if inner.__class__ is not str:
                _check(inner, path, depth + 1)
    else:
        raise EventRefused(f"{path}: {kind.__name__} cannot be recorded; only int, text, true/false, null, list and dict can")


def _no_float(text: str) -> NoReturn:
    raise ValueError(f"{text[:40]} is not a whole number")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in an object")
    return found


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_no_key_twice, parse_float=_no_float, parse_constant=_no_float)
