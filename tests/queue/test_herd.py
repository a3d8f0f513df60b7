"""30,000 registers come back after an hour's outage, in virtual time, with the real waiting rule."""

from __future__ import annotations

import heapq
import random
import threading
from collections import Counter

import pytest
from tenacity import Future, RetryCallState, Retrying

from offline_queue.backoff import CAP_S, persist, wait_s
from offline_queue.errors import CloudBusy, CloudForbidden

REGISTERS, CAPACITY, QUEUE = 30_000, 200, 400  # the receiver takes so many batches a second, and lets so many wait
OUTAGE_S = 3600.0


def _state(attempt: int, retry_after_s: int | None = None) -> RetryCallState:
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number = attempt
    state.set_exception((CloudBusy, CloudBusy("busy", retry_after_s), None))  # type: ignore[arg-type]
    assert isinstance(state.outcome, Future)
    return state


def test_the_wait_is_full_jitter_up_to_the_cap() -> None:
    random.seed(1)
    for attempt in (1, 2, 3, 5, 8, 50):
        widest = min(CAP_S, 2.0 ** (attempt - 1))
        waits = [wait_s(_state(attempt)) for _ in range(2000)]
        assert 0 <= min(waits) < widest * 0.02
        assert widest * 0.98 < max(waits) <= widest
        assert sum(waits) / 2000 == pytest.approx(widest / 2, rel=0.08)


def test_the_servers_figure_counts_with_a_little_jitter_on_top() -> None:
    waits = [wait_s(_state(7, 100)) for _ in range(500)]
    assert 100 <= min(waits) < max(waits) <= 105


def test_persist_asks_again_until_it_succeeds_and_lets_everything_else_through() -> None:
    tries: list[int] = []
    slept: list[float] = []

    def once() -> str:
        tries.append(1)
        if len(tries) < 4:
            raise CloudBusy("no", 2)
        return "done"

    assert persist(once, threading.Event(), sleep=slept.append) == "done"
    assert len(slept) == 3
    assert all(2 <= one <= 2.2 for one in slept)

    def refused() -> None:
        raise CloudForbidden("no")

    with pytest.raises(CloudForbidden):
        persist(refused, threading.Event())
    stopped = threading.Event()
    stopped.set()
    with pytest.raises(CloudBusy):
        persist(lambda: (_ for _ in ()).throw(CloudBusy("no")), stopped)


def test_a_herd_of_thirty_thousand_drains_as_fast_as_the_receiver_can_and_does_not_trample_it() -> None:
    random.seed(30_000)
    # Everybody has long waited at the cap, so the next try of each lies anywhere in one cap's width.
    events = [(OUTAGE_S + random.uniform(0, CAP_S), 12) for _ in range(REGISTERS)]
    heapq.heapify(events)
    waiting, free_at, drained, requests = 0, OUTAGE_S, 0, 0
    per_second: Counter[int] = Counter()
    last = OUTAGE_S
    while events:
        now, attempt = heapq.heappop(events)
        requests += 1
        per_second[int(now)] += 1
        free_at = max(free_at, now)
        waiting = int((free_at - now) * CAPACITY)
        if waiting < QUEUE:
            free_at += 1 / CAPACITY
            last = max(last, free_at)
            drained += 1
            continue
        longest = (REGISTERS - drained) / CAPACITY  # what the receiver does: spread over the time that the backlog takes
        asked = round(random.uniform(1, max(1.0, longest)))
        heapq.heappush(events, (now + wait_s(_state(attempt + 1, asked)), attempt + 1))
    ideal = REGISTERS / CAPACITY
    assert drained == REGISTERS
    assert last - OUTAGE_S <= 1.1 * ideal
    assert requests / REGISTERS <= 2.0
    assert max(per_second.values()) <= 6 * CAPACITY
