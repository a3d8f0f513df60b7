"""Owns calibration with a real scanner: shows the code, waits for its scan, prints what to set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from drivers.scan.calibrate import TEXT, Calibration, judge
from drivers.scan.code128 import svg
from drivers.scan.evdev import keyboards
from drivers.scan.learn import watch


def calibrate(timeout_s: float, say: Callable[[str], None], chart: Path) -> tuple[str, Calibration]:
    """(selector of the device that sent it, what it showed). Writes the chart. Raises DeviceError."""
    chart.write_text(svg(TEXT), "utf-8")
    say(f"open {chart} on a screen or print it, and scan that code once")
    node, events = watch(timeout_s, list(keyboards()))
    return node.selector, judge(events)
