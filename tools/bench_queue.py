"""Owns the journal's figures: against this disk's own floor (overwrite and fdatasync) and against the queues that others use, in one run.

Children measure, so that peers do not share a process; strace counts syncs and bytes, and a library put before libc makes every sync slower
(strace could, but stops 64 threads so often that it measures itself). Times are only given as ratios, or where the goal itself is a time.

    python -m tools.bench_queue          prints the rows
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PEERS = ("persist-queue fifo", "persist-queue ack", "litequeue", "huey", "diskcache")
OURS = "posagent"
SOURCE = "/t/acme/s/0042/r/2"


# ---------------------------------------------------------------- contenders: one put, durable as far as each of them goes


def _event(number: int) -> Any:
    from offline_queue.events import NewEvent

    said = {"amount": 4980, "tax": "incl", "rule": "r7", "rate": "1/100", "points": number % 500}
    return NewEvent("posagent.sale.granted.v1", "m:2912345678901", f"20261122/R2/{number:07d}/point", "2026-11-22T12:34:56.123+09:00", said)


def _contender(name: str, directory: Path) -> tuple[Callable[[int], object], Callable[[], object]]:
    """(put one, get and acknowledge one); a payload of about 300 bytes."""
    payload = "x" * 300
    match name:
        case "posagent":
            from offline_queue.journal import Journal

            journal = Journal.open(directory, source=SOURCE)
            return (lambda number: journal.put([_event(number)]).result()), lambda: None
        case "floor":
            fd = os.open(directory / "floor", os.O_RDWR | os.O_CREAT)
            os.posix_fallocate(fd, 0, 1 << 20)
            os.pwrite(fd, bytes(1 << 20), 0)
            os.fsync(fd)
            block = bytes(4120)

            def overwrite(number: int) -> None:
                os.pwrite(fd, block, number % 200 * 4120)
                os.fdatasync(fd)

            return overwrite, lambda: None
        case "persist-queue fifo":
            import persistqueue

            fifo = persistqueue.FIFOSQLiteQueue(str(directory / "q"), multithreading=True, auto_commit=True)
            return (lambda _n: fifo.put(payload)), fifo.get
        case "persist-queue ack":
            import persistqueue

            acks = persistqueue.SQLiteAckQueue(str(directory / "q"), multithreading=True, auto_commit=True)
            return (lambda _n: acks.put(payload)), lambda: acks.ack(acks.get())
        case "litequeue":
            from litequeue import LiteQueue

            lite = LiteQueue(str(directory / "q.db"))
            return (lambda _n: lite.put(payload)), lambda: lite.done(lite.pop().message_id if hasattr(lite, "pop") else lite.get().message_id)
        case "huey":
            from huey.storage import SqliteStorage

            storage = SqliteStorage(filename=str(directory / "huey.db"))
            return (lambda _n: storage.enqueue(payload.encode())), storage.dequeue
        case _:
            from diskcache import Deque

            deque = Deque(directory=str(directory / "d"))
            return (lambda _n: deque.append(payload)), deque.popleft


# ---------------------------------------------------------------- children


def _child(*words: str, before: Sequence[str] = (), timeout: int = 300) -> Any:
    done = subprocess.run(
        [*before, sys.executable, "-m", "tools.bench_queue", *words], stdout=subprocess.PIPE, check=True, cwd=ROOT, timeout=timeout, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def child_latency(directory: str, name: str, count: str) -> dict[str, Any]:
    """Puts one after the other, in turns with the floor: every rep of ours beside a rep of the floor's."""
    home, many = Path(directory), int(count)
    (home / "floor").mkdir()
    (home / "it").mkdir()
    put, _ = _contender(name, home / "it")
    floor, _ = _contender("floor", home / "floor")
    ratios: dict[str, list[float]] = {"p50": [], "p99": []}
    number = 0
    for step in range(6):
        times: dict[str, list[int]] = {"put": [], "floor": []}
        for _ in range(many):
            number += 1
            for kind, call in (("put", put), ("floor", floor)):
                started = time.perf_counter_ns()
                call(number)
                times[kind].append(time.perf_counter_ns() - started)
        for one in times.values():
            one.sort()
        if step:  # the first warms up
            ratios["p50"].append(times["put"][many // 2] / times["floor"][many // 2])
            ratios["p99"].append(times["put"][many * 99 // 100] / times["floor"][many * 99 // 100])
    return {key: round(statistics.median(values), 2) for key, values in ratios.items()}


def child_puts(directory: str, name: str, count: str) -> dict[str, Any]:
    """Plain puts, then as many consumed, for strace to count."""
    put, get = _contender(name, Path(directory))
    for number in range(int(count)):
        put(number)
    os.write(2, b"")
    if name == OURS:
        os.kill(os.getpid(), signal.SIGKILL)
    os.pipe()  # a mark in the log: from here on it consumes
    for _ in range(int(count)):
        get()
    print("{}", flush=True)
    os._exit(0)


def child_group(directory: str, producers: str, seconds: str) -> dict[str, Any]:
    """Closed loop: so many threads, each with one put under way."""
    from offline_queue.journal import Journal

    journal = Journal.open(Path(directory), source=SOURCE)
    commits = 0

    def count(_seq: int) -> None:
        nonlocal commits
        commits += 1

    journal.subscribe(count)
    until = time.monotonic() + float(seconds)
    done = [0] * int(producers)

    def produce(who: int) -> None:
        number = who * 10_000_000
        while time.monotonic() < until:
            journal.put([_event(number)]).result()
            number += 1
            done[who] += 1

    threads = [threading.Thread(target=produce, args=(who,)) for who in range(int(producers))]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - started
    journal.close()
    return {"per_s": round(sum(done) / took), "per_commit": round(sum(done) / max(1, commits), 1)}


def child_bulk(directory: str) -> dict[str, Any]:
    """500 events a put, first encoding and all, then with bodies that were made before."""
    from offline_queue.journal import Journal

    journal = Journal.open(Path(directory), source=SOURCE)
    found: dict[str, float] = {}
    for encoded, begin in (("", 0), ("prepared_", 50_000)):
        batches = [[_event(first + step) for step in range(500)] for first in range(begin, begin + 50_000, 500)]
        prepared = [journal.prepare(batch) for batch in batches] if encoded else []
        started, cpu = time.perf_counter(), time.process_time()
        promises = [journal.put_prepared(batch) for batch in prepared] or [journal.put(batch) for batch in batches]
        for promise in promises:
            promise.result()
        took, used = time.perf_counter() - started, time.process_time() - cpu
        found[encoded + "per_s"], found[encoded + "cpu_us"] = round(50_000 / took), round(used * 1e6 / 50_000, 1)
    journal.close()
    return found


def child_fill(directory: str, count: str) -> dict[str, Any]:
    """A backlog, written as fast as possible: only the bodies are made beforehand."""
    from offline_queue.journal import Journal
    from offline_queue.ledger import append, read_head

    journal = Journal.open(Path(directory), source=SOURCE)
    for first in range(0, int(count), 5000):
        prepared = journal.prepare([_event(number) for number in range(first, first + 5000)])
        journal.transact(lambda conn, prepared=prepared: _append_all(conn, append, read_head(conn), prepared)).result()  # type: ignore[misc]
    journal.close()
    return {}


def _append_all(conn: Any, append: Any, head: Any, prepared: Any) -> None:
    append(conn, head, prepared)


def child_backlog(directory: str) -> dict[str, Any]:
    """Opening, reading and putting with a backlog."""
    import offline_queue.sync  # noqa: F401 - loaded before the memory is measured
    from offline_queue.journal import Journal

    def resident_kb() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024

    before = resident_kb()
    started = time.perf_counter()
    journal = Journal.open(Path(directory), source=SOURCE)
    opened = time.perf_counter() - started
    reader = journal.reader()
    started = time.perf_counter()
    reader.lines(reader.acked(), 1)
    first = time.perf_counter() - started
    for number in range(200):
        journal.put([_event(90_000_000 + number)]).result()
    grown = resident_kb() - before
    journal.close()
    return {"open_ms": round(opened * 1000, 1), "first_read_ms": round(first * 1000, 2), "rss_mb": round(grown / 1024, 1)}


def child_die(directory: str) -> dict[str, Any]:
    """1,000 grants, then a kill."""
    from offline_queue.journal import Journal

    journal = Journal.open(Path(directory), source=SOURCE)
    for number in range(1000):
        journal.put([_event(number)]).result()
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def child_again(directory: str) -> dict[str, Any]:
    """From the first import to the first grant; then what idleness costs."""
    started = time.perf_counter()
    from offline_queue.journal import Journal

    journal = Journal.open(Path(directory), source=SOURCE)
    journal.put([_event(5_000_000)]).result()
    ready = time.perf_counter() - started
    time.sleep(5)  # until it is tidy
    used = time.process_time()
    time.sleep(5)
    used = time.process_time() - used
    journal.close()
    return {"ready_ms": round(ready * 1000, 1), "idle_percent": round(100 * used / 5, 3)}


def child_full(directory: str, name: str) -> dict[str, Any]:
    """On a small disk: fills it, then counts what is still accepted."""
    from offline_queue.errors import JournalError

    home = Path(directory)
    put, _ = _contender(name, home)
    put(0)
    fd = os.open(home / "ballast", os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(fd, bytes(4096)):
            pass
    except OSError:
        os.close(fd)
    accepted = 0
    try:
        while accepted < 100_000:
            put(accepted + 1)
            accepted += 1
    except (OSError, JournalError, Exception):  # noqa: BLE001 - each peer has its own way to say that it is full
        pass
    if name == OURS:
        (home / "ballast").unlink()
        put(10_000_000)  # without a restart
    print(json.dumps({"accepted": accepted}), flush=True)
    os._exit(0)


def child_drain(directory: str, url: str) -> dict[str, Any]:
    """The cloud lane against a receiver in another process."""
    from offline_queue.journal import Journal
    from offline_queue.sync import Credentials, SyncLane

    journal = Journal.open(Path(directory), source=SOURCE)
    lane = SyncLane(journal, url, credentials=Credentials, stop=threading.Event())
    coded: list[int] = []
    real = lane._http  # noqa: SLF001 - counts what goes over the wire

    def counting(credentials: Credentials) -> Any:
        transport = real(credentials)
        post = transport.post

        def counted(path: str, headers: Any, payload: bytes) -> Any:
            coded.append(len(payload))
            return post(path, headers, payload)

        transport.post = counted  # type: ignore[method-assign]
        return transport

    lane._connect = counting  # noqa: SLF001
    lane.round()  # imports, connects, first 500
    journal._check.join()  # noqa: SLF001 - the start's check of the whole chain is no part of draining
    reader = journal.reader()
    waiting = reader.pending().count
    coded.clear()
    started, cpu = time.perf_counter(), time.process_time()
    while reader.pending().count:
        lane.round()
    took, used = time.perf_counter() - started, time.process_time() - cpu
    journal.close()
    return {"per_s": round(waiting / took), "cpu_us": round(used * 1e6 / waiting, 1), "bytes": round(sum(coded) / waiting, 1)}


def child_receive(directory: str, stop_file: str) -> dict[str, Any]:
    """A receiver on SQLite, or one that only acknowledges, until the file appears."""
    from posagent.cloud.embedded import EmbeddedReceiver

    receiver = EmbeddedReceiver()
    print(receiver.start(Path(directory)), flush=True)
    while not Path(stop_file).exists():
        time.sleep(0.05)
    receiver.stop()
    return {}


# ---------------------------------------------------------------- rows


def _row(name: str, value: float | None, unit: str, goal: float | None, better: str, how: str) -> dict[str, Any]:
    return {"name": f"queue: {name}", "value": value, "unit": unit, "goal": goal, "better": better, "how": how}


def _counted(home: Path, name: str, count: int) -> tuple[float, float, float]:
    """(syncs, bytes) of the puts and syncs of consuming, in all, of a child under strace."""
    directory = home / f"{name} {count}".replace(" ", "-")
    directory.mkdir()
    log = home / "log"
    watch = ["strace", "-f", "-y", "-o", str(log), "-e", "trace=fsync,fdatasync,pwrite64,write,pipe,pipe2"]
    subprocess.run(
        [*watch, sys.executable, "-m", "tools.bench_queue", "puts", str(directory), name, str(count)],
        check=False, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300,
    )  # fmt: skip
    syncs, written, consuming, after = 0, 0, False, 0
    for line in log.read_text("ascii", "replace").splitlines():
        if " pipe" in line:
            consuming = True
        elif "sync(" in line or "sync resumed" in line:
            if "unfinished" not in line:
                after += consuming
                syncs += not consuming
        elif str(directory) in line and not consuming and (match := re.search(r"= (\d+)$", line)):
            written += int(match[1])
    return syncs, written, after


def _durability(home: Path) -> list[dict[str, Any]]:
    rows = []
    for name in (OURS, *PEERS):
        few, many = _counted(home, name, 100), _counted(home, name, 600)
        syncs, written, consumed = ((b - a) / 500 for a, b in zip(few, many, strict=True))
        goal = name == OURS
        how = "strace, the difference of 600 and 100 puts"
        rows.append(_row(f"syncs per grant, {name}", round(syncs, 3), "1", 1.01 if goal else None, "lower", how + "; below 1 is not durable"))
        rows.append(_row(f"bytes written per grant, {name}", round(written), "B", 4500 if goal else None, "lower", how))
        if not goal:
            rows.append(_row(f"syncs per consumed event, {name}", round(consumed, 3), "1", None, "lower", how))
    return rows


def _latency(home: Path) -> list[dict[str, Any]]:
    rows = []
    for name in (OURS, *PEERS):
        directory = home / f"latency-{name}".replace(" ", "-")
        directory.mkdir()
        found = _child("latency", str(directory), name, "500")
        for quantile, goal in (("p50", 1.40), ("p99", 1.3)):
            how = "each put beside one 4 KB overwrite with fdatasync; median of 5 reps of 500"
            rows.append(_row(f"put {quantile} over floor, {name}", found[quantile], "x", goal if name == OURS else None, "lower", how))
    for name in (OURS, "persist-queue fifo", "huey"):
        directory = home / f"slow-{name}".replace(" ", "-")
        directory.mkdir()
        found = _child("latency", str(directory), name, "40", before=_slow(home, 5000))
        how = "the same with every sync made 5 ms slower; median of 5 reps of 40"
        rows.append(_row(f"put p50 over floor at 5 ms, {name}", found["p50"], "x", 1.05 if name == OURS else None, "lower", how))
    return rows


SLOW_SYNC = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
static int later(const char *name, int fd) {
    usleep(atoi(getenv("SLOW_SYNC_US")));
    return ((int (*)(int)) dlsym(RTLD_NEXT, name))(fd);
}
int fsync(int fd) { return later("fsync", fd); }
int fdatasync(int fd) { return later("fdatasync", fd); }
"""


def _slow(home: Path, microseconds: int) -> list[str]:
    """What to put before a command so that every sync takes so much longer."""
    library = home / "slow_sync.so"
    if not library.exists():
        compiler = ["cc", "-shared", "-fPIC", "-o", str(library), "-x", "c", "-", "-ldl"]
        subprocess.run(compiler, input=SLOW_SYNC, text=True, check=True)
    return ["env", f"LD_PRELOAD={library}", f"SLOW_SYNC_US={microseconds}"]


def _groups(home: Path) -> list[dict[str, Any]]:
    rows = []
    for delay, goal in ((0, 20_000), (5, 4_000), (20, 1_300)):
        directory = home / f"group{delay}"
        found = _child("group", str(directory), "64", "4", before=_slow(home, delay * 1000) if delay else ())
        how = f"64 threads, each waits for its put, 4 s, syncs {delay} ms slower than the disk's"
        rows.append(_row(f"durable grants a second, 64 producers, +{delay} ms", found["per_s"], "1/s", goal, "higher", how))
        if delay in (0, 5):
            rows.append(_row(f"grants per sync, 64 producers, +{delay} ms", found["per_commit"], "1", 28, "higher", how))
    found = _child("bulk", str(home / "bulk"))
    rows.append(_row("bulk grants a second", found["per_s"], "1/s", 50_000, "higher", "100 puts of 500 events, encoding included"))
    rows.append(_row("bulk CPU per event", found["cpu_us"], "us", 10, "lower", "the same; process time, encoding included"))
    how = "the same puts of bodies made before: what the goal's own prototype measured"
    rows.append(_row("bulk CPU per event, encoded before", found["prepared_cpu_us"], "us", 10, "lower", how))
    rows.append(_row("bulk grants a second, encoded before", found["prepared_per_s"], "1/s", 50_000, "higher", how))
    return rows


def _backlog(home: Path) -> list[dict[str, Any]]:
    count = int(os.environ.get("POSAGENT_BENCH_BACKLOG", "1000000"))
    directory = str(home / "backlog")
    _child("fill", directory, str(count))
    found = _child("backlog", directory)
    (home / "empty").mkdir()
    for _ in range(2):  # the first makes the file
        empty = _child("backlog", str(home / "empty"))
    found["rss_mb"] = round(found["rss_mb"] - empty["rss_mb"], 1)
    how = f"{count} waiting events, left cleanly; memory after 200 puts, less what a journal without a backlog takes ({empty['rss_mb']} MB)"
    return [
        _row("open with backlog", found["open_ms"], "ms", 10, "lower", how),
        _row("first read with backlog", found["first_read_ms"], "ms", 1, "lower", how),
        _row("memory with backlog", found["rss_mb"], "MB", 1, "lower", how),
    ]


def _drain(home: Path) -> list[dict[str, Any]]:
    (home / "cloud").mkdir()
    _child("fill", str(home / "drain"), "30000")
    stop = home / "stop"
    server = subprocess.Popen(
        [sys.executable, "-m", "tools.bench_queue", "receive", str(home / "cloud"), str(stop)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert server.stdout is not None
    url = server.stdout.readline().strip()
    try:
        found = _child("drain", str(home / "drain"), url)
    finally:
        stop.touch()
        server.communicate(timeout=20)
    how = "30,000 events over loopback into the receiver on SQLite in a second process, durable cursor per batch; after the start's own check"
    return [
        _row("drain into the receiver", found["per_s"], "1/s", 10_000, "higher", how),
        _row("drain, CPU per event on the register", found["cpu_us"], "us", 10, "lower", how),
        _row("drain, bytes per event on the wire", found["bytes"], "B", 60, "lower", how + "; gzip, uniform events"),
    ]


def _full(home: Path) -> list[dict[str, Any]]:
    rows = []
    for name in (OURS, *PEERS):
        disk = home / f"full-{name}".replace(" ", "-")
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(disk)]
        if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
            return [_row("grants accepted on a full disk", None, "1", 20_000, "higher", "not measured: mounting a small disk needs root")]
        try:
            accepted = _child("full", str(disk), name)["accepted"]
        finally:
            subprocess.run(["umount", str(disk)], check=True)
        how = "64 MB tmpfs filled to the last byte, default reserve (12 MB), grants of about 400 bytes"
        rows.append(_row(f"grants accepted on a full disk, {name}", accepted, "1", 20_000 if name == OURS else None, "higher", how))
    return rows


def _flips(home: Path) -> list[dict[str, Any]]:
    """Single bits, flipped anywhere in a file of 5,000 events; what `posagent queue verify` and the start make of them."""
    import sqlite3

    from offline_queue.database import DATABASE
    from offline_queue.errors import JournalError
    from offline_queue.report import Report

    directory = home / "flips"
    _child("fill", str(directory), "5000")
    with sqlite3.connect(directory / DATABASE) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        conn.execute("VACUUM")  # without the reserve: a flip in a free page harms nothing
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    conn.close()
    pristine = (directory / DATABASE).read_bytes()
    whole = _content(directory / DATABASE)
    draw = random.Random(2026)
    seen = {"ours": 0, "named": 0, "quick": 0, "integrity": 0, "harmless": 0}
    trials = 200
    for _ in range(trials):
        content = bytearray(pristine)
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        (directory / DATABASE).write_bytes(content)
        for suffix in ("-wal", "-shm"):
            (directory / (DATABASE + suffix)).unlink(missing_ok=True)
        try:
            report = Report(directory)
            found = report.verify()
            report.close()
        except (JournalError, sqlite3.Error) as trouble:
            found = [str(trouble)]
        seen["ours"] += bool(found)
        seen["harmless"] += not found and _content(directory / DATABASE) == whole
        seen["named"] += any(line.startswith("event ") for line in found)
        for name in ("quick", "integrity"):
            plain = sqlite3.connect(directory / DATABASE)
            try:
                seen[name] += plain.execute(f"PRAGMA {name}_check").fetchall() != [("ok",)]
            except sqlite3.DatabaseError:
                seen[name] += 1
            plain.close()
    how = f"{trials} flips at random places of a file of 5,000 events without free pages"
    harmful = trials - seen["harmless"]
    exact = how + "; of those after which any table or index read differently"
    return [
        _row("harmful bit flips noticed", round(100 * seen["ours"] / harmful, 1), "%", 95, "higher", exact),
        _row("bit flips noticed, all", 100 * seen["ours"] / trials, "%", None, "higher", how),
        _row("bit flips noticed and named by event", 100 * seen["named"] / trials, "%", None, "higher", how + "; the others hit an index"),
        _row("bit flips noticed, quick_check alone", 100 * seen["quick"] / trials, "%", None, "higher", how),
        _row("bit flips noticed, integrity_check alone", 100 * seen["integrity"] / trials, "%", None, "higher", how),
    ]


def _content(path: Path) -> str:
    """Everything that SQL can read, by table and by index."""
    import sqlite3
    from hashlib import sha256

    conn = sqlite3.connect(path)
    try:
        rows = [conn.execute("SELECT * FROM ev ORDER BY seq").fetchall(), conn.execute("SELECT idem, seq FROM ev ORDER BY idem").fetchall()]
        rows += [conn.execute("SELECT * FROM meta").fetchall(), conn.execute("SELECT sql FROM sqlite_master").fetchall()]
        return sha256(repr(rows).encode()).hexdigest()
    except sqlite3.Error as trouble:
        return str(trouble)
    finally:
        conn.close()


def _restart(home: Path) -> list[dict[str, Any]]:
    directory = str(home / "restart")
    subprocess.run([sys.executable, "-m", "tools.bench_queue", "die", directory], check=False, cwd=ROOT, timeout=120)
    found = _child("again", directory)
    return [
        _row("ready after kill -9", found["ready_ms"], "ms", 300, "lower", "from the first import to the first durable grant"),
        _row("idle CPU", found["idle_percent"], "%", 0.1, "lower", "journal open, nothing to do, 5 s"),
    ]


def measure() -> list[dict[str, Any]]:
    """All rows; about two minutes and 600 MB of disk."""
    rows: list[dict[str, Any]] = []
    for part in (_latency, _durability, _groups, _restart, _drain, _full, _flips, _backlog):
        home = Path(tempfile.mkdtemp(prefix="bench-queue-", dir=os.environ.get("POSAGENT_BENCH_DIR")))
        try:
            rows += part(home)
        finally:
            shutil.rmtree(home, ignore_errors=True)
    return rows


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(globals()[f"child_{sys.argv[1]}"](*sys.argv[2:])), flush=True)
    else:
        for line in measure():
            print(json.dumps(line, ensure_ascii=False), flush=True)
