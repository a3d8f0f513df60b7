"""Owns `posagent doctor`: looks at the whole counter and says what is wrong, why, and what to do next."""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from posagent.cli.agent_line import USUAL_SOCKET, AgentNotRunning, ask_agent
from posagent.cli.common import add_json, add_settings, print_json
from posagent.errors import PosagentError

if TYPE_CHECKING:
    from posagent.doctor.case import Case
    from posagent.doctor.examine import Asked, Looked
    from posagent.doctor.words import Language

_PAPER = {  # about --print
    "queued": ("{0} で点検結果 No. {1} を印字します", "{0} prints the findings as No. {1}"),
    "away": ("紙には印字できません。posagent が動いていてプリンタがあるときだけ印字します（systemctl start posagent）",
             "Not on paper: that needs a running posagent with a printer (systemctl start posagent)"),
    "refused": ("紙には印字できませんでした: {0}", "Not on paper: {0}"),
}  # fmt: skip


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--quick", action="store_true", help="leave out what takes seconds: network, disk flush, journal's chain, kernel")
    parser.add_argument("--loop", action="store_true", help="print the test slip and wait until every scanner has read it (a minute)")
    parser.add_argument("--print", action="store_true", help="put the findings on paper too, with a code for the support centre")
    parser.add_argument("--strict", action="store_true", help="exit with 4 where there are only warnings")
    parser.add_argument("--lang", choices=("ja", "en"), default=None, help="default: the register's language, else $LANG")
    add_settings(parser)
    add_json(parser)
    parser.epilog = "Works with and without the agent, with and without a network; sudo lets it see everything.\n\n" + (parser.epilog or "")


def run(args: Namespace) -> int:
    """0: nothing is wrong; 1: a problem was found; 4: warnings only (with --strict); 77: the settings are not this user's; 78: nobody can."""
    from posagent.doctor.examine import examine, gather
    from posagent.doctor.sheet import as_json, lines

    case = gather(Path(args.settings), asked, usual=USUAL_SOCKET)
    looked = examine(case, quick=args.quick)
    usual = case.settings.register.language if case.settings else "ja" if os.environ.get("LANG", "").startswith("ja") else "en"
    language = args.lang or usual
    if args.loop:
        looked.append(_loop(case, language))
    told = as_json(looked)
    if args.json:
        print_json(told)
    else:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        print("\n".join(lines(looked, language, colour=colour)))
    if args.print:
        _print(case, told, language)
    if case.settings is None:
        return 78 if case.trouble else 77
    return 1 if told["level"] == "problem" else 4 if told["level"] == "warning" and args.strict else 0


def _loop(case: Case, language: Language) -> Looked:
    """The closed loop, with what the person must do on standard error."""
    from posagent.doctor.examine import Looked
    from posagent.doctor.finding import Check, unknown
    from posagent.doctor.loop import closed_loop
    from posagent.doctor.words import said

    def say(words: str) -> None:
        told = said(words, {}, language)
        print(f"{told.wrong}. {told.todo}", file=sys.stderr, flush=True)

    socket = case.settings.screen.socket if case.settings else USUAL_SOCKET
    if socket is None or case.agent != "running":
        return Looked(Check("D-302", lambda _: ()), (unknown("room_unasked"),))
    found = tuple(closed_loop(lambda *asked: ask_agent(socket, *asked), say, time.monotonic, time.sleep))
    return Looked(Check("D-302", lambda _: ()), found)


def _print(case: Case, told: dict[str, Any], language: Language) -> None:
    """Asks the agent, which has the printer; where that cannot be, says why on standard error: the findings stand on the screen already."""
    from importlib.metadata import version

    from posagent.doctor.slip import on_paper, summary

    def say(key: str, *values: str) -> None:
        print(_PAPER[key][0 if language == "ja" else 1].format(*values), file=sys.stderr)

    printers = [device["name"] for device in (case.room or {}).get("devices", ()) if device["kind"] == "printer"]
    if case.settings is None or case.agent != "running" or not printers:
        say("away")
        return
    socket, register = case.settings.screen.socket, case.settings.register.register
    code = summary(told, version("posagent"), register, time.strftime("%Y-%m-%dT%H:%M"))
    try:
        answer = ask_agent(socket, f"/v1/devices/{quote(printers[0])}/test", {"doctor": {"findings": on_paper(told, language), "code": code}})
    except PosagentError as refused:
        say("refused", str(refused))
    else:
        say("queued", printers[0], str(answer["serial"]))


def asked(socket: Path) -> Asked:
    """What the running agent says of its devices and itself."""
    try:
        return "running", ask_agent(socket, "/v1/devices"), ask_agent(socket, "/v1/status")
    except AgentNotRunning:
        return "down", None, None
    except PosagentError:
        return "refused", None, None
