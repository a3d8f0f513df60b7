"""Owns the driver `wedge`: scanners that are USB or Bluetooth keyboards, read from /dev/input/event* and taken away from everybody else."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence

from drivers.scan.assembler import TERMINATORS
from drivers.scan.device_nodes import choose, open_node, read_node, read_scans, sorted_trouble
from drivers.scan.evdev_ioctl import grab, held_keys, input_id, keys_only, use_monotonic_clock
from drivers.scan.holders import held_by
from drivers.scan.options import DRESSING, content_of
from drivers.scan.sysfs import Node, nodes, read
from drivers.scan.typist import KEYBOARD_NAME
from drivers.scan.usb_table import mode_name, recognise
from drivers.scan.wedge_keys import EVENT, WEDGE_CONTROLS, WedgeKeys, WedgeSettings
from posagent.errors import DeviceMissing
from posagent.ports import Driver, Found, Option, Options, Scan

_BATCH = EVENT.size * 256  # four kernel buffers: one read empties it
_SETTLE_S = 0.05  # opened in the middle of a scan: its tail must not pass for a whole one
_SETTLE_LIMIT_S = 1.0
_KEY_1, _KEY_0, _KEY_ENTER = 2, 11, 28


class WedgeScanner:
    """One grabbed device. `posagent.ports.Scanner`."""

    def __init__(self, name: str, options: Options) -> None:
        self._name = name
        node = choose(name, options["device"], keyboards())
        self._descriptor = open_node(name, node.path)
        try:
            event_times = self._take(node)
            self._keys = WedgeKeys(settings_of(options), self._held, event_times=event_times)
            self._settle()
        except OSError as trouble:
            self.close()
            raise sorted_trouble(name, node.path, trouble) from trouble
        except DeviceMissing:
            self.close()
            raise

    def read(self, timeout_s: float) -> Sequence[Scan]:
        return read_scans(self._name, self._descriptor, _BATCH, self._keys, timeout_s)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)  # the grab goes with it
            self._descriptor = -1

    def _take(self, node: Node) -> bool:
        """The open sequence; True when events carry monotonic times."""
        seen = input_id(self._descriptor)
        if node.vendor and (seen.vendor, seen.product) != (node.vendor, node.product):
            raise DeviceMissing(f"{self._name}: another device took the place of {node.path} meanwhile; it is looked for again")
        event_times = use_monotonic_clock(self._descriptor)
        keys_only(self._descriptor)
        give_up = time.monotonic() + _SETTLE_LIMIT_S
        while any(held_keys(self._descriptor)) and time.monotonic() < give_up:
            time.sleep(0.01)  # a key that is down when we grab stays down for the desktop
        grab(self._descriptor)
        return event_times

    def _settle(self) -> None:
        give_up = time.monotonic() + _SETTLE_LIMIT_S
        while read_node(self._name, self._descriptor, _BATCH, _SETTLE_S) and time.monotonic() < give_up:
            continue

    def _held(self) -> bytes:
        try:
            return held_keys(self._descriptor)
        except OSError:  # unplugged in this moment: the next read says so
            return b""


def settings_of(options: Options) -> WedgeSettings:
    """The settings file's words as `WedgeSettings`."""
    return WedgeSettings(
        layout=options["layout"],
        terminator=options["terminator"],
        pause_ms=options["pause_ms"],
        caps=options["caps"],
        typing=options["typing"],
        double_read_ms=options["double_read_ms"],
        content=content_of(options, encoding="cp1252", controls=WEDGE_CONTROLS),
    )


def keyboards() -> Iterator[Node]:
    """Input devices that can type digits and ENTER, without the keyboard that types routed scans."""
    for node in nodes("input", "input"):
        if node.path.name.startswith("event") and node.name != KEYBOARD_NAME and _types_digits(node):
            yield node


def find() -> Iterable[Found]:
    """Every keyboard-like device; nothing is opened. A device that is not known as a scanner's may be the cashier's keyboard."""
    for node in keyboards():
        known = recognise(node.vendor, node.product)
        name = node.name or read(node.sys / "device" / "name") or (known.title if known else node.path.name)
        settings = {"driver": "wedge", "device": node.selector, "layout": "us"}
        note = known.advice if known else "may be a keyboard: configure it only if `posagent devices --learn` names it when you scan"
        if known and not node.serial and node.port:
            note = note or f"it has no serial number: the settings bind it to USB port {node.port}, keep it plugged in there"
        title = f"{name} ({mode_name('keyboard')})"
        yield Found("wedge", "scanner", title, str(node.path), node.selector, held_by(str(node.path)), note, settings)


def _types_digits(node: Node) -> bool:
    """From /sys/.../capabilities/key: words of 64 bits in hex, the highest first."""
    bits = 0
    for word in read(node.sys / "device" / "capabilities" / "key").split():
        try:
            bits = bits << 64 | int(word, 16)
        except ValueError:
            return False
    return all(bits >> key & 1 for key in (_KEY_1, _KEY_0, _KEY_ENTER))


DRIVER = Driver(
    name="wedge",
    kind="scanner",
    title="scanner that acts as a keyboard (USB or Bluetooth)",
    maturity="tested",
    source="linux/input.h and drivers/input/evdev.c; xkeyboard-config symbols/us and symbols/jp; Metrologic MS6130 manual (Alt mode)",
    options={
        "device": Option(str, "usb:VVVV:PPPP:SERIAL, usb:VVVV:PPPP@PORT, bt:ADDRESS, or a link in /dev/input/by-id", required=True),
        "layout": Option(str, "the keyboard layout that the scanner is programmed for", "us", choices=("us", "jis")),
        "terminator": Option(str, "the key that ends a code; none: a pause ends it", "enter-or-tab", choices=tuple(TERMINATORS)),
        "pause_ms": Option(int, "a pause of this length ends a code, or breaks it where a terminator is due (0: 200, or 100 with none)", 0,
                           minimum=0, maximum=5000),
        "caps": Option(str, "Caps Lock: follow the scanner's own key, ignore it, or invert all letters", "follow",
                       choices=("follow", "ignore", "invert")),
        "typing": Option(bool, "accept codes typed by hand (scanners with a keypad)", False),
        **DRESSING,
    },
    open=WedgeScanner,
    find=find,
    home="reader",
)  # fmt: skip
