"""Owns the answer that a caller of the journal waits for: given once, by the writer's thread.

`concurrent.futures.Future` can also be cancelled and call back. Nobody here does either, and every put would pay for it: its condition
wakes a caller that must then take a second lock.
"""

from __future__ import annotations

from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Promise(Generic[T]):
    """Made by who asks; kept or broken once."""

    __slots__ = ("_open", "_trouble", "_value")

    _value: T

    def __init__(self) -> None:
        self._trouble: BaseException | None = None
        self._open = Lock()  # held until the answer is there
        self._open.acquire()

    def result(self, timeout_s: float | None = None) -> T:
        """Waits for the answer: returns it, or raises what became of it instead. TimeoutError: not known yet, and it may yet be recorded."""
        if not self._open.acquire(timeout=-1 if timeout_s is None else timeout_s):
            raise TimeoutError
        self._open.release()  # for whoever else asks
        if self._trouble is not None:
            raise self._trouble
        return self._value

    def keep(self, value: T) -> None:
        """The answer."""
        self._value = value
        self._open.release()

    def break_(self, trouble: BaseException) -> None:
        """Why there is none."""
        self._trouble = trouble
        self._open.release()
