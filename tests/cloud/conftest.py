"""Owns what the receiver's tests share: both engines, a receiver on an empty database, and a way to call it without sockets."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from starlette.applications import Starlette

from offline_queue.answers import Answer, Problem
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
    """An empty database. The one of the server is emptied, which takes a twentieth of the time that a new one takes."""
    import psycopg

    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '10s'")
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
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


