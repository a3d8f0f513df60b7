"""Owns the receiver's web application: bounded reading of bodies, the table of routes, and every answer's form. ASGI; blocking work goes to
threads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from time import time
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.requests import Request as WebRequest
from starlette.responses import Response
from starlette.routing import Route

from offline_queue.answers import Problem, encode_problem
from offline_queue.wire import FRAMING, OVERLOAD, PROBLEM_TYPE, TOO_LARGE
from posagent.cloud import routes
from posagent.cloud.admission import Admission
from posagent.cloud.ingest import Refusal
from posagent.cloud.receiver import Receiver, Settings
from posagent.cloud.reception import Request
from posagent.errors import StorageError

log = logging.getLogger(__name__)

CLIENT_SUBJECT = "client_subject"
"""Where in the scope's state the server puts the subject of a verified client certificate."""
Handler = Callable[[Request], "bytes | Response"]


def make_app(
    database_url: str, settings: Settings | None = None, *, clock: Callable[[], float] = time, admission: Admission | None = None
) -> Starlette:
    """The receiver on a database (see `posagent.cloud.engine.open_engine`). Opens it at once; closes it when the server shuts down, or by
    ``app.state.receiver.close()`` where no server runs. Raises StorageError."""
    receiver = Receiver(database_url, settings or Settings(), clock, admission)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        receiver.close()

    app = Starlette(routes=[_route(receiver, row) for row in routes.ROUTES], lifespan=lifespan)
    app.state.receiver = receiver
    return app


def _route(receiver: Receiver, row: routes.RouteRow) -> Route:
    async def plain(web: WebRequest) -> Response:
        path: dict[str, str] = dict(web.path_params)
        if not all(name.isprintable() for name in path.values()):
            return _problem(receiver, Problem(FRAMING, "the path holds what is no name", status=400))
        return await _answer(receiver, web, lambda request: row.work(receiver, request, path), row.most_bytes)

    async def admitted(web: WebRequest) -> Response:
        who = web.path_params.get("stream") or (web.client.host if web.client else "")
        wait_s = receiver.admission.enter(who)
        if wait_s is not None:
            problem = Problem(OVERLOAD, f"too many registers at once; come back in {wait_s} s", status=503)
            return _problem(receiver, problem, {"Retry-After": str(wait_s)})
        try:
            return await plain(web)
        finally:
            receiver.admission.leave()

    return Route(row.path, admitted if row.admitted else plain, methods=[row.method])


async def _answer(receiver: Receiver, web: WebRequest, work: Handler, most_bytes: int) -> Response:
    """Reads the body within its bound, does the work in a thread, and turns every outcome into an answer."""
    payload = await _body(web, most_bytes)
    if payload is None:
        return _problem(receiver, Problem(TOO_LARGE, f"the body has more than {most_bytes} bytes", status=413), {"Connection": "close"})
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in web.scope["headers"]]
    peer = web.client.host if web.client else ""
    subject = str(web.scope.get("state", {}).get(CLIENT_SUBJECT, ""))
    request = Request(web.method, _target_uri(receiver, web), headers, payload, receiver.now_ms(), peer, subject)
    try:
        done = await asyncio.get_running_loop().run_in_executor(receiver.threads, work, request)
    except Refusal as refused:
        return _problem(receiver, refused.problem)
    except StorageError as trouble:
        if not receiver.trouble:
            log.error("%s", trouble)
        receiver.trouble = True
        problem = Problem(OVERLOAD, "the receiver's database cannot be used now; nothing was lost, come back", status=503)
        return _problem(receiver, problem, {"Retry-After": "30"})
    if receiver.trouble:
        log.info("the database can be used again")
        receiver.trouble = False
    return done if isinstance(done, Response) else Response(done, media_type="application/json")


async def _body(web: WebRequest, most_bytes: int) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    try:
        async with aclosing(web.stream()) as stream:
            async for part in stream:
                size += len(part)
                if size > most_bytes:
                    return None
                parts.append(part)
    except ClientDisconnect:
        return None
    return b"".join(parts)


def _target_uri(receiver: Receiver, web: WebRequest) -> str:
    """What the register signed: as it saw the receiver, which behind a proxy is not as we see ourselves."""
    front = receiver.settings.public_url.rstrip("/") or f"{web.scope['scheme']}://{web.headers.get('host', '')}"
    raw: bytes = web.scope.get("raw_path") or quote(web.scope["path"]).encode()
    query: bytes = web.scope["query_string"]
    return front + raw.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")


def _problem(receiver: Receiver, problem: Problem, headers: dict[str, str] | None = None) -> Response:
    receiver.count(f"refused_{problem.type.rpartition(':')[2]}")
    return Response(encode_problem(problem), problem.status, headers, PROBLEM_TYPE)
