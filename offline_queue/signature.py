"""Owns how requests are signed: HTTP message signatures (RFC 9421) with HMAC-SHA256, for both ends. Pure.

Covered, in this order: @method, @target-uri, then content-digest and every posagent-* header that the request carries. The receiver
refuses a signature that covers less. ``created`` may be up to 48 h off: replaying a request is harmless (the stream's sequence
numbers see to that), turning away a register with a dead clock battery is not.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from offline_queue.errors import SignatureRefused, WireError
from offline_queue.wire import SIGNATURE, b64, unb64

TOLERANCE_S: Final = 48 * 3600
_INPUT: Final = (
    r'sig1=(?P<params>\((?P<components>"[@a-z0-9-]+"(?: "[@a-z0-9-]+"){0,31})\)'
    r';created=(?P<created>[0-9]{1,12});keyid="(?P<keyid>[\x20-\x21\x23-\x5b\x5d-\x7e]{1,200})";alg="hmac-sha256")'
)


@dataclass(frozen=True, slots=True)
class Key:
    """A register's shared key. The secret never shows in a repr or a log."""

    keyid: str
    secret: bytes = field(repr=False)


def signature_base(method: str, target_uri: str, headers: Mapping[str, str], components: tuple[str, ...], params: str) -> bytes:
    """The bytes that are signed (RFC 9421 section 2.5). ``headers`` has lower-case names. Raises SignatureRefused."""
    lines = []
    for name in components:
        if name == "@method":
            value = method
        elif name == "@target-uri":
            value = target_uri
        elif name in headers:
            value = headers[name].strip()
        else:
            raise SignatureRefused(f"the signature covers {name}, which the request does not carry", SIGNATURE)
        lines.append(f'"{name}": {value}')
    lines.append(f'"@signature-params": {params}')
    return "\n".join(lines).encode("utf-8")


def must_cover(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The components that a signature over these headers has to have, in their order."""
    names = sorted(map(str.lower, headers))
    return ("@method", "@target-uri", *(name for name in names if name == "content-digest" or name.startswith("posagent-")))


def sign(key: Key, method: str, target_uri: str, headers: Mapping[str, str], created: int) -> dict[str, str]:
    """The two headers Signature-Input and Signature for a request with these headers; ``created`` in Unix seconds."""
    small = {name.lower(): value for name, value in headers.items()}
    components = must_cover(small)
    listed = " ".join(f'"{name}"' for name in components)
    params = f'({listed});created={created};keyid="{key.keyid}";alg="hmac-sha256"'
    mac = hmac.digest(key.secret, signature_base(method, target_uri, small, components, params), "sha256")
    return {"Signature-Input": f"sig1={params}", "Signature": f"sig1={b64(mac)}"}


def claimed_key(headers: Mapping[str, str]) -> str:
    """The keyid that the request names; nothing is verified yet. Raises SignatureRefused."""
    return _parse(headers)["keyid"]


def verify(key: Key, method: str, target_uri: str, headers: Mapping[str, str], now: int, tolerance_s: int = TOLERANCE_S) -> None:
    """Returns when the signature stands; raises SignatureRefused otherwise. ``now`` in Unix seconds."""
    small = {name.lower(): value for name, value in headers.items()}
    match = _parse(small)
    components = tuple(match["components"][1:-1].split('" "'))
    missing = [name for name in must_cover(small) if name not in components]
    if missing:
        raise SignatureRefused(f"the signature does not cover {', '.join(missing)}", SIGNATURE)
    if len(set(components)) != len(components):
        raise SignatureRefused("the signature covers a component twice", SIGNATURE)
    if match["keyid"] != key.keyid:
        raise SignatureRefused("the signature is of another key", SIGNATURE)
    if abs(now - int(match["created"])) > tolerance_s:
        raise SignatureRefused("the signature's time is more than 48 h off; set the register's clock", SIGNATURE)
    label, _, value = small.get("signature", "").strip().partition("=")
    if label != "sig1":
        raise SignatureRefused("the Signature header does not hold sig1", SIGNATURE)
    try:
        mac = unb64(value, 32)
    except WireError as trouble:
        raise SignatureRefused(f"the Signature header is malformed: {trouble}", SIGNATURE) from None
    expected = hmac.digest(key.secret, signature_base(method, target_uri, small, components, match["params"]), "sha256")
    if not hmac.compare_digest(mac, expected):
        raise SignatureRefused("the signature does not verify with this register's key", SIGNATURE)


def _parse(headers: Mapping[str, str]) -> re.Match[str]:
    small = {name.lower(): value for name, value in headers.items()}
    match = re.fullmatch(_INPUT, small.get("signature-input", "").strip())
    if match is None:
        raise SignatureRefused("the request is not signed (no Signature-Input of the agreed form)", SIGNATURE)
    return match
