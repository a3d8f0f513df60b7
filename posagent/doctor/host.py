"""Owns the doctor's view of the machine: files below a root, commands with a deadline, the clock. Tests put a machine of their own here."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

COMMAND_S = 3.0
LONGEST = 1 << 20


class Ran(NamedTuple):
    """What a command said. ``code`` 127: there is no such command here; 124: it did not end in time."""

    code: int
    out: str


def run(command: Sequence[str]) -> Ran:
    """Runs a command of the system, without a shell and for `COMMAND_S` at most."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=COMMAND_S, check=False)
    except FileNotFoundError:
        return Ran(127, "")
    except (subprocess.TimeoutExpired, OSError):
        return Ran(124, "")
    return Ran(done.returncode, done.stdout[-LONGEST:].decode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class Host:
    """The machine that is looked at."""

    root: Path = Path("/")
    run: Callable[[Sequence[str]], Ran] = run
    now: Callable[[], datetime] = field(default=lambda: datetime.now().astimezone())

    def path(self, absolute: str | Path) -> Path:
        """A path of the machine, below the root."""
        return self.root / str(absolute).lstrip("/")

    def read(self, absolute: str | Path) -> str | None:
        """A file's text, at most 1 MB of its end; None where it is not there or may not be read."""
        try:
            with open(self.path(absolute), "rb") as source:
                return source.read(LONGEST).decode("utf-8", "replace")
        except OSError:
            return None

    def shows(self, unit: str, *properties: str) -> dict[str, str] | None:
        """What systemd says of a unit; None where there is no systemd to ask."""
        ran = self.run(["systemctl", "show", unit, *(f"--property={name}" for name in properties)])
        if ran.code != 0 or "=" not in ran.out:
            return None
        return dict(line.split("=", 1) for line in ran.out.splitlines() if "=" in line)

    def is_active(self, unit: str) -> bool:
        """Whether systemd runs a unit at this moment."""
        return self.run(["systemctl", "is-active", unit]).out.strip() == "active"
