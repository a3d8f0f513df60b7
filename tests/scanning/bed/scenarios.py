"""Owns what is tried on fake devices: `umockdev-wrapper python scenarios.py NAME`; exit code 0 and "ok" mean that it held."""

from __future__ import annotations

import faulthandler
import io
import json
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[3]))
from fake_devices import Bed, FakeHidPos, FakeKeyboard, FakePort, dropped, keys

from drivers.hotplug import DeviceWatch
from drivers.scan import evdev, hidraw, serial_port
from posagent.errors import DeviceBusy, DeviceError, DeviceMissing
from posagent.ports import Driver

HONEYWELL = bytes.fromhex(
    "058C0902A10185020912A102150026FF007508950105 01093B81029503058C09FB09FC09FD8102953809FE8202010666FF9502090409008102"
    "058C25017501950809FF8102C0C0".replace(" ", "")
)


def options(driver: Driver, /, **given: Any) -> dict[str, Any]:
    given.pop("driver", None)
    return {name: given.get(name, option.default) for name, option in driver.options.items()}


def wedge(device: str, **given: Any) -> evdev.WedgeScanner:
    return evdev.WedgeScanner("till scanner", options(evdev.DRIVER, device=device, **given))


def fails(kind: type[DeviceError], action: Callable[[], Any]) -> str:
    try:
        action()
    except kind as trouble:
        return str(trouble)
    raise AssertionError(f"no {kind.__name__} was raised")


def read_until(scanner: Any, count: int = 1, seconds: float = 5) -> list[Any]:
    got: list[Any] = []
    deadline = time.monotonic() + seconds
    while len(got) < count and time.monotonic() < deadline:
        got += scanner.read(0.2)
    return got


def a_wedge_is_opened_grabbed_read_and_lost() -> None:
    keyboard = FakeKeyboard(Bed())
    keyboard.plug()
    scanner = wedge("usb:0c2e:0b61:SN0001")
    assert keyboard.masked
    assert keyboard.clock_set
    assert keyboard.grabbed_by is not None
    keyboard.send(keys("4901234567894\n"))
    assert [scan.text for scan in read_until(scanner)] == ["4901234567894"]
    assert "till scanner" in fails(DeviceBusy, lambda: wedge("usb:0c2e:0b61:SN0001"))
    keyboard.send(keys("49012"))
    keyboard.unplug()
    before = time.monotonic()
    fails(DeviceMissing, lambda: read_until(scanner))
    assert time.monotonic() - before < 1
    scanner.close()


def a_wedge_that_is_plugged_in_again_on_another_node_is_found() -> None:
    bed = Bed()
    first = FakeKeyboard(bed, 5)
    first.plug()
    scanner = wedge("usb:0c2e:0b61:SN0001")
    first.unplug()
    fails(DeviceMissing, lambda: read_until(scanner))
    scanner.close()
    assert "plug it in" in fails(DeviceMissing, lambda: wedge("usb:0c2e:0b61:SN0001"))
    second = FakeKeyboard(bed, 9, usb=False)
    second.plug()
    scanner = wedge("usb:0c2e:0b61:SN0001")
    second.send(keys("4912345678904\n"))
    assert [scan.text for scan in read_until(scanner)] == ["4912345678904"]


def a_foreign_keyboard_is_never_grabbed() -> None:
    bed = Bed()
    cashier = FakeKeyboard(bed, 2, port="1-1", serial="", vendor=0x046D, product=0xC31C, maker="Logitech", name="Keyboard")
    cashier.plug()
    fails(DeviceMissing, lambda: wedge("usb:0c2e:0b61"))
    assert "changes its number" in fails(DeviceError, lambda: wedge("/dev/input/event2"))
    assert cashier.grabbed_by is None
    assert not cashier.masked


def two_equal_scanners_are_told_apart_by_their_ports() -> None:
    bed = Bed()
    left, right = FakeKeyboard(bed, 5, port="1-2", serial=""), FakeKeyboard(bed, 6, port="1-3", serial="")
    left.plug()
    right.plug()
    message = fails(DeviceError, lambda: wedge("usb:0c2e:0b61"))
    assert "usb:0c2e:0b61@1-2 or usb:0c2e:0b61@1-3" in message, message
    scanner = wedge("usb:0c2e:0b61@1-3")
    left.send(keys("1111111\n"))
    right.send(keys("2222222\n"))
    assert [scan.text for scan in read_until(scanner)] == ["2222222"]
    assert left.grabbed_by is None


def lost_events_are_a_corrupt_scan() -> None:
    keyboard = FakeKeyboard(Bed())
    keyboard.plug()
    scanner = wedge("usb:0c2e:0b61")
    keyboard.send(keys("49012") + dropped() + keys("567894\n"))
    keyboard.send(keys("4912345678904\n"))
    assert [(scan.text, scan.quality) for scan in read_until(scanner, 2)] == [("", "corrupt"), ("4912345678904", "ok")]


def a_key_that_is_held_down_is_waited_for_before_the_grab() -> None:
    keyboard = FakeKeyboard(Bed())
    keyboard.held[3] = 0x10
    keyboard.plug()
    before = time.monotonic()
    wedge("usb:0c2e:0b61").close()
    assert 0.9 < time.monotonic() - before < 2


def learn_mode_finds_the_scanner_and_grabs_nothing() -> None:
    import threading

    from drivers.scan.learn import learn

    bed = Bed()
    cashier = FakeKeyboard(bed, 2, port="1-1", serial="", vendor=0x046D, product=0xC31C, maker="Logitech", name="Keyboard")
    scanner = FakeKeyboard(bed, 5)
    cashier.plug()
    scanner.plug()
    cashier.send(keys("12345678\n", gap_ms=60))
    timer = threading.Timer(0.2, scanner.send, (keys("4901234567894\n"),))
    timer.start()
    found = learn(5, lambda line: None)
    assert found.settings["device"] == "usb:0c2e:0b61:SN0001", found
    assert cashier.grabbed_by is None
    assert scanner.grabbed_by is None


def a_hid_pos_scanner_is_read_by_its_descriptor_and_lost() -> None:
    device = FakeHidPos(Bed(), HONEYWELL)
    device.plug()
    (found,) = hidraw.find()
    assert "HID POS" in found.title
    scanner = hidraw.HidPosScanner("till scanner", options(hidraw.DRIVER, **found.settings))
    device.send(bytes([2, 13]) + b"]E0" + b"4901234567894".ljust(56, b"\0") + bytes(3))
    (scan,) = read_until(scanner)
    assert (scan.text, scan.aim) == ("4901234567894", "E0")
    device.unplug()
    fails(DeviceMissing, lambda: read_until(scanner))
    scanner.close()


def a_serial_port_raises_its_lines_and_is_lost_on_unplugging() -> None:
    port = FakePort(Bed())
    port.plug()
    (found,) = [one for one in serial_port.find() if "ttyUSB" in one.node]
    assert "by-path" in found.settings["port"], found
    # opened by its node: the testbed answers ioctls for a node's own name only
    scanner = serial_port.SerialScanner("till scanner", options(serial_port.DRIVER, **{**found.settings, "port": port.node}))
    assert port.lines & 0x6 == 0x6, (hex(port.lines), port.raised)  # DTR and RTS
    port.send(b"4901234567894\r")
    assert [scan.text for scan in read_until(scanner)] == ["4901234567894"]
    port.send(b"490123")
    port.unplug()
    fails(DeviceMissing, lambda: read_until(scanner, 2))
    scanner.close()


def udev_tells_of_devices_that_come_and_go() -> None:
    bed = Bed()
    watch = DeviceWatch()
    assert watch.hears_udev
    assert watch.wait(0.05) is False
    keyboard = FakeKeyboard(bed)
    keyboard.plug()
    changes = watch.changes(2)
    assert ("add", "input", "/dev/input/event5") in [(one.action, one.subsystem, one.node) for one in changes], changes
    keyboard.unplug()
    assert "remove" in [one.action for one in watch.changes(2)]
    watch.close()


def the_reconcile_pass_comes_without_any_event() -> None:
    Bed()
    watch = DeviceWatch(reconcile_s=0.1)
    before = time.monotonic()
    assert watch.wait(5) is True
    assert time.monotonic() - before < 1


def the_command_lists_everything_with_what_to_paste() -> None:
    from posagent.cli import main

    bed = Bed()
    for device in (
        FakeKeyboard(bed, 5), FakeHidPos(bed, HONEYWELL), FakePort(bed),
        FakeHidPos(bed, bytes.fromhex("0600FF0901A10175089540 0901 8102C0".replace(" ", "")), 4, port="1-6", serial="", product=0x0007),
    ):  # fmt: skip
        device.plug()
    scanner = wedge("usb:0c2e:0b61")
    shown = io.StringIO()
    with redirect_stdout(shown):
        assert main(["devices", "--json"]) == 0
    devices = {one["node"]: one for one in json.loads(shown.getvalue())["devices"]}
    assert devices["/dev/input/event5"]["settings"]["device"] == "usb:0c2e:0b61:SN0001"
    assert devices["/dev/hidraw3"]["settings"] == {"driver": "hidpos", "device": "usb:0c2e:0b81:V1602"}
    unusable = next(one for node, one in devices.items() if node.endswith("/1-6"))
    assert "setup code" in unusable["note"]
    assert unusable["settings"] == {}
    assert devices["/dev/ttyUSB0"]["settings"]["driver"] == "serial"
    shown = io.StringIO()
    with redirect_stdout(shown):
        assert main(["devices"]) == 0
    sys.stderr.write(shown.getvalue())
    scanner.close()


def a_replug_reaches_the_agent_through_the_reader_process() -> None:
    from posagent.remote import Lost, Opened, RemoteDevice, RemoteDevices

    bed = Bed()
    first = FakeKeyboard(bed, 5)
    first.plug()
    entry = RemoteDevice("till", "drivers.scan.evdev:DRIVER", options(evdev.DRIVER, device="usb:0c2e:0b61:SN0001"))
    devices = RemoteDevices("reader", [entry], wakeup="drivers.hotplug:DeviceWatch")

    def until(kind: type) -> list[Any]:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            reports = [report for _, report in devices.read(0.2) if isinstance(report, kind)]
            if reports:
                return reports
        raise AssertionError(f"no {kind.__name__}")

    until(Opened)
    first.unplug()
    until(Lost)
    time.sleep(1.6)  # the pauses between tries have grown: what opens it now is the event
    second = FakeKeyboard(bed, 9, usb=False)
    before = time.monotonic()
    second.plug()
    until(Opened)
    took_ms = (time.monotonic() - before) * 1000
    sys.stderr.write(f"replug to open: {took_ms:.0f} ms\n")
    assert took_ms < 700
    devices.close()


if __name__ == "__main__":
    faulthandler.dump_traceback_later(30, exit=True)  # a scenario that hangs says where
    globals()[sys.argv[1]]()
    sys.stdout.write("ok\n")
