"""Owns the measurement of the sale doors: what the capture printer adds to an answer, beside a direct line and a plain relay in one run."""

from __future__ import annotations

import select
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from drivers.doors.capture_printer import DRIVER, CapturePrinter
from posagent.door_taps import Ears, tap_of
from posagent.doors.profiles import PLAIN
from posagent.doors.receipt import read_text

ROUNDS = 500
QUESTION = b"\x10\x04\x01"
LINES = [f"ブレンド   \\{price:,}\n".encode("cp932") for price in range(300, 700, 10)]
TAIL = "合計 \\19,800\nお預り \\20,000\nお釣り \\200\nレシートNo.7\n".encode("cp932")
RECEIPT = b"".join([b"\x1b@\x1cC\x01", *LINES, TAIL, b"\x1dV\x42\x00"])
RASTER = b"\x1dv0\x00\x48\x00\x64\x00" + bytes(7200)


@contextmanager
def _printer() -> Iterator[int]:
    """Answers each real-time status question at once, as a printer on the network does. Yields its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer(link: socket.socket) -> None:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with link:
            while raw := link.recv(65536):
                if asked := raw.count(QUESTION):
                    link.sendall(b"\x12" * asked)

    def serve() -> None:
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(link,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield int(server.getsockname()[1])
    server.shutdown(socket.SHUT_RDWR)
    server.close()


@contextmanager
def _capture(forward: int) -> Iterator[int]:
    """A capture printer that reads every receipt, as in the agent. Yields its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    options: dict[str, Any] = {name: option.default for name, option in DRIVER.options.items()}
    door = CapturePrinter("bench", options | {"listen": f"127.0.0.1:{port}", "forward": f"127.0.0.1:{forward}"})
    door.understand_with(tap_of("printer", "bench", Ears(lambda: PLAIN, lambda _receipt: None)))
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            door.read(0.1)
        door.close()

    thread = threading.Thread(target=run)
    thread.start()
    yield port
    stop.set()
    thread.join()


@contextmanager
def _relay(forward: int) -> Iterator[int]:
    """What anybody would put between two sockets: reads what is there and writes it to the other side, and knows nothing. Yields its port."""
    server = socket.create_server(("127.0.0.1", 0))

    def carry(from_pos: socket.socket) -> None:
        with from_pos, socket.create_connection(("127.0.0.1", forward)) as to_printer:
            other = {from_pos: to_printer, to_printer: from_pos}
            for link in other:
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                for link in select.select(list(other), [], [])[0]:
                    if not (raw := link.recv(65536)):
                        return
                    other[link].sendall(raw)

    def serve() -> None:
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=carry, args=(link,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield int(server.getsockname()[1])
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def _answer_times_us(links: dict[str, socket.socket], before: bytes) -> dict[str, list[float]]:
    """Microseconds from the question (behind ``before``) to its answer; the lines take turns, so that load hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in links}
    for _ in range(ROUNDS):
        for name, link in links.items():
            began = time.perf_counter_ns()
            link.sendall(before + QUESTION)
            link.recv(1)
            times[name].append((time.perf_counter_ns() - began) / 1000)
    return times


def _row(name: str, value: float, unit: str, goal: float | None, how: str) -> dict[str, Any]:
    return {"name": name, "value": round(value, 3), "unit": unit, "goal": goal, "better": "lower", "how": how}


def measure() -> list[dict[str, Any]]:
    """See `tools.bench`."""
    rows = []
    with _printer() as real, _relay(real) as relayed, _capture(real) as port:
        ports = {"direct": real, "relayed": relayed, "captured": port}
        links = {name: socket.create_connection(("127.0.0.1", number)) for name, number in ports.items()}
        for link in links.values():
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.settimeout(10)
        for title, before in (("status question", b""), ("40-line receipt", RECEIPT), ("picture of 7 kB", RASTER)):
            times = {name: sorted(found) for name, found in _answer_times_us(links, before).items()}
            how = f"question to answer over loopback, {ROUNDS} rounds, direct, relayed and captured in turn; every receipt is read"
            for who, goals in (("capture printer", (1.0, 20.0)), ("a relay that reads nothing", (None, None))):
                found = times["captured" if goals[0] else "relayed"]
                p50 = (statistics.median(found) - statistics.median(times["direct"])) / 1000
                p99 = (found[ROUNDS * 99 // 100] - times["direct"][ROUNDS * 99 // 100]) / 1000
                rows.append(_row(f"{who}: added to the answer, {title}, p50", p50, "ms", goals[0], how))
                rows.append(_row(f"{who}: added to the answer, {title}, p99", p99, "ms", goals[1], how))
        for link in links.values():
            link.close()
    text = b"".join([*LINES, TAIL]).decode("cp932")
    rows.append(_row("receipt of 44 lines read", _median_ms(lambda: read_text(text)), "ms", None, "median of 50 readings"))
    return rows


def _median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(50):
        began = time.perf_counter_ns()
        work()
        times.append((time.perf_counter_ns() - began) / 1e6)
    return statistics.median(times)
