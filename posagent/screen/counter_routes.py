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
from posagent.screen.counter_schemas import ADJUSTMENT, CHARGE, COUPON_CHECK, LATE_GRANT, REDEMPTION, REFUND, RELEASE, REPRINT
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
            Route("/v1/print/{job}/reprint", self._reprint, methods=["POST"]),
            Route("/v1/late-grants", self._late_grant, methods=["POST"]),
            Route("/v1/refunds", self._refund, methods=["POST"]),
            Route("/v1/adjustments", self._adjust, methods=["POST"]),
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

    async def _late_grant(self, request: Request) -> Response:
        return await once(
            self._recent,
            request,
            LATE_GRANT,
            lambda asked: self._calls.ask(self._backend.counter.late_grant, asked.get("sale_id", ""), asked.get("receipt_no", "")),
        )

    async def _refund(self, request: Request) -> Response:
        def act(asked: dict[str, Any]) -> Awaitable[Answer]:
            role, operator = role_of(request, asked)
            kept = asked.get("remaining_lines"), asked.get("remaining_total")
            return self._calls.ask(self._backend.counter.refund, asked["sale_id"], *kept, asked["reason"], operator, role)

        return await once(self._recent, request, REFUND, act)

    async def _adjust(self, request: Request) -> Response:
        key = request.headers["idempotency-key"]

        def act(asked: dict[str, Any]) -> Awaitable[Answer]:
            role, operator = role_of(request, asked)
            what = asked["account"], asked["delta"], asked["reason"], asked.get("text", "")
            return self._calls.ask(self._backend.counter.adjust, *what, operator, role, key)

        return await once(self._recent, request, ADJUSTMENT, act)

    async def _reprint(self, request: Request) -> Response:
        job = request.path_params["job"]

        def act(asked: dict[str, Any]) -> Awaitable[Answer]:
            role, operator = role_of(request, asked)
            return self._calls.ask(self._backend.counter.reprint, job, operator, role)

        return await once(self._recent, request, REPRINT, act)

    async def _release(self, request: Request) -> Response:
        redemption = request.path_params["redemption"]
        if len(redemption) > 40 or not redemption.isascii():
            raise Problem(404, "E659", "there is no redemption of this name")
        return await once(self._recent, request, RELEASE, lambda _: self._calls.ask(self._backend.counter.release, redemption))
