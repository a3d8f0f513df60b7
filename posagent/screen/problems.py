"""Owns how trouble looks on the wire: RFC 9457 problem documents, with our four-character code and both languages' words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from posagent.errors import CloudUnavailable, DeviceError, PosagentError, Refused, StorageError
from posagent.messages import words

MEDIA_TYPE = "application/problem+json"
_STATUS_OF_CODE = {
    "E607": 422, "E608": 404, "E613": 403, "E615": 404, "E632": 404, "E705": 429, "E710": 403, "E713": 403, "E714": 410, "E715": 404,
    "E901": 504,
}  # fmt: skip


class Problem(Exception):
    """A request that cannot be answered as wished; becomes the answer itself."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        values: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.values = dict(values or {})
        self.headers = dict(headers or {})


def from_trouble(trouble: PosagentError) -> Problem:
    """The problem that a typed error of the agent becomes: who must act decides the status."""
    match trouble:
        case Refused():
            status = 409
        case StorageError() | CloudUnavailable() | DeviceError():
            status = 503
        case _:
            status = 500
    headers = {"retry-after": "60"} if trouble.code == "E705" else None
    return Problem(_STATUS_OF_CODE.get(trouble.code, status), trouble.code, str(trouble), headers=headers)


def spoken(code: str, values: Mapping[str, object] | None = None) -> dict[str, Any]:
    """A code with its words: {"code", "ja": {"title", "todo"}, "en": {...}}."""
    ja, en = words(code, "ja", values), words(code, "en", values)
    return {"code": code, "ja": {"title": ja.title, "todo": ja.todo}, "en": {"title": en.title, "todo": en.todo}}


def body(problem: Problem) -> bytes:
    """The document. ``detail`` is ours, never an echo of what was sent."""
    said = spoken(problem.code, problem.values)
    document = {
        "type": f"urn:posagent:problem:{problem.code}",
        "title": said["en"]["title"],
        "status": problem.status,
        "detail": problem.detail,
        **said,
    }
    return json.dumps(document, ensure_ascii=False).encode()
