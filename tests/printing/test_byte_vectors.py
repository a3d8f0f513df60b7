"""Byte vectors that need a driver and a printer together: process ids that overtake each other, the drawer, long pictures, own characters."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from counter_bench import TimelessCounter, small_coupon

from drivers.escpos.dialects import DIALECTS
from drivers.escpos.encoder import encode
from drivers.escpos.own_characters import CODES
from drivers.escpos.paper import PAPERS
from drivers.escpos.raster import MOST_PAYLOAD
from drivers.escpos.records import TCP, kind_of
from posagent.ports import Evidence, Ticket
from posagent.slips import Cut, Image, Slip, Text
from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import PROFILES, T3_80

EPSON, WIDE = DIALECTS["epson"], PAPERS["80mm-203"]
TEACHES = replace(EPSON, own_characters=True)


def ignore(evidence: Evidence) -> None:
    """A slip without a lane."""


def test_v3_of_process_ids_that_could_not_be_sent_only_the_latest_comes_and_it_is_proof_enough():
    counter = TimelessCounter(T3_80, "tcp")
    printer = counter.open()
    line = printer._talk.link._end
    counter.paper.at_row(1, lambda paper: setattr(line, "host_busy", True))
    counter.clock.listeners.append(lambda: setattr(line, "host_busy", line.host_busy and counter.paper.totals["cuts"] == 0))
    outcome = printer.print(Ticket("1", "ab", 1, small_coupon()), ignore, 8.0)
    assert (outcome.state, outcome.certainty) == ("printed", "confirmed")
    came = [one for one in printer._talk.ids if one.startswith(b"ab")]
    assert len(came) < 4, "none was overtaken: the vector was not played"
    assert came[-1] == b"ab\x224"


def test_v16_a_slip_leaves_the_real_time_pulse_to_the_pos_and_the_command_that_forbids_it_works():
    counter = TimelessCounter(T3_80, "usb")
    printer = counter.open()
    printer.print(Ticket("1", "ab", 1, small_coupon()), ignore, 8.0)
    line = printer._talk.link._end
    line.send(bytes.fromhex("10 14 01 00 05"))
    assert len(counter.paper.kicks) == 1
    line.send(bytes.fromhex("1D 28 44 03 00 14 01 00"))
    line.send(bytes.fromhex("10 14 01 00 05"))
    assert len(counter.paper.kicks) == 1
    assert counter.paper.oddities == []


def test_v22_no_command_declares_more_than_it_carries_however_long_the_picture():
    rows = 1600
    stream = encode(Slip("S", 1, (Image(576, rows, "aa" * 72 * rows), Cut())), EPSON, WIDE).stream
    printed = at = 0
    while (found := re.compile(rb"\x1dv0\x00(..)(..)", re.DOTALL).search(stream, at)) is not None:
        width, height = (int.from_bytes(part, "little") for part in found.groups())
        assert width * height <= MOST_PAYLOAD
        assert len(stream) >= found.end() + width * height
        printed, at = printed + height, found.end() + width * height
    assert printed == rows
    assert b"\x1d(L" not in stream
    counter = TimelessCounter(T3_80, "usb")
    counter.open().print(Ticket("1", "ab", 1, Slip("S", 1, (Image(576, rows, "aa" * 72 * rows), Cut()))), ignore, 30.0)
    assert counter.paper.oddities == []


def test_v23_a_taught_character_stands_in_its_line_as_text_and_looks_like_the_drawn_one():
    text = "髙﨑 𠮷野家 様 100円"
    stream = encode(Slip("S", 1, (Text(text), Text("髙島"), Cut())), TEACHES, WIDE).stream
    assert stream.count(b"\x1c2") == 3, "each is taught once"
    lesson = stream.index(bytes.fromhex("1C 32 EC 40"))
    assert stream[lesson + 4 + 72 :].startswith(bytes.fromhex("1C 32 EC 41"))
    assert bytes.fromhex("EC 40 EC 41 20 EC 42 96 EC") in stream
    assert b"\x1dv0" not in stream
    shown = []
    for dialect in (TEACHES, EPSON):
        counter = TimelessCounter(T3_80, "usb")
        printer = counter.open()
        printer._session.dialect = dialect
        assert printer.print(Ticket("1", "ab", 1, Slip("S", 1, (Text(text), Cut()))), ignore, 8.0).state == "printed"
        assert counter.paper.oddities == []
        shown.append(counter.paper.slips()[0].png())
    assert len(shown[0]) > 100
    assert shown[0] == shown[1]


def test_what_cannot_be_taught_is_drawn():
    many = "".join(chr(code) for code in range(0xAC00, 0xAD00))  # Hangul: two cells, in no Japanese font
    slip = Slip("S", 1, (*(Text(many[n : n + 20]) for n in range(0, 140, 20)), Text("สวัสดี"), Cut()))
    stream = encode(slip, TEACHES, WIDE).stream
    assert 0 < stream.count(b"\x1c2") <= len(CODES)
    assert b"\x1dv0" in stream


@pytest.mark.parametrize(
    "profile,kind,expected",
    [("t3-80", "serial", ("unknown", None)), ("t2-counter", "serial", ("printed", "weak")), ("t3-80", "usb", ("unknown", None))],
)
def test_a_power_flick_that_eats_the_middle_of_a_slip_is_never_confirmed_though_its_end_and_its_cut_come_out(profile, kind, expected):
    counter = TimelessCounter(PROFILES[profile], kind, 1920 if kind == "serial" else 0)

    def flick(paper: VirtualPrinter) -> None:
        paper.power_cut(silent=True)
        paper.power_on()

    printer = counter.open()
    printer.status(1.0)
    seen: list[Evidence] = []

    def sending(evidence: Evidence) -> None:
        if not seen:
            counter.paper.at_byte(400, flick)
        seen.append(evidence)

    outcome = printer.print(Ticket("1", "ab", 1, small_coupon()), sending, 8.0)
    assert (outcome.state, outcome.certainty) == expected
    if kind == "serial":
        assert counter.paper.totals["cuts"] == 1, "the end has come out: the story was played"
        assert "switched off" in outcome.reason or "power failed" in outcome.reason


@pytest.mark.parametrize("buzzer,beeps", [("", 0), ("esc-a", 1), ("esc-b", 1)])
def test_a_slip_sounds_once_where_the_settings_say_so_and_stays_silent_elsewhere(buzzer, beeps):
    dialect, _ = kind_of({**{name: option.default for name, option in TCP.options.items()}, "buzzer": buzzer})
    counter = TimelessCounter(T3_80, "tcp")
    printer = counter.open()
    printer._session.dialect = dialect
    assert printer.print(Ticket("1", "ab", 1, small_coupon()), ignore, 8.0).certainty == "confirmed"
    assert counter.paper.totals["beeps"] == beeps
    assert counter.paper.oddities == []
