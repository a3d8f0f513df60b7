"""Measures a printer at work: how soon cover, paper and cable are noticed, and how long after the cut the proof is there.

A virtual printer of real speed on a socket, the real driver and the real spool; times are wall time, so a busy machine lengthens them.

    .venv/bin/python -m tools.bench_printing_live
"""

from __future__ import annotations

import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drivers.escpos.dialects import DIALECTS
from drivers.escpos.link_tcp import open_tcp
from drivers.escpos.paper import PAPERS
from drivers.escpos.printer import EscposPrinter
from offline_queue.journal import Journal
from offline_queue.print_lane import PrintLane
from posagent.ports import Outcome, Ticket
from posagent.print_lane import PrinterReport, SlipSpool
from tools.bench_printing import forty_lines
from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import T2_COUNTER, T3_80, PrinterProfile
from virtual_counter.tcp import PrinterServer, serve_tcp

ROUNDS = 5


@contextmanager
def _on_the_network(profile: PrinterProfile) -> Iterator[tuple[VirtualPrinter, PrinterServer]]:
    printer = VirtualPrinter(profile)
    server = serve_tcp(printer)
    try:
        yield printer, server
    finally:
        server.stop()


def _opened(server: PrinterServer) -> EscposPrinter:
    return EscposPrinter("bench", open_tcp("bench", *server.address, 1.0), DIALECTS["epson"], PAPERS["80mm-203"])


def _row(name: str, value: float, goal: float, how: str) -> dict[str, Any]:
    return {"name": name, "value": round(value, 4), "unit": "s", "goal": goal, "better": "lower", "how": how}


def _proof(profile: PrinterProfile) -> float:
    """Median seconds from the cut, by the printer's own clock, to the outcome."""
    found = []
    with _on_the_network(profile) as (paper, server):
        printer = _opened(server)
        for number in range(ROUNDS):
            outcome: Outcome = printer.print(Ticket(str(number), f"b{number}", 1, forty_lines()), lambda evidence: None, 20.0)
            assert outcome.certainty == "confirmed", outcome
            found.append(paper.clock.now() - paper.last_moved_at)
        printer.close()
    return statistics.median(found)


def _noticing() -> list[dict[str, Any]]:
    """The slowest of some rounds, each begun at another moment of the spool's look-round."""
    slowest = {"cover": 0.0, "paper": 0.0, "unplugged": 0.0, "plugged": 0.0}
    seen: list[tuple[float, PrinterReport]] = []
    changed = threading.Event()

    def report(said: PrinterReport) -> None:
        seen.append((time.monotonic(), said))
        changed.set()

    def until(wanted: Callable[[PrinterReport], bool], begun: float) -> float:
        while True:
            changed.clear()
            for at, said in tuple(seen):
                if at >= begun and wanted(said):
                    return at - begun
            if not changed.wait(20):
                raise TimeoutError("the spool says nothing")

    with _on_the_network(T3_80) as (paper, server), tempfile.TemporaryDirectory() as folder:
        journal = Journal.open(Path(folder), source="/t/bench/s/1/r/1", reserve_mb=0)
        stop, wake = threading.Event(), threading.Event()
        spool = SlipSpool("bench", lambda: _opened(server), PrintLane(journal), report=report)
        thread = threading.Thread(target=spool.run, args=(stop, wake))
        begun = time.monotonic()
        thread.start()
        try:
            until(lambda said: said.connected, begun)
            for number in range(ROUNDS):
                for name, act, wanted in (
                    ("cover", lambda: paper.cover(True), lambda said: said.waits_for == "cover"),
                    ("", lambda: paper.cover(False), lambda said: said.connected and said.waits_for == ""),
                    ("paper", paper.paper_out, lambda said: said.waits_for == "paper"),
                    ("", paper.load_paper, lambda said: said.connected and said.waits_for == ""),
                    ("unplugged", paper.disconnect, lambda said: not said.connected),
                    ("plugged", paper.reconnect, lambda said: said.connected),
                ):  # fmt: skip
                    stop.wait(0.13 * number)
                    begun = time.monotonic()
                    act()
                    took = until(wanted, begun)
                    if name:
                        slowest[name] = max(slowest[name], took)
        finally:
            stop.set()
            wake.set()
            thread.join()
            journal.close()
    how = f"virtual printer on a socket, knob to report, the slowest of {ROUNDS}"
    goals = {"cover": 1.0, "paper": 1.0, "unplugged": 2.0, "plugged": 3.0}
    return [_row(f"print.notice.{name}", took, goals[name], how) for name, took in slowest.items()]


def measure() -> list[dict[str, Any]]:
    """G11 noticing, G13 proof after the cut."""
    how = f"virtual printer of real speed, 40-line slip, cut to outcome; median of {ROUNDS}"
    return [
        _row("print.proof.process-id", _proof(T3_80), 0.05, how),
        _row("print.proof.counter", _proof(T2_COUNTER), 0.05, how + "; no process id, the counter is asked"),
        *_noticing(),
    ]


if __name__ == "__main__":
    for row in measure():
        print(json.dumps(row, ensure_ascii=False))
