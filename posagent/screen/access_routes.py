"""Owns the routes that let people and programs in: release by PIN, pairing, tokens. Loaded on the first connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from posagent.errors import Refused
from posagent.pairing import CODE_S, is_origin
from posagent.screen.access import Access
from posagent.screen.access_schemas import PAIR, PAIRING, REVOCATION, UNLOCK
from posagent.screen.answering import as_json, once
from posagent.screen.backend import Answer
from posagent.screen.callers import caller_of
from posagent.screen.calls import Calls, RecentAnswers
from posagent.screen.schemas import Schema, read
from posagent.screen.tokens import Scope
from posagent.screen.unlocks import UNLOCK_S


class AccessRoutes:
    """The endpoints, over `Access`. Who may reach which is the policy's (`posagent.screen.rules.scopes_of`)."""

    def __init__(self, access: Access, calls: Calls, recent: RecentAnswers) -> None:
        self._access, self._calls, self._recent = access, calls, recent
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
        return as_json({"unlock": token, "role": person.role, "operator": person.operator, "expires_s": UNLOCK_S})

    async def _pair(self, request: Request) -> Response:
        asked = read(await request.body(), PAIR)
        origin = request.headers.get("origin", "")
        token, scopes = await self._calls.ask(self._access.pairing.redeem, asked["code"], origin)
        return as_json({"token": token, "scopes": sorted(scopes)})

    async def _open_pairing(self, request: Request) -> Response:
        return await self._once(request, PAIRING, self._opened)

    def _opened(self, asked: dict[str, Any]) -> Answer:
        printing, origin = self._access.print_code, asked.get("origin", "")
        if asked.get("print") and printing is None:
            raise Refused("this register has no slip printer; leave out --print and read the code from the terminal", code="E632")
        if origin and not is_origin(origin):
            raise Refused("give the page's origin as the browser writes it, like https://pos.example.jp", code="E706")
        scopes: frozenset[Scope] = frozenset(asked["scopes"])
        code = self._access.pairing.open(asked["name"], origin, scopes)
        if asked.get("print") and printing is not None:
            printing(code, asked["name"], origin)
        return Answer("done", {"code": code, "expires_s": CODE_S, "printed": asked.get("print", False)})

    async def _tokens(self, _request: Request) -> Response:
        listed = await self._calls.ask(self._access.tokens.listed)
        shown = [
            {"id": short, "name": one.name, "origin": one.origin, "scopes": sorted(one.scopes), "created": one.created,
             "expires": one.expires, "last_used": one.last_used or None}
            for short, one in listed
        ]  # fmt: skip
        return as_json({"tokens": shown})

    async def _revoke(self, request: Request) -> Response:
        return await self._once(request, REVOCATION, self._revoked)

    def _revoked(self, asked: dict[str, Any]) -> Answer:
        gone = self._access.tokens.revoke(asked["token"])
        for one in gone:
            self._access.note("token_revoked", {"name": one.name, "origin": one.origin})
        return Answer("done", {"revoked": [one.name for one in gone]})

    async def _once(self, request: Request, schema: Schema, act: Callable[[dict[str, Any]], Answer]) -> Response:
        return await once(self._recent, request, schema, lambda asked: self._calls.ask(act, asked))
