"""Owns the command line: one table of commands, one module per group, nothing imported that the chosen command does not need."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from importlib import import_module
from typing import Protocol, cast

from posagent.errors import PosagentError

# command -> (module, one line). A command that is not there yet is not listed.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("posagent.cli.run", "the agent, in the foreground, as systemd starts it"),
    "setup": ("posagent.cli.setup", "the few questions that matter: finds the devices, writes the settings, tests each"),
    "enrol": ("posagent.cli.enrol", "head office's one-time code against this register's key"),
    "demo": ("posagent.cli.demo", "the whole counter on virtual devices, to play with or as one scripted day"),
    "doctor": ("posagent.cli.doctor", "looks at the whole counter and says what is wrong, why, and what to do next"),
    "bundle": ("posagent.cli.bundle", "one file for support, without anything of a member"),
    "status": ("posagent.cli.status", "the state of the counter now"),
    "sale": ("posagent.cli.sale", "tell the agent a sale, from a script or by hand"),
    "check-config": ("posagent.cli.check_config", "every problem of the settings and the program file, without touching a device"),
    "devices": ("posagent.cli.devices", "what is plugged in, who holds it, what to paste into the settings; learn, calibrate, probe"),
    "program": ("posagent.cli.program", "check, explain, try, show and replay the loyalty rules"),
    "scan": ("posagent.cli.scan", "decode pictures, explain a code, listen to the scanners"),
    "print": ("posagent.cli.print_", "draw a slip, print the test slip, list the slips that wait or are in doubt"),
    "doors": ("posagent.cli.doors", "what each sale door reads by and how far it is trusted; use a learned profile at once"),
    "receipt": ("posagent.cli.receipt", "what a receipt says: kind, total, number, tax split, and why"),
    "queue": ("posagent.cli.queue", "the journal: what waits, what is parked or refused, check it, copy it"),
    "report": ("posagent.cli.report", "点検 (x) and 精算 (z): the figures of a business date"),
    "pair": ("posagent.cli.pair", "let a web page or a program call the agent: a code, printed or shown"),
    "tokens": ("posagent.cli.tokens", "who may call the agent by token; take that back"),
    "staff": ("posagent.cli.staff", "make the entry of a person whose PIN releases voids, refunds and closings"),
    "version": ("posagent.cli.version", "which posagent this is, and on what it runs"),
    "cloud": ("posagent.cli.cloud", "the receiver: serve it, enrol registers, publish programs, prove its books"),
}

EXIT_CODES = """\
exit codes:
  0 ok   1 a problem was found   2 wrong usage   3 the agent is not running   4 warnings only (with --strict)
  5 nothing happened in time   69 a device or the journal is unavailable   70 an unknown exception (a bug)
  75 try again later (another agent runs, a port is taken)   77 permission is missing
  78 the settings or the program file are wrong   130 stopped with Ctrl-C"""


class Group(Protocol):
    """What a command's module offers."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declares the command's own options and sub-commands."""

    def run(self, args: Namespace) -> int:
        """Does it and returns the exit code. May raise PosagentError; anything else is a bug and shows its trace."""


def _overview() -> str:
    width = max((len(name) for name in COMMANDS), default=0)
    lines = [f"  {name:<{width}}  {line}" for name, (_, line) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: posagent COMMAND [options]        posagent COMMAND --help tells more",
            "",
            "The agent beside the cash register: member barcodes in, points and coupon slips out, nothing lost offline.",
            "",
            "commands:",
            *lines,
            "",
            EXIT_CODES,
        ]
    )


def main(argv: list[str] | None = None) -> int:
    """Entry point of the `posagent` command; returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    if not words or words[0] in {"-h", "--help", "help"}:
        print(_overview())
        return 0 if words else 2
    if words[0] in {"-V", "--version"}:
        from importlib.metadata import version

        print(f"posagent {version('posagent')}")
        return 0
    if words[0] not in COMMANDS:
        from difflib import get_close_matches

        near = get_close_matches(words[0], COMMANDS, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        print(f"posagent: there is no command '{words[0]}'{hint} 'posagent --help' lists them", file=sys.stderr)
        return 2
    module, line = COMMANDS[words[0]]
    group = cast("Group", import_module(module))
    parser = ArgumentParser(prog=f"posagent {words[0]}", description=line, epilog=EXIT_CODES, formatter_class=RawDescriptionHelpFormatter)
    group.add_arguments(parser)
    args = parser.parse_args(words[1:])
    try:
        return group.run(args)
    except PosagentError as trouble:
        print(f"posagent: [{trouble.code}] {trouble}", file=sys.stderr)
        return trouble.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `posagent … | head`: the reader has seen enough
        sys.stderr.close()
        return 0
