"""Virtual customer displays as hosts drive them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import serial

from virtual_counter.display import LineDisplay, TcpDisplay
from virtual_counter.screen import Screen

h = bytes.fromhex


def until(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_the_epson_commands_of_a_point_of_sale_show_a_total():
    screen = Screen()
    screen.feed(h("1B40 1B3D02 1F4300 0C0B") + h("1B3D02 0C0B") + b"Total:         1,080     Thank you      ")
    assert screen.lines() == ("Total:         1,080", "     Thank you")
    assert screen.oddities == []


def test_the_cd5220_commands_replace_a_line_each_with_half_width_kana():
    screen = Screen()
    screen.feed(b"\x1bQA" + h("BADEB3B9B2") + b"   \\1,080\r" + b"\x1bQBTHANK YOU\r")
    assert screen.lines() == ("ｺﾞｳｹｲ   \\1,080", "THANK YOU")
    assert screen.oddities == []


def test_bytes_may_arrive_one_by_one():
    whole, pieces = Screen(), Screen()
    stream = h("0C 1F240502") + b"abc" + h("1B6C0101") + b"xyz" + h("1F42") + b"low" + h("1F0A0D") + b"U"
    whole.feed(stream)
    for byte in stream:
        pieces.feed(bytes((byte,)))
    assert whole.lines() == pieces.lines() == ("Uyz", "low abc")


def test_a_display_that_is_not_selected_ignores_what_the_printer_gets():
    screen = Screen()
    screen.feed(b"\x0cA" + h("1B3D01") + b"for the printer" + h("1B40 0C") + h("1B3D02") + b"B")
    assert screen.lines() == ("AB", "")


def test_japan_shows_the_yen_sign_when_its_character_set_is_chosen():
    screen = Screen()
    screen.feed(h("1B5208") + b"\\49")
    assert screen.lines()[0] == "¥49"


def test_a_graphic_display_shows_kanji():
    screen = Screen(kanji=True)
    screen.feed(b"\x0c" + "＋49ポイント".encode("cp932"))
    assert screen.lines()[0] == "＋49ポイント"


@pytest.mark.parametrize("raw", [h("1B99"), h("1F99"), h("07"), h("1B51 43"), h("1F24 1503")])
def test_what_it_does_not_understand_is_written_down(raw: bytes):
    screen = Screen()
    screen.feed(raw)
    assert len(screen.oddities) == 1


def test_a_display_on_a_serial_line(tmp_path: Path):
    display = LineDisplay(tmp_path / "display")
    with serial.Serial(str(display.link)) as port:
        port.write(b"\x0c+49 P")
        until(lambda: display.lines() == ("+49 P", ""))
    display.unplug()
    assert not display.link.exists()
    display.plug()
    assert display.lines() == ("", "")
    display.close()


def test_a_display_on_the_network():
    display = TcpDisplay()
    with socket.create_connection(("127.0.0.1", display.port)) as host:
        host.sendall(b"\x0c+49 P")
        until(lambda: display.lines() == ("+49 P", ""))
    display.close()
