"""Owns `posagent check-config`: every problem of the settings and the program file at once, without touching a device."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from posagent.cli.common import add_json, add_settings, print_json


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the options."""
    add_settings(parser)
    add_json(parser)
    parser.epilog = "example: posagent check-config --settings /etc/posagent/posagent.toml\n\n" + (parser.epilog or "")


def run(args: Namespace) -> int:
    """0: all is well; 78: problems, one a line."""
    from posagent.errors import SettingsError
    from posagent.loyalty.program import read_program
    from posagent.settings import load_settings

    path = Path(args.settings)
    problems: list[str] = []
    devices = 0
    try:
        settings, registry = load_settings(path)
    except SettingsError as wrong:
        problems = list(wrong.problems) or [str(wrong)]
    else:
        devices = len(settings.devices)
        problems = [f"driver {one.name} of {one.distribution} cannot be loaded: {one.why}" for one in registry.broken]
        try:
            _, found = read_program(settings.program.read_text("utf-8"))
            problems += [f"{settings.program}: {problem}" for problem in found]
        except (OSError, UnicodeDecodeError) as trouble:
            problems.append(f"{settings.program}: cannot be read: {trouble}; [program] file must name the store's rule file")
    if args.json:
        told = [problem.strip() for problem in problems]
        print_json({"schema": 1, "settings": str(path), "ok": not problems, "problems": told, "devices": devices})
    elif problems:
        print(f"{path}: {len(problems)} to mend:")
        for problem in problems:
            print(f"  {problem.strip()}")
    else:
        print(f"{path}: good ({devices} devices)")
    return 78 if problems else 0
