"""Owns a keyboard of the real kernel, made with uinput (linux/uinput.h); needs /dev/uinput and the right to write to it."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from pathlib import Path
from types import TracebackType
from typing import Self

_SET_EVBIT, _SET_KEYBIT, _DEV_SETUP, _DEV_CREATE, _DEV_DESTROY = 0x40045564, 0x40045565, 0x405C5503, 0x5501, 0x5502
_GET_SYSNAME_64 = 0x8040552C
_EVENT = struct.Struct("@llHHi")
_CODES = dict(zip("1234567890", range(2, 12), strict=True)) | {"\n": 28}


class Keyboard:
    """A context; ``node`` is its /dev/input/eventN."""

    def __init__(self, name: str) -> None:
        self._descriptor = os.open("/dev/uinput", os.O_WRONLY | os.O_NONBLOCK)
        fcntl.ioctl(self._descriptor, _SET_EVBIT, 1)
        for code in range(1, 128):
            fcntl.ioctl(self._descriptor, _SET_KEYBIT, code)
        fcntl.ioctl(self._descriptor, _DEV_SETUP, struct.pack("<4H80sI", 3, 0x0C2E, 0x0B61, 1, name.encode(), 0))
        fcntl.ioctl(self._descriptor, _DEV_CREATE)
        answer = bytearray(64)
        fcntl.ioctl(self._descriptor, _GET_SYSNAME_64, answer)
        folder = Path("/sys/devices/virtual/input") / answer.split(b"\0")[0].decode()
        self.node = Path("/dev/input") / next(folder.glob("event*")).name
        deadline = time.monotonic() + 5
        while not self.node.exists() and time.monotonic() < deadline:  # udev makes the node
            time.sleep(0.01)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        fcntl.ioctl(self._descriptor, _DEV_DESTROY)
        os.close(self._descriptor)

    def type(self, text: str) -> None:
        for character in text:
            for value in (1, 0):
                os.write(self._descriptor, _EVENT.pack(0, 0, 1, _CODES[character], value) + _EVENT.pack(0, 0, 0, 0, 0))
