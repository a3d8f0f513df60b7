"""Owns server-sent events: replay from the journal, then live, to any number of pages at each one's own pace.

    page    one fact of the journal; its ``id`` is the journal's number, to come back with as Last-Event-ID
    notice  something passing; no id
    status  the state now; at the start, and whenever it changed when something happened (and with each heartbeat)
    live    {"seq"}: what came before was history
    reset   {"seq"}: the number asked for is not of this journal (restored, replaced); what follows starts at the shift's beginning
    trouble a problem document; the stream ends after it

Nothing is kept per page but a number: each batch is read from the journal when the page has taken the one before.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from posagent.screen.backend import Backend
from posagent.screen.calls import Calls
from posagent.screen.policy import Receive, Send
from posagent.screen.problems import Problem, body
from posagent.screen.shown import shown_event, shown_notice, shown_status

HEARTBEAT_S = 15.0
SEND_S = 10.0
"""A page that takes nothing for so long is cut off; it comes back with its Last-Event-ID."""
BATCH = 100
STATUS_EVERY_S = 0.1
"""Facts are sent at once; the state and the notices at most so often, however often the agent wakes us."""


class Streams:
    """The endpoint GET /v1/events."""

    def __init__(self, backend: Backend, calls: Calls, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._backend = backend
        self._calls = calls
        self._heartbeat_s = heartbeat_s
        self._open: set[asyncio.Event] = set()
        self._closed = False

    def close(self) -> None:
        """Ends every stream; the pages come back when the agent does."""
        self._closed = True
        for woken in self._open:
            woken.set()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI. ``Last-Event-ID`` (header) or ``after`` (query): the last number the page has; without either only news is sent."""
        after = _asked_for(scope)
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        self._open.add(woken)

        def wake() -> None:
            with suppress(RuntimeError):  # the loop has just closed
                loop.call_soon_threadsafe(woken.set)

        stop_waking = self._backend.subscribe(wake)
        page = _Page(receive, send, woken, scope.get("state", {}).get("abort", lambda: None))
        try:
            await page.start()
            await self._feed(page, after)
        except Problem as problem:
            await page.write(_frame("trouble", body(problem).decode()))
        except TimeoutError:  # the page takes nothing
            page.abort()
        finally:
            stop_waking()
            self._open.discard(woken)
            await page.end()

    async def _feed(self, page: _Page, after: int | None) -> None:
        ask, backend = self._calls.ask, self._backend
        newest = await ask(backend.last_seq)
        noticed = await ask(backend.last_notice)
        if after is None:
            after = newest
        elif after > newest:
            after = (await ask(backend.status)).get("shift_start_seq", 0)
            await page.write(_frame("reset", _json({"seq": after})))
        told, live, loop, next_s = "", False, asyncio.get_running_loop(), 0.0
        while not (page.gone or self._closed):
            page.woken.clear()
            batch = await ask(backend.events, after, BATCH)
            if batch:
                after = batch[-1][0]
                await page.write("".join(_frame("page", _json(shown_event(event)), seq) for seq, event in batch))
            if len(batch) >= BATCH:
                continue
            if loop.time() < next_s:
                again = loop.call_at(next_s, page.woken.set)
                await page.woken.wait()
                again.cancel()
                continue
            next_s = loop.time() + STATUS_EVERY_S
            status = _json(shown_status(backend, await ask(backend.status), after))
            if status != told:
                told = status
                await page.write(_frame("status", status))
            for number, notice in await ask(backend.notices, noticed):
                noticed = number
                await page.write(_frame("notice", _json(shown_notice(notice))))
            if not live:
                live = True
                await page.write(_frame("live", _json({"seq": after})))
            try:
                async with asyncio.timeout(self._heartbeat_s):
                    await page.woken.wait()
            except TimeoutError:
                await page.write(": beat\n\n")


class _Page:
    """One open stream."""

    def __init__(self, receive: Receive, send: Send, woken: asyncio.Event, abort: Any) -> None:
        self._receive, self._send, self._cut = receive, send, abort
        self.woken = woken
        self.gone = False
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self.write("retry: 1000\n\n")
        self._watch = asyncio.create_task(self._until_gone())

    async def write(self, text: str) -> None:
        """Raises TimeoutError when the page has not taken what was sent before."""
        async with asyncio.timeout(SEND_S):
            await self._send({"type": "http.response.body", "body": text.encode(), "more_body": True})

    def abort(self) -> None:
        self.gone = True
        self._cut()

    async def end(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if not self.gone:
            with suppress(TimeoutError):
                async with asyncio.timeout(SEND_S):
                    await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        self.woken.set()


def _asked_for(scope: MutableMapping[str, Any]) -> int | None:
    asked = [value.decode("latin-1") for name, value in scope["headers"] if name == b"last-event-id"]
    asked = asked or parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True).get("after", [])
    if not asked:
        return None
    if len(asked) != 1 or not asked[0].isascii() or not asked[0].isdigit() or len(asked[0]) > 18:
        raise Problem(400, "E706", "Last-Event-ID is a whole number", {"problem": "Last-Event-ID"})
    return int(asked[0])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _frame(kind: str, document: str, seq: int | None = None) -> str:
    """One event. JSON holds no bare line end, so one ``data:`` line carries it whole."""
    return (f"id: {seq}\n" if seq is not None else "") + f"event: {kind}\ndata: {document}\n\n"
