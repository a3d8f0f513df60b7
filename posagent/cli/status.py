"""Owns `posagent status`: the state of the counter at a glance, as the running agent tells it."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from posagent.cli.agent_line import agent_socket, ask_agent
from posagent.cli.common import add_json, add_settings, print_json

_LEVELS = {
    "ok": ("正常", "ok"),
    "offline": ("オフライン（ポイントは後で登録されます）", "offline (points are booked later)"),
    "action": ("要対応", "action"),
}
_STATES = {"ready": ("使えます", "ready"), "held": ("待っています", "held"), "gone": ("ありません", "gone"), "opening": ("接続中", "opening"),
           "unknown": ("不明", "unknown")}  # fmt: skip


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--lang", choices=("ja", "en"), default="ja" if os.environ.get("LANG", "").startswith("ja") else "en")
    add_settings(parser)
    add_json(parser)
    parser.epilog = "example: posagent status --json\n\n" + (parser.epilog or "")


def run(args: Namespace) -> int:
    """0: nobody must act; 1: somebody must; 3: the agent is not running."""
    said = ask_agent(agent_socket(Path(args.settings)), "/v1/status")
    if args.json:
        print_json({"schema": 1, **said})
    else:
        print("\n".join(lines(said, args.lang)))
    return 1 if said["level"] == "action" else 0


def lines(said: dict[str, Any], language: str) -> list[str]:
    """The state as lines for a terminal."""
    one = 0 if language == "ja" else 1
    shown = [f"{said['store_name']} {said['register_name']}: {_LEVELS[said['level']][one]}"]
    if said["message"]:
        shown.append(f"  {_told(said['message'], language)}")
    for device in said["devices"]:
        age = f" ({device['as_of']} s)" if device["as_of"] is not None else ""
        stale = (" 応答なし", " silent")[one] if device["stale"] else ""
        shown.append(f"{device['kind']} {device['name']}: {_STATES[device['state']][one]}{stale}{age}")
        if device["message"]:
            shown.append(f"  {_told(device['message'], language)}")
    queue = said["queue"]
    oldest = f", {('最古', 'oldest')[one]} {queue['oldest_s']} s" if queue["oldest_s"] is not None else ""
    shown.append(f"{('未送信', 'unsent')[one]}: {queue['pending']}{oldest}, {('回線', 'line')[one]}: {queue['link']}")
    if said["questions"]:
        shown.append(f"{('印刷の確認待ち', 'slips in doubt')[one]}: {len(said['questions'])}")
    if said["degraded"]:
        shown.append(f"{('制限', 'degraded')[one]}: {', '.join(said['degraded'])}")
    return ["".join(mark if mark.isprintable() else "?" for mark in line) for line in shown]


def _told(message: dict[str, Any], language: str) -> str:
    words = message[language]
    return f"[{message['code']}] {words['title']} {words['todo']}"
