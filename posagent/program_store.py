"""Owns which program is in force: the store's file where it holds, else the last good one, else none (members are seen, nothing is granted)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path

from posagent.events import Place
from posagent.loyalty.program import read_program
from posagent.loyalty.rules import Program
from posagent.loyalty.validity import applicable

KEPT = "program.kept.toml"
"""The last program that held, beside the journal."""


@dataclass(frozen=True, slots=True)
class InForce:
    """``program`` None: nothing may be granted. ``trouble`` says why the store's own file is not the one in force; "" when it is."""

    program: Program | None
    digest: str  # SHA-256 of the text, for the record
    trouble: str = ""


def program_in_force(file: Path, kept: Path, place: Place, day: date) -> InForce:
    """Reads the store's file; where it does not hold, the one that ``keep`` kept. Never raises: a till goes on without points."""
    first = _held(file, place, day)
    if first.program is not None:
        return first
    last = _held(kept, place, day)
    if last.program is None:
        return InForce(None, "", f"{first.trouble}; there is no earlier program that holds either")
    return InForce(last.program, last.digest, f"{first.trouble}; {last.program.reference} stays in force")


def keep(file: Path, kept: Path, digest: str) -> None:
    """Keeps a copy of the program that was just applied, durably, for the day on which its successor is broken."""
    text = file.read_bytes()
    if sha256(text).hexdigest() != digest:  # replaced meanwhile: the next look applies, and keeps, the new one
        return
    scratch = kept.with_suffix(".new")
    with scratch.open("wb") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    scratch.replace(kept)


def _held(file: Path, place: Place, day: date) -> InForce:
    try:
        text = file.read_bytes()
        program, problems = read_program(text.decode("utf-8"))
    except FileNotFoundError:
        return InForce(None, "", f"{file}: there is no program file")
    except (OSError, UnicodeDecodeError) as trouble:
        return InForce(None, "", f"{file}: cannot be read: {trouble}")
    if problems:
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        return InForce(None, "", f"{file}: {problems[0]}{more}; `posagent program check {file}` shows all")
    standing = applicable(program, day, place.store, place.company, place.brand)
    if not standing.grants:
        return InForce(None, "", f"{file}: {standing.reason}")
    return InForce(program, sha256(text).hexdigest())
