"""Owns the digest chain that makes a stream's history tamper evident and its rollback visible.

chain_0 = SHA256("posagent/stream/1\\n" || stream_id);  chain_n = SHA256(chain_{n-1} || SHA256(body_n)).
Hashing the body's digest, not the body, lets a body be purged or withheld while the chain stays verifiable.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

DIGEST_BYTES = 32


def first_link(stream_id: str) -> bytes:
    """The link before the first event of a stream."""
    return sha256(b"posagent/stream/1\n" + stream_id.encode("ascii")).digest()


def digest(body: bytes) -> bytes:
    """What stands for a body in the chain (and in place of a withheld body on the wire)."""
    return sha256(body).digest()


def next_link(previous: bytes, body_digest: bytes) -> bytes:
    """The link after an event."""
    return sha256(previous + body_digest).digest()


def walk(previous: bytes, bodies: Iterable[bytes]) -> bytes:
    """The link after a run of events."""
    for body in bodies:
        previous = next_link(previous, digest(body))
    return previous
