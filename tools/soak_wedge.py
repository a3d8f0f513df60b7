"""Owns the wedge soak on a real kernel: a uinput keyboard types codes at 1 kHz reports while this process computes as hard as it can.

    python -m tools.soak_wedge [SCANS]        10,000 by default, seven minutes; needs root, /dev/uinput and a machine with nothing else to do

Where the kernel is modelled instead (`tools.bench_scanning`), this is what it models. Prints one JSON object; exit code 1 when a scan was
lost or came out as another.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tools.bench_scanning import SCANS, busy_agent, code_of

_SETTLED_S = 5.0  # of silence behind the last scan


def _type(scans: int) -> None:
    """The scanner: a process of its own, in real time, as an interrupt would be."""
    from virtual_counter.wedge import WedgeScanner

    scanner = WedgeScanner()
    sys.stdin.readline()  # the reader has it
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    began, reports = time.monotonic(), 0
    for number in range(scans):
        reports += scanner.scan(code_of(number))
    sys.stdout.write(f"{reports / (time.monotonic() - began):.0f}\n")
    sys.stdout.flush()
    sys.stdin.readline()  # everything is read
    scanner.close()


def soak(scans: int) -> dict[str, Any]:
    """The figures. Raises RuntimeError where there is no such keyboard."""
    from drivers.scan import evdev
    from posagent.ports import Scan
    from posagent.remote import Opened, RemoteDevice, RemoteDevices
    from virtual_counter.wedge import WedgeScanner

    if missing := WedgeScanner.available():
        raise RuntimeError(missing)
    scanner = subprocess.Popen(
        [sys.executable, "-m", "tools.soak_wedge", "type", str(scans)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert scanner.stdin is not None
    assert scanner.stdout is not None
    options = {name: option.default for name, option in evdev.DRIVER.options.items()} | {"device": "usb:0c2e:0b81"}
    devices = RemoteDevices("reader", [RemoteDevice("soak", "drivers.scan.evdev:DRIVER", options)])
    stop, loads, got, waits = threading.Event(), [], list[Scan](), list[float]()
    with tempfile.TemporaryDirectory() as folder:
        load = threading.Thread(target=lambda: loads.append(busy_agent(stop, Path(folder))))
        try:
            while not any(isinstance(report, Opened) for _, report in devices.read(10)):
                continue
            load.start()
            print("go", file=scanner.stdin, flush=True)
            last = time.monotonic()
            while len(got) < scans and time.monotonic() - last < _SETTLED_S + 60 * (not got):
                for _, report in devices.read(1.0):
                    if isinstance(report, Scan):
                        waits.append((time.monotonic_ns() - report.at_ns) / 1e6)
                        got.append(report)
                        last = time.monotonic()
        finally:
            stop.set()
            load.join()
            scanner.communicate("end\n") if scanner.poll() is None else None
            devices.close()
    return _figures(scans, got, sorted(waits), loads[0])


def _figures(scans: int, got: list[Any], waits: list[float], load: dict[str, int]) -> dict[str, Any]:
    expected = {code_of(number) for number in range(scans)}
    good = [scan.text for scan in got if scan.quality == "ok"]
    damaged = [scan.reason for scan in got if scan.quality != "ok"]
    return {
        "scans": scans, "whole": len(good), "lost": scans - len(got), "wrong_or_shortened": sum(text not in expected for text in good),
        "damaged_and_told": len(damaged), "why": sorted(set(damaged)), "load": load,
        "to_the_loaded_agent_p50_ms": round(waits[len(waits) // 2], 1) if waits else None,
    }  # fmt: skip


def main(words: list[str]) -> int:
    if words[:1] == ["type"]:
        _type(int(words[1]))
        return 0
    try:
        figures = soak(int(words[0]) if words else SCANS)
    except RuntimeError as missing:
        print(f"tools.soak_wedge: {missing}", file=sys.stderr)
        return 69
    print(json.dumps(figures))
    return 1 if figures["lost"] or figures["wrong_or_shortened"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
