"""Owns the line to a USB printer through libusb (pyusb), for machines without usblp and for two equal printers, told apart by serial number.

Endpoints are read from the descriptors of the printer-class interface; the kernel's driver is put aside while the printer is open and
brought back on closing; the device is never reset, because a reset would look like a power failure. Source: USB device class definition
for printing devices 1.1 (class 7, subclass 1; bidirectional protocols 2 and 3), pyusb 1.3.
"""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Iterator
from typing import Any

from drivers.escpos.link import CHUNK
from posagent.errors import DeviceBusy, DeviceError, DeviceForbidden, DeviceMissing
from posagent.ports import Found

PRINTER_CLASS = 7
_GONE = {errno.ENODEV, errno.EIO, errno.EPIPE, errno.ESHUTDOWN, errno.EPROTO}


class UsbLink:
    """See `drivers.escpos.link.Link`."""

    session_proves_power = True

    def __init__(self, name: str, device: Any, interface: Any, *, reattach: bool) -> None:
        self._name, self._device, self._number, self._reattach = name, device, interface.bInterfaceNumber, reattach
        ends = sorted(interface, key=lambda end: end.bEndpointAddress)
        bulk = [end for end in ends if end.bmAttributes & 3 == 2]
        self._out = next(end for end in bulk if not end.bEndpointAddress & 0x80)
        self._in = next((end for end in bulk if end.bEndpointAddress & 0x80), None)
        self.speaks = self._in is not None
        self._open = True

    def now(self) -> float:
        """See Link."""
        return time.monotonic()

    def write(self, body: bytes, deadline: float) -> int:
        """See Link."""
        import usb.core

        done = 0
        while done < len(body) and (left := deadline - time.monotonic()) > 0:
            try:
                done += self._out.write(body[done : done + CHUNK], timeout=max(int(left * 1000), 1))
            except usb.core.USBTimeoutError:
                break
            except usb.core.USBError as trouble:
                if done:
                    return done
                raise self._trouble(trouble) from None
        return done

    def read(self, deadline: float) -> bytes:
        """See Link."""
        import usb.core

        if self._in is None:
            time.sleep(max(deadline - time.monotonic(), 0))
            return b""
        left = max(int((deadline - time.monotonic()) * 1000), 1)
        try:
            return bytes(self._in.read(self._in.wMaxPacketSize, timeout=left))
        except usb.core.USBTimeoutError:
            return b""
        except usb.core.USBError as trouble:
            raise self._trouble(trouble) from None

    def unsent(self) -> int | None:
        """libusb returns when the printer has taken the bytes."""
        return 0

    def port_status(self) -> int | None:
        """GET_PORT_STATUS, the class request behind the IEEE 1284 byte."""
        import usb.core

        try:
            return int(self._device.ctrl_transfer(0xA1, 1, 0, self._number, 1, timeout=200)[0])
        except (usb.core.USBError, IndexError):
            return None

    def close(self) -> None:
        """See Link."""
        import usb.core
        import usb.util

        if not self._open:
            return
        self._open = False
        with contextlib.suppress(usb.core.USBError, NotImplementedError):
            usb.util.release_interface(self._device, self._number)
            if self._reattach:
                self._device.attach_kernel_driver(self._number)
        usb.util.dispose_resources(self._device)

    def _trouble(self, trouble: Any) -> DeviceError:
        if trouble.errno in _GONE:
            return DeviceMissing(f"{self._name}: the USB printer is gone; check its cable and its switch", code="E214")
        return DeviceError(f"{self._name}: USB trouble: {trouble}; unplug the printer and plug it in again", code="E200")


def open_usb(name: str, vendor: int, product: int, serial: str, port: str, *, backend: Any = None) -> UsbLink:
    """Opens the printer with this serial number or at this port ("1-2.3"); by vendor and product alone where there is only one."""
    import usb.core
    import usb.util

    found = [device for device in _printers(backend) if _matches(device, vendor, product, serial, port)]
    wanted = f"{vendor:04x}:{product:04x}" + (f" with serial number {serial}" if serial else "") + (f" at port {port}" if port else "")
    if not found:
        raise DeviceMissing(f"{name}: no USB printer {wanted}; plug it in and switch it on", code="E214")
    if len(found) > 1:
        ways = ", ".join(f"usb_port = \"{place_of(device)}\"" for device in found)
        raise DeviceError(f"{name}: {len(found)} USB printers {wanted}; say which one in the settings: {ways}", code="E200")
    device = found[0]
    interface = _interface(device)
    reattach = False
    try:
        if device.is_kernel_driver_active(interface.bInterfaceNumber):
            device.detach_kernel_driver(interface.bInterfaceNumber)
            reattach = True
        usb.util.claim_interface(device, interface.bInterfaceNumber)
    except NotImplementedError:
        usb.util.claim_interface(device, interface.bInterfaceNumber)
    except usb.core.USBError as trouble:
        usb.util.dispose_resources(device)
        raise _open_trouble(name, wanted, trouble) from None
    return UsbLink(name, device, interface, reattach=reattach)


def find_usb(backend: Any = None) -> Iterator[Found]:
    """Every USB printer, by serial number or port; none where libusb is missing."""
    import usb.core

    with contextlib.suppress(usb.core.NoBackendError):
        for device in _printers(backend):
            serial, place = _serial(device), place_of(device)
            settings = {"driver": "escpos-usb", "vendor": f"{device.idVendor:04x}", "product": f"{device.idProduct:04x}",
                        **({"serial": serial} if serial else {"usb_port": place})}  # fmt: skip
            yield Found("escpos-usb", "printer", f"USB printer {device.idVendor:04x}:{device.idProduct:04x}", f"usb {place}",
                        serial or f"usb port {place}", note="prefer escpos-lp where /dev/usb/lpN is there", settings=settings)  # fmt: skip


def place_of(device: Any) -> str:
    """The port path as the kernel writes it: "1-2.3"."""
    return f"{device.bus}-" + ".".join(map(str, device.port_numbers or ()))


def _printers(backend: Any) -> list[Any]:
    import usb.core

    return [device for device in usb.core.find(find_all=True, backend=backend) if _interface(device) is not None]


def _interface(device: Any) -> Any:
    for configuration in device:
        for interface in configuration:
            if interface.bInterfaceClass == PRINTER_CLASS and any(
                end.bmAttributes & 3 == 2 and not end.bEndpointAddress & 0x80 for end in interface
            ):
                return interface
    return None


def _matches(device: Any, vendor: int, product: int, serial: str, port: str) -> bool:
    return (
        (device.idVendor, device.idProduct) == (vendor, product)
        and (not port or place_of(device) == port)
        and (not serial or _serial(device) == serial)
    )


def _serial(device: Any) -> str:
    import usb.core

    try:
        return str(device.serial_number or "")
    except (usb.core.USBError, ValueError):  # ValueError: no permission to read strings
        return ""


def _open_trouble(name: str, wanted: str, trouble: Any) -> DeviceError:
    match trouble.errno:
        case errno.EBUSY:
            who = "another program (CUPS takes printers by itself)"
            return DeviceBusy(f"{name}: USB printer {wanted} is in use by {who}; remove it there", code="E218")
        case errno.EACCES | errno.EPERM:
            return DeviceForbidden(f"{name}: permission denied on USB printer {wanted}; install posagent's udev rules and plug it in again")
        case _:
            return DeviceMissing(f"{name}: cannot open USB printer {wanted}: {trouble}; plug it in again", code="E214")
