"""Owns the manual page and the shell's completion, both made from the commands themselves, so that neither can tell another story.

    python -m tools.make_manual man|bash
"""

from __future__ import annotations

import gzip
import sys
from argparse import SUPPRESS, Action, ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from posagent.cli import COMMANDS, EXIT_CODES

MAN, COMPLETION = "usr/share/man/man1/posagent.1.gz", "usr/share/bash-completion/completions/posagent"
FILES = {
    "/etc/posagent/posagent.toml": "the settings",
    "/etc/posagent/program.toml": "the rules of the points",
    "/run/posagent/api.sock": "where the agent listens for commands and tills",
    "/var/lib/posagent": "the journal and what the agent has learned",
}
ENVIRONMENT = {
    "POSAGENT_SETTINGS": "another settings file than /etc/posagent/posagent.toml",
    "LANG": "Japanese answers where it begins with ja and the register's settings do not say otherwise",
    "NO_COLOR": "no colours, whatever the terminal can do",
}


@dataclass(frozen=True, slots=True)
class Command:
    """One way to call posagent: its words, what it does, and its options."""

    words: tuple[str, ...]
    line: str
    options: tuple[Action, ...]
    actions: tuple[str, ...]


def tree() -> Iterator[Command]:
    """Every command, its actions behind it, as `posagent --help` orders them."""
    for name, (module, line) in COMMANDS.items():
        parser = ArgumentParser(prog=f"posagent {name}", description=line)
        import_module(module).add_arguments(parser)
        yield from _below((name,), line, parser)


def _below(words: tuple[str, ...], line: str, parser: ArgumentParser) -> Iterator[Command]:
    declared = parser._actions  # noqa: SLF001 - argparse has no other way to ask
    groups = [action for action in declared if isinstance(action, _SubParsersAction)]
    options = tuple(action for action in declared if action not in groups and action.help != SUPPRESS)
    actions = tuple(name for group in groups for name in group.choices)
    yield Command(words, line, options, actions)
    for group in groups:
        helps = {choice.dest: choice.help or "" for choice in group._choices_actions}  # noqa: SLF001
        for name, below in group.choices.items():
            yield from _below((*words, name), helps.get(name, ""), below)


def manual(version: str) -> str:
    """The page in man(7)'s macros."""
    page = [f'.TH POSAGENT 1 "" "posagent {version}"', ".SH NAME", r"posagent \- the agent beside the cash register", ".SH SYNOPSIS",
            ".B posagent", r"\fICOMMAND\fR [\fIoptions\fR]", ".SH DESCRIPTION",
            "Reads member barcodes, learns the amount of the sale, grants points, prints coupon slips, and loses nothing offline.",
            "Each command tells more of itself with", r".BR \-\-help .", ".SH COMMANDS"]  # fmt: skip
    for command in tree():
        page += [".SS posagent " + _roff(" ".join(command.words)), _roff(command.line)]
        for option in command.options:
            if "--help" not in option.option_strings and (shown := _shown(option)):
                page += [".TP", shown, _roff(_help(option))]
    page += [".SH EXIT STATUS", *_items(dict(_exit_codes()))]
    page += [".SH ENVIRONMENT", *_items(ENVIRONMENT), ".SH FILES", *_items(FILES)]
    return "\n".join(page) + "\n"


def _items(rows: dict[str, str]) -> list[str]:
    return [line for name, text in rows.items() for line in (".TP", f".B {_roff(name)}", _roff(text))]


def _exit_codes() -> Iterator[tuple[str, str]]:
    for line in EXIT_CODES.splitlines()[1:]:
        for part in line.strip().split("   "):
            code, _, text = part.partition(" ")
            yield code, text


def _shown(option: Action) -> str:
    choices = "|".join(map(str, option.choices or ()))
    value = option.metavar if isinstance(option.metavar, str) else choices or option.dest.upper()
    if not option.option_strings:
        return rf"\fI{_roff(value)}\fR"
    names = ", ".join(rf"\fB{_roff(name)}\fR" for name in option.option_strings)
    return names if option.nargs == 0 else rf"{names} \fI{_roff(value)}\fR"


def _help(option: Action) -> str:
    return (option.help or "").replace("%(default)s", str(option.default)).replace("%%", "%")


def _roff(text: str) -> str:
    escaped = text.replace("\\", r"\e").replace("-", r"\-").replace("\n", " ")
    return r"\&" + escaped if escaped[:1] in {".", "'"} else escaped


def completion() -> str:
    """A bash script: commands, actions and options; a value with choices offers them; anything else is a file's name."""
    rows = []
    for command in tree():
        flags = [name for option in command.options for name in option.option_strings if name.startswith("--")]
        rows.append(f"    [{_at(command.words)!r}]={' '.join([*command.actions, *flags])!r}")
        rows += [f"    [{_at((*command.words, name))!r}]={' '.join(map(str, option.choices))!r}"
                 for option in command.options if option.choices for name in option.option_strings]  # fmt: skip
    return f"""\
# Made by tools/make_manual.py from the commands themselves.
declare -gA _posagent_words=(
    ['posagent']='{" ".join(COMMANDS)} --help --version'
{chr(10).join(rows)}
)
_posagent() {{
    local at=posagent word last="${{COMP_WORDS[COMP_CWORD - 1]}}" current="${{COMP_WORDS[COMP_CWORD]}}"
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD - 1}}"; do
        [[ "$word" != -* && -n "${{_posagent_words["$at $word"]+there}}" ]] && at="$at $word"
    done
    local offered="${{_posagent_words["$at"]}}"
    [[ "$last" == -* && -n "${{_posagent_words["$at $last"]+there}}" ]] && offered="${{_posagent_words["$at $last"]}}"
    mapfile -t COMPREPLY < <(compgen -W "$offered" -- "$current")
}}
complete -o default -F _posagent posagent
"""


def _at(words: tuple[str, ...]) -> str:
    return " ".join(("posagent", *words))


def write_manual(tree: Path, version: str) -> None:
    """Both files below ``tree``, as they will lie below /; the same bytes every time."""
    for name, content in ((MAN, gzip.compress(manual(version).encode(), mtime=0)), (COMPLETION, completion().encode())):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(content)


if __name__ == "__main__":
    from tools.package import product_version

    match sys.argv[1:]:
        case ["man"]:
            sys.stdout.write(manual(product_version()))
        case ["bash"]:
            sys.stdout.write(completion())
        case _:
            sys.exit(__doc__)
