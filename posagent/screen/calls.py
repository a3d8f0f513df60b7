"""Owns calls from the event loop to the blocking agent: a small pool, a deadline on each, typed trouble turned into problems."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TypeVar

from posagent.errors import PosagentError
from posagent.screen.backend import Answer
from posagent.screen.problems import Problem, from_trouble

DEADLINE_S = 4.0
"""Longer than a backend call's own 2 s: normally it is the backend that says why it took too long."""
_THREADS = 4
_REMEMBERED = 256

T = TypeVar("T")


class Calls:
    """Runs backend calls in threads that live as long as a page is open."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="screen-call")

    async def ask(self, function: Callable[..., T], *arguments: object) -> T:
        """The call's result. Raises Problem: 504 after the deadline, else what the typed error becomes."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)
        except TimeoutError:
            raise Problem(504, "E901", f"no answer within {DEADLINE_S:g} s; send the same again with the same Idempotency-Key") from None
        except PosagentError as trouble:
            raise from_trouble(trouble) from trouble

    def close(self) -> None:
        """Lets the threads go; one that is still in a call ends with it."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class RecentAnswers:
    """The answers to the last requests by their Idempotency-Key, for requests whose effect is itself safe to repeat (scan, void, print answer).
    Sales keep theirs in the journal, for ever. Lives as long as the server, longer than one event loop."""

    def __init__(self) -> None:
        self._done: OrderedDict[tuple[str, str], tuple[bytes, Answer]] = OrderedDict()
        self._running: dict[tuple[str, str], tuple[bytes, asyncio.Event]] = {}

    async def once(self, path: str, key: str, body: bytes, run: Callable[[], Awaitable[Answer]]) -> Answer:
        """``run``'s answer, or the first one again (``replayed``). Raises Problem 422 where the key came with another body."""
        name, digest = (path, key), sha256(body).digest()
        while name in self._running:
            first, finished = self._running[name]
            _refuse_other(first, digest)
            await finished.wait()
        if name in self._done:
            first, answer = self._done[name]
            _refuse_other(first, digest)
            return Answer(answer.state, answer.body, replayed=True)
        finished = asyncio.Event()
        self._running[name] = (digest, finished)
        try:
            answer = await run()
        finally:  # a failure is not remembered: the same request may be tried again
            del self._running[name]
            finished.set()
        self._done[name] = (digest, answer)
        while len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)
        return answer


def _refuse_other(first: bytes, digest: bytes) -> None:
    if first != digest:
        raise Problem(422, "E607", "this Idempotency-Key came before with another body")
