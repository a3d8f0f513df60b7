"""The scripts around an installation, on a machine whose commands only write down that they were called."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECORDED = """\
#!/bin/sh
echo "$(basename "$0") $*" >> "{log}"
case "$(basename "$0") $*" in {failing}) exit 1 ;; esac
"""
COMMANDS = ("systemctl", "systemd-sysusers", "systemd-tmpfiles", "udevadm", "runuser")


class Register:
    """A machine with systemd below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        for name in ("run/systemd/system", "etc/posagent", "var/lib/posagent", "var/cache/posagent", "bin"):
            (folder / name).mkdir(parents=True)
        self.failing("nothing")

    def failing(self, pattern: str) -> None:
        """Commands that match do not succeed."""
        for name in COMMANDS:
            command = self.folder / "bin" / name
            command.write_text(RECORDED.format(log=self.log, failing=pattern), "utf-8")
            command.chmod(0o755)

    def set_up(self) -> None:
        (self.folder / "etc/posagent/posagent.toml").write_text("", "utf-8")

    def script(self, name: str, *words: str) -> tuple[int, str, list[str]]:
        """(exit code, what it said, which commands it called)."""
        text = (ROOT / "systemd/debian" / name).read_text("utf-8")
        for place in ("/etc/posagent", "/run/systemd/system", "/var/lib/posagent", "/var/cache/posagent"):
            text = text.replace(place, f"{self.folder}{place}")
        self.log.write_text("", "utf-8")
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(["sh", "-c", text, name, *words], capture_output=True, text=True, check=False, env=os.environ | {"PATH": path})
        return done.returncode, done.stdout + done.stderr, self.log.read_text("utf-8").splitlines()


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return Register(tmp_path)


def test_the_first_installation_starts_nothing_and_says_what_comes_next(register: Register) -> None:
    code, said, called = register.script("postinst", "configure", "")
    assert (code, said) == (0, "posagent is installed. Next: posagent setup\n")
    assert [line for line in called if line.startswith("systemctl")] == [
        "systemctl daemon-reload", "systemctl enable posagent.socket posagent.service",
    ]  # fmt: skip
    first = [line.split()[0] for line in called]
    assert first.index("systemd-sysusers") < first.index("udevadm")  # udev drops groups that it does not know


def test_an_update_tries_the_copy_and_restarts_once_behind_its_sockets(register: Register) -> None:
    register.set_up()
    code, _, called = register.script("postinst", "configure", "0.0.9")
    assert code == 0
    assert called[-3:] == [
        "runuser -u posagent -- /usr/lib/posagent/bin/python3 -I -X utf8 -m posagent.upgrade check",
        "systemctl start posagent.socket", "systemctl restart posagent.service",
    ]  # fmt: skip


@pytest.mark.parametrize("what", ["abort-upgrade", "abort-remove", "abort-deconfigure"])
def test_what_was_broken_off_restarts_nothing(register: Register, what: str) -> None:
    register.set_up()
    code, said, called = register.script("postinst", what, "0.0.9")
    assert (code, said) == (0, "")
    assert not [line for line in called if "restart" in line or "upgrade check" in line]
    assert called[-1] == "systemctl start posagent.socket posagent.service"
    register.failing("*start*")
    code, said, _ = register.script("postinst", what, "0.0.9")
    assert code == 0  # or dpkg would call a package half-configured that is as it was
    assert "journalctl -u posagent" in said


@pytest.mark.parametrize(
    "failing, words",
    [("runuser*check", "the new version cannot work with this register's settings or journal"), ("*restart*", "the service does not start")],
)
def test_an_update_that_cannot_work_names_the_way_back(register: Register, failing: str, words: str) -> None:
    register.set_up()
    register.failing(failing)
    code, said, _ = register.script("postinst", "configure", "0.0.9")
    assert code == 1
    assert words in said
    assert f"dpkg -i {register.folder}/var/cache/posagent/posagent_0.0.9_*.deb" in said


def test_a_purge_deletes_only_what_head_office_has(register: Register) -> None:
    state = register.folder / "var/lib/posagent"
    (state / "queue.db").write_bytes(b"")
    for unsent, words in (("3\n", "has not got (3)"), (None, "nobody knows how many")):
        (state / "unsent").unlink(missing_ok=True)
        if unsent is not None:
            (state / "unsent").write_text(unsent, "ascii")
        code, said, _ = register.script("postrm", "purge")
        assert code == 1
        assert words in said
        assert f"rm -r {state}" in said
        assert state.exists()
    (state / "unsent").write_text("0\n", "ascii")
    assert register.script("postrm", "purge")[0] == 0
    assert not state.exists()


def test_the_cups_backend_is_a_file_that_cups_starts_as_lp() -> None:
    backend = ROOT / "systemd/cups-backend.sh"
    assert not backend.is_symlink()
    assert backend.read_text("utf-8").splitlines()[-1] == 'exec /usr/lib/posagent/bin/posagent-cups "$@"'
