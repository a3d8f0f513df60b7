"""Owns the checks of what the store has written down: settings, the program, code rules, the files' owners."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from posagent.doctor.case import Case
from posagent.doctor.finding import Finding, problem, unknown, warning


def settings_can_be_read(case: Case) -> Iterator[Finding]:
    """D-102."""
    if case.settings is None and not case.trouble:
        yield unknown("may_not_look", file=case.settings_file)
    elif case.settings is None:
        yield problem("settings_wrong", case.trouble, file=case.settings_file)


def members_are_known_by_rules(case: Case) -> Iterator[Finding]:
    """D-110: without a rule for member codes every card is refused."""
    if case.settings is None:
        return
    if not any(rule.kind == "member" for rule in case.settings.codes):
        yield problem("no_member_rule", file=case.settings_file)
    if not case.settings.of("scanner"):
        yield warning("no_scanner_set", file=case.settings_file)


def a_program_is_in_force(case: Case) -> Iterator[Finding]:
    """D-111."""
    if case.settings is None:
        return
    from posagent.events import Place
    from posagent.handed_down import program_file
    from posagent.program_store import KEPT, program_in_force

    register = case.settings.register
    place = Place(register.company, register.brand, register.store, register.register)
    journal, today = case.host.path(case.settings.journal), case.host.now().date()
    file = program_file(journal, case.host.path(case.settings.program))
    force = program_in_force(file, journal / KEPT, place, today)
    if force.program is None:
        yield problem("no_program", force.trouble, file=file)
    elif force.trouble:
        yield warning("program_kept", force.trouble, file=file)
    elif force.program.last_day is not None and (days := (force.program.last_day - today).days) <= 14:
        yield warning("program_ends", days=days, until=force.program.last_day)


def files_belong_to_the_right_people(case: Case) -> Iterator[Finding]:
    """D-106: nobody else may read the journal or write the settings; secrets are root's or the agent's alone."""
    yield from _mode(case, case.settings_file, 0o022, "settings_writable")
    if case.settings is None:
        return
    yield from _mode(case, case.settings.journal, 0o077, "journal_open")
    cloud = case.settings.cloud
    if cloud is not None and cloud.credentials is not None:
        yield from _mode(case, cloud.credentials, 0o077, "secret_open")
    if case.settings.code_key is not None:
        yield from _mode(case, case.settings.code_key, 0o077, "secret_open")


def _mode(case: Case, path: Path, wrong: int, words: str) -> Iterator[Finding]:
    try:
        mode = case.host.path(path).stat().st_mode
    except PermissionError:
        yield unknown("may_not_look", file=path)
        return
    except OSError:
        return  # that it is not there is another check's
    if stat.S_IMODE(mode) & wrong:
        right = stat.S_IMODE(mode) & ~wrong
        yield problem(words, file=path, mode=f"{right:o}")
