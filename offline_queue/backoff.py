"""Owns how long the cloud lane waits after trouble: full jitter, and what the server asks for, with jitter on top.

30,000 registers that come back after an hour's outage drain in the time that the receiver physically needs only with both: jitter here,
and a Retry-After that the receiver spreads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from offline_queue.errors import CloudBusy

if TYPE_CHECKING:
    from tenacity import RetryCallState

T = TypeVar("T")
CAP_S: Final = 60.0


def wait_s(state: RetryCallState, cap_s: float = CAP_S) -> float:
    """uniform(0, min(cap, 2^(n-1))), or the server's own figure plus up to a tenth of it (at most 5 s)."""
    from random import uniform

    from tenacity import wait_random_exponential

    trouble = state.outcome.exception() if state.outcome else None
    asked = getattr(trouble, "retry_after_s", None)
    if asked is None:
        return wait_random_exponential(multiplier=1, max=cap_s)(state)
    return float(asked) + uniform(0, min(5.0, asked * 0.1))


def about(seconds: float) -> float:
    """The same, give or take a tenth: registers that started together do not ask together for ever."""
    from random import uniform

    return seconds * uniform(0.9, 1.1)


def persist(
    once: Callable[[], T],
    stop: threading.Event,
    *,
    cap_s: float = CAP_S,
    sleep: Callable[[float], None] | None = None,
    before_sleep: Callable[[BaseException, float], None] = lambda _trouble, _wait_s: None,
) -> T:
    """Calls ``once`` until it does not raise CloudBusy, for as long as ``stop`` is not set; then raises what it raised."""
    from tenacity import Retrying, retry_if_exception_type, sleep_using_event, stop_when_event_set

    def told(state: RetryCallState) -> None:
        trouble = state.outcome.exception() if state.outcome else None
        if trouble is not None:
            before_sleep(trouble, state.next_action.sleep if state.next_action else 0.0)

    return Retrying(
        wait=lambda state: wait_s(state, cap_s),
        retry=retry_if_exception_type(CloudBusy),
        stop=stop_when_event_set(stop),
        sleep=sleep or sleep_using_event(stop),
        before_sleep=told,
        reraise=True,
    )(once)
