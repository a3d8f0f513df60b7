"""Owns what monitoring reads: counts since the start and a few figures of now, in Prometheus' text form, written by hand.

At most 200 series, whatever happens at the till: labels are device names of the settings, driver kinds, states and message codes, never a
number, a name or a text that came from outside (https://prometheus.io/docs/instrumenting/exposition_formats/).
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from offline_queue.journal import Journal
    from offline_queue.reader import JournalReader
    from offline_queue.sync import SyncState
    from posagent.agent import Agent

MOST_SERIES = 200
MOST_CODES = 60
MOST_ROUTES = 40
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_TICKS = os.sysconf("SC_CLK_TCK")
_JOBS = "SELECT printer, state, count(*) AS n FROM job GROUP BY printer, state ORDER BY printer, state"
_CODE = re.compile(r"[A-Z]\d{3}")


class Counts:
    """What the dispatcher counts, and the web server: each count is written by one thread; readers see every one whole."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str]] = Counter()  # route, status
        self.refused: Counter[str] = Counter()  # by the code of the refusal
        self.scans: Counter[tuple[str, str]] = Counter()  # device, result
        self.opened: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        self.handled: Counter[float] = Counter()  # by bucket
        self.handled_s = 0.0

    def scan(self, device: str, result: str, read_at_ns: int) -> None:
        """A scan is dealt with: what it was, and when its last byte came (monotonic)."""
        took = max(0.0, (time.monotonic_ns() - read_at_ns) / 1e9) if read_at_ns else 0.0
        self.scans[device, result] += 1
        self.handled[next((bucket for bucket in BUCKETS_S if took <= bucket), float("inf"))] += 1
        self.handled_s += took

    def request(self, route: str, status: int, refused: str) -> None:
        """A request was answered. ``route``: one of the server's own names; ``refused``: the policy's code where it let nobody in, else ""."""
        pair = (route, str(status))
        self.requests[pair if pair in self.requests or len(self.requests) < MOST_ROUTES else ("other", "other")] += 1
        if refused:
            self.refused[refused] += 1

    def message(self, code: str) -> None:
        """Something was told on the page; what is no code of ours, or one too many, is counted as "other"."""
        known = code in self.told or (len(self.told) < MOST_CODES and _CODE.fullmatch(code))
        self.told[code if known else "other"] += 1


class Page:
    """One answer to a scrape."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._series = 0

    def add(self, name: str, kind: str, help_text: str, values: Iterable[tuple[Mapping[str, str], float]]) -> None:
        """One metric with its series; what is beyond the limit is left out and shows as posagent_series_left_out."""
        self._take(name, kind, help_text, [f"{name}{_labels(labels)} {_number(value)}" for labels, value in values])

    def histogram(self, name: str, help_text: str, counts: Mapping[float, int], total: float) -> None:
        """``counts``: how many fell into each of BUCKETS_S, and into none of them (infinity)."""
        running, rows = 0, []
        for bucket in (*BUCKETS_S, float("inf")):
            running += counts[bucket]
            rows.append(f'{name}_bucket{{le="{"+Inf" if bucket == float("inf") else f"{bucket:g}"}"}} {running}')
        self._take(name, "histogram", help_text, [*rows, f"{name}_sum {_number(total)}", f"{name}_count {running}"])

    def _take(self, name: str, kind: str, help_text: str, rows: list[str]) -> None:
        room = max(0, MOST_SERIES - 1 - self._series)
        self._series += len(rows)
        if rows[:room]:
            self._lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {kind}", *rows[:room]]

    def one(self, name: str, kind: str, help_text: str, value: float) -> None:
        """A metric of a single series."""
        self.add(name, kind, help_text, [({}, value)])

    def text(self) -> str:
        """The whole page."""
        left_out = max(0, self._series - (MOST_SERIES - 1))
        name = "posagent_series_left_out"
        return "\n".join([*self._lines, f"# HELP {name} Series beyond the limit.", f"# TYPE {name} gauge", f"{name} {left_out}"]) + "\n"


def metrics_page(agent: Agent, journal: Journal, reader: JournalReader, link: SyncState | None) -> str:
    """Everything, now. ``reader`` belongs to the caller's thread; ``link`` is None without a head office."""
    page = Page()
    page.add("posagent_build_info", "gauge", "The version that runs.", [({"version": str(agent.trace["agent"])}, 1)])
    _devices(page, agent)
    _counts(page, agent.counts)
    _journal(page, journal, reader)
    if link is not None:
        _cloud(page, link)
    page.one("posagent_stuck", "gauge", "1 while a lane does not move and the watchdog is not fed.", bool(agent.supervision.stuck()))
    _process(page)
    return page.text()


def _devices(page: Page, agent: Agent) -> None:
    now, devices = time.monotonic_ns(), agent.board.devices.values()
    shown = [({"device": device.name, "kind": device.kind}, device) for device in devices]
    up = ((labels, device.state in {"ready", "unknown"}) for labels, device in shown)
    page.add("posagent_device_up", "gauge", "1: it works, or does not say how it is.", up)
    silent = ((labels, device.is_stale(now)) for labels, device in shown)
    page.add("posagent_device_silent", "gauge", "1: the loop that owns it gives no sign of life.", silent)
    opened = ((labels, agent.counts.opened[device.name]) for labels, device in shown)
    page.add("posagent_device_opened_total", "counter", "How often it became ready.", opened)


def _counts(page: Page, counts: Counts) -> None:
    scans = [({"device": device, "result": result}, count) for (device, result), count in sorted(counts.scans.copy().items())]
    page.add("posagent_scans_total", "counter", "Scans by device and what they were.", scans)
    told = [({"code": code}, count) for code, count in sorted(counts.told.copy().items())]
    page.add("posagent_told_total", "counter", "Messages on the page, by code.", told)
    asked = [({"route": route, "code": code}, count) for (route, code), count in sorted(counts.requests.copy().items())]
    page.add("posagent_api_requests_total", "counter", "Requests to the page and to /v1, by route and status.", asked)
    refused = [({"reason": code}, count) for code, count in sorted(counts.refused.copy().items())]
    page.add("posagent_api_denied_total", "counter", "Requests that the policy refused, by its code (E700: foreign, E703: no token).", refused)
    help_text = "From the last byte of a scan to its answer, recorded."
    page.histogram("posagent_scan_handle_seconds", help_text, counts.handled.copy(), counts.handled_s)


def _journal(page: Page, journal: Journal, reader: JournalReader) -> None:
    health, waiting = journal.health(), reader.pending()
    last, _ = reader.head()
    since = datetime.fromisoformat(waiting.oldest_time) if waiting.oldest_time else None
    page.one("posagent_journal_seq", "gauge", "Number of the newest event.", last)
    page.one("posagent_journal_failed", "gauge", "1: nothing is recorded until a restart.", health.state == "failed")
    page.one("posagent_db_commit_p99_seconds", "gauge", "Of the last 512 commits.", health.fsync_p99_us / 1e6)
    page.one("posagent_db_io_errors_total", "counter", "Errors that the disk reported.", health.io_errors)
    page.one("posagent_disk_free_bytes", "gauge", "On the journal's disk.", health.disk_free_mb << 20)
    page.one("posagent_journal_reserve_percent", "gauge", "Of the room that is kept for a full disk.", health.reserve_percent)
    page.one("posagent_queue_depth", "gauge", "Events that wait for head office.", waiting.count)
    age = (datetime.now().astimezone() - since).total_seconds() if since else 0
    page.one("posagent_queue_oldest_seconds", "gauge", "Age of the oldest of them.", max(0, age))
    jobs: list[dict[str, Any]] = reader.rows(_JOBS, ())
    page.add("posagent_print_jobs", "gauge", "Slips in the journal by printer and state.", [
        ({"printer": str(row["printer"]), "state": str(row["state"]).lower()}, row["n"]) for row in jobs])  # fmt: skip


def _cloud(page: Page, link: SyncState) -> None:
    page.one("posagent_cloud_up", "gauge", "1: the last exchange with head office worked.", link.link == "online")
    if link.last_success_ns:
        silent_s = (time.monotonic_ns() - link.last_success_ns) / 1e9
        page.one("posagent_cloud_silent_seconds", "gauge", "Since the last exchange that worked.", silent_s)
    if link.clock_offset_ms is not None:
        page.one("posagent_clock_skew_seconds", "gauge", "Head office's clock minus ours.", link.clock_offset_ms / 1000)


def _process(page: Page) -> None:
    """From /proc/self, which a hardened unit still shows (proc(5))."""
    try:
        after_name = Path("/proc/self/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        resident = int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
        descriptors = sum(1 for _ in Path("/proc/self/fd").iterdir())
    except (OSError, ValueError, IndexError):
        return
    page.one("process_cpu_seconds_total", "counter", "User and system time.", (int(after_name[11]) + int(after_name[12])) / _TICKS)
    page.one("process_resident_memory_bytes", "gauge", "Resident memory.", resident)
    page.one("process_threads", "gauge", "Threads.", int(after_name[17]))
    page.one("process_open_fds", "gauge", "Open descriptors.", descriptors)


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(int(value))
