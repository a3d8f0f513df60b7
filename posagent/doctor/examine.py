"""Owns the examination: what is gathered beforehand, the order of the checks, and what each of them found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posagent.doctor import counter_checks, device_checks, machine_checks, office_checks, service_checks, settings_checks
from posagent.doctor.case import Agent, Case
from posagent.doctor.finding import Check, Finding, Level, unknown
from posagent.doctor.host import Host
from posagent.ports import Found

CHECKS: tuple[Check, ...] = (
    Check("D-101", service_checks.the_agent_runs),
    Check("D-102", settings_checks.settings_can_be_read),
    Check("D-103", machine_checks.the_clock_is_right),
    Check("D-104", machine_checks.the_disk_has_room, "settings"),
    Check("D-105", machine_checks.the_journal_can_be_read, "settings"),
    Check("D-106", settings_checks.files_belong_to_the_right_people),
    Check("D-107", machine_checks.the_disk_keeps_what_it_is_given, "settings", slow=True),
    Check("D-108", machine_checks.the_journal_is_whole, "settings", slow=True),
    Check("D-110", settings_checks.members_are_known_by_rules, "settings"),
    Check("D-111", settings_checks.a_program_is_in_force, "settings"),
    Check("D-201", device_checks.devices_are_there, "settings"),
    Check("D-203", device_checks.nobody_else_wants_them, "settings"),
    Check("D-204", device_checks.twins_can_be_told_apart),
    Check("D-205", service_checks.devices_are_allowed),
    Check("D-206", machine_checks.the_kernel_has_not_complained, slow=True),
    Check("D-207", counter_checks.scanners_read_whole_codes, "agent"),
    Check("D-208", device_checks.network_devices_answer, "settings", slow=True),
    Check("D-209", device_checks.drivers_can_be_loaded),
    Check("D-210", device_checks.udev_knows_us, "settings"),
    Check("D-211", device_checks.udev_follows_our_rules, slow=True),
    Check("D-300", counter_checks.the_agent_can_be_asked, "settings"),
    Check("D-301", counter_checks.devices_work, "agent"),
    Check("D-303", counter_checks.printers_prove_what_they_print, "agent"),
    Check("D-304", counter_checks.nothing_waits_for_a_person, "agent"),
    Check("D-401", office_checks.head_office_is_reached, "settings", slow=True),
    Check("D-403", office_checks.the_register_is_enrolled, "settings"),
    Check("D-501", service_checks.strangers_are_refused, "agent"),
    Check("D-502", service_checks.the_browser_may_reach_us, "settings"),
    Check("D-601", service_checks.the_last_version_is_kept),
)
_GRAVEST: tuple[Level, ...] = ("problem", "warning", "unknown", "ok")


@dataclass(frozen=True, slots=True)
class Looked:
    """What one check found. ``level``: the gravest of its findings, "ok" where there are none. ``skipped``: not looked at."""

    check: Check
    findings: tuple[Finding, ...]
    skipped: bool = False

    @property
    def level(self) -> Level:
        """Of the check as a whole."""
        return next((level for level in _GRAVEST if any(found.level == level for found in self.findings)), "ok")


Asked = tuple[Agent, dict[str, Any] | None, dict[str, Any] | None]
"""Whether the agent could be asked; its GET /v1/devices; its GET /v1/status."""


def gather(settings_file: Path, ask: Callable[[Path], Asked], host: Host | None = None, *, usual: Path | None = None) -> Case:
    """Reads the settings, asks the agent at its socket, lists the devices. ``usual``: the socket to try where this user may not read the
    settings. Never raises: what cannot be had is missing, and said."""
    from posagent.errors import PosagentError, SettingsError
    from posagent.registry import load_drivers
    from posagent.settings import Settings, load_settings

    machine, settings_file = host or Host(), settings_file.absolute()
    settings: Settings | None = None
    trouble, forbidden = "", False
    try:
        settings, _ = load_settings(settings_file)
    except SettingsError as wrong:
        trouble, forbidden = str(wrong), isinstance(wrong.__cause__, PermissionError)
    found: list[Found] = []
    registry = load_drivers()
    for driver in registry.drivers.values():
        try:
            found += driver.find()
        except (PosagentError, OSError):
            continue
    socket = settings.screen.socket if settings is not None else usual if forbidden else None
    agent, room, status = ask(socket) if socket is not None else ("no_socket", None, None)
    return Case(machine, settings_file, settings, "" if forbidden else trouble, agent, room, status, tuple(found), registry.broken)


def examine(case: Case, checks: Sequence[Check] = CHECKS, *, quick: bool = False) -> list[Looked]:
    """Goes through the checks in order."""
    return [Looked(check, (), skipped=True) if _left_out(check, case, quick) else Looked(check, _findings(check, case)) for check in checks]


def _left_out(check: Check, case: Case, quick: bool) -> bool:
    return (quick and check.slow) or (check.needs == "settings" and case.settings is None) or (check.needs == "agent" and case.room is None)


def _findings(check: Check, case: Case) -> tuple[Finding, ...]:
    """A file or a socket that goes away under the check is itself a finding: the other checks still help."""
    try:
        return tuple(check.look(case))
    except OSError as trouble:
        return (unknown("not_looked", str(trouble)),)
