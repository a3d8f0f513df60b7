"""Owns `posagent scan inject`: a code from elsewhere, given to the running agent as if a scanner had read it."""

from __future__ import annotations

import sys
from argparse import Namespace

from posagent.cli.agent_line import agent_socket, ask_agent
from posagent.cli.common import print_json
from posagent.settings import DEFAULT_PATH


def inject(args: Namespace) -> int:
    """``args``: settings, symbology, json. The code comes on standard input: a member's number in the arguments would be seen by every user.

    0 taken; 2: nothing came; raises PosagentError with the agent's own words where the code opens no checkout."""
    text = sys.stdin.readline(520).rstrip("\r\n")
    if not text:
        print("posagent scan inject: give the code on standard input, one line", file=sys.stderr)
        return 2
    wish = {"text": text} | ({"symbology": args.symbology} if args.symbology else {})
    said = ask_agent(agent_socket(args.settings or DEFAULT_PATH), "/v1/scans", wish)
    if args.json:
        print_json({"schema": 1, **said})
    else:
        print("taken")
    return 0
