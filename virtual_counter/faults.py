"""Owns fault scripts: what happens at which byte, dot row or answer, counted from the moment the script is armed."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Countdown(Generic[T]):
    """Things to do when a count that only grows reaches a number."""

    def __init__(self) -> None:
        self._at: list[tuple[int, T]] = []

    def arm(self, number: int, what: T) -> None:
        """Due when the count reaches ``number``."""
        self._at.append((number, what))

    def left(self, reached: int) -> int | None:
        """How far away the next one is; None: nothing is armed."""
        return min((number - reached for number, _ in self._at), default=None)

    def take(self, reached: int) -> list[T]:
        """What is due now, in the order of arming; it is armed no longer."""
        due = [what for number, what in self._at if number <= reached]
        if due:
            self._at = [(number, what) for number, what in self._at if number > reached]
        return due


