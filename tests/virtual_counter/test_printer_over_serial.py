"""The virtual printer on a serial line."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import serial

from virtual_counter.clock import RealClock
from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import T3_80
from virtual_counter.pty_port import serve_pty

h = bytes.fromhex


@pytest.fixture
def printer() -> VirtualPrinter:
    return VirtualPrinter(T3_80, RealClock(speed=200))


def test_status_and_proof_come_back_over_a_serial_line(printer, tmp_path: Path):
    port = serve_pty(printer, tmp_path / "printer")
    with serial.Serial(str(port.link), timeout=5) as host:
        host.write(h("100401"))
        assert host.read(1) == b"\x12"
        host.write(b"\x1b@hello\n" + h("1D564200") + h("1D284806003030") + b"AB01")
        assert host.read(7) == b"\x37\x22AB01\x00"
    assert printer.slips()[0].lines == ("hello",)
    port.stop()
    assert not port.link.exists()


def test_more_than_the_buffer_holds_arrives_whole_with_flow_control(printer, tmp_path: Path):
    port = serve_pty(printer, tmp_path / "printer")
    with serial.Serial(str(port.link), timeout=5, write_timeout=20) as host:
        host.write(b"0123456789\n" * 2000 + h("1D564200") + h("1D284806003030") + b"AB01")
        assert host.read(7) == b"\x37\x22AB01\x00"
    assert printer.slips()[0].lines == ("0123456789",) * 2000
    assert printer.totals["lost"] == 0
    port.stop()


def test_without_flow_control_a_stopped_printer_loses_bytes_but_still_answers(printer, tmp_path: Path):
    port = serve_pty(printer, tmp_path / "printer", flow="none")
    printer.cover(True)
    with serial.Serial(str(port.link), timeout=5, write_timeout=5) as host:
        host.write(b"x" * 6000 + h("100402"))
        assert host.read(1) == b"\x16"
    assert printer.totals["lost"] == 6003 - T3_80.buffer_bytes
    port.stop()


def test_a_full_buffer_says_stop_and_go_between_the_answers(printer, tmp_path: Path):
    port = serve_pty(printer, tmp_path / "printer", flow="xonxoff")
    printer.cover(True)
    with serial.Serial(str(port.link), timeout=5, write_timeout=5) as host:
        host.write(b"\n" * 4000)
        assert host.read(1) == b"\x13"
        printer.cover(False)
        assert host.read(1) == b"\x11"
    port.stop()


def test_the_line_is_as_slow_as_its_rate(printer, tmp_path: Path):
    port = serve_pty(printer, tmp_path / "printer", byte_rate=2000)
    with serial.Serial(str(port.link), timeout=5) as host:
        begun = time.monotonic()
        host.write(b"\x00" * 300 + h("100401"))
        assert host.read(1) == b"\x12"
        assert time.monotonic() - begun > 0.1
    port.stop()


def test_a_serial_cable_knows_nothing_of_power_and_a_usb_cable_does(printer, tmp_path: Path):
    port = serve_pty(printer, tmp_path / "printer")
    with serial.Serial(str(port.link), timeout=0.1) as host:
        printer.power_cut()
        host.write(h("100401"))
        assert host.read(1) == b""
        printer.power_on()
        host.timeout = 5
        host.write(h("100401"))
        assert host.read(1) == b"\x12"
    port.stop()
    port = serve_pty(printer, tmp_path / "usb-printer", usb=True)
    with serial.Serial(str(port.link), timeout=5) as host:
        printer.power_cut()
        with pytest.raises((serial.SerialException, OSError)):
            host.read(1)
    assert not port.link.is_symlink()
    printer.power_on()
    while not port.link.exists():
        time.sleep(0.002)
    port.stop()
