"""Behind the technician's page: test mode keeps scans from the counter, words never show a number, and one wish is one test slip."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from offline_queue.journal import Journal
from offline_queue.print_lane import PrintLane
from posagent import workbench
from posagent.agent import Agent, empty_board
from posagent.checkout import Rules
from posagent.errors import Refused
from posagent.events import Place
from posagent.explained import explained, japanese
from posagent.loyalty.model import Register
from posagent.member_code import Rule, default_rules, explain
from posagent.members import MemberDirectory
from posagent.ports import Capabilities, Outcome, PrinterStatus, Scan
from posagent.print_lane import PrinterReport
from posagent.print_loop import Recorder
from posagent.slips import QR, from_json
from posagent.technician import Technician
from posagent.workbench import Workbench

MEMBER = "2012345678903"
TEXTS = [
    (MEMBER, "E0"), (MEMBER, None), ("2012345678904", "E0"), ("4901234567894", "E0"), ("A123456784A", "F0"), ("123456784", None),
    ("4012345678901239", "C0"), ("https://members.example/m/5012345678901236", "Q1"), ("https://other.example/x", "Q1"), ("", None),
    ("C0123456789ABCDEF", "C0"), ("012345678905", "E0"), ("01234565", "E0"), ("201234567890312", "E3"), ("0102012345678903", "C1"),
    ("x" * 5000, None), ("12\x0734", None),
]  # fmt: skip
TIMED = Rule("phone", "member", frozenset({"qr"}), pattern=re.compile("(?P<member>[0-9]{8})(?P<code>[0-9]{6})"), timed="window")
DENIED = Rule("denied", "member", lengths=frozenset({13}), deny=("2012345678903",))


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(("text", "aim"), TEXTS)
def test_no_explanation_holds_the_number_or_more_than_its_last_four_characters(text: str, aim: str | None) -> None:
    told = explained(text, aim, default_rules())
    digits = "".join(re.findall(r"\d", text))
    shown = str({**told, "length": 0, "rules": [], "rule": ""})
    assert not any(digits[start : start + 5] in shown for start in range(max(0, len(digits) - 4)))
    assert not any(text in row[side] for row in told["rules"] for side in ("ja", "en") if len(text) > 4)
    assert len(told["masked"]) <= 21
    assert told["ja"]
    assert told["en"]


@pytest.mark.parametrize(("text", "aim"), [*TEXTS, ("12345678123456", "Q1")])
def test_every_question_of_the_rules_has_japanese_words(text: str, aim: str | None) -> None:
    steps = explain(text, aim, (*default_rules(), TIMED, DENIED)).steps
    assert [step.words for step in steps if japanese(step.words) == step.words] == []


def test_what_nobody_foresaw_keeps_its_english_words() -> None:
    assert japanese("a question of tomorrow") == "a question of tomorrow"


def test_each_rule_is_told_by_the_question_that_decided() -> None:
    rows = {row["rule"]: row for row in explained("2012345678904", "E0", default_rules())["rules"]}
    assert (rows["jan-member"]["passed"], rows["jan-member"]["en"]) == (False, "check character by mod10w3")
    assert (rows["code128-card"]["passed"], rows["code128-card"]["ja"]) == (False, "コードの種類が code128 のどれか")


# ---------------------------------------------------------------- test mode


def test_test_mode_takes_scans_counts_them_and_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    bench, rules = Workbench(), default_rules()
    assert not bench.took("front", Scan(MEMBER, "E0"), rules)
    bench.test(on=True)
    assert bench.took("front", Scan(MEMBER, "E0"), rules)
    assert bench.took("front", Scan("", quality="corrupt", reason="parity"), rules)
    assert bench.scans["front"].why == "parity"
    assert (bench.reads["front"].good, bench.reads["front"].damaged) == (2, 1)
    later = workbench.time.monotonic() + workbench.TEST_S + 0.1
    monkeypatch.setattr(workbench.time, "monotonic", lambda: later)
    assert bench.testing_s == 0
    assert (bench.ran_out(), bench.ran_out()) == (True, False)
    assert not bench.took("front", Scan(MEMBER, "E0"), rules)


def test_switching_on_again_while_it_is_on_keeps_the_scans_and_begins_the_time_anew() -> None:
    bench = Workbench()
    bench.test(on=True)
    bench.took("front", Scan(MEMBER, "E0"), default_rules())
    bench.test(on=True)
    assert "front" in bench.scans
    bench.test(on=False)
    bench.test(on=True)
    assert bench.scans == {}


# ---------------------------------------------------------------- the room, over a real journal


class Wired:
    """A technician with a real journal and lane, and as much of the agent as it uses."""

    def __init__(self, directory: Path) -> None:
        self.journal = Journal.open(directory, source="/t/acme/s/0042/r/R2", reserve_mb=0)
        self.lane = PrintLane(self.journal)
        place = Place("acme", "cafe", "0042", "R2")
        rules = Rules(place, None, Register("acme", "cafe", "0042", "R2", "floor", "none@0"), None, "staff", 60_000, 2_000)
        self.bench = Workbench()
        self.told: list[Any] = []
        kinds = {"front": ("scanner", "serial"), "eye": ("scanner", "camera"), "slips": ("printer", "escpos-tcp")}
        self.agent = SimpleNamespace(
            journal=self.journal, rules=rules, bench=self.bench, board=empty_board(cast("Any", kinds)), members=cast("MemberDirectory", None),
            trace={"agent": "0.1", "boot": "b", "pid": 1}, is_offline=lambda: False, post=self.told.append, wake_listeners=lambda: None,
        )  # fmt: skip
        self.room = Technician(cast("Agent", self.agent), self.lane, language="ja", store_name="喫茶", link=lambda: None)

    def device(self, name: str) -> Any:
        return next(device for device in self.room.room()["devices"] if device["name"] == name)


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[Wired]:
    made = Wired(tmp_path / "journal")
    yield made
    made.journal.close()


def test_a_test_slip_is_marked_recorded_and_queued_once(wired: Wired) -> None:
    first = wired.room.test_device("slips", "wish-0001")
    again = wired.room.test_device("slips", "wish-0002")
    assert (first.state, again.state) == ("done", "waiting")
    assert first.body == again.body
    (job,) = wired.lane.jobs()
    assert from_json(job.document).sample
    assert (job.printer, job.serial.split("-")[:2]) == ("slips", ["0042", "R2"])
    recorded = [event for event in wired.journal.reader().events(0, 10) if event.type == "posagent.slip.tested.v1"]
    assert [event.data["serial"] for event in recorded] == [job.serial]
    (listed,) = wired.device("slips")["printer"]["jobs"]
    assert (listed["state"], listed["sample"], listed["title"]) == ("QUEUED", True, "テスト印字")


def test_the_codes_on_a_test_slip_are_nobodys_coupon(wired: Wired) -> None:
    job = wired.lane.job(int(wired.room.test_device("slips", "wish-0001").body["job"]))
    recorder = Recorder(wired.agent.rules.place, lambda: "none@0", lambda: False, wired.agent.trace)
    (event,) = recorder.printed(job, Outcome("printed", "confirmed"))
    assert event.type == "posagent.slip.printed.v1"
    assert "code_hash" not in event.data
    assert any(isinstance(line, QR) for line in from_json(job.document).lines)


def test_a_wish_that_comes_again_after_its_slip_is_out_prints_nothing(wired: Wired) -> None:
    first = wired.room.test_device("slips", "wish-0001")
    job = wired.lane.job(int(first.body["job"]))
    wired.lane.cancel(job, "test", "nobody")
    again = wired.room.test_device("slips", "wish-0001")
    assert again.replayed
    assert again.body == first.body
    assert len(wired.lane.jobs()) == 1


@pytest.mark.parametrize("name", ["front", "nobody", ""])
def test_what_is_no_printer_or_no_camera_is_refused(wired: Wired, name: str) -> None:
    for ask in (lambda: wired.room.test_device(name, "wish-0001"), lambda: wired.room.preview(name)):
        with pytest.raises(Refused) as refused:
            ask()
        assert refused.value.code == "E632"


def test_each_look_asks_for_ten_seconds_of_pictures_and_an_old_one_is_not_shown(wired: Wired, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, float]] = []
    wired.bench.watch["eye"] = lambda name, for_s: asked.append((name, for_s))
    assert wired.room.preview("eye") == {"age_ms": None, "picture": None}
    wired.bench.saw("eye", {"jpeg": "AAAA", "strips": [[1, 2, 3, 4, 0]] * 50, "secret": "no"})
    shown = wired.room.preview("eye")
    assert len(shown["picture"]["strips"]) == 12
    assert "secret" not in shown["picture"]
    now = workbench.time.monotonic_ns()
    monkeypatch.setattr(workbench.time, "monotonic_ns", lambda: now + 60_000_000_000)
    assert wired.room.preview("eye")["picture"] is None
    assert asked == [("eye", 10)] * 3


def test_a_printer_that_answers_but_was_not_asked_yet_is_not_called_one_that_proves_nothing(wired: Wired) -> None:
    answers = PrinterStatus(online=True, paper="ok")
    wired.bench.printer_said(PrinterReport("slips", True, answers, Capabilities(0)))
    assert wired.device("slips")["printer"]["capabilities"] is None
    wired.bench.printer_said(PrinterReport("slips", True, answers, Capabilities(3, "EPSON", "TM")))
    assert wired.device("slips")["printer"]["capabilities"]["tier"] == 3
    wired.bench.printer_said(PrinterReport("slips", True, PrinterStatus(), Capabilities(0)))
    assert wired.device("slips")["printer"]["capabilities"]["tier"] == 0


def test_test_mode_tells_the_cashier_once(wired: Wired) -> None:
    wired.room.test_mode(on=True)
    wired.room.test_mode(on=True)
    assert [said.code for said in wired.told] == ["E630"]
    assert 119 <= wired.room.room()["test_mode"]["left_s"] <= 120
    wired.room.test_mode(on=False)
    assert wired.room.room()["test_mode"] == {"on": False, "left_s": 0}
