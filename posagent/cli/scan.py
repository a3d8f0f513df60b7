"""Owns `posagent scan decode` and `classify`: what is in a picture, and what becomes of a code. `scan_listen` has the third."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, cast

from posagent.cli.scan_words import in_words, name_of, printable
from posagent.errors import DeviceError, PosagentError, SettingsError
from posagent.member_code import (
    Ambiguous,
    Explanation,
    Refused,
    Rules,
    default_rules,
    explain,
    read_rules,
)
from posagent.member_code.symbologies import aim_of
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
    listen = actions.add_parser("listen", help="show what the scanners read: through the agent where one runs, else from the devices")
    listen.add_argument("--settings", metavar="FILE", type=Path, help="the settings file; default: /etc/posagent/posagent.toml")
    listen.add_argument("--for", dest="for_s", metavar="SECONDS", type=int, default=0, help="stop after so long (0: with Ctrl-C)")
    listen.add_argument("--json", action="store_true", help="one JSON object per scan and line")
    listen.add_argument("--test", action="store_true", help="while it runs, the agent explains scans instead of counting them (test mode)")
    inject = actions.add_parser("inject", help="give the running agent a code, from standard input, as if a scanner had read it")
    inject.add_argument("--symbology", metavar="S", default="", help="the AIM identifier without its bracket, such as E0")
    inject.add_argument("--settings", metavar="FILE", type=Path, help="the settings file; default: /etc/posagent/posagent.toml")
    inject.add_argument("--json", action="store_true", help="one JSON object")


def run(args: Namespace) -> int:
    match args.action:
        case "decode":
            return _decode(args)
        case "classify":
            return _classify(args)
        case "inject":
            from posagent.cli.scan_inject import inject

            return inject(args)
        case _:
            from posagent.cli.scan_listen import listen

            return listen(args)


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
                print(f"{code['file']}: {printable(code['text'])}  ({code['symbology']}, {code['ms']:.0f} ms, {code['how']})", flush=True)
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
        print(in_words(found))
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
    body: dict[str, Any] = {"verdict": name_of(verdict)}
    match verdict:
        case Ambiguous():
            body["candidates"] = [{"verdict": name_of(one), **asdict(one)} for one in verdict.candidates]
        case _:
            body |= asdict(verdict)
    return body | {"steps": [asdict(step) for step in found.steps]}


def _print_steps(found: Explanation) -> None:
    rule = ""
    for step in found.steps:
        if step.rule != rule:
            rule = step.rule
            print(f"rule {rule}")
        print(f"  {'yes' if step.passed else 'NO '}  {printable(step.words)}")
