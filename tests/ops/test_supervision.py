"""What systemd is told: the watchdog's food and one line of words."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path

import pytest

from posagent import service, supervision
from posagent.board import Board, DeviceState
from posagent.supervision import Facts, Supervision, cloud_check, journal_check, printers_check, status_line


def device(name: str, state: str = "ready", code: str = "", kind: str = "scanner", beat_ns: int = 0) -> DeviceState:
    return DeviceState(name, kind, "x", state, code, beat_ns=beat_ns)  # type: ignore[arg-type]


GOOD = (device("front"), device("printer-1", kind="printer"))
EMPTY = device("printer-1", "held", "E210", "printer")


@pytest.mark.parametrize(
    "facts, line",
    [
        (Facts(GOOD, None, 0, None, "online"), "ok 2/2 devices, queue 0, cloud ok"),
        (Facts((GOOD[0], EMPTY), EMPTY, 14, 365, "offline"), "DEGRADED printer-1 paper out, queue 14 (oldest 6m), cloud offline"),
        (Facts(GOOD, None), "ok 2/2 devices"),
        (Facts((), None, 1, 172_800, "unknown"), "ok 0/0 devices, queue 1 (oldest 2d), cloud unknown"),
        (Facts(GOOD, None, journal="failed", rules=False), "DEGRADED journal failed, no rules in force"),
        (Facts((EMPTY, device("a", "gone", "E301")), EMPTY), "DEGRADED printer-1 paper out and 1 more"),
        (Facts((device("third-party", "gone", "E399"),), device("third-party", "gone", "E399")), "DEGRADED third-party E399"),
    ],
)
def test_the_status_is_one_line_of_words(facts: Facts, line: str) -> None:
    assert status_line(facts) == line


def test_the_status_never_gets_long() -> None:
    names = tuple(device("n" * 32, "gone", "E305") for _ in range(40))
    assert len(status_line(Facts(names, names[0], 10**9, 10**9, "unknown", "degraded", rules=False))) <= 120


class Systemd:
    """The other end of $NOTIFY_SOCKET."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(path))
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))

    def heard(self) -> list[str]:
        found = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    made = Systemd(tmp_path / "notify", monkeypatch)
    yield made
    made.close()


@pytest.fixture
def clock(monkeypatch):
    """Seconds that the test moves on."""
    now = [1000.0]
    monkeypatch.setattr(supervision.time, "monotonic", lambda: now[0])
    return now


def test_the_watchdog_is_fed_a_third_of_its_time_while_every_lane_moves(systemd, clock, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    stuck = [""]
    told = Supervision(lambda: Facts((), None), [lambda: stuck[0]])
    told.turn()
    assert systemd.heard() == ["WATCHDOG=1", "STATUS=ok 0/0 devices"]
    clock[0] += 9.9
    told.turn()
    assert systemd.heard() == []
    clock[0] += 0.1
    told.turn()
    assert systemd.heard() == ["WATCHDOG=1"]
    stuck[0] = "the disk has not answered"
    clock[0] += 10
    told.turn()
    assert systemd.heard() == ["STATUS=STUCK the disk has not answered"]
    clock[0] += 1  # not a third of its time later: it is asked anew at every turn while it is hungry
    stuck[0] = ""
    told.turn()
    assert systemd.heard() == ["WATCHDOG=1", "STATUS=ok 0/0 devices"]
    assert told.wait_s == 10


def test_the_status_is_told_on_change_and_at_most_once_a_second(systemd, clock):
    devices = [device("front")]
    told = Supervision(lambda: Facts(devices, None), ())
    for _ in range(50):
        told.turn()
    assert systemd.heard() == ["STATUS=ok 1/1 devices"]
    devices.append(device("printer"))
    told.turn()
    assert systemd.heard() == []
    clock[0] += 1
    told.turn()
    told.turn()
    assert systemd.heard() == ["STATUS=ok 2/2 devices"]


def test_without_systemd_nothing_is_looked_at(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)

    def look() -> Facts:
        raise AssertionError("looked")

    Supervision(look, [look]).turn()  # type: ignore[list-item]


def test_a_printer_loop_that_hangs_and_a_writer_that_hangs_and_a_lane_that_hangs_starve_it():
    now = time.monotonic_ns()
    fresh, old = now - 10**9, now - 121 * 10**9
    boards = {
        "fresh": Board({"p": device("p", kind="printer", beat_ns=fresh)}),
        "old": Board({"p": device("p", kind="printer", beat_ns=old)}),
        "scanner": Board({"s": device("s", beat_ns=old)}),
        "starting": Board({"p": device("p", "opening", kind="printer")}),
    }
    assert {name: bool(printers_check(lambda board=board: board)()) for name, board in boards.items()} == {
        "fresh": False, "old": True, "scanner": False, "starting": False,
    }  # fmt: skip
    assert journal_check(lambda: "ok", lambda: 9.0)() == ""
    assert "has not answered" in journal_check(lambda: "ok", lambda: 11.0)()
    assert journal_check(lambda: "failed", lambda: 0.0)()
    assert cloud_check(lambda: None)() == ""
    assert cloud_check(lambda: now)() == ""
    assert "20 minutes" in cloud_check(lambda: now - 1300 * 10**9)()


def test_the_journal_says_how_long_its_disk_takes(tmp_path):
    import threading

    from offline_queue.journal import Journal

    journal = Journal.open(tmp_path, source="/t/a/s/b/r/c", reserve_mb=0)
    inside, go_on = threading.Event(), threading.Event()

    def slow(_conn: object) -> None:
        inside.set()
        assert go_on.wait(10)

    done = journal.transact(slow)
    assert inside.wait(10)
    first = journal.busy_s()
    assert first > 0
    assert journal.busy_s() > first
    go_on.set()
    done.result(10)
    deadline = time.monotonic() + 10
    while journal.busy_s():  # it goes back to waiting after the answer
        assert time.monotonic() < deadline
    journal.close()


def test_a_supervisor_that_reads_no_more_does_not_hold_up_the_till(tmp_path, monkeypatch):
    frozen = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    frozen.bind(str(tmp_path / "frozen"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as filling:
        filling.connect(str(tmp_path / "frozen"))
        with contextlib.suppress(BlockingIOError):
            while True:
                filling.send(b"STATUS=more")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "frozen"))
    monkeypatch.setattr(service, "NOTIFY_S", 0.01)
    service.notify(WATCHDOG="1")  # comes back
    frozen.close()


def test_a_long_start_asks_for_more_time(systemd, monkeypatch):
    monkeypatch.setattr(service, "EXTEND_EVERY_S", 0.001)
    with service.starting():
        deadline = time.monotonic() + 10
        while not (heard := systemd.heard()):
            assert time.monotonic() < deadline
    assert heard[0] == "EXTEND_TIMEOUT_USEC=40000000\nSTATUS=starting: the journal is being checked"
