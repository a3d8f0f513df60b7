"""Owns what the receiver's tests share: both engines, a receiver on an empty database, and a way to call it without sockets."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from starlette.applications import Starlette

from offline_queue.answers import Answer, Problem
from posagent import events
from posagent.cloud import schema
from posagent.cloud.app import make_app
from posagent.cloud.receiver import Receiver, Settings
from tools.fleet import Reply, Stream, call, make_event

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]


class Clock:
    """A wall clock that tests move."""

    def __init__(self) -> None:
        self.now = 1_795_432_496.0

    def __call__(self) -> float:
        return self.now


class Cloud:
    """A receiver under test."""

    def __init__(self, url: str, settings: Settings | None = None) -> None:
        self.url = url
        self.clock = Clock()
        self.loop = asyncio.new_event_loop()
        self.app: Starlette = make_app(url, settings or Settings(signed=False), clock=self.clock)

    @property
    def receiver(self) -> Receiver:
        found: Receiver = self.app.state.receiver
        return found

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def call(
        self, method: str, target: str, headers: list[tuple[str, str]] | None = None, body: bytes = b"", client: str = "127.0.0.1"
    ) -> Reply:
        return self.run(call(self.app, method, target, headers, body, client))

    def send(self, stream: Stream, first: int | None = None, last: int | None = None, **options: Any) -> Answer | Problem:
        return self.run(stream.send(self.app, first, last, **options))[1]

    def sync(self, stream: Stream) -> Answer:
        """Sends everything; the last answer."""
        while True:
            answer = self.send(stream)
            assert isinstance(answer, Answer), answer
            assert answer.chain == stream.link(answer.acked)
            stream.acked = answer.acked
            if stream.acked == len(stream.bodies):
                return answer

    def balances(self, member: str, tenant: str = "acme") -> dict[str, int]:
        rows = self.receiver.engine.read(
            lambda work: work.rows("SELECT account, amount FROM balance WHERE tenant = ? AND member = ?", tenant, member)
        )
        return dict(rows)

    def restart(self, settings: Settings | None = None) -> None:
        before = self.receiver.settings
        self.receiver.close()
        self.app = make_app(self.url, settings or before, clock=self.clock)

    def close(self) -> None:
        self.receiver.close()
        self.loop.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a private PostgreSQL. Fails, and does not skip, where it is not installed: the receiver promises both engines."""
    with subprocess.Popen([ROOT / "tools/postgres"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        if not url:
            line = "sudo apt-get install -y --no-install-recommends postgresql"
            pytest.fail(f"no PostgreSQL for the receiver's tests; type:  {line}", pytrace=False)
        yield url
        assert server.stdin is not None
        server.stdin.close()
        server.wait(30)


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """An empty database. The server's one is emptied: a new one, or new tables, take much longer."""
    import psycopg

    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '10s'")
        tables = [name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()]
        if set(tables) == {table.name for table in schema.TABLES}:
            emptied = "; ".join(f"DELETE FROM {name}" for name in tables if name != "meta")  # noqa: S608 - names are ours
            connection.execute(f"{emptied}; DELETE FROM meta WHERE name <> 'schema'; UPDATE meta SET value = '{schema.SCHEMA_VERSION}'")  # noqa: S608
        else:
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    return postgres_server


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Both engines, one after the other."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'receiver.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def cloud(database_url: str) -> Iterator[Cloud]:
    """A receiver that takes unsigned requests."""
    found = Cloud(database_url)
    yield found
    found.close()


@pytest.fixture
def sqlite_cloud(tmp_path: Path) -> Iterator[Cloud]:
    """The same on SQLite only, for what does not depend on the engine."""
    found = Cloud(f"sqlite:///{tmp_path / 'receiver.db'}")
    yield found
    found.close()


@pytest.fixture
def postgres_cloud(postgres_url: str) -> Iterator[Cloud]:
    """The same on PostgreSQL only."""
    found = Cloud(postgres_url)
    yield found
    found.close()


@pytest.fixture
def register() -> Stream:
    """A register with three grants of 10 points each to M1."""
    stream = Stream()
    for number in range(1, 4):
        stream.put(make_event(stream.place, f"d/1/{number}/grant", "M1", {"points": 10}))
    return stream


CAFE = """schema = 1
[program]
id = "acme-cafe"
version = 12
day_start = "05:00"
from = 2025-04-01
until = 2030-03-31
scope = { company = "acme", brand = "cafe", stores = ["*"] }
[accounts.points]
label = "ポイント"
redeem = { yen = 1, unit = 10, min = 10, max = 1000 }
[accounts.value]
label = "チャージ残高"
charge = { unit = 1000, min = 1000, max = 30000, max_balance = 50000 }
expire = { months = 6, from = "earn" }
issuer = "acme"
contact = "0120"
[accounts.bonus]
label = "ボーナス"
expire = { months = 3, from = "earn" }
[[earn]]
id = "base"
account = "points"
every = 100
give = 1
"""


class Till:
    """A register's stream, and the events of it that matter here."""

    def __init__(self, cloud: Cloud, register: str = "1", store: str = "0001") -> None:
        self.cloud, self.stream, self.number = cloud, Stream(("acme", store, register)), 0

    def tell(
        self, type_: str, entries: Sequence[tuple[Any, ...] | dict[str, Any]] = (), member: str = "M1", key: str | None = None, **data: Any
    ) -> str:
        """One event, sent at once; its status at the receiver."""
        self.number += 1
        rows = [
            one if isinstance(one, dict) else {"account": one[0], "delta": one[1]} | dict(zip(("expires",), one[2:], strict=False))
            for one in entries
        ]
        data = {"business_date": "2026-11-23", "brand": "cafe", "entries": rows} | data
        body = json.loads(make_event(self.stream.place, key or f"d/{self.stream.place[2]}/{self.number}", member, None, type_))
        body["data"] |= data
        self.stream.put(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())
        answer = self.cloud.sync(self.stream)
        return {item.seq: item.status for item in answer.items}.get(len(self.stream.bodies), "applied")

    def grant(self, points: int, **more: Any) -> str:
        """Points for a sale."""
        return self.tell(events.SALE_GRANTED, [("points", points)], **more)

    def beside(self, register: str, store: str = "0001") -> Till:
        """Another register."""
        return Till(self.cloud, register, store)

    def issue(self, code: str, **more: Any) -> str:
        """A bearer's coupon that is good until the end of the year."""
        data: dict[str, Any] = {
            "code_hash": code, "def": "next-100", "coupon_id": "c1", "label": "100円引き", "bearer": True, "first_day": "2026-11-20",
            "last_day": "2026-12-31", "reach": "store", "cause": "sale", "sale_id": "0001-1-20261120-1",
        }  # fmt: skip
        return self.tell(events.COUPON_ISSUED, **(data | more))


@pytest.fixture
def make_shop() -> Callable[[Cloud], Till]:
    """A company with one program on a receiver; M1 has 100 points."""

    def make(cloud: Cloud) -> Till:
        till = Till(cloud)
        assert till.grant(100) == "applied"
        assert cloud.call("PUT", "/v1/programs/*?tenant=acme", [], CAFE.encode()).status == 201
        return till

    return make


@pytest.fixture
def shop(cloud: Cloud, make_shop: Callable[[Cloud], Till]) -> Till:
    """The same on both engines."""
    return make_shop(cloud)
