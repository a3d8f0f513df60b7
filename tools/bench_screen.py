"""Owns the page's figures of `make bench`: the first connection, wake-ups, memory, and how fast events arrive."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

WATCHED_S = 5.0
EVENTS = 500
IDLE_S = 1.0


class _Backend:
    """An agent that does nothing but record when it is told to (by a line on its standard input)."""

    language: Any = "ja"
    register_name, store_name = "1", "bench"

    def __init__(self) -> None:
        self.journal: list[tuple[int, Any]] = []
        self.wakers: list[Any] = []

    def status(self) -> Any:
        queue = {"pending": 0, "oldest_s": None, "link": "online"}
        return {"level": "ok", "code": None, "devices": [], "queue": queue, "ready": True}

    def events(self, after_seq: int, limit: int) -> Any:
        return self.journal[after_seq : after_seq + limit]

    def last_seq(self) -> int:
        return len(self.journal)

    def subscribe(self, wake: Any) -> Any:
        self.wakers.append(wake)
        return lambda: self.wakers.remove(wake)

    def notices(self, after: int) -> Any:
        return []

    def last_notice(self) -> int:
        return 0

    def record(self) -> None:
        event = {"kind": "granted", "member": "**** **** 4821", "points": 49, "sale_id": "S", "told_ns": time.monotonic_ns()}
        self.journal.append((len(self.journal) + 1, event))
        for wake in tuple(self.wakers):
            wake()


def serve() -> None:
    """The measured process: prints its port, records one event for each line it reads."""
    import threading

    from posagent.screen.server import ScreenServer

    backend: Any = _Backend()
    server = ScreenServer(backend, "127.0.0.1:0", idle_s=IDLE_S)
    thread = threading.Thread(target=server.run)
    thread.start()
    print(server.address.rpartition(":")[2], flush=True)
    for _ in sys.stdin:
        backend.record()
    server.stop()
    thread.join()


def measure() -> list[dict[str, Any]]:
    """The figures, each as `make bench` prints it."""
    with subprocess.Popen([sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        port = int(process.stdout.readline())
        pss_before = _pss_mb(process.pid)
        wakeups_before = _wakeups(process.pid)
        first_ms = _answer_ms(port)
        second_ms = min(_answer_ms(port) for _ in range(20))
        line, stream = _open_events(port)
        pss_open = _pss_mb(process.pid)
        wakeups_open = _wakeups(process.pid)
        delays = _delays_ms(stream, process.stdin)
        stream.close()
        line.close()
        time.sleep(IDLE_S + 1)  # the server goes back to sleep
        wakeups_after = _wakeups(process.pid)
        process.stdin.close()
    exposed = f"voluntary context switches of all threads over {WATCHED_S:g} s"
    told = f"{EVENTS} events, one at a time, from 'recorded' in the agent to 'read' by a page in another process"
    return [
        _figure("screen.first_answer", first_ms, "ms", 300, "connect to answer of GET /livez; loads the web server"),
        _figure("screen.answer", second_ms, "ms", None, "the same once it is loaded, best of 20"),
        _figure("screen.wakeups_no_page", wakeups_before, "1/s", 1, exposed + ", before the first connection"),
        _figure("screen.wakeups_page_open", wakeups_open, "1/s", None, exposed + ", one page listening, nothing happening"),
        _figure("screen.wakeups_page_closed", wakeups_after, "1/s", 1, exposed + ", after the page was closed"),
        _figure("screen.pss_no_page", pss_before, "MB", 40, "PSS of a process that holds the server and nothing else"),
        _figure("screen.pss_page_open", pss_open, "MB", None, "the same with one page open"),
        _figure("screen.event_p50", delays[len(delays) // 2], "ms", None, told),
        _figure("screen.event_p99", delays[int(len(delays) * 0.99)], "ms", 20, told),
    ]


def _figure(name: str, value: float, unit: str, goal: float | None, how: str) -> dict[str, Any]:
    return {"name": name, "value": round(value, 2), "unit": unit, "goal": goal, "better": "lower", "how": how}


def _answer_ms(port: int) -> float:
    start = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), 30) as line:
        line.sendall(f"GET /livez HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = line.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    return (time.perf_counter() - start) * 1000


def _open_events(port: int) -> tuple[socket.socket, Any]:
    line = socket.create_connection(("127.0.0.1", port), 30)
    line.sendall(f"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nSec-Fetch-Site: same-origin\r\n\r\n".encode())
    stream = line.makefile("r", encoding="utf-8", newline="\n")
    while not stream.readline().startswith("event: live"):
        pass
    return line, stream


def _delays_ms(stream: Any, orders: Any) -> list[float]:
    delays = []
    for _ in range(EVENTS):
        orders.write("\n")
        orders.flush()
        while True:
            text = stream.readline()
            if text.startswith("data: ") and "told_ns" in text:
                delays.append((time.monotonic_ns() - json.loads(text[6:])["told_ns"]) / 1e6)
                break
    return sorted(delays)


def _wakeups(pid: int) -> float:
    """Voluntary context switches per second, of all threads."""

    def switches() -> int:
        total = 0
        for task in Path(f"/proc/{pid}/task").iterdir():
            text = (task / "status").read_text()
            total += int(text.partition("voluntary_ctxt_switches:")[2].split()[0])
        return total

    before, began = switches(), time.perf_counter()
    time.sleep(WATCHED_S)
    return (switches() - before) / (time.perf_counter() - began)


def _pss_mb(pid: int) -> float:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(text.partition("\nPss:")[2].split()[0]) * 1024 / 1e6


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        for figure in measure():
            print(json.dumps(figure))
