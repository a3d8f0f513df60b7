"""Owns `posagent tokens`: who may call the agent by token, and taking that back."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from posagent.cli.agent_line import agent_socket, ask_agent
from posagent.cli.common import add_json, add_settings, print_json


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("action", choices=("list", "revoke"), help="list: all tokens; revoke: one is worth nothing from now on")
    parser.add_argument("token", nargs="?", help="revoke: its id or its name")
    add_settings(parser)
    add_json(parser)
    parser.epilog = "example: posagent tokens revoke 1f3a9c07\n\n" + (parser.epilog or "")


def run(args: Namespace) -> int:
    """0 done; 1 there is no such token; 2 wrong usage; 3 the agent is not running (its tokens are worth nothing meanwhile)."""
    from posagent.errors import PosagentError

    path = agent_socket(Path(args.settings))
    if args.action == "list":
        found = ask_agent(path, "/v1/tokens")
        if args.json:
            print_json({"schema": 1, **found})
        else:
            print("\n".join(_rows(found["tokens"])))
        return 0
    if not args.token:
        wrong = PosagentError("say which: posagent tokens revoke ID; posagent tokens list shows them")
        wrong.exit_code = 2
        raise wrong
    gone = ask_agent(path, "/v1/tokens/revoke", {"token": args.token})
    if args.json:
        print_json({"schema": 1, **gone})
    else:
        print("\n".join(f"revoked: {name}" for name in gone["revoked"]))
    return 0


def _rows(tokens: list[dict[str, Any]]) -> list[str]:
    lines = []
    for token in tokens:
        used = (token["last_used"] or "never")[:16].replace("T", " ")
        whose = token["origin"] or "a program"
        lines.append(f"{token['id']}  {token['name']}  {whose}  {','.join(token['scopes'])}  used {used}  until {token['expires'][:10]}")
    return lines or ["no token; posagent pair makes one"]
