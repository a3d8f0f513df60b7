"""The systemd files: accepted by systemd's own tools, hardened, and in step with the program."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from posagent import enrolment

SYSTEMD = Path(__file__).parents[2] / "systemd"
SOCKETS = ("posagent.socket", "posagent-tech.socket")
UNIT = (SYSTEMD / "posagent.service").read_text("utf-8")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """A tool of systemd's; loud where it is not there."""
    if shutil.which(words[0]) is None:
        pytest.fail(f"{words[0]} is missing: nobody has looked at the units; apt-get install systemd udev")
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as they will lie, but for the interpreter, which this machine need not have."""
    unit = UNIT.replace("/usr/lib/posagent/bin/python3", "/bin/true").replace("file:/usr/share/doc/posagent/install.md", f"file:{tmp_path}")
    (tmp_path / "posagent.service").write_text(unit, "utf-8")
    for name in SOCKETS:
        shutil.copy(SYSTEMD / name, tmp_path)
    return tmp_path


def test_systemd_finds_nothing_wrong_with_the_units(installed: Path) -> None:
    done = run("systemd-analyze", "verify", *(str(installed / name) for name in ("posagent.service", *SOCKETS)))
    ours = [line for line in done.stderr.splitlines() if "posagent" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("more", ["", (SYSTEMD / "posagent-camera.conf").read_text("utf-8")], ids=["core", "with a camera"])
def test_the_exposure_is_at_most_1_5(installed: Path, more: str) -> None:
    unit = installed / "posagent.service"
    unit.write_text(UNIT.partition("[Install]")[0] + more.partition("[Service]")[2], "utf-8")
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=15", str(unit))
    assert done.returncode == 0, done.stdout[-200:]
    unit.write_text(unit.read_text("utf-8") + "NoNewPrivileges=no\n", "utf-8")
    assert run("systemd-analyze", "security", "--offline=true", "--threshold=15", str(unit)).returncode != 0  # it would notice


def test_users_and_folders_are_what_the_unit_expects(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    assert run("systemd-sysusers", f"--root={tmp_path}", str(SYSTEMD / "posagent.sysusers")).returncode == 0
    groups = (tmp_path / "etc/group").read_text("ascii")
    assert {line.split(":")[0] for line in groups.splitlines()} >= {"posagent", "posagent-pos", "posagent-tech"}
    user = next(line for line in (tmp_path / "etc/passwd").read_text("ascii").splitlines() if line.startswith("posagent:"))
    assert user.endswith("/usr/sbin/nologin")
    assert f"Sockets={' '.join(SOCKETS)}\n" in UNIT
    assert "SocketGroup=posagent-pos" in (SYSTEMD / "posagent.socket").read_text("utf-8")
    assert re.search(r"^User=posagent\nGroup=posagent$", UNIT, re.MULTILINE)
    done = run("systemd-tmpfiles", f"--root={tmp_path}", "--create", str(SYSTEMD / "posagent.tmpfiles"))
    assert done.returncode == 0, done.stderr
    modes = {name: oct((tmp_path / name).stat().st_mode & 0o7777) for name in ("etc/posagent", "etc/posagent/credentials", "var/lib/posagent")}
    assert modes == {"etc/posagent": "0o750", "etc/posagent/credentials": "0o700", "var/lib/posagent": "0o700"}


def test_the_credentials_that_are_handed_over_are_those_that_enrolment_writes() -> None:
    name, _, path = re.search(r"^LoadCredential=(.*)$", UNIT, re.MULTILINE)[1].partition(":")
    assert Path(path) == enrolment.CREDENTIALS
    assert name == enrolment.CREDENTIALS.name


def test_the_reader_may_do_what_it_asks_for() -> None:
    """`posagent.device_process.urgent`: SCHED_RR, step 1. Without the limit and the call it would be slower without a word."""
    assert "LimitRTPRIO=1" in UNIT
    assert "RestrictRealtime=no" in UNIT
    filters = re.findall(r"^SystemCallFilter=(.*)$", UNIT, re.MULTILINE)
    assert filters.index("sched_setscheduler") > next(at for at, line in enumerate(filters) if "@resources" in line)
    assert "SystemCallErrorNumber=EPERM" in UNIT


def test_every_device_class_that_a_driver_opens_is_allowed() -> None:
    allowed = set(re.findall(r"^DeviceAllow=char-(\S+) ", UNIT + (SYSTEMD / "posagent-camera.conf").read_text("utf-8"), re.MULTILINE))
    assert allowed == {"usb_device", "ttyUSB", "ttyACM", "ttyS", "input", "hidraw", "usb", "video4linux"}
    loaded = set(re.findall(r"modprobe@(\w+)\.service", UNIT))
    assert loaded >= {"usbserial", "cdc_acm", "usblp", "evdev", "hid"}
