"""`posagent print`: pictures without a printer, the test slip, the jobs of a journal and a person's answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from counter_bench import small_coupon

from drivers.drawer import DRIVER as DRAWER
from drivers.escpos.records import TCP
from offline_queue.events import NewEvent, NewJob
from offline_queue.journal import Journal
from offline_queue.print_lane import PrintLane
from posagent.cli import main, print_
from posagent.slips import to_json

EXAMPLE = Path(__file__).parent.parent.parent / "config" / "slips" / "coupon.ja.json"


@pytest.fixture(autouse=True)
def known_driver(monkeypatch):
    """The record itself: an editable checkout may have older entry points."""
    monkeypatch.setattr(print_, "_driver", lambda name: TCP)


def test_preview_writes_picture_and_bytes(tmp_path, capsys):
    out = ["--png", str(tmp_path / "a.png"), "--escpos", str(tmp_path / "a.bin")]
    code = main(["print", "preview", "--slip", str(EXAMPLE), "--profile", "58mm", *out, "--json"])
    said = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.bin").read_bytes().endswith(b"\x1dVB\x00")
    assert said["serial"] == "0042-2-20261122-18"


@pytest.mark.parametrize("body,complaint", [(b"{", "not JSON"), (b'{"serial":"A","lines":[{"t":"x"}]}', r"lines[1]"), (None, "No such file")])
def test_a_slip_file_that_is_wrong_is_a_settings_error_with_its_place(tmp_path, capsys, body, complaint):
    path = tmp_path / "s.json"
    if body is not None:
        path.write_bytes(body)
    assert main(["print", "preview", "--slip", str(path)]) == 78
    assert complaint in capsys.readouterr().err


def test_a_code_that_cannot_be_right_is_said_and_the_exit_code_is_one(tmp_path, capsys):
    path = tmp_path / "s.json"
    path.write_text('{"serial":"A","lines":[{"t":"barcode","symbology":"jan13","value":"4901234567890"}]}')
    assert main(["print", "preview", "--slip", str(path)]) == 1
    assert "the check digit is 4" in capsys.readouterr().err


def test_an_unknown_setting_names_the_known_ones(capsys):
    assert main(["print", "preview", "--slip", str(EXAMPLE), "--set", "papper=58"]) == 78
    assert "paper_mm" in capsys.readouterr().err


def test_the_test_slip_is_printed_and_the_proof_is_named(counter, capsys):
    bench = counter("t3-80")
    host, port = bench.server.address
    assert main(["print", "test", "--set", f"host={host}", "--set", f"port={port}"]) == 0
    said = capsys.readouterr().out
    assert "tier 3 of 3 (process id, cutter counter)" in said
    assert "printed (confirmed)" in said
    bench.settle()
    (paper,) = bench.paper.slips()
    assert any("SAMPLE" in line for line in paper.lines)
    assert len(paper.codes) == 4


def test_jobs_are_listed_and_an_answer_settles_one(tmp_path, capsys):
    folder = tmp_path / "journal"
    journal = Journal.open(folder, source="/t/acme/s/01/r/1", reserve_mb=0)
    slip = small_coupon(1)
    event = NewEvent("posagent.test.v1", "m:1", "k", "2026-11-22T12:34:56.123+09:00", {})
    journal.put([event], [NewJob("front", slip.serial, to_json(slip))]).result(5)
    lane = PrintLane(journal)
    job = lane.sending(lane.jobs()[0], {"bytes_total": 1})
    lane.settle(job, "NEEDS_OPERATOR", None, "the printer cannot say")
    journal.close()
    assert main(["print", "jobs", "--journal", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "did it come out?" in said
    assert "posagent print answer" in said
    assert main(["print", "answer", str(job.id), "no", "--journal", str(folder), "--operator", "sasaki"]) == 0
    assert "a marked copy waits" in capsys.readouterr().out
    assert main(["print", "jobs", "--all", "--json", "--journal", str(folder)]) == 0
    rows = json.loads(capsys.readouterr().out)["jobs"]
    assert [(row["copy"], row["state"]) for row in rows] == [(2, "QUEUED"), (1, "SUPERSEDED")]
    assert main(["print", "answer", "77", "yes", "--journal", str(folder)]) == 1
    assert main(["print", "jobs", "--journal", str(tmp_path / "nowhere")]) == 69


def test_the_drawer_opens_once_and_its_sensor_is_believed(counter, capsys, monkeypatch):
    monkeypatch.setattr(print_, "_driver", lambda name: DRAWER)
    bench = counter()
    host, port = bench.server.address
    words = ["print", "drawer", "--set", f"host={host}", "--set", f"port={port}"]
    assert main(words) == 0
    assert "the drawer is open" in capsys.readouterr().out
    assert len(bench.paper.kicks) == 1
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"schema": 1, "before": True, "open": True}
    assert main([*words, "--set", "open_level=none"]) == 0
    assert "does not say" in capsys.readouterr().out
