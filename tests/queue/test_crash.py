"""Power cuts at every moment of a day at the till: what the cashier was told is there afterwards, whatever the disk had not yet synced."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Literal, get_args

import pytest

from offline_queue.chain import digest, next_link
from offline_queue.journal import Journal
from offline_queue.print_lane import PrintLane

from write_log import Disk, Op, record  # isort: skip

SCENARIO = Path(__file__).with_name("crash_scenario.py")
SOURCE = "/t/a/s/1/r/1"
How = Literal["none", "all", "torn"]

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is missing: tools/debian-packages names it")


class Lost(AssertionError):
    """Something that was told is not there."""


def _boundaries(ops: list[Op]) -> list[int]:
    """Cuts directly before and after every sync, and before every word to the cashier."""
    places = set()
    for number, op in enumerate(ops):
        if op.kind in ("sync", "sync names", "told"):
            places |= {number, number + 1}
    return sorted(places)


def _examine(directory: Path, told: list[str]) -> None:
    """Opens what survived and checks every promise. Raises Lost."""
    journal = Journal.open(directory, source=SOURCE, reserve_mb=0)
    try:
        if journal.findings:
            raise Lost(f"the start found {journal.findings}")
        reader = journal.reader()
        facts = reader.meta()
        floor, link, acked = int(facts["floor_seq"]), facts["floor_chain"], int(facts["acked_seq"])
        if acked < floor:
            raise Lost(f"retention at {floor} ran ahead of the cursor at {acked}")
        seq, keys = floor, set()
        for number, body, stored in reader.lines(floor, 10_000):
            seq += 1
            link = next_link(link, digest(body))  # type: ignore[arg-type]
            if (number, link) != (seq, stored):
                raise Lost(f"the chain breaks at {seq}")
        for event in reader.events(0, 10_000):
            keys.add(event.idemkey)
        if max(seq, floor) < acked:
            raise Lost(f"the cursor at {acked} is beyond the end at {seq}")
        may_go = {line.split()[1] for line in told if line.startswith("may-go")}
        gone = {line.split()[1] for line in told if line.startswith("put")} - keys - may_go
        if gone:
            raise Lost(f"told but gone: {sorted(gone)}")
        if not reader.rows("SELECT 1 FROM stream_history"):
            verdicts = {row["seq"] for row in reader.rows("SELECT seq FROM verdict")}
            unjudged = {number for number in range(floor + 1, acked + 1) if number % 3 == 0} - verdicts
            if unjudged:
                raise Lost(f"acknowledged without the verdict that came with it: {sorted(unjudged)}")
        lane = PrintLane(journal)
        for line in told:
            if line.startswith("job"):
                _, number, state = line.split()
                if state not in {step.state for step in lane.history(int(number))}:
                    raise Lost(f"job {number} was told to be {state}")
    finally:
        journal.close()


def _run(ops: list[Op], root: Path, work: Path, places: list[int], modes: tuple[How, ...], seed: int = 0) -> int:
    """Cuts at every place in every mode; how many cuts. Raises Lost."""
    disk = Disk(str(root))
    told: list[str] = []
    done, cuts = 0, 0
    for place in places:
        for op in ops[done:place]:
            disk.apply(op)
            if op.kind == "told":
                told.append(op.content.decode())
        done = place
        for how in modes:
            target = work / f"{place}{how}"
            target.mkdir()
            disk.survivors(how, target, random.Random(f"{seed}/{place}"))
            cuts += 1
            try:
                _examine(target, told)
            except Lost as lost:
                message = f"power cut at step {place} ({how}): {lost}"
                raise Lost(message) from lost
            finally:
                shutil.rmtree(target)
    return cuts


def test_no_power_cut_loses_what_was_told(tmp_path: Path, memory_path: Path) -> None:
    ops = record(SCENARIO, tmp_path / "till")
    places = _boundaries(ops)
    cuts = _run(ops, tmp_path / "till", memory_path, places, ("none", "torn"))
    assert cuts > 200


@pytest.mark.parametrize("mutant", ["NORMAL", "DELETE", "cursor-before-verdict", "retention-before-cursor"])
def test_the_matrix_notices_when_a_safety_line_is_broken(tmp_path: Path, memory_path: Path, mutant: str) -> None:
    ops = record(SCENARIO, tmp_path / "till", mutant)
    with pytest.raises(Lost):
        _run(ops, tmp_path / "till", memory_path, _boundaries(ops), ("none",))


@pytest.mark.slow
def test_ten_thousand_power_cuts_lose_nothing(tmp_path: Path, memory_path: Path) -> None:
    cuts = 0
    while cuts < 10_000:
        root = tmp_path / f"till{cuts}"
        ops = record(SCENARIO, root)
        for seed in range(10):
            cuts += _run(ops, root, memory_path, list(range(1, len(ops) + 1)), get_args(How), seed)
