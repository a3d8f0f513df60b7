"""The protocol under chaos, and that the simulation would notice if a safety line were missing."""

from __future__ import annotations

import types
from pathlib import Path

import pytest

from posagent.cloud import ingest as ingest_module
from posagent.cloud import receiver as receiver_module
from posagent.cloud import verdicts as verdicts_module
from tools.chaos_cloud import World, run


@pytest.fixture(autouse=True)
def _quiet(caplog):
    caplog.set_level("CRITICAL", "posagent.cloud.app")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_lost_silently_or_counted_twice(seed):
    problems, count = run(seed, 900)
    assert problems == []
    assert count["accepted"] > 150
    assert count["rotated"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 500))
def test_nothing_is_lost_silently_or_counted_twice_at_length(seed):
    assert run(seed, 4000)[0] == []


MUTANTS = {
    "no fork check": ("if before != batch.prev_chain or not same_end:", "if False:"),
    "no business key": ("won = work.insert_absent(schema.GRANT_KEY, claims)", "won = {row[4] for row in claims}"),
    "duplicates are counted": ('case.status, case.problem = "duplicate", ""', 'case.status, case.problem = "applied", ""'),
    "conflicts pass as duplicates": ("if case.held == case.line.digest or", "if True or"),
    "the stored prefix is stored again": ("if case.line.seq > acked]", "if case.line.seq > 0]"),
    "entries are left out": ("work.merge(schema.BALANCE, _additions(adopted + fresh))", "pass"),
    "the end of the chain is not kept": ("acked, chain = batch.last, fresh[-1].link", "acked = batch.last"),
}


@pytest.mark.parametrize("old, new", MUTANTS.values(), ids=MUTANTS.keys())
def test_the_simulation_notices_a_missing_safety_line(old, new, monkeypatch):
    (module,) = [one for one in (ingest_module, verdicts_module) if Path(one.__file__).read_text("utf-8").count(old) == 1]
    mutant = types.ModuleType("mutant")
    monkeypatch.setitem(__import__("sys").modules, "mutant", mutant)
    exec(compile(Path(module.__file__).read_text("utf-8").replace(old, new), "mutant", "exec"), mutant.__dict__)  # noqa: S102 - our own source
    if module is ingest_module:
        mutant.Refusal = ingest_module.Refusal
        monkeypatch.setattr(receiver_module, "ingest", mutant.ingest)
    else:
        monkeypatch.setattr(ingest_module, "judge", mutant.judge)
    assert any(run(seed, 500)[0] for seed in range(1, 13))


def late_acknowledgement(directory, new_sales, checks_chain):
    """An answer for 100 arrives after the disk went back to 80 and new sales were made."""
    world = World(directory, seed=7, registers=1, checks_chain=checks_chain)
    try:
        for _ in range(80):
            world.put(register=0)
        while world.streams[0].acked < 80:
            world.send(0)
            world.deliver_request()
            world.deliver_answer()
        stream_id = world.streams[0].stream_id
        world.images[0] = []
        world.take_image()
        for _ in range(20):
            world.put(register=0)
        while world.receiver.engine.read(lambda work: work.rows("SELECT acked FROM stream"))[0][0] < 100:
            world.send(0)
            world.deliver_request()
        late = world.answers[-1]
        world.answers.clear()
        world.roll_back()
        assert len(world.streams[0].bodies) == 80
        for _ in range(new_sales):
            world.put(register=0)
        assert stream_id == world.streams[0].stream_id
        world.take(late)
        world.settle()
        return world.problems()
    finally:
        world.close()


@pytest.mark.parametrize("new_sales", [0, 1, 19, 20, 21, 30])
def test_a_late_acknowledgement_for_a_forgotten_future_loses_nothing(tmp_path, new_sales):
    assert late_acknowledgement(tmp_path, new_sales, checks_chain=True) == []


def test_the_same_without_the_registers_chain_check_loses_sales_and_is_noticed(tmp_path):
    # With more than 20 new sales the next batch's Prev-Chain would show it; with fewer nothing is ever sent again.
    assert late_acknowledgement(tmp_path, 20, checks_chain=False)
