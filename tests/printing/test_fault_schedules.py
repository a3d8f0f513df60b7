"""Under bad luck by seed: nothing is lost, doubled unmarked or falsely confirmed, and every call comes back in time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fault_schedules import Verdict, run_schedule

AT_ONCE = 10  # a schedule mostly waits


def judged(seeds: range, folder: Path) -> list[Verdict]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda seed: run_schedule(seed, folder / str(seed)), seeds))


def check(verdicts: list[Verdict]) -> None:
    wrong = [verdict for verdict in verdicts if verdict.wrong]
    for _verdict in wrong:
        pass  # fmt: skip
    assert not wrong, f"{len(wrong)} of {len(verdicts)} schedules: seeds {[verdict.seed for verdict in wrong]}"


def test_two_hundred_schedules_of_faults_lose_nothing_and_double_nothing_unmarked(tmp_path):
    verdicts = judged(range(200), tmp_path)
    check(verdicts)
    assert any(verdict.copies for verdict in verdicts), "no fault ever led to a marked copy: the faults do not bite"
    assert all(verdict.asked == 0 for verdict in verdicts), "with reprint_marked nobody is asked"


@pytest.mark.slow
def test_ten_thousand_schedules_of_faults_lose_nothing_and_double_nothing_unmarked(tmp_path):
    for start in range(10_000, 20_000, 500):
        check(judged(range(start, start + 500), tmp_path))
