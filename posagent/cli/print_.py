"""Owns `posagent print`: slips without a printer, a test print on one, and the print jobs of the journal."""

from __future__ import annotations

import contextlib
import getpass
import sqlite3
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from posagent.cli.common import add_json, print_json
from posagent.errors import AlreadyRunning, SettingsError, StorageError
from posagent.ports import Device, Drawer, Driver, Evidence, Printer, Ticket
from posagent.slips import Slip, from_json

PROFILES: Mapping[str, dict[str, Any]] = {
    "80mm": {"dialect": "epson", "paper_mm": 80},
    "58mm": {"dialect": "epson", "paper_mm": 58, "width_dots": 384},
    "80mm-180dpi": {"dialect": "epson180", "paper_mm": 80},
    "58mm-180dpi": {"dialect": "epson180", "paper_mm": 58},
    "clone": {"dialect": "clone", "paper_mm": 80},
    "clone58": {"dialect": "clone58", "paper_mm": 58},
}
"""Papers and families worth a look; any other is said with --set."""

SENSOR_S = 0.5
LOOKS, SLIDE_S = 4, 0.2  # a drawer takes a moment to slide off its switch

_WAITING = ("QUEUED", "HELD", "SENDING", "HANDED", "UNCONFIRMED", "NEEDS_OPERATOR")
_WORDS = {
    "QUEUED": "waits", "HELD": "held up", "SENDING": "is being printed", "HANDED": "is being printed", "UNCONFIRMED": "is being cleared up",
    "NEEDS_OPERATOR": "did it come out?", "CONFIRMED": "printed", "SUPERSEDED": "a marked copy took its place", "CANCELLED": "cancelled",
}  # fmt: skip


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the sub-commands."""
    subs = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    look = subs.add_parser("preview", help="draw a slip without a printer", description="Draws a slip as a printer of the profile would.")
    look.add_argument("--slip", required=True, metavar="FILE", help="the slip as JSON (config/slips has examples); - reads standard input")
    look.add_argument("--profile", default="80mm", choices=tuple(PROFILES), help="paper and family (default: 80mm)")
    look.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the printer's table, e.g. dialect=citizen")
    look.add_argument("--png", metavar="OUT", type=Path, help="the picture")
    look.add_argument("--escpos", metavar="OUT", type=Path, help="the bytes that would be sent")
    add_json(look)
    test = subs.add_parser("test", help="print the test slip", description="Prints the test slip on a printer that no agent holds.")
    test.add_argument("--driver", default="escpos-tcp", help="the printer's driver (default: escpos-tcp)")
    test.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="its settings, e.g. host=192.0.2.7")
    test.add_argument("--lang", default="ja", choices=("ja", "en"))
    add_json(test)
    drawer = subs.add_parser("drawer", help="open the cash drawer once", description="Sends one pulse to a drawer that no agent holds.")
    drawer.add_argument("--driver", default="drawer-escpos", help="the drawer's driver (default: drawer-escpos)")
    drawer.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="its settings, e.g. host=192.0.2.7")
    add_json(drawer)
    jobs = subs.add_parser("jobs", help="what waits for the printer, what is in doubt", description="The print jobs of the journal.")
    jobs.add_argument("--journal", metavar="DIR", type=Path, default=Path("/var/lib/posagent"), help="the journal directory")
    jobs.add_argument("--all", action="store_true", help="finished jobs too, the newest first")
    jobs.add_argument("--limit", type=int, default=50, metavar="N")
    add_json(jobs)
    answer = subs.add_parser("answer", help="say whether a slip came out", description="Settles a slip whose printer could not prove it.")
    answer.add_argument("number", type=int)
    answer.add_argument("came_out", choices=("yes", "no"), help="no: a marked copy is printed")
    answer.add_argument("--journal", metavar="DIR", type=Path, default=Path("/var/lib/posagent"), help="the journal directory")
    answer.add_argument("--operator", default=getpass.getuser(), help="who looked (default: the user)")
    parser.epilog = "example: posagent print preview --slip config/slips/grant.ja.json --png slip.png\n\n" + (parser.epilog or "")


def run(args: Namespace) -> int:
    """0 ok; 1: the test slip was not printed, or cannot be, or the drawer stayed shut; 69: printer or journal unavailable."""
    return {"preview": _preview, "test": _test, "drawer": _drawer, "jobs": _jobs, "answer": _answer}[args.what](args)


# ---------------------------------------------------------------- without a journal


def _preview(args: Namespace) -> int:
    try:
        body = sys.stdin.buffer.read() if args.slip == "-" else Path(args.slip).read_bytes()
        slip = from_json(body)
    except OSError as trouble:
        raise SettingsError(f"{args.slip}: {trouble.strerror}; give a slip as JSON, config/slips has examples") from None
    except ValueError as wrong:
        raise SettingsError(f"{args.slip}: {wrong}") from None
    driver = _driver("escpos-tcp")
    if driver.preview is None:
        raise SettingsError("the driver escpos-tcp cannot draw; reinstall posagent")
    try:
        seen = driver.preview(slip, {**PROFILES[args.profile], **_given(driver, args.set)})
    except ValueError as wrong:
        print(f"{args.slip} cannot be printed on {args.profile}: {wrong}", file=sys.stderr)
        return 1
    for path, content in ((args.png, seen.png), (args.escpos, seen.stream)):
        if path is not None:
            _write(path, content)
    result = {"serial": slip.serial, "profile": args.profile, "bytes": len(seen.stream), "warnings": list(seen.warnings)}
    if args.json:
        print_json({"schema": 1, **result})
        return 0
    print(f"{slip.serial} on {args.profile}: {len(seen.stream)} bytes to the printer")
    for warning in seen.warnings:
        print(f"  {warning}")
    for path in (args.png, args.escpos):
        if path is not None:
            print(f"  {path}")
    return 0


def _test(args: Namespace) -> int:
    printer = cast("Printer", _opened(args))
    try:
        status = printer.status(2.0)
        outcome = printer.print(Ticket("test", "te", 1, _test_slip(printer, args)), _nothing, 20.0)
        while outcome.waiting:
            print(f"waiting: {outcome.reason} (Ctrl-C stops)", file=sys.stderr)
            outcome = printer.resolve(Ticket("test", "te", 1, _test_slip(printer, args)), outcome.evidence or Evidence(1, 1, None, 0), 5.0)
        able = printer.capabilities
    finally:
        printer.close()
    result = {
        "state": outcome.state, "certainty": outcome.certainty, "reason": outcome.reason, "tier": able.tier, "model": able.model,
        "process_id": able.process_id, "cut_counter": able.cut_counter, "paper": status.paper, "warnings": list(outcome.warnings),
    }  # fmt: skip
    if args.json:
        print_json({"schema": 1, **result})
    else:
        print(f"{able.maker} {able.model}".strip() or "a printer that does not say its name")
        print(f"  proof    tier {able.tier} of 3 ({', '.join(_proofs(able.process_id, able.cut_counter, able.tier))})")
        print(f"  paper    {status.paper or 'no status'}")
        print(f"  slip     {outcome.state}{f' ({outcome.certainty})' if outcome.certainty else ''}: {outcome.reason}")
        for warning in outcome.warnings:
            print(f"           {warning}")
    return 0 if outcome.state == "printed" else 1


def _opened(args: Namespace) -> Device:
    driver = _driver(args.driver)
    options = {name: option.default for name, option in driver.options.items()} | _given(driver, args.set)
    missing = [name for name, option in driver.options.items() if option.required and not options[name]]
    if missing:
        raise SettingsError(f"{args.driver} needs {', '.join(missing)}: posagent print {args.what} --driver {args.driver} --set {missing[0]}=…")
    return driver.open(args.what, options)


def _drawer(args: Namespace) -> int:
    """The pulse, and what the sensor says of it before and half a second later."""
    drawer = cast("Drawer", _opened(args))
    try:
        before = drawer.is_open(SENSOR_S)
        drawer.open(2.0)
        after = before
        for _ in range(LOOKS):
            time.sleep(SLIDE_S)
            if after := drawer.is_open(SENSOR_S):
                break
    finally:
        drawer.close()
    if args.json:
        print_json({"schema": 1, "before": before, "open": after})
    elif after is None:
        print("the pulse was sent; the drawer does not say whether it opened (look, or set open_level where it has a sensor)")
    elif before and after:
        print("the pulse was sent; the drawer says that it was open before already (push it shut; or open_level is the wrong way round)")
    else:
        print("the drawer is open" if after else "the drawer is still shut; check its cable, its key, and --set connector=0 or 1")
    return 1 if after is False else 0


def _proofs(process_id: bool, cut_counter: bool, tier: int) -> list[str]:
    found = [word for word, there in (("process id", process_id), ("cutter counter", cut_counter)) if there]
    return found or ["status only" if tier else "none: it answers nothing"]


def _test_slip(printer: Printer, args: Namespace) -> Slip:
    from posagent.slip_texts import Head, diagnostic_slip

    able = printer.capabilities
    facts = [("Driver", args.driver), *((name, args_value) for name, args_value in (word.split("=", 1) for word in args.set))]
    facts += [(name, value) for name, value in (("Model", able.model), ("Firmware", able.firmware), ("Serial", able.serial)) if value]
    now = datetime.now().astimezone()
    return diagnostic_slip(Head(f"TEST-1-{now:%Y%m%d}-{now:%H%M%S}", "posagent", "-", now, args.lang, sample=True), facts=facts)


def _nothing(evidence: Evidence) -> None:
    """A test slip has no job to write down."""


def _driver(name: str) -> Driver:
    from posagent.registry import load_drivers

    found = load_drivers(only=frozenset({name}))
    if name not in found.drivers:
        why = f": {found.broken[0].why}" if found.broken else "; 'posagent devices' lists the drivers"
        raise SettingsError(f"there is no driver {name}{why}")
    return found.drivers[name]


def _given(driver: Driver, words: list[str]) -> dict[str, Any]:
    """KEY=VALUE words as the driver's options. Raises SettingsError for a key or a value that the driver does not know."""
    found: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        option = driver.options.get(key)
        if not equals or option is None:
            raise SettingsError(f"--set {word}: {driver.name} knows {', '.join(driver.options)}; write KEY=VALUE")
        value: Any = text
        if option.kind is int:
            if not text.lstrip("-").isdigit():
                raise SettingsError(f"--set {word}: {key} is a whole number")
            value = int(text)
        elif option.kind is bool:
            value = text in {"true", "yes", "1"}
        if option.choices and value not in option.choices:
            raise SettingsError(f"--set {word}: {key} is one of {', '.join(map(str, option.choices))}")
        found[key] = value
    return found


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as trouble:
        raise SettingsError(f"cannot write {path}: {trouble.strerror}; choose another place") from None


# ---------------------------------------------------------------- with a journal


def _jobs(args: Namespace) -> int:
    from offline_queue.reader import JournalReader

    path = _database(args.journal)
    try:
        with contextlib.closing(JournalReader(path)) as reader:
            where = "1" if args.all else f"state IN ({','.join('?' * len(_WAITING))})"
            rows = reader.rows(
                "SELECT id, printer, serial, copy, state, certainty, attempt, reason, operator, created, updated FROM job "  # noqa: S608
                f"WHERE {where} ORDER BY id DESC LIMIT ?", (*(() if args.all else _WAITING), max(1, min(args.limit, 10_000)))
            )  # fmt: skip
    except sqlite3.Error as trouble:
        raise StorageError(f"{path} cannot be read: {trouble}; 'posagent queue verify' says more") from None
    if args.json:
        print_json({"schema": 1, "jobs": rows})
        return 0
    if not rows:
        print("no slips yet" if args.all else "no slip waits, none is in doubt")
        return 0
    for row in rows:
        sure = f" ({row['certainty']})" if row["certainty"] else ""
        copy = f" copy {row['copy']}" if row["copy"] > 1 else ""
        what = f"{row['serial']}{copy}  {_WORDS[row['state']]}{sure}  {row['reason']}".rstrip()
        print(f"{row['id']:>6}  {row['updated'][:19]}  {row['printer']:<10}  {what}")
    if any(row["state"] == "NEEDS_OPERATOR" for row in rows):
        print("look at the printer, then: posagent print answer NUMBER yes|no")
    return 0


def _answer(args: Namespace) -> int:
    from offline_queue.errors import JobChanged, JournalLocked, NoSuchEntry, QueueError
    from offline_queue.journal import Journal
    from offline_queue.print_lane import PrintLane
    from posagent.print_lane import answer_job

    try:
        source = _source(args.journal)
        journal = Journal.open(args.journal, source=source)
    except JournalLocked:
        raise AlreadyRunning("the agent runs: answer on its page, under the slip in doubt") from None
    except QueueError as trouble:
        raise StorageError(str(trouble)) from None
    with contextlib.closing(journal):
        try:
            copy = answer_job(PrintLane(journal), args.number, args.came_out == "yes", args.operator)
        except (NoSuchEntry, JobChanged) as wrong:
            print(f"posagent: {wrong}; 'posagent print jobs --all' lists them", file=sys.stderr)
            return 1
    print(f"slip {args.number}: noted as printed" if copy is None else f"slip {args.number}: a marked copy waits as number {copy}")
    return 0


def _source(directory: Path) -> str:
    """Who this register is, as its journal says."""
    from offline_queue.reader import JournalReader
    from offline_queue.schema import meta_text

    with contextlib.closing(JournalReader(_database(directory))) as reader:
        return meta_text(reader.meta(), "source")


def _database(directory: Path) -> Path:
    from offline_queue.database import DATABASE

    path = directory / DATABASE
    if not path.is_file():
        raise StorageError(f"there is no journal in {directory}; say where it is with --journal DIR")
    return path
