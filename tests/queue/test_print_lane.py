"""The print lane: every state durable before its effect, no slip lost, none silently repeated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from offline_queue.errors import JobChanged, KeyConflict, NoSuchEntry
from offline_queue.events import NewEvent, NewJob
from offline_queue.journal import Journal
from offline_queue.print_lane import FINAL, OPEN, Job, PrintLane

SOURCE = "/t/acme/s/0042/r/2"
Grant = Callable[..., NewEvent]


@pytest.fixture
def lane(journal: Journal, grant: Grant) -> PrintLane:
    """Two slips for the front printer, one for the kitchen's."""
    journal.put([grant("a")], [NewJob("front", "S1", b"one"), NewJob("kitchen", "S1", b"for the kitchen")]).result(60)
    journal.put([grant("b")], [NewJob("front", "S2", b"two")]).result(60)
    return PrintLane(journal)


def _next(lane: PrintLane) -> Job:
    job = lane.next("front")
    assert job is not None
    return job


def test_slips_come_in_order_per_printer_and_a_whole_life_is_written_down(lane: PrintLane) -> None:
    job = _next(lane)
    assert (job.serial, job.document, job.attempt) == ("S1", b"one", 0)
    job = lane.sending(job, {"cut_before": 7})
    assert (job.state, job.attempt, job.evidence) == ("SENDING", 1, {"cut_before": 7})
    assert _next(lane).serial == "S2"
    assert [one.id for one in lane.unresolved("front")] == [job.id]
    job = lane.settle(lane.handed(job, {"cut_before": 7, "bytes_handed": 99}), "CONFIRMED", "confirmed", "")
    assert (job.state, job.certainty, job.evidence) == ("CONFIRMED", "confirmed", {"cut_before": 7, "bytes_handed": 99})
    assert [step.state for step in lane.history(job.id)] == ["QUEUED", "SENDING", "HANDED", "CONFIRMED"]
    kitchen = lane.next("kitchen")
    assert kitchen is not None
    assert kitchen.document == b"for the kitchen"


def test_a_held_slip_stays_first_and_saying_so_again_writes_nothing(lane: PrintLane) -> None:
    job = lane.held(_next(lane), "paper")
    again = lane.held(job, "paper")
    assert again is job
    assert _next(lane).serial == "S1"
    assert len(lane.history(job.id)) == 2
    assert lane.sending(job, {}).attempt == 1


def test_an_interrupted_slip_survives_a_restart_with_its_evidence(tmp_path: Path, grant: Grant) -> None:
    first = Journal.open(tmp_path, source=SOURCE, reserve_mb=0)
    first.put([grant("a")], [NewJob("front", "S1", b"one")]).result(60)
    lane = PrintLane(first)
    lane.handed(lane.sending(_next(lane), {"cut_before": 7}), {"cut_before": 7})
    first.close()
    second = Journal.open(tmp_path, source=SOURCE, reserve_mb=0)
    lane = PrintLane(second)
    assert lane.next("front") is None
    (job,) = lane.unresolved("front")
    assert (job.state, job.evidence) == ("HANDED", {"cut_before": 7})
    assert lane.requeue(job, "nothing reached the printer").attempt == 1
    assert lane.sending(_next(lane), {}).attempt == 2
    second.close()


def test_a_settled_slip_and_its_event_are_one_and_settling_twice_is_harmless(lane: PrintLane, journal: Journal, grant: Grant) -> None:
    job = lane.sending(_next(lane), {})
    lane.settle(job, "UNCONFIRMED", None, "link lost", [grant("printed/S1/1")])
    assert journal.reader().find("printed/S1/1") is not None
    lane.settle(job, "CONFIRMED", "weak", "", [grant("printed/S1/1"), grant("printed/S1/2")])
    assert journal.reader().find("printed/S1/2") is not None
    with pytest.raises(JobChanged):
        lane.settle(job, "HELD", None, "paper", [grant("never")])
    assert journal.reader().find("never") is None


def test_a_copy_is_marked_counted_and_named_and_its_original_is_superseded(lane: PrintLane) -> None:
    job = lane.settle(lane.sending(_next(lane), {}), "NEEDS_OPERATOR", None, "somebody else printed")
    number = lane.answer(job, came_out=False, operator="suzuki", document_if_reprint=b"one, again")
    assert number is not None
    copy = lane.job(number)
    assert (copy.copy, copy.serial, copy.document, copy.operator, copy.state) == (2, "S1", b"one, again", "suzuki", "QUEUED")
    assert lane.job(job.id).state == "SUPERSEDED"
    third = lane.job(lane.reprint(lane.settle(lane.sending(copy, {}), "CONFIRMED", "confirmed", ""), b"x", "torn", "suzuki"))
    assert third.copy == 3
    assert lane.job(copy.id).state == "CONFIRMED"
    assert [one.copy for one in lane.of_serial("S1") if one.printer == "front"] == [1, 2, 3]


def test_a_copy_whose_event_conflicts_leaves_nothing_behind(lane: PrintLane, journal: Journal, grant: Grant) -> None:
    job = lane.settle(lane.sending(_next(lane), {}), "NEEDS_OPERATOR", None, "")
    journal.put([grant("copy/S1/2", 1)]).result(60)
    with pytest.raises(KeyConflict):
        lane.reprint(job, b"again", "torn", "suzuki", [grant("copy/S1/2", 2)])
    assert lane.job(job.id).state == "NEEDS_OPERATOR"
    assert [one.copy for one in lane.of_serial("S1") if one.printer == "front"] == [1]


def test_the_cashier_may_say_that_it_came_out_or_that_it_is_not_wanted(lane: PrintLane) -> None:
    job = lane.settle(lane.sending(_next(lane), {}), "NEEDS_OPERATOR", None, "")
    assert lane.answer(job, came_out=True, operator="suzuki", document_if_reprint=b"") is None
    assert (lane.job(job.id).state, lane.job(job.id).certainty) == ("CONFIRMED", "operator")
    cancelled = lane.cancel(_next(lane), "customer left", "suzuki")
    assert cancelled.state == "CANCELLED"
    assert lane.next("front") is None
    for step in (lambda: lane.sending(cancelled, {}), lambda: lane.cancel(cancelled, "", "x"), lambda: lane.requeue(cancelled)):
        with pytest.raises(JobChanged):
            step()


def test_a_worker_with_an_old_attempt_in_its_hand_changes_nothing(lane: PrintLane) -> None:
    old = lane.sending(_next(lane), {})
    new = lane.sending(lane.requeue(old), {})
    with pytest.raises(JobChanged, match="attempt"):
        lane.settle(old, "CONFIRMED", "confirmed", "late answer")
    assert lane.job(new.id).state == "SENDING"


def test_open_and_final_states_are_all_states(lane: PrintLane) -> None:
    assert not set(OPEN) & set(FINAL)
    assert len(lane.jobs(("QUEUED",))) == 3
    with pytest.raises(NoSuchEntry):
        lane.job(999)
