"""Owns the line to a USB printer through the kernel's own driver (usblp): /dev/usb/lpN.

One opener at a time (the kernel says EBUSY); non-blocking, because a blocking write hangs for as long as the paper is out. LPGETSTATUS asks
for the IEEE 1284 status byte over the control pipe, which works also while the bulk pipe is stuck. Source: drivers/usb/class/usblp.c.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path

from drivers.escpos.link import DescriptorLink, holder_of, open_trouble
from posagent.errors import DeviceMissing
from posagent.ports import Found

LPGETSTATUS = 0x060B  # linux/lp.h


def open_lp(name: str, node: str) -> DescriptorLink:
    """Opens the node. Raises DeviceError that names who holds it, or which group is missing."""
    try:
        fd = os.open(node, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as trouble:
        raise open_trouble(name, node, trouble) from None

    def port_status() -> int:
        return int(struct.unpack("i", ioctl(fd, LPGETSTATUS, b"\0" * 4))[0])

    return DescriptorLink(name, fd, lambda: os.close(fd), session_proves_power=True, ends=False, port_status=port_status)


def only_node(name: str, devices: Path = Path("/dev")) -> str:
    """The printer's node where only one is plugged in. Its number says nothing: a keyboard's /dev/usb/hiddev0 counts from the same row.
    Raises DeviceMissing."""
    nodes = sorted(devices.glob("posagent/printer-*")) or sorted(devices.glob("usb/lp*"))
    if not nodes:
        raise DeviceMissing(f"{name}: no USB printer is plugged in; look at its cable and power")
    if len(nodes) > 1:
        raise DeviceMissing(f"{name}: {len(nodes)} USB printers are plugged in; name one: node = {' or '.join(map(str, nodes))}")
    return str(nodes[0])


def find_lp() -> Iterator[Found]:
    """Every printer that usblp drives, by its serial number or its place on the bus."""
    for node in sorted(Path("/dev/usb").glob("lp*")):
        device = Path("/sys/class/usbmisc", node.name, "device").resolve().parent
        words = {key: _text(device / key) for key in ("manufacturer", "product", "serial", "idVendor", "idProduct")}
        title = f"{words['manufacturer']} {words['product']}".strip() or "USB printer"
        yield Found(
            "escpos-lp", "printer", title, str(node), words["serial"] or f"usb port {device.name}", holder_of(str(node)),
            settings={"driver": "escpos-lp", "node": _stable(node)},
        )  # fmt: skip


def _text(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text("utf-8", "replace").strip()
    return ""


def _stable(node: Path) -> str:
    """A name of ours that survives replugging, where the udev rules made one."""
    for link in sorted(Path("/dev/posagent").glob("printer-*")):
        if link.resolve() == node.resolve():
            return str(link)
    return str(node)
