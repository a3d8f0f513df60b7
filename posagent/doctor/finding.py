"""Owns what a check finds: one fact, how grave it is, and the values for its words. PURE."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from posagent.doctor.case import Case

Level = Literal["ok", "unknown", "warning", "problem"]
"""unknown: could not be looked at, and the finding says why. It is never rounded to ok."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``words`` is a key of `posagent.doctor.words`; ``detail`` is English, for the help desk."""

    level: Level
    words: str
    values: Mapping[str, Any] = field(default_factory=dict)
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at. ``id`` never changes its meaning: it is read out over the telephone. ``needs``: what must be there for a look;
    without it the check is left out, and never called well. ``slow``: left out with --quick."""

    id: str
    look: Callable[[Case], Iterable[Finding]]
    needs: Literal["", "settings", "agent"] = ""
    slow: bool = False


def problem(words: str, detail: str = "", **values: Any) -> Finding:
    """Somebody must act before the counter works as it should."""
    return Finding("problem", words, values, detail)


def warning(words: str, detail: str = "", **values: Any) -> Finding:
    """It works, and will not for ever."""
    return Finding("warning", words, values, detail)


def unknown(words: str, detail: str = "", **values: Any) -> Finding:
    """Could not be looked at."""
    return Finding("unknown", words, values, detail)
