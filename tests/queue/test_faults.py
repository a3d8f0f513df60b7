"""Kills, disks that report errors, disks that are full, clocks that jump: nothing that was told is lost, nothing doubles."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offline_queue.chain import digest, next_link
from offline_queue.errors import JournalFailed, QueueFull
from offline_queue.events import NewEvent
from offline_queue.journal import Journal
from offline_queue.print_lane import PrintLane

SCENARIO = Path(__file__).with_name("fault_scenario.py")
SOURCE = "/t/a/s/1/r/1"
Grant = Callable[..., NewEvent]


def _examine(directory: Path, told: set[str]) -> set[str]:
    """Opens, checks the chain, the jobs and that every told key is there once; all keys."""
    journal = Journal.open(directory, source=SOURCE, reserve_mb=0)
    try:
        assert journal.findings == ()
        reader = journal.reader()
        seq, link = 0, reader.meta()["floor_chain"]
        keys = []
        for number, body, stored in reader.lines(0, 1_000_000):
            seq += 1
            link = next_link(link, digest(body))  # type: ignore[arg-type]
            assert (number, stored) == (seq, link)
        for event in reader.events(0, 1_000_000):
            keys.append(event.idemkey)
        assert len(keys) == len(set(keys))
        assert told <= set(keys)
        assert {job.serial for job in PrintLane(journal).jobs(limit=1_000_000)} == set(keys)
        assert int(reader.meta()["acked_seq"]) <= seq
        return set(keys)
    finally:
        journal.close()


def _kill_loop(directory: Path, kills: int) -> int:
    told: set[str] = set()
    draw = random.Random(kills)
    for run in range(kills):
        child = subprocess.Popen([sys.executable, str(SCENARIO), str(directory), f"run{run}"], stdout=subprocess.PIPE)
        assert child.stdout is not None
        until = draw.randrange(1, 120)
        for _, line in zip(range(until), child.stdout, strict=False):
            if line.startswith(b"put") and line.endswith(b"\n"):
                told.add(line.split()[1].decode())
        child.send_signal(signal.SIGKILL)
        rest, _ = child.communicate()
        told |= {line.split()[1].decode() for line in rest.splitlines(keepends=True) if line.startswith(b"put") and line.endswith(b"\n")}
        _examine(directory, told)
    return len(told)


def test_kills_at_any_moment_lose_nothing(tmp_path: Path) -> None:
    assert _kill_loop(tmp_path / "till", 6) > 50


@pytest.mark.slow
def test_three_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    assert _kill_loop(tmp_path / "till", 300) > 5000


# ---------------------------------------------------------------- a disk that reports errors


def _with_failing_syncs(directory: Path, when: str, count: int, error: str = "EIO") -> tuple[set[str], list[str]]:
    """(told keys, complaints) of a till whose fdatasync fails as strace's ``when`` says; per thread."""
    done = subprocess.run(
        [
            "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", f"inject=fdatasync:error={error}:when={when}",
            sys.executable, str(SCENARIO), str(directory), "r", str(count),
        ],
        capture_output=True, timeout=120, text=True, check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert done.returncode == 0 or "open" not in lines, done.stderr  # an error at the very start may refuse to start
    return {line.split()[1] for line in lines if line.startswith("put")}, [line for line in lines if line.startswith("failed")]


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing: tools/debian-packages names it")


@needs_strace
@pytest.mark.parametrize("when", ["1", "4", "9", "17", "16..18", "3+7"])
def test_syncs_that_fail_lose_nothing_that_was_told_and_the_next_sale_goes_through(tmp_path: Path, when: str) -> None:
    told, complaints = _with_failing_syncs(tmp_path / "till", when, 30)
    if told:
        keys = _examine(tmp_path / "till", told)
        assert len(told) + len(complaints) >= 28
        assert len(keys) >= len(told)
    if when == "17":  # past the start: on the writer's thread, in a put
        assert "r-29" in told
        assert not complaints, "one failed sync is repaired within the put"


@needs_strace
@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 90, 10))
def test_an_error_at_every_single_sync_loses_nothing(tmp_path: Path, first: int) -> None:
    for k in range(first + 1, first + 11):
        directory = tmp_path / f"till{k}"
        told, _ = _with_failing_syncs(directory, str(k), 60)
        if told:
            _examine(directory, told)


# ---------------------------------------------------------------- a disk that is full


@pytest.fixture
def file_size_limit() -> Iterator[Callable[[int], None]]:
    """Sets how large a file of this process may become (the kernel then refuses to write, as a quota does)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (soft if size < 0 else size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _refused_at_every_byte(directory: Path, grant: Grant, limit: Callable[[int], None], step: int) -> tuple[int, int]:
    journal = Journal.open(directory, source=SOURCE, reserve_mb=0)
    wal = directory / "queue.db-wal"
    told, refused = set(), 0
    for offset in range(0, 4300, step):
        key = f"k{offset}"
        limit(wal.stat().st_size + offset)
        try:
            journal.put([grant(key)]).result(60)
            told.add(key)
        except (QueueFull, JournalFailed):
            refused += 1
        finally:
            limit(-1)
        journal.put([grant(f"after{offset}")]).result(60)  # room again, no restart
        told.add(f"after{offset}")
    assert journal.health().state != "failed"
    keys = {event.idemkey for event in journal.reader().events(0, 100_000)}
    journal.close()
    assert keys == told
    again = Journal.open(directory, source=SOURCE, reserve_mb=0)
    assert {event.idemkey for event in again.reader().events(0, 100_000)} == told
    assert again.findings == ()
    again.close()
    return len(told), refused


def test_a_write_refused_at_any_byte_of_a_put_leaves_no_trace(
    tmp_path: Path, grant: Grant, file_size_limit: Callable[[int], None]
) -> None:
    told, refused = _refused_at_every_byte(tmp_path / "j", grant, file_size_limit, 61)
    assert refused > 20
    assert told > 70


@pytest.mark.slow
def test_a_write_refused_at_every_single_byte_of_a_put_leaves_no_trace(
    tmp_path: Path, grant: Grant, file_size_limit: Callable[[int], None]
) -> None:
    _refused_at_every_byte(tmp_path / "j", grant, file_size_limit, 1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB."""
    where = tmp_path / "disk"
    where.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(where)], check=False).returncode:
        pytest.skip("needs root to mount a small disk")
    yield where
    subprocess.run(["umount", str(where)], check=True)


def _fill(disk: Path) -> None:
    fd = os.open(disk / "ballast", os.O_WRONLY | os.O_CREAT)
    try:
        while os.write(fd, bytes(4096)) > 0:
            pass
    except OSError:
        pass
    finally:
        os.close(fd)


def test_a_full_disk_takes_thousands_of_grants_from_the_reserve_then_refuses_and_recovers_by_itself(small_disk: Path, grant: Grant) -> None:
    journal = Journal.open(small_disk / "j", source=SOURCE, reserve_mb=2)
    _fill(small_disk)
    accepted, refusal = 0, ""
    while not refusal:
        for future in [journal.put([grant(f"k{accepted + step}")]) for step in range(100)]:
            try:
                future.result(60)
                accepted += 1
            except QueueFull as full:
                refusal = str(full)
    assert "receipt number" in refusal
    assert accepted > 2 * 20_000 // 8 * 300 // 430  # these bodies have 430 bytes, the goal's have 300
    head, link = journal.reader().head()
    assert head >= accepted
    # the lanes can still record what they learn: acknowledgements make room for nothing yet, but may not be lost
    journal.transact(
        lambda conn: conn.executemany("UPDATE meta SET v = ? WHERE k = ?", [(head, "acked_seq"), (link, "acked_chain")])
    ).result(60)
    (small_disk / "ballast").unlink()
    assert not journal.put([grant("after")]).result(60).duplicate
    assert journal.health().state in ("ok", "degraded")
    journal.close()
    again = Journal.open(small_disk / "j", source=SOURCE, reserve_mb=2)
    assert again.reader().head()[0] == head + 1
    assert again.findings == ()
    again.close()


def test_a_restart_on_a_full_disk_still_accepts(small_disk: Path, grant: Grant) -> None:
    journal = Journal.open(small_disk / "j", source=SOURCE, reserve_mb=2)
    journal.put([grant("a")]).result(60)
    _fill(small_disk)
    journal.close()
    again = Journal.open(small_disk / "j", source=SOURCE, reserve_mb=2)
    again.put([grant("b")]).result(60)
    again.close()


def test_a_power_cut_and_then_a_start_on_a_full_disk_still_accept(small_disk: Path, tmp_path: Path, grant: Grant) -> None:
    running = Journal.open(tmp_path / "running", source=SOURCE, reserve_mb=2)
    running.put([grant("a")]).result(60)
    (small_disk / "j").mkdir()
    for left in ("queue.db", "queue.db-wal", "queue.spare"):  # nothing of the -shm file had reached the disk
        shutil.copy(tmp_path / "running" / left, small_disk / "j")
    running.close()
    _fill(small_disk)
    again = Journal.open(small_disk / "j", source=SOURCE, reserve_mb=2)
    assert again.put([grant("a")]).result(60).duplicate
    again.put([grant("b")]).result(60)
    again.close()


# ---------------------------------------------------------------- clocks and idleness


def test_no_clock_changes_order_or_duplicates(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    years = [0, 10, -10, 0.5, -0.0001, 3, -30]
    real = time.time_ns
    for number, jump in enumerate(years):
        monkeypatch.setattr(time, "time_ns", lambda jump=jump: real() + int(jump * 365.25 * 86_400 * 1e9))
        event = NewEvent("posagent.sale.granted.v1", "m:1", f"k{number}", f"{2026 + int(jump)}-03-29T02:30:00+09:00", {"points": 1})
        assert journal.put([event]).result(60).seq == number + 1
    monkeypatch.setattr(time, "time_ns", real)
    assert [event.idemkey for event in journal.reader().events(0, 100)] == [f"k{number}" for number in range(len(years))]
    again = NewEvent("posagent.sale.granted.v1", "m:1", "k3", "1999-01-01T00:00:00Z", {"points": 1})
    assert journal.put([again]).result(60).duplicate


@needs_strace
def test_an_idle_journal_neither_wakes_nor_syncs(tmp_path: Path) -> None:
    script = tmp_path / "idle.py"
    root = Path(__file__).parents[2]
    script.write_text(
        f"import sys, time; sys.path.insert(0, {str(root)!r})\n"
        "from pathlib import Path\nfrom offline_queue.journal import Journal\n"
        "import os, offline_queue.upkeep\noffline_queue.upkeep.IDLE_S = 0.2\n"
        "j = Journal.open(Path(sys.argv[1]), source='/x', reserve_mb=0)\n"
        "time.sleep(1.5)\nos.write(1, b'tidy')\ntime.sleep(2)\nos.write(1, b'end')\nj.close()\n"
    )
    log = tmp_path / "log"
    subprocess.run(
        ["strace", "-f", "-o", str(log), "-e", "trace=write,fdatasync,fsync,futex,pwrite64", sys.executable, str(script), str(tmp_path / "j")],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    text = log.read_text("ascii", "replace")
    quiet = text[text.index('"tidy') : text.index('"end')].splitlines()[1:-1]
    assert [line for line in quiet if "futex" not in line] == []
    assert len(quiet) <= 3
