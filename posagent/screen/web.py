"""Owns one run of the web server: from the first connection until nobody has been connected for a while. Loaded on the first connection.

uvicorn's own loop wakes ten times a second for as long as it runs; ours waits for a connection to come or go. A page that is open all day
therefore costs nothing while nothing happens.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, MutableMapping, Sequence
from http import HTTPStatus
from typing import Any

import h11
import uvicorn
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from posagent.screen.api import Api
from posagent.screen.backend import Backend
from posagent.screen.calls import Calls, RecentAnswers
from posagent.screen.events import Streams
from posagent.screen.peers import Peer, peer_of
from posagent.screen.policy import HEADER_BYTES, App, Policy, Receive, Send
from posagent.screen.problems import MEDIA_TYPE, Problem, body
from posagent.screen.rules import Count, Rules

CONNECTIONS = 32
CONNECTIONS_OF_ONE = 8
"""Of one process through the Unix socket: a program that forgets to close must not shut out the others."""
HEAD_S = 5.0
IDLE_CONNECTION_S = 60
_STOP_S = 2


class Run:
    """One run. `stop` may be called from any thread, also before `serve`."""

    def __init__(
        self, backend: Backend, listeners: Sequence[socket.socket], rules: Rules, recent: RecentAnswers, idle_s: float, count: Count
    ) -> None:
        self._backend, self._listeners, self._rules, self._recent, self._idle_s = backend, listeners, rules, recent, idle_s
        self._count = count
        self._server: _Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = False

    def serve(self) -> None:
        """Serves until nobody has been connected for ``idle_s`` or `stop`. A bug in a request is raised here, so that it ends the process."""
        asyncio.run(self._serve())

    def stop(self) -> None:
        """Ends the run: streams first, then what is being answered, all within about two seconds."""
        self._stopped = True
        loop, server = self._loop, self._server
        if loop is not None and server is not None:
            try:
                loop.call_soon_threadsafe(server.stop)
            except RuntimeError:  # it has just ended by itself
                return

    async def _serve(self) -> None:
        calls = Calls()
        streams = Streams(self._backend, calls)
        bugs: list[Exception] = []
        api = Api(self._backend, calls, streams, self._recent, self._rules.access).app
        names = {route.path.split("/")[2] for route in api.routes if isinstance(route, Route) and route.path.startswith("/v1/")}
        app = counted(Policy(api, self._rules), frozenset(names), self._count)
        server = _Server(_config(_bug_trap(app, bugs, lambda: server.stop())), self._listeners, streams, self._idle_s)
        self._server, self._loop = server, asyncio.get_running_loop()
        if self._stopped:
            server.stop()
        try:
            await server.serve(sockets=server.own_listeners())
        finally:
            calls.close()
        if bugs:
            raise bugs[0]


def counted(app: App, names: frozenset[str], count: Count) -> App:
    """Counts every answer: by the first name below /v1 if it is one of ``names``, "page" for what is not below it, never by what was typed."""

    async def counting(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        async def send_on(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                name = scope["path"].split("/")[2] if scope["path"].startswith("/v1/") else "page"
                count(name if name in names | {"page"} else "other", message["status"], scope.get("refused", ""))
            await send(message)

        await app(scope, receive, send_on)

    return counting


def _bug_trap(app: App, bugs: list[Exception], stop: Callable[[], None]) -> App:
    """uvicorn logs whatever a request raises and goes on; here a bug ends the run, and with it the process."""

    async def trap(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception as bug:
            bugs.append(bug)
            stop()
            raise

    return trap


def _config(app: App) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Connection,
        ws="none",
        loop="asyncio",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=IDLE_CONNECTION_S,
        h11_max_incomplete_event_size=HEADER_BYTES,
    )


class _State(ServerState):
    """uvicorn's list of connections, with word of every change."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = asyncio.Event()


class _Server(uvicorn.Server):
    """uvicorn without its tick."""

    def __init__(self, config: uvicorn.Config, listeners: Sequence[socket.socket], streams: Streams, idle_s: float) -> None:
        super().__init__(config)
        self._listeners, self._streams, self._idle_s = listeners, streams, idle_s
        self.server_state = state = _State()
        self.changed = state.changed

    def own_listeners(self) -> list[socket.socket]:
        """The listening sockets under descriptors of our own: uvicorn closes what it was given, the queue behind stays open."""
        return [listener.dup() for listener in self._listeners]

    def stop(self) -> None:
        self.should_exit = True
        self._streams.close()
        self.changed.set()

    async def main_loop(self) -> None:
        """Waits until `stop`, or until nobody has been connected for a while."""
        while not self.should_exit:
            self.changed.clear()
            try:
                async with asyncio.timeout(None if self.server_state.connections else self._idle_s):
                    await self.changed.wait()
            except TimeoutError:
                if await self._nobody_comes():
                    return

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Idle connections close at once; what is being answered has two seconds; then the rest is cut. (uvicorn's own polls, and logs.)"""
        await self._stop_accepting()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        if state.tasks:
            await asyncio.wait(set(state.tasks), timeout=_STOP_S)
        for task in list(state.tasks):
            task.cancel()
        await _let_the_loop_turn()
        for connection in list(state.connections):
            connection.transport.abort()
        await _let_the_loop_turn()

    async def _stop_accepting(self) -> None:
        """Closing at once would drop a connection that asyncio has accepted but not yet given its protocol (it fails an assertion): first
        stop looking at the sockets, then let what was accepted settle, then close."""
        loop = asyncio.get_running_loop()
        for server in self.servers:
            for listener in server.sockets:
                loop.remove_reader(listener.fileno())
        await _let_the_loop_turn()
        for server in self.servers:
            server.close()

    async def _nobody_comes(self) -> bool:
        """Stops accepting. Who was accepted in this very moment is served; who comes later waits in the kernel's queue for the next run."""
        await self._stop_accepting()
        if not self.server_state.connections:
            return True
        await self.startup(sockets=self.own_listeners())
        return False


async def _let_the_loop_turn() -> None:
    """An accepted connection becomes a protocol, and an aborted one ends, within two rounds of the loop."""
    for _ in range(5):
        await asyncio.sleep(0)


class _Connection(H11Protocol):
    """One connection, with what uvicorn does not have: a time limit for the head of a request, and a limit of connections."""

    _head_timer: asyncio.TimerHandle | None = None
    peer: Peer | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._changed()
        line = transport.get_extra_info("socket")
        self.peer = peer_of(line) if line is not None and line.family == socket.AF_UNIX else None
        self.app_state = {**self.app_state, "abort": transport.abort, "peer": self.peer}
        if len(self.connections) > CONNECTIONS:
            self._refuse(Problem(503, "E709", f"more than {CONNECTIONS} connections; close one"))
            return
        if self.peer is not None and self._of_one(self.peer.pid) > CONNECTIONS_OF_ONE:
            self._refuse(Problem(503, "E709", f"more than {CONNECTIONS_OF_ONE} connections of one program; close one"))
            return
        self._head_timer = self.loop.call_later(IDLE_CONNECTION_S, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)
        self._changed()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:  # part of a head
            if self._head_timer is None or self._head_timer.when() - self.loop.time() > HEAD_S:
                self._stop_timer()
                self._head_timer = self.loop.call_later(HEAD_S, self._head_late)
        else:
            self._stop_timer()

    def send_400_response(self, msg: str) -> None:
        self._refuse(Problem(400, "E706", "this is not HTTP/1.1 as we take it", {"problem": "HTTP"}))

    def _head_late(self) -> None:
        self._refuse(Problem(408, "E708", f"the head of the request did not arrive within {HEAD_S:g} s"))

    def _refuse(self, problem: Problem) -> None:
        """Answers outside a request and closes. Written by hand: h11 has no state for an answer to half a request."""
        self._stop_timer()
        if self.transport.is_closing():
            return
        document = body(problem)
        reason = HTTPStatus(problem.status).phrase
        head = f"HTTP/1.1 {problem.status} {reason}\r\ncontent-type: {MEDIA_TYPE}\r\ncontent-length: {len(document)}\r\nconnection: close\r\n"
        head += "cache-control: no-store\r\nx-content-type-options: nosniff\r\ncross-origin-resource-policy: same-origin\r\n\r\n"
        self.transport.write(head.encode("ascii") + document)
        self.transport.close()

    def _of_one(self, pid: int) -> int:
        return sum(isinstance(other, _Connection) and other.peer is not None and other.peer.pid == pid for other in self.connections)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _changed(self) -> None:
        if isinstance(self.server_state, _State):
            self.server_state.changed.set()
