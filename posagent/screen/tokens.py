"""Owns what a bearer token allows: the seam where pairing puts its tokens. Only digests are kept, never a token."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from time import monotonic
from typing import Literal, Protocol

Scope = Literal["pos", "tech", "admin"]
FAILURES_PER_MINUTE = 10
LOCK_S = 60


@dataclass(frozen=True, slots=True)
class Paired:
    """A token's rights. ``origin`` is the web page it belongs to; empty for a program that is not a browser."""

    name: str
    origin: str
    scopes: frozenset[Scope]


class TokenBook(Protocol):
    """Where tokens are looked up by their SHA-256 (hex)."""

    def find(self, digest: str) -> Paired | None:
        """The rights, or None for unknown, revoked and expired tokens. Must not take longer for the one than for the other."""


@dataclass(frozen=True, slots=True)
class FixedTokens:
    """Tokens by digest, from the settings. The digest is looked up, not the token: timing says nothing about a token."""

    by_digest: dict[str, Paired] = field(default_factory=dict)

    def find(self, digest: str) -> Paired | None:
        """See TokenBook."""
        return self.by_digest.get(digest)


def digest_of(header: str) -> str | None:
    """SHA-256 of the token in an Authorization header; None unless it is "Bearer" and exactly 43 characters of base64url (256 bits)."""
    found = re.fullmatch(r"Bearer ([A-Za-z0-9_-]{43})", header)
    return sha256(found[1].encode()).hexdigest() if found else None


class Failures:
    """Counts failed tokens per asker; ten within a minute lock that asker for a minute. Bounded, for askers are not trusted."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._times: dict[str, deque[float]] = {}

    def locked(self, asker: str) -> bool:
        """Whether ten failures lie within the last minute."""
        times = self._times.get(asker, deque())
        return len(times) == FAILURES_PER_MINUTE and self._clock() - times[0] < LOCK_S

    def note(self, asker: str) -> None:
        """One more failure."""
        if asker not in self._times and len(self._times) >= 100:
            self._times.pop(next(iter(self._times)))
        self._times.setdefault(asker, deque(maxlen=FAILURES_PER_MINUTE)).append(self._clock())
