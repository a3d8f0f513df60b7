"""Owns the routes: the page, its files and /v1. Loaded on the first connection, with Starlette."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from posagent.screen.access import Access
from posagent.screen.access_routes import AccessRoutes
from posagent.screen.answering import answered, as_json, once
from posagent.screen.backend import Answer, Backend
from posagent.screen.callers import caller_of, role_of
from posagent.screen.calls import Calls, RecentAnswers
from posagent.screen.counter_routes import CounterRoutes
from posagent.screen.events import Streams
from posagent.screen.manager_routes import ManagerRoutes
from posagent.screen.problems import MEDIA_TYPE, Problem, body
from posagent.screen.schemas import DEVICE_TEST, PRINT_ANSWER, REPORT, SALE, SCAN, TEST_MODE, VOID, read
from posagent.screen.shown import shown_room, shown_status, without_members
from posagent.screen.teach_routes import TeachRoutes

STATIC = Path(__file__).parent / "static"
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_PAGES = {"/": "index.html", "/tech": "tech.html", "/customer": "customer.html", "/manager": "manager.html"}


class Api:
    """The endpoints. One instance for each time that the web server runs."""

    def __init__(self, backend: Backend, calls: Calls, streams: Streams, recent: RecentAnswers, access: Access | None = None) -> None:
        self._backend, self._calls, self._recent = backend, calls, recent
        self._files = {path.name: path.read_bytes() for path in STATIC.iterdir() if path.suffix in _MEDIA_TYPES}
        routes: list[BaseRoute] = [
            *(Route(path, self._page) for path in _PAGES),
            Route("/static/{name}", self._file),
            Route("/livez", self._alive),
            Route("/readyz", self._ready),
            Route("/metrics", self._metrics),
            Route("/v1/status", self._status),
            Route("/v1/events", streams, methods=["GET"]),
            Route("/v1/sales", self._sale, methods=["POST"]),
            Route("/v1/quotes", self._quote, methods=["POST"]),
            Route("/v1/scans", self._scan, methods=["POST"]),
            Route("/v1/voids", self._void, methods=["POST"]),
            Route("/v1/reports", self._report, methods=["POST"]),
            *CounterRoutes(backend, calls, recent).routes,
            Route("/v1/print/{job}/answer", self._print_answer, methods=["POST"]),
            Route("/v1/slips/{job}.png", self._slip),
            # The technician's: the policy knows them by path (posagent.screen.rules.scopes_of) and asks for the scope "tech".
            Route("/v1/devices", self._devices),
            Route("/v1/devices/{device}/preview", self._preview),
            Route("/v1/devices/{device}/test", self._device_test, methods=["POST"]),
            Route("/v1/test-mode", self._test_mode, methods=["POST"]),
            *AccessRoutes(access or Access(), calls, recent).routes,
            *ManagerRoutes(backend, calls, recent).routes,
            *TeachRoutes(backend, calls, recent).routes,
        ]
        self.app = Starlette(routes=routes, exception_handlers={Problem: _problem, HTTPException: _plain_refusal})

    async def _page(self, request: Request) -> Response:
        html = self._files[_PAGES[request.url.path]].replace(b'<html lang="ja">', f'<html lang="{self._backend.language}">'.encode())
        return Response(html, media_type=_MEDIA_TYPES[".html"])

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._files or name in _PAGES.values():
            raise HTTPException(404)
        return Response(self._files[name], media_type=_MEDIA_TYPES[Path(name).suffix])

    async def _alive(self, _request: Request) -> Response:
        return as_json({"alive": True})

    async def _ready(self, _request: Request) -> Response:
        status = await self._calls.ask(self._backend.status)
        ready = status.get("ready", False)
        return as_json({"ready": ready, "degraded": status.get("degraded", [])}, 200 if ready else 503)

    async def _metrics(self, _request: Request) -> Response:
        return Response(await self._calls.ask(self._backend.metrics), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _status(self, request: Request) -> Response:
        last_seq = await self._calls.ask(self._backend.last_seq)
        shown = shown_status(self._backend, await self._calls.ask(self._backend.status), last_seq)
        return as_json(shown if "pos" in caller_of(request).scopes else without_members(shown))

    async def _sale(self, request: Request) -> Response:
        sale = read(await request.body(), SALE)
        return answered(await self._calls.ask(self._backend.post_sale, sale, request.headers["idempotency-key"]))

    async def _quote(self, request: Request) -> Response:
        return as_json(await self._calls.ask(self._backend.quote, read(await request.body(), SALE)))

    async def _scan(self, request: Request) -> Response:
        def act(scan: dict[str, Any]) -> Awaitable[Answer]:
            return self._calls.ask(self._backend.post_scan, scan["text"], scan.get("symbology"))

        return await once(self._recent, request, SCAN, act)

    async def _void(self, request: Request) -> Response:
        def act(void: dict[str, Any]) -> Awaitable[Answer]:
            role, operator = role_of(request, void)
            return self._calls.ask(self._backend.void, void["sale_id"], void["reason"], operator, role)

        return await once(self._recent, request, VOID, act)

    async def _report(self, request: Request) -> Response:
        key = request.headers["idempotency-key"]

        def act(order: dict[str, Any]) -> Awaitable[Answer]:
            role, operator = role_of(request, order)
            return self._calls.ask(self._backend.report, order["kind"], order.get("business_date"), operator, role, key)

        return await once(self._recent, request, REPORT, act)

    async def _print_answer(self, request: Request) -> Response:
        job = _job(request)
        return await once(
            self._recent,
            request,
            PRINT_ANSWER,
            lambda answer: self._calls.ask(self._backend.answer_print, job, answer["came_out"], answer.get("operator", "")),
        )

    async def _slip(self, request: Request) -> Response:
        picture = await self._calls.ask(self._backend.slip_png, _job(request))
        if picture is None:
            raise Problem(404, "E615", "there is no slip of this name")
        return Response(picture, media_type="image/png")

    async def _devices(self, _request: Request) -> Response:
        return as_json(shown_room(self._backend, await self._calls.ask(self._backend.technician.room)))

    async def _preview(self, request: Request) -> Response:
        return as_json(await self._calls.ask(self._backend.technician.preview, request.path_params["device"]))

    async def _device_test(self, request: Request) -> Response:
        device, key = request.path_params["device"], request.headers["idempotency-key"]
        test = self._backend.technician.test_device
        return await once(self._recent, request, DEVICE_TEST, lambda asked: self._calls.ask(test, device, key, asked.get("doctor")))

    async def _test_mode(self, request: Request) -> Response:
        return await once(self._recent, request, TEST_MODE, lambda asked: self._calls.ask(self._backend.technician.test_mode, asked["on"]))


def _job(request: Request) -> str:
    job: str = request.path_params["job"]
    if len(job) > 80 or not job.isprintable():
        raise Problem(404, "E615", "there is no slip of this name")
    return job


async def _problem(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)  # noqa: S101 - registered for this class only
    return Response(body(problem), problem.status, problem.headers, MEDIA_TYPE)


async def _plain_refusal(_request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, HTTPException)  # noqa: S101 - registered for this class only
    detail = {404: "there is nothing at this address", 405: "this address does not take that method"}.get(refusal.status_code, "refused")
    problem = Problem(refusal.status_code, "E706", detail, {"problem": detail}, dict(refusal.headers or {}))
    return Response(body(problem), problem.status, problem.headers, MEDIA_TYPE)
