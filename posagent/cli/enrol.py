"""Owns `posagent enrol`: head office's one-time code against this register's credentials."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from posagent.cli.common import add_json, add_settings, print_json
from posagent.errors import SettingsError


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the options."""
    from posagent.enrolment import CREDENTIALS

    parser.add_argument("code", nargs="?", metavar="CODE", help="the one-time code; left out: asked for, so that no list of commands keeps it")
    parser.add_argument("--url", required=True, help="head office's receiver, such as https://points.example.jp")
    parser.add_argument("--credentials", type=Path, default=CREDENTIALS, metavar="FILE", help=f"where the key is kept (default: {CREDENTIALS})")
    parser.add_argument("--again", action="store_true", help="the register has a key already (lost, or revoked): replace it")
    add_settings(parser)
    add_json(parser)
    parser.epilog = "example: sudo posagent enrol 7KQM-4D2X-9PHA --url https://points.example.jp\n\n" + (parser.epilog or "")


def run(args: Namespace) -> int:
    """0: enrolled; 1: the code is refused; 75: no answer, try again; 77: no permission; 78: settings and code do not fit."""
    from posagent.enrolment import ask, check_writable, enrolled_as, keep, same_register

    if not args.url.startswith(("https://", "http://127.", "http://localhost", "http://[::1]")):
        raise SettingsError(f"--url {args.url}: the key would travel on an open line; write https://…")
    before = None if args.again else enrolled_as(args.credentials)
    if before is not None:
        raise SettingsError(
            f"{args.credentials}: this register is enrolled already (store {before['store']}, register {before['register']}, "
            f"{before['device']}); --again replaces its key"
        )
    check_writable(args.credentials)
    own = _own(Path(args.settings))
    code = args.code or _typed()
    given = ask(args.url, code)
    if own is not None and own != (given.company, given.store, given.register):
        raise SettingsError(
            f"the code is for company {given.company}, store {given.store}, register {given.register}; {args.settings} says {', '.join(own)}. "
            "Nothing was kept, and the code is used up: ask head office for a code of this register, or correct [register] and ask again"
        )
    keep(given, args.credentials)
    if args.json:
        named = {"company": given.company, "store": given.store, "register": given.register, "device": given.device, "others": given.others}
        print_json({"schema": 1, "credentials": str(args.credentials), **named})
    else:
        print(f"enrolled: company {given.company}, store {given.store}, register {given.register} ({given.device})")
        print(f"the key is in {args.credentials}; next: systemctl restart posagent")
    if given.others:
        print(f"posagent: {same_register(given)}", file=sys.stderr)
    return 0


def _typed() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline()
    return input("one-time code from head office: ")


def _own(path: Path) -> tuple[str, str, str] | None:
    """Who the settings say that we are; None where there are none yet. A key of another register would make two of one: its sales would go
    under the wrong name. Raises SettingsError, before the code is used up."""
    from posagent.settings import load_settings

    if not path.exists():
        return None
    own = load_settings(path, safe_mode=True)[0].register
    return own.company, own.store, own.register
