"""Owns typing a scan on into the POS: text to a keyboard of our own, all of it or nothing, no faster than the POS can take it.

The keyboard is the kernel's uinput or, for trials without one, a Unix socket that gets the same struct input_event records. Whoever reads
a keyboard has a buffer of 64 events (`drivers/input/evdev.c`): a scanner at 1 kHz reports fills it in 21 ms, and so may we, not faster.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

from drivers.scan.keymaps import Layout
from drivers.scan.keystrokes import event_bytes, key_reports, untypable
from drivers.scan.wedge_keys import EVENT
from posagent.errors import DeviceError, DeviceForbidden, DeviceMissing
from posagent.ports import Typist

KEYBOARD_NAME = "posagent scan router"
BURST_EVENTS = 60  # of the reader's 64
REST_S = 0.02
UINPUT = "/dev/uinput"
# linux/uinput.h, the same on x86-64 and arm64
_UI_SET_EVBIT, _UI_SET_KEYBIT = 0x40045564, 0x40045565
_UI_DEV_SETUP, _UI_DEV_CREATE, _UI_DEV_DESTROY = 0x405C5503, 0x5501, 0x5502
_BUS_VIRTUAL = 6
_KEYS = range(1, 128)
_SEND_S = 0.5


class Keyboard(Protocol):
    """Where key events go."""

    def write(self, events: bytes) -> None:
        """Hands whole reports over. Raises DeviceError."""

    def close(self) -> None:
        """Never raises."""


class UinputKeyboard:
    """A keyboard of the real kernel. It goes, with every key released, when the process that holds it ends."""

    def __init__(self, name: str, node: str = UINPUT) -> None:
        self._name, self._node = name, node
        try:
            self._descriptor = os.open(node, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as trouble:
            raise self._sorted(trouble) from trouble
        try:
            fcntl.ioctl(self._descriptor, _UI_SET_EVBIT, 0)
            fcntl.ioctl(self._descriptor, _UI_SET_EVBIT, 1)
            for code in _KEYS:
                fcntl.ioctl(self._descriptor, _UI_SET_KEYBIT, code)
            setup = struct.pack("<4H80sI", _BUS_VIRTUAL, 0, 0, 1, KEYBOARD_NAME.encode(), 0)
            fcntl.ioctl(self._descriptor, _UI_DEV_SETUP, setup)
            fcntl.ioctl(self._descriptor, _UI_DEV_CREATE)
        except OSError as trouble:
            os.close(self._descriptor)
            raise self._sorted(trouble) from trouble

    def write(self, events: bytes) -> None:
        try:
            written = os.write(self._descriptor, events)
        except OSError as trouble:
            raise self._sorted(trouble) from trouble
        if written != len(events):  # the kernel takes whole events, and all of them
            raise DeviceError(f"{self._name}: {self._node} took {written} of {len(events)} bytes; it is opened again")

    def close(self) -> None:
        with suppress(OSError):  # closing does the same
            fcntl.ioctl(self._descriptor, _UI_DEV_DESTROY)
        os.close(self._descriptor)

    def _sorted(self, trouble: OSError) -> DeviceError:
        what = f"{self._name}: cannot type on into the POS"
        if trouble.errno in {errno.EACCES, errno.EPERM}:
            return DeviceForbidden(f"{what}: permission denied on {self._node}; install the udev rule (`posagent doctor`). "
                                   "Until then the scanner types into the POS as before")  # fmt: skip
        if trouble.errno in {errno.ENOENT, errno.ENODEV, errno.ENXIO}:
            return DeviceMissing(f"{what}: the kernel offers no {self._node}; load the module uinput. Until then the scanner types into "
                                 "the POS as before")  # fmt: skip
        return DeviceError(f"{what}: {self._node}: {trouble.strerror}; see `posagent doctor`")


class SocketKeyboard:
    """A keyboard whose keys arrive at a Unix socket, for trials: the virtual counter's POS listens there."""

    def __init__(self, name: str, path: str) -> None:
        self._name, self._path = name, path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._socket.settimeout(_SEND_S)
        try:
            self._socket.connect(path)
        except OSError as trouble:
            self._socket.close()
            raise DeviceMissing(f"{name}: nothing listens at {path} ({trouble.strerror}); start the POS that reads keys there") from trouble

    def write(self, events: bytes) -> None:
        try:
            self._socket.sendall(events)
        except OSError as trouble:
            raise DeviceMissing(f"{self._name}: {self._path} takes no keys ({trouble}); start the POS that reads keys there") from trouble

    def close(self) -> None:
        self._socket.close()


class PosTypist:
    """`posagent.ports.Typist`: one layout, one keyboard."""

    def __init__(self, keyboard: Keyboard, layout: Layout, key_s: float = 0.0) -> None:
        """``key_s``: pause behind every report, for a POS that drops faster keys; 0: as fast as its buffer allows."""
        self._keyboard = keyboard
        self._layout = layout
        self._key_s = key_s
        self._burst = 0
        self._rested_s = 0.0  # when the POS has had its time to empty its buffer

    def type(self, text: str) -> str:
        if wrong := untypable(text, self._layout):
            shown = "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in wrong[:10])
            return f"a {self._layout} keyboard has no keys for {shown}"
        waiting = b""
        for report in key_reports(text, self._layout):
            events = event_bytes(report)
            if self._key_s:
                self._keyboard.write(events)
                time.sleep(self._key_s)
                continue
            if self._full(len(waiting + events) // EVENT.size):
                self._hand_over(waiting)
                time.sleep(max(0.0, self._rested_s - time.monotonic()))
                self._burst, waiting = 0, b""
            waiting += events
        self._hand_over(waiting)
        return ""

    def close(self) -> None:
        self._keyboard.close()

    def _full(self, more: int) -> bool:
        if time.monotonic() >= self._rested_s:
            self._burst = 0
        return self._burst + more > BURST_EVENTS

    def _hand_over(self, events: bytes) -> None:
        if events:
            self._keyboard.write(events)
            self._burst += len(events) // EVENT.size
            self._rested_s = time.monotonic() + REST_S


def open_typist(name: str, route: Mapping[str, Any]) -> Typist:
    """For the settings' ``route`` (posagent.scan_router.Route as a table). Raises DeviceError."""
    target = str(route["keyboard"])
    path = target.removeprefix("unix:")
    keyboard: Keyboard = SocketKeyboard(name, path) if path != target else UinputKeyboard(name)
    layout: Layout = "jis" if route["layout"] == "jis" else "us"
    return PosTypist(keyboard, layout, int(route["key_ms"]) / 1000)
