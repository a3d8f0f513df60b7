"""Owns `posagent queue`: the journal as a technician sees it, beside a running agent or without one."""

from __future__ import annotations

import getpass
import json
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from posagent.cli.common import add_json, add_settings, print_json
from posagent.errors import AlreadyRunning, PosagentError, SettingsError, StorageError

ANSWER_S = 10.0
USUAL_DIRECTORY = Path("/var/lib/posagent")


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the sub-commands."""
    subs = parser.add_subparsers(dest="what", required=True, metavar="WHAT")

    def sub(name: str, line: str) -> ArgumentParser:
        one = subs.add_parser(name, help=line, description=line)
        one.add_argument("--journal", metavar="DIR", type=Path, default=None, help="the journal directory (default: from the settings)")
        add_settings(one)
        return one

    add_json(sub("status", "how many events wait, since when, what is parked, what is refused"))
    listed = sub("list", "events that need somebody (or --pending, --all)")
    listed.add_argument("--pending", dest="which", action="store_const", const="pending", default="exceptions", help="what waits for the cloud")
    listed.add_argument("--all", dest="which", action="store_const", const="all", help="the newest first")
    listed.add_argument("--limit", type=int, default=50, metavar="N")
    add_json(listed)
    shown = sub("show", "one event, whole")
    shown.add_argument("event", metavar="NUMBER|KEY")
    again = sub("retry", "send a parked event again")
    again.add_argument("number", type=int)
    gone = sub("drop", "give up a parked or refused event; it stays in the journal, marked")
    gone.add_argument("number", type=int)
    gone.add_argument("--reason", required=True)
    for one in (again, gone):
        one.add_argument("--operator", default=getpass.getuser(), help="who decides (default: the user)")
    sub("verify", "check the file's structure and the chain of digests over every event")
    out = sub("export", "events as they were recorded, one JSON line each")
    out.add_argument("--after", type=int, default=0, metavar="NUMBER")
    copy = sub("snapshot", "a consistent copy of the journal, also while the agent runs")
    copy.add_argument("file", type=Path)
    parser.epilog = "example: posagent queue list --pending\n\n" + (parser.epilog or "")


def journal_directory(args: Namespace) -> Path:
    """Where the journal is: as said, else as the settings say, else (with a warning) the usual place."""
    if args.journal is not None:
        return Path(args.journal)
    from posagent.settings import load_settings

    try:
        settings, _ = load_settings(Path(args.settings), safe_mode=True)
    except SettingsError as trouble:
        print(trouble, file=sys.stderr)
        print(f"the journal is looked for in {USUAL_DIRECTORY}; --journal DIR names another directory", file=sys.stderr)
        return USUAL_DIRECTORY
    return settings.journal


def run(args: Namespace) -> int:
    """0 ok; 1: verify found something; 69: the journal cannot be read."""
    from offline_queue.errors import JournalLocked, QueueError

    try:
        return _COMMANDS[args.what](args, journal_directory(args))
    except JournalLocked as trouble:
        raise AlreadyRunning(str(trouble)) from None
    except QueueError as trouble:
        raise StorageError(str(trouble)) from None


def _status(args: Namespace, directory: Path) -> int:
    from offline_queue.report import Report

    report = Report(directory)
    found = report.status()
    report.close()
    if args.json:
        print_json({"schema": 1, **found})
        return 0
    print(f"{found['journal']}  register {found['register']}")
    print(f"  events       {found['events']:>9}   acknowledged up to {found['acknowledged']}")
    since = f"   the oldest is of {found['oldest_pending']}" if found["oldest_pending"] else ""
    print(f"  waiting      {found['pending']:>9}{since}")
    print(f"  parked       {found['parked']:>9}   refused by the receiver {found['refused']}, known already {found['duplicates']}")
    print(f"  to print     {found['to_print']:>9}   fate unknown {found['unresolved_slips']}")
    print(f"  reserve      {found['reserve_mb_free']:>6} MB   clock {_offset(found['clock_offset_ms'])}")
    print(f"  stream       {found['stream']}")
    for old in found["streams_before"]:
        print(f"    before: {old['stream_id']} up to {old['last_seq']}, closed {old['closed_at']}: {old['reason']}")
    if found["parked"] or found["refused"]:
        print("'posagent queue list' shows what needs somebody")
    return 0


def _list(args: Namespace, directory: Path) -> int:
    from offline_queue.report import Report

    report = Report(directory)
    rows = report.rows(args.which, max(1, min(args.limit, 100_000)))
    report.close()
    if args.json:
        print_json({"schema": 1, "events": rows})
        return 0
    if not rows:
        print("nothing waits" if args.which == "pending" else "nothing needs anybody" if args.which == "exceptions" else "no events yet")
        return 0
    for row in rows:
        kind = str(row["type"]).removeprefix("posagent.").removesuffix(".v1")
        origin = f"; same key as {row['of_seq']} of {row['of_stream']}" if "of_stream" in row else ""
        why = f"{row.get('problem', '')}{origin}"
        print(f"{row['seq']:>8}  {row['state']:<9}  {row['time'][:19]}  {kind:<16}  {row['idemkey']}  {why}".rstrip())
    return 0


def _show(args: Namespace, directory: Path) -> int:
    from offline_queue.report import Report

    report = Report(directory)
    found = report.event(args.event)
    report.close()
    print(json.dumps(found, ensure_ascii=False, indent=2))
    return 0


def _verify(args: Namespace, directory: Path) -> int:
    from offline_queue.report import Report

    report = Report(directory)
    found, status = report.verify(), report.status()
    report.close()
    for line in found:
        print(f"{status['journal']}: {line}")
    if found:
        print("restart posagent: it repairs the journal, keeps the damaged file aside, and says what is missing")
        return 1
    print(f"{status['journal']}: {status['events']} events, all links hold; the last is {status['last_link'][:16]}…")
    return 0


def _export(args: Namespace, directory: Path) -> int:
    from offline_queue.report import Report

    report = Report(directory)
    for body in report.lines(args.after):
        sys.stdout.buffer.write(body + b"\n")
    sys.stdout.buffer.flush()
    report.close()
    return 0


def _snapshot(args: Namespace, directory: Path) -> int:
    from offline_queue.snapshots import snapshot

    size = snapshot(directory, args.file)
    print(f"{args.file}: {size >> 10} KB; to restore: stop posagent, put it in place of queue.db, delete queue.db-wal and queue.db-shm")
    return 0


def _retry(args: Namespace, directory: Path) -> int:
    return _decide(directory, {"what": "retry", "seq": args.number, "operator": args.operator})


def _drop(args: Namespace, directory: Path) -> int:
    return _decide(directory, {"what": "drop", "seq": args.number, "reason": args.reason, "operator": args.operator})


def _decide(directory: Path, order: dict[str, Any]) -> int:
    """Here if no agent runs, else through the agent."""
    from offline_queue.decisions import drop, place_order, retry
    from offline_queue.errors import JournalLocked
    from offline_queue.journal import Journal
    from offline_queue.report import Report

    report = Report(directory)
    register = report.status()["register"]
    report.close()
    try:
        journal = Journal.open(directory, source=register, reserve_mb=0)
    except JournalLocked:
        answer = _await(place_order(directory, order))
        if answer is None:
            raise PosagentError("the agent did not answer in time; the order stays and is carried out by its cloud lane") from None
        print(answer["said"])
        return 0 if answer["ok"] else 1
    try:
        if order["what"] == "retry":
            print(retry(journal, order["seq"], order["operator"]))
        else:
            print(drop(journal, order["seq"], order["reason"], order["operator"]))
    finally:
        journal.close()
    return 0


def _await(path: Path) -> dict[str, Any] | None:
    until = time.monotonic() + ANSWER_S
    while time.monotonic() < until:
        if path.exists():
            found: dict[str, Any] = json.loads(path.read_text("utf-8"))
            path.unlink(missing_ok=True)
            return found
        time.sleep(0.05)  # a person waits at a prompt; the agent looks twice a second
    return None


def _offset(milliseconds: int | None) -> str:
    if milliseconds is None:
        return "not compared yet"
    return f"{abs(milliseconds) / 1000:.1f} s {'behind' if milliseconds > 0 else 'ahead of'} the receiver"


_COMMANDS: dict[str, Callable[[Namespace, Path], int]] = {
    "status": _status,
    "list": _list,
    "show": _show,
    "retry": _retry,
    "drop": _drop,
    "verify": _verify,
    "export": _export,
    "snapshot": _snapshot,
}
