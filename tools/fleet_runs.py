"""Owns the runs with many registers against the real receiver; every run ends with an audit of the whole ledger.

    python -m tools.fleet backlog --registers 30000        an hour of 30,000 registers into the embedded receiver, in this process
    python -m tools.fleet herd --registers 30000           they all come back after an hour's outage: virtual time, real client waits
    python -m tools.fleet sockets --registers 500          over real sockets, with the receiver killed in between
    python -m tools.fleet two --database URL               two processes on one PostgreSQL, hot members, repeated receipts, late replays
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offline_queue.answers import Answer, parse_answer, parse_problem
from offline_queue.backoff import wait_s
from offline_queue.errors import CloudBusy
from posagent.cloud.admission import Admission
from posagent.cloud.app import make_app
from posagent.cloud.audit import Report, audit
from posagent.cloud.engine import open_engine
from posagent.cloud.receiver import Receiver, Settings
from tools.fleet import Headers, Reply, Stream, make_event

Figures = dict[str, float | int]


def grants(stream: Stream, count: int, rng: random.Random, members: int, totals: Counter[str]) -> None:
    """``count`` sales at a register, one point to twenty each."""
    for _ in range(count):
        member, points = f"M{rng.randrange(members)}", rng.randrange(1, 21)
        stream.put(make_event(stream.place, f"20261122/{stream.place[2]}/{len(stream.bodies) + 1}/grant", member, {"points": points}))
        totals[member] += points


def prove(url_or_receiver: str | Receiver, totals: Counter[str]) -> Report:
    """Raises AssertionError unless the books are right and say exactly what the registers recorded."""
    engine = open_engine(url_or_receiver) if isinstance(url_or_receiver, str) else url_or_receiver.engine
    try:
        report = engine.read(audit)
        stored: dict[str, int] = dict(engine.read(lambda work: work.rows("SELECT member, amount FROM balance")))
    finally:
        if isinstance(url_or_receiver, str):
            engine.close()
    assert not report.problems, report.problems[:5]
    assert stored == dict(totals), "the balances are not what the registers recorded"
    return report


# ---------------------------------------------------------------- backlog


async def _drain(app: Any, stream: Stream, latency: list[float]) -> None:
    while stream.acked < len(stream.bodies):
        start = time.perf_counter()
        reply, said = await stream.send(app)
        latency.append(time.perf_counter() - start)
        assert reply.status in {200, 409}, reply
        stream.learn(said)


def backlog(registers: int, events: int = 60, restored: int = 0, clones: int = 0, at_once: int = 8, database: str = "") -> Figures:
    """``registers`` × ``events`` waiting events, taken in as fast as the receiver can. ``restored`` of them go back to half their disk after
    they have sent it and record again; ``clones`` start from another's disk."""
    rng = random.Random(5)
    totals: Counter[str] = Counter()
    latency: list[float] = []

    async def run(app: Any) -> tuple[float, float, int]:
        spent = cpu = 0.0
        sent = 0
        for start in range(0, registers, at_once):
            group = [Stream(("acme", f"{number // 3:05d}", str(number % 3))) for number in range(start, min(start + at_once, registers))]
            for stream in group:
                grants(stream, events, rng, max(10, registers * 5), totals)
            began, began_cpu = time.perf_counter(), time.process_time()
            await asyncio.gather(*(_drain(app, stream, latency) for stream in group))
            spent += time.perf_counter() - began
            cpu += time.process_time() - began_cpu
            sent += events * len(group)
            for number, stream in enumerate(group, start):
                if number < restored:
                    stream.install(stream.stream_id, stream.bodies[: events // 2], events // 2)
                    _more(stream, rng, totals)
                elif number < restored + clones:
                    twin = Stream(stream.place)
                    twin.install(stream.stream_id, stream.bodies, stream.acked)
                    _more(twin, rng, totals)
                    _more(stream, rng, totals)
                    await _drain(app, twin, latency)
                await _drain(app, stream, latency)
        return spent, cpu, sent

    with tempfile.TemporaryDirectory() as directory:
        app = make_app(database or f"sqlite:///{directory}/receiver.db", Settings(signed=False, most_waiting=10_000))
        receiver: Receiver = app.state.receiver
        try:
            spent, cpu, sent = asyncio.run(run(app))
            report = prove(receiver, totals)
        finally:
            receiver.close()
        latency.sort()
        return {
            "registers": registers, "events": report.events, "streams": report.streams, "seconds": round(spent, 1),
            "events_per_s": round(sent / spent), "cpu_us_per_event": round(cpu * 1e6 / sent, 1),
            "batch_p50_ms": round(latency[len(latency) // 2] * 1000, 2),
            "batch_p99_ms": round(latency[len(latency) * 99 // 100] * 1000, 2),
        }  # fmt: skip


def _more(stream: Stream, rng: random.Random, totals: Counter[str]) -> None:
    """Sales with receipt numbers that were never used."""
    for _ in range(5):
        member, points = f"M{rng.randrange(10)}", rng.randrange(1, 21)
        stream.put(make_event(stream.place, f"20261123/{stream.place[2]}/{rng.getrandbits(60)}/grant", member, {"points": points}))
        totals[member] += points


# ---------------------------------------------------------------- herd


class VirtualClock:
    """Time that the simulation moves."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True)
class _Tried:
    """What the client's wait policy looks at (tenacity's RetryCallState, as far as it is used)."""

    attempt_number: int
    retry_after_s: int | None

    @property
    def outcome(self) -> _Tried:
        return self

    def exception(self) -> CloudBusy:
        return CloudBusy("not now", self.retry_after_s)


def client_wait(attempt: int, retry_after_s: int | None) -> float:
    """What the real client waits."""
    return wait_s(_Tried(attempt, retry_after_s))  # type: ignore[arg-type]


def herd(registers: int, events: int = 1) -> Figures:
    """After an hour without the receiver everybody comes back. Admission, Retry-After, the clients' waits and the taking in are the real code;
    only how long a batch takes is given, so that the ideal is known: 150 s, as for 30,000 registers at 200 batches/s."""
    batches_per_s = registers / 150
    random.seed(3)
    clock = VirtualClock()
    back = clock.now + 3600
    totals: Counter[str] = Counter()
    rng = random.Random(9)
    streams = [Stream(("acme", f"{number // 3:05d}", str(number % 3))) for number in range(registers)]
    for stream in streams:
        grants(stream, events, rng, 1000, totals)
    with tempfile.TemporaryDirectory() as directory:
        door = Admission(max(2, round(batches_per_s * 2)), clock)
        app = make_app(f"sqlite:///{directory}/receiver.db", Settings(signed=False), clock=clock, admission=Admission(1_000_000))
        receiver: Receiver = app.state.receiver
        try:
            _known_before(receiver, streams, int(clock.now * 1000))
            door.expected = lambda: _expected(receiver, clock)
            # Where every register's next try falls after an hour of tries: let the last minutes of the outage run.
            arrivals: list[tuple[float, int, int]] = []
            for number in range(registers):
                at = back - 300 + random.uniform(0, 60)
                while at < back:
                    at += client_wait(50, None)
                arrivals.append((at, number, 50))
            heapq.heapify(arrivals)
            last, per_second = asyncio.run(_play(app, streams, arrivals, clock, door, batches_per_s, back))
            prove(receiver, totals)
        finally:
            receiver.close()
    return {
        "registers": registers, "ideal_s": 150, "last_drained_s": round(last, 1), "times_ideal": round(last / 150, 3),
        "requests_per_register": round(per_second.total() / registers, 2),
        "peak_times_capacity": round(max(per_second.values()) / batches_per_s, 2),
    }  # fmt: skip


_SILENT: dict[int, tuple[float, int]] = {}


def _expected(receiver: Receiver, clock: VirtualClock) -> int:
    """The receiver's own estimate, asked at most every five (virtual) seconds, as it does."""
    asked, found = _SILENT.get(id(receiver), (-1e18, 0))
    if clock.now - asked >= 5:
        receiver._count_silent(int(clock.now * 1000))  # noqa: SLF001 - the same question, in this thread
        found = receiver._silent  # noqa: SLF001
        _SILENT[id(receiver)] = (clock.now, found)
    return found


def _known_before(receiver: Receiver, streams: list[Stream], seen_ms: int) -> None:
    """Before the outage every register had been there."""
    rows = [(one.stream_id, *one.place, None, 0, one.link(0), seen_ms, seen_ms, None, None, None, None, None) for one in streams]

    def add(work: Any) -> None:
        from posagent.cloud.schema import STREAM

        work.insert(STREAM, rows)

    receiver.engine.write(add)


async def _play(
    app: Any,
    streams: list[Stream],
    arrivals: list[tuple[float, int, int]],
    clock: VirtualClock,
    door: Admission,
    batches_per_s: float,
    back: float,
) -> tuple[float, Counter[int]]:
    """Arrivals (when, who, which try) against one server that needs 1/rate per batch; when the last was drained, and requests per second."""
    inside: list[tuple[float, int]] = []  # when each batch inside will be finished
    free_at = last = back
    per_second: Counter[int] = Counter()
    while arrivals or inside:
        if inside and (not arrivals or inside[0][0] <= arrivals[0][0]):
            clock.now, number = heapq.heappop(inside)
            await _drain(app, streams[number], [])
            door.leave()
            last = clock.now
            continue
        clock.now, number, attempt = heapq.heappop(arrivals)
        per_second[int(clock.now - back)] += 1
        wait = door.enter(streams[number].stream_id)
        if wait is None:
            free_at = max(free_at, clock.now) + 1 / batches_per_s
            heapq.heappush(inside, (free_at, number))
        else:
            heapq.heappush(arrivals, (clock.now + client_wait(attempt, wait), number, attempt + 1))
    return last - back, per_second


# ---------------------------------------------------------------- processes and sockets


@contextmanager
def serving(database: str, port: int, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    """`posagent cloud serve` as a process of its own, answering."""
    command = [sys.executable, "-m", "posagent", "cloud", "serve", "--unsigned", "--database", database, "--listen", f"127.0.0.1:{port}", *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=Path(__file__).resolve().parents[1]) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, f"the receiver did not start on port {port}"
            yield process
        finally:
            process.terminate()
            process.wait(20)


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


class Line:
    """A kept-alive HTTP/1.1 connection, as far as a register needs it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, headers: Headers, body: bytes) -> Reply:
        """Raises OSError or EOFError when the other end goes away."""
        if self._streams is None:
            self._streams = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self.port), 3)
        reader, writer = self._streams
        try:
            head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Length: {len(body)}\r\n"
            writer.write((head + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n").encode() + body)
            await writer.drain()
            lines = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 15)).decode().split("\r\n")
            back = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
            return Reply(int(lines[0].split()[1]), back, await reader.readexactly(int(back["content-length"])))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hangs up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _register(stream: Stream, lines: list[Line], rng: random.Random, waits: float, seen: Counter[str]) -> None:
    """Sends everything, waiting as the real client does (shortened by ``waits``)."""
    attempt = 0
    while stream.acked < len(stream.bodies):
        last = min(len(stream.bodies), stream.acked + rng.choice((1, 7, 60, 500)))
        headers, payload = stream.batch(stream.acked + 1, last)
        try:
            reply = await rng.choice(lines).post(stream.path + "/events", headers, payload)
            seen["requests"] += 1
        except (OSError, EOFError):
            reply = Reply(503, {}, b"")
            seen["unreachable"] += 1
        if reply.status == 503:
            attempt += 1
            asked = reply.headers.get("retry-after")
            await asyncio.sleep(client_wait(attempt, int(asked) if asked else None) * waits)
            continue
        attempt = 0
        said = parse_answer(reply.body) if reply.status == 200 else parse_problem(reply.body, reply.status)
        seen["rotated"] += stream.learn(said)
        if isinstance(said, Answer):
            seen.update(f"verdict {item.status}" for item in said.items)
            if rng.random() < 0.15 and stream.acked:  # a late copy of something old
                first = rng.randrange(1, stream.acked + 1)
                headers, payload = stream.batch(first, min(stream.acked, first + 20))
                with suppress(OSError, EOFError):
                    reply = await rng.choice(lines).post(stream.path + "/events", headers, payload)
                    assert reply.status in {200, 503}, reply
    for line in lines:
        line.close()


def sockets(registers: int, events: int = 60, outage_s: float = 2.0, waits: float = 0.05) -> Figures:
    """Real sockets against a receiver process on SQLite that is killed in the middle, is away, and comes back."""
    rng = random.Random(4)
    totals: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    streams = [Stream(("acme", f"{number // 3:05d}", str(number % 3))) for number in range(registers)]
    for stream in streams:
        grants(stream, events, rng, 500, totals)

    async def run(database: str, port: int) -> float:
        start = time.perf_counter()
        tasks = [asyncio.create_task(_register(one, [Line(port)], random.Random(number), waits, seen)) for number, one in enumerate(streams)]
        server = await asyncio.to_thread(_open, database, port)
        while sum(stream.acked for stream in streams) < registers * events // 3:
            await asyncio.sleep(0.02)
        server.kill()
        await asyncio.to_thread(server.wait)
        if server.stdout:
            server.stdout.close()
        await asyncio.sleep(outage_s)
        server = await asyncio.to_thread(_open, database, port)
        try:
            await asyncio.gather(*tasks)
        finally:
            server.terminate()
            await asyncio.to_thread(server.wait)
            if server.stdout:
                server.stdout.close()
        return time.perf_counter() - start

    with tempfile.TemporaryDirectory() as directory:
        database = f"sqlite:///{directory}/receiver.db"
        seconds = asyncio.run(run(database, free_port()))
        report = prove(database, totals)
    return _figures(registers, report.events, seconds, seen)


def _figures(registers: int, events: int, seconds: float, seen: Counter[str]) -> Figures:
    return {"registers": registers, "events": events, "seconds": round(seconds, 1), "events_per_s": round(events / seconds)} | seen


def _open(database: str, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "posagent", "cloud", "serve", "--unsigned", "--database", database, "--listen", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=Path(__file__).resolve().parents[1])
    assert process.stdout is not None
    assert process.stdout.readline(), "the receiver did not start"
    return process


def two(database: str, registers: int = 12, events: int = 800) -> Figures:
    """Two receiver processes on one PostgreSQL; every register uses both. Three hot members, a tenth of the receipts repeated on a second
    register, late replays: the balances must be exact."""
    rng = random.Random(6)
    totals: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    streams = [Stream(("acme", "00001", str(number))) for number in range(registers)]
    for stream in streams:
        for number in range(events):
            member = f"M{rng.randrange(3)}" if rng.random() < 0.5 else f"M{rng.randrange(3, 500)}"
            points = rng.randrange(1, 21)
            key = f"20261122/{stream.place[2]}/{number}/grant"
            stream.put(make_event(stream.place, key, member, {"points": points}))
            totals[member] += points
            if rng.random() < 0.1:
                other = rng.choice(streams)
                other.put(make_event(other.place, key, member, {"points": points}))

    async def run(ports: tuple[int, int]) -> float:
        start = time.perf_counter()
        await asyncio.gather(
            *(_register(one, [Line(port) for port in ports], random.Random(number), 0.05, seen) for number, one in enumerate(streams))
        )
        return time.perf_counter() - start

    first, second = free_port(), free_port()
    with serving(database, first), serving(database, second):
        seconds = asyncio.run(run((first, second)))
    report = prove(database, totals)
    return _figures(registers, report.events, seconds, seen)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="many registers against the real receiver")
    parser.add_argument("run", choices=["backlog", "herd", "sockets", "two"])
    parser.add_argument("--registers", type=int, default=0)
    parser.add_argument("--events", type=int, default=60)
    parser.add_argument("--restored", type=int, default=0, help="backlog: registers that go back to an older disk")
    parser.add_argument("--clones", type=int, default=0, help="backlog: registers that start from another's disk")
    parser.add_argument("--database", default="", help="postgresql://… for two and backlog (see tools/postgres)")
    args = parser.parse_args()
    match args.run:
        case "backlog":
            figures = backlog(args.registers or 30_000, args.events, args.restored, args.clones, database=args.database)
        case "herd":
            figures = herd(args.registers or 30_000)
        case "sockets":
            figures = sockets(args.registers or 500, args.events)
        case _:
            figures = two(args.database, args.registers or 12, args.events)
    print(json.dumps(figures))
    return 0
