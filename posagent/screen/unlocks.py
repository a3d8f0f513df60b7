"""Owns releases by PIN: who entered the right one a short while ago. In memory only: after a restart the PIN is asked for again."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic

from posagent.errors import Refused
from posagent.screen.tokens import Failures
from posagent.staff import Staff, StaffRole, who_is

UNLOCK_S = 300
TRIES_PER_MINUTE = 5
_MOST = 32
_REGISTER = "register"
"""Tries are counted for the register, not for a code or a page: who tries PINs must not win by taking another code or another tab."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whose PIN was right."""

    role: StaffRole
    operator: str


Note = Callable[[str, Mapping[str, object]], None]
"""Puts an access decision on record: what happened, and circumstances without any secret. Raises StorageError."""


class Unlocks:
    """Asked from any thread. ``note`` records every wrong PIN and every release."""

    def __init__(self, staff: Sequence[Staff], note: Note, clock: Callable[[], float] = monotonic) -> None:
        self._staff, self._note, self._clock = tuple(staff), note, clock
        self._failures = Failures(TRIES_PER_MINUTE, clock)
        self._trying = threading.Lock()
        self._open: dict[str, tuple[Person, str, float]] = {}

    @property
    def needed(self) -> bool:
        """Whether a manager has a PIN here; else roles are asserted."""
        return any(one.role == "manager" for one in self._staff)

    def unlock(self, operator: str, pin: str, holder: str) -> tuple[str, Person]:
        """(the release's token, who it is). ``holder``: the door that may use it. One try at a time, so that the limit is exact.

        Raises Refused: E711 nobody has a PIN, E705 too many tries, E710 wrong code or PIN."""
        if not self._staff:
            raise Refused("nobody has a PIN on this register; make one with: posagent staff pin", code="E711")
        with self._trying:
            if self._failures.locked(_REGISTER):
                raise Refused("too many wrong PINs; wait a minute", code="E705")
            found = who_is(self._staff, operator, pin)
            if found is None:
                self._failures.note(_REGISTER)
                known = any(one.code == operator for one in self._staff)  # what else was typed there may be a PIN
                self._note("pin_refused", {"door": holder, "operator": operator if known else ""})
                raise Refused("this code and PIN do not fit together", code="E710")
            person = Person(found.role, found.code)
            self._note("unlocked", {"door": holder, "operator": person.operator, "role": person.role})
            token, now = secrets.token_urlsafe(32), self._clock()
            kept = {key: value for key, value in self._open.items() if value[2] > now}
            while len(kept) >= _MOST:
                kept.pop(next(iter(kept)))
            self._open = {**kept, _digest(token): (person, holder, now + UNLOCK_S)}
        return token, person

    def person(self, token: str, holder: str) -> Person | None:
        """Who holds this release; None where it is unknown, over, or another door's."""
        person, whose, until = self._open.get(_digest(token), (None, "", 0.0))
        return person if whose == holder and self._clock() < until else None


def _digest(token: str) -> str:
    """Looked up by digest: timing says nothing about a token."""
    return sha256(token.encode("utf-8", "replace")).hexdigest()
