"""Owns how a checked request becomes an answer on the wire: JSON, the backend's `Answer`, and the first answer again. Loaded with Starlette."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from posagent.screen.backend import Answer
from posagent.screen.calls import RecentAnswers
from posagent.screen.schemas import Schema, read


def as_json(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), status, headers, "application/json")


def answered(answer: Answer) -> Response:
    """The backend's answer."""
    document = {"state": answer.state, **answer.body}
    if answer.state == "accepted_offline":
        document["accepted_offline"] = True
    return as_json(document, headers={"idempotency-replayed": "true"} if answer.replayed else None)


async def once(recent: RecentAnswers, request: Request, schema: Schema, act: Callable[[dict[str, Any]], Awaitable[Answer]]) -> Response:
    """Checks the body, acts, and gives the first answer where the Idempotency-Key came before. Raises Problem."""
    raw = await request.body()
    given = read(raw, schema)
    return answered(await recent.once(request.url.path, request.headers["idempotency-key"], raw, lambda: act(given)))
