"""The copy a day: made when nothing is sold, given up for a sale, kept three deep, never where it does harm."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from offline_queue import snapshots, writer
from offline_queue.events import NewEvent
from offline_queue.journal import Journal
from offline_queue.snapshots import GivenUp, snapshot

SOURCE = "/t/acme/s/0042/r/2"
Grant = Callable[..., NewEvent]


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes a minute or an hour takes a moment."""
    for name in ("FIRST_S", "BUSY_S", "FAILED_S"):
        monkeypatch.setattr(snapshots, name, 0.02)
    monkeypatch.setattr(writer, "QUIET_NS", 50_000_000)


def _until(holds: Callable[[], object]) -> None:
    waited = threading.Event()
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until
        waited.wait(0.02)


def _whole(path: Path) -> list[tuple[int, bytes]]:
    conn = sqlite3.connect(path)
    try:
        return conn.execute("SELECT seq, body FROM ev ORDER BY seq").fetchall()
    finally:
        conn.close()


def _copies(into: Path) -> list[str]:
    return sorted(path.name for path in into.iterdir())


@pytest.mark.usefixtures("soon")
def test_a_copy_is_made_when_nothing_is_sold_and_it_can_be_put_back(tmp_path: Path, grant: Grant) -> None:
    (tmp_path / "usb").mkdir()
    journal = Journal.open(tmp_path / "j", source=SOURCE, reserve_mb=0, snapshots=tmp_path / "usb")
    journal.put([grant(f"k{number}") for number in range(20)]).result(60)
    _until(lambda: list((tmp_path / "usb").glob("queue-*.db")))
    journal.close()
    (copy,) = (tmp_path / "usb").iterdir()
    (tmp_path / "restored").mkdir()
    copy.rename(tmp_path / "restored" / "queue.db")
    restored = Journal.open(tmp_path / "restored", source=SOURCE, reserve_mb=0)
    assert restored.findings == ()
    assert [event.idemkey for event in restored.reader().events(0, 100)] == [f"k{number}" for number in range(20)]
    restored.close()


@pytest.mark.usefixtures("soon")
def test_the_last_three_stay_and_what_a_power_cut_left_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("queue-20260101T000000.db", "queue-20260102T000000.db", "queue-20260103T000000.db", "other.db", ".queue-20260103T000000.db.1"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (1, 1))
    journal = Journal.open(tmp_path / "j", source=SOURCE, reserve_mb=0, snapshots=tmp_path)
    _until(lambda: not (tmp_path / "queue-20260101T000000.db").exists())
    journal.close()
    left = [name for name in _copies(tmp_path) if name != "j"]
    assert left[:3] == ["other.db", "queue-20260102T000000.db", "queue-20260103T000000.db"]
    assert len(left) == 4


def test_the_next_copy_is_due_a_day_after_the_newest_and_a_wrong_clock_does_not_put_it_off(tmp_path: Path) -> None:
    assert snapshots._due_in_s(tmp_path) == 0
    copy = tmp_path / "queue-20260101T000000.db"
    copy.touch()
    now = time.time()
    for age_s, due_s in ((0, 86_400), (80_000, 6_400), (100_000, 0)):
        os.utime(copy, (now - age_s, now - age_s))
        assert abs(snapshots._due_in_s(tmp_path) - due_s) < 60
    os.utime(copy, (now + 400 * 86_400, now + 400 * 86_400))
    assert snapshots._due_in_s(tmp_path) == 0


def test_a_copy_is_given_up_as_soon_as_a_write_waits_and_leaves_nothing(journal: Journal, grant: Grant, tmp_path: Path) -> None:
    for start in range(0, 4000, 500):
        journal.put([grant(f"k{start + number}") for number in range(500)]).result(60)
    asked = 0

    def go_on() -> bool:
        nonlocal asked
        asked += 1
        return asked < 5

    (tmp_path / "usb").mkdir()
    with pytest.raises(GivenUp):
        snapshot(journal.path.parent, tmp_path / "usb" / "copy.db", go_on)
    assert (asked, _copies(tmp_path / "usb")) == (5, [])
    snapshot(journal.path.parent, tmp_path / "usb" / "copy.db")
    assert len(_whole(tmp_path / "usb" / "copy.db")) == 4000


@pytest.mark.usefixtures("soon")
def test_no_copy_while_sales_go_on(tmp_path: Path, grant: Grant) -> None:
    (tmp_path / "usb").mkdir()
    journal = Journal.open(tmp_path / "j", source=SOURCE, reserve_mb=0, snapshots=tmp_path / "usb")
    stop = threading.Event()
    journal.transact(lambda _conn: stop.wait(1.0))  # a write that takes long: the journal is anything but quiet
    for number in range(20):
        journal.put([grant(f"k{number}")])
    assert _copies(tmp_path / "usb") == []
    journal.put([grant("last")]).result(60)
    assert _copies(tmp_path / "usb") == []
    _until(lambda: list((tmp_path / "usb").glob("queue-*.db")))
    journal.close()


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("trouble", ["not mounted", "no room"])
def test_what_keeps_a_copy_from_being_made_is_said_and_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str) -> None:
    usb = tmp_path / "usb"
    if trouble == "no room":
        usb.mkdir()
        monkeypatch.setattr(snapshots, "ROOM", 1 << 60)
    journal = Journal.open(tmp_path / "j", source=SOURCE, reserve_mb=0, snapshots=usb)
    _until(lambda: journal.health().notes)
    assert str(usb) in journal.health().notes[0]
    assert not list(tmp_path.glob("usb/*"))
    usb.mkdir(exist_ok=True)
    monkeypatch.setattr(snapshots, "ROOM", 0)
    _until(lambda: not journal.health().notes)
    assert len(_copies(usb)) == 1
    journal.close()


def test_closing_ends_a_copy_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "FIRST_S", 0.0)
    monkeypatch.setattr(writer, "QUIET_NS", 0)
    under_way, entered = threading.Event(), []

    def endless(_directory: Path, target: Path, go_on: Callable[[], bool]) -> int:
        under_way.set()
        while go_on():
            entered.append(target)
        raise GivenUp("ended")

    monkeypatch.setattr(snapshots, "snapshot", endless)
    journal = Journal.open(tmp_path / "j", source=SOURCE, reserve_mb=0, snapshots=tmp_path)
    assert under_way.wait(20)
    started = time.monotonic()
    journal.close()
    assert time.monotonic() - started < 2
    assert not [thread for thread in threading.enumerate() if thread.name == "journal-snapshots"]
