"""Owns what several commands share: the settings option, and results as JSON."""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from typing import Any


def add_settings(parser: ArgumentParser) -> None:
    """The option that says which settings file."""
    parser.add_argument(
        "--settings",
        metavar="FILE",
        default=os.environ.get("POSAGENT_SETTINGS", "/etc/posagent/posagent.toml"),
        help="the settings file (default: $POSAGENT_SETTINGS, else /etc/posagent/posagent.toml)",
    )


def add_json(parser: ArgumentParser) -> None:
    """The option for machines."""
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")


def print_json(result: dict[str, Any]) -> None:
    """One object, one line, readable Japanese."""
    print(json.dumps(result, ensure_ascii=False))
