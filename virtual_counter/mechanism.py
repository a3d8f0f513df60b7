"""Owns the moving parts: motor, head, cutter, cover, paper roll and their sensors. Knows rows and time, no commands.

Work stands in a queue behind the interpreter, so that the interpreter may run ahead of the paper; `step` moves the paper as far as the
clock allows. Power loss forgets the queue and keeps the paper.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from virtual_counter.paper import Blank, Item, Paper, ink_rows
from virtual_counter.profiles import PrinterProfile

_TICK_S = 0.02  # a printing printer is looked at so often
_EPSILON = 1e-9


@dataclass(slots=True)
class _Rows:
    item: Item
    done: int = 0


@dataclass(frozen=True, slots=True)
class _Cut:
    kind: Literal["full", "partial"]


@dataclass(frozen=True, slots=True)
class _Notice:
    call: Callable[[], None]


class Mechanism:
    """``changed`` is called after everything that a sensor or a counter could see."""

    def __init__(self, profile: PrinterProfile, changed: Callable[[], None]) -> None:
        self.profile = profile
        self.paper = Paper(profile.width_dots, profile.rows(profile.head_to_cutter_mm))
        self.cover_open = False
        self.near_end_rows = profile.rows(1500)
        self.rows_left = profile.rows(80_000)  # a roll of 80 m
        self.jam = False  # something blocks the blade; the error shows at the next cut
        self.cutter_error = False
        self.head_hot = False
        self.broken = False  # unrecoverable
        self.rows_fed = 0
        self.rows_heated = 0
        self.cuts = 0
        self.ready_at = 0.0  # work that is queued on an idle mechanism starts no earlier
        self.rows_until_fault: Callable[[], int | None] = lambda: None
        self._changed = changed
        self._queue: deque[_Rows | _Cut | _Notice] = deque()
        self._time = 0.0
        self._queued_rows = 0
        self._ahead_rows = profile.rows(profile.ahead_mm)

    # ------------------------------------------------------------ sensors

    @property
    def paper_end(self) -> bool:
        """The roll is used up."""
        return self.rows_left <= 0

    @property
    def near_end(self) -> bool:
        """The roll is thin."""
        return self.rows_left <= self.near_end_rows

    @property
    def stopped(self) -> bool:
        """Nothing moves until somebody does something (or the head has cooled)."""
        return self.cover_open or self.paper_end or self.cutter_error or self.head_hot or self.broken

    @property
    def room(self) -> bool:
        """The interpreter may run further ahead."""
        return self._queued_rows < self._ahead_rows

    @property
    def idle(self) -> bool:
        """Everything that was interpreted is on paper."""
        return not self._queue

    # ------------------------------------------------------------ work

    def print(self, item: Item) -> None:
        """Queues rows."""
        if item.rows > 0:
            self._add(_Rows(item))
            self._queued_rows += item.rows

    def feed(self, rows: int) -> None:
        """Queues paper without ink."""
        self.print(Blank(rows))

    def cut(self, kind: Literal["full", "partial"]) -> None:
        """Queues a cut; a printer without a cutter does nothing."""
        if self.profile.cutter:
            self._add(_Cut(kind))

    def notice(self, call: Callable[[], None]) -> None:
        """Calls when everything queued before is on paper."""
        self._add(_Notice(call))

    def forget(self) -> None:
        """Drops everything queued; rows that are on paper stay there."""
        self._queue.clear()
        self._queued_rows = 0

    def _add(self, work: _Rows | _Cut | _Notice) -> None:
        if not self._queue:
            self._time = max(self._time, self.ready_at)
        self._queue.append(work)

    # ------------------------------------------------------------ time

    def due_in(self, now: float) -> float | None:
        """Seconds until `step` has something to do; None: nothing moves."""
        if not self._queue or (self.stopped and not isinstance(self._queue[0], _Notice)):
            return None
        head = self._queue[0]
        if isinstance(head, _Notice):
            return 0.0
        if isinstance(head, _Cut):
            return max(self._time + self.profile.cut_ms / 1000 - now, 0.0)
        left = (head.item.rows - head.done) * self.profile.row_s
        return max(self._time + min(left, _TICK_S) - now, self.profile.row_s)

    @property
    def time(self) -> float:
        """When the last thing happened."""
        return self._time

    def step(self, now: float) -> bool:
        """Does at most one piece of work; False when there is nothing to do yet."""
        if not self._queue:
            return False
        head = self._queue[0]
        if isinstance(head, _Notice):
            self._queue.popleft()
            head.call()
            return True
        if self.stopped:
            return False
        if isinstance(head, _Cut):
            return self._step_cut(head, now)
        return self._step_rows(head, now)

    def resume_at(self, now: float) -> None:
        """After a standstill the head work goes on from now."""
        self._time = max(self._time, now)
        self.ready_at = max(self.ready_at, now)

    def _step_cut(self, head: _Cut, now: float) -> bool:
        end = self._time + self.profile.cut_ms / 1000
        if end > now + _EPSILON:
            return False
        self._time = end
        if self.jam:
            self.cutter_error = True  # the cut stays queued: recovery does it again
        else:
            self._queue.popleft()
            self.paper.cut(head.kind)
            self.cuts += 1
        self._changed()
        return True

    def _step_rows(self, head: _Rows, now: float) -> bool:
        row_s = self.profile.row_s
        count = min(int((now - self._time) / row_s + _EPSILON * 1000), head.item.rows - head.done, self.rows_left)
        watched = self.rows_until_fault()
        if watched is not None:
            count = min(count, max(watched, 1))
        if count <= 0:
            return False
        was_near = self.near_end
        self.paper.add(head.item, head.done, count)
        self.rows_heated += max(min(ink_rows(head.item), head.done + count) - head.done, 0)
        head.done += count
        self.rows_fed += count
        self.rows_left -= count
        self._queued_rows -= count
        self._time += count * row_s
        if head.done == head.item.rows:
            self._queue.popleft()
        if self.paper_end or was_near != self.near_end or watched is not None:
            self._changed()
        return True
