"""Owns `posagent doors`: what each sale door reads by and how far it is trusted; another profile for it, at once."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from posagent.cli.agent_line import agent_socket, ask_agent
from posagent.cli.common import add_json, add_settings, print_json


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the options."""
    what = parser.add_subparsers(dest="what", metavar="COMMAND", required=True)
    listed = what.add_parser("list", help="every sale door: its profile, its trust, the profiles that it could use")
    use = what.add_parser("use", help="read by this profile from the next receipt on; it stays until its trust is lost")
    use.add_argument("door")
    use.add_argument("profile", nargs="?", default="", help="left out: what the settings name")
    for one in (listed, use):
        add_settings(one)
        add_json(one)
    parser.epilog = "example: posagent doors use till-printer acme\n\n" + (parser.epilog or "")


def run(args: Namespace) -> int:
    """0: done; 1: the agent refused; 3: the agent is not running."""
    path = agent_socket(Path(args.settings))
    if args.what == "use":
        ask_agent(path, f"/v1/devices/{quote(args.door, safe='')}/profile", {"profile": args.profile})
    devices = [device for device in ask_agent(path, "/v1/devices")["devices"] if device.get("door")]
    if args.what == "use":
        devices = [device for device in devices if device["name"] == args.door]
    if args.json:
        print_json({"schema": 1, "doors": [{"name": device["name"], **device["door"], "captured": []} for device in devices]})
    else:
        print("\n".join(line for device in devices for line in lines(device)) or "no sale door in the settings")
    return 0


def lines(device: dict[str, Any]) -> list[str]:
    """A door as lines for a terminal."""
    door = device["door"]
    chosen = " (chosen here)" if door["chosen"] else ""
    trust = door["trust"]
    earned = "a technician vouches for it" if trust is None else f"{trust['confirmed']} of {trust['needed']} sales confirmed"
    shown = [f"{device['name']}: profile {door['profile'] or 'none'}{chosen}; {earned}"]
    others = [name for name in door["profiles"] if name != door["chosen"]]
    shown += [f"  could use: {', '.join(others)}"] if others else []
    return ["".join(mark if mark.isprintable() else "?" for mark in line) for line in shown]
