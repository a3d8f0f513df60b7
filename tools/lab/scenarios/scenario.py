"""Owns what a scenario is and what it is told."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.lab.register import Register

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Play:
    """How a run was asked for. ``dice`` are seeded: the same seed plays the same."""

    long: bool
    dice: random.Random
    package: Path
    out: Path
    soak_s: int
    cuts: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """One named play. ``short``: it belongs to the short run as well."""

    name: str
    title: str
    play: Callable[[Register, Play], Figures]
    short: bool = True
