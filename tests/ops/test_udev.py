"""The udev rules, judged by udev itself (`udevadm test`) on devices that umockdev makes up. In a mount
namespace: udevadm writes its records and links to /run and /dev, which umockdev does not take from it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from posagent.udev_rules import local_rule, usb_numbers, with_rule

RULES = Path(__file__).parents[2] / "systemd/71-posagent.rules"
BUS = "/devices/pci0000:00/0000:00:14.0/usb1"
_SCRIPT = """\
set -eu
mount -t tmpfs none /run
mount -t tmpfs none /etc/udev
mkdir /etc/udev/rules.d
mkdir "$1/dev"
mount -t tmpfs none "$1/dev"
for node in null urandom; do touch "$1/dev/$node"; mount --bind "/dev/$node" "$1/dev/$node"; done
mkdir "$1/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 none "$1/dev/pts"
ln -s pts/ptmx "$1/dev/ptmx"
mount --rbind "$1/dev" /dev
cp "$1"/*.rules /etc/udev/rules.d/
cp /etc/group "$1/group"
grep -q '^posagent:' "$1/group" || echo 'posagent:x:987:' >> "$1/group"
mount --bind "$1/group" /etc/group
export SYSTEMD_DEVICE_VERIFY_SYSFS=0
while read -r device; do
  echo "@@@ $device"
  umockdev-run -d "$1/devices.umockdev" -- udevadm test --action=add "/sys$device" 2>&1
done < "$1/asked"
"""


@dataclass(frozen=True)
class Seen:
    """What udev would do with a device."""

    properties: dict[str, str]
    group: str
    mode: str
    links: tuple[str, ...]
    written: tuple[str, ...]
    words: str = field(repr=False)


def usb(port: str, vendor: str, product: str, interfaces: str = "") -> str:
    lines = [f"P: {BUS}/{port}", f"N: bus/usb/001/00{port[-1]}", f"E: DEVNAME=/dev/bus/usb/001/00{port[-1]}", "E: DEVTYPE=usb_device",
             "E: SUBSYSTEM=usb", *([f"E: ID_USB_INTERFACES={interfaces}"] if interfaces else []), f"A: idVendor={vendor}",
             f"A: idProduct={product}", "A: busnum=1", f"A: devpath={port[2:]}", "A: power/control=auto"]  # fmt: skip
    return "\n".join(lines) + f"\n\nP: {BUS}/{port}/{port}:1.0\nE: DEVTYPE=usb_interface\nE: SUBSYSTEM=usb\nA: bInterfaceNumber=00\n\n"


def node(port: str, path: str, name: str, subsystem: str, *more: str) -> str:
    lines = [f"P: {BUS}/{port}/{port}:1.0/{path}", f"N: {name}", f"E: DEVNAME=/dev/{name}", f"E: SUBSYSTEM={subsystem}", *more]
    return "\n".join(lines) + "\n\n"


KEYBOARD = ("E: ID_INPUT=1", "E: ID_INPUT_KEY=1", "E: ID_INPUT_KEYBOARD=1", "E: TAGS=:power-switch:", "E: CURRENT_TAGS=:power-switch:")
DEVICES = "".join(
    [
        usb("1-1", "0c2e", "0b61"), node("1-1", "input/input7/event7", "input/event7", "input", "E: MAJOR=13", "E: MINOR=71", *KEYBOARD),
        node("1-1", "hidraw/hidraw0", "hidraw0", "hidraw", "E: MAJOR=240", "E: MINOR=0"),
        usb("1-2", "046d", "c31c"), node("1-2", "input/input8/event8", "input/event8", "input", "E: MAJOR=13", "E: MINOR=72", *KEYBOARD),
        usb("1-3", "05f9", "4204"), node("1-3", "tty/ttyACM0", "ttyACM0", "tty", "E: MAJOR=166", "E: MINOR=0"),
        usb("1-4", "1a86", "7523"), node("1-4", "ttyUSB0/tty/ttyUSB0", "ttyUSB0", "tty", "E: MAJOR=188", "E: MINOR=0"),
        usb("1-5", "04b8", "0202", ":070102:"), node("1-5", "usbmisc/lp0", "usb/lp0", "usbmisc", "E: MAJOR=180", "E: MINOR=0"),
        usb("1-6", "0403", "6001"), node("1-6", "ttyUSB1/tty/ttyUSB1", "ttyUSB1", "tty", "E: MAJOR=188", "E: MINOR=1"),
    ]
)  # fmt: skip
# What brltty's own file does with these converters
BRLTTY = (
    'SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ATTR{idVendor}=="1a86|0403", ENV{BRLTTY_BRAILLE_DRIVER}="bm", '
    'ENV{SYSTEMD_WANTS}="brltty-device.service"\n'
)
ASKED = {
    "wedge": f"{BUS}/1-1/1-1:1.0/input/input7/event7", "hidpos": f"{BUS}/1-1/1-1:1.0/hidraw/hidraw0",
    "keyboard": f"{BUS}/1-2/1-2:1.0/input/input8/event8", "serial": f"{BUS}/1-3/1-3:1.0/tty/ttyACM0", "serial device": f"{BUS}/1-3",
    "chosen": f"{BUS}/1-4/1-4:1.0/ttyUSB0/tty/ttyUSB0", "chosen device": f"{BUS}/1-4",
    "converter device": f"{BUS}/1-6", "printer": f"{BUS}/1-5", "lp": f"{BUS}/1-5/1-5:1.0/usbmisc/lp0",
    "converter": f"{BUS}/1-6/1-6:1.0/ttyUSB1/tty/ttyUSB1",
}  # fmt: skip


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    return _judged(tmp_path_factory.mktemp("udev"))


def _judged(folder: Path, *more: str) -> dict[str, Seen]:
    """What udev makes of the devices with our rules, brltty's, and ``more`` of ours."""
    missing = [tool for tool in ("udevadm", "umockdev-run", "unshare") if shutil.which(tool) is None]
    if missing:
        pytest.fail(f"nobody has looked at the udev rules: {', '.join(missing)} missing; apt-get install udev umockdev util-linux")
    for name in (RULES.name, "86-posagent-brltty.rules", *more):
        shutil.copy(RULES.with_name(name), folder)
    (folder / "85-brltty.rules").write_text(BRLTTY, "utf-8")
    (folder / "70-posagent-local.rules").write_text(with_rule("", "1a86", "7523"), "utf-8")
    (folder / "devices.umockdev").write_text(DEVICES, "utf-8")
    (folder / "asked").write_text("\n".join(ASKED.values()) + "\n", "utf-8")
    (folder / "script").write_text(_SCRIPT, "utf-8")
    rights = ["--map-root-user"] if os.geteuid() else []
    words = ["unshare", *rights, "--mount", "--propagation", "private", "sh", str(folder / "script"), str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    said = dict(zip(ASKED, done.stdout.split("@@@ ")[1:], strict=True))
    return {name: _read(words) for name, words in said.items()}


def _read(words: str) -> Seen:
    ours = re.findall(r"71-posagent\.rules:\d+ (.*)", words)
    last = {verb: value for verb, _, value in (line.partition(" ") for line in ours)}
    return Seen(
        dict(line.split("=", 1) for line in words.splitlines() if re.match(r"[A-Z_]+=", line)),
        last.get("GROUP", ""),
        last.get("MODE", ""),
        tuple(line.removeprefix("LINK ").strip("'") for line in ours if line.startswith("LINK")),
        tuple(line for line in ours if line.startswith("ATTR ")),
        words,
    )


def test_no_line_of_the_rules_is_misunderstood(seen: dict[str, Seen]) -> None:
    for one in seen.values():
        assert not re.search(r"posagent[^\n]*rules[^\n]*(Unknown|nvalid|ignor|rror)", one.words)


def test_a_keyboard_scanner_is_ours_and_nobody_elses(seen: dict[str, Seen]) -> None:
    wedge = seen["wedge"]
    assert (wedge.group, wedge.mode) == ("987", "0660")
    assert wedge.links == ("posagent/scanner-hid-0c2e-0b61-1-1",)
    assert wedge.properties["LIBINPUT_IGNORE_DEVICE"] == "1"
    assert wedge.properties["CURRENT_TAGS"] == ":systemd:"


def test_a_scanner_that_serves_the_pos_as_well_types_when_the_agent_is_gone(tmp_path: Path) -> None:
    wedge = _judged(tmp_path, "73-posagent-router.rules")["wedge"]
    assert wedge.properties.get("LIBINPUT_IGNORE_DEVICE", "") == ""
    assert (wedge.group, wedge.mode) == ("987", "0660")


def test_a_foreign_keyboard_is_left_alone(seen: dict[str, Seen]) -> None:
    keyboard = seen["keyboard"]
    assert (keyboard.group, keyboard.links) == ("", ())
    assert "LIBINPUT_IGNORE_DEVICE" not in keyboard.properties
    assert ":power-switch:" in keyboard.properties["CURRENT_TAGS"]


def test_a_hid_pos_scanner_is_ours(seen: dict[str, Seen]) -> None:
    assert (seen["hidpos"].group, seen["hidpos"].mode, seen["hidpos"].links) == ("987", "0660", ("posagent/scanner-hidpos-0c2e-0b61-1-1",))


def test_a_serial_scanner_is_no_modem_and_does_not_fall_asleep(seen: dict[str, Seen]) -> None:
    serial = seen["serial"]
    assert (serial.group, serial.mode, serial.links) == ("987", "0660", ("posagent/scanner-05f9-4204-1-3",))
    assert serial.properties["ID_MM_DEVICE_IGNORE"] == serial.properties["ID_MM_PORT_IGNORE"] == "1"
    assert seen["serial device"].properties["ID_MM_DEVICE_IGNORE"] == "1"
    assert "power/control' writing 'on'" in seen["serial device"].written[0]


def test_a_bare_converter_is_claimed_only_when_somebody_chose_it(seen: dict[str, Seen]) -> None:
    assert (seen["converter"].group, seen["converter"].links) == ("", ())
    assert "ID_MM_DEVICE_IGNORE" not in seen["converter"].properties
    assert (seen["chosen"].group, seen["chosen"].links) == ("987", ("posagent/scanner-1a86-7523-1-4",))
    assert seen["chosen"].properties["ID_MM_DEVICE_IGNORE"] == "1"


def test_brltty_does_not_get_what_was_named_a_scanner_and_keeps_the_rest(seen: dict[str, Seen]) -> None:
    assert seen["chosen device"].properties.get("SYSTEMD_WANTS", "") == seen["chosen device"].properties.get("BRLTTY_BRAILLE_DRIVER", "") == ""
    assert seen["converter device"].properties["SYSTEMD_WANTS"] == "brltty-device.service"


def test_a_printer_is_ours_on_both_ways_and_stays_awake(seen: dict[str, Seen]) -> None:
    assert (seen["printer"].group, seen["printer"].mode) == ("987", "0660")
    assert "power/control' writing 'on'" in seen["printer"].written[0]
    assert (seen["lp"].group, seen["lp"].mode, seen["lp"].links) == ("987", "0660", ("posagent/printer-04b8-0202-1-5",))


def test_nothing_is_given_to_everybody() -> None:
    assert not re.search(r'MODE="0?..[1-7]"', RULES.read_text("utf-8"))


def test_the_local_file_holds_a_model_once_and_keeps_what_a_technician_wrote() -> None:
    once = with_rule("", "1a86", "7523")
    assert with_rule(once, "1a86", "7523") == once
    own = "# mine\nSUBSYSTEM==\"tty\", GROUP=\"x\"\n"
    assert with_rule(own, "1a86", "7523") == own + local_rule("1a86", "7523")
    with pytest.raises(ValueError, match="no USB numbers"):
        with_rule("", '"', "7523")
    assert usb_numbers("usb:1A86:7523@1-2") == ("1a86", "7523")
    assert usb_numbers("/dev/ttyS0") is None
