"""Owns scanners that exist only in a umockdev testbed: their /sys records, their ioctls, plugging and unplugging.

Runs under `umockdev-wrapper`, in the same process as the driver: drivers release the GIL in ioctl, so the handlers (a thread of the testbed)
can answer. Known limits of umockdev 0.17: handlers must be attached before the record is added (the "add" event goes out at once);
`remove_device` sends no event of its own and leaves links behind; a node of a pty cannot be added twice, so a replug gets a new number.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
import time
from pathlib import Path
from typing import Any

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's gi, for the same minor version of Python
import gi

gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402

EVENT = struct.Struct("@llHHi")
ROOT = "/devices/pci0000:00/0000:00:14.0/usb1"


class Bed:
    """One testbed."""

    def __init__(self) -> None:
        self.testbed = UMockdev.Testbed.new()
        self.root = Path(self.testbed.get_root_dir())

    def add(self, record: str) -> None:
        self.testbed.add_from_string(record)

    def remove(self, device: str, node: str) -> None:
        self.testbed.uevent(f"/sys{device}", "remove")
        self.testbed.detach_ioctl(node)
        self.testbed.remove_device(f"/sys{device}")


def usb_device(port: str, vendor: int, product: int, maker: str, name: str, serial: str, number: int) -> str:
    return f"""P: {ROOT}/{port}
E: SUBSYSTEM=usb
E: DEVTYPE=usb_device
A: busnum=1\\n
A: devnum={number}\\n
A: idVendor={vendor:04x}\\n
A: idProduct={product:04x}\\n
A: manufacturer={maker}\\n
A: product={name}\\n
A: serial={serial}\\n
"""


def ioctl_number(request: int) -> tuple[str, int, int]:
    return chr(request >> 8 & 0xFF), request & 0xFF, request >> 16 & 0x3FFF


class FakeKeyboard:
    """A keyboard-like scanner: answers EVIOCG*, one EVIOCGRAB at a time, ENODEV after unplugging."""

    def __init__(
        self, bed: Bed, event: int = 5, *, port: str = "1-2", serial: str = "SN0001", vendor: int = 0x0C2E, product: int = 0x0B61,
        maker: str = "Honeywell", name: str = "HF680", usb: bool = True,
    ) -> None:
        self.bed, self.event = bed, event
        self.node = f"/dev/input/event{event}"
        self.vendor, self.product = vendor, product
        self.held = bytearray(96)
        self.grabbed_by: Any = None
        self.masked = False
        self.clock_set = False
        self.gone = False
        interface = f"{ROOT}/{port}/{port}:1.0"
        self.sys = f"{interface}/0003:{vendor:04X}:{product:04X}.000{event}/input/input{event}/event{event}"
        keys = "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"
        stable = f"by-id/usb-{maker}_{name}_{serial}" if serial else f"by-path/pci-0000:00:14.0-usb-0:{port}"
        links = f"S: input/{stable}-event-kbd\n"
        self.record = (
            f"P: {self.sys}\nN: input/event{event}\n{links}E: DEVNAME={self.node}\nE: SUBSYSTEM=input\nE: MAJOR=13\nE: MINOR={64 + event}\n"
            f"A: dev=13:{64 + event}\\n\nL: device=../../input{event}\n\n"
            f"P: {self.sys.rpartition('/')[0]}\nE: SUBSYSTEM=input\nE: PRODUCT=3/{vendor:x}/{product:x}/110\nA: name={maker} {name}\\n\n"
            f"A: id/bustype=0003\\n\nA: id/vendor={vendor:04x}\\n\nA: id/product={product:04x}\\n\nA: capabilities/key={keys}\\n\n\n"
            + (usb_device(port, vendor, product, maker, name, serial, event) if usb else "")
        )

    def plug(self) -> None:
        self.handler = UMockdev.IoctlBase()
        self.handler.connect("handle-ioctl", self._ioctl)
        self.handler.connect("handle-read", self._read)
        self.bed.testbed.attach_ioctl(self.node, self.handler)
        self.bed.add(self.record)
        self.descriptor = self.bed.testbed.get_dev_fd(self.node)

    def unplug(self) -> None:
        self.gone = True
        os.write(self.descriptor, bytes(EVENT.size))  # wakes poll(); the read then answers ENODEV
        self.bed.remove(self.sys, self.node)
        for link in (self.bed.root / "dev/input").glob("by-*/*"):
            if link.is_symlink() and os.readlink(link).endswith(f"event{self.event}"):  # noqa: PTH115
                link.unlink()

    def send(self, events: bytes) -> None:
        os.write(self.descriptor, events)

    def _read(self, handler: Any, client: Any) -> bool:
        if self.gone:
            client.complete(-1, errno.ENODEV)
            return True
        return False

    def _ioctl(self, handler: Any, client: Any) -> bool:
        kind, number, size = ioctl_number(client.get_request())
        if kind != "E":
            answer = client.execute()
            client.complete(answer[0], answer[1] if answer[0] < 0 else 0)
        elif self.gone:
            client.complete(-1, errno.ENODEV)
        elif number == 0x90:
            self._grab(client)
        elif number == 0x02:
            self._answer(client, size, struct.pack("<4H", 3, self.vendor, self.product, 0x110))
        elif number == 0x18:
            self._answer(client, size, bytes(self.held))
        elif number in {0xA0, 0x93}:
            self.clock_set = self.clock_set or number == 0xA0
            self.masked = self.masked or number == 0x93
            client.complete(0, 0)
        else:
            client.complete(-1, errno.EINVAL)
        return True

    def _answer(self, client: Any, size: int, value: bytes) -> None:
        client.get_arg().resolve(0, size).update(0, value[:size].ljust(size, b"\0"))
        client.complete(0, 0)

    def _grab(self, client: Any) -> None:
        wanted = struct.unpack("<Q", bytes(client.get_arg().retrieve()))[0]
        other = self.grabbed_by is not None and self.grabbed_by is not client and self.grabbed_by.props.connected
        if wanted and other:
            client.complete(-1, errno.EBUSY)
        else:
            self.grabbed_by = client if wanted else None
            client.complete(0, 0)


class FakeHidPos:
    """A HID POS scanner behind /dev/hidrawN."""

    def __init__(
        self, bed: Bed, descriptor: bytes, number: int = 3, *, port: str = "1-5", serial: str = "V1602", product: int = 0x0B81
    ) -> None:
        self.bed, self.descriptor_bytes = bed, descriptor
        self.node = f"/dev/hidraw{number}"
        hid = f"{ROOT}/{port}/{port}:1.0/0003:0C2E:{product:04X}.000{number}"
        self.sys = f"{hid}/hidraw/hidraw{number}"
        self.record = (
            f"P: {self.sys}\nN: hidraw{number}\nE: DEVNAME={self.node}\nE: SUBSYSTEM=hidraw\nE: MAJOR=240\nE: MINOR={number}\n"
            f"A: dev=240:{number}\\n\nL: device=../../../0003:0C2E:{product:04X}.000{number}\n\n"
            f"P: {hid}\nE: SUBSYSTEM=hid\nE: HID_ID=0003:00000C2E:0000{product:04X}\nH: report_descriptor={descriptor.hex().upper()}\n\n"
            + usb_device(port, 0x0C2E, product, "Honeywell", "Voyager 1602g", serial, 10 + number)
        )

    def plug(self) -> None:
        self.handler = UMockdev.IoctlBase()
        self.handler.connect("handle-ioctl", self._ioctl)
        self.bed.testbed.attach_ioctl(self.node, self.handler)
        self.bed.add(self.record)
        self.descriptor = self.bed.testbed.get_dev_fd(self.node)

    def unplug(self) -> None:
        self.bed.testbed.uevent(f"/sys{self.sys}", "remove")
        os.close(self.descriptor)

    def send(self, report: bytes) -> None:
        os.write(self.descriptor, report)

    def _ioctl(self, handler: Any, client: Any) -> bool:
        kind, number, size = ioctl_number(client.get_request())
        if kind == "H" and number == 1:
            client.get_arg().resolve(0, 4).update(0, struct.pack("<I", len(self.descriptor_bytes)))
            client.complete(0, 0)
        elif kind == "H" and number == 2:
            whole = struct.pack("<I", len(self.descriptor_bytes)) + self.descriptor_bytes
            client.get_arg().resolve(0, size).update(0, whole.ljust(size, b"\0"))
            client.complete(0, 0)
        else:
            answer = client.execute()
            client.complete(answer[0], answer[1] if answer[0] < 0 else 0)
        return True


class FakePort:
    """A USB serial adapter: a pty with modem lines and a true unplug."""

    def __init__(self, bed: Bed, number: int = 0, *, port: str = "1-4", vendor: int = 0x1A86, product: int = 0x7523, serial: str = "") -> None:
        self.bed, self.port = bed, port
        self.node = f"/dev/ttyUSB{number}"
        self.lines = 0x0120  # CTS and DSR
        self.raised: list[int] = []
        adapter = f"{ROOT}/{port}/{port}:1.0/ttyUSB{number}"
        self.sys = f"{adapter}/tty/ttyUSB{number}"
        self.record = (
            f"P: {self.sys}\nN: ttyUSB{number}\nE: DEVNAME={self.node}\n"
            f"E: SUBSYSTEM=tty\nE: MAJOR=188\nE: MINOR={number}\nA: dev=188:{number}\\n\nL: device=../../../ttyUSB{number}\n\n"
            f"P: {adapter}\nE: SUBSYSTEM=usb-serial\nA: port_number=0\\n\n\n"
            + usb_device(port, vendor, product, "QinHeng", "USB Serial", serial, 20)
        )

    def plug(self) -> None:
        self.handler = UMockdev.IoctlBase()
        self.handler.connect("handle-ioctl", self._ioctl)
        self.bed.testbed.attach_ioctl(self.node, self.handler)
        self.bed.add(self.record)
        self.descriptor = self.bed.testbed.get_dev_fd(self.node)
        link = self.bed.root / "dev/serial/by-path" / f"pci-0000:00:14.0-usb-0:{self.port[2:]}:1.0-port0"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"../../{Path(self.node).name}")  # relative as udev makes it; the testbed's own links are absolute

    def unplug(self) -> None:
        self.bed.testbed.uevent(f"/sys{self.sys}", "remove")
        os.close(self.descriptor)

    def send(self, chunk: bytes) -> None:
        os.write(self.descriptor, chunk)

    def _ioctl(self, handler: Any, client: Any) -> bool:
        request = client.get_request()
        if request == 0x5415:  # TIOCMGET
            client.get_arg().resolve(0, 4).update(0, struct.pack("<i", self.lines))
            client.complete(0, 0)
        elif request in {0x5416, 0x5417, 0x5418}:  # TIOCMBIS, TIOCMBIC, TIOCMSET
            value = struct.unpack("<i", bytes(client.get_arg().resolve(0, 4).retrieve()))[0]
            self.lines = {0x5418: value, 0x5416: self.lines | value, 0x5417: self.lines & ~value}[request]
            self.raised.append(self.lines)
            client.complete(0, 0)
        else:
            answer = client.execute()
            client.complete(answer[0], answer[1] if answer[0] < 0 else 0)
        return True


_CODES = dict(zip("1234567890", range(2, 12), strict=True)) | {"\n": 28} | dict(zip("ABCD", (30, 48, 46, 32), strict=True))


def keys(text: str, *, gap_ms: float = 1.0) -> bytes:
    """A scan ending now, one key per 2 gaps, CLOCK_MONOTONIC stamps."""
    now = time.monotonic() - 2 * len(text) * gap_ms / 1000
    stream = b""
    for character in text:
        for value in (1, 0):
            now += gap_ms / 1000
            stamp = (int(now), int(now % 1 * 1e6))
            stream += EVENT.pack(*stamp, 1, _CODES[character], value) + EVENT.pack(*stamp, 0, 0, 0)
    return stream


def dropped() -> bytes:
    now = time.monotonic()
    return EVENT.pack(int(now), int(now % 1 * 1e6), 0, 3, 0)
