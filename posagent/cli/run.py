"""Owns `posagent run`: the agent itself, in the foreground, as systemd starts it."""

from __future__ import annotations

import logging
from argparse import ArgumentParser, Namespace
from pathlib import Path

from posagent.cli.common import add_settings


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the options."""
    add_settings(parser)
    parser.add_argument(
        "--safe", "--safe-mode", dest="safe_mode", action="store_true", help="use the drivers of posagent itself only, none of third parties"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log every step (never a member's number)")


def run(args: Namespace) -> int:
    """Runs until SIGTERM or Ctrl-C."""
    from posagent import journald, service
    from posagent.reload import reload_settings, tell
    from posagent.settings import Settings, load_settings
    from posagent.start import start_agent

    journald.set_up(logging.DEBUG if args.verbose else logging.INFO)
    path = Path(args.settings)
    settings, registry = load_settings(path, safe_mode=args.safe_mode)

    def again(before: Settings) -> Settings:
        done = reload_settings(path, before, safe_mode=args.safe_mode)
        tell(done, path)
        return done.settings

    with service.starting():
        agent = start_agent(settings, registry, again)
    service.notify(READY="1", STATUS=agent.supervision.line())
    logging.getLogger(__name__).info("ready")
    return agent.run()
