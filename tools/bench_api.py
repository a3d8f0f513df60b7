"""Owns the local API's figures of `make bench`: how long `posagent status` takes, and how long a till waits for the answer to a sale."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from virtual_counter.plain_register import PlainRegister, settings

STARTS = 9
SALES = 200


def measure() -> list[dict[str, Any]]:
    """The figures, each as `make bench` prints it."""
    with tempfile.TemporaryDirectory() as folder:
        register = PlainRegister(Path(folder), settings())
        register.start()
        try:
            till = register.till
            cpu_before = _cpu_of_children_ms()
            starts = sorted(_ms(lambda: _status(register.settings)) for _ in range(STARTS))
            cpu_ms = (_cpu_of_children_ms() - cpu_before) / STARTS
            asked = sorted(_ms(till.status) for _ in range(SALES))
            sold = sorted(_ms(lambda number=number: till.ring_up(100, receipt_no=f"{number}", paid=False)) for number in range(SALES))
        finally:
            register.end()
    how = "one request on a connection of its own through the Unix socket"
    return [
        _figure("api.status_command", starts[len(starts) // 2], "ms", 150, f"`posagent status --json`, start to end, median of {STARTS}"),
        _figure("api.status_command_cpu", cpu_ms, "ms", 150, f"processor time of the same {STARTS}, mean: what a busy machine does not change"),
        _figure("api.status_p50", asked[len(asked) // 2], "ms", None, f"GET /v1/status, {how}, {SALES} times"),
        _figure("api.sale_p50", sold[len(sold) // 2], "ms", None, f"POST /v1/sales to its durable answer, {how}, {SALES} sales"),
        _figure("api.sale_p99", sold[int(len(sold) * 0.99)], "ms", 300, "the same, 99th percentile"),
    ]


def _status(settings: Path) -> None:
    argv = [sys.executable, "-m", "posagent", "status", "--json", "--settings", str(settings)]
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)


def _cpu_of_children_ms() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1000


def _ms(action: Any) -> float:
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1000


def _figure(name: str, value: float, unit: str, goal: float | None, how: str) -> dict[str, Any]:
    return {"name": name, "value": round(value, 2), "unit": unit, "goal": goal, "better": "lower", "how": how}
