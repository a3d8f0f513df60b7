"""Owns the measurement of the sale doors: what the capture printer adds to an answer, beside a direct line and a plain relay in one run."""

from __future__ import annotations

import json
import random
import resource
import select
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from drivers.doors.capture_printer import DRIVER, CapturePrinter
from posagent.door_taps import Ears, tap_of
from posagent.doors.escpos_text import Document
from posagent.doors.profiles import PLAIN
from posagent.doors.receipt import read_text
from tools.bench_scanning import BURST_S, at_once, compute_in_bursts

ROUNDS = 300
LONGEST_PAUSE_S = 0.04
"""Between two receipts, at random: faster than any printer prints, and in every phase of the reading of the one before."""
QUESTION = b"\x10\x04\x01"
LINES = [f"ブレンド   \\{price:,}\n".encode("cp932") for price in range(300, 700, 10)]
TAIL = "合計 \\19,800\nお預り \\20,000\nお釣り \\200\nレシートNo.7\n".encode("cp932")
RECEIPT = b"".join([b"\x1b@\x1cC\x01", *LINES, TAIL, b"\x1dV\x42\x00"])
RASTER = b"\x1b@\x1dv0\x00\x48\x00\x64\x00" + bytes(7200) + b"\x1dV\x42\x00"
BEFORE = {"status question": b"", "40-line receipt": RECEIPT, "picture of 7 kB": RASTER}


def serve_printer() -> None:
    """A printer on the network: answers each real-time status question at once. Tells its port; ends with its input."""

    def answer(link: socket.socket) -> None:
        with link:
            while raw := link.recv(65536):
                if asked := raw.count(QUESTION):
                    link.sendall(b"\x12" * asked)

    _serve(answer)


def serve_relay(forward: int) -> None:
    """What anybody would put between two sockets: reads what is there and writes it to the other side, and knows nothing."""

    def carry(from_pos: socket.socket) -> None:
        with from_pos, socket.create_connection(("127.0.0.1", forward)) as to_printer:
            other = {from_pos: to_printer, to_printer: from_pos}
            to_printer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                for link in select.select(list(other), [], [])[0]:
                    if not (raw := link.recv(65536)):
                        return
                    other[link].sendall(raw)

    _serve(carry)


def _serve(each: Callable[[socket.socket], None]) -> None:
    """Each connection in a thread of its own."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            link, _ = server.accept()
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=each, args=(link,), daemon=True).start()

    with at_once():
        threading.Thread(target=serve, daemon=True).start()
        _say_port(int(server.getsockname()[1]))
        sys.stdin.read()


def serve_capture(forward: int, *, computes: bool) -> None:
    """An agent with a capture printer, until it has read as many receipts as its input says; where it ``computes``, a second thread serialises
    and sorts in bursts."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    options: dict[str, Any] = {name: option.default for name, option in DRIVER.options.items()}
    door = CapturePrinter("bench", options | {"listen": f"127.0.0.1:{port}", "forward": f"127.0.0.1:{forward}"})
    read: SimpleQueue[Document] = SimpleQueue()

    door.understand_with(tap_of("printer", "bench", Ears(lambda: PLAIN, lambda _receipt: None, read.put)))
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            door.read(0.1)

    threads = [threading.Thread(target=run), *([threading.Thread(target=compute_in_bursts, args=(stop,))] if computes else [])]
    for thread in threads:
        thread.start()
    _say_port(port)
    receipts = int(sys.stdin.readline())
    for _ in range(receipts):
        read.get(timeout=60)
    stop.set()
    for thread in threads:
        thread.join()
    door.close()
    used = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    agent_s, relay_s = (one.ru_utime + one.ru_stime for one in used)
    sys.stdout.write(json.dumps({"receipts": receipts, "agent_s": agent_s, "relay_s": relay_s}) + "\n")


def _say_port(port: int) -> None:
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


class _Server:
    """One of the servers above, as a process."""

    def __init__(self, *words: str) -> None:
        argv = [sys.executable, "-m", "tools.bench_doors", *words]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def end(self, word: str = "") -> str:
        """What it says at last."""
        return self._process.communicate(word)[0]


def _answer_times_us(links: dict[str, socket.socket], before: bytes) -> dict[str, list[float]]:
    """Microseconds from the question (behind ``before``) to its answer; the lines take turns, so that load hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in links}
    pauses = random.Random(7)
    for _ in range(ROUNDS):
        time.sleep(pauses.uniform(0, LONGEST_PAUSE_S))
        for name, link in links.items():
            began = time.perf_counter_ns()
            link.sendall(before + QUESTION)
            link.recv(1)
            times[name].append((time.perf_counter_ns() - began) / 1000)
    return times


def _row(name: str, value: float, unit: str, goal: float | None, how: str) -> dict[str, Any]:
    return {"name": name, "value": round(value, 3), "unit": unit, "goal": goal, "better": "lower", "how": how}


def measure() -> list[dict[str, Any]]:
    """See `tools.bench`. Printer, plain relay and agent are processes of their own, as on a register."""
    printer = _Server("printer")
    plain = _Server("relay", str(printer.port))
    rows = []
    for state in ("reads", "computes"):
        agent = _Server(state, str(printer.port))
        rows += _added({"direct": printer.port, "relayed": plain.port, "captured": agent.port}, state)
        end = json.loads(agent.end(f"{(len(BEFORE) - 1) * ROUNDS}\n"))
        if state == "reads":
            rows += _cpu(end)
    for server in (plain, printer):
        server.end()
    text = b"".join([*LINES, TAIL]).decode("cp932")
    rows.append(_row("receipt of 44 lines read", _median_ms(lambda: read_text(text)), "ms", None, "median of 50 readings"))
    return rows


def _added(ports: dict[str, int], state: str) -> list[dict[str, Any]]:
    rows = []
    links = {name: socket.create_connection(("127.0.0.1", number)) for name, number in ports.items()}
    for link in links.values():
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.settimeout(30)
    agent = {"reads": "every receipt is read", "computes": f"a second thread of the agent computes for {BURST_S} s in {2 * BURST_S}"}[state]
    for title, before in BEFORE.items():
        with at_once():
            times = {name: sorted(found) for name, found in _answer_times_us(links, before).items()}
        middle, late = ({name: found[ROUNDS * part // 100] / 1000 for name, found in times.items()} for part in (50, 99))
        how = f"question to answer over loopback, {ROUNDS} rounds, direct, relayed and captured in turn; POS, printer and plain relay run as "
        how += f"soon as they may, as if on machines of their own; {agent}; direct: "
        for who, name, goals in (("capture printer", "captured", (1.0, 20.0)), ("a relay that reads nothing", "relayed", (None, None))):
            title_now = title if state == "reads" else f"{title}, while the agent computes"
            for part, found, goal in zip(("p50", "p99"), (middle, late), goals, strict=True):
                added = found[name] - found["direct"]
                rows.append(_row(f"{who}: added to the answer, {title_now}, {part}", added, "ms", goal, f"{how}{found['direct']:.3f} ms"))
    for link in links.values():
        link.close()
    return rows


def _cpu(end: dict[str, Any]) -> list[dict[str, Any]]:
    how = f"CPU time, start of the process and {ROUNDS} bare questions included, over {end['receipts']} receipts and pictures"
    return [
        _row(f"capture printer: {name} computes for each receipt", 1000 * end[key] / end["receipts"], "ms", None, how)
        for name, key in (("its relay", "relay_s"), ("the agent, which reads it,", "agent_s"))
    ]


def _median_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(50):
        began = time.perf_counter_ns()
        work()
        times.append((time.perf_counter_ns() - began) / 1e6)
    return statistics.median(times)


def _main(words: list[str]) -> None:
    match words:
        case ["printer"]:
            serve_printer()
        case ["relay", port]:
            serve_relay(int(port))
        case ["reads" | "computes" as state, port]:
            serve_capture(int(port), computes=state == "computes")
        case _:
            for row in measure():
                sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    _main(sys.argv[1:])
