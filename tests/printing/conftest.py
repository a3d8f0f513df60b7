"""Owns what the print tests share: virtual printers with a driver on them, and an empty journal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the modules beside this one: tests is no package

from counter_bench import Counter

from offline_queue.journal import Journal
from virtual_counter.profiles import PROFILES, PrinterProfile


@pytest.fixture
def counter() -> Iterator[Callable[..., Counter]]:
    """Makes counters with a printer of a profile, by its name or as a record."""
    made: list[Counter] = []

    def make(profile: str | PrinterProfile = "t3-80", **options: object) -> Counter:
        one = Counter(PROFILES[profile] if isinstance(profile, str) else profile, **options)  # type: ignore[arg-type]
        made.append(one)
        return one

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty journal."""
    opened = Journal.open(tmp_path / "journal", source="/t/acme/s/01/r/1", reserve_mb=0)
    yield opened
    opened.close()
