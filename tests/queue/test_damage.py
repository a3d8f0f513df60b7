"""Damaged files: detected at the start, repaired as far as anything can be proven, and what is missing is named."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from offline_queue.chain import digest, first_link, next_link
from offline_queue.events import NewEvent, NewJob
from offline_queue.journal import Journal
from offline_queue.ledger import Head
from offline_queue.pages import scan
from offline_queue.print_lane import PrintLane
from offline_queue.startup import Started, verify_rest

SOURCE = "/t/acme/s/0042/r/2"
Grant = Callable[..., NewEvent]
COUNT = 200


@pytest.fixture
def sound(memory_path: Path, grant: Grant) -> Path:
    """A directory with COUNT events and one open job, left without a clean end, everything in the file and nothing in the WAL."""
    directory = memory_path / "sound"
    journal = Journal.open(directory, source=SOURCE, reserve_mb=0)
    for number in range(COUNT):
        journal.put([grant(f"20261122/R2/{number:06d}/point", points=number)], [NewJob("front", "S1", b"slip")] if number == 7 else ())
    journal.transact(lambda conn: conn.execute("UPDATE meta SET v = 0 WHERE k = 'clean'")).result(60)
    journal.close()
    conn = sqlite3.connect(directory / "queue.db")
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    conn.execute("UPDATE meta SET v = 0 WHERE k = 'clean'")
    conn.commit()
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    conn.close()
    (directory / "queue.db-wal").touch()
    return directory


def _copy(sound: Path, to: Path) -> Path:
    shutil.copytree(sound, to)
    return to


def _keys(journal: Journal) -> list[str]:
    return [event.idemkey for event in journal.reader().events(0, 1000)]


def _check_chain(journal: Journal) -> None:
    reader = journal.reader()
    link = first_link(str(reader.meta()["stream_id"]))
    for number, (seq, body, stored) in enumerate(reader.lines(0, 10_000), 1):
        link = next_link(link, digest(body))
        assert (seq, stored) == (number, link)


def test_the_pages_alone_hold_every_row(sound: Path) -> None:
    rows = sorted(scan(sound / "queue.db", sound / "queue.db-wal", 1024), key=lambda row: row.seq)
    assert [row.seq for row in rows] == list(range(1, COUNT + 1))


def test_long_bodies_are_read_back_across_overflow_pages(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, source=SOURCE, reserve_mb=0)
    sizes = [500, 900, 990, 1010, 1500, 5000, 60_000]
    for size in sizes:
        journal.put([NewEvent("posagent.day.closed.v1", "r:2", f"k{size}", "2026-11-22T22:00:00+09:00", {"x": "あ" * (size // 3)})]).result(60)
    bodies = {body for _, body, _ in journal.reader().lines(0, 100)}
    journal.close()
    assert {row.body for row in scan(tmp_path / "queue.db", tmp_path / "queue.db-wal", 1024)} == bodies


def test_a_row_whose_body_changed_is_left_out_and_named_and_all_others_are_kept(sound: Path, tmp_path: Path) -> None:
    directory = _copy(sound, tmp_path / "x")
    content = bytearray((directory / "queue.db").read_bytes())
    at = content.index(b'"points":117')
    content[at + 9 : at + 12] = b"917"  # still valid JSON: only the chain can tell
    (directory / "queue.db").write_bytes(content)
    journal = Journal.open(directory, source=SOURCE, reserve_mb=0)
    keys = _keys(journal)
    assert len(keys) == COUNT - 1
    assert "20261122/R2/000117/point" not in keys
    assert "20261122/R2/000117/point" in journal.findings[0]
    assert "118" in journal.findings[0]
    _check_chain(journal)
    assert [job.serial for job in PrintLane(journal).jobs()] == ["S1"]
    assert journal.reader().acked() == 0
    assert journal.health().state == "degraded"
    journal.close()
    again = Journal.open(directory, source=SOURCE, reserve_mb=0)
    assert again.findings == ()
    assert len(_keys(again)) == COUNT - 1
    again.close()


def test_a_destroyed_header_costs_no_event(sound: Path, tmp_path: Path) -> None:
    directory = _copy(sound, tmp_path / "x")
    content = bytearray((directory / "queue.db").read_bytes())
    content[:1024] = bytes(1024)
    (directory / "queue.db").write_bytes(content)
    journal = Journal.open(directory, source=SOURCE, reserve_mb=0)
    assert len(_keys(journal)) == COUNT
    _check_chain(journal)
    journal.close()


@pytest.mark.parametrize("fault", ["bit", "sector", "page", "stale page"])
def test_whatever_is_damaged_no_wrong_event_survives_and_the_loss_is_bounded_and_named(
    sound: Path, tmp_path: Path, fault: str
) -> None:
    pristine = (sound / "queue.db").read_bytes()
    bodies = {row.seq: row.body for row in scan(sound / "queue.db", sound / "queue.db-wal", 1024)}
    draw = random.Random(fault)
    lost_most = 0
    for trial in range(16):
        content = bytearray(pristine)
        at = draw.randrange(len(content))
        match fault:
            case "bit":
                content[at] ^= 1 << draw.randrange(8)
            case "sector":
                at -= at % 512
                content[at : at + 512] = bytes(512)
            case "page":
                at -= at % 1024
                content[at : at + 1024] = bytes(1024)
            case _:
                at, other = (draw.randrange(len(content) // 1024) * 1024 for _ in range(2))
                content[at : at + 1024] = content[other : other + 1024]
        directory = _copy(sound, tmp_path / f"{fault}{trial}")
        (directory / "queue.db").write_bytes(content)
        journal = Journal.open(directory, source=SOURCE, reserve_mb=0)
        survived = [body for _, body, _ in journal.reader().lines(0, 10_000)]
        assert set(survived) <= set(bodies.values())
        assert len(survived) == len(set(survived))
        lost = COUNT - len(survived)
        if lost:
            assert "missing" in journal.findings[0] or "damaged" in journal.findings[0]
        lost_most = max(lost_most, lost)
        _check_chain(journal)
        journal.close()
        shutil.rmtree(directory)
    assert lost_most <= (1 if fault == "bit" else 5), "a fault of a page costs at most what stood on it"


def test_a_repair_that_is_interrupted_anywhere_is_finished_by_the_next_start(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCut(BaseException):
        pass

    real = Path.replace
    for cut in range(1, 5):
        directory = _copy(sound, tmp_path / f"cut{cut}")
        content = bytearray((directory / "queue.db").read_bytes())
        content[:100] = bytes(100)
        (directory / "queue.db").write_bytes(content)
        steps = 0

        def replace(self: Path, target: Path, stop_at: int = cut) -> Path:
            nonlocal steps
            steps += 1
            if steps == stop_at:
                raise PowerCut
            return real(self, target)

        monkeypatch.setattr(Path, "replace", replace)
        with contextlib.suppress(PowerCut):
            Journal.open(directory, source=SOURCE, reserve_mb=0).close()
        monkeypatch.setattr(Path, "replace", real)
        journal = Journal.open(directory, source=SOURCE, reserve_mb=0)
        assert len(_keys(journal)) == COUNT
        journal.close()


def test_a_vanished_wal_is_noticed_and_everything_is_sent_again(tmp_path: Path, grant: Grant) -> None:
    journal = Journal.open(tmp_path / "a", source=SOURCE, reserve_mb=0)
    journal.put([grant("a")]).result(60)
    journal.transact(lambda conn: conn.execute("UPDATE meta SET v = 0 WHERE k = 'clean'")).result(60)
    stream = journal.reader().meta()["stream_id"]
    shutil.copytree(tmp_path / "a", tmp_path / "b")  # as a kill would leave it
    journal.close()
    (tmp_path / "b" / "queue.db-wal").unlink()
    survivor = Journal.open(tmp_path / "b", source=SOURCE, reserve_mb=0)
    assert any("-wal" in finding for finding in survivor.findings)
    assert survivor.reader().meta()["stream_id"] != stream, "the receiver must not take new events for the ones that are gone"
    assert [row["stream_id"] for row in survivor.reader().rows("SELECT stream_id FROM stream_history")] == [stream]
    survivor.close()


def test_damage_in_rows_that_were_sent_long_ago_is_found_beside_the_running_journal(sound: Path, tmp_path: Path) -> None:
    directory = _copy(sound, tmp_path / "x")
    journal = Journal.open(directory, source=SOURCE, reserve_mb=0)
    journal._check.join(60)  # it must not find what is done next
    head, link = journal.reader().head()
    journal.transact(
        lambda conn: conn.executemany("UPDATE meta SET v = ? WHERE k = ?", [(head, "acked_seq"), (link, "acked_chain"), (1, "clean")])
    ).result(60)
    change = "UPDATE ev SET body = CAST(replace(CAST(body AS TEXT), 'points\":3,', 'points\":4,') AS BLOB) WHERE seq = 4"
    journal.transact(lambda conn: conn.execute(change)).result(60)
    journal.close()
    second = Journal.open(directory, source=SOURCE, reserve_mb=0)
    second._check.join(60)
    assert any("event 4" in note for note in second.health().notes)
    second.close()
    third = Journal.open(directory, source=SOURCE, reserve_mb=0)
    assert "damaged" in third.findings[0]
    assert len(_keys(third)) == COUNT - 1
    third.close()


@pytest.mark.parametrize("gone", ["k = 'source'", "1"])
def test_a_file_that_has_lost_its_name_is_checked_like_any_other(sound: Path, tmp_path: Path, gone: str) -> None:
    directory = _copy(sound, tmp_path / "x")
    conn = sqlite3.connect(directory / "queue.db")
    conn.execute(f"DELETE FROM meta WHERE {gone}")  # noqa: S608 - a test's own words
    conn.execute("UPDATE ev SET body = CAST(replace(CAST(body AS TEXT), 'points\":3,', 'points\":4,') AS BLOB) WHERE seq = 4")
    conn.commit()
    conn.close()
    journal = Journal.open(directory, source=SOURCE, reserve_mb=0)
    assert "repaired" in journal.findings[0]
    assert "20261122/R2/000003/point" not in _keys(journal)
    assert len(_keys(journal)) == COUNT - 1
    _check_chain(journal)
    journal.close()


def _scratch(pristine: bytes, draw: random.Random) -> bytes:
    """One to twenty scratches: bits, bytes, runs of zeros."""
    content = bytearray(pristine)
    for _ in range(draw.choice([1, 1, 1, 3, 20])):
        at, length = draw.randrange(len(content)), draw.randrange(1, 40)
        match draw.randrange(3):
            case 0:
                content[at] ^= 1 << draw.randrange(8)
            case 1:
                content[at] = draw.randrange(256)
            case _:
                content[at : at + length] = bytes(length)
    return bytes(content[: len(pristine)])


def _scratch_and_start(sound: Path, work: Path, trials: int, seed: int) -> None:
    pristine = (sound / "queue.db").read_bytes()
    bodies = {row.body for row in scan(sound / "queue.db", sound / "queue.db-wal", 1024)}
    draw = random.Random(seed)
    for trial in range(trials):
        directory = _copy(sound, work / f"scratched{trial}")
        (directory / "queue.db").write_bytes(_scratch(pristine, draw))
        journal = Journal.open(directory, source=SOURCE, reserve_mb=0)
        wrong = {body for _, body, _ in journal.reader().lines(0, 10_000)} - bodies
        assert not wrong or (len(wrong) == 1 and "not proven" in journal.findings[0]), "a row behind a hole may deceive, and is named"
        event = NewEvent("posagent.sale.granted.v1", "m:1", "after", "2026-11-22T12:00:00+09:00", {"points": 1})
        assert not journal.put([event]).result(60).duplicate
        journal.close()
        shutil.rmtree(directory)


def test_a_scratched_file_never_keeps_the_register_from_starting_and_selling(sound: Path, memory_path: Path) -> None:
    _scratch_and_start(sound, memory_path, 20, 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_a_thousand_scratched_files_never_keep_the_register_from_starting(sound: Path, memory_path: Path, seed: int) -> None:
    _scratch_and_start(sound, memory_path, 100, 100 + seed)


def test_a_check_that_comes_to_run_when_the_journal_is_closed_and_gone_ends_quietly(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as conn:
        started = Started(conn, tmp_path / "gone" / "queue.db", "boot", (), False, Head(0, bytes(32)), {})
        assert verify_rest(started.path, started, threading.Event()) is None
