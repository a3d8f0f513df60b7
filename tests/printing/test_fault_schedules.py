"""Under bad luck by seed: nothing is lost, doubled unmarked or falsely confirmed, and every call comes back in time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fault_schedules import Verdict, run_schedule

AT_ONCE = 5  # a schedule mostly waits; more of them make each other late on two cores
ALONE = 3


def judged(seeds: range, folder: Path) -> list[Verdict]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda seed: run_schedule(seed, folder / str(seed)), seeds))


def check(verdicts: list[Verdict], folder: Path) -> None:
    """What is lost, doubled or falsely confirmed is wrong at once. A schedule that was only late or unfinished among the others is
    played again alone, three times, and must be in time each time: what a driver does wrong it does again."""
    wrong = []
    for verdict in verdicts:
        if verdict.wrong and not (verdict.lost or verdict.doubled or verdict.false_confirmations):
            wrong += [again for n in range(ALONE) if (again := run_schedule(verdict.seed, folder / f"{verdict.seed}-alone-{n}")).wrong]
        elif verdict.wrong:
            wrong.append(verdict)
    told = [(one.seed, one.faults, one.lost, one.doubled, one.false_confirmations, one.late_calls, one.unfinished) for one in wrong]
    assert not told, f"{len(told)} of {len(verdicts)} schedules: {told}"


def test_two_hundred_schedules_of_faults_lose_nothing_and_double_nothing_unmarked(tmp_path):
    verdicts = judged(range(200), tmp_path)
    check(verdicts, tmp_path)
    assert any(verdict.copies for verdict in verdicts), "no fault ever led to a marked copy: the faults do not bite"
    assert all(verdict.asked == 0 for verdict in verdicts), "with reprint_marked nobody is asked"


@pytest.mark.slow
def test_ten_thousand_schedules_of_faults_lose_nothing_and_double_nothing_unmarked(tmp_path):
    for start in range(10_000, 20_000, 500):
        check(judged(range(start, start + 500), tmp_path), tmp_path)
