"""Owns a bus of virtual USB printers for pyusb: `usb.core.find(backend=UsbBus(...))` finds them, and transfers reach the printer core.

Descriptors: USB 2.0 chapter 9, Device Class Definition for Printing Devices 1.1 (class 7, subclass 1, protocol 2; GET_DEVICE_ID,
GET_PORT_STATUS, SOFT_RESET). Error numbers are those that libusb reports on Linux. ``log`` holds every call that changes something, so
that a test can say "it never resets the port".
"""

from __future__ import annotations

import array
import errno
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING

import usb.backend
import usb.core

if TYPE_CHECKING:
    from virtual_counter.link import Link
    from virtual_counter.printer import VirtualPrinter

_LANGUAGE = 0x0411  # Japanese
_SOFT_RESET, _PORT_STATUS, _DEVICE_ID = 2, 1, 0


def _trouble(number: int, text: str) -> usb.core.USBError:
    return usb.core.USBError(text, None, number)


def _timeout(text: str) -> usb.core.USBTimeoutError:
    return usb.core.USBTimeoutError(text, None, errno.ETIMEDOUT)


@dataclass(eq=False)
class UsbPrinter:
    """One printer on the bus. ``kernel_driver``: usblp holds it; ``taken``: another program has claimed it; ``forbidden``: no rights."""

    printer: VirtualPrinter
    vendor: int = 0x04B8
    product: int = 0x0202
    serial: str = "VC000001"
    bus: int = 1
    address: int = 5
    ports: tuple[int, ...] = (3,)
    endpoint_out: int = 0x01
    endpoint_in: int = 0x82
    kernel_driver: bool = True
    taken: bool = False
    forbidden: bool = False
    configured: int = 1
    claimed: bool = False
    link: Link | None = field(default=None, repr=False)

    @property
    def plugged(self) -> bool:
        """It can be seen on the bus: it has power and a cable."""
        return self.printer.link_state != "refused"


class UsbBus(usb.backend.IBackend):  # type: ignore[misc]  # pyusb carries no types
    """A pyusb backend over virtual printers."""

    def __init__(self, devices: Sequence[UsbPrinter]) -> None:
        super().__init__()
        self.devices = list(devices)
        self.log: list[str] = []

    # ------------------------------------------------------------ finding

    def enumerate_devices(self) -> Iterator[UsbPrinter]:
        """What is plugged."""
        return iter([device for device in self.devices if device.plugged])

    def get_parent(self, dev: UsbPrinter) -> None:
        """The hub is not modelled."""

    def get_device_descriptor(self, dev: UsbPrinter) -> SimpleNamespace:
        """The device descriptor, with bus, address and ports as libusb adds them."""
        return SimpleNamespace(
            bLength=18, bDescriptorType=1, bcdUSB=0x200, bDeviceClass=0, bDeviceSubClass=0, bDeviceProtocol=0, bMaxPacketSize0=64,
            idVendor=dev.vendor, idProduct=dev.product, bcdDevice=0x100, iManufacturer=1, iProduct=2, iSerialNumber=3 if dev.serial else 0,
            bNumConfigurations=1, bus=dev.bus, address=dev.address, port_number=dev.ports[-1], port_numbers=dev.ports, speed=2,
        )  # fmt: skip

    def get_configuration_descriptor(self, dev: UsbPrinter, config: int) -> SimpleNamespace:
        """The only configuration."""
        if config:
            raise IndexError(f"configuration {config}")
        return SimpleNamespace(
            bLength=9, bDescriptorType=2, wTotalLength=32, bNumInterfaces=1, bConfigurationValue=1, iConfiguration=0, bmAttributes=0xC0,
            bMaxPower=1, extra_descriptors=array.array("B"), interface=[SimpleNamespace(num_altsetting=1)],
        )  # fmt: skip

    def get_interface_descriptor(self, dev: UsbPrinter, intf: int, alt: int, config: int) -> SimpleNamespace:
        """The printer interface, bidirectional."""
        if intf or alt or config:
            raise IndexError(f"interface {intf}.{alt}")
        return SimpleNamespace(
            bLength=9, bDescriptorType=4, bInterfaceNumber=0, bAlternateSetting=0, bNumEndpoints=2, bInterfaceClass=7,
            bInterfaceSubClass=1, bInterfaceProtocol=2, iInterface=0, extra_descriptors=array.array("B"),
        )  # fmt: skip

    def get_endpoint_descriptor(self, dev: UsbPrinter, ep: int, intf: int, alt: int, config: int) -> SimpleNamespace:
        """Bulk out, then bulk in."""
        if intf or alt or config or ep > 1:
            raise IndexError(f"endpoint {ep}")
        return SimpleNamespace(
            bLength=7, bDescriptorType=5, bEndpointAddress=(dev.endpoint_out, dev.endpoint_in)[ep], bmAttributes=2, wMaxPacketSize=64,
            bInterval=0, bRefresh=0, bSynchAddress=0, extra_descriptors=array.array("B"),
        )  # fmt: skip

    # ------------------------------------------------------------ opening

    def open_device(self, dev: UsbPrinter) -> UsbPrinter:
        """Opens the node under /dev/bus/usb."""
        self._must_be_there(dev)
        if dev.forbidden:
            raise _trouble(errno.EACCES, "Access denied (insufficient permissions)")
        self.log.append("open")
        return dev

    def close_device(self, dev_handle: UsbPrinter) -> None:
        """Closes it; a claim ends with it."""
        self.log.append("close")
        self._let_go(dev_handle)

    def set_configuration(self, dev_handle: UsbPrinter, config_value: int) -> None:
        """Busy while anybody holds an interface, as the kernel says."""
        self._must_be_there(dev_handle)
        self.log.append(f"set_configuration {config_value}")
        if dev_handle.kernel_driver or dev_handle.taken:
            raise _trouble(errno.EBUSY, "Resource busy")
        dev_handle.configured = config_value

    def get_configuration(self, dev_handle: UsbPrinter) -> int:
        """The value that is set."""
        self._must_be_there(dev_handle)
        return dev_handle.configured

    def set_interface_altsetting(self, dev_handle: UsbPrinter, intf: int, altsetting: int) -> None:
        """There is only one."""
        self.log.append(f"set_interface_altsetting {intf} {altsetting}")

    def claim_interface(self, dev_handle: UsbPrinter, intf: int) -> None:
        """Takes the interface from the kernel's driver's reach."""
        self._must_be_there(dev_handle)
        if dev_handle.kernel_driver or dev_handle.taken:
            raise _trouble(errno.EBUSY, "Resource busy")
        self.log.append(f"claim {intf}")
        dev_handle.claimed = True

    def release_interface(self, dev_handle: UsbPrinter, intf: int) -> None:
        """Gives it back."""
        self.log.append(f"release {intf}")
        self._let_go(dev_handle)

    def clear_halt(self, dev_handle: UsbPrinter, ep: int) -> None:
        """Nothing stalls here."""
        self.log.append(f"clear_halt {ep:02x}")

    def reset_device(self, dev_handle: UsbPrinter) -> None:
        """A port reset: many printers lose what they have not printed."""
        self._must_be_there(dev_handle)
        self.log.append("RESET")

    def is_kernel_driver_active(self, dev_handle: UsbPrinter, intf: int) -> bool:
        """Whether usblp has it."""
        self._must_be_there(dev_handle)
        return dev_handle.kernel_driver

    def detach_kernel_driver(self, dev_handle: UsbPrinter, intf: int) -> None:
        """Takes it from usblp."""
        self._must_be_there(dev_handle)
        if not dev_handle.kernel_driver:
            raise _trouble(errno.ENODATA, "No data available")
        self.log.append("detach")
        dev_handle.kernel_driver = False

    def attach_kernel_driver(self, dev_handle: UsbPrinter, intf: int) -> None:
        """Gives it back to usblp."""
        self._must_be_there(dev_handle)
        if dev_handle.claimed:
            raise _trouble(errno.EBUSY, "Resource busy")
        self.log.append("attach")
        dev_handle.kernel_driver = True

    # ------------------------------------------------------------ transfers

    def bulk_write(self, dev_handle: UsbPrinter, ep: int, intf: int, data: array.array[int], timeout: int) -> int:
        """Blocks while the printer's buffer is full; a time-out after part of the data reports that part, as libusb does."""
        link = self._line(dev_handle)
        if ep != dev_handle.endpoint_out:
            raise _trouble(errno.ENOENT, "Entity not found")
        raw = bytes(data)
        sent = 0
        until = self._deadline(timeout)
        while sent < len(raw):
            self._must_be_there(dev_handle)
            try:
                sent += link.send(raw[sent:])
            except BrokenPipeError:
                raise self._unplugged() from None
            if sent < len(raw) and not self._wait(dev_handle, until):
                if sent:
                    return sent
                raise _timeout("Operation timed out")
        return sent

    def bulk_read(self, dev_handle: UsbPrinter, ep: int, intf: int, buff: array.array[int], timeout: int) -> int:
        """Blocks until the printer says something."""
        link = self._line(dev_handle)
        if ep != dev_handle.endpoint_in:
            raise _trouble(errno.ENOENT, "Entity not found")
        until = self._deadline(timeout)
        while True:
            self._must_be_there(dev_handle)
            if not link.alive:
                raise self._unplugged()
            answer = link.receive(len(buff))
            if answer:
                buff[: len(answer)] = array.array("B", answer)
                return len(answer)
            if not self._wait(dev_handle, until):
                raise _timeout("Operation timed out")

    def ctrl_transfer(
        self, dev_handle: UsbPrinter, bmRequestType: int, bRequest: int, wValue: int, wIndex: int, data: array.array[int], timeout: int  # noqa: N803
    ) -> int:
        """String descriptors and the printer class requests."""
        self._must_be_there(dev_handle)
        answer: bytes
        if bmRequestType == 0x80 and bRequest == 6 and wValue >> 8 == 3:
            answer = self._string(dev_handle, wValue & 0xFF)
        elif bmRequestType == 0xA1 and bRequest == _DEVICE_ID:
            profile = dev_handle.printer.profile
            text = f"MFG:{profile.maker or 'POS'};CMD:ESC/POS;MDL:{profile.model or 'Printer'};CLS:PRINTER;".encode()
            answer = struct.pack(">H", len(text) + 2) + text
        elif bmRequestType == 0xA1 and bRequest == _PORT_STATUS:
            state = dev_handle.printer.state()
            answer = bytes((0x20 * state["paper_end"] | 0x10 | 0x08 * state["online"],))
        elif bRequest == _SOFT_RESET and bmRequestType & 0x60 == 0x20:
            self.log.append("SOFT_RESET")
            return 0
        else:
            raise _trouble(errno.EPIPE, "Pipe error")
        answer = answer[: len(data)]
        data[: len(answer)] = array.array("B", answer)
        return len(answer)

    def _string(self, dev: UsbPrinter, index: int) -> bytes:
        if index == 0:
            return struct.pack("<BBH", 4, 3, _LANGUAGE)
        profile = dev.printer.profile
        text = {1: profile.maker or "POS", 2: profile.model or "Printer", 3: dev.serial}.get(index)
        if text is None:
            raise _trouble(errno.EPIPE, "Pipe error")
        raw = text.encode("utf-16-le")
        return bytes((len(raw) + 2, 3)) + raw

    # ------------------------------------------------------------

    def _unplugged(self) -> usb.core.USBError:
        return _trouble(errno.ENODEV, "No such device (it may have been disconnected)")

    def _must_be_there(self, dev: UsbPrinter) -> None:
        if not dev.plugged:
            dev.claimed = False
            raise self._unplugged()

    def _let_go(self, dev: UsbPrinter) -> None:
        dev.claimed = False
        if dev.link is not None:
            dev.link.close()
            dev.link = None

    def _line(self, dev: UsbPrinter) -> Link:
        self._must_be_there(dev)
        if not dev.claimed:
            raise _trouble(errno.EBUSY, "Resource busy: the interface is not claimed")
        if dev.link is None:
            dev.link = dev.printer.connect()
        return dev.link

    def _deadline(self, timeout_ms: int) -> float:
        return time.monotonic() + timeout_ms / 1000 if timeout_ms else float("inf")

    def _wait(self, dev: UsbPrinter, until: float) -> bool:
        """Lets the printer live; False when the time is over."""
        left = until - time.monotonic()
        if left <= 0:
            return False
        dev.printer.wait(min(left, 0.05))
        return True
