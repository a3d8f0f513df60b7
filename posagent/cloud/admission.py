"""Owns how many batches wait at once, and when the ones that do not get in shall come back.

After an outage every register comes at the same moment. Those above the limit get 503 with Retry-After, spread evenly over the time that they
need at the measured rate: equal values would bring them all back together. How many will come is known before they come: they are the streams
that were alive and have been silent for longer than a heartbeat (`expected`).
"""

from __future__ import annotations

import random
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from time import monotonic

_REMEMBERED = 200_000  # streams turned away; a bound for memory, above the largest fleet
_FORGET_S = 600.0
_RATE_WINDOW_S = 20.0
LEAST_RETRY_S = 1
MOST_RETRY_S = 300


class Admission:
    """Counts what is inside. ``enter`` and ``leave`` belong together; safe to share between threads."""

    def __init__(
        self,
        most_waiting: int,
        clock: Callable[[], float] = monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
        expected: Callable[[], int] = lambda: 0,
    ) -> None:
        self._most_waiting = most_waiting
        self._clock = clock
        self._uniform = uniform
        self.expected = expected
        self._lock = threading.Lock()
        self._inside = 0
        self._turned_away: OrderedDict[str, float] = OrderedDict()
        self._finished: deque[float] = deque(maxlen=4096)
        self.refused = 0

    def enter(self, stream: str) -> int | None:
        """None: come in. Otherwise after how many seconds to come back."""
        with self._lock:
            if self._inside < self._most_waiting:
                self._inside += 1
                self._turned_away.pop(stream, None)
                return None
            now = self._clock()
            self.refused += 1
            self._turned_away[stream] = now
            self._turned_away.move_to_end(stream)
            while self._turned_away and (len(self._turned_away) > _REMEMBERED or next(iter(self._turned_away.values())) < now - _FORGET_S):
                self._turned_away.popitem(last=False)
            needed_s = (max(len(self._turned_away), self.expected()) + self._inside) / self._rate(now)
            return round(self._uniform(LEAST_RETRY_S, min(MOST_RETRY_S, max(LEAST_RETRY_S + 1, needed_s))))

    def leave(self) -> None:
        """The batch is answered."""
        with self._lock:
            self._inside -= 1
            self._finished.append(self._clock())

    @property
    def inside(self) -> int:
        """How many batches are inside now."""
        return self._inside

    def _rate(self, now: float) -> float:
        """Batches per second lately; 1 while nothing is known."""
        while self._finished and self._finished[0] < now - _RATE_WINDOW_S:
            self._finished.popleft()
        if len(self._finished) < 2:
            return 1.0
        return max(1.0, len(self._finished) / max(0.05, now - self._finished[0]))
