"""`posagent queue` as a technician uses it: beside a running agent, and without one."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from offline_queue.decisions import carry_out_orders
from offline_queue.events import NewEvent, NewJob
from offline_queue.journal import Journal
from offline_queue.sync import Credentials, SyncLane
from posagent.cli import main, queue

from receiver_model import Model  # isort: skip

SOURCE = "/t/acme/s/0042/r/2"
Grant = Callable[..., NewEvent]


@pytest.fixture
def busy(journal: Journal, grant: Grant) -> Journal:
    """Six events: four sent, of which the second was rejected; two wait; one slip to print."""
    for number in range(1, 5):
        journal.put([grant(f"k{number}")], [NewJob("front", "S1", b"x")] if number == 1 else ()).result(60)
    model = Model(judge=lambda body: "rejected" if b'"k2"' in body else None)
    lane = SyncLane(journal, model.url, credentials=Credentials, stop=threading.Event(), connect=model.connect)
    while lane.round():
        pass
    for number in (5, 6):
        journal.put([grant(f"k{number}")]).result(60)
    return journal


def _run(journal: Journal, *words: str) -> int:
    return main(["queue", words[0], "--journal", str(journal.path.parent), *words[1:]])


def test_status_tells_what_waits_and_what_needs_somebody(busy: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(busy, "status") == 0
    text = capsys.readouterr().out
    for piece in ("waiting              2", "refused by the receiver 1", "to print             1", "queue list", SOURCE):
        assert piece in text
    assert _run(busy, "status", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["pending"], found["refused"], found["acknowledged"]) == (2, 1, 4)


def test_lists_and_shows_events_by_number_and_by_key(busy: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(busy, "list") == 0
    assert capsys.readouterr().out.split()[:2] == ["2", "REJECTED"]
    assert _run(busy, "list", "--pending") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["5", "6"]
    for which in ("2", "k2"):
        assert _run(busy, "show", which) == 0
        assert json.loads(capsys.readouterr().out)["event"]["idemkey"] == "k2"
    assert _run(busy, "show", "nothing") == 69
    assert "no event" in capsys.readouterr().err


def test_a_decision_goes_through_the_running_agent(busy: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    stop = threading.Event()

    def agent() -> None:
        while not stop.wait(0.02):
            carry_out_orders(busy)

    thread = threading.Thread(target=agent)
    thread.start()
    assert _run(busy, "drop", "2", "--reason", "test sale", "--operator", "suzuki") == 0
    assert "given up" in capsys.readouterr().out
    assert _run(busy, "retry", "5") == 1
    assert "not parked" in capsys.readouterr().out
    stop.set()
    thread.join()
    assert _run(busy, "list") == 0
    assert capsys.readouterr().out.split()[:2] == ["2", "DROPPED"]


def test_a_decision_without_an_agent_opens_the_journal_itself(busy: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    busy.close()
    assert _run(busy, "drop", "2", "--reason", "test sale", "--operator", "suzuki") == 0
    assert "given up" in capsys.readouterr().out


def test_verify_says_all_is_well_or_which_event_is_not(busy: Journal, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(busy, "verify") == 0
    assert "6 events, all links hold" in capsys.readouterr().out
    busy.transact(lambda conn: conn.execute("UPDATE ev SET idem = 'other' WHERE seq = 4")).result(60)
    assert _run(busy, "verify") == 1
    assert "event 4" in capsys.readouterr().out


def test_export_writes_what_was_recorded(busy: Journal, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert _run(busy, "export", "--after", "4") == 0
    lines = capfdbinary.readouterr().out.splitlines()
    assert lines == [body for _, body, _ in busy.reader().lines(4, 10)]


def test_a_snapshot_can_be_put_back_and_goes_on_from_there(
    busy: Journal, grant: Grant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "usb" / "queue.db"
    copy.parent.mkdir()
    assert _run(busy, "snapshot", str(copy)) == 0
    assert _run(busy, "snapshot", str(copy)) == 69
    capsys.readouterr()
    restored = tmp_path / "restored"
    restored.mkdir()
    shutil.copy(copy, restored / "queue.db")
    journal = Journal.open(restored, source=SOURCE, reserve_mb=0)
    assert journal.findings == ()
    assert journal.reader().pending().count == 2
    assert journal.put([grant("k6")]).result(60).duplicate
    assert journal.put([grant("k7")]).result(60).seq == 7
    journal.close()


def test_where_there_is_no_journal_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["queue", "status", "--journal", str(tmp_path)]) == 69
    assert "no journal here" in capsys.readouterr().err


def test_the_directory_comes_from_the_settings_file(busy: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "posagent.toml"
    register = '[register]\ncompany = "acme"\nbrand = "main"\nstore = "0042"\nregister = "2"\nstore_name = "Acme"\n'
    settings.write_text(f'{register}[journal]\ndirectory = "{busy.path.parent}"\n', "utf-8")
    assert main(["queue", "status", "--settings", str(settings)]) == 0
    out, err = capsys.readouterr()
    assert (str(busy.path) in out, err) == (True, "")


def test_without_readable_settings_the_usual_directory_is_taken_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(queue, "USUAL_DIRECTORY", tmp_path / "usual")
    assert main(["queue", "status", "--settings", str(tmp_path / "absent.toml")]) == 69
    said = capsys.readouterr().err
    for piece in ("absent.toml", f"looked for in {tmp_path / 'usual'}", "--journal DIR", "no journal here"):
        assert piece in said
