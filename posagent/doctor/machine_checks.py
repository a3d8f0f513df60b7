"""Owns the checks of the machine itself: clock, disk and its flush, journal file, kernel messages."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile

from posagent.doctor.case import Case
from posagent.doctor.finding import Finding, problem, unknown, warning

SKEW_S = 60
FREE_MB = 500
WHOLE_BYTES, NEWEST = 64 << 20, 50_000
"""A journal beyond so many bytes is followed from so many events before its end: the agent itself follows the whole of it at every start."""
STOP_MB = 50
SLOW_MS = 100
FLUSHES = 7
KERNEL: tuple[tuple[str, str], ...] = (
    ("claimed by ch341 while 'brltty'", "kernel_brltty"),
    ("over-current", "kernel_over_current"),
    ("Under-voltage", "kernel_voltage"),
    ("I/O error, dev", "kernel_disk"),
    ("EXT4-fs error", "kernel_disk"),
    ("Out of memory: Killed process", "kernel_memory"),
    ("device descriptor read/64, error", "kernel_usb"),
)
DISCONNECTS = 5


def the_clock_is_right(case: Case) -> Iterator[Finding]:
    """D-103: business dates, expiring codes and coupons hang on it."""
    clock = case.host.run(["timedatectl", "show", "--property=NTPSynchronized", "--property=Timezone"])
    said = dict(line.split("=", 1) for line in clock.out.splitlines() if "=" in line)
    if clock.code != 0 or "NTPSynchronized" not in said:
        yield unknown("clock_unasked")
    elif said["NTPSynchronized"] != "yes":
        yield warning("clock_unset")
    zone = said.get("Timezone", "")
    if case.settings is not None and case.settings.register.language == "ja" and zone and zone not in ("Asia/Tokyo", "Japan"):
        yield warning("clock_zone", zone=zone)
    offset_ms = (case.room or {}).get("cloud", {}).get("clock_offset_ms")
    if isinstance(offset_ms, int) and abs(offset_ms) > SKEW_S * 1000:
        yield problem("clock_skew", seconds=abs(offset_ms) // 1000)
    if case.host.now().year < 2026:
        yield problem("clock_dead", now=case.host.now().date())


def the_disk_has_room(case: Case) -> Iterator[Finding]:
    """D-104."""
    if case.settings is None:
        return
    directory = case.host.path(case.settings.journal)
    try:
        found = os.statvfs(directory)
    except FileNotFoundError:
        yield problem("no_journal_directory", file=case.settings.journal)
        return
    except OSError as trouble:
        yield unknown("disk_unasked", str(trouble), file=case.settings.journal)
        return
    free_mb = found.f_bavail * found.f_frsize >> 20
    if found.f_flag & os.ST_RDONLY:
        yield problem("disk_read_only", file=case.settings.journal)
    elif free_mb < STOP_MB:
        yield problem("disk_full", free_mb=free_mb, file=case.settings.journal)
    elif free_mb < FREE_MB:
        yield warning("disk_short", free_mb=free_mb, file=case.settings.journal)
    if found.f_files and found.f_favail < 1000:
        yield problem("disk_inodes", file=case.settings.journal)


def the_disk_keeps_what_it_is_given(case: Case) -> Iterator[Finding]:
    """D-107: the time of a flush, beside the journal: what a grant waits for. An answer without a flush would lose grants."""
    for name in ("LD_PRELOAD", "LD_LIBRARY_PATH"):
        if "eatmydata" in os.environ.get(name, ""):
            yield problem("disk_eatmydata")
    if case.settings is None:
        return
    directory = case.host.path(case.settings.journal)
    try:
        with NamedTemporaryFile(dir=directory, prefix="doctor-") as scratch:
            times = []
            for _ in range(FLUSHES):
                started = time.perf_counter_ns()
                os.pwrite(scratch.fileno(), bytes(4096), 0)
                os.fdatasync(scratch.fileno())
                times.append(time.perf_counter_ns() - started)
    except FileNotFoundError:
        return  # D-104 speaks of it
    except PermissionError:
        yield unknown("may_not_look", file=case.settings.journal)
        return
    except OSError as trouble:
        yield problem("disk_refuses", str(trouble), file=case.settings.journal)
        return
    took_ms = sorted(times)[FLUSHES // 2] // 1_000_000
    if took_ms > SLOW_MS:
        yield warning("disk_slow", ms=took_ms)


def the_journal_can_be_read(case: Case) -> Iterator[Finding]:
    """D-105, and D-402: what waits for head office."""
    if case.settings is None or not case.host.path(case.settings.journal / "queue.db").exists():
        return
    from offline_queue.errors import QueueError
    from offline_queue.report import Report

    directory = case.host.path(case.settings.journal)
    try:
        report = Report(directory)
    except PermissionError:
        yield unknown("may_not_look", file=directory)
        return
    except QueueError as trouble:
        yield problem("journal_unreadable", str(trouble), file=directory)
        return
    try:
        state = report.status()
    finally:
        report.close()
    if state["parked"] or state["refused"]:
        yield warning("queue_undecided", count=state["parked"] + state["refused"])
    if state["unresolved_slips"]:
        yield warning("slips_in_doubt", count=state["unresolved_slips"])
    if (oldest := state["oldest_pending"]) and case.settings.cloud is not None:
        from datetime import datetime

        age = case.host.now() - datetime.fromisoformat(oldest)
        if age > timedelta(days=1):
            yield warning("queue_old", count=state["pending"], days=age.days)
    if case.settings.snapshots is not None:
        yield from _snapshot(case, case.host.path(case.settings.snapshots))


def the_journal_is_whole(case: Case) -> Iterator[Finding]:
    """D-108: what stands in it is what was written."""
    if case.settings is None or not case.host.path(case.settings.journal / "queue.db").exists():
        return
    from offline_queue.errors import QueueError
    from offline_queue.report import Report

    directory = case.host.path(case.settings.journal)
    try:
        report = Report(directory)
    except (PermissionError, QueueError):
        return  # D-105 speaks of it
    try:
        wrong = report.verify(None if (directory / "queue.db").stat().st_size < WHOLE_BYTES else NEWEST)
    finally:
        report.close()
    if wrong:
        yield problem("journal_damaged", wrong[0], file=directory)


def _snapshot(case: Case, directory: Path) -> Iterator[Finding]:
    copies = list(directory.glob("*.db")) if directory.is_dir() else None
    if copies is None:
        yield warning("snapshot_medium", file=directory)
    elif not copies or case.host.now().timestamp() - max(copy.stat().st_mtime for copy in copies) > 3 * 86_400:
        yield warning("snapshot_old", file=directory)


def the_kernel_has_not_complained(case: Case) -> Iterator[Finding]:
    """D-206: what the last day's kernel messages say of cables, power and disks."""
    ran = case.host.run(["journalctl", "--dmesg", "--since=-24h", "--output=cat", "--no-pager", "--lines=20000"])
    if ran.code != 0:
        ran = case.host.run(["dmesg"])
    if ran.code != 0:
        yield unknown("kernel_unasked")
        return
    said: set[str] = set()
    for line in ran.out.splitlines():
        for sign, words in KERNEL:
            if sign in line and words not in said:
                said.add(words)
                yield (warning if words == "kernel_usb" else problem)(words, line.strip()[:200])
    gone: dict[str, int] = {}
    for port in re.findall(r"usb ([0-9.-]+): USB disconnect", ran.out):
        gone[port] = gone.get(port, 0) + 1
    for port, count in gone.items():
        if count >= DISCONNECTS:
            yield warning("cable_loose", port=port, count=count)
