"""Everything that can be broken at a counter is broken once, and found, in both languages with the next step."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from posagent.doctor.examine import CHECKS, examine
from posagent.doctor.host import Ran
from posagent.doctor.sheet import lines
from posagent.doctor.words import NAMES, WORDS, said
from posagent.ports import Found
from posagent.registry import Broken

Machine = Any
"""The fixture's class, see conftest.py."""
AT = datetime.fromisoformat("2026-11-22T12:00:00+09:00")


def _kernel(line: str) -> Callable[[Machine], None]:
    return lambda machine: machine.commands.update({"journalctl": Ran(0, line + "\n")})


def _unit(**changes: str) -> Callable[[Machine], None]:
    return lambda machine: (machine.unit or {}).update(changes)


def _device(name: str, **changes: Any) -> Callable[[Machine], None]:
    def change(machine: Machine) -> None:
        assert machine.room is not None
        next(device for device in machine.room["devices"] if device["name"] == name).update(changes)

    return change


def _printer(**says: Any) -> Callable[[Machine], None]:
    return _device("slips", printer={"says": {"paper": "ok", "cover_open": False, **says}, "capabilities": {"kanji": True}})


def _set(**changes: Any) -> Callable[[Machine], None]:
    def change(machine: Machine) -> None:
        for name, value in changes.items():
            setattr(machine, name, value)

    return change


def _gone(machine: Machine) -> None:
    (machine.home / "dev/serial/by-id/usb-Datalogic_Gryphon-if00").unlink()


def _held(**changes: Any) -> Callable[[Machine], None]:
    one = Found("serial", "scanner", "Datalogic", "/dev/serial/by-id/usb-Datalogic_Gryphon-if00", "by-id", "cupsd (pid 812)")
    return _set(found=[replace(one, **changes)])


def _late(machine: Machine) -> None:
    (machine.home / "sys/module/cdc_acm").mkdir(parents=True)


def _chmod(path: str, mode: int) -> Callable[[Machine], None]:
    return lambda machine: (machine.home / path).chmod(mode)


def _no_posagent_user(machine: Machine) -> None:
    machine.put("/etc/group", "dialout:x:20:\n")


def _port() -> int:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return int(closed.getsockname()[1])


def _denied(machine: Machine) -> None:
    machine.put("/etc/group", "posagent:x:993:\n")
    _chmod("dev/serial/by-id/usb-Datalogic_Gryphon-if00", 0o600)(machine)


def _old(machine: Machine) -> None:
    machine.now = AT + timedelta(days=3)


def _damaged(machine: Machine) -> None:
    machine.sql( "UPDATE ev SET body = CAST(replace(CAST(body AS TEXT), 'points\":1', 'points\":9') AS BLOB)")


def _refused(machine: Machine) -> None:
    machine.sql( "INSERT INTO parked(seq, state, reason, attempts, at) VALUES(1, 'parked', '400', 6, '')")


def _in_doubt(machine: Machine) -> None:
    assert machine.status is not None
    machine.status["questions"] = [{"job": "1"}]


def _two(machine: Machine) -> None:
    one = Found("wedge", "scanner", "Scanner", "/dev/input/event5", "usb:0c2e:0b61")
    machine.found = [one, replace(one, node="/dev/input/event6")]


def _without_directory(machine: Machine) -> None:
    directory = machine.home / "var/lib/posagent"
    directory.rename(directory.with_name("elsewhere"))


def _snapshots(machine: Machine) -> None:
    machine.snapshots = f'snapshots = "{machine.home}/media/backup"'


def _old_snapshots(machine: Machine) -> None:
    _snapshots(machine)
    (machine.home / "media/backup").mkdir(parents=True)




JA, EN = {"title": "紙がありません", "todo": "紙を交換してください"}, {"title": "No paper", "todo": "Change the roll"}
MESSAGE = {"code": "E210", "ja": JA, "en": EN}
BREAKS: dict[str, Callable[[Machine], None]] = {
    "no_socket": _set(agent="no_socket"),
    "agent_down_by_hand": _set(unit=None, agent="down", room=None),
    "no_service": _set(unit=None, agent="no_socket", room=None),
    "service_settings": _unit(ActiveState="failed", ExecMainStatus="78"),
    "service_down": _unit(ActiveState="inactive"),
    "service_restarts": _unit(NRestarts="7"),
    "no_watchdog": _unit(WatchdogUSec="0"),
    "may_not_ask": _set(agent="refused", room=None),
    "device_class_late": _late,
    "page_silent": lambda machine: setattr(machine, "listen", f"127.0.0.1:{_port()}"),
    "no_browser_policy": _set(screen='allowed_origins = ["https://pos.example.jp"]'),
    "package_half": lambda machine: (machine.put("/var/lib/dpkg/info/posagent.list"),
                                     machine.commands.update({"dpkg": Ran(1, "posagent is half configured")}))[0] and None,
    "settings_wrong": _set(has_settings=False, trouble="posagent.toml: 1 problem", room=None, agent="no_socket"),
    "no_member_rule": _set(code=""),
    "no_program": lambda machine: (machine.home / "etc/posagent/program.toml").unlink(),
    "program_ends": lambda machine: machine.program( "2026-11-30"),
    "settings_writable": _set(settings_mode=0o666),
    "journal_open": _chmod("var/lib/posagent", 0o755),
    "secret_open": _chmod("etc/posagent/credentials/register.json", 0o644),
    "clock_unasked": lambda machine: machine.commands.update({"timedatectl": Ran(1, "")}),
    "clock_unset": lambda machine: machine.commands.update({"timedatectl": Ran(0, "Timezone=Asia/Tokyo\nNTPSynchronized=no\n")}),
    "clock_zone": lambda machine: machine.commands.update({"timedatectl": Ran(0, "Timezone=Etc/UTC\nNTPSynchronized=yes\n")}),
    "clock_skew": lambda machine: (machine.room or {})["cloud"].update(clock_offset_ms=-120_000),
    "clock_dead": _set(now=datetime.fromisoformat("1970-01-02T00:00:00+09:00")),
    "no_journal_directory": _without_directory,
    "journal_unreadable": lambda machine: machine.put("/var/lib/posagent/queue.db", "no database") and None,
    "journal_damaged": _damaged,
    "queue_undecided": _refused,
    "queue_old": _old,
    "slips_in_doubt": _in_doubt,
    "snapshot_medium": _snapshots,
    "snapshot_old": _old_snapshots,
    "kernel_unasked": lambda machine: machine.commands.update({"journalctl": Ran(1, ""), "dmesg": Ran(1, "")}),
    "kernel_brltty": _kernel("usb 1-4: usbfs: interface 0 claimed by ch341 while 'brltty' sets config #1"),
    "kernel_over_current": _kernel("usb usb1-port4: over-current condition"),
    "kernel_voltage": _kernel("hwmon hwmon1: Under-voltage detected!"),
    "kernel_disk": _kernel("blk_update_request: I/O error, dev sda, sector 2048"),
    "kernel_memory": _kernel("Out of memory: Killed process 4711 (chrome)"),
    "kernel_usb": _kernel("usb 1-4: device descriptor read/64, error -71"),
    "cable_loose": _kernel("\n".join(["usb 1-4: USB disconnect, device number 5"] * 6)),
    "device_gone": _gone,
    "device_held": _held(),
    "device_note": _held(held_by="", note="it is in IBM mode; scan the setup code"),
    "device_denied": _denied,
    "device_twins": _two,
    "modem_manager": lambda machine: ((machine.home / "usr/lib/udev/rules.d/71-posagent.rules").unlink(), machine.serial_port(),
                                      machine.active.add("ModemManager.service"))[0],
    "brltty": lambda machine: (machine.put("/usr/lib/udev/rules.d/85-brltty.rules"), machine.serial_port())[1],
    "getty": lambda machine: (machine.serial_port(), machine.active.add("serial-getty@ttyACM0.service"))[1],
    "no_udev_rules": lambda machine: (machine.home / "usr/lib/udev/rules.d/71-posagent.rules").unlink(),
    "udev_rule_wrong": lambda machine: machine.commands.update({"journalctl --unit=systemd-udevd": Ran(
        0, "Starting\n/etc/udev/rules.d/70-posagent-local.rules:3 Invalid key/value pair, ignoring.\n")}),
    "driver_broken": lambda machine: machine.broken.append(Broken("odd", "odd-scanners", "ImportError: no module named odd")),
    "no_group": _no_posagent_user,
    "network_device_silent": lambda machine: _set(printer=_port(), agent="down", room=None)(machine),
    "room_unasked": _set(agent="down", room=None),
    "device_says": _device("slips", state="held", message=MESSAGE),
    "device_silent": _device("slips", stale=True, beat=40),
    "device_opening": _device("slips", state="opening"),
    "printer_mute": _printer(paper=None),
    "paper_low": _printer(paper="near_end"),
    "cover_open": _printer(cover_open=True),
    "no_kanji": _device("slips", printer={"says": {"paper": "ok"}, "capabilities": {"kanji": False}}),
    "scans_damaged": _device("front", scanner={"good": 20, "damaged": 9, "why": "a key is missing"}),
    "no_manager_pin": lambda machine: (machine.status or {}).update(degraded=["manager_pin"]),
    "test_mode_on": lambda machine: (machine.room or {}).update(test_mode={"on": True, "left_s": 60}),
    "not_enrolled": lambda machine: (machine.home / "etc/posagent/credentials/register.json").unlink(),
    "credentials_broken": lambda machine: machine.put("/etc/posagent/credentials/register.json", "{}", 0o600) and None,
    "office_no_name": _set(url="https://head-office.invalid"),
    "office_no_way": lambda machine: setattr(machine, "url", f"http://127.0.0.1:{_port()}"),
    "office_refuses": lambda machine: (machine.room or {})["cloud"].update(blocked="does not accept this register; enrol it again"),
    "office_blocked": lambda machine: (machine.room or {})["cloud"].update(blocked="answers 302: is this the receiver's address?"),
}  # fmt: skip


FOLLOWS: dict[str, set[str]] = {
    "agent_down_by_hand": {"room_unasked"},
    "no_service": {"no_socket", "room_unasked"},
    "may_not_ask": {"room_unasked"},
    "settings_wrong": {"no_socket"},
    "clock_dead": {"no_program"},  # in 1970 no program has begun
    "modem_manager": {"no_udev_rules"},
    "no_group": {"device_denied"},
    "network_device_silent": {"room_unasked", "service_down"},
    "room_unasked": {"service_down"},
}
"""What cannot be broken alone -> what is found beside it. Everything else is found alone: a doctor that cries more than it must is not read."""


@pytest.mark.parametrize("key", BREAKS)
def test_what_is_broken_is_found_and_said_with_the_next_step(machine: Machine, key: str) -> None:
    BREAKS[key](machine)
    looked = examine(machine.case())
    found = [found for one in looked for found in one.findings if found.words == key]
    assert {each.words for one in looked for each in one.findings} == {key} | FOLLOWS.get(key, set())
    for language in ("ja", "en"):
        told = said(key, found[0].values, language)  # type: ignore[arg-type]
        assert "—" not in told.wrong + told.todo.replace("今あるもの: —", "").replace("there now: —", "")
        shown = "\n".join(lines(looked, language))  # type: ignore[arg-type]
        assert told.wrong in shown
        assert told.todo in shown


ELSEWHERE = {"disk_full", "disk_short", "disk_inodes", "disk_read_only", "disk_unasked", "disk_refuses", "disk_slow", "disk_eatmydata",
             "may_not_look", "not_looked", "loop_scan", "loop_incomplete", "loop_unprinted", "loop_unread",
             "stranger_let_in", "program_kept", "no_scanner_set", "cups_queue", "office_no_tls",
             "certificate_wrong", "certificate_ends"}  # fmt: skip


def test_every_finding_is_broken_once_and_every_check_has_a_name() -> None:
    assert set(WORDS) == set(BREAKS) | ELSEWHERE
    assert {check.id for check in CHECKS} | {"D-302"} == set(NAMES)
    for ja, en in WORDS.values():
        assert all([ja.wrong, ja.todo, en.wrong, en.todo])
