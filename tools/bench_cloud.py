"""Owns the receiver's figures: how fast it takes events in on both engines, and the two goals for the day after an outage.

    python -m tools.bench_cloud            one JSON object per line; `--long` runs the goals at full size (about ten minutes)
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from offline_queue.wire import MAX_EVENTS
from posagent.cloud.app import make_app
from posagent.cloud.receiver import Settings
from tools.fleet import Stream, call
from tools.fleet_runs import backlog, grants, herd

ROOT = Path(__file__).resolve().parents[1]
Figure = dict[str, Any]
PROCESSES = 2
STREAMS = 4  # registers of one process that send at the same time
WORKER_EVENTS = 20_000


def measure(long: bool = False) -> list[Figure]:
    """Every figure: {"name", "value", "unit", "goal", "better", "how"}."""
    found = _rates("sqlite", "")
    try:
        with private_postgres() as url:
            found += _rates("postgresql", url)
            found.append(_several(url, PROCESSES))
    except FileNotFoundError as trouble:
        print(f"PostgreSQL is not measured: {trouble}", file=sys.stderr)
    return found + _backlog(30_000 if long else 1_000) + _herd(30_000 if long else 3_000)


@contextmanager
def private_postgres() -> Iterator[str]:
    """A PostgreSQL with durable commits, for as long as it is wanted."""
    with subprocess.Popen([ROOT / "tools/postgres", "--fsync"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        if not url:
            raise FileNotFoundError("tools/postgres could not start one")
        try:
            yield url
        finally:
            server.stdin.close()


def _rates(name: str, database: str) -> list[Figure]:
    """One register after the other, one request at a time, durable: the floor of what a receiver takes in."""
    found = []
    for size in (1, 10, 100, MAX_EVENTS):
        count = {1: 300, 10: 2_000, 100: 10_000, MAX_EVENTS: 20_000}[size]
        stream = Stream(("bench", "1", f"{name}-{size}-{random.getrandbits(30)}"))
        grants(stream, count, random.Random(1), 5_000, Counter())
        batches = [stream.batch(first, min(first + size - 1, count)) for first in range(1, count + 1, size)]
        with tempfile.TemporaryDirectory() as directory:
            app = make_app(database or f"sqlite:///{directory}/receiver.db", Settings(signed=False))
            try:
                cpu = time.process_time()
                seconds = asyncio.run(_post(app, stream, batches))
                cpu = time.process_time() - cpu
            finally:
                app.state.receiver.close()
        goal = 10_000 if (name, size) == ("sqlite", MAX_EVENTS) else None
        how = f"one stream, batches of {size}, in this process without sockets, fsync on"
        found.append(_figure(f"ingest.{name}.batch{size}", count / seconds, "events/s", goal, "higher", how))
        if size == MAX_EVENTS:
            how = "CPU of this process alone: what a core could take in at most, whatever else the machine does"
            found.append(_figure(f"ingest.{name}.batch{size}.cpu", cpu / count * 1e6, "us/event", None, "lower", how))
    return found


def _several(database: str, processes: int) -> Figure:
    """Receiver processes on one PostgreSQL, each with registers of its own and members in common; batches are made beforehand."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "tools.bench_cloud", "--worker", database, str(number)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )
        for number in range(processes)
    ]  # fmt: skip
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline().strip() == "ready"
        start = time.perf_counter()
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.close()
        assert [worker.wait(600) for worker in workers] == [0] * processes
        seconds = time.perf_counter() - start
    finally:
        for worker in workers:
            worker.kill()
    how = f"{processes} processes with {STREAMS} registers each, batches of {MAX_EVENTS}, 5,000 members in common, fsync on, without sockets"
    return _figure("ingest.postgresql.processes", processes * WORKER_EVENTS / seconds, "events/s", 10_000, "higher", how)


def _work(database: str, number: int) -> None:
    """One process of `_several`: says that it is ready, waits for the end of its input, and sends."""
    streams = [Stream(("bench", "2", f"{number}-{one}-{random.getrandbits(30)}")) for one in range(STREAMS)]
    for one, stream in enumerate(streams):
        grants(stream, WORKER_EVENTS // STREAMS, random.Random(one), 5_000, Counter())
    batches = [
        (stream, stream.batch(first, min(first + MAX_EVENTS, len(stream.bodies) + 1) - 1))
        for stream in streams for first in range(1, len(stream.bodies) + 1, MAX_EVENTS)
    ]  # fmt: skip
    app = make_app(database, Settings(signed=False))

    async def send() -> None:
        await asyncio.gather(*(_post(app, stream, [batch for owner, batch in batches if owner is stream]) for stream in streams))

    print("ready", flush=True)
    sys.stdin.read()
    asyncio.run(send())
    app.state.receiver.close()


async def _post(app: Any, stream: Stream, batches: list[Any]) -> float:
    start = time.perf_counter()
    for headers, payload in batches:
        reply = await call(app, "POST", stream.path + "/events", headers, payload)
        assert reply.status == 200, reply
    return time.perf_counter() - start


def _backlog(registers: int) -> list[Figure]:
    figures = backlog(registers)
    scaled = "" if registers == 30_000 else f" (scaled: {registers} of 30,000 registers; the full run is --long)"
    per_30000 = 1_800_000 / figures["events_per_s"] / 60
    return [
        _figure("G11.backlog.rate", figures["events_per_s"], "events/s", 5_000, "higher", f"60 events each, SQLite, ledger audited{scaled}"),
        _figure("G11.backlog.cpu", figures["cpu_us_per_event"], "us/event", None, "lower", f"receiver and sender together{scaled}"),
        _figure("G11.backlog.minutes_for_30000", per_30000, "min", 6, "lower", f"1.8 M events at that rate{scaled}"),
    ]


def _herd(registers: int) -> list[Figure]:
    figures = herd(registers)
    how = f"{registers} registers, an hour's outage, virtual time; admission, Retry-After, client waits and taking in are the real code"
    return [
        _figure("G10.herd.last_drained", figures["times_ideal"], "x ideal", 1.1, "lower", how),
        _figure("G10.herd.requests", figures["requests_per_register"], "per register", 2, "lower", how),
        _figure("G10.herd.peak", figures["peak_times_capacity"], "x capacity", 6, "lower", how),
    ]


def _figure(name: str, value: float, unit: str, goal: float | None, better: str, how: str) -> Figure:
    return {"name": name, "value": round(value, 3), "unit": unit, "goal": goal, "better": better, "how": how}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        _work(sys.argv[2], int(sys.argv[3]))
        sys.exit(0)
    for one in measure(long="--long" in sys.argv):
        print(json.dumps(one, ensure_ascii=False), flush=True)
