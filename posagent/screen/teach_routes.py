"""Owns the routes of teach mode: a sale door shows what it reads, and learns from receipts whose totals are known. Loaded with Starlette."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from posagent.screen.answering import once
from posagent.screen.backend import Answer, Backend
from posagent.screen.calls import Calls, RecentAnswers
from posagent.screen.schemas import LEARN, TEACH_MODE, USE_PROFILE


class TeachRoutes:
    """Under /v1/devices, so the policy asks for the scope "tech"."""

    def __init__(self, backend: Backend, calls: Calls, recent: RecentAnswers) -> None:
        self._backend, self._calls, self._recent = backend, calls, recent
        self.routes: list[BaseRoute] = [
            Route("/v1/devices/{device}/teach", self._teach, methods=["POST"]),
            Route("/v1/devices/{device}/learn", self._learn, methods=["POST"]),
            Route("/v1/devices/{device}/profile", self._profile, methods=["POST"]),
        ]

    async def _teach(self, request: Request) -> Response:
        device = request.path_params["device"]
        return await once(
            self._recent, request, TEACH_MODE, lambda asked: self._calls.ask(self._backend.technician.teach, device, asked["on"])
        )

    async def _profile(self, request: Request) -> Response:
        device = request.path_params["device"]
        return await once(
            self._recent, request, USE_PROFILE, lambda asked: self._calls.ask(self._backend.technician.use_profile, device, asked["profile"])
        )

    async def _learn(self, request: Request) -> Response:
        device = request.path_params["device"]

        def act(asked: dict[str, Any]) -> Awaitable[Answer]:
            known = [(one["number"], one["total"]) for one in asked["known"]]
            return self._calls.ask(self._backend.technician.learn, device, asked["name"], known)

        return await once(self._recent, request, LEARN, act)
