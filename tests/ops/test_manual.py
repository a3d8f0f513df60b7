"""The manual page and the shell's completion: made from the commands, so nothing is missing in either."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from posagent.cli import COMMANDS, main
from tools.make_manual import COMPLETION, MAN, manual, tree, write_manual

ASK = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_posagent
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tree")
    write_manual(made, "1.2.3")
    return made


def offered(laid_out: Path, *words: str) -> set[str]:
    done = subprocess.run(["bash", "-euc", ASK, "bash", str(laid_out / COMPLETION), *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


def test_the_page_tells_of_every_command_every_action_and_every_option(laid_out: Path) -> None:
    page = gzip.decompress((laid_out / MAN).read_bytes()).decode()
    assert page == manual("1.2.3")
    commands = list(tree())
    assert {command.words[0] for command in commands} == set(COMMANDS)
    assert ("queue", "retry") in {command.words for command in commands}
    for command in commands:
        section = page.partition("\n.SS posagent " + " ".join(command.words).replace("-", "\\-") + "\n")[2].partition("\n.SS ")[0]
        assert section, command.words
        for option in command.options:
            assert all(name.replace("-", "\\-") in section for name in option.option_strings if name not in {"-h", "--help"}), option
    assert not [line for line in page.splitlines() if line.startswith("'")], "a line that roff would take for a request"


def test_the_shell_offers_commands_actions_options_and_choices(laid_out: Path) -> None:
    assert offered(laid_out, "posagent", "qu") == {"queue"}
    assert offered(laid_out, "posagent", "") >= {*COMMANDS, "--version"}
    assert {"list", "retry", "verify"} <= offered(laid_out, "posagent", "queue", "")
    assert {"--json", "--pending"} <= offered(laid_out, "posagent", "queue", "list", "--")
    assert offered(laid_out, "posagent", "doctor", "--lang", "") == {"ja", "en"}
    assert offered(laid_out, "posagent", "nonsense", "x") == set()


def test_the_version_is_told_without_agent_and_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"schema", "posagent", "python", "sqlite", "kernel", "machine", "installed"}
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith(f"posagent  {told['posagent']}\n")
