"""Owns bearer tokens: what each allows, the file that keeps them (digests only, never a token), and the count of failed ones."""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any, Literal

from posagent.errors import Refused, StorageError

log = logging.getLogger(__name__)

Scope = Literal["pos", "tech", "admin"]
"""pos: sales, scans, slips, status; tech: devices and tests, no member; admin: pairing and tokens, only through the Unix socket."""
GIVEN: tuple[Scope, ...] = ("pos", "tech")
"""What a token can allow."""
LASTS = timedelta(days=400)
MOST = 64
USE_NOTED = timedelta(hours=1)
"""How much older the file's word on the last use may be than the truth."""
FAILURES_PER_MINUTE = 10
LOCK_S = 60


@dataclass(frozen=True, slots=True)
class Paired:
    """A token's rights. ``origin`` is the web page it belongs to; "" for a program that is not a browser. Times: ISO 8601 with offset."""

    name: str
    origin: str
    scopes: frozenset[Scope]
    created: str = ""
    expires: str = "9999-12-31T00:00:00+00:00"
    last_used: str = ""


class TokenBook:
    """The tokens by their SHA-256 (hex), from a file of mode 0600 that is replaced as a whole; without a path in memory only. Any thread.

    A file that cannot be read is put aside and lets nobody in: the register starts all the same."""

    def __init__(self, path: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path, self._now = path, now
        self._changing = threading.Lock()
        self._by_digest = _read(path) if path else {}
        self._noting: threading.Thread | None = None

    def find(self, digest: str) -> Paired | None:
        """The rights; None for unknown, revoked and expired tokens. What is looked up is the digest: timing says nothing about a token."""
        found, now = self._by_digest.get(digest), self._now()
        if found is None or datetime.fromisoformat(found.expires) <= now:
            return None
        if not found.last_used or now - datetime.fromisoformat(found.last_used) >= USE_NOTED:
            self._note_use(digest, now)
        return found

    def origins(self) -> frozenset[str]:
        """The web pages that hold tokens."""
        return frozenset(one.origin for one in self._by_digest.values() if one.origin)

    def listed(self) -> list[tuple[str, Paired]]:
        """(id, rights) of every token; the id is the digest's beginning."""
        return [(digest[:8], one) for digest, one in self._by_digest.items()]

    def add(self, name: str, origin: str, scopes: frozenset[Scope]) -> str:
        """A new token, on disk before it is returned; one of the same name and origin is replaced. Raises StorageError and Refused."""
        token, now = secrets.token_urlsafe(32), self._now()
        new = Paired(name, origin, scopes, now.isoformat(timespec="seconds"), (now + LASTS).isoformat(timespec="seconds"))
        with self._changing:
            kept = {digest: one for digest, one in self._by_digest.items() if (one.name, one.origin) != (name, origin)}
            if len(kept) >= MOST:
                raise Refused(f"there are {MOST} tokens already; revoke some: posagent tokens list", code="E601")
            self._replace({**kept, sha256(token.encode()).hexdigest(): new})
        return token

    def revoke(self, which: str) -> list[Paired]:
        """Takes back the tokens with this id or name; they are worth nothing from now on. Raises StorageError, Refused (E715)."""
        with self._changing:
            gone = {digest: one for digest, one in self._by_digest.items() if which in {digest[:8], one.name}}
            if not gone:
                raise Refused("there is no token with this id or name", code="E715")
            self._replace({digest: one for digest, one in self._by_digest.items() if digest not in gone})
        return list(gone.values())

    def _note_use(self, digest: str, now: datetime) -> None:
        """The file follows in a thread of its own: a slow disk must not hold up a request, and a full one is no reason to refuse it."""

        def note() -> None:
            with self._changing:
                if digest not in self._by_digest:  # revoked meanwhile
                    return
                used = replace(self._by_digest[digest], last_used=now.isoformat(timespec="seconds"))
                self._by_digest = {**self._by_digest, digest: used}
                with suppress(StorageError):
                    self._replace(self._by_digest)

        if self._noting is None or not self._noting.is_alive():
            self._noting = threading.Thread(target=note, name="token-use", daemon=True)
            self._noting.start()

    def _replace(self, tokens: dict[str, Paired]) -> None:
        if self._path is not None:
            _write(self._path, tokens)
        self._by_digest = tokens


def _read(path: Path) -> dict[str, Paired]:
    try:
        document = json.loads(path.read_text("utf-8"))
        return {str(digest): _paired(rights) for digest, rights in document["tokens"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as damage:
        aside = path.with_suffix(".damaged")
        log.error("tokens: %s cannot be read (%s); programs must be paired again; it is kept as %s", path, damage, aside.name)
        with suppress(OSError):
            path.replace(aside)
        return {}


def _paired(rights: dict[str, Any]) -> Paired:
    times = [str(rights[name]) for name in ("created", "expires", "last_used")]
    for time in filter(None, times):
        if datetime.fromisoformat(time).tzinfo is None:
            raise ValueError("a time without its offset")
    return Paired(str(rights["name"]), str(rights["origin"]), frozenset(scope for scope in GIVEN if scope in rights["scopes"]), *times)


def _write(path: Path, tokens: dict[str, Paired]) -> None:
    """All or nothing, durable when it returns."""
    document = {"schema": 1, "tokens": {digest: {**asdict(one), "scopes": sorted(one.scopes)} for digest, one in tokens.items()}}
    new = path.with_suffix(".new")
    try:
        opened = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(opened, "w", encoding="utf-8") as out:
            os.fchmod(opened, 0o600)
            json.dump(document, out, ensure_ascii=False, indent=1)
            out.flush()
            os.fsync(opened)
        new.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as trouble:
        why = trouble.strerror or trouble
        raise StorageError(f"{path}: the tokens cannot be kept: {why}; check the disk and the folder's rights") from trouble


def digest_of(header: str) -> str | None:
    """SHA-256 of the token in an Authorization header; None unless it is "Bearer" and exactly 43 characters of base64url (256 bits)."""
    found = re.fullmatch(r"Bearer ([A-Za-z0-9_-]{43})", header)
    return sha256(found[1].encode()).hexdigest() if found else None


class Failures:
    """Counts failures per asker; ``limit`` of them within a minute lock that asker for a minute from the last one on. Bounded, for askers
    are not trusted."""

    def __init__(self, limit: int = FAILURES_PER_MINUTE, clock: Callable[[], float] = monotonic) -> None:
        self._limit, self._clock = limit, clock
        self._times: dict[str, deque[float]] = {}

    def locked(self, asker: str) -> bool:
        """Whether this asker must wait."""
        times = self._times.get(asker, deque())
        return len(times) == self._limit and times[-1] - times[0] < LOCK_S and self._clock() - times[-1] < LOCK_S

    def note(self, asker: str) -> None:
        """One more failure."""
        if asker not in self._times and len(self._times) >= 100:
            self._times.pop(next(iter(self._times)))
        self._times.setdefault(asker, deque(maxlen=self._limit)).append(self._clock())
