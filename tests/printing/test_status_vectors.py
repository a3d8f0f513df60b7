"""What printers answer, byte by byte: the answers of manuals, whole, cut anywhere, and mixed."""

from __future__ import annotations

import random

import pytest

from drivers.escpos.conversation import CLEAR, id_question
from drivers.escpos.probe import CUTS
from drivers.escpos.status import (
    Automatic,
    Block,
    Flow,
    Frame,
    Garbage,
    Hello,
    Queued,
    RealTime,
    StatusParser,
    of_automatic,
    of_queued,
    of_real_time,
    process_id,
)
from posagent.ports import PrinterStatus


def frames(stream: str, answers: str = "epson") -> list[Frame]:
    return list(StatusParser(answers).feed(bytes.fromhex(stream)))  # type: ignore[arg-type]


def real_time(n: int, byte: int) -> PrinterStatus:
    return of_real_time(PrinterStatus(), n, byte)


def test_v2_a_process_id_is_asked_and_recognised():
    assert id_question(b"AB01") == bytes.fromhex("1D 28 48 06 00 30 30 41 42 30 31")
    (frame,) = frames("37 22 41 42 30 31 00")
    assert process_id(frame) == b"AB01"


def test_v4_an_offline_response_without_cause_is_a_block_and_no_process_id():
    (frame,) = frames("37 23 00")
    assert frame == Block(0x37, b"\x23")
    assert process_id(frame) is None


def test_v5_the_clearing_command_and_its_answer():
    assert bytes.fromhex("10 14 08 01 03 14 01 06 02 08") == CLEAR
    assert frames("37 25 00") == [Block(0x37, b"\x25")]


def test_v6_a_counter_is_asked_and_read():
    from drivers.escpos.conversation import counter_question

    assert counter_question(CUTS) == bytes.fromhex("1D 67 32 00 B2 00")
    assert frames("5F 31 32 30 00") == [Block(0x5F, b"120")]


def test_v7_to_v10_real_time_answers_say_what_the_manuals_say():
    assert [real_time(1, byte).online for byte in (0x12, 0x16, 0x1A)] == [True, True, False]
    assert real_time(2, 0x16).cover_open is True
    assert real_time(2, 0x32).paper == "end"
    assert real_time(2, 0x52).cover_open is False
    assert real_time(3, 0x1A).cutter_error is True
    assert real_time(3, 0x32).other_error is True
    assert real_time(3, 0x52).other_error is True
    assert [real_time(4, byte).paper for byte in (0x12, 0x1E, 0x72, 0x7E)] == ["ok", "near_end", "end", "end"]


@pytest.mark.parametrize("byte,paper", [(0x16, "near_end"), (0x1A, "near_end"), (0x32, "end"), (0x52, "end")])
def test_either_bit_of_a_paper_sensor_counts_because_clones_set_one(byte, paper):
    assert real_time(4, byte).paper == paper


@pytest.mark.parametrize(
    "body,expected",
    [
        ("10 00 00 0F", PrinterStatus(True, False, "ok", False, False, False)),
        ("14 00 00 0F", PrinterStatus(True, False, "ok", False, False, True)),
        ("38 00 00 0F", PrinterStatus(False, True, "ok", False, False, False)),
        ("3C 00 00 0F", PrinterStatus(False, True, "ok", False, False, True)),
        ("18 00 0F 0F", PrinterStatus(False, False, "end", False, False, False)),
        ("10 00 03 0F", PrinterStatus(True, False, "near_end", False, False, False)),
        ("18 08 00 0F", PrinterStatus(False, False, "ok", True, False, False)),
    ],
)
def test_v11_automatic_status(body, expected):
    (frame,) = frames(body)
    assert isinstance(frame, Automatic)
    assert of_automatic(frame) == expected


V12 = "14 00 00 0F 12 5F 45 50 53 4F 4E 00 37 22 41 42 30 31 00 13 00"
V12_FRAMES = [Automatic(b"\x14\0\0\x0f"), RealTime(0x12), Block(0x5F, b"EPSON"), Block(0x37, b"\x22AB01"), Flow(True), Queued(0)]


def test_v12_a_mixed_stream_splits_exactly_and_cut_anywhere():
    assert frames(V12) == V12_FRAMES
    stream, rng = bytes.fromhex(V12), random.Random(7)
    for _ in range(100):
        parser, found, at = StatusParser(), [], 0
        while at < len(stream):
            size = rng.randrange(1, 5)
            found += parser.feed(stream[at : at + size])
            at += size
        assert found == V12_FRAMES


def test_v13_flow_control_inside_an_automatic_status_does_not_break_it():
    assert frames("14 00 13 00 0F") == [Flow(True), Automatic(b"\x14\0\0\x0f")]


def test_v14_queued_status():
    assert [of_queued(byte) for byte in (0x00, 0x03, 0x0C)] == ["ok", "near_end", "end"]
    assert frames("00 03") == [Queued(0), Queued(3)]


def test_v24_the_seiko_dialect():
    assert frames("B0", "seiko") == [Hello(0xB0)]
    assert frames("80", "seiko") == [Queued(0)]
    (good,) = frames("C0 D0 D0 D0 D0 D0 D0 D0", "seiko")
    assert of_automatic(good).holds == ""  # type: ignore[arg-type]
    (cover,) = frames("C0 D8 D0 D0 D0 D0 D0 D0", "seiko")
    assert of_automatic(cover).cover_open is True  # type: ignore[arg-type]
    (empty,) = frames("C0 D1 D0 D0 D0 D0 D0 D0", "seiko")
    assert of_automatic(empty).paper == "end"  # type: ignore[arg-type]


def test_a_frame_whose_end_got_lost_costs_nothing_but_itself():
    assert frames("14 00 12 12") == [Garbage(b"\x14\x00"), RealTime(0x12), RealTime(0x12)]
    assert frames("5F 41 12 12") == [Garbage(b"_A"), RealTime(0x12), RealTime(0x12)]
    parser = StatusParser()
    assert list(parser.feed(b"\x37\x22A")) == []
    assert list(parser.give_up()) == [Garbage(b"7\x22A")]
    assert list(parser.feed(b"\x12")) == [RealTime(0x12)]


def test_no_stream_of_chance_makes_the_parser_grow_or_stop():
    rng = random.Random(3)
    for _ in range(40):
        parser = StatusParser()
        noise = rng.randbytes(3000)
        assert len(list(parser.feed(noise))) > 0
        assert len(parser._open) <= 512
        list(parser.give_up())
        assert list(parser.feed(b"\x12")) == [RealTime(0x12)]
