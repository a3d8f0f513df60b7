"""Owns opening and reading a device node that a selector names, with every trouble sorted by who must act."""

from __future__ import annotations

import errno
import os
import re
import select
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from drivers.scan.holders import held_by
from drivers.scan.sysfs import Node
from posagent.errors import DeviceBusy, DeviceError, DeviceForbidden, DeviceMissing
from posagent.ports import Scan

SET_UP_S = 10.0
"""How long a new node may be nobody's before that is a missing rule."""


def choose(name: str, selector: str, found: Iterable[Node]) -> Node:
    """The one device that a selector means. Raises DeviceError.

    A bare node number is refused: it belongs to another device after the next boot, perhaps to the cashier's keyboard.
    """
    if re.fullmatch(r"/dev/(input/event|hidraw)\d+", selector):
        raise DeviceError(f'{name}: device = "{selector}" changes its number at every boot; take the line that `posagent devices` shows')
    matching = [node for node in found if node.matches(selector)]
    if not matching:
        raise DeviceMissing(f"{name}: no device {selector} is plugged in; plug it in, or see `posagent devices`")
    if len(matching) > 1:
        ports = " or ".join(f"{selector}@{node.port}" for node in matching)
        raise DeviceError(f'{name}: {len(matching)} devices match "{selector}"; say which port: {ports}')
    return matching[0]


def open_node(name: str, path: Path) -> int:
    """A descriptor for reading without blocking. Raises DeviceError."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as trouble:
        raise sorted_trouble(name, path, trouble) from trouble


def sorted_trouble(name: str, path: Path, trouble: OSError) -> DeviceError:
    """What an open or an ioctl raised, for the person who must act."""
    if trouble.errno in {errno.EACCES, errno.EPERM} and _just_came(path):
        return DeviceMissing(f"{name}: {path} has just been plugged in and is being set up; it is opened in a moment")
    if trouble.errno in {errno.EACCES, errno.EPERM}:
        return DeviceForbidden(
            f"{name}: permission denied on {path}; install the udev rule (`posagent doctor`) or add user posagent to its group"
        )
    if trouble.errno == errno.EBUSY:
        return DeviceBusy(f"{name}: {path} is held by {held_by(str(path)) or 'another program'}; stop that program")
    if trouble.errno in {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO}:
        return DeviceMissing(f"{name}: {path} went away; plug the scanner in again")
    return DeviceError(f"{name}: cannot use {path}: {trouble.strerror}; see `posagent doctor`")


def _just_came(path: Path) -> bool:
    """The kernel makes a node for root alone; udev gives it away afterwards, on a slow register seconds later."""
    try:
        return abs(time.time() - path.stat().st_ctime) < SET_UP_S
    except OSError:
        return False


def read_node(name: str, descriptor: int, size: int, timeout_s: float) -> bytes:
    """What is there within the time; empty for silence. Raises DeviceMissing when the device is gone.

    A hung-up descriptor is "gone" in every disguise: POLLHUP, an empty read, EIO, ENODEV. Reading on would spin at full load.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(max(0, timeout_s) * 1000):
        return b""
    try:
        chunk = os.read(descriptor, size)
    except (BlockingIOError, InterruptedError):
        return b""
    except OSError as trouble:
        raise DeviceMissing(f"{name}: lost the device ({trouble.strerror}); plug the scanner in again") from trouble
    if not chunk:
        raise DeviceMissing(f"{name}: lost the device (it hung up); plug the scanner in again")
    return chunk


class Parser(Protocol):
    """Turns what reads hand over into scans: `wedge_keys.WedgeKeys`, `hidpos_reports.HidPosReports`, `assembler.Assembler`."""

    def feed(self, chunk: bytes, now_ns: int) -> list[Scan]:
        """Scans that this chunk completes."""

    def idle(self, now_ns: int) -> list[Scan]:
        """Scans that silence completes."""

    def wait_s(self, now_ns: int, longest_s: float) -> float:
        """How long a read may block before `idle` is due."""


def read_scans(name: str, descriptor: int, size: int, parser: Parser, timeout_s: float) -> list[Scan]:
    """`posagent.ports.Scanner.read` for a descriptor and its parser. Raises DeviceMissing."""
    deadline = time.monotonic_ns() + int(timeout_s * 1e9)
    while True:
        now = time.monotonic_ns()
        chunk = read_node(name, descriptor, size, parser.wait_s(now, max(0, deadline - now) / 1e9))
        now = time.monotonic_ns()
        scans = parser.feed(chunk, now) if chunk else parser.idle(now)
        if scans or now >= deadline:
            return scans
