"""Owns `posagent version`: which posagent this is, and on what it runs. What a support centre asks first."""

from __future__ import annotations

import os
import platform
import sqlite3
import sys
from argparse import ArgumentParser, Namespace
from importlib.metadata import version

from posagent.cli.common import add_json, print_json


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the options."""
    add_json(parser)


def run(args: Namespace) -> int:
    """Needs neither the agent nor settings."""
    kernel = os.uname()
    found = {
        "posagent": version("posagent"), "python": platform.python_version(), "sqlite": sqlite3.sqlite_version,
        "kernel": kernel.release, "machine": kernel.machine, "installed": sys.prefix,
    }  # fmt: skip
    if args.json:
        print_json({"schema": 1, **found})
    else:
        print("\n".join(f"{name:<9} {value}" for name, value in found.items()))
    return 0
