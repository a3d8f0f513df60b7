"""The lab's scanners send what the product's parsers read: two readings of the same manuals."""

from __future__ import annotations

from drivers.scan.content import Content
from drivers.scan.hid_descriptor import is_scanner, layouts
from drivers.scan.hidpos_reports import HIDPOS_CONTROLS, HidPosReports
from tools.lab import devices
from tools.lab.register import card


def test_the_hid_pos_scanner_is_one_and_its_report_is_read_whole() -> None:
    descriptor = bytes.fromhex(devices.HIDPOS_DESCRIPTOR)
    assert is_scanner(descriptor)
    report = devices.hidpos_report("2012345678903", "E0")
    assert len(report) == devices.HIDPOS["report_length"]
    (scan,) = HidPosReports(layouts(descriptor), Content(controls=HIDPOS_CONTROLS)).feed(report, 1)
    assert (scan.text, scan.aim) == ("2012345678903", "E0")


def test_a_keyboard_scan_presses_and_releases_every_key_and_ends_with_enter() -> None:
    reports = devices.keyboard_reports("Ab10")
    assert [report[2] for report in reports[::2]] == [0x04, 0x05, 0x1E, 0x27, 0x28]
    assert [report[0] for report in reports[::2]] == [2, 0, 0, 0, 0]
    assert set(reports[1::2]) == {bytes(8)}


def test_the_keyboards_descriptor_is_no_bar_code_scanners() -> None:
    assert not is_scanner(bytes.fromhex(devices.KEYBOARD_DESCRIPTOR))


def test_no_two_devices_share_a_controller_and_the_twins_differ_in_nothing_else() -> None:
    all_devices = [devices.printer(1), devices.WEDGE, devices.HIDPOS, devices.SERIAL, devices.FOREIGN, *devices.TWINS]
    assert len({device["controller"] for device in all_devices}) == len(all_devices)
    first, second = devices.TWINS
    assert {key for key in first if first[key] != second[key]} == {"name", "controller"}


def test_members_cards_are_valid_jan_numbers_in_the_range_of_the_settings() -> None:
    assert card(1) == "2000000000015"
    assert all(len(card(number)) == 13 and card(number).startswith("20") for number in range(40))
