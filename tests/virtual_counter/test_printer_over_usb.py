"""The virtual printer on a virtual USB bus, through pyusb."""

from __future__ import annotations

import errno

import pytest
import usb.core
import usb.util

from virtual_counter.clock import RealClock
from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import T3_80
from virtual_counter.usb_backend import UsbBus, UsbPrinter

h = bytes.fromhex


@pytest.fixture
def bus() -> UsbBus:
    return UsbBus(
        [
            UsbPrinter(VirtualPrinter(T3_80, RealClock(speed=200)), serial="FRONT"),
            UsbPrinter(VirtualPrinter(T3_80, RealClock(speed=200)), serial="KITCHEN", address=6, ports=(4, 1), endpoint_in=0x81),
        ]
    )


def opened(bus: UsbBus, serial: str) -> usb.core.Device:
    (device,) = usb.core.find(find_all=True, backend=bus, custom_match=lambda found: found.serial_number == serial)
    if device.is_kernel_driver_active(0):
        device.detach_kernel_driver(0)
    usb.util.claim_interface(device, 0)
    return device


def test_two_equal_printers_differ_in_serial_number_and_port(bus):
    found = list(usb.core.find(find_all=True, backend=bus))
    assert [(device.idVendor, device.serial_number, device.port_numbers) for device in found] == [
        (0x04B8, "FRONT", (3,)),
        (0x04B8, "KITCHEN", (4, 1)),
    ]
    interface = found[1][0][(0, 0)]
    assert (interface.bInterfaceClass, interface.bInterfaceSubClass, interface.bInterfaceProtocol) == (7, 1, 2)
    assert [endpoint.bEndpointAddress for endpoint in interface] == [0x01, 0x81]
    usb.util.dispose_resources(found[0])
    usb.util.dispose_resources(found[1])


def test_a_slip_goes_out_and_its_proof_comes_in(bus):
    device = opened(bus, "FRONT")
    slip = b"\x1b@hello\n" + h("1D564200") + h("1D284806003030") + b"AB01"
    assert device.write(0x01, slip, 1000) == len(slip)
    assert bytes(device.read(0x82, 64, 5000)) == b"\x37\x22AB01\x00"
    assert bus.devices[0].printer.slips()[0].lines == ("hello",)
    assert "RESET" not in bus.log
    usb.util.release_interface(device, 0)
    device.attach_kernel_driver(0)
    assert bus.devices[0].kernel_driver
    usb.util.dispose_resources(device)


def test_a_full_printer_lets_a_write_time_out_and_says_how_much_it_took(bus):
    device = opened(bus, "FRONT")
    bus.devices[0].printer.cover(True)
    assert device.write(0x01, b"x" * 5000, 50) == T3_80.buffer_bytes
    with pytest.raises(usb.core.USBTimeoutError):
        device.write(0x01, b"x", 50)
    with pytest.raises(usb.core.USBTimeoutError):
        device.read(0x82, 64, 50)
    usb.util.dispose_resources(device)


def test_an_unplugged_printer_is_no_such_device_and_not_found(bus):
    device = opened(bus, "FRONT")
    device.write(0x01, h("100401"), 1000)
    assert bytes(device.read(0x82, 64, 1000)) == b"\x12"
    bus.devices[0].printer.disconnect()
    with pytest.raises(usb.core.USBError) as trouble:
        device.write(0x01, b"x", 50)
    assert trouble.value.errno == errno.ENODEV
    assert len(list(usb.core.find(find_all=True, backend=bus))) == 1
    bus.devices[0].printer.reconnect()
    usb.util.dispose_resources(device)


def test_a_printer_that_somebody_holds_is_busy_and_without_rights_it_is_forbidden(bus):
    device = usb.core.find(backend=bus)
    with pytest.raises(usb.core.USBError) as busy:
        usb.util.claim_interface(device, 0)  # usblp has it
    assert busy.value.errno == errno.EBUSY
    usb.util.dispose_resources(device)
    bus.devices[0].forbidden = True
    with pytest.raises(usb.core.USBError) as forbidden:
        device.is_kernel_driver_active(0)
    assert forbidden.value.errno == errno.EACCES


def test_class_requests_tell_identity_and_port_status(bus):
    device = opened(bus, "FRONT")
    identity = bytes(device.ctrl_transfer(0xA1, 0, 0, 0, 256))
    assert int.from_bytes(identity[:2], "big") == len(identity)
    assert b"MFG:EPSON" in identity
    assert device.ctrl_transfer(0xA1, 1, 0, 0, 1)[0] == 0x18
    bus.devices[0].printer.paper_out()
    assert device.ctrl_transfer(0xA1, 1, 0, 0, 1)[0] == 0x30
    usb.util.dispose_resources(device)
