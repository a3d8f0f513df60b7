"""The serial driver on a pty: opening, reading, answering, losing the port."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from drivers.scan import serial_port
from drivers.scan.ssi import ACK, DECODE_DATA, packet
from posagent.errors import DeviceBusy, DeviceError, DeviceMissing


def opened(cable: Any, settings: Any, **given: Any) -> serial_port.SerialScanner:
    return serial_port.SerialScanner("counter scanner", settings(serial_port.DRIVER, port=cable.path, **given))


def test_codes_come_out_as_they_arrive(cable: Any, settings: Any) -> None:
    scanner = opened(cable, settings)
    cable.send(b"4901234567894\r\n4912345678904\r\n")
    assert [scan.text for scan in scanner.read(2)] == ["4901234567894", "4912345678904"]
    scanner.close()


def test_silence_returns_in_time(cable: Any, settings: Any) -> None:
    scanner = opened(cable, settings)
    before = time.monotonic()
    assert scanner.read(0.1) == []
    assert 0.09 < time.monotonic() - before < 0.3
    scanner.close()


def test_what_comes_while_the_port_opens_is_not_a_scan(cable: Any, settings: Any) -> None:
    sending = threading.Timer(0.02, cable.send, (b"4567894\r",))
    sending.start()
    scanner = opened(cable, settings)
    sending.join()
    cable.send(b"4912345678904\r")
    assert [scan.text for scan in scanner.read(2)] == ["4912345678904"]
    scanner.close()


def test_a_scan_that_stops_in_the_middle_is_told(cable: Any, settings: Any) -> None:
    scanner = opened(cable, settings)
    cable.send(b"49012345")
    (scan,) = scanner.read(2)
    assert (scan.quality, scan.text) == ("corrupt", "")
    scanner.close()


def test_without_a_terminator_the_speed_says_which_pause_ends_a_code(cable: Any, settings: Any) -> None:
    assert serial_port.pause_for(9600) == 61
    assert serial_port.pause_for(1200) == 134
    scanner = opened(cable, settings, terminator="none")
    cable.send(b"4901234567894")
    assert [scan.text for scan in scanner.read(2)] == ["4901234567894"]
    scanner.close()


def test_ssi_packets_are_acknowledged_on_the_wire(cable: Any, settings: Any) -> None:
    scanner = opened(cable, settings, framing="ssi")
    cable.send(packet(DECODE_DATA, b"\x0b4901234567894", source=0))
    assert [scan.text for scan in scanner.read(2)] == ["4901234567894"]
    assert cable.receive() == packet(ACK)
    scanner.close()


def test_a_second_opening_is_refused_and_names_nobody_but_the_port(cable: Any, settings: Any) -> None:
    first = opened(cable, settings)
    with pytest.raises(DeviceBusy, match=cable.path):
        opened(cable, settings)
    first.close()
    opened(cable, settings).close()


def test_unplugging_is_a_missing_device_at_once(cable: Any, settings: Any) -> None:
    scanner = opened(cable, settings)
    cable.unplug()
    before = time.monotonic()
    with pytest.raises(DeviceMissing, match="counter scanner: lost"):
        scanner.read(5)
    assert time.monotonic() - before < 1
    scanner.close()


def test_a_port_that_is_not_there_says_what_to_do(settings: Any) -> None:
    with pytest.raises(DeviceMissing, match="posagent devices"):
        serial_port.SerialScanner("till", settings(serial_port.DRIVER, port="/dev/ttyNOT_THERE"))


def test_a_file_is_not_a_port(settings: Any, tmp_path: Any) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DeviceError, match="cannot open"):
        serial_port.SerialScanner("till", settings(serial_port.DRIVER, port=str(tmp_path / "file")))


def test_bytes_that_the_line_marks_as_damaged_spoil_their_scan(cable: Any, settings: Any) -> None:
    scanner = opened(cable, settings, format="7E1")
    line, kernel = os.pipe()  # a pty has no parity errors: the kernel's marks are played to the driver
    scanner._descriptor = line
    os.write(kernel, b"49012\xff\x00\x3334567894\r4912345678904\r")
    first, second = scanner.read(2)
    assert (first.quality, first.reason) == ("corrupt", serial_port.BAD_BYTE)
    assert second.text == "4912345678904"
    scanner.close()
    os.close(line)
    os.close(kernel)


def test_a_byte_of_all_ones_is_no_mark(cable: Any, settings: Any) -> None:
    scanner = opened(cable, settings, encoding="latin-1")
    cable.send(b"ab\xffcd\r")  # the terminal layer of the pty doubles it, as PARMRK asks
    assert [scan.text for scan in scanner.read(2)] == ["abÿcd"]
    scanner.close()


def test_close_twice_and_after_unplugging_never_raises(cable: Any, settings: Any) -> None:
    scanner = opened(cable, settings)
    cable.unplug()
    scanner.close()
    scanner.close()


def test_no_descriptor_is_left_after_a_hundred_openings(cable: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_port, "SETTLE_S", 0.001)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(100):
        opened(cable, settings).close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
