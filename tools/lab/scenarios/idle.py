"""What the agent costs while nothing happens: CPU, memory, wake-ups, writes; and how open its unit is."""

from __future__ import annotations

import json
import re
import time

from tools.lab.register import Register
from tools.lab.scenarios.scenario import Figures, Play

SHORT_S, LONG_S = 20, 600
# Sums over the unit's processes: CPU ticks, resident and proportional kB, voluntary context switches of all threads, bytes written.
MEASURE = """
import json, os, pathlib
total = dict(ticks=0, rss_kb=0, pss_kb=0, switches=0, written=0, threads=0, descriptors=0, processes=0)
threads = {}
for pid in pathlib.Path('/sys/fs/cgroup/system.slice/posagent.service/cgroup.procs').read_text().split():
    base = pathlib.Path('/proc', pid)
    fields = (base / 'stat').read_text().rsplit(')', 1)[1].split()
    total['ticks'] += int(fields[11]) + int(fields[12])
    for line in (base / 'smaps_rollup').read_text().splitlines():
        if line.startswith(('Rss:', 'Pss:')): total[line[:3].lower() + '_kb'] += int(line.split()[1])
    for task in (base / 'task').iterdir():
        total['threads'] += 1
        for line in (task / 'status').read_text().splitlines():
            if line.startswith('voluntary_ctxt'):
                total['switches'] += int(line.split()[1])
                threads[pid + '/' + task.name] = int(line.split()[1])
    for line in (base / 'io').read_text().splitlines():
        if line.startswith('write_bytes'): total['written'] += int(line.split()[1])
    total['descriptors'] += len(list((base / 'fd').iterdir()))
    total['processes'] += 1
print(json.dumps([total, threads]))
"""


def measured(register: Register) -> dict[str, int]:
    """The sums now."""
    return _looked(register)[0]


def _looked(register: Register) -> tuple[dict[str, int], dict[str, int]]:
    """The sums now, and the wake-ups of each thread ("process/thread")."""
    total, threads = json.loads(register.hand.sure(f"python3 - <<'E'\n{MEASURE}\nE"))
    return total, threads


def play(register: Register, play: Play) -> Figures:
    """With no page open (the web server sleeps then), for some time in which nobody does anything."""
    register.listener_away()
    time.sleep(34)  # the web server stops 30 s after the last connection
    seconds = LONG_S if play.long else SHORT_S
    before, woken = _looked(register)
    time.sleep(seconds)
    after, threads = _looked(register)
    register.listener_back()
    exposure = register.hand.sure("systemd-analyze security posagent.service --no-pager | tail -1")
    each = sorted(((count - woken.get(name, 0)) / seconds for name, count in threads.items()), reverse=True)
    found = re.search(r"\d+\.\d+", exposure)
    return {
        "idle_seconds": seconds,
        "idle_cpu_percent": round((after["ticks"] - before["ticks"]) / seconds, 2),
        "idle_wakeups_per_s": round((after["switches"] - before["switches"]) / seconds, 2),
        "wakeups_per_s_of_busiest_threads": [round(rate, 2) for rate in each[:4]],
        "idle_written_kb_per_hour": round((after["written"] - before["written"]) / 1024 * 3600 / seconds),
        "rss_mb": round(after["rss_kb"] / 1024, 1),
        "pss_mb": round(after["pss_kb"] / 1024, 1),
        "processes": after["processes"],
        "threads": after["threads"],
        "exposure": float(found[0]) if found else None,
    }
