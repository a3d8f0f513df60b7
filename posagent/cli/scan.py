"""Owns `posagent scan`: what is in a picture, what becomes of a code, and what the scanners read right now."""

from __future__ import annotations

import json
import sys
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from importlib.metadata import entry_points
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, assert_never, cast

from posagent.errors import DeviceError, PosagentError, SettingsError
from posagent.member_code import (
    Ambiguous,
    Coupon,
    Explanation,
    Meaning,
    Member,
    Product,
    Refused,
    Rules,
    Staff,
    default_rules,
    explain,
    read_rules,
)
from posagent.member_code.symbologies import aim_of
from posagent.ports import Driver, Options, Scan, Scanner
from posagent.strict import Table

_PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".pgm", ".ppm"}


def add_arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    decode = actions.add_parser("decode", help="read every code in pictures (JPEG, PNG, WebP, BMP, GIF, TIFF), from any angle")
    decode.add_argument("images", nargs="+", metavar="IMAGE", help="a picture, or a folder of pictures")
    decode.add_argument("--json", action="store_true", help="one JSON object per code and line: file, text, symbology, aim, ms, how")
    decode.add_argument("--formats", metavar="A,B", default="", help="only these, such as EAN13,Code128,Codabar,QRCode (faster); default: all")
    classify = actions.add_parser("classify", help="explain what becomes of a scanned or typed code")
    classify.add_argument("text", metavar="TEXT")
    classify.add_argument("--symbology", metavar="S", default="", help="a name (JAN, NW-7, Code128, QR) or AIM identifier (E0)")
    classify.add_argument("--rules", metavar="FILE", type=Path, help="a file with [[code]] tables; default: the demonstration shop's")
    classify.add_argument("--json", action="store_true", help="one JSON object")
    listen = actions.add_parser("listen", help="show what the configured scanners read, without the agent")
    listen.add_argument("--settings", metavar="FILE", type=Path, help="the settings file; default: /etc/posagent/posagent.toml")
    listen.add_argument("--for", dest="for_s", metavar="SECONDS", type=int, default=0, help="stop after so long (0: with Ctrl-C)")
    listen.add_argument("--json", action="store_true", help="one JSON object per scan and line")


def run(args: Namespace) -> int:
    match args.action:
        case "decode":
            return _decode(args)
        case "classify":
            return _classify(args)
        case _:
            return _listen(args)


# ---------------------------------------------------------------- decode


def _decode(args: Namespace) -> int:
    decode = _picture_reader()
    formats = tuple(name.strip() for name in args.formats.split(",") if name.strip())
    worst = 0
    for path in _pictures(args.images):
        try:
            codes = decode(path, formats)
        except PosagentError as trouble:
            print(f"posagent: [{trouble.code}] {trouble}", file=sys.stderr)
            worst = 1
            continue
        except ValueError as wrong:
            print(f"posagent scan decode: {wrong}", file=sys.stderr)
            return 2
        if not codes:
            print(f"posagent: {path}: no code found; come nearer, hold still, avoid glare", file=sys.stderr)
            worst = 1
        for code in codes:
            if args.json:
                print(json.dumps(code, ensure_ascii=False), flush=True)
            else:
                print(f"{code['file']}: {_printable(code['text'])}  ({code['symbology']}, {code['ms']:.0f} ms, {code['how']})", flush=True)
    return worst


def _picture_reader() -> Callable[[str, Sequence[str]], list[dict[str, Any]]]:
    for point in entry_points(group="posagent.pictures", name="decode"):
        try:
            return cast("Callable[[str, Sequence[str]], list[dict[str, Any]]]", point.load())
        except ImportError as missing:
            raise DeviceError(f"pictures cannot be read: {missing}; install the camera part (pip install 'posagent[camera]')") from missing
    raise DeviceError("pictures cannot be read: this installation has no picture reader; run `make setup`, or install posagent again")


def _pictures(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        path = Path(name)
        if path.is_dir():
            yield from sorted(str(inside) for inside in path.rglob("*") if inside.suffix.lower() in _PICTURES)
        else:
            yield name


def _printable(text: str) -> str:
    """Codes are foreign text: nothing in them may steer the terminal."""
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)


# ---------------------------------------------------------------- classify


def _classify(args: Namespace) -> int:
    aim = aim_of(args.symbology) if args.symbology else None
    if args.symbology and aim is None:
        print(f"posagent scan classify: there is no symbology '{args.symbology}'; try JAN, Code128, NW-7, QR", file=sys.stderr)
        return 2
    rules = _rules(args.rules) if args.rules else default_rules()
    found = explain(args.text, aim, rules)
    if args.json:
        print(json.dumps(_as_json(found), ensure_ascii=False))
    else:
        if not args.rules:
            print("rules: the demonstration shop's (--rules FILE for your own)")
        _print_steps(found)
        print(_in_words(found))
    return 1 if isinstance(found.verdict, Refused) else 0


def _rules(path: Path) -> Rules:
    try:
        top = Table.parse(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as trouble:
        raise SettingsError(f"{path}: cannot be read: {trouble}; name a TOML file with [[code]] tables") from trouble
    rules = read_rules(top.tables("code"))
    if top.problems:
        raise SettingsError(f"{path}: the code rules have problems:", [f"  {problem}" for problem in top.problems])
    return rules


def _as_json(found: Explanation) -> dict[str, Any]:
    verdict = found.verdict
    body: dict[str, Any] = {"verdict": _name(verdict)}
    match verdict:
        case Ambiguous():
            body["candidates"] = [{"verdict": _name(one), **asdict(one)} for one in verdict.candidates]
        case _:
            body |= asdict(verdict)
    return body | {"steps": [asdict(step) for step in found.steps]}


def _name(verdict: object) -> str:
    return type(verdict).__name__.lower()


def _print_steps(found: Explanation) -> None:
    rule = ""
    for step in found.steps:
        if step.rule != rule:
            rule = step.rule
            print(f"rule {rule}")
        print(f"  {'yes' if step.passed else 'NO '}  {_printable(step.words)}")


def _in_words(found: Explanation) -> str:
    match found.verdict:
        case Refused(reason, ja, en, near):
            return f"refused ({reason}{f', nearest rule {near}' if near else ''})\n  {ja}\n  {en}"
        case Ambiguous(candidates):
            return "ambiguous: the cashier is asked\n" + "\n".join(f"  {_meaning(one)}" for one in candidates)
        case Member() | Coupon() | Product() | Staff():
            return _meaning(found.verdict)
        case _:
            assert_never(found.verdict)


def _meaning(meaning: Meaning) -> str:
    match meaning:
        case Member(number, rule, _, timed):
            return f"member {number} (rule {rule}{'' if timed == 'no' else ', time-limited: ' + timed})"
        case Coupon(code, rule):
            return f"coupon {code} (rule {rule})"
        case Product(gtin, rule):
            return f"product {gtin} (rule {rule})"
        case Staff(code, rule):
            return f"staff {code} (rule {rule})"
        case _:
            assert_never(meaning)


# ---------------------------------------------------------------- listen


def _listen(args: Namespace) -> int:
    from posagent.settings import DEFAULT_PATH, load_settings

    settings, registry = load_settings(args.settings or DEFAULT_PATH)
    scanners = [(device.name, registry.drivers[device.driver], device.options) for device in settings.of("scanner")]
    if not scanners:
        raise DeviceError("no scanner is configured; `posagent devices` lists what is connected and the [[scanner]] table to paste")
    heard: SimpleQueue[tuple[str, Scan | str]] = SimpleQueue()
    stop = threading.Event()
    threads = [threading.Thread(target=_hear, args=(*scanner, heard, stop), daemon=True) for scanner in scanners]
    for thread in threads:
        thread.start()
    print(f"listening to {', '.join(name for name, _, _ in scanners)}; the agent must be stopped meanwhile; Ctrl-C ends", file=sys.stderr)
    rules = settings.codes or default_rules()
    end = time.monotonic() + args.for_s if args.for_s else None
    count = 0
    try:
        while end is None or time.monotonic() < end:
            try:
                name, item = heard.get(timeout=0.2)
            except Empty:
                continue
            count += isinstance(item, Scan)
            _show(name, item, rules, args.json)
    finally:
        stop.set()
        for thread in threads:
            thread.join(1.5)
    return 0 if count else 5


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
        print(json.dumps(record | ({"verdict": _name(found.verdict)} if found else {}), ensure_ascii=False), flush=True)
    elif found:
        print(f"{name}: {_printable(item.text)}  ]{item.aim or '--'}  {_in_words(found)}", flush=True)
    else:
        print(f"{name}: DAMAGED: {item.reason}; scan again", flush=True)
