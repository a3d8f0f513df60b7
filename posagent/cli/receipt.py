"""Owns `posagent receipt`: what the agent reads on a receipt, step by step, without a printer and without the agent."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import Any

from posagent.cli.common import add_json, print_json

LARGEST_FILE = 8 * 1024 * 1024


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the sub-command."""
    commands = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    parse = commands.add_parser("parse", help="kind, total, receipt number and tax split of a receipt, and why")
    parse.add_argument("file", metavar="FILE", help="a text file, or the bytes that a POS sent to its printer; - for standard input")
    parse.add_argument("--profile", metavar="P", help="a profile file, or the name of one in config/receipts or /etc/posagent/receipts")
    add_json(parse)
    learn = commands.add_parser("teach", help="a profile from two receipts whose totals are known")
    learn.add_argument("name", metavar="NAME", type=_name, help="the profile's name: small letters, digits, - and _")
    learn.add_argument("known", nargs="+", metavar="FILE=TOTAL", type=_known, help="a receipt and the amount that earns points; two or more")
    learn.add_argument("--profiles", metavar="DIR", default="/etc/posagent/receipts", help="where it is written (default: %(default)s)")
    learn.add_argument("--dry-run", action="store_true", help="show the profile and both readings, and write nothing")
    add_json(learn)
    examples = "posagent receipt parse captured.bin --profile restaurant\n  posagent receipt teach bistro one.bin=1080 two.bin=2200"
    parser.epilog = f"examples:\n  {examples}\n\n" + (parser.epilog or "")


def _name(text: str) -> str:
    from posagent.receipt_profiles import PROFILE_NAME

    if not PROFILE_NAME.fullmatch(text):
        raise ArgumentTypeError(f"{text}: a profile's name has small letters, digits, - and _")
    return text


def _known(text: str) -> tuple[str, int]:
    file, equals, total = text.rpartition("=")
    if not equals or not total.isdecimal() or len(total) > 8:
        raise ArgumentTypeError(f"{text}: give a receipt and its total, like captured.bin=1080")
    return file, int(total)


def run(args: Namespace) -> int:
    """0: read, whatever kind it is, or learned; 1: a file cannot be opened, or nothing can be learned; 78: the profile is wrong."""
    return _teach(args) if args.action == "teach" else _parse(args)


def _teach(args: Namespace) -> int:
    from posagent.doors.reading import documents_of
    from posagent.doors.teach import Lesson, teach
    from posagent.errors import PosagentError
    from posagent.receipt_profiles import write_profile

    lessons = []
    for file, total in args.known:
        documents = documents_of(_read(file))
        if len(documents) != 1:
            raise PosagentError(f"{file}: {len(documents)} receipts in it; one is wanted")
        lessons.append(Lesson(documents[0], total))
    taught = teach(args.name, lessons)
    path = Path(args.profiles) / f"{args.name}.toml"
    if taught.text is not None and not args.dry_run:
        write_profile(path, taught.text)
    if args.json:
        told = {"schema": 1, "profile": taught.text, "path": str(path) if taught.text and not args.dry_run else None, "why": list(taught.why)}
        print_json({**told, "before": [plain(one) for one in taught.before], "after": [plain(one) for one in taught.after]})
        return 0 if taught.text is not None else 1
    for number, (file, total) in enumerate(args.known):
        print(f"== {file}: {total:,} yen\n-- as any receipt")
        _tell(taught.before[number])
        if taught.after:
            print(f"-- with the profile {args.name}")
            _tell(taught.after[number])
    for step in taught.why:
        print(f"* {step}")
    if taught.text is None:
        print("nothing was learned", file=sys.stderr)
        return 1
    print(taught.text if args.dry_run else f'{path} is written; profile = "{args.name}" in the sale door\'s table uses it')
    return 0


def _parse(args: Namespace) -> int:
    from posagent.doors.profiles import PLAIN
    from posagent.doors.reading import documents_of, whole_file
    from posagent.receipt_profiles import load_profile

    raw = _read(args.file)
    profile = load_profile(args.profile) if args.profile else PLAIN
    documents = documents_of(raw)
    receipt, each = whole_file(documents, profile)
    if args.json:
        documents_told = [plain(one) for one in each]
        print_json({"schema": 1, "file": args.file, "profile": profile.name or None, **plain(receipt), "documents": documents_told})
    else:
        for number, one in enumerate(each or [receipt], 1):
            if len(each) > 1:
                print(f"document {number} of {len(each)}")
            _tell(one)
    return 0


def plain(receipt: Any) -> dict[str, Any]:
    """A receipt as JSON: rates as strings, in basis points."""
    return {
        "kind": receipt.kind,
        "total": receipt.total,
        "receipt_no": receipt.receipt_no,
        "tax_split": {str(rate): gross for rate, gross in receipt.tax_split.items()},
        "paid": receipt.paid,
        "confidence": receipt.confidence,
        "why": list(receipt.why),
    }


def _tell(receipt: Any) -> None:
    total = f"{receipt.total:,} yen" if receipt.total is not None else "—"
    print(f"kind        {receipt.kind}")
    print(f"total       {total}")
    print(f"receipt no  {receipt.receipt_no or '—'}")
    for rate, gross in receipt.tax_split.items():
        print(f"at {rate / 100:g} %     {gross:,} yen")
    print(f"paid        {'yes' if receipt.paid else 'not seen'}")
    print(f"confidence  {receipt.confidence}")
    for step in receipt.why:
        print(f"  - {step}")


def _read(name: str) -> bytes:
    from posagent.errors import PosagentError

    try:
        if name == "-":
            raw = sys.stdin.buffer.read(LARGEST_FILE + 1)
        else:
            with Path(name).open("rb") as file:
                raw = file.read(LARGEST_FILE + 1)
    except OSError as trouble:
        raise PosagentError(f"{name}: cannot be read: {trouble.strerror or trouble}; give a file with a receipt in it") from trouble
    if len(raw) > LARGEST_FILE:  # cut off, its last receipt would be told wrong
        raise PosagentError(f"{name}: larger than {LARGEST_FILE >> 20} MB; give one receipt, or a part of the stream: head -c 1M {name}")
    return raw
