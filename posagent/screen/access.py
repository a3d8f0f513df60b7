"""Owns what lets callers in beyond the page itself, as one thing to hand around: tokens, pairing, releases by PIN. Imports next to nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from posagent.pairing import Pairing
from posagent.screen.tokens import TokenBook
from posagent.screen.unlocks import Note, Unlocks


def _nowhere(_what: str, _circumstances: object) -> None:
    """Nothing is recorded where there is no journal."""


@dataclass(frozen=True, slots=True)
class Access:
    """The default lets nobody in but the page, and knows no staff."""

    tokens: TokenBook = field(default_factory=TokenBook)
    pairing: Pairing = field(default_factory=lambda: Pairing(TokenBook(), _nowhere))
    unlocks: Unlocks = field(default_factory=lambda: Unlocks((), _nowhere))
    note: Note = _nowhere
    print_code: Callable[[str, str, str], None] | None = None
    """Prints a pairing code (code, name, origin); None: there is no slip printer. Raises StorageError."""
