"""Owns `posagent receipt`: what the agent reads on a receipt, step by step, without a printer and without the agent."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
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
    parser.epilog = "example: posagent receipt parse captured.bin --profile restaurant\n\n" + (parser.epilog or "")


def run(args: Namespace) -> int:
    """0: read, whatever kind it is; 1: the file cannot be opened; 78: the profile is wrong."""
    from posagent.door_sales import load_profile
    from posagent.doors.profiles import PLAIN
    from posagent.doors.reading import documents_of, whole_file

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

    if name == "-":
        return sys.stdin.buffer.read(LARGEST_FILE)
    try:
        with Path(name).open("rb") as file:
            return file.read(LARGEST_FILE)
    except OSError as trouble:
        raise PosagentError(f"{name}: cannot be read: {trouble.strerror or trouble}; give a file with a receipt in it") from trouble
