"""Owns `posagent scan listen`: what the scanners read right now, through the running agent, or from the devices themselves where none runs."""

from __future__ import annotations

import json
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, cast

from posagent.cli.agent_line import AgentNotRunning, agent_socket, ask_agent
from posagent.cli.agent_stream import follow_agent
from posagent.cli.scan_words import in_words, name_of, printable
from posagent.errors import DeviceError, PosagentError
from posagent.member_code import Rules, default_rules, explain
from posagent.ports import Driver, Options, Scan, Scanner
from posagent.settings import DEFAULT_PATH, load_settings

_RENEW_S = 60.0  # test mode ends by itself after two minutes
_NOTHING = 5
"""Exit code: nothing was read."""


def listen(args: Namespace) -> int:
    """``args``: settings, for_s, json, test. Returns the exit code. Raises PosagentError."""
    file = args.settings or DEFAULT_PATH
    path = agent_socket(file) if file.is_file() else None
    if path is not None:
        with suppress(AgentNotRunning):
            return _AgentListener(path, as_json=args.json, test=args.test).run(args.for_s)
    if args.test:
        raise DeviceError("--test asks the running agent to explain scans instead of counting them, and no agent runs here; leave it out")
    return _from_devices(file, path, args.for_s, as_json=args.json)


# ---------------------------------------------------------------- through the agent


class _AgentListener:
    """Tells each scanner's reads as the agent counts them. The agent hands no code out: a member's number stays masked."""

    def __init__(self, path: Path, *, as_json: bool, test: bool) -> None:
        self._path, self._json, self._test = path, as_json, test
        self._known: dict[str, Mapping[str, Any]] = {}
        self._count = 0
        self._renew_at = 0.0

    def run(self, for_s: int) -> int:
        """Until the time is over, or the agent ends. Raises AgentNotRunning when none is there, PosagentError when it refuses."""
        end = time.monotonic() + for_s if for_s else None
        self._known = self._scanners()
        print(f"listening to {', '.join(self._known) or 'no scanner'} through the running agent ({self._path}); Ctrl-C ends", file=sys.stderr)
        print(
            "test mode: scans are explained and not counted" if self._test
            else "scans count as usual; with --test they are explained instead", file=sys.stderr,
        )  # fmt: skip
        try:
            for frame in follow_agent(self._path, "/v1/events", silence_s=0.5):
                if self._test and time.monotonic() >= self._renew_at:
                    ask_agent(self._path, "/v1/test-mode", {"on": True})
                    self._renew_at = time.monotonic() + _RENEW_S
                if frame is not None:
                    self._look()
                    self._tell(*frame)
                if end is not None and time.monotonic() >= end:
                    break
            else:
                print("the agent ended", file=sys.stderr)
        finally:
            if self._test:
                with suppress(PosagentError):  # it is gone, and test mode with it
                    ask_agent(self._path, "/v1/test-mode", {"on": False})
        return 0 if self._count else _NOTHING

    def _scanners(self) -> dict[str, Mapping[str, Any]]:
        devices = ask_agent(self._path, "/v1/devices")["devices"]
        return {str(device["name"]): device["scanner"] for device in devices if device.get("scanner")}

    def _look(self) -> None:
        for name, now in self._scanners().items():
            before = self._known.get(name, {"good": 0, "damaged": 0, "scan": None})
            for _ in range(int(now["good"]) - int(before["good"])):
                self._count += 1
                self._read(name, now)
            if int(now["damaged"]) > int(before["damaged"]):
                self._count += 1
                self._say({"device": name, "quality": "corrupt", "reason": now["why"]}, f"{name}: DAMAGED: {now['why']}; scan again")
            self._known[name] = now

    def _read(self, name: str, scanner: Mapping[str, Any]) -> None:
        told = scanner.get("scan") if self._test else None
        if told:
            whose = f"{told.get('masked', '')}  ]{told.get('aim') or '--'}  {told.get('verdict', '')}: {told.get('en', '')}"
            self._say({"device": name, "quality": "ok", **told}, f"{name}: {printable(whose)}")
        else:
            self._say({"device": name, "quality": "ok", "good": scanner["good"]}, f"{name}: a whole scan, the {scanner['good']}. of this run")

    def _tell(self, kind: str, body: Mapping[str, Any]) -> None:
        """What the cashier was told."""
        if kind == "notice":
            said = body.get("message") or {}
            words = (said.get("en") or said.get("ja") or {}) if isinstance(said, dict) else {}
            text = " ".join(str(part) for part in (words.get("title", ""), words.get("todo", "")) if part)
            print(f"  [{body.get('code')}] {printable(text)}", file=sys.stderr)

    def _say(self, record: dict[str, Any], words: str) -> None:
        print(json.dumps(record, ensure_ascii=False) if self._json else words, flush=True)


# ---------------------------------------------------------------- from the devices themselves


def _from_devices(file: Path, path: Path | None, for_s: int, *, as_json: bool) -> int:
    settings, registry = load_settings(file)
    scanners = [(device.name, registry.drivers[device.driver], device.options) for device in settings.of("scanner")]
    if not scanners:
        raise DeviceError("no scanner is configured; `posagent devices` lists what is connected and the [[scanner]] table to paste")
    why = "no agent runs" if path else "the settings name no [screen] socket, so a running agent cannot be asked"
    names = ", ".join(name for name, _, _ in scanners)
    print(f"listening to {names} directly ({why}): the devices are opened by this command; nothing is counted; Ctrl-C ends", file=sys.stderr)
    heard: SimpleQueue[tuple[str, Scan | str]] = SimpleQueue()
    stop = threading.Event()
    threads = [threading.Thread(target=_hear, args=(*scanner, heard, stop), daemon=True) for scanner in scanners]
    for thread in threads:
        thread.start()
    rules = settings.codes or default_rules()
    end = time.monotonic() + for_s if for_s else None
    count = 0
    try:
        while end is None or time.monotonic() < end:
            try:
                name, item = heard.get(timeout=0.2)
            except Empty:
                continue
            count += isinstance(item, Scan)
            _show(name, item, rules, as_json)
    finally:
        stop.set()
        for thread in threads:
            thread.join(1.5)
    return 0 if count else _NOTHING


def _hear(name: str, driver: Driver, options: Options, heard: SimpleQueue[tuple[str, Scan | str]], stop: threading.Event) -> None:
    """Owns one scanner until told to stop; trouble is told once and the device reopened."""
    told = ""
    while not stop.is_set():
        try:
            device = cast("Scanner", driver.open(name, options))
            told = ""
            heard.put((name, "ready"))
            try:
                while not stop.is_set():
                    for scan in device.read(0.5):
                        heard.put((name, scan))
            finally:
                device.close()
        except DeviceError as trouble:
            if str(trouble) != told:
                told = str(trouble)
                heard.put((name, f"[{trouble.code}] {told}"))
            stop.wait(1.0)


def _show(name: str, item: Scan | str, rules: Rules, as_json: bool) -> None:
    if isinstance(item, str):
        print(f"{name}: {item}", file=sys.stderr)
        return
    found = explain(item.text, item.aim, rules) if item.quality == "ok" else None
    if as_json:
        record = {"device": name, "text": item.text, "aim": item.aim, "quality": item.quality, "reason": item.reason}
        print(json.dumps(record | ({"verdict": name_of(found.verdict)} if found else {}), ensure_ascii=False), flush=True)
    elif found:
        print(f"{name}: {printable(item.text)}  ]{item.aim or '--'}  {in_words(found)}", flush=True)
    else:
        print(f"{name}: DAMAGED: {item.reason}; scan again", flush=True)
