"""The doctor as a whole: a healthy counter is called healthy, what could not be looked at is not; screen, JSON and exit code agree."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from posagent.cli import main
from posagent.cli.doctor import asked
from posagent.doctor.case import Case
from posagent.doctor.examine import Looked, examine, gather
from posagent.doctor.finding import Check, Finding
from posagent.doctor.sheet import as_json, lines
from posagent.doctor.words import NAMES
from posagent.ports import Found

Machine = Any
"""The fixture's class, see conftest.py."""


def test_a_healthy_counter_is_called_healthy(machine: Machine) -> None:
    assert machine.keys() == {}
    shown = "\n".join(lines(examine(machine.case()), "ja"))
    assert "問題は見つかりませんでした" in shown
    assert all(name in shown for check, (name, _) in NAMES.items() if check != "D-302")  # the closed loop only on demand


def test_a_counter_without_a_scanner_is_told(machine: Machine) -> None:
    machine.text = re.sub(r"(?s)\[\[scanner\]\].*?(?=\[\[printer)", "", machine.text)
    assert machine.keys() == {"no_scanner_set": "warning"}


def test_what_goes_away_while_it_is_looked_at_is_unknown(machine: Machine) -> None:
    def look(_case: Case) -> Iterator[Finding]:
        raise FileNotFoundError(2, "No such file or directory")

    found = examine(machine.case(), (Check("D-104", look),))
    assert (found[0].level, found[0].findings[0].words) == ("unknown", "not_looked")


def test_a_page_that_answers_strangers_is_told(machine: Machine, page: tuple[str, dict[str, int]]) -> None:
    page[1]["status"] = 200
    assert machine.keys() == {"stranger_let_in": "problem"}


def test_a_broken_program_beside_a_kept_one_is_a_warning(machine: Machine) -> None:
    good = (machine.home / "etc/posagent/program.toml").read_text("utf-8")
    machine.put("/var/lib/posagent/program.kept.toml", good)
    machine.put("/etc/posagent/program.toml", good.replace("[program]", "[progamm]"))
    assert machine.keys()["program_kept"] == "warning"


def test_a_cups_queue_on_a_usb_printer_is_told(machine: Machine) -> None:
    machine.usb_printer()
    machine.put("/etc/cups/printers.conf", "<Printer TM>\nDeviceURI usb://EPSON/TM-T88VI\n</Printer>\n")
    assert machine.keys()["cups_queue"] == "problem"


def test_without_the_agent_nothing_is_called_well_that_only_the_agent_knows(machine: Machine) -> None:
    machine.agent, machine.room, machine.status = "down", None, None
    looked = {one.check.id: one for one in examine(machine.case())}
    assert {name for name, one in looked.items() if one.skipped} == {"D-207", "D-301", "D-303", "D-304", "D-501"}
    assert looked["D-300"].level == "unknown"


def test_what_may_not_be_looked_at_is_unknown_and_not_well(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(_self: Path, **_how: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    case = machine.case()
    monkeypatch.setattr(Path, "stat", refuses)
    monkeypatch.setattr(Path, "exists", lambda _self: True)
    looked = {one.check.id: one for one in examine(case, quick=True)}
    assert {found.words for found in looked["D-106"].findings} == {"may_not_look"}
    assert looked["D-106"].level == "unknown"


def test_quick_leaves_out_what_takes_seconds_and_says_so(machine: Machine) -> None:
    looked = examine(machine.case(), quick=True)
    assert {one.check.id for one in looked if one.skipped} == {"D-107", "D-108", "D-206", "D-208", "D-211", "D-401"}
    left_out = "disk flush, the journal's chain, kernel messages, network devices, udev's complaints, head office"
    assert f"skipped: {left_out}" in "\n".join(lines(looked, "en"))


def test_the_json_names_everything_and_the_exit_code_follows(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    (machine.home / "dev/serial/by-id/usb-Datalogic_Gryphon-if00").unlink()
    told = as_json(examine(machine.case()))
    assert (told["schema"], told["level"]) == (1, "problem")
    gone = next(check for check in told["checks"] if check["id"] == "D-201")
    assert gone["findings"][0]["key"] == "device_gone"
    assert set(gone["findings"][0]["ja"]) == {"wrong", "todo"}
    file = machine.case().settings_file
    # the real machine beneath: its devices are not there
    assert main(["doctor", "--quick", "--json", "--settings", str(file)]) == 1
    assert json.loads(capsys.readouterr().out)["level"] == "problem"
    file.write_text("[register]\n", "utf-8")
    assert main(["doctor", "--quick", "--settings", str(file), "--lang", "en"]) == 78
    assert "posagent check-config names every line" in capsys.readouterr().out


def test_gathering_never_fails_whatever_is_missing(tmp_path: Path) -> None:
    case = gather(tmp_path / "nothing.toml", asked)
    assert (case.settings, case.agent, case.room) == (None, "no_socket", None)
    assert "settings_wrong" in {found.words for one in examine(case, quick=True) for found in one.findings}
    assert isinstance(examine(case, quick=True)[0], Looked)


def test_the_quick_look_loads_nothing_of_the_running_agent(machine: Machine) -> None:
    """Each of these costs a tenth of a second and more, on a machine where somebody waits for the answer."""
    words = ["doctor", "--quick", "--json", "--settings", str(machine.case().settings_file)]
    program = f"import sys; from posagent.cli import main; main({words!r}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert {"posagent.start", "posagent.agent", "posagent.cloud", "starlette", "uvicorn", "requests", "cv2", "PIL", "escpos"}.isdisjoint(loaded)
    assert {"posagent.program_store", "offline_queue.report"} <= set(loaded)  # so far it has come


def test_what_the_agent_itself_holds_is_not_held_by_a_stranger(machine: Machine) -> None:
    node = "/dev/serial/by-id/usb-Datalogic_Gryphon-if00"
    machine.put("/proc/90/cmdline", "/usr/lib/posagent/bin/python3\0-I\0-X\0utf8\0-m\0posagent\0run\0")
    machine.put("/proc/91/cmdline", "/usr/lib/posagent/bin/python3\0-I\0-m\0posagent.device_process\x005\0")
    machine.put("/proc/92/cmdline", "/usr/bin/python3\0/opt/other.py\0-m\0posagents\0")
    machine.found = [Found("serial", "scanner", "Datalogic", node, "by-id", "python3 (pid 90), python3 (pid 91)")]
    assert machine.keys() == {}
    machine.found = [Found("serial", "scanner", "Datalogic", node, "by-id", "python3 (pid 90), python3 (pid 92), cupsd (pid 93)")]
    held = [found for one in examine(machine.case(), quick=True) for found in one.findings]
    assert [(found.words, found.values["holder"]) for found in held] == [("device_held", "python3 (pid 92), cupsd (pid 93)")]


def test_rules_that_a_link_to_nowhere_hides_are_missing(machine: Machine) -> None:
    hiding = machine.home / "etc/udev/rules.d/71-posagent.rules"
    hiding.parent.mkdir(parents=True)
    hiding.symlink_to("/dev/null")
    assert machine.keys() == {"no_udev_rules": "problem"}
