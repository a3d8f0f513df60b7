"""Owns `posagent run`: the agent itself, in the foreground, as systemd starts it."""

from __future__ import annotations

import logging
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from posagent.cli.common import add_settings


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the options."""
    add_settings(parser)
    parser.add_argument("--safe-mode", action="store_true", help="use the drivers of posagent itself only, none of third parties")
    parser.add_argument("-v", "--verbose", action="store_true", help="log every step (never a member's number)")


def run(args: Namespace) -> int:
    """Runs until SIGTERM or Ctrl-C."""
    from posagent import service
    from posagent.settings import load_settings
    from posagent.start import start_agent

    logging.basicConfig(
        level=logging.DEBUG if args.verbose else logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    settings, registry = load_settings(Path(args.settings), safe_mode=args.safe_mode)
    agent = start_agent(settings, registry)
    service.notify(READY="1", STATUS=agent.status_line())
    logging.getLogger(__name__).info("ready")
    return agent.run()
