"""Owns the driver `hidpos`: scanners in USB HID POS mode, read from /dev/hidraw*. No layout, no focus, no Caps Lock, with AIM identifiers."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

from drivers.scan.device_nodes import choose, open_node, read_scans, sorted_trouble
from drivers.scan.hid_descriptor import Layout, is_scanner, layouts
from drivers.scan.hidpos_reports import HIDPOS_CONTROLS, HidPosReports
from drivers.scan.holders import held_by
from drivers.scan.options import DRESSING, content_of
from drivers.scan.sysfs import Node, nodes, usb_devices
from drivers.scan.usb_table import mode_name, recognise
from posagent.errors import DeviceError
from posagent.ports import Driver, Found, Option, Options, Scan

HIDIOCGRDESCSIZE = 0x80044801  # linux/hidraw.h
HIDIOCGRDESC = 0x90044802  # struct {u32 size; u8 value[4096]}
_MAX_REPORT = 16384


class HidPosScanner:
    """One open device. `posagent.ports.Scanner`."""

    def __init__(self, name: str, options: Options) -> None:
        self._name = name
        node = choose(name, options["device"], nodes("hidraw"))
        self._descriptor = open_node(name, node.path)
        try:
            carrying = _carrying(name, node, _descriptor_in_sys(node) or report_descriptor(self._descriptor))
            content = content_of(options, controls=HIDPOS_CONTROLS)
            self._reports = HidPosReports(carrying, content, options["double_read_ms"])
        except OSError as trouble:
            self.close()
            raise sorted_trouble(name, node.path, trouble) from trouble
        except DeviceError:
            self.close()
            raise

    def read(self, timeout_s: float) -> Sequence[Scan]:
        return read_scans(self._name, self._descriptor, _MAX_REPORT, self._reports, timeout_s)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _carrying(name: str, node: Node, descriptor: bytes) -> list[Layout]:
    found = layouts(descriptor)
    if not found:
        known = recognise(node.vendor, node.product)
        advice = known.advice if known and known.advice else "it is not in HID POS mode: scan the maker's setup code for HID POS"
        raise DeviceError(f"{name}: {node.path} sends no bar code reports; {advice}")
    return found


def report_descriptor(descriptor: int) -> bytes:
    """What the kernel read from the device when it was plugged in."""
    size = bytearray(4)
    fcntl.ioctl(descriptor, HIDIOCGRDESCSIZE, size)
    (length,) = struct.unpack("<I", size)
    answer = bytearray(4 + 4096)
    answer[:4] = struct.pack("<I", min(length, 4096))
    fcntl.ioctl(descriptor, HIDIOCGRDESC, answer)
    return bytes(answer[4 : 4 + min(length, 4096)])


def find() -> Iterable[Found]:
    """HID POS scanners, told by their report descriptors in /sys, and known scanners in a mode that nobody can read; nothing is opened."""
    told = set()
    for node in nodes("hidraw"):
        known = recognise(node.vendor, node.product)
        if is_scanner(_descriptor_in_sys(node)):
            told.add(node.port)
            maker = node.name or (known.title if known else node.path.name)
            yield Found(
                "hidpos", "scanner", f"{maker} ({mode_name('hid-pos')})", str(node.path), node.selector, held_by(str(node.path)),
                settings={"driver": "hidpos", "device": node.selector},
            )
    for device in usb_devices():
        known = recognise(device.vendor, device.product)
        if known and known.advice and device.port not in told:
            title = f"{device.name or known.title} ({mode_name(known.mode)})"
            yield Found("hidpos", "scanner", title, str(device.path), device.selector, note=known.advice)


def _descriptor_in_sys(node: Node) -> bytes:
    try:
        return (Path(node.sys) / "device" / "report_descriptor").read_bytes()[:4096]
    except OSError:
        return b""




DRIVER = Driver(
    name="hidpos",
    kind="scanner",
    title="scanner in USB HID POS mode",
    maturity="tested",
    source="HID Point of Sale Usage Tables 1.02; linux/hidraw.h; captures of a Honeywell Voyager 1602g and an Access-IS LSR118",
    options={
        "device": Option(str, "which device: usb:VVVV:PPPP:SERIAL, usb:VVVV:PPPP@PORT, or usb:VVVV:PPPP", required=True),
        **DRESSING,
    },
    open=HidPosScanner,
    find=find,
    home="reader",
)  # fmt: skip
