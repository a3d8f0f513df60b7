"""Owns `posagent pair`: a code for a web page or a program that shall call the agent, and the browser's own permission for it."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path

from posagent.cli.agent_line import agent_socket, ask_agent
from posagent.cli.common import add_json, add_settings, print_json
from posagent.errors import PosagentError, SettingsError

POLICY_FOLDERS = (Path("/etc/opt/chrome/policies/managed"), Path("/etc/chromium/policies/managed"), Path("/etc/opt/edge/policies/managed"))
POLICY_FILE = "posagent.json"
POLICIES = ("LoopbackNetworkAllowedForUrls", "LocalNetworkAccessAllowedForUrls")
"""Pages that may reach this machine without asking the cashier (Chrome Enterprise policy list): from version 146, and from 140."""


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--name", help="what it is called in `posagent tokens list`")
    parser.add_argument("--origin", default="", help="the web page's, as the browser writes it: https://pos.example.jp; left out: a program")
    parser.add_argument("--scope", default="pos", help="pos (sales, scans, slips), tech (devices, tests), or pos,tech (default: pos)")
    parser.add_argument("--print", action="store_true", dest="on_paper", help="print the code on the slip printer as well")
    parser.add_argument("--chrome-policy", action="store_true", help="instead: the policy that lets the paired pages reach the agent unasked")
    parser.add_argument("--install", action="store_true", help="with --chrome-policy: write it where Chrome, Chromium and Edge look")
    add_settings(parser)
    add_json(parser)
    parser.epilog = 'example: posagent pair --name "Web POS" --origin https://pos.example.jp --print\n\n' + (parser.epilog or "")


def run(args: Namespace) -> int:
    """0 done; 2 wrong usage; 3 the agent is not running; 77 only root and the agent's own user may."""
    if args.chrome_policy:
        return _policy(args)
    if not args.name:
        raise _usage("give --name, or --chrome-policy")
    wish = {"name": args.name, "scopes": [scope.strip() for scope in args.scope.split(",")], "print": args.on_paper}
    opened = ask_agent(agent_socket(Path(args.settings)), "/v1/pairings", wish | ({"origin": args.origin} if args.origin else {}))
    if args.json:
        print_json({"schema": 1, **opened})
        return 0
    code, minutes = opened["code"], opened["expires_s"] // 60
    where = f"on the page {args.origin}" if args.origin else 'in the program: POST /v1/pair {"code": "…"}'
    print(f"{code[:4]} {code[4:]}\nEnter it {where}, within {minutes} minutes. It is good once.")
    if args.on_paper:
        print("It comes out of the slip printer as well.")
    return 0


def _policy(args: Namespace) -> int:
    origins = _origins(Path(args.settings))
    if not origins:
        raise SettingsError("no page is known yet: add [screen] allowed_origins to the settings, or pair one first")
    document = dict.fromkeys(POLICIES, origins)
    if not args.install:
        print(json.dumps(document, indent=2))
        return 0
    written = []
    for folder in POLICY_FOLDERS:
        try:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            file = folder / POLICY_FILE
            file.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
            file.chmod(0o644)
        except OSError as trouble:
            failed = PosagentError(f"{folder}: cannot be written: {trouble.strerror}; use sudo", code="E105")
            failed.exit_code = 77
            raise failed from trouble
        written.append(str(file))
    if args.json:
        print_json({"schema": 1, "installed": written, "origins": origins})
    else:
        print("\n".join(written) + "\nThe browser takes it up by itself; chrome://policy shows it.")
    return 0


def _origins(settings: Path) -> list[str]:
    """The settings' and the paired pages'. A stopped agent's tokens count as well."""
    from posagent.screen.tokens import TokenBook
    from posagent.settings import load_settings
    from posagent.start import TOKENS

    found, _ = load_settings(settings)
    return sorted({*found.screen.allowed_origins, *TokenBook(found.journal / TOKENS).origins()})


def _usage(words: str) -> PosagentError:
    wrong = PosagentError(words)
    wrong.exit_code = 2
    return wrong
