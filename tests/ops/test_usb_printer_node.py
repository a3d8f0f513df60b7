"""Which USB printer is meant where the settings name none."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.escpos.link_lp import only_node
from posagent.errors import DeviceMissing


def put(devices: Path, *names: str) -> None:
    for name in names:
        (devices / name).parent.mkdir(parents=True, exist_ok=True)
        (devices / name).touch()


def test_beside_a_keyboard_that_took_the_first_number_the_printer_is_found(tmp_path: Path) -> None:
    put(tmp_path, "usb/hiddev0", "usb/lp1")
    assert only_node("slips", tmp_path) == f"{tmp_path}/usb/lp1"
    put(tmp_path, "posagent/printer-04b8-0e15-1-2")
    assert only_node("slips", tmp_path) == f"{tmp_path}/posagent/printer-04b8-0e15-1-2"


def test_without_a_printer_and_with_two_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DeviceMissing, match="cable and power"):
        only_node("slips", tmp_path)
    put(tmp_path, "posagent/printer-04b8-0e15-1-2", "posagent/printer-04b8-0e15-1-3")
    with pytest.raises(DeviceMissing, match=r"node = .*-1-2 or .*-1-3"):
        only_node("slips", tmp_path)
