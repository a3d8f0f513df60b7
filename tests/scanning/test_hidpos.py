"""HID POS scanners: where their descriptors say the data is, and codes of several reports. Frames are captures of real devices."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.scan.assembler import MS
from drivers.scan.content import Content
from drivers.scan.hid_descriptor import Layout, is_scanner, layouts
from drivers.scan.hidpos_reports import HIDPOS_CONTROLS, HidPosReports
from posagent.ports import Scan

# Honeywell's descriptor (public firmware): id 2, count, three identifiers, 56 bytes of data, two vendor bytes, eight flag bits.
HONEYWELL = bytes.fromhex(
    "05 8C 09 02 A1 01 85 02 09 12 A1 02 15 00 26 FF 00 75 08 95 01 05 01 09 3B 81 02 95 03 05 8C 09 FB 09 FC 09 FD 81 02"
    " 95 38 09 FE 82 02 01 06 66 FF 95 02 09 04 09 00 81 02 05 8C 25 01 75 01 95 08 09 FF 81 02 C0 C0"
)
# The layout without a count: id 2, three identifiers, 56 bytes of data, one flag bit and seven bits of padding.
NO_COUNT = bytes.fromhex(
    "05 8C 09 02 A1 01 85 02 09 12 A1 02 15 00 26 FF 00 75 08 95 03 09 FB 09 FC 09 FD 81 02 95 38 09 FE 82 02 01"
    " 25 01 75 01 95 01 09 FF 81 02 95 07 81 03 C0 C0"
)
KEYBOARD = bytes.fromhex(
    "05 01 09 06 A1 01 05 07 19 E0 29 E7 15 00 25 01 75 01 95 08 81 02 95 01 75 08 81 03 95 06 75 08 15 00 25 65 05 07 19 00 29 65 81 00 C0"
)


def report(text: bytes, aim: bytes = b"]C0", *, more: bool = False, count: int | None = None) -> bytes:
    return bytes([2, len(text) if count is None else count]) + aim + text.ljust(56, b"\0") + b"\0\0" + bytes([more])


def reader(descriptor: bytes = HONEYWELL, double_read_ms: int = 0) -> HidPosReports:
    return HidPosReports(layouts(descriptor), Content(controls=HIDPOS_CONTROLS), double_read_ms)


def told(scans: list[Scan]) -> list[tuple[str, str | None]]:
    return [(scan.text if scan.quality == "ok" else f"corrupt: {scan.reason}", scan.aim) for scan in scans]


def test_the_descriptor_says_where_everything_is() -> None:
    assert layouts(HONEYWELL) == [Layout(2, 64, 5, 56, 1, (2, 3, 4), (63, 0))]
    assert layouts(NO_COUNT) == [Layout(2, 61, 4, 56, None, (1, 2, 3), (60, 0))]
    assert layouts(KEYBOARD) == []


def test_a_scanner_is_told_from_a_keyboard_by_its_descriptor() -> None:
    assert is_scanner(HONEYWELL)
    assert is_scanner(NO_COUNT)
    assert is_scanner(bytes.fromhex("06 8C FF 09 01 A1 01 C0"))
    assert not is_scanner(KEYBOARD)
    assert not is_scanner(bytes.fromhex("05 8C 09 01 A1 01 C0"))  # a badge reader


def test_a_descriptor_without_report_ids_and_with_pushed_state_is_followed() -> None:
    pushed = bytes.fromhex("05 8C 09 02 A1 01 75 08 95 03 A4 95 01 05 01 09 3B 81 02 B4 09 FB 09 FC 09 FD 81 02 95 20 0B FE 00 8C 00 81 02 C0")
    assert layouts(pushed) == [Layout(None, 36, 4, 32, 0, (1, 2, 3), None)]
    one = HidPosReports(layouts(pushed), Content())
    assert told(one.feed(b"\x05]C112345".ljust(36, b"\0"), 0)) == [("12345", "C1")]


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 70))
def test_a_hostile_descriptor_never_raises_and_never_takes_much_memory(noise: bytes, cut: int) -> None:
    for descriptor in (noise, HONEYWELL[:cut] + noise, HONEYWELL[cut:] + noise):
        for layout in layouts(descriptor):
            assert 0 < layout.size <= 1 << 22


def test_a_code_of_one_report_comes_with_its_identifier() -> None:
    assert told(reader().feed(report(b"4901234567894", b"]E0"), 0)) == [("4901234567894", "E0")]


def test_a_captured_code_of_several_reports_is_one_scan() -> None:
    first = bytes([2, 56, 93, 88, 48, 80, 114, 111, 100, 117, 99, 116, 32, 78, 97, 109, 101, 58, 32, 86, 111, 121, 97, 103, 101, 114])
    first = first.ljust(61, b" ") + bytes([63, 0, 1])
    last = bytes([2, 9, 93, 88, 48, 117, 109, 58, 32, 78, 47, 65, 13, 10]).ljust(61, b"\0") + bytes([63, 0, 0])
    one = reader()
    assert one.feed(first, 0) == []
    (scan,) = one.feed(last, MS)
    assert scan.text == "Product Name: Voyager" + " " * 35 + "um: N/A"
    assert scan.aim == "X0"


def test_the_captured_reply_to_a_command_is_no_scan() -> None:
    reply = bytes([2, 8, 93, 90, 54, 82, 69, 86, 73, 78, 70, 6, 46]).ljust(61, b"\0") + bytes([54, 0, 0])
    assert reader().feed(reply, 0) == []


def test_a_reply_between_the_parts_of_a_code_does_not_disturb_it() -> None:
    one = reader()
    one.feed(report(b"A" * 56, b"]Q1", more=True), 0)
    one.feed(report(b"REVINF\x06.", b"]Z6"), 1)
    assert told(one.feed(report(b"tail", b"]Q1"), 2)) == [("A" * 56 + "tail", "Q1")]


def test_a_boarding_pass_of_sixty_bytes_takes_two_reports() -> None:
    text = b"M1TEST/PASSENGER      EABC123 NRTHNDJL 0123 326Y012A0034 100"
    assert len(text) == 60
    one = reader()
    assert one.feed(report(text[:56], b"]Q0", more=True), 0) == []
    assert told(one.feed(report(text[56:], b"]Q0"), MS)) == [(text.decode(), "Q0")]


def test_a_layout_without_count_ends_the_data_at_the_nulls() -> None:
    raw = b"\x02]C1" + b"0123456".ljust(56, b"\0") + b"\0"
    assert told(reader(NO_COUNT).feed(raw, 0)) == [("0123456", "C1")]


def test_a_part_whose_rest_never_comes_is_corrupt() -> None:
    one = reader()
    one.feed(report(b"A" * 56, more=True), 0)
    assert one.wait_s(0, 9.0) == pytest.approx(0.3)
    assert one.idle(299 * MS) == []
    assert told(one.idle(300 * MS)) == [("corrupt: the rest of a long code did not come", None)]
    assert told(one.feed(report(b"4901234567894"), 400 * MS)) == [("4901234567894", "C0")]


def test_a_part_followed_by_another_symbology_is_corrupt_and_the_other_counts() -> None:
    one = reader()
    one.feed(report(b"A" * 56, b"]Q1", more=True), 0)
    got = told(one.feed(report(b"4901234567894", b"]E0"), 1))
    assert got == [("corrupt: the rest of a long code did not come", None), ("4901234567894", "E0")]


@pytest.mark.parametrize("raw", [report(b"123456", count=57), report(b"123456", count=255), report(b"123456")[:40]])
def test_a_report_that_contradicts_its_descriptor_is_corrupt(raw: bytes) -> None:
    ((text, _),) = told(reader().feed(raw, 0))
    assert text.startswith("corrupt")


def test_a_report_of_another_id_and_an_empty_one_are_not_ours() -> None:
    one = reader()
    assert one.feed(b"\x03" + report(b"123456")[1:], 0) == []
    assert one.feed(b"", 0) == []
    assert one.feed(report(b""), 0) == []


def test_nulls_and_line_ends_inside_counted_data_are_kept_or_told() -> None:
    assert told(reader().feed(report(b"12345\r\n", b"]E0"), 0)) == [("12345", "E0")]
    assert told(reader().feed(report(b"a\r\nb\x1dc", b"]Q1"), 0)) == [("a\r\nb\x1dc", "Q1")]
    ((text, _),) = told(reader().feed(report(b"123\x00456"), 0))
    assert text.startswith("corrupt: control byte 0x00")


def test_a_scanner_that_repeats_a_code_lying_in_front_of_it_scans_once() -> None:
    one = reader(double_read_ms=1000)
    assert [len(one.feed(report(b"12345"), at * MS)) for at in (0, 300, 2000)] == [1, 0, 1]


def test_an_endless_code_is_bounded() -> None:
    one = reader()
    scans = [scan for _ in range(200) for scan in one.feed(report(b"A" * 56, more=True), 0)]
    assert all(scan.quality == "corrupt" for scan in scans)
    assert len(scans) == 2
    assert len(one._parts) < 5000
