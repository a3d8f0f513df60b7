"""Owns `posagent bundle`: one file for support, without anything of a member."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import datetime
from pathlib import Path

from posagent.cli.common import add_settings
from posagent.cli.doctor import asked
from posagent.errors import PosagentError


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("file", nargs="?", type=Path, default=None, help="where to write it (default: posagent-support-DATE.zip here)")
    parser.add_argument("--list", action="store_true", help="show what would go in, and write nothing")
    add_settings(parser)
    parser.epilog = "Members' numbers, coupon codes, keys and PINs are taken out; read the parts yourself: unzip -p FILE log.txt\n\n" + (
        parser.epilog or ""
    )


def run(args: Namespace) -> int:
    """0: written; 69: it cannot be written."""
    from posagent.bundle import parts, write
    from posagent.doctor.examine import examine, gather

    case = gather(Path(args.settings), asked)
    contents = parts(case, examine(case))
    if args.list:
        for name, text in contents.items():
            print(f"{len(text.encode()) >> 10:>6} KB  {name}")
        return 0
    file = args.file or Path(f"posagent-support-{datetime.now().astimezone():%Y%m%d-%H%M%S}.zip")
    try:
        size = write(file, contents)
    except OSError as trouble:
        failed = PosagentError(f"{file}: cannot be written: {trouble.strerror}; name another place: posagent bundle /media/usb/support.zip")
        failed.exit_code = 69
        raise failed from trouble
    print(f"{file}: {(size + 1023) >> 10} KB; send it to support")
    return 0
