"""Owns the manager's routes: what head office has not taken, and the decision about it. Loaded on the first connection."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from posagent.screen.backend import Answer
from posagent.screen.callers import role_of
from posagent.screen.calls import Calls, RecentAnswers
from posagent.screen.manager import ManagerBackend
from posagent.screen.problems import Problem
from posagent.screen.schemas import Schema, read

DECISION: Schema = {
    "type": "object",
    "required": ["what"],
    "additionalProperties": False,
    "properties": {
        "what": {"type": "string", "enum": ["retry", "drop"]},
        "reason": {"type": "string", "maxLength": 200, "description": "why it is given up; needed for drop"},
        "operator": {"type": "string", "maxLength": 32},
        "role": {"type": "string", "enum": ["cashier", "manager"]},
    },
}
UNSETTLED: Schema = {
    "type": "object",
    "required": ["pending", "oldest", "link", "blocked", "events", "more"],
    "properties": {
        "pending": {"type": "integer", "description": "events that wait for head office"},
        "oldest": {"type": ["string", "null"]},
        "link": {"type": "string", "enum": ["online", "offline", "unknown"]},
        "blocked": {"type": "string", "description": "why nothing is sent although the link is there, in English; empty when all is well"},
        "events": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["seq", "state", "kind", "at", "problem"],
                "properties": {
                    "seq": {"type": "integer"},
                    "state": {"type": "string", "enum": ["parked", "rejected", "conflict"]},
                    "kind": {"type": "string"},
                    "at": {"type": "string"},
                    "problem": {"type": "string"},
                },
            },
        },
        "more": {"type": "boolean", "description": "there are more than are listed"},
    },
}
MANAGER: dict[str, Schema] = {"Decision": DECISION, "Unsettled": UNSETTLED}
"""By their names in the OpenAPI document."""


class ManagerRoutes:
    """The endpoints. Who is a manager is `posagent.screen.callers.role_of`'s to say."""

    def __init__(self, backend: ManagerBackend, calls: Calls, recent: RecentAnswers) -> None:
        self._backend, self._calls, self._recent = backend, calls, recent
        self.routes: list[BaseRoute] = [
            Route("/v1/unsettled", self._unsettled, methods=["GET"]),
            Route("/v1/unsettled/{seq:int}", self._decide, methods=["POST"]),
        ]

    async def _unsettled(self, _request: Request) -> Response:
        return _json(await self._calls.ask(self._backend.unsettled))

    async def _decide(self, request: Request) -> Response:
        raw = await request.body()
        asked = read(raw, DECISION)
        if asked["what"] == "drop" and not asked.get("reason", "").strip():
            raise Problem(422, "E601", "say why it is given up: reason is missing")
        role, operator = role_of(request, asked)

        async def act() -> Answer:
            seq = request.path_params["seq"]
            return await self._calls.ask(self._backend.decide, seq, asked["what"], asked.get("reason", ""), operator, role)

        answer = await self._recent.once(request.url.path, request.headers["idempotency-key"], raw, act)
        return _json({"state": answer.state, **answer.body})


def _json(value: object) -> Response:
    return Response(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), 200, None, "application/json")
