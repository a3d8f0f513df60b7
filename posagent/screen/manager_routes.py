"""Owns the manager's routes: what head office has not taken, and the decision about it. Loaded on the first connection."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from posagent.screen.answering import answered, as_json
from posagent.screen.backend import Answer, Backend
from posagent.screen.callers import role_of
from posagent.screen.calls import Calls, RecentAnswers
from posagent.screen.manager_schemas import DECISION
from posagent.screen.problems import Problem
from posagent.screen.schemas import read


class ManagerRoutes:
    """The endpoints. Who is a manager is `posagent.screen.callers.role_of`'s to say."""

    def __init__(self, backend: Backend, calls: Calls, recent: RecentAnswers) -> None:
        self._backend, self._calls, self._recent = backend, calls, recent
        self.routes: list[BaseRoute] = [
            Route("/v1/unsettled", self._unsettled, methods=["GET"]),
            Route("/v1/unsettled/{seq}", self._decide, methods=["POST"]),
        ]

    async def _unsettled(self, _request: Request) -> Response:
        return as_json(await self._calls.ask(self._backend.manager.unsettled))

    async def _decide(self, request: Request) -> Response:
        raw = await request.body()
        asked = read(raw, DECISION)
        if asked["what"] == "drop" and not asked.get("reason", "").strip():
            raise Problem(422, "E601", "say why it is given up: reason is missing")
        number = request.path_params["seq"]
        if not (number.isascii() and number.isdigit() and len(number) < 19):
            raise Problem(404, "E608", "there is no event of this number")
        role, operator = role_of(request, asked)

        async def act() -> Answer:
            return await self._calls.ask(self._backend.manager.decide, int(number), asked["what"], asked.get("reason", ""), operator, role)

        answer = await self._recent.once(request.url.path, request.headers["idempotency-key"], raw, act)
        return answered(answer)
