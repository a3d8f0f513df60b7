"""Owns the way from an HTTP request to a verified batch: bounds, digest, signature, inflation, framing, chain. Nothing here is trusted before.

The order matters: what is cheap and what proves who asks comes first; bodies are inflated and read only for a register that we know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from offline_queue.answers import Problem
from offline_queue.chain import DIGEST_BYTES
from offline_queue.errors import SignatureRefused, WireError
from offline_queue.signature import Key, claimed_key, verify
from offline_queue.wire import (
    CONTENT_DIGEST,
    CONTENT_TYPE,
    FIRST_SEQ,
    FLOOR,
    FORBIDDEN,
    FRAMING,
    LAST_CHAIN,
    MAX_DECODED_BYTES,
    PREV_CHAIN,
    SIGNATURE,
    TOO_LARGE,
    UNSUPPORTED,
    WITHHELD,
    Withheld,
    assemble,
    check_content_digest,
    gunzip,
    parse_seq,
    parse_withheld,
    split,
    unb64,
)
from posagent.cloud.engine import Engine, Work
from posagent.cloud.ingest import Batch, Refusal, Sender, check_chain
from posagent.cloud.reading import Place, read

MAX_CODED_BYTES = MAX_DECODED_BYTES + 4096
_STREAM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LIST_HEADERS = frozenset({"accept", "accept-encoding", "accept-language", "cache-control", "forwarded", "via", "x-forwarded-for"})
_STATUS = {FRAMING: 400, TOO_LARGE: 413, UNSUPPORTED: 415, SIGNATURE: 401, FORBIDDEN: 403}


@dataclass(frozen=True, slots=True)
class Request:
    """What of an HTTP request matters here. ``target_uri`` as the register wrote it; header names in lower case."""

    method: str
    target_uri: str
    headers: Sequence[tuple[str, str]]
    payload: bytes
    now_ms: int
    peer: str = ""  # address of the other end of the connection
    certificate: str = ""  # subject of the client certificate, verified by TLS; "" where none was shown

    def fields(self) -> dict[str, str]:
        """The headers by name. Raises WireError when one that may stand only once stands twice: two readers could then disagree."""
        found: dict[str, str] = {}
        for name, value in self.headers:
            if name in found and name not in _LIST_HEADERS:
                raise WireError(f"the header {name} stands twice", FRAMING)
            found[name] = value
        return found


def refusal(trouble: WireError) -> Refusal:
    """A WireError as the answer that the register understands."""
    return Refusal(Problem(trouble.problem, str(trouble), status=_STATUS.get(trouble.problem, 400)))


def stream_id(text: str) -> str:
    """Raises Refusal unless it is a UUID in lower case."""
    if not _STREAM.fullmatch(text):
        raise Refusal(Problem(FRAMING, "a stream is named by a UUID in lower case", status=400))
    return text


def identify(engine: Engine, request: Request, fields: Mapping[str, str], *, signed: bool, certified: bool) -> Sender:
    """Who asks. ``certified``: the register must show the client certificate that is bound to it; it may sign as well, and then for itself.
    Raises Refusal 401 for a bad or missing signature or certificate and 403 for a revoked register."""
    if not signed:
        return Sender()
    try:
        owner = _owner(engine, request) if certified else None
        if owner is not None and "signature-input" not in fields:
            return _allowed(*owner)
        sender, revoked = _verified(engine, request, fields)
        if owner is not None and owner[0].device_id != sender.device_id:
            title = "the client certificate is another register's; enrol this register again with its own"
            raise Refusal(Problem(FORBIDDEN, title, status=403))
        return _allowed(sender, revoked)
    except SignatureRefused as trouble:
        raise refusal(trouble) from None


def _allowed(sender: Sender, revoked: bool) -> Sender:
    if revoked:
        raise Refusal(Problem(FORBIDDEN, "this register was revoked by head office; enrol it again", status=403))
    return sender


def _owner(engine: Engine, request: Request) -> tuple[Sender, bool]:
    """The register that the certificate is bound to: at its enrolment, or by its common name, which is then the register's id."""
    if not request.certificate:
        raise SignatureRefused("this receiver wants a client certificate; set it in the register's settings", SIGNATURE)

    def find(work: Work) -> tuple[str, tuple[bytes, Place, bool]] | None:
        rows = work.rows("SELECT device_id FROM device_certificate WHERE subject = ?", request.certificate)
        name = common_name(request.certificate)
        device_id = rows[0][0] if rows else name
        found = _device(work, device_id)
        if found is None or (not rows and work.rows("SELECT 1 FROM device_certificate WHERE device_id = ?", name)):
            return None
        return device_id, found

    owner = engine.read(find)
    if owner is None:
        raise SignatureRefused("this receiver knows no register of that client certificate; enrol the register with it", SIGNATURE)
    device_id, (_, place, revoked) = owner
    return Sender(device_id, place), revoked


def common_name(subject: str) -> str:
    """The CN of a subject as `posagent.cloud.embedded` writes it."""
    return next((value for kind, _, value in (part.partition("=") for part in subject.split("\n")) if kind == "commonName"), "")


def _verified(engine: Engine, request: Request, fields: Mapping[str, str]) -> tuple[Sender, bool]:
    keyid = claimed_key(fields)
    found = engine.read(lambda work: _device(work, keyid))
    if found is None:
        raise SignatureRefused("this receiver knows no register of that key; enrol the register again", SIGNATURE)
    secret, place, revoked = found
    verify(Key(keyid, secret), request.method, request.target_uri, fields, request.now_ms // 1000)
    if request.payload and CONTENT_DIGEST.lower() not in fields:
        raise SignatureRefused("a signed request with a body carries Content-Digest", SIGNATURE)
    return Sender(keyid, place), revoked


def _device(work: Work, keyid: str) -> tuple[bytes, Place, bool] | None:
    rows = work.rows("SELECT secret, tenant, store, register, revoked_ms FROM device WHERE device_id = ?", keyid)
    if not rows:
        return None
    secret, tenant, store, register, revoked_ms = rows[0]
    return bytes(secret), Place(tenant, store, register), revoked_ms is not None


def plain_body(request: Request, fields: Mapping[str, str]) -> bytes:
    """The decoded body of any signed request. Raises WireError."""
    if len(request.payload) > MAX_CODED_BYTES:
        raise WireError(f"the body has more than {MAX_CODED_BYTES} bytes", TOO_LARGE)
    if header := fields.get(CONTENT_DIGEST.lower()):
        check_content_digest(header, request.payload)
    match fields.get("content-encoding", "identity").strip().lower():
        case "gzip":
            return gunzip(request.payload)
        case "identity" | "":
            return request.payload
        case other:
            raise WireError(f"Content-Encoding {other[:40]} is not understood here; send gzip", UNSUPPORTED)


def receive(request: Request, fields: Mapping[str, str], stream: str, sender: Sender) -> Batch:
    """Reads a batch. Raises Refusal."""
    try:
        return _receive(request, fields, stream, sender)
    except WireError as trouble:
        raise refusal(trouble) from None


def _receive(request: Request, fields: Mapping[str, str], stream: str, sender: Sender) -> Batch:
    if fields.get("content-type", "").partition(";")[0].strip().lower() != CONTENT_TYPE:
        raise WireError(f"Content-Type must be {CONTENT_TYPE}", UNSUPPORTED)
    if CONTENT_DIGEST.lower() not in fields:
        raise WireError("Content-Digest is missing", FRAMING)
    payload = plain_body(request, fields)
    first = parse_seq(_needed(fields, FIRST_SEQ))
    prev_chain = unb64(_needed(fields, PREV_CHAIN), DIGEST_BYTES)
    last_chain = unb64(_needed(fields, LAST_CHAIN), DIGEST_BYTES)
    lines = assemble(first, split(payload), parse_withheld(fields.get(WITHHELD.lower(), "")))
    links = check_chain(prev_chain, lines, last_chain)
    readings = [None if line.body is None else read(line.body, sender.home) for line in lines]
    return Batch(stream, prev_chain, lines, links, readings, _floor(fields), sender, request.now_ms)


def _floor(fields: Mapping[str, str]) -> Withheld | None:
    found = parse_withheld(fields.get(FLOOR.lower(), ""))
    if len(found) > 1:
        raise WireError("Posagent-Floor names one event", FRAMING)
    return found[0] if found else None


def _needed(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name.lower())
    if value is None:
        raise WireError(f"{name} is missing", FRAMING)
    return value
