"""Virtual scanners as a host sees them."""

from __future__ import annotations

import os
import select
import socket
import stat
import struct
import time
from pathlib import Path

import pytest
import serial

from virtual_counter.scanner import SerialScanner, TcpScanner, WedgeScanner
from virtual_counter.serial_line import LineUnplugged
from virtual_counter.wedge import event_bytes


def test_a_scan_arrives_with_its_identifier_and_terminator(tmp_path: Path):
    scanner = SerialScanner(tmp_path / "scanner")
    with serial.Serial(str(scanner.link), timeout=2) as port:
        scanner.scan("4901234567894", aim="E0")
        assert port.read_until(b"\r") == b"]E04901234567894\r"
        scanner.scan("会員", terminator=b"\r\n", encoding="cp932")
        assert port.read_until(b"\n") == "会員".encode("cp932") + b"\r\n"
    scanner.close()


def test_the_line_is_raw_and_hears_its_host(tmp_path: Path):
    scanner = SerialScanner(tmp_path / "scanner")
    with serial.Serial(str(scanner.link), timeout=2) as port:
        scanner.send(b"\x03\x1a\r\n\x00\xff")
        assert port.read(6) == b"\x03\x1a\r\n\x00\xff"
        port.write(b"\x16\x07\r")
        port.flush()
        fd = os.open(scanner.link, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        assert not select.select([fd], [], [], 0)[0]  # nothing was echoed
        os.close(fd)
        assert scanner.heard() == b"\x16\x07\r"
    scanner.close()


def test_an_unplugged_scanner_hangs_up_and_comes_back_under_its_name(tmp_path: Path):
    scanner = SerialScanner(tmp_path / "scanner")
    port = serial.Serial(str(scanner.link), timeout=2)
    scanner.unplug()
    assert not scanner.link.is_symlink()
    with pytest.raises((serial.SerialException, OSError)):
        port.read(1)
    port.close()
    with pytest.raises(LineUnplugged):
        scanner.scan("4901234567894")
    scanner.plug()
    with serial.Serial(str(scanner.link), timeout=2) as again:
        scanner.scan("49")
        assert again.read(3) == b"49\r"
    scanner.close()


def test_a_slow_line_takes_its_time_and_is_cut_off_by_a_pulled_plug(tmp_path: Path):
    scanner = SerialScanner(tmp_path / "scanner", byte_rate=200)
    with serial.Serial(str(scanner.link), timeout=2) as port:
        begun = time.monotonic()
        assert scanner.scan("1234567890") == 11
        assert time.monotonic() - begun > 0.03
        assert port.read(11) == b"1234567890\r"
    scanner.close()


def test_a_file_that_stands_in_the_way_is_not_overwritten(tmp_path: Path):
    (tmp_path / "scanner").write_text("precious")
    with pytest.raises(FileExistsError, match="choose another name"):
        SerialScanner(tmp_path / "scanner")
    assert (tmp_path / "scanner").read_text() == "precious"


def test_a_link_left_by_a_dead_process_is_replaced(tmp_path: Path):
    (tmp_path / "scanner").symlink_to("/dev/pts/99999")
    scanner = SerialScanner(tmp_path / "scanner")
    assert stat.S_ISCHR((tmp_path / "scanner").stat().st_mode)
    scanner.close()


def test_a_network_scanner_sends_to_whoever_is_connected():
    scanner = TcpScanner()
    host = socket.create_connection(("127.0.0.1", scanner.port), timeout=2)
    while not scanner.connected:
        time.sleep(0.001)
    scanner.scan("49123456", aim="E4")
    assert host.recv(64) == b"]E449123456\r\n"
    scanner.unplug()
    assert host.recv(64) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", scanner.port), timeout=2)
    scanner.plug()
    socket.create_connection(("127.0.0.1", scanner.port), timeout=2).close()
    host.close()
    scanner.close()


def test_key_strokes_depend_on_the_layout_that_the_scanner_is_programmed_for():
    def pressed(raw: bytes) -> list[int]:
        events = list(struct.iter_unpack("@llHHi", raw))
        return [code for _, _, kind, code, value in events if kind == 1 and value == 1]

    assert pressed(event_bytes("49A:\r", "us")) == [5, 10, 42, 30, 39, 28]
    assert pressed(event_bytes("49A:\r", "jis")) == [5, 10, 42, 30, 40, 28]


def test_key_events_are_timed_a_millisecond_a_report_and_release_shift_at_the_end():
    events = list(struct.iter_unpack("@llHHi", event_bytes("A")))
    assert [(s, us) for s, us, *_ in events[::3]] == [(0, 0), (0, 1000), (0, 2000), (0, 3000)]
    assert events[-2][2:] == (1, 42, 0)


def test_what_a_layout_cannot_type_is_refused():
    with pytest.raises(ValueError, match="no key for '会'"):
        event_bytes("会")


def test_the_wedge_says_why_it_is_not_there():
    reason = WedgeScanner.available()
    if not Path("/dev/uinput").exists():
        assert "uinput" in reason
    elif reason == "":
        wedge = WedgeScanner()
        assert wedge.scan("49") == 6
        wedge.close()
