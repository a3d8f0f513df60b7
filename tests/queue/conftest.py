"""Owns what the queue's tests share: events to put, a journal to put them into."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offline_queue.events import NewEvent
from offline_queue.journal import Journal

sys.path.insert(0, str(Path(__file__).parent))  # receiver_model and the other parts that these tests share

SOURCE = "/t/acme/s/0042/r/2"


def _grant(key: str, points: int = 49, **trace: int) -> NewEvent:
    return NewEvent(
        type="posagent.sale.granted.v1",
        subject="m:2912345678901",
        idemkey=key,
        time="2026-11-22T12:34:56.123+09:00",
        data={"amount": points * 100, "tax": "incl", "rule": "r7", "points": points, "trace": dict(trace)},
    )


@pytest.fixture
def grant() -> Callable[..., NewEvent]:
    """A grant with this business key; keyword arguments go under "trace"."""
    return _grant


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A fresh journal without reserve (tests of the reserve make their own)."""
    opened = Journal.open(tmp_path / "journal", source=SOURCE, reserve_mb=0)
    yield opened
    opened.close()


@pytest.fixture
def memory_path() -> Iterator[Path]:
    """A directory whose syncs cost nothing, for tests that judge what was written, not how: in memory where the machine offers that."""
    home = Path("/dev/shm")
    path = Path(tempfile.mkdtemp(prefix="queue-", dir=home if home.is_dir() else None))
    yield path
    shutil.rmtree(path)
