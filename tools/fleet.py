"""Owns simulated registers: what a register keeps, says and concludes, without devices, files or sockets, against the real receiver.

    python -m tools.fleet --help          the runs with thousands of them (`tools.fleet_runs`)
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from gzip import compress
from typing import Any
from urllib.parse import unquote

from offline_queue import wire
from offline_queue.answers import Answer, Problem, parse_answer, parse_problem
from offline_queue.chain import digest, first_link, next_link
from offline_queue.signature import Key, sign

HOST = "localhost:8940"
Asgi = Callable[[MutableMapping[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]
Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


async def call(app: Asgi, method: str, target: str, headers: Headers | None = None, body: bytes = b"", client: str = "127.0.0.1") -> Reply:
    """One request to an ASGI application in this process: no socket, the same code."""
    path, _, query = target.partition("?")
    sent = False
    status = 0
    back: dict[str, str] = {}
    parts: list[bytes] = []

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status, back
        if message["type"] == "http.response.start":
            status = message["status"]
            back = {name.decode().lower(): value.decode() for name, value in message["headers"]}
        else:
            parts.append(message.get("body", b""))

    lines = [(b"host", HOST.encode()), *((name.lower().encode(), value.encode("latin-1")) for name, value in headers or [])]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http", "path": unquote(path),
        "raw_path": path.encode(), "query_string": query.encode(), "headers": lines, "client": (client, 50000), "server": (HOST, 80),
        "root_path": "",
    }  # fmt: skip
    await app(scope, receive, send)
    return Reply(status, back, b"".join(parts))


def make_event(
    place: tuple[str, str, str],
    idem: str,
    member: str = "M1",
    entries: dict[str, int] | None = None,
    type_: str = "posagent.sale.granted.v1",
    **more: Any,
) -> bytes:
    """One event line of a register at (company, store, register)."""
    tenant, store, register = place
    rows: list[wire.JSON] = [{"account": account, "delta": delta} for account, delta in (entries or {}).items()]
    return wire.encode_event(
        id=str(uuid.UUID(int=random.getrandbits(128), version=4)),
        source=f"/t/{tenant}/s/{store}/r/{register}",
        type=type_,
        time="2026-11-22T12:34:56.123+09:00",
        subject=f"m:{member}",
        idemkey=idem,
        data={"member": member, "entries": rows, **more, "trace": {"mono_ms": random.getrandbits(40)}},
    )


@dataclass(slots=True)
class Stream:
    """A register's journal in memory: bodies, the link after each, and how far it is acknowledged."""

    place: tuple[str, str, str] = ("acme", "0001", "1")
    stream_id: str = ""
    bodies: list[bytes] = field(default_factory=list)
    links: list[bytes] = field(default_factory=list)
    acked: int = 0
    key: Key | None = None

    def __post_init__(self) -> None:
        self.stream_id = self.stream_id or str(uuid.UUID(int=random.getrandbits(128), version=4))

    def put(self, body: bytes) -> int:
        """Records; the event's seq."""
        self.bodies.append(body)
        self.links.append(next_link(self.link(len(self.links)), digest(body)))
        return len(self.bodies)

    def link(self, seq: int) -> bytes:
        """The link after ``seq``."""
        return self.links[seq - 1] if seq else first_link(self.stream_id)

    @property
    def path(self) -> str:
        """Where the receiver has it."""
        return f"/v1/streams/{self.stream_id}"

    def learn(self, reply: Answer | Problem, *, heartbeat: bool = False, checks_chain: bool = True) -> bool:
        """What a register concludes from an answer (spec 3.3, 3.4); True: it went on under a new stream. ``checks_chain`` False is a register
        without its half of the chain check: a mutant. Raises ValueError for an answer that means trouble of another kind."""
        match reply:
            case Answer(acked=acked, chain=chain):
                if checks_chain and (acked > len(self.bodies) or self.link(acked) != chain):
                    return self.rotate()
                if acked >= self.acked or heartbeat:
                    self.acked = min(acked, len(self.bodies))
            case Problem(type=wire.GAP | wire.UNKNOWN_STREAM, expected=expected, chain=chain):
                if heartbeat and self.acked == 0:
                    return False
                if expected - 1 > len(self.bodies) or self.link(expected - 1) != chain:
                    return self.rotate()
                self.acked = expected - 1
            case Problem(type=wire.FORK):
                return self.rotate()
            case _:
                raise ValueError(reply)
        return False

    def rotate(self) -> bool:
        """Everything that is held goes again under a new stream."""
        self.install("", self.bodies, 0)
        return True

    def install(self, stream_id: str, bodies: list[bytes], acked: int) -> None:
        """The disk becomes this; an empty name is a new stream."""
        self.stream_id = stream_id or str(uuid.UUID(int=random.getrandbits(128), version=4))
        held = list(bodies)
        self.bodies, self.links, self.acked = [], [], acked
        for body in held:
            self.put(body)

    def batch(self, first: int, last: int, withheld: tuple[int, ...] = (), gzip: bool = True) -> tuple[Headers, bytes]:
        """Headers and payload of a batch from ``first`` to ``last``."""
        payload = wire.frame([self.bodies[seq - 1] for seq in range(first, last + 1) if seq not in withheld])
        coded = compress(payload, 6) if gzip else payload
        headers = {
            "Content-Type": wire.CONTENT_TYPE,
            "Content-Digest": wire.content_digest(coded),
            wire.FIRST_SEQ: str(first),
            wire.PREV_CHAIN: wire.b64(self.link(first - 1)),
            wire.LAST_CHAIN: wire.b64(self.link(last)),
        }
        if gzip:
            headers["Content-Encoding"] = "gzip"
        if withheld:
            headers[wire.WITHHELD] = wire.withheld_header([wire.Withheld(seq, digest(self.bodies[seq - 1])) for seq in withheld])
        return self.signed("POST", self.path + "/events", headers), coded

    def signed(self, method: str, target: str, headers: dict[str, str], now: int = 0) -> Headers:
        """The headers, with a signature where the register has a key."""
        if self.key is not None:
            headers |= sign(self.key, method, f"http://{HOST}{target}", headers, now)
        return list(headers.items())

    async def send(self, app: Asgi, first: int | None = None, last: int | None = None, **options: Any) -> tuple[Reply, Answer | Problem]:
        """Posts a batch; the answer as it came and as it was understood. Moves nothing."""
        headers, coded = self.batch(first or self.acked + 1, last or min(len(self.bodies), self.acked + wire.MAX_EVENTS), **options)
        reply = await call(app, "POST", self.path + "/events", headers, coded)
        return reply, parse_answer(reply.body) if reply.status == 200 else parse_problem(reply.body, reply.status)


if __name__ == "__main__":
    import sys

    from tools.fleet_runs import main

    sys.exit(main())
