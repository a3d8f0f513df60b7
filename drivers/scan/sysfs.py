"""Owns finding devices in /sys and /dev without opening any: numbers, names, stable links, and the selectors of the settings file.

A selector is what stands in a device's ``device`` setting:

    /dev/input/by-id/usb-Honeywell_..._SN0001-event-kbd      a node or, better, a link that udev keeps
    usb:0c2e:0b61:SN0001                                     USB numbers and serial number
    usb:0c2e:0b61@1-2                                        USB numbers and the port it is plugged into (as in /sys/bus/usb/devices)
    usb:0c2e:0b61                                            USB numbers, when only one such device is there
    bt:AA:BB:CC:DD:EE:FF                                     a Bluetooth device by its address
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SYS = Path("/sys")
DEV = Path("/dev")
_BLUETOOTH = 0x0005


@dataclass(frozen=True, slots=True)
class Node:
    """One device node and what /sys says of it. ``links`` are the names udev gave it."""

    path: Path  # /dev/input/event5
    sys: Path  # /sys/devices/.../event5, resolved
    vendor: int = 0
    product: int = 0
    serial: str = ""  # of the USB device; a Bluetooth device's address
    port: str = ""  # "1-2": USB bus and port numbers, stable while nobody re-plugs
    name: str = ""  # maker and product as the device says
    bluetooth: bool = False
    links: tuple[Path, ...] = ()

    @property
    def selector(self) -> str:
        """The most stable selector for this device: serial number before port, port before node."""
        if self.bluetooth and self.serial:
            return f"bt:{self.serial.upper()}"
        if not self.port:
            return str(next(iter(self.links), self.path))
        numbers = f"usb:{self.vendor:04x}:{self.product:04x}"
        return f"{numbers}:{self.serial}" if self.serial else f"{numbers}@{self.port}"

    @property
    def link(self) -> str:
        """The most stable path: by-id only where a serial number is in it (else two equal devices share the link), then by-path."""
        for folder in ("by-id",) if self.serial else ("by-path",):
            for link in self.links:
                if link.parent.name == folder:
                    return str(link)
        return str(next((link for link in self.links if link.parent.name == "by-path"), self.path))

    def matches(self, selector: str) -> bool:
        """Whether a selector means this device."""
        if selector.startswith("/"):
            return selector == str(self.path) or any(selector == str(link) for link in self.links)
        if selector.startswith("bt:"):
            return self.bluetooth and selector[3:].lower() == self.serial.lower()
        if found := re.fullmatch(r"usb:([0-9a-fA-F]{4}):([0-9a-fA-F]{4})(?::(.+)|@(.+))?", selector):
            same = (int(found[1], 16), int(found[2], 16)) == (self.vendor, self.product)
            return same and found[3] in {None, self.serial} and found[4] in {None, self.port}
        return False


def nodes(subsystem: str, folder: str = "") -> Iterator[Node]:
    """Every node of a class: nodes("input", "input") for /dev/input/event*, nodes("hidraw"), nodes("tty")."""
    base = SYS / "class" / subsystem
    links = _links(DEV / (folder or subsystem)) | (_links(DEV / "serial") if subsystem == "tty" else {})
    try:
        entries = sorted(base.iterdir(), key=lambda entry: (len(entry.name), entry.name))
    except OSError:
        return
    for entry in entries:
        node = DEV / folder / entry.name if folder else DEV / entry.name
        try:
            real = entry.resolve(strict=True)
        except OSError:  # unplugged while we looked
            continue
        yield _node(node, real, links.get(node, ()))


def usb_devices() -> Iterator[Node]:
    """Every USB device, whether or not a driver made a node for it; ``path`` is its directory in /sys/bus/usb/devices."""
    try:
        entries = sorted((SYS / "bus/usb/devices").iterdir())
    except OSError:
        return
    for entry in entries:
        if ":" not in entry.name and (entry / "idVendor").is_file():
            yield _node(entry, entry.resolve(), ())


def read(path: Path) -> str:
    """One attribute; empty when it is not there or the device vanished."""
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _node(path: Path, real: Path, links: tuple[Path, ...]) -> Node:
    usb = next((parent for parent in (real, *real.parents) if (parent / "idVendor").is_file()), None)
    if usb is not None:
        name = " ".join(part for part in (read(usb / "manufacturer"), read(usb / "product")) if part)
        return Node(
            path, real, _hex(read(usb / "idVendor")), _hex(read(usb / "idProduct")), read(usb / "serial"), usb.name, name, links=links
        )
    numbers = real / "device" / "id"  # an input device without a USB device above it: Bluetooth, PS/2, virtual
    bluetooth = _hex(read(numbers / "bustype")) == _BLUETOOTH
    return Node(
        path, real, _hex(read(numbers / "vendor")), _hex(read(numbers / "product")), read(real / "device" / "uniq"), "",
        read(real / "device" / "name"), bluetooth, links,
    )  # fmt: skip


def _links(folder: Path) -> dict[Path, tuple[Path, ...]]:
    """Node -> links to it, from folder/by-id and folder/by-path."""
    found: dict[Path, tuple[Path, ...]] = {}
    for kind in ("by-id", "by-path"):
        try:
            for link in sorted((folder / kind).iterdir()):
                target = Path(os.path.normpath(folder / kind / os.readlink(link)))  # noqa: PTH115 - one step only, as udev made it
                found[target] = (*found.get(target, ()), link)
        except OSError:
            continue
    return found


def _hex(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0
