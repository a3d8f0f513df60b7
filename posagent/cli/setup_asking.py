"""Owns how `posagent setup` asks: questions on a plain terminal, or nothing at all."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable

from posagent.cli.setup_words import say
from posagent.errors import SettingsError


class Asking:
    """Questions on a plain terminal; with --no-input the default is the answer, and none is an error."""

    def __init__(self, args: Namespace, language: str) -> None:
        self.language, self.silent = language, bool(args.no_input)

    def tell(self, key: str, more: str = "") -> None:
        """One line."""
        print(f"{say(key, self.language)}{': ' if more else ''}{more}", flush=True)

    def ask(self, key: str, default: str, good: Callable[[str], object], flag: str = "") -> str:
        """The answer, once it is good. Raises SettingsError without input."""
        if self.silent:
            if good(default):
                return default
            raise SettingsError(f"--{flag or key.replace('_', '-')}: {say('missing', self.language)}: {say(key, self.language)}")
        while True:
            typed = typed_line(f"{say(key, self.language)}{f' [{default}]' if default else ''}: ") or default
            if good(typed):
                return typed
            self.tell("again")


def typed_line(question: str) -> str:
    """Raises SettingsError where nobody can answer."""
    try:
        return input(question).strip()
    except EOFError:
        raise SettingsError("setup was left before its end; nothing was written. Without a terminal: --no-input, see --help") from None
