"""Owns `posagent setup`: the few questions that matter, the devices that are there, the settings file, and a trial of each device.

It may be run again: what stands in the file is the default of every question. `--no-input` takes everything from flags, for fleets.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from posagent.cli.common import add_settings
from posagent.cli.setup_asking import Asking, typed_line
from posagent.cli.setup_devices import ADDRESS, choose_devices, find
from posagent.cli.setup_trial import try_devices
from posagent.cli.setup_words import say
from posagent.errors import PosagentError, SettingsError
from posagent.ports import Found
from posagent.registry import load_drivers
from posagent.setup_text import Answers, Door, own_work, read_answers, settings_text

ASKED = ("url", "company", "brand", "store", "register", "store_name", "members")
DOORS: dict[str, Door] = {"1": "program", "2": "printer", "3": "typed"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_PREFIX = re.compile(r"\d{1,12}(-\d{1,12})?")
_RECEIVER = re.compile(r"https://[^\s/]+(/\S*)?|http://(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?(/\S*)?")


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the options."""
    from posagent.enrolment import CREDENTIALS

    add_settings(parser)
    parser.add_argument("--credentials", type=Path, default=CREDENTIALS, metavar="FILE", help=f"where the key is kept (default: {CREDENTIALS})")
    parser.add_argument("--no-input", action="store_true", help="ask nothing: what the flags and the present file do not say is an error")
    parser.add_argument("--no-test", action="store_true", help="try no device afterwards")
    parser.add_argument("--no-start", action="store_true", help="leave the service alone")
    parser.add_argument("--lang", choices=("ja", "en"), help="the language of setup, slips and page")
    parser.add_argument("--url", help="head office's receiver")
    parser.add_argument("--code", help="its one-time code")
    for name in ("company", "brand", "store", "register", "store-name"):
        parser.add_argument(f"--{name}", help="see the question; with a receiver, company, store and register come from it")
    parser.add_argument("--members", metavar="PREFIX", help="what member cards begin with, such as 20-29")
    parser.add_argument("--scanner", action="append", metavar="auto|none|DEVICE", help="a node or identity as `posagent devices` shows it")
    parser.add_argument("--printer", action="append", metavar="auto|none|DEVICE|HOST", help="the same, or a network address")
    parser.add_argument("--door", metavar="program|typed|printer=HOST:PORT", help="how a sale arrives; printer=: the real printer's address")
    example = "example for a fleet: posagent setup --no-input --url https://points.example.jp --code … --store-name 駅前店"
    parser.epilog = f"{example}\n\n{parser.epilog or ''}"


def run(args: Namespace) -> int:
    """0: written and every trial was good; 1: written, but a device failed its trial; 75, 77, 78 as everywhere."""
    path = Path(args.settings)
    before = _present(path)
    answers = _with_flags(args, read_answers(before))
    asking = Asking(args, answers.language if args.no_input or args.lang else _language(answers.language))
    answers = replace(answers, language=asking.language)
    answers = _who(args, asking, answers)
    answers = _about(args, asking, answers)
    registry = load_drivers()
    found = find(registry.drivers.values())
    devices, scanners = choose_devices(asking, found, answers.devices, args.scanner, args.printer)
    answers = _door(args, asking, replace(answers, devices=tuple(devices)))
    _write(path, before, answers, args, asking)
    _tell_udev(scanners, asking)
    stopped = not args.no_start and _systemctl("stop", "posagent.service")
    try:
        good = args.no_test or try_devices(devices, registry.drivers, asking.language)
    finally:  # also when somebody is tired of the trial
        if not args.no_start:
            _start(asking, stopped)
    return 0 if good else 1


def _language(default: str) -> str:
    while True:
        typed = typed_line(f"日本語 = 1, English = 2 [{1 if default == 'ja' else 2}]: ") or ("1" if default == "ja" else "2")
        if typed in {"1", "2"}:
            return "ja" if typed == "1" else "en"


def _present(path: Path) -> str:
    """The file as it is, "" where there is none; that a new one may be written is seen before anything is asked."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        text = ""
    except (PermissionError, UnicodeDecodeError) as trouble:
        raise _forbidden(path, trouble) from None
    if not os.access(path.parent, os.W_OK):
        raise _forbidden(path, PermissionError("this user may not write there" if path.parent.exists() else "there is no such folder"))
    return text


def _forbidden(path: Path, trouble: Exception) -> SettingsError:
    refused = SettingsError(f"{path}: {trouble}; run it with sudo", code="E105")
    refused.exit_code = 77
    return refused


def _with_flags(args: Namespace, present: Answers) -> Answers:
    given: dict[str, Any] = {name: getattr(args, name) for name in ASKED if getattr(args, name)}
    return replace(present, language=args.lang or present.language, **given)


def _who(args: Namespace, asking: Asking, answers: Answers) -> Answers:
    """Company, store and register: from head office's answer to the code, from an earlier one, or typed."""
    from posagent.enrolment import ask, check_writable, enrolled_as, keep

    url = asking.ask("url", answers.url, lambda text: not text or _RECEIVER.fullmatch(text)).rstrip("/")
    if not url:
        names: dict[str, Any] = {key: asking.ask(key, getattr(answers, key), _NAME.fullmatch) for key in ("company", "store", "register")}
        return replace(answers, url="", **names)
    known = enrolled_as(args.credentials)
    if known is not None and not args.code:
        asking.tell("keep_key", f"{known['store']} / {known['register']} ({known['device']})")
        return replace(answers, url=url, company=known["company"], store=known["store"], register=known["register"])
    check_writable(args.credentials)
    while True:
        code = asking.ask("code", args.code or "", bool)
        try:
            given = ask(url, code)
        except PosagentError as refused:
            if asking.silent:
                raise
            print(f"[{refused.code}] {refused}", flush=True)
            args.code = None
            continue
        keep(given, args.credentials)
        asking.tell("enrolled", f"{given.store} / {given.register} ({given.device})")
        if given.others:
            asking.tell("same_register", ", ".join(given.others))
        return replace(answers, url=url, company=given.company, store=given.store, register=given.register)


def _about(args: Namespace, asking: Asking, answers: Answers) -> Answers:
    return replace(
        answers,
        brand=asking.ask("brand", answers.brand or answers.company, _NAME.fullmatch),
        store_name=asking.ask("store_name", answers.store_name or answers.store, lambda text: 0 < len(text) <= 40),
        members=asking.ask("members", answers.members, _PREFIX.fullmatch),
    )


def _door(args: Namespace, asking: Asking, answers: Answers) -> Answers:
    if args.door:
        kind, _, forward = str(args.door).partition("=")
        if kind not in DOORS.values() or (kind == "printer") != bool(ADDRESS.fullmatch(forward)):
            raise SettingsError(f"--door {args.door}: write program, typed, or printer=HOST:PORT")
        return replace(answers, door=cast("Door", kind), door_forward=forward)
    if asking.silent:
        return answers
    door = DOORS[asking.ask("door", next(key for key, door in DOORS.items() if door == answers.door), lambda text: text in DOORS)]
    if door != "printer":
        return replace(answers, door=door)
    forward = asking.ask("forward", answers.door_forward, lambda text: ADDRESS.fullmatch(text) and ":" in text)
    asking.tell("door_told", answers.door_listen)
    return replace(answers, door=door, door_forward=forward)


def _write(path: Path, before: str, answers: Answers, args: Namespace, asking: Asking) -> None:
    """The file, if it is good. Raises SettingsError with every problem, and nothing is written."""
    from posagent.enrolment import write_private
    from posagent.settings import read_settings

    text = settings_text(answers, str(args.credentials))
    _, _, problems = read_settings(text, base=path.parent)
    if problems:
        raise SettingsError(say("problems", asking.language), [f"  {problem}" for problem in problems])
    if before and before != text and not own_work(before):
        kept = path.with_name(f"{path.name}.{time.strftime('%Y%m%d-%H%M%S')}")
        write_private(kept, before.encode(), 0o640)
        asking.tell("kept", str(kept))
    write_private(path, text.encode(), 0o640)
    _give_to_agent(path)
    asking.tell("written", str(path))
    if not answers.url and not (path.parent / "program.toml").exists():
        asking.tell("rules", str(path.parent / "program.toml"))


def _give_to_agent(path: Path) -> None:
    """The agent's group reads it; on a machine without that group (a trial) it stays the writer's."""
    try:
        shutil.chown(path, group="posagent")
    except (LookupError, PermissionError):
        return


def _tell_udev(scanners: list[Found], asking: Asking) -> None:
    """A scanner that nothing else tells for one is named in the local rules, so that the agent may open it after the next plug, too."""
    from posagent.enrolment import write_private
    from posagent.udev_rules import LOCAL_RULES, usb_numbers, with_rule

    if os.geteuid() or not LOCAL_RULES.parent.is_dir():
        return
    for one in scanners:
        numbers = usb_numbers(one.identity)
        if numbers is None or not one.note:
            continue
        text = LOCAL_RULES.read_text("utf-8") if LOCAL_RULES.exists() else ""
        write_private(LOCAL_RULES, with_rule(text, *numbers).encode(), 0o644)
        asking.tell("rule", one.title)
        for words in (["control", "--reload"], ["trigger", "--action=change", one.node]):
            subprocess.run(["udevadm", *words], check=False, capture_output=True)


def _systemctl(*words: str) -> bool:
    if not Path("/run/systemd/system").is_dir():
        return False
    return subprocess.run(["systemctl", *words], check=False, capture_output=True).returncode == 0


def _start(asking: Asking, there: bool) -> None:
    if not there:
        asking.tell("start_yourself")
        return
    _systemctl("enable", "posagent.socket", "posagent.service")
    asking.tell("started" if _systemctl("restart", "posagent.socket", "posagent.service") else "not_started")
