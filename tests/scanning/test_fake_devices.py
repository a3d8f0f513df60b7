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
