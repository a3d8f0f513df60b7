"""Owns who may ask what: the request policy in front of every route, as pure ASGI middleware.

The checks run in this order and the first failure wins: peer, Host, method and sizes, Origin, preflight, content type and Idempotency-Key,
token, scope, release by PIN. Nothing of a refused request is echoed or logged but its code. A Unix socket skips what only browsers need (Host,
Origin, tokens): its file mode decides who may connect, and the kernel's word on the peer decides what it may do. What was found out about the
caller goes to the routes as ``scope["caller"]``, and the code of a refusal to whoever counts as ``scope["refused"]``.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from typing import Any

from posagent.screen.callers import Caller, Door
from posagent.screen.peers import Peer
from posagent.screen.problems import MEDIA_TYPE, Problem, body
from posagent.screen.rules import Rules, is_open, needs_manager, scopes_of
from posagent.screen.tokens import GIVEN, Failures, Paired, digest_of

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

METHODS = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS"})
TARGET_BYTES = 2048
HEADER_BYTES = 16 * 1024
HEADER_COUNT = 64
BODY_BYTES = 64 * 1024
BODY_S = 5.0
_DRAINED_BYTES = 256 * 1024  # read and thrown away, so that the answer is not lost in a connection reset
_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
_JSON = re.compile(r'application/json\s*(;\s*charset="?utf-8"?\s*)?', re.IGNORECASE)


class Policy:
    """Wraps an ASGI application. The application gets the whole body at once (64 KiB at most), or an unread stream for GET."""

    def __init__(self, app: App, rules: Rules) -> None:
        self._app = app
        self._rules = rules
        self._own = rules.own_origins
        self._fixed_headers = rules.security_headers()
        self._failures = Failures()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # no lifespan, no WebSocket
            return
        headers = _Headers(scope["headers"])
        foreign = ""

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                resource = b"cross-origin" if foreign else b"same-origin"
                message["headers"] = [*message.get("headers", []), *self._fixed_headers, (b"cross-origin-resource-policy", resource)]
                message["headers"] += self._cors(foreign)
            await send(message)

        try:
            unix = scope.get("server") is not None and scope["server"][1] is None
            if not unix:
                self._check_peer_and_host(scope, headers)
            self._check_form(scope, headers)
            if not unix:
                foreign = self._check_origin(scope, headers)
                if scope["method"] == "OPTIONS":
                    await _preflight(foreign, headers, send_on)
                    return
            self._check_content(scope, headers)
            caller = self._peer(scope) if unix else self._holder(scope, headers, foreign)
            scope["caller"] = self._released(caller, scope["path"], headers)
            if scope["method"] in {"POST", "DELETE"}:
                receive = _given(await _whole_body(headers, receive), receive)
            await self._app(scope, receive, send_on)
        except Problem as problem:
            log.info("refused code=%s status=%d", problem.code, problem.status)
            scope["refused"] = problem.code
            await _answer(problem, send_on)

    def _cors(self, foreign: str) -> list[tuple[bytes, bytes]]:
        if not foreign:
            return []
        return [
            (b"access-control-allow-origin", foreign.encode("ascii")),
            (b"vary", b"Origin"),
            (b"access-control-expose-headers", b"Idempotency-Replayed"),
        ]

    def _check_peer_and_host(self, scope: MutableMapping[str, Any], headers: _Headers) -> None:
        client = scope.get("client")
        if client is None or not ipaddress.ip_address(client[0]).is_loopback:
            raise Problem(403, "E700", "only programs on this register may connect", self._address(), {"connection": "close"})
        if [host.lower() for host in headers.all("host")] not in [[host] for host in self._rules.hosts]:
            raise Problem(421, "E701", "the Host header does not name this page's address", self._address())
        if not scope["path"].startswith("/"):
            raise Problem(421, "E701", "the target must be a path", self._address())

    def _check_form(self, scope: MutableMapping[str, Any], headers: _Headers) -> None:
        if scope["method"] not in METHODS:
            raise Problem(405, "E706", "method not known here", {"problem": "method"}, {"allow": ", ".join(sorted(METHODS))})
        if len(scope["raw_path"]) + len(scope["query_string"]) + 1 > TARGET_BYTES:
            raise Problem(414, "E707", f"the target is longer than {TARGET_BYTES} bytes", {"problem": "target"})
        if headers.count > HEADER_COUNT or headers.size > HEADER_BYTES:
            raise Problem(431, "E707", f"more than {HEADER_COUNT} headers or {HEADER_BYTES} bytes of them", {"problem": "headers"})
        if headers.all("transfer-encoding") and headers.all("content-length"):  # request smuggling (RFC 9112 section 6.3)
            problem = {"problem": "Transfer-Encoding and Content-Length"}
            raise Problem(400, "E706", "Transfer-Encoding and Content-Length exclude each other", problem, {"connection": "close"})
        if headers.all("upgrade"):
            raise Problem(403, "E702", "there is no WebSocket here; events come from GET /v1/events")

    def _check_origin(self, scope: MutableMapping[str, Any], headers: _Headers) -> str:
        """The foreign origin that asks; empty for our own page and for programs."""
        origins = headers.all("origin")
        if not origins:
            if headers.one("sec-fetch-site") in {"cross-site", "same-site"} and not self._is_visit(scope, headers):
                raise Problem(403, "E702", "another web site may not load this")
            return ""
        if len(origins) == 1 and origins[0] in self._own:
            return ""
        if len(origins) != 1 or origins[0] == "null" or not self._rules.allows(origins[0], scope["path"]):
            raise Problem(403, "E702", "this web page's origin is not in allowed_origins")
        return origins[0]

    def _is_visit(self, scope: MutableMapping[str, Any], headers: _Headers) -> bool:
        """A link that opens the page itself (it changes nothing; CSP decides about frames)."""
        destinations = {"document", "iframe"} if self._rules.frame_ancestors else {"document"}
        return (
            scope["method"] == "GET"
            and scope["path"] == "/"
            and headers.one("sec-fetch-mode") == "navigate"
            and headers.one("sec-fetch-dest") in destinations
        )

    def _check_content(self, scope: MutableMapping[str, Any], headers: _Headers) -> None:
        if scope["method"] not in {"POST", "DELETE"}:
            return
        kinds = headers.all("content-type")
        if len(kinds) != 1 or not _JSON.fullmatch(kinds[0]):
            raise Problem(415, "E706", "send application/json", {"problem": "Content-Type"})
        keys = headers.all("idempotency-key")
        if scope["path"] in self._rules.keyless:
            return
        if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
            raise Problem(400, "E706", "give one Idempotency-Key of 8 to 64 letters, digits, _ or -", {"problem": "Idempotency-Key"})

    def _peer(self, scope: MutableMapping[str, Any]) -> Caller:
        """Who is at the other end of the Unix socket."""
        peer: Peer | None = scope.get("state", {}).get("peer")
        scopes = self._rules.peers.scopes(peer) if peer else frozenset()
        if not scopes:
            raise Problem(403, "E704", "this user is in no group that may use the agent; add it to posagent-pos or posagent-tech")
        return Caller("socket", f"uid {peer.uid}" if peer else "", scopes)

    def _holder(self, scope: MutableMapping[str, Any], headers: _Headers, foreign: str) -> Caller:
        """Our own page, or the holder of a token."""
        given = headers.all("authorization")
        if not given and not foreign:
            if not is_open(scope["path"]) and not self._is_own_page(headers):
                detail = "a program needs a token (posagent pair --name NAME --scope pos), or uses the Unix socket"
                raise Problem(401, "E703", detail, headers={"www-authenticate": "Bearer"})
            return Caller("page", "", frozenset(GIVEN))
        door: Door = "web" if foreign else "program"
        if not given and is_open(scope["path"]):
            return Caller(door, "", frozenset())
        paired = self._checked(given, foreign)
        return Caller(door, paired.name, paired.scopes)

    def _is_own_page(self, headers: _Headers) -> bool:
        """A browser says where a request comes from, and no page can make it say otherwise (Fetch Metadata); what a program says is no proof,
        but a program of this machine is not what this is against."""
        return bool(headers.all("origin")) or headers.one("sec-fetch-site") in {"same-origin", "none"}

    def _checked(self, given: list[str], foreign: str) -> Paired:
        asker = foreign or "program"
        if self._failures.locked(asker):
            raise Problem(429, "E705", "too many failed tokens; wait a minute", headers={"retry-after": "60"})
        digest = digest_of(given[0]) if len(given) == 1 else None
        paired = self._rules.access.tokens.find(digest) if digest else None
        if paired is None:
            if given:
                self._failures.note(asker)
            raise Problem(401, "E703", "a valid token is needed: Authorization: Bearer …", headers={"www-authenticate": "Bearer"})
        if paired.origin != foreign:
            raise Problem(403, "E704", "the token belongs to another origin")
        return paired

    def _released(self, caller: Caller, path: str, headers: _Headers) -> Caller:
        """The caller, if its scopes reach the path, with the release by PIN that the request shows."""
        if not caller.scopes & scopes_of(path) and not is_open(path):
            raise Problem(403, "E704", "the caller's scope does not reach this")
        unlocks, shown = self._rules.access.unlocks, headers.all("posagent-unlock")
        person = unlocks.person(shown[0], caller.holder) if len(shown) == 1 else None
        if shown and person is None:
            raise Problem(403, "E712", "the release by PIN has ended or is another caller's; POST /v1/unlock again")
        if unlocks.needed and needs_manager(path) and (person is None or person.role != "manager"):
            raise Problem(403, "E613", "a manager's PIN is needed: POST /v1/unlock, and send the same again with its posagent-unlock")
        return replace(caller, person=person, asserts=not unlocks.needed)

    def _address(self) -> dict[str, object]:
        return {"address": min((host for host in self._rules.hosts if host.startswith("127.")), default="127.0.0.1")}


class _Headers:
    """A request's headers as text, multiplicity kept: what is checked must be there exactly once."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self._pairs = [(name.decode("latin-1"), value.decode("latin-1").strip()) for name, value in raw]
        self.count = len(raw)
        self.size = sum(len(name) + len(value) + 4 for name, value in raw)

    def all(self, name: str) -> list[str]:
        return [value for found, value in self._pairs if found == name]

    def one(self, name: str) -> str:
        return ",".join(self.all(name))


async def _whole_body(headers: _Headers, receive: Receive) -> bytes:
    length = headers.one("content-length")
    declared = int(length) if length.isdigit() else 0
    too_long = Problem(413, "E707", f"the body is longer than {BODY_BYTES} bytes", {"problem": "body"}, {"connection": "close"})
    if declared > _DRAINED_BYTES:
        raise too_long
    body_bytes = bytearray()
    seen, more = 0, True
    try:
        async with asyncio.timeout(BODY_S):
            while more and seen <= _DRAINED_BYTES:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Problem(400, "E708", "the connection ended within the body")
                seen += len(message.get("body", b""))
                more = message.get("more_body", False)
                if seen <= BODY_BYTES:
                    body_bytes += message.get("body", b"")
    except TimeoutError:
        raise Problem(408, "E708", f"the body did not arrive within {BODY_S:g} s", headers={"connection": "close"}) from None
    if seen > BODY_BYTES:
        raise too_long
    return bytes(body_bytes)


def _given(whole: bytes, then: Receive) -> Receive:
    """A receive that hands out the body that was read already, and after it what still comes (the end of the connection)."""
    left = [whole]

    async def receive() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await then()

    return receive


async def _preflight(foreign: str, headers: _Headers, send: Send) -> None:
    if not foreign:
        raise Problem(403, "E702", "preflights are for web pages in allowed_origins")
    answer = [
        (b"access-control-allow-methods", b"GET, POST, DELETE"),
        (b"access-control-allow-headers", b"authorization, content-type, idempotency-key, last-event-id, posagent-unlock"),
        (b"access-control-max-age", b"600"),
    ]
    if headers.one("access-control-request-private-network") == "true":
        answer.append((b"access-control-allow-private-network", b"true"))
    await send({"type": "http.response.start", "status": 204, "headers": answer})
    await send({"type": "http.response.body", "body": b""})


async def _answer(problem: Problem, send: Send) -> None:
    document = body(problem)
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(document)).encode())]
    headers += [(name.encode("ascii"), value.encode("ascii")) for name, value in problem.headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": document})
