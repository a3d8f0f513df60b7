"""Owns `posagent report`: 点検 (X) and 精算 (Z) at the command line, taken by the running agent, or looked at beside it."""

from __future__ import annotations

import getpass
import unicodedata
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posagent.cli.common import add_json, add_settings, print_json

if TYPE_CHECKING:
    from posagent.settings import Settings

WIDTH = 44


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("kind", choices=("x", "z"), help="x: 点検, looks and changes nothing; z: 精算, closes the business date, once")
    parser.add_argument("--date", metavar="YYYY-MM-DD", help="which business date (default: today's); within the last 31 days")
    parser.add_argument("--operator", default=getpass.getuser(), help="who takes it; stands on the record and the slip (default: the user)")
    parser.add_argument("--offline", action="store_true", help="x only: read the journal without the agent; nothing is recorded or printed")
    parser.add_argument("--language", choices=("ja", "en"), help="of the table (default: the settings')")
    add_settings(parser)
    add_json(parser)
    parser.epilog = "example: posagent report z --operator C7\n\n" + (parser.epilog or "")


def run(args: Namespace) -> int:
    """0 taken (or closed already); 2: --offline with z; 3: the agent is not running."""
    from posagent.cli.agent_line import ask_as_manager
    from posagent.errors import PosagentError
    from posagent.settings import load_settings

    settings, _ = load_settings(Path(args.settings))
    language = args.language or settings.register.language
    if args.offline:
        if args.kind == "z":
            wrong = PosagentError("a date is closed by the running agent only; leave out --offline, or look with: posagent report x --offline")
            wrong.exit_code = 2
            raise wrong
        found = _look(settings, args.date)
    else:
        order = {"kind": args.kind, "operator": args.operator[:32], "role": "manager"}
        found = ask_as_manager(settings.screen.socket, "/v1/reports", order | ({"business_date": args.date} if args.date else {}))
    if args.json:
        print_json({"schema": 1, **found})
    else:
        print("\n".join(table(found, language)))
    return 0


def _look(settings: Settings, date: str | None) -> dict[str, Any]:
    """The figures from the journal's file alone."""
    from datetime import datetime

    from offline_queue.database import DATABASE
    from offline_queue.errors import JournalError
    from offline_queue.reader import JournalReader
    from posagent.checkout import Now
    from posagent.errors import StorageError
    from posagent.reports import answer_of, checked_date, look
    from posagent.start import rules_in_force

    file = settings.journal / DATABASE
    if not file.exists():
        raise StorageError(f"{file}: there is no journal here; [journal] directory in the settings says where it should be")
    now = datetime.now().astimezone()
    rules = rules_in_force(settings)
    try:
        reader = JournalReader(file)
        try:
            return answer_of(look(checked_date(date, rules.day(now)), Now(now, 0, offline=True), rules, reader))
        finally:
            reader.close()
    except JournalError as trouble:
        raise StorageError(str(trouble)) from trouble


def table(found: dict[str, Any], language: str) -> list[str]:
    """A report as lines for a terminal."""
    ja = language == "ja"
    closed = found["result"] == "closed"
    kind = ("精算 (Z)" if closed else "点検 (X)") if ja else ("Closing (Z)" if closed else "Interim (X)")
    lines = [f"{kind}  {found['business_date']}", f"{found['at'][:19].replace('T', ' ')}  {found.get('operator', '')}".rstrip()]
    for section in found["sections"][language]:
        lines += ["", _plain(section["title"])]
        lines += [_row(f"  {_plain(label)}", _plain(amount)) for label, amount in section["rows"]]
    lines += ["", _row("連番" if ja else "Sequence", f"{found['first_seq']:,} - {found['last_seq']:,}")]
    lines.append(_row("照合値" if ja else "Digest", found["chain"][:16]))
    if found["serial"]:
        printing = found.get("job") is not None
        word = ("伝票" if printing else "伝票(印刷済み)") if ja else ("Slip" if printing else "Slip (printed before)")
        lines.append(_row(word, found["serial"]))
    if found["replayed"]:
        lines += ["", "精算済みです。上は精算時の数字です。" if ja else "This date was closed before; these are its figures."]
    if found["remark"][language]:
        lines += ["", *found["remark"][language].splitlines()]
    return lines


def _row(label: str, amount: str) -> str:
    return label + " " * max(1, WIDTH - _cells(label) - _cells(amount)) + amount


def _cells(text: str) -> int:
    """Columns on a terminal: East Asian wide and full-width characters take two (Unicode Annex 11)."""
    return sum(2 if unicodedata.east_asian_width(mark) in "WF" else 1 for mark in text)


def _plain(text: str) -> str:
    return "".join(mark if mark.isprintable() else "?" for mark in text)
