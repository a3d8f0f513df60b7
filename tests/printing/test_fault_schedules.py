"""Under bad luck by seed: nothing is lost, doubled unmarked or falsely confirmed, and no call outlives its deadline."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fault_schedules import Verdict, run_on_a_real_line, run_schedule

ONCE_WRONG = (68, 12_662, 13_219, 13_605, 13_915)
"""A slow serial line that never came to rest; power flicks that ate the middle of a slip; a stuck cutter that made the spool spin."""
AT_ONCE = 5  # a schedule mostly waits: for the disk, on real lines for the printer as well


def check(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Fails with everything that must never be, by seed."""
    seen = list(verdicts)
    told = [
        (one.seed, one.setting, one.faults, one.lost, one.doubled, one.false_confirmations, one.late_calls, one.unfinished)
        for one in seen if one.wrong
    ]  # fmt: skip
    assert not told, f"{len(told)} of {len(seen)} schedules: {told}"
    return seen


def played(play: Callable[[int, Path], Verdict], seeds: Iterable[int], folder: Path) -> list[Verdict]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda seed: play(seed, folder / str(seed)), seeds))


def test_two_hundred_schedules_of_faults_lose_nothing_and_double_nothing_unmarked_and_every_call_ends_in_time(tmp_path):
    seen = check(played(run_schedule, (*range(200), *ONCE_WRONG), tmp_path))
    assert any(one.copies for one in seen), "no fault ever led to a marked copy: the faults do not bite"
    assert not any(one.asked for one in seen), "with reprint_marked nobody is asked"


def test_a_seed_tells_the_same_story_each_time(tmp_path):
    once, again = (run_schedule(68, tmp_path / name) for name in ("once", "again"))
    assert once.story == again.story
    assert len(once.story) > 3


def test_twenty_schedules_on_sockets_ptys_and_usb_lose_nothing_and_double_nothing_unmarked(tmp_path):
    check(played(run_on_a_real_line, range(20), tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("play", [run_schedule, run_on_a_real_line])
def test_ten_thousand_schedules_of_faults_lose_nothing_and_double_nothing_unmarked(tmp_path, play):
    for start in range(10_000, 20_000, 500):
        check(played(play, range(start, start + 500), tmp_path))
