"""Owns the routes that let people and programs in: release by PIN, pairing, tokens. Loaded on the first connection."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from posagent.errors import Refused
from posagent.pairing import CODE_S, is_origin
from posagent.screen.access import Access
from posagent.screen.access_schemas import PAIR, PAIRING, REVOCATION, UNLOCK
from posagent.screen.callers import caller_of
from posagent.screen.calls import Calls
from posagent.screen.schemas import read
from posagent.screen.tokens import Scope
from posagent.screen.unlocks import UNLOCK_S


class AccessRoutes:
    """The endpoints, over `Access`. Who may reach which is the policy's (`posagent.screen.rules.scopes_of`)."""

    def __init__(self, access: Access, calls: Calls) -> None:
        self._access, self._calls = access, calls
        self.routes: list[BaseRoute] = [
            Route("/v1/unlock", self._unlock, methods=["POST"]),
            Route("/v1/pair", self._pair, methods=["POST"]),
            Route("/v1/pairings", self._open_pairing, methods=["POST"]),
            Route("/v1/tokens", self._tokens, methods=["GET"]),
            Route("/v1/tokens/revoke", self._revoke, methods=["POST"]),
        ]

    async def _unlock(self, request: Request) -> Response:
        asked = read(await request.body(), UNLOCK)
        token, person = await self._calls.ask(self._access.unlocks.unlock, asked["operator"], asked["pin"], caller_of(request).holder)
        return _json({"unlock": token, "role": person.role, "operator": person.operator, "expires_s": UNLOCK_S})

    async def _pair(self, request: Request) -> Response:
        asked = read(await request.body(), PAIR)
        origin = request.headers.get("origin", "")
        token, scopes = await self._calls.ask(self._access.pairing.redeem, asked["code"], origin)
        return _json({"token": token, "scopes": sorted(scopes)})

    async def _open_pairing(self, request: Request) -> Response:
        asked = read(await request.body(), PAIRING)
        code = await self._calls.ask(self._opened, asked)
        return _json({"code": code, "expires_s": CODE_S, "printed": asked.get("print", False)})

    def _opened(self, asked: dict[str, Any]) -> str:
        printing, origin = self._access.print_code, asked.get("origin", "")
        if asked.get("print") and printing is None:
            raise Refused("this register has no slip printer; leave out --print and read the code from the terminal", code="E632")
        if origin and not is_origin(origin):
            raise Refused("give the page's origin as the browser writes it, like https://pos.example.jp", code="E706")
        scopes: frozenset[Scope] = frozenset(asked["scopes"])
        code = self._access.pairing.open(asked["name"], origin, scopes)
        if asked.get("print") and printing is not None:
            printing(code, asked["name"], origin)
        return code

    async def _tokens(self, _request: Request) -> Response:
        listed = await self._calls.ask(self._access.tokens.listed)
        shown = [
            {"id": short, "name": one.name, "origin": one.origin, "scopes": sorted(one.scopes), "created": one.created,
             "expires": one.expires, "last_used": one.last_used or None}
            for short, one in listed
        ]  # fmt: skip
        return _json({"tokens": shown})

    async def _revoke(self, request: Request) -> Response:
        asked = read(await request.body(), REVOCATION)
        return _json({"revoked": await self._calls.ask(self._revoked, asked["token"])})

    def _revoked(self, which: str) -> list[str]:
        gone = self._access.tokens.revoke(which)
        for one in gone:
            self._access.note("token_revoked", {"name": one.name, "origin": one.origin})
        return [one.name for one in gone]


def _json(value: object) -> Response:
    return Response(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), 200, None, "application/json")
