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


def measure(long: bool = False) -> list[Figure]:
    """Every figure: {"name", "value", "unit", "goal", "better", "how"}."""
    found = _rates("sqlite", "")
    try:
        with private_postgres() as url:
            found += _rates("postgresql", url)
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
                seconds = asyncio.run(_post(app, stream, batches))
            finally:
                app.state.receiver.close()
        goal = 10_000 if (name, size) == ("sqlite", MAX_EVENTS) else None
        how = f"one stream, batches of {size}, in this process without sockets, fsync on"
        found.append(_figure(f"ingest.{name}.batch{size}", count / seconds, "events/s", goal, "higher", how))
    return found


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
    for one in measure(long="--long" in sys.argv):
        print(json.dumps(one, ensure_ascii=False), flush=True)
