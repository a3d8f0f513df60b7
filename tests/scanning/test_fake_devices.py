"""Real drivers on fake kernel devices (umockdev): evdev, hidraw, tty and udev without hardware, each scenario in a process of its own.

What this cannot show is the kernel's own 64-event buffer, its event mask and its clock: those need uinput (see the last test).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BED = Path(__file__).parent / "bed"
SCENARIOS = re.findall(r"^def ((?:a|two|lost|learn|udev|the)_\w+)", (BED / "scenarios.py").read_text("utf-8"), re.MULTILINE)


def test_the_tools_for_fake_devices_are_installed() -> None:
    """Without them nothing below would be tested: that is a failure, not a skip."""
    assert shutil.which("umockdev-wrapper"), "apt-get install umockdev libumockdev0 gir1.2-umockdev-1.0 python3-gi"
    assert len(SCENARIOS) >= 12


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_on_fake_devices(scenario: str) -> None:
    ran = subprocess.run(
        ["umockdev-wrapper", sys.executable, "-W", "ignore", str(BED / "scenarios.py"), scenario],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "PYTHONPATH": str(BED.parents[2])},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.endswith("ok\n")


@pytest.mark.skipif(
    not Path("/dev/uinput").exists(),
    reason="NOT PROVEN HERE: no /dev/uinput, so a real kernel's 64-event buffer, event mask and event clock are modelled, not run",
)
def test_a_real_kernel_drops_events_and_the_scan_is_told_corrupt() -> None:
    """Runs where uinput is (the lab's virtual machine): a keyboard of our own, read late on purpose, then in time."""
    sys.path.insert(0, str(BED))
    from uinput_keyboard import Keyboard

    from drivers.scan.evdev_ioctl import held_keys, keys_only, use_monotonic_clock
    from drivers.scan.wedge_keys import WedgeKeys, WedgeSettings

    with Keyboard("posagent test scanner") as keyboard:
        descriptor = os.open(keyboard.node, os.O_RDONLY | os.O_NONBLOCK)
        assert keys_only(descriptor)
        assert use_monotonic_clock(descriptor)
        keys = WedgeKeys(WedgeSettings(), lambda: held_keys(descriptor))
        keyboard.type("49012345678944901234567894\n")  # 27 keys are 108 events: the buffer holds 64
        late = keys.feed(os.read(descriptor, 1 << 16), 0)
        keyboard.type("4901234567894\n")
        in_time = keys.feed(os.read(descriptor, 1 << 16), 0)
        os.close(descriptor)
    assert [scan.quality for scan in late] == ["corrupt"]
    assert [scan.text for scan in in_time] == ["4901234567894"]
