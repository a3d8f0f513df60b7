"""Stories of the print lane: paper, cover, cutter, cable, power and kill -9, each by name, with the paper as the judge."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from counter_bench import Counter, TimelessCounter, small_coupon

from drivers.escpos.conversation import STATUS_QUESTIONS
from offline_queue.errors import JobChanged
from offline_queue.events import NewEvent, NewJob
from offline_queue.journal import Journal
from offline_queue.print_lane import PrintLane
from offline_queue.schema import set_meta
from posagent.ports import Evidence, Outcome
from posagent.print_lane import PrinterReport, SlipSpool, answer_job, mark_of
from posagent.slips import Slip, to_json
from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import PROFILES

OPEN = ("QUEUED", "HELD", "SENDING", "HANDED", "UNCONFIRMED")


class Shop:
    """A journal with a print lane, a worker and a printer; in virtual time, unless the counter is a real one."""

    def __init__(self, journal: Journal, counter: Counter | TimelessCounter, **options: object) -> None:
        self.journal, self.counter, self.lane = journal, counter, PrintLane(journal)
        self.reports: list[PrinterReport] = []
        self.options = options
        self.worker = self.new_worker()

    def new_worker(self) -> SlipSpool:
        return SlipSpool("front", self.counter.open, self.lane, report=self.reports.append, **self.options)  # type: ignore[arg-type]

    def queue(self, *slips: Slip) -> None:
        for slip in slips:
            event = NewEvent("posagent.test.v1", "m:1", f"k{slip.serial}", "2026-11-22T12:34:56.123+09:00", {"n": 1})
            self.journal.put([event], [NewJob("front", slip.serial, to_json(slip))]).result(5)

    def work(self, until: Callable[[], bool] | None = None, steps: int = 400) -> None:
        """Steps the worker until nothing is open, or until something holds."""
        for _ in range(steps):
            if until() if until else not self.lane.jobs(OPEN):
                return
            self.counter.rest(self.worker.step())
        pytest.fail(f"not within {steps} steps: {[(job.id, job.state, job.reason) for job in self.lane.jobs()]}")

    def states(self) -> list[tuple[str, str | None]]:
        return [(job.state, job.certainty) for job in reversed(self.lane.jobs())]

    def papers(self) -> list[tuple[str | None, int, bool, bool]]:
        """(serial, copy, cut off whole, void) of every piece of paper."""
        self.counter.settle()
        return [(p.serial, 2 if any("再発行 2" in line for line in p.lines) else 1, p.complete, p.void) for p in self.counter.paper.slips()]


@pytest.fixture
def shop(journal, counter) -> Iterator[Callable[..., Shop]]:
    made = []

    def make(profile: str = "t3-80", *, real: bool = False, **options: object) -> Shop:
        made.append(Shop(journal, counter(profile) if real else TimelessCounter(PROFILES[profile], "tcp"), **options))
        return made[-1]

    yield make
    for one in made:
        one.worker.close()


S1, S2 = "S01-R1-20261122-1", "S01-R1-20261122-2"


def test_two_slips_come_out_in_order_and_are_proved(shop):
    it = shop()
    it.queue(small_coupon(1), small_coupon(2))
    it.work()
    assert it.states() == [("CONFIRMED", "confirmed")] * 2
    assert it.papers() == [(S1, 1, True, False), (S2, 1, True, False)]


@pytest.mark.parametrize(
    "profile,certainty",
    [("t2-process-id", "confirmed"), ("t2-counter", "confirmed"), ("t1-80", "weak"), ("t1-seiko", "weak"), ("t0-80", "assumed")],
)
def test_each_kind_of_printer_says_as_much_as_it_can_and_no_more(shop, profile, certainty):
    it = shop(profile)
    it.queue(small_coupon(1))
    it.work()
    assert it.states() == [("CONFIRMED", certainty)]
    assert it.papers() == [(S1, 1, True, False)]


def test_without_paper_nothing_is_sent_and_the_slip_comes_out_once_after_a_new_roll(shop):
    it = shop()
    it.counter.paper.paper_out()
    it.queue(small_coupon(1))
    it.work(until=lambda: it.states() == [("HELD", None)])
    assert it.lane.jobs()[0].reason == "paper"
    assert it.papers() == []
    it.counter.paper.load_paper()
    it.work()
    assert it.papers() == [(S1, 1, True, False)]


def test_when_the_paper_ends_in_the_middle_the_printer_keeps_the_slip_and_it_is_never_sent_again(shop):
    it = shop()
    it.queue(small_coupon(1))
    it.counter.paper.at_row(300, VirtualPrinter.paper_out)
    it.work(until=lambda: any(report.waits_for == "paper" for report in it.reports))
    assert it.states()[0][0] in {"SENDING", "HANDED"}
    handed = it.counter.paper.totals["bytes"]
    for _ in range(3):
        it.counter.rest(it.worker.step())
    asked = it.counter.paper.totals["bytes"] - handed
    assert asked > 0
    assert asked % len(STATUS_QUESTIONS) == 0, "only questions may be sent while the printer waits for paper"
    it.counter.paper.load_paper()
    it.work()
    assert it.states() == [("CONFIRMED", "confirmed")]
    assert it.papers() == [(S1, 1, True, False)]


@pytest.mark.parametrize("knob,reason", [(lambda p: p.cover(True), "cover"), (lambda p: p.head_hot(True), "error")])
def test_an_open_cover_or_a_hot_head_holds_the_lane_and_says_why(shop, knob, reason):
    it = shop()
    knob(it.counter.paper)
    it.queue(small_coupon(1))
    it.work(until=lambda: it.states() == [("HELD", None)])
    assert it.lane.jobs()[0].reason == reason
    it.counter.paper.cover(False)
    it.counter.paper.head_hot(False)
    it.work()
    assert it.papers() == [(S1, 1, True, False)]


def test_a_jammed_cutter_resumes_from_the_line_where_it_stopped(shop):
    it = shop()
    it.counter.paper.cutter_jam()
    it.queue(small_coupon(1))
    it.work(until=lambda: any(report.waits_for == "cutter" for report in it.reports))
    it.counter.paper.clear_cutter()
    it.work()
    assert it.states() == [("CONFIRMED", "confirmed")]
    assert it.papers() == [(S1, 1, True, False)]


@pytest.mark.parametrize("byte", [120, 250, 400, 550])
def test_a_cable_pulled_in_the_middle_leaves_a_void_stub_and_one_unmarked_slip(shop, byte):
    it = shop()
    it.queue(small_coupon(1))
    it.counter.paper.at_byte(byte, VirtualPrinter.disconnect)
    it.work(until=lambda: it.counter.paper.link_state != "up" and not it.reports[-1].connected)
    it.counter.paper.reconnect()
    it.work()
    papers = it.papers()
    assert [paper for paper in papers if paper[2] and not paper[3]] == [(S1, 1, True, False)]
    assert all(paper[3] for paper in papers if paper != (S1, 1, True, False))


def test_after_a_power_failure_in_the_middle_a_marked_copy_comes_out(shop):
    it = shop()
    it.queue(small_coupon(1))
    it.counter.paper.at_row(250, VirtualPrinter.power_cut)
    it.work(until=lambda: not it.counter.paper.powered)
    it.worker.step()
    it.counter.paper.power_on()
    it.work()
    assert it.states() == [("SUPERSEDED", None), ("CONFIRMED", "confirmed")]
    assert [paper for paper in it.papers() if paper[2] and not paper[3]] == [(S1, 2, True, False)]


class Killed(BaseException):
    """kill -9."""


@pytest.mark.parametrize("moment", ["before the first byte", "after the first commit", "after the last byte", "before the outcome"])
def test_kill_9_at_any_moment_leads_to_exactly_one_unmarked_slip(shop, moment, monkeypatch):
    it = shop()
    it.queue(small_coupon(1))
    calls = 0

    def dies(name: str, nth: int, *, first: bool) -> None:
        real = getattr(it.lane, name)

        def wrapped(*args: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls == nth and first:
                raise Killed
            result = real(*args, **named)
            if calls == nth:
                raise Killed
            return result

        monkeypatch.setattr(it.lane, name, wrapped)

    match moment:
        case "before the first byte":
            dies("sending", 1, first=True)
        case "after the first commit":
            dies("sending", 1, first=False)
        case "after the last byte":
            dies("handed", 1, first=False)
        case _:
            dies("settle", 1, first=True)
    with pytest.raises(Killed):
        it.work()
    it.worker.close()
    monkeypatch.undo()
    it.worker = it.new_worker()
    it.work()
    assert it.states() == [("CONFIRMED", "confirmed")]
    assert [paper for paper in it.papers() if paper[2] and not paper[3]] == [(S1, 1, True, False)]


@pytest.mark.parametrize("came_out", [True, False])
def test_with_ask_a_person_decides_and_a_no_prints_a_marked_copy(shop, came_out):
    it = shop("t1-80", ambiguous="ask")
    it.queue(small_coupon(1))
    it.counter.paper.at_row(250, VirtualPrinter.power_cut)
    it.work(until=lambda: not it.counter.paper.powered)
    it.worker.step()
    it.counter.paper.power_on()
    it.work()
    assert it.states() == [("NEEDS_OPERATOR", None)]
    number = it.lane.jobs()[0].id
    copy = answer_job(it.lane, number, came_out, "sasaki")
    assert (copy is None) == came_out
    it.work()
    assert it.states()[-1] == (("CONFIRMED", "operator") if came_out else ("CONFIRMED", "weak"))
    with pytest.raises(JobChanged):
        answer_job(it.lane, number, False, "sasaki") if not came_out else answer_job(it.lane, number, True, "sasaki")


def test_with_hold_the_lane_waits_for_the_answer(shop):
    it = shop("t1-80", ambiguous="hold")
    it.queue(small_coupon(1), small_coupon(2))
    it.counter.paper.at_row(250, VirtualPrinter.power_cut)
    it.work(until=lambda: not it.counter.paper.powered)
    it.worker.step()
    it.counter.paper.power_on()
    it.work(until=lambda: it.states()[0][0] == "NEEDS_OPERATOR")
    for _ in range(3):
        it.worker.step()
    assert it.states()[1][0] in {"QUEUED", "HELD"}
    answer_job(it.lane, it.lane.jobs(("NEEDS_OPERATOR",))[0].id, True, "sasaki")
    it.work()
    assert it.states()[1] == ("CONFIRMED", "weak")


def test_a_slip_that_cannot_be_printed_at_all_goes_to_a_person_and_the_next_one_comes_out(shop):
    it = shop()
    from posagent.slips import Barcode, Cut

    it.queue(replace(small_coupon(1), lines=(Barcode("jan13", "4901234567890"), Cut())), small_coupon(2))
    event = NewEvent("posagent.test.v1", "m:1", "bad", "2026-11-22T12:34:56.123+09:00", {})
    it.journal.put([event], [NewJob("front", "X-1", b"no slip")]).result(5)
    it.work()
    assert it.states() == [("NEEDS_OPERATOR", None), ("CONFIRMED", "confirmed"), ("NEEDS_OPERATOR", None)]
    assert "the check digit is 4, not 0" in it.lane.jobs()[2].reason
    assert "damaged" in it.lane.jobs()[0].reason


def test_a_slip_that_can_never_be_proved_stops_at_the_third_copy(journal):
    class Doubtful:
        from posagent.ports import Capabilities

        capabilities = Capabilities(1)

        def status(self, timeout_s: float) -> object:
            raise AssertionError("there is work")

        def print(self, ticket: object, sending: Callable[[Evidence], None], timeout_s: float) -> Outcome:
            sending(Evidence(10, 0, None, 0))
            return Outcome("unknown", reason="the printer cannot say", evidence=Evidence(10, 10, None, 0))

        def close(self) -> None:
            """Nothing is open."""

    lane = PrintLane(journal)
    slip = small_coupon(1)
    event = NewEvent("posagent.test.v1", "m:1", "k", "2026-11-22T12:34:56.123+09:00", {})
    journal.put([event], [NewJob("front", slip.serial, to_json(slip))]).result(5)
    worker = SlipSpool("front", Doubtful, lane)  # type: ignore[arg-type]
    for _ in range(3):
        worker.step()
    assert [(job.copy, job.state) for job in reversed(lane.jobs())] == [(1, "SUPERSEDED"), (2, "SUPERSEDED"), (3, "NEEDS_OPERATOR")]


def test_an_idle_printer_shows_cover_paper_and_unplugging_by_itself(shop):
    it = shop(real=True)
    stop, wake = threading.Event(), threading.Event()
    thread = threading.Thread(target=it.worker.run, args=(stop, wake))
    thread.start()

    def seen(wanted: Callable[[PrinterReport], bool]) -> bool:
        deadline = time.monotonic() + 60  # how soon is a figure of `make bench`; here only that it comes
        while time.monotonic() < deadline:
            if it.reports and wanted(it.reports[-1]):
                return True
            stop.wait(0.01)
        return False

    try:
        assert seen(lambda r: r.connected and r.status is not None and r.status.online is True)
        it.counter.paper.cover(True)
        assert seen(lambda r: r.waits_for == "cover")
        it.counter.paper.cover(False)
        assert seen(lambda r: r.waits_for == "")
        it.counter.paper.paper_out()
        assert seen(lambda r: r.waits_for == "paper")
        it.counter.paper.load_paper()
        it.counter.paper.disconnect()
        assert seen(lambda r: not r.connected and "printer" in r.trouble)
        it.counter.paper.reconnect()
        assert seen(lambda r: r.connected)
    finally:
        stop.set()
        wake.set()
        thread.join()


def test_a_printer_without_status_says_no_status_and_not_that_all_is_well(shop):
    it = shop("t0-80")
    it.worker.step()
    status = it.reports[-1].status
    assert status is not None
    assert (status.online, status.paper, status.cover_open) == (None, None, None)


def test_marks_of_neighbouring_jobs_differ_and_are_printable():
    marks = [mark_of(number) for number in range(8836)]
    assert len(set(marks)) == 8836
    assert all(len(mark) == 2 and all(0x21 <= ord(c) <= 0x7E for c in mark) for mark in marks)


def test_what_a_printer_can_do_is_kept_for_the_next_process_and_only_that_is_asked_again(shop):
    it = shop("t2-counter")
    it.queue(small_coupon(1))
    it.work()
    kept = it.lane.remembered("front")
    assert kept is not None
    assert (kept["maker"], kept["model"], kept["tier"], kept["cut_counter"], kept["process_id"]) == ("CITIZEN", "CT-S281", 2, True, False)
    asked = it.counter.paper.totals["answers"]
    ignored = len(it.counter.paper.ignored)
    assert ignored, "the first process asked everything"
    it.worker.close()
    it.worker = it.new_worker()
    it.queue(small_coupon(2))
    it.work()
    assert it.states() == [("CONFIRMED", "confirmed")] * 2
    assert it.counter.paper.totals["answers"] > asked, "it is asked whether it is still the same one"
    assert len(it.counter.paper.ignored) == ignored, "nothing is asked again that this printer cannot do"


def test_a_printer_whose_answers_get_lost_after_a_restart_is_not_taken_for_a_lesser_one(shop):
    it = shop("t3-80")
    it.queue(small_coupon(1))
    it.work()
    it.worker.close()
    it.worker = it.new_worker()
    it.counter.paper.answer_filter = lambda answer: b"" if answer[:1] in b"\x37\x5f" else answer  # neither ids nor counters, for now
    it.queue(small_coupon(2))
    it.worker.step()
    assert (it.states()[1], it.lane.jobs()[0].reason) == (("HELD", None), "offline")
    it.counter.paper.answer_filter = None
    it.work()
    assert it.states() == [("CONFIRMED", "confirmed")] * 2


def test_a_printer_that_can_do_less_than_it_could_is_forgotten_and_learned_anew_on_the_next_connection(shop):
    it = shop("t3-80")
    it.queue(small_coupon(1))
    it.work()
    it.worker.close()
    it.worker = it.new_worker()
    it.counter.paper.answer_filter = lambda answer: b"" if answer[:1] == b"\x5f" and answer[1:-1].isdigit() else answer  # no counters
    it.queue(small_coupon(2))
    it.work()
    assert it.states() == [("CONFIRMED", "confirmed")] * 2
    assert it.lane.remembered("front") == {}
    it.counter.paper.answer_filter = None
    it.worker.close()
    it.queue(small_coupon(3))
    it.work()
    kept = it.lane.remembered("front")
    assert kept is not None
    assert kept["tier"] == 3


def test_another_printer_in_its_place_is_learned_anew_and_the_old_one_forgotten(shop):
    it = shop("t3-80")
    it.queue(small_coupon(1))
    it.work()
    it.worker.close()
    it.counter = TimelessCounter(PROFILES["t1-80"], "tcp")
    it.worker = it.new_worker()
    it.queue(small_coupon(2))
    it.work()
    assert it.states() == [("CONFIRMED", "confirmed"), ("CONFIRMED", "weak")]
    kept = it.lane.remembered("front")
    assert kept is not None
    assert (kept["model"], kept["tier"], kept["process_id"]) == ("", 1, False)


@pytest.mark.parametrize("stored", ["", "{", "[]", '{"tier":9}', '{"tier":"3"}'])
def test_a_memory_that_makes_no_sense_is_no_memory(shop, stored):
    it = shop()
    it.journal.transact(lambda conn: set_meta(conn, {"printer/front": stored})).result(5)
    it.worker = it.new_worker()
    it.queue(small_coupon(1))
    it.work()
    assert it.states() == [("CONFIRMED", "confirmed")]
    assert it.lane.remembered("front") is not None
