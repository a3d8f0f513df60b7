"""Owns pairing: a short code that a person carries from the slip (or the terminal) to the page, good once, and the token it becomes."""

from __future__ import annotations

import hmac
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic

from posagent.errors import Refused
from posagent.screen.tokens import Scope, TokenBook

CODE_S = 300
TRIES = 5
DIGITS = 8
ORIGIN = re.compile(r"https?://[a-z0-9.-]{1,253}(:[1-9][0-9]{0,4})?|https?://\[[0-9a-f:]{2,39}\](:[1-9][0-9]{0,4})?", re.ASCII)
"""An origin as a browser writes it (RFC 6454 section 6.2): lower case, no path, and no port where it is the scheme's own."""


def is_origin(text: str) -> bool:
    """Whether this is an origin exactly as a browser sends it."""
    return bool(ORIGIN.fullmatch(text)) and not text.endswith((":80", ":443")[text.startswith("https:")])


@dataclass(slots=True)
class _Open:
    code: str
    name: str
    origin: str
    scopes: frozenset[Scope]
    until: float
    tries: int = TRIES


class Pairing:
    """At most one code waits: a new one takes the old one's place. Any thread. ``note`` puts every wrong code and every pairing on record."""

    def __init__(self, tokens: TokenBook, note: Callable[[str, Mapping[str, object]], None], clock: Callable[[], float] = monotonic) -> None:
        self._tokens, self._note, self._clock = tokens, note, clock
        self._waiting: _Open | None = None
        self._changing = threading.Lock()

    def open(self, name: str, origin: str, scopes: frozenset[Scope]) -> str:
        """A new code for a page of ``origin`` (`is_origin`; "": a program). Raises StorageError."""
        code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        self._note("pairing_opened", {"name": name, "origin": origin, "scopes": sorted(scopes)})
        with self._changing:
            self._waiting = _Open(code, name, origin, scopes, self._clock() + CODE_S)
        return code

    def origins(self) -> frozenset[str]:
        """The page that may ask to be paired now."""
        waiting = self._waiting
        return frozenset({waiting.origin} if waiting and waiting.origin and self._clock() < waiting.until else ())

    def redeem(self, code: str, origin: str) -> tuple[str, frozenset[Scope]]:
        """(token, scopes) for the right code from the right page, once. Raises StorageError; Refused: E713 wrong code, E714 no code is good."""
        with self._changing:
            waiting = self._waiting
            if waiting is None or self._clock() >= waiting.until or waiting.tries == 0 or waiting.origin != origin:
                raise Refused("no pairing waits for this page; its code was used, is over, or was tried too often", code="E714")
            circumstances = {"name": waiting.name, "origin": origin, "scopes": sorted(waiting.scopes)}
            if not hmac.compare_digest(code, waiting.code):
                waiting.tries -= 1
                self._note("pairing_refused" if waiting.tries else "pairing_voided", circumstances)
                raise Refused("this is not the pairing code that was printed", code="E713")
            self._note("paired", circumstances)
            token = self._tokens.add(waiting.name, origin, waiting.scopes)
            self._waiting = None
        return token, waiting.scopes
