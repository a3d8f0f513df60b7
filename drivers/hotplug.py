"""Owns hot-plug: what udev tells when devices come and go, over a netlink socket of our own, and a reconcile pass for what it does not tell.

Messages of udev's own group (2) arrive when its rules have run and permissions are final; the kernel's (group 1) would be too early.

    "libudev\\0" [magic feedcafe, big endian][header size][properties offset][properties length]...  then KEY=value\\0...
                                                                                                     (systemd, src/libsystemd/sd-device)
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass

RECONCILE_S = 60.0
_NETLINK_KOBJECT_UEVENT = 15
_UDEV_GROUP = 2
_MAGIC = 0xFEEDCAFE
_HEADER = struct.Struct("=8s4sIII")
_MAX_MESSAGE = 65536
_SUBSYSTEMS = frozenset({"input", "hidraw", "tty", "usb", "video4linux", "usbmisc"})
_CREDENTIALS = struct.Struct("iII")  # struct ucred: pid, uid, gid


@dataclass(frozen=True, slots=True)
class Change:
    """One device came, went or changed."""

    action: str  # "add", "remove", "change", "bind", "unbind"
    subsystem: str
    node: str  # "/dev/input/event5"; empty for devices without a node


class DeviceWatch:
    """Tells when devices came or went. Where udev does not run (a container), the socket stays silent and the reconcile pass remains."""

    def __init__(self, *, reconcile_s: float = RECONCILE_S) -> None:
        self._reconcile_s = reconcile_s
        self._next_pass = time.monotonic() + reconcile_s
        self._socket = _udev_socket()

    @property
    def hears_udev(self) -> bool:
        """Whether events can come at all, or only the reconcile pass."""
        return self._socket is not None

    def wait(self, timeout_s: float) -> bool:
        """True when something changed, or when it is time to look again; False after ``timeout_s`` without either."""
        deadline = time.monotonic() + timeout_s
        while True:
            now = time.monotonic()
            if now >= self._next_pass:
                self._next_pass = now + self._reconcile_s
                return True
            if now >= deadline:
                return False
            if self.changes(min(deadline, self._next_pass) - now):
                return True

    def changes(self, timeout_s: float) -> list[Change]:
        """What udev told within the time. An overflow of the socket's buffer is a change of everything: the reconcile pass is due at once."""
        if self._socket is None:
            time.sleep(max(0.0, timeout_s))
            return []
        if not select.select([self._socket], [], [], max(0.0, timeout_s))[0]:
            return []
        found: list[Change] = []
        while True:
            try:
                message, extra, _, _ = self._socket.recvmsg(_MAX_MESSAGE, socket.CMSG_SPACE(_CREDENTIALS.size))
            except BlockingIOError:
                return found
            except OSError:  # ENOBUFS: events were lost
                self._next_pass = 0.0
                return found
            if _from_root(extra) and (change := parse(message)) and change.subsystem in _SUBSYSTEMS:
                found.append(change)

    def close(self) -> None:
        """Stops listening. Never raises."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def parse(message: bytes) -> Change | None:
    """A message of udev's group; None for anything else."""
    if len(message) < _HEADER.size:
        return None
    prefix, magic, _, offset, length = _HEADER.unpack_from(message)
    if prefix != b"libudev\0" or int.from_bytes(magic, "big") != _MAGIC or offset + length > len(message):
        return None
    properties: Mapping[str, str] = dict(
        line.decode("utf-8", "replace").split("=", 1) for line in message[offset : offset + length].split(b"\0") if b"=" in line
    )
    if "ACTION" not in properties:
        return None
    node = properties.get("DEVNAME", "")
    return Change(properties["ACTION"], properties.get("SUBSYSTEM", ""), f"/dev/{node.removeprefix('/dev/')}" if node else "")


def _udev_socket() -> socket.socket | None:
    try:
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, _NETLINK_KOBJECT_UEVENT)
    except OSError:
        return None
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        made.bind((0, _UDEV_GROUP))
    except OSError:
        made.close()
        return None
    return made


def _from_root(extra: list[tuple[int, int, bytes]]) -> bool:
    """Only udevd may tell us: any user may send to a netlink group."""
    for level, kind, value in extra:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS and len(value) >= _CREDENTIALS.size:
            return bool(_CREDENTIALS.unpack_from(value)[1] == 0)
    return False
