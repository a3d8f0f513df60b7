"""Owns the figures of the installed service: what it weighs, how fast it is ready, what it costs while nobody does anything.

Measured from a tree laid out as the package lays it out (byte code ahead of time, `-I`), with the settings that `posagent setup` writes for a
register without devices of its own: what devices cost depends on the devices.
"""

from __future__ import annotations

import os
import resource
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from posagent.setup_text import Answers, settings_text
from tools.package import build, lay_out
from tools.package_environment import HOME

STARTS = 9
LOOKS = 5
IDLE_S = 60.0
ROOT = Path(__file__).resolve().parent.parent


def measure() -> list[dict[str, Any]]:
    """READY after exec, and a minute of idleness."""
    with tempfile.TemporaryDirectory(prefix="posagent-bench-") as scratch:
        folder = Path(scratch)
        lay_out(folder / "tree", ROOT / "build" / "wheels")
        size = sum(path.stat().st_size for path in (folder / "tree").rglob("*") if path.is_file() and not path.is_symlink())
        service = _Service(folder)
        service.start_once()  # the first makes the journal
        starts = [service.start_once() for _ in range(STARTS)]
        idle = service.idle()
        doctor = {words: service.doctor(*words) for words in (("--quick",), ())}
        packages = build(folder / "dist", ROOT / "build" / "wheels")
        weights = {path.name.partition("_")[0]: path.stat().st_size / 1e6 for path in packages}
    how = f"the installed tree, {STARTS} starts, no devices"
    asked = f"of the process and its children, median of {LOOKS}, no devices, no agent"
    quiet = f"{IDLE_S:.0f} s without anybody, no devices, no head office"
    return [
        _row("service exec to READY, median", round(statistics.median(wall for wall, _ in starts)), "ms", 500, how),
        _row("service exec to READY, best", round(min(wall for wall, _ in starts)), "ms", 300, how),
        _row("service exec to READY, processor time, median", round(statistics.median(cpu for _, cpu in starts)), "ms", 500, how),
        _row("installed size without the camera", round(size / 1e6, 1), "MB", None, "files of the package, unpacked"),
        _row("package without the camera", round(weights["posagent"], 1), "MB", 20, "the .deb, xz"),
        _row("package with the camera's libraries", round(weights["posagent-camera"], 1), "MB", 60, "the .deb, xz"),
        _row("doctor --quick, processor time", round(doctor["--quick",], 2), "s", 1.0, asked),
        _row("doctor, processor time", round(doctor[()], 2), "s", 5.0, asked),
        _row("service idle memory (PSS)", round(idle["pss_mb"], 1), "MB", 32, quiet),
        _row("service idle CPU", round(idle["cpu_percent"], 3), "%", 0.1, quiet),
        _row("service idle wake-ups per second", round(idle["wakeups_s"], 2), "1/s", 1.0, quiet),
        _row("service idle writes per hour", round(idle["written_kb_h"]), "kB/h", None, quiet + " (/proc/PID/io write_bytes)"),
    ]


def _row(name: str, value: float, unit: str, goal: float | None, how: str) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "goal": goal, "better": "lower", "how": how}


class _Service:
    """The agent of the laid-out tree, started as systemd starts it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        text = settings_text(Answers("en", "acme", "cafe", "0042", "R2", "cafe"), "")
        for installed, here in (("/var/lib/posagent", "journal"), ("127.0.0.1:8931", ""), ("/run/posagent/api.sock", "api.sock")):
            text = text.replace(f'"{installed}"', f'"{here}"')
        (folder / "posagent.toml").write_text(text, "utf-8")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.settimeout(60)

    def _start(self) -> subprocess.Popen[bytes]:
        python = self._folder / "tree" / HOME / "bin" / "python3"
        words = [str(python), "-I", "-X", "utf8", "-m", "posagent", "run", "--settings", str(self._folder / "posagent.toml")]
        environment = {"NOTIFY_SOCKET": str(self._folder / "notify"), "PATH": "/usr/bin:/bin", "WATCHDOG_USEC": "30000000"}
        return subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def _hear(self, word: bytes) -> None:
        while word not in self._socket.recv(4096):
            pass

    def start_once(self) -> tuple[float, float]:
        """Milliseconds from exec to READY: by the clock, and of the processor, which a busy machine leaves alone."""
        begun = time.monotonic()
        agent = self._start()
        self._hear(b"READY=1")
        took, cpu_s = time.monotonic() - begun, _usage(agent.pid)["cpu_s"]
        agent.terminate()
        agent.wait(20)
        return took * 1000, cpu_s * 1000

    def doctor(self, *words: str) -> float:
        """Seconds of the processor for one look."""
        python, settings = self._folder / "tree" / HOME / "bin" / "python3", self._folder / "posagent.toml"
        command = [python, "-I", "-X", "utf8", "-m", "posagent", "doctor", *words, "--settings", settings]
        took = []
        for _ in range(LOOKS):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, capture_output=True, check=False)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return statistics.median(took)

    def idle(self) -> dict[str, float]:
        agent = self._start()
        self._hear(b"READY=1")
        time.sleep(5)  # the start's own upkeep is not idleness
        before, began = _usage(agent.pid), time.monotonic()
        time.sleep(IDLE_S)
        after, took = _usage(agent.pid), time.monotonic() - began
        rollup = Path(f"/proc/{agent.pid}/smaps_rollup").read_text("ascii")
        agent.terminate()
        agent.wait(20)
        pss = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        return {
            "pss_mb": pss / 1024,
            "cpu_percent": (after["cpu_s"] - before["cpu_s"]) / took * 100,
            "wakeups_s": (after["switches"] - before["switches"]) / took,
            "written_kb_h": (after["written"] - before["written"]) / 1024 / took * 3600,
        }


def _usage(pid: int) -> dict[str, float]:
    """Of a process and all its threads: processor time, voluntary switches (each is a sleep that ended), bytes written."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    switches = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text("ascii", "replace").splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                switches += int(line.split()[1])
    written = next(int(line.split()[1]) for line in Path(f"/proc/{pid}/io").read_text("ascii").splitlines() if line.startswith("write_bytes"))
    return {"cpu_s": (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), "switches": switches, "written": written}
