"""Owns what the checks are given: the machine, the settings as far as they can be read, and the agent's own words if it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from posagent.doctor.host import Host
from posagent.ports import Found
from posagent.registry import Broken
from posagent.settings import Settings

Agent = Literal["running", "down", "refused", "no_socket"]
"""refused: it runs, but this user may not ask it; no_socket: the settings name no socket to ask it at."""


@dataclass(frozen=True, slots=True)
class Case:
    """One examination. ``settings`` None: they cannot be read, ``trouble`` says why ("": this user may not).

    ``room``: the agent's GET /v1/devices, if it answered."""

    host: Host
    settings_file: Path
    settings: Settings | None
    trouble: str
    agent: Agent
    room: dict[str, Any] | None
    status: dict[str, Any] | None
    found: tuple[Found, ...]
    """What is plugged in, as the installed drivers tell; empty where they cannot."""
    broken: tuple[Broken, ...] = ()
    """Drivers that are installed and cannot be loaded."""
