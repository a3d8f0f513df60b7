"""Owns `posagent staff`: making the entry of a person with a PIN. The PIN is typed or piped, never an argument: arguments are seen by all."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser, Namespace

from posagent.cli.common import print_json


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    pin = actions.add_parser("pin", help="ask for a PIN twice and print the [[staff]] table for the settings")
    pin.add_argument("--code", default="M01", help="the person's code, as it stands on records and slips (default: M01)")
    pin.add_argument("--role", choices=("manager", "cashier"), default="manager")
    pin.add_argument("--stdin", action="store_true", help="read the PIN from standard input, one line")
    pin.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.epilog = "example: posagent staff pin --code M01 | sudo tee -a /etc/posagent/posagent.toml\n\n" + (parser.epilog or "")


def run(args: Namespace) -> int:
    """0: printed; 2: this cannot be a PIN or a code."""
    from posagent.staff import read_staff, store_pin
    from posagent.strict import Table

    try:
        pin = sys.stdin.readline().strip() if args.stdin else _typed_twice()
        entry = {"code": args.code, "role": args.role, "pin": store_pin(pin)}
    except ValueError as wrong:
        print(f"posagent staff pin: {wrong}", file=sys.stderr)
        return 2
    table = Table(entry, "staff")
    read_staff([table])
    if table.problems:
        print("\n".join(f"posagent staff pin: {problem}" for problem in table.problems), file=sys.stderr)
        return 2
    if args.json:
        print_json({"schema": 1, **entry})
    else:
        print("\n".join(["[[staff]]", *(f'{key} = "{value}"' for key, value in entry.items())]))
    return 0


def _typed_twice() -> str:
    first = getpass.getpass("PIN (4 to 12 digits, not shown): ")
    if getpass.getpass("the same again: ") != first:
        raise ValueError("the two are not the same")
    return first
