"""Measures the agent as a process: scan to told, cold start, idle cost, and the start of every command."""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from posagent.cli import COMMANDS
from virtual_counter.demo_till import Listener, Till
from virtual_counter.plain_register import PlainRegister, free_port, settings
from virtual_counter.scanner import SerialScanner

ROUNDS = 200
STARTS = 7
IDLE_S = 20
HELPS = 7
NUMBERS = [f"20{n:010}" for n in range(1, ROUNDS + 1)]
DEVICES = """\
[checkout]
bounce_s = 0
[[scanner]]
name = "front"
driver = "serial"
port = "{directory}/scanner"
double_read_ms = 0
"""


def measure() -> list[dict[str, Any]]:
    """About two minutes."""
    with tempfile.TemporaryDirectory(prefix="posagent-bench-") as scratch:
        directory = Path(scratch)
        PlainRegister(directory, settings(DEVICES, listen=f"127.0.0.1:{free_port()}"))
        scanner = SerialScanner(directory / "scanner")
        try:
            return [*_starts(directory), *_idle(directory), *_told(directory, scanner), *_helps()]
        finally:
            scanner.close()


def _spawn(directory: Path) -> tuple[subprocess.Popen[bytes], float]:
    """An agent that has said READY, and how long that took in seconds."""
    address = directory / "notify"
    with suppress(FileNotFoundError):
        address.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(address))
        notify.settimeout(30)
        began = time.monotonic()
        agent = subprocess.Popen(
            [sys.executable, "-m", "posagent", "run", "--settings", str(directory / "posagent.toml")],
            env={**os.environ, "NOTIFY_SOCKET": str(address)},
            stderr=subprocess.DEVNULL,
        )
        while b"READY=1" not in notify.recv(4096):
            pass
        return agent, time.monotonic() - began


def _end(agent: subprocess.Popen[bytes]) -> None:
    agent.terminate()
    agent.wait(20)


def _bare_start_s() -> float:
    """The floor in the same run: the interpreter alone."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    return time.monotonic() - began


def _starts(directory: Path) -> list[dict[str, Any]]:
    times, bare = [], []
    for _ in range(STARTS):
        agent, took = _spawn(directory)
        _end(agent)
        times.append(took)
        bare.append(_bare_start_s())
    how = f"exec to READY=1, median of {STARTS}, camera off; the interpreter alone takes {statistics.median(bare):.3f} s in the same run"
    return [{"name": "agent.ready", "value": round(statistics.median(times), 3), "unit": "s", "goal": 0.5, "better": "lower", "how": how}]


def _idle(directory: Path) -> list[dict[str, Any]]:
    agent, _ = _spawn(directory)
    try:
        time.sleep(3)
        before = _usage(agent.pid)
        time.sleep(IDLE_S)
        after = _usage(agent.pid)
        rollup = Path(f"/proc/{agent.pid}/smaps_rollup").read_text().splitlines()
        pss = sum(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
    finally:
        _end(agent)
    wakes = (after[0] - before[0]) / IDLE_S
    cpu = (after[1] - before[1]) / os.sysconf("SC_CLK_TCK") / IDLE_S * 100
    how = f"over {IDLE_S} s without page or camera, one serial scanner"
    return [
        {"name": "agent.idle.wakeups", "value": round(wakes, 2), "unit": "1/s", "goal": 1.0, "better": "lower", "how": "all threads, " + how},
        {"name": "agent.idle.cpu", "value": round(cpu, 3), "unit": "% of a core", "goal": 0.3, "better": "lower", "how": how},
        {"name": "agent.idle.pss", "value": round(pss / 1024, 1), "unit": "MB", "goal": 40, "better": "lower", "how": "smaps_rollup " + how},
    ]


def _usage(pid: int) -> tuple[int, int]:
    """(voluntary context switches of all threads, CPU ticks)."""
    switches = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                switches += int(line.split()[1])
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return switches, int(fields[11]) + int(fields[12])


def _told(directory: Path, scanner: SerialScanner) -> list[dict[str, Any]]:
    agent, _ = _spawn(directory)
    till, listener = Till(directory / "api.sock"), _Clocked(directory / "api.sock")
    floor = _Floor(directory)
    listener.start()
    try:
        _wait(lambda: any(d["state"] == "ready" for d in till.status().body.get("devices", [])))
        waits, floors = [], []
        for number, digits in enumerate(NUMBERS, 1):
            till.ring_up(1980, receipt_no=str(number))
            floors.append(floor.once())
            began = time.monotonic()
            scanner.scan(digits + _check_digit(digits), aim="E0")
            if not listener.wait_for(number, "granted", 10):
                raise RuntimeError(f"scan {number} was not told within 10 s")
            waits.append(listener.arrived - began)
    finally:
        listener.stop()
        floor.close()
        _end(agent)
    waits.sort()
    floors.sort()
    p50, p99 = statistics.median(waits), waits[int(len(waits) * 0.99) - 1]
    f50, f99 = statistics.median(floors), floors[int(len(floors) * 0.99) - 1]
    how = f"last byte into the scanner's port to the event on the page's stream, {ROUNDS} scans, paired with a 4 KB overwrite and fdatasync"
    return [
        {"name": "agent.told.p50", "value": round(p50 / f50, 2), "unit": "x fdatasync", "goal": None, "better": "lower", "how": how},
        {"name": "agent.told.p99", "value": round(p99 / f99, 2), "unit": "x fdatasync", "goal": None, "better": "lower", "how": how},
        {"name": "agent.told.beyond", "value": round((p99 - f99) * 1000, 2), "unit": "ms p99", "goal": 5, "better": "lower", "how": how},
    ]


class _Clocked(Listener):
    """Notes when the newest event arrived."""

    arrived = 0.0

    def _take(self, number: int, event: dict[str, Any]) -> None:
        self.arrived = time.monotonic()
        super()._take(number, event)


class _Floor:
    """One durable 4 KB overwrite on the same disk."""

    def __init__(self, directory: Path) -> None:
        self._fd = os.open(directory / "floor", os.O_RDWR | os.O_CREAT, 0o600)
        os.pwrite(self._fd, bytes(4096), 0)
        os.fsync(self._fd)

    def once(self) -> float:
        began = time.monotonic()
        os.pwrite(self._fd, os.urandom(4096), 0)
        os.fdatasync(self._fd)
        return time.monotonic() - began

    def close(self) -> None:
        os.close(self._fd)


def _check_digit(digits: str) -> str:
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return str(-total % 10)


def _wait(holds: Any) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError("the agent did not become ready")
        time.sleep(0.02)


def _helps() -> list[dict[str, Any]]:
    rows = []
    for words in (["--help"], *([name, "--help"] for name in COMMANDS)):
        times = []
        for _ in range(HELPS):
            began = time.monotonic()
            subprocess.run([str(Path(sys.executable).parent / "posagent"), *words], check=True, stdout=subprocess.DEVNULL)
            times.append(time.monotonic() - began)
        goal = 0.15 if words == ["--help"] else None
        name = "cli." + ".".join(word.lstrip("-") for word in words)
        how = f"median of {HELPS}; the interpreter alone {_bare_start_s():.3f} s"
        rows.append({"name": name, "value": round(statistics.median(times), 3), "unit": "s", "goal": goal, "better": "lower", "how": how})
    return rows
