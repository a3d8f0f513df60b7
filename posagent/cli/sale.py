"""Owns `posagent sale`: a sale from a shell script or by hand, over the agent's socket."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import Any

from posagent.cli.agent_line import agent_socket, ask_agent
from posagent.cli.common import add_json, add_settings, print_json

_WORDS = {
    "granted": "granted",
    "already": "granted before",
    "waiting_for_member": "waits for the card",
    "waiting_for_payment": "waits for payment",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--total", type=_yen, required=True, help="what the customer pays, tax included")
    parser.add_argument("--tax", type=_tax, default={}, metavar="8:500,10:1480", help="gross per tax rate in percent; adds up to the total")
    parser.add_argument("--receipt-no", metavar="NO", help="the receipt's number: the same sale again is the same sale")
    parser.add_argument("--unpaid", action="store_true", help="a total that is shown before payment; the grant waits")
    parser.add_argument("--operator", default="", help="who sells")
    parser.add_argument("--key", default="", help="Idempotency-Key, 8 to 64 letters, digits, - or _: a repeat gets the first answer")
    add_settings(parser)
    add_json(parser)
    parser.epilog = "example: posagent sale --total 1980 --tax 8:500,10:1480 --receipt-no 000123\n\n" + (parser.epilog or "")


def run(args: Namespace) -> int:
    """0 granted, or waiting for the card; 1 refused; 3 the agent is not running."""
    sale: dict[str, Any] = {"total": args.total, "paid": not args.unpaid}
    sale |= {"tax_split": args.tax} if args.tax else {}
    sale |= {"receipt_no": args.receipt_no} if args.receipt_no else {}
    sale |= {"operator": args.operator[:32]} if args.operator else {}
    said = ask_agent(agent_socket(Path(args.settings)), "/v1/sales", sale, key=args.key)
    if args.json:
        print_json({"schema": 1, **said})
        return 0
    told = _WORDS.get(said.get("result", ""), said["state"])
    points = f", {said['points']:+,} points" if isinstance(said.get("points"), int) else ""
    print(f"{args.total:,} yen: {told}{points}  ({said.get('sale_id', '')})")
    return 0


def _yen(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,8}", text, re.ASCII) or int(text) == 0:
        raise ArgumentTypeError(f"'{text}' is no amount; give yen as a whole number, like 1980")
    return int(text)


def _tax(text: str) -> dict[str, int]:
    """ "8:500,10:1480" as gross per rate in basis points."""
    split: dict[str, int] = {}
    for part in text.split(","):
        found = re.fullmatch(r"([0-9]{1,2})(?:\.([0-9]{1,2}))?:([0-9]{1,8})", part.strip(), re.ASCII)
        if found is None:
            raise ArgumentTypeError(f"'{part}' is no rate with its amount; write percent:yen, like 8:500,10:1480")
        rate = str(int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")))
        split[rate] = split.get(rate, 0) + int(found[3])
    return split
