"""Owns the routes by which something is used up in a sale, or put right afterwards. Loaded on the first connection."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from posagent.screen.answering import as_json, once
from posagent.screen.backend import Answer, Backend
from posagent.screen.callers import role_of
from posagent.screen.calls import Calls, RecentAnswers
from posagent.screen.counter_schemas import CHARGE, COUPON_CHECK, REDEMPTION, RELEASE
from posagent.screen.problems import Problem
from posagent.screen.schemas import read


class CounterRoutes:
    """The endpoints, over `posagent.screen.counter_backend.CounterBackend`."""

    def __init__(self, backend: Backend, calls: Calls, recent: RecentAnswers) -> None:
        self._backend, self._calls, self._recent = backend, calls, recent
        self.routes: list[BaseRoute] = [
            Route("/v1/coupons/check", self._check, methods=["POST"]),
            Route("/v1/redemptions", self._redeem, methods=["POST"]),
            Route("/v1/charges", self._charge, methods=["POST"]),
            Route("/v1/redemptions/{redemption}/release", self._release, methods=["POST"]),
        ]

    async def _check(self, request: Request) -> Response:
        asked = read(await request.body(), COUPON_CHECK)
        return as_json(await self._calls.ask(self._backend.counter.check_coupon, asked["code"]))

    async def _redeem(self, request: Request) -> Response:
        key = request.headers["idempotency-key"]
        return await once(
            self._recent,
            request,
            REDEMPTION,
            lambda asked: self._calls.ask(self._backend.counter.redeem, asked["kind"], asked.get("amount", 0), asked.get("code", ""), key),
        )

    async def _charge(self, request: Request) -> Response:
        key = request.headers["idempotency-key"]

        def act(asked: dict[str, Any]) -> Awaitable[Answer]:
            _, operator = role_of(request, asked)
            return self._calls.ask(self._backend.counter.charge, asked["amount"], asked.get("tender", "cash"), operator, key)

        return await once(self._recent, request, CHARGE, act)

    async def _release(self, request: Request) -> Response:
        redemption = request.path_params["redemption"]
        if len(redemption) > 40 or not redemption.isascii():
            raise Problem(404, "E659", "there is no redemption of this name")
        return await once(self._recent, request, RELEASE, lambda _: self._calls.ask(self._backend.counter.release, redemption))
