"""Owns `posagent devices`: what is plugged in, who holds it, what to paste into the settings; learn mode, calibration, serial probe."""

from __future__ import annotations

import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from posagent.cli.common import print_json
from posagent.errors import DeviceMissing, PosagentError
from posagent.ports import Found
from posagent.registry import load_drivers
from posagent.setup_text import toml_value

_SETUP = "posagent.setup"


def add_arguments(parser: ArgumentParser) -> None:
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--learn", action="store_true", help="scan anything: finds out which keyboard-like device is the scanner")
    mode.add_argument("--calibrate", action="store_true", help="one scan of one code: layout, Caps Lock, prefix, suffix of a keyboard scanner")
    mode.add_argument("--probe", metavar="PORT", help="a few scans of one code: speed and format of a scanner on a serial port")
    mode.add_argument("--drivers", action="store_true", help="list the installed drivers and their options")
    parser.add_argument("--chart", metavar="FILE.svg", type=Path, help="where to write the code to scan (default: a temporary file)")
    parser.add_argument("--for", dest="for_s", metavar="SECONDS", type=int, default=60, help="how long to wait for each scan (default: 60)")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.epilog = "Nothing is opened for the plain list. Exit code 5: nothing was found.\n\n" + (parser.epilog or "")


def run(args: Namespace) -> int:
    if args.learn:
        return _learn(args)
    if args.calibrate:
        return _calibrate(args)
    if args.probe:
        return _probe(args)
    return _drivers(args) if args.drivers else _list(args)


def _list(args: Namespace) -> int:
    registry = load_drivers()
    found: list[Found] = []
    problems = [f"driver {broken.name} ({broken.distribution}) cannot be loaded: {broken.why}" for broken in registry.broken]
    for driver in registry.drivers.values():
        try:
            found += driver.find()
        except (PosagentError, OSError) as trouble:
            problems.append(f"driver {driver.name} cannot look for devices: {trouble}")
    found.sort(key=lambda one: (one.kind, one.node))
    if args.json:
        print_json({"devices": [asdict(one) for one in found], "problems": problems})
        return 0 if found else 5
    counts: dict[str, int] = {}
    for one in found:
        print(f"{one.title}\n  {one.kind}, driver {one.driver}, at {one.node}, known by {one.identity}")
        if one.held_by:
            print(f"  held by {one.held_by}")
        if one.note:
            print(f"  note: {one.note}")
        if one.settings:
            counts[one.kind] = counts.get(one.kind, 0) + 1
            print(_indented(toml_table(one.kind, one.settings, f"{one.kind}-{counts[one.kind]}")))
        print()
    if not found:
        print("no device of an installed driver is plugged in; `posagent devices --drivers` lists the drivers")
    for problem in problems:
        print(f"! {problem}", file=sys.stderr)
    return 0 if found else 5


def _drivers(args: Namespace) -> int:
    drivers = load_drivers().drivers.values()
    if args.json:
        print_json(
            {
                "drivers": [
                    {"name": one.name, "kind": one.kind, "title": one.title, "maturity": one.maturity, "home": one.home, "source": one.source,
                     "options": {name: {"type": option.kind.__name__, "doc": option.doc, "default": option.default, "required": option.required,
                                        "choices": list(option.choices)} for name, option in one.options.items()}}
                    for one in drivers
                ]
            }
        )  # fmt: skip
        return 0
    for one in drivers:
        print(f"{one.name} ({one.kind}, {one.maturity}): {one.title}")
        for name, option in one.options.items():
            choices = f"  one of {', '.join(str(choice) or '(empty)' for choice in option.choices)}" if option.choices else ""
            default = "required" if option.required else f"default {toml_value(option.default)}"
            print(f"    {name:<16} {option.doc}; {default}{choices}")
        print()
    return 0


def _learn(args: Namespace) -> int:
    found: Found = _setup("learn")(args.for_s, _say)
    return _show(args, "scanner", found.settings, {"title": found.title, "node": found.node, "note": ""})


def _calibrate(args: Namespace) -> int:
    selector, seen = _setup("calibrate")(args.for_s, _say, _chart(args, "posagent-calibration.svg"))
    more = {"aim": seen.aim, "gap_ms": seen.gap_ms, "keypad": seen.keypad, "alt_codes": seen.alt_codes, "problems": list(seen.problems)}
    if not seen.settings:
        if args.json:
            print_json({"settings": {}, **more})
        else:
            print("\n".join(["this scanner fits no known layout:", *seen.problems]))
        return 1
    if seen.aim is None and not args.json:
        _say("it sends no AIM identifier: switch that on in the scanner, and posagent knows the kind of every code")
    return _show(args, "scanner", {"driver": "wedge", "device": selector, **seen.settings}, more)


def _probe(args: Namespace) -> int:
    chart = _chart(args, "posagent-probe.svg")
    _setup("probe-chart")(chart)
    _say(f"open {chart} on a screen or print it")
    return _show(args, "scanner", _setup("probe")(args.probe, args.for_s, _say), {})


def _show(args: Namespace, kind: str, settings: Mapping[str, Any], more: Mapping[str, Any]) -> int:
    if args.json:
        print_json({"settings": dict(settings), **more})
    else:
        print("paste this into the settings:\n")
        print(_indented(toml_table(kind, settings)))
    return 0


def toml_table(kind: str, settings: Mapping[str, Any], name: str = "") -> str:
    """The table to paste: [[scanner]] and one line per setting."""
    lines = [f"[[{kind}]]", f"name = {toml_value(name or f'{kind}-1')}"]
    return "\n".join([*lines, *(f"{key} = {toml_value(value)}" for key, value in settings.items())])


def _indented(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())


def _chart(args: Namespace, name: str) -> Path:
    return args.chart or Path(tempfile.mkdtemp(prefix="posagent-")) / name


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _setup(name: str) -> Callable[..., Any]:
    for point in entry_points(group=_SETUP, name=name):
        tool: Callable[..., Any] = point.load()
        return tool
    raise DeviceMissing(f"`{name}` is not installed; reinstall posagent (its scanner drivers bring it)")
