"""What the loyalty tests share: short forms of programs, sales and times, and golden texts."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import settings

from posagent.loyalty import Program, read_program

settings.register_profile("loyalty", deadline=None, derandomize=True, database=None, max_examples=100)
settings.register_profile("mutation", deadline=None, derandomize=True, database=None, max_examples=10)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "loyalty"))

HERE = Path(__file__).parent
HEAD = 'schema = 1\n[program]\nid = "p"\nversion = 1\n'


@pytest.fixture(scope="session")
def make() -> Callable[..., Program]:
    """Builds a program from TOML that follows the [program] table; it must be without problems."""

    def build(body: str, head: str = HEAD) -> Program:
        program, problems = read_program(head + body)
        assert problems == [], problems
        return program

    return build


@pytest.fixture(scope="session")
def at() -> Callable[[str], datetime]:
    """"2026-06-02 15:00" in Japan."""
    return lambda text: datetime.fromisoformat(text.replace(" ", "T") + "+09:00")


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compares a text with its file under golden/. GOLDEN=write writes it: then read what was written before you commit it."""

    def compare(name: str, text: str) -> None:
        path = HERE / "golden" / name
        if os.environ.get("GOLDEN") == "write":
            path.parent.mkdir(exist_ok=True)
            path.write_text(text + "\n", encoding="utf-8")
        assert text + "\n" == path.read_text(encoding="utf-8")

    return compare
