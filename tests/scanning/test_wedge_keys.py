"""Keyboard-wedge scanners: what their keys mean, and that a damaged scan is told, never shortened."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drivers.scan.wedge_keys import EVENT, WedgeKeys, WedgeSettings
from posagent.ports import Scan

CALIBRATION = "A@:[]_=+*\"'&(^~\\-/.9"


def read(stream: bytes, *, later_ns: int | None = None, **settings: Any) -> list[Scan]:
    keys = WedgeKeys(WedgeSettings(**settings))
    scans = keys.feed(stream, 0)
    return scans + (keys.idle(later_ns) if later_ns else [])


def texts(scans: list[Scan]) -> list[str]:
    return [scan.text if scan.quality == "ok" else f"corrupt: {scan.reason}" for scan in scans]


@pytest.mark.parametrize("layout", ["us", "jis"])
def test_every_key_of_a_layout_types_what_the_scanner_meant(key_scanner: Any, layout: str) -> None:
    scanner = key_scanner(layout)
    everything = "".join(scanner.keys)
    assert texts(read(scanner.scan(everything), layout=layout)) == [everything]


def test_the_wrong_layout_shows_in_the_characters_that_differ(key_scanner: Any) -> None:
    assert texts(read(key_scanner("us").scan(CALIBRATION), layout="us")) == [CALIBRATION]
    assert texts(read(key_scanner("us").scan("]:="), layout="jis")) == ["[+^"]


def test_digits_read_the_same_in_both_layouts(key_scanner: Any) -> None:
    assert texts(read(key_scanner("jis").scan("4901234567894"), layout="us")) == ["4901234567894"]


def test_keypad_digits_and_keypad_enter_are_a_code(key_scanner: Any) -> None:
    scanner = key_scanner()
    assert texts(read(scanner.press(69) + scanner.keypad("4912345678904") + scanner.press(96))) == ["4912345678904"]


def test_alt_codes_carry_japanese_in_cp932(key_scanner: Any) -> None:
    scanner = key_scanner()
    assert texts(read(scanner.alt_bytes("会員①髙".encode("cp932")) + scanner.press(28))) == ["会員①髙"]


def test_alt_codes_without_leading_zero_and_of_western_text(key_scanner: Any) -> None:
    scanner = key_scanner()
    assert texts(read(scanner.alt_bytes(b"48", width=1) + scanner.alt_bytes(b"78\xe9") + scanner.press(28))) == ["4878é"]


def test_an_alt_code_above_a_byte_is_a_unicode_number(key_scanner: Any) -> None:
    scanner = key_scanner()
    stream = b"".join(scanner.alt_number(str(ord(character))) for character in "会員証") + scanner.press(28)
    assert texts(read(stream)) == ["会員証"]


def test_an_alt_code_that_is_no_character_damages_the_scan(key_scanner: Any) -> None:
    scanner = key_scanner()
    assert texts(read(scanner.text("123") + scanner.alt_number("55296") + scanner.press(28))) == ["corrupt: Alt+55296 is no character"]


def test_control_combinations_inside_a_code_are_its_control_characters(key_scanner: Any) -> None:
    scanner = key_scanner()
    stream = scanner.text("]C1010491") + scanner.control("]") + scanner.text("10A") + scanner.control("J") + scanner.scan("9")
    (scan,) = read(stream)
    assert (scan.text, scan.aim) == ("010491\x1d10A\n9", "C1")


@pytest.mark.parametrize("letter", ["M", "I"])
def test_control_m_and_control_i_end_a_code_as_their_keys_do(key_scanner: Any, letter: str) -> None:
    scanner = key_scanner()
    assert texts(read(scanner.text("12345") + scanner.control(letter))) == ["12345"]


def test_carriage_return_and_line_feed_end_one_code_not_two(key_scanner: Any) -> None:
    scanner = key_scanner()
    stream = scanner.text("12345") + scanner.control("M") + scanner.control("J") + scanner.scan("67890")
    assert texts(read(stream, later_ns=scanner.now_ns + 10**9)) == ["12345", "67890"]


def test_caps_lock_keys_of_the_scanner_turn_letters_only(key_scanner: Any) -> None:
    scanner = key_scanner()
    stream = scanner.press(58) + scanner.text("aB1-:") + scanner.press(28) + scanner.press(58)
    assert texts(read(stream)) == ["Ab1-:"]
    assert texts(read(stream, caps="ignore")) == ["aB1-:"]
    assert texts(read(key_scanner().scan("aB1"), caps="invert")) == ["Ab1"]


def test_caps_lock_is_forgotten_between_bursts(key_scanner: Any) -> None:
    scanner = key_scanner()
    stream = scanner.press(58) + scanner.scan("abc")  # its second Caps Lock got lost
    scanner.pause(500)
    assert texts(read(stream + scanner.scan("abc1"))) == ["ABC", "abc1"]


def test_autorepeat_types_nothing(key_scanner: Any) -> None:
    scanner = key_scanner()
    assert texts(read(scanner.text("123") + scanner.report(5, 2) * 5 + scanner.scan("45"))) == ["12345"]


def test_a_pause_ends_a_code_only_where_no_terminator_is_due(key_scanner: Any) -> None:
    scanner = key_scanner()
    stream = scanner.scan("4901234567894", end=None)
    assert texts(read(stream, terminator="none", later_ns=scanner.now_ns + 10**8)) == ["4901234567894"]
    (told,) = texts(read(stream, later_ns=scanner.now_ns + 2 * 10**8))
    assert told.startswith("corrupt: stopped in the middle")


def test_the_tail_after_a_pause_is_no_scan_of_its_own(key_scanner: Any) -> None:
    scanner = key_scanner()
    stream = scanner.text("490123")
    scanner.pause(201)
    stream += scanner.scan("4567894")
    scanner.pause(300)
    got = texts(read(stream + scanner.scan("4912345678904")))
    assert got[0].startswith("corrupt")
    assert got[1:] == ["4912345678904"]


def dropped(scanner: Any) -> bytes:
    return bytes(scanner.event(0, 3, 0))


def test_lost_events_make_the_scan_corrupt_and_the_next_one_whole(key_scanner: Any) -> None:
    scanner = key_scanner()
    stream = scanner.text("49012") + dropped(scanner) + scanner.report(4, 0) + scanner.scan("894") + scanner.scan("4912345678904")
    assert texts(read(stream)) == ["corrupt: the computer was too slow and the kernel dropped keys of this scan", "4912345678904"]


def test_lost_events_at_any_place_never_shorten_a_number(key_scanner: Any) -> None:
    code = "4901234567894"
    whole = key_scanner().scan(code)
    for first in range(0, len(whole) - EVENT.size, EVENT.size):
        for last in range(first + EVENT.size, min(len(whole), first + 12 * EVENT.size), EVENT.size):
            scanner = key_scanner()
            stream = scanner.scan(code)
            hole = stream[:first] + dropped(scanner) + stream[last:]
            scanner.pause(1000)
            got = texts(read(hole + scanner.scan("4912345678904"), later_ns=scanner.now_ns + 10**9))
            assert got[-1] == "4912345678904"
            assert all(text.startswith("corrupt") or text == code for text in got[:-1])  # the hole may lie behind the ENTER
            assert any(text.startswith("corrupt") for text in got)


def test_shift_that_was_lost_is_asked_for_after_an_overrun(key_scanner: Any) -> None:
    scanner = key_scanner()
    held = bytearray(96)
    held[42 // 8] |= 1 << (42 % 8)
    keys = WedgeKeys(WedgeSettings(), lambda: bytes(held))
    stream = dropped(scanner) + scanner.report(30, 0) + scanner.press(28) + scanner.text("abc") + scanner.report(42, 0) + scanner.scan("de")
    assert texts(keys.feed(stream, 0))[1:] == ["ABCde"]


def test_what_a_person_types_is_not_a_scan(key_scanner: Any) -> None:
    typist = key_scanner(gap_us=45_000)
    (told,) = texts(read(typist.scan("4901234567894")))
    assert told.startswith("corrupt: typed by hand")
    assert texts(read(key_scanner(gap_us=45_000).scan("4901234567894"), typing=True)) == ["4901234567894"]


def test_the_slowest_scanner_setting_is_still_a_scanner(key_scanner: Any) -> None:
    assert texts(read(key_scanner(gap_us=15_000).scan("4901234567894"))) == ["4901234567894"]


def test_a_key_that_types_nothing_damages_the_scan(key_scanner: Any) -> None:
    scanner = key_scanner()
    (told,) = texts(read(scanner.text("123") + scanner.press(59) + scanner.scan("456")))
    assert told == "corrupt: key 59 types no character in layout us: wrong layout or mode"


def test_four_kilobytes_without_an_end_are_one_corrupt_scan(key_scanner: Any) -> None:
    scanner = key_scanner(scancodes=False, gap_us=100)
    got = texts(read(scanner.text("1234567890" * 500) + scanner.scan("11") + scanner.scan("4901234567894")))
    assert len(got) == 2
    assert got[0].startswith("corrupt: 4096 bytes without an end")
    assert got[1] == "4901234567894"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("0123456789ABCabc-+./$:", min_size=3, max_size=30), min_size=1, max_size=6, unique=True), st.integers())
def test_scans_come_out_whole_however_the_events_are_cut(key_scanner: Any, codes: list[str], seed: int) -> None:
    scanner = key_scanner()
    stream = b"".join(scanner.scan(code) for code in codes)
    chance, keys, got = random.Random(seed), WedgeKeys(WedgeSettings()), []
    while stream:
        size = chance.choice((1, 5, 24, 24 * 7, 24 * 64))
        got += keys.feed(stream[:size], 0)
        stream = stream[size:]
    assert [scan.text for scan in got if scan.quality == "ok"] == codes


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=24 * 60))
def test_noise_in_place_of_events_never_raises(noise: bytes) -> None:
    WedgeKeys(WedgeSettings()).feed(noise, 0)
