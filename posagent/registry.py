"""Owns the finding of drivers: entry points of the group ``posagent.drivers``, ours and others' alike.

A driver that cannot be loaded is reported in `Registry.broken` and does not stop the till. In safe mode only the drivers of the
distribution ``posagent`` itself are loaded.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points

from posagent.ports import Driver

_log = logging.getLogger(__name__)
GROUP = "posagent.drivers"


@dataclass(frozen=True, slots=True)
class Broken:
    """A driver that could not be loaded: which distribution to update or remove, and why."""

    name: str
    distribution: str
    why: str


@dataclass(frozen=True, slots=True)
class Registry:
    """Every driver by its name."""

    drivers: dict[str, Driver] = field(default_factory=dict)
    broken: tuple[Broken, ...] = ()


def load_drivers(*, only: frozenset[str] | None = None, safe_mode: bool = False) -> Registry:
    """Loads the drivers (``only`` those names: a till imports what its settings name, `posagent devices` imports all)."""
    drivers: dict[str, Driver] = {}
    broken: list[Broken] = []
    for point in sorted(entry_points(group=GROUP), key=_ours_first):
        distribution = _distribution(point)
        if (only is not None and point.name not in only) or (safe_mode and distribution != "posagent"):
            continue
        try:
            loaded = point.load()
        except Exception as trouble:  # noqa: BLE001 - foreign code runs here: whatever it raises must not stop the till
            broken.append(Broken(point.name, distribution, f"{type(trouble).__name__}: {trouble}"))
            continue
        if not isinstance(loaded, Driver):
            broken.append(Broken(point.name, distribution, f"{point.value} is not a posagent.ports.Driver"))
        elif loaded.name != point.name:
            broken.append(Broken(point.name, distribution, f"the record calls itself '{loaded.name}'"))
        elif point.name in drivers:
            broken.append(Broken(point.name, distribution, "another driver has this name already"))
        else:
            drivers[point.name] = loaded
    for one in broken:
        _log.warning("driver %s of %s is left out: %s", one.name, one.distribution, one.why)
    return Registry(drivers, tuple(broken))


def driver_names() -> list[str]:
    """The names of all installed drivers, without importing any."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"


def _ours_first(point: EntryPoint) -> tuple[bool, str]:
    """Our names cannot be taken over by another distribution."""
    return (_distribution(point) != "posagent", point.name)
