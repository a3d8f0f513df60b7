"""Owns the two ends of a door that passes bytes on: where the POS connects (TCP or a pty), and the real device (TCP or a node).

All descriptors are non-blocking. Keepalive as for our own printers: first probe after 5 s, then every 2 s, three times.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import termios
import tty
from pathlib import Path

from posagent.errors import DeviceBusy, DeviceForbidden, DeviceMissing, SettingsError

_SPEEDS = {speed: getattr(termios, f"B{speed}") for speed in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)}


class End:
    """One non-blocking descriptor, of a socket or of a device."""

    def __init__(self, descriptor: int, link: socket.socket | None = None, also: int | None = None) -> None:
        self.descriptor, self._link, self._also = descriptor, link, also

    def read(self) -> bytes | None:
        """Bytes; b"" when the other side has said that nothing more comes; None when nothing is there. Raises OSError when it broke."""
        try:
            return os.read(self.descriptor, 65536)
        except BlockingIOError:
            return None

    def write(self, raw: bytes | bytearray) -> int:
        """How many bytes were taken. Raises OSError when it broke."""
        try:
            return os.write(self.descriptor, raw)
        except BlockingIOError:
            return 0

    def finish(self) -> None:
        """Says that nothing more comes; the other direction stays open."""
        if self._link is not None:
            try:
                self._link.shutdown(socket.SHUT_WR)
            except OSError:
                return

    def close(self, *, hard: bool = False) -> None:
        """Releases it; ``hard``: the peer sees a reset, as when the device at the other end went away."""
        if self._link is not None:
            if hard:
                self._link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._link.close()
            return
        for descriptor in (self.descriptor, self._also):
            if descriptor is not None:
                os.close(descriptor)


def of_socket(link: socket.socket) -> End:
    """An end on a connected, or connecting, socket."""
    link.setblocking(False)
    for level, option, value in (
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2), (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    ):  # fmt: skip
        link.setsockopt(level, option, value)
    return End(link.fileno(), link)


def listen(name: str, host: str, port: int) -> socket.socket:
    """Where the POS finds its printer. Raises DeviceBusy."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        server = socket.create_server((host, port), family=family, backlog=4)
    except OSError as trouble:
        why = trouble.strerror or str(trouble)
        raise DeviceBusy(f"{name}: cannot listen on {host}:{port}: {why}; free the port or change `listen` in its settings") from trouble
    server.setblocking(False)
    return server


def begin_connect(name: str, host: str, port: int) -> tuple[End, socket.socket]:
    """A connection on its way to the real printer. Raises DeviceMissing."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as trouble:
        raise DeviceMissing(f"{name}: {host} is not known in this network ({trouble.strerror}); check `forward`", code="E214") from None
    link = socket.socket(family, kind, proto)
    end = of_socket(link)
    begun = link.connect_ex(address)
    if begun not in {0, errno.EINPROGRESS}:
        link.close()
        raise DeviceMissing(f"{name}: the real printer {host}:{port}: {os.strerror(begun)}; is it on?", code="E214")
    return end, link


def open_node(name: str, node: str, baud: int, *, listen_only: bool = False) -> End:
    """The real printer or display on a device node (usblp or serial). Raises DeviceMissing, DeviceBusy, DeviceForbidden."""
    try:
        descriptor = os.open(node, (os.O_RDONLY if listen_only else os.O_RDWR) | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise DeviceMissing(f"{name}: {node} is not there; check its cable and power", code="E214") from None
    except PermissionError:
        raise DeviceForbidden(f"{name}: permission denied on {node}; add user posagent to group lp (or dialout)") from None
    except OSError as trouble:
        kind = DeviceBusy if trouble.errno == errno.EBUSY else DeviceMissing
        raise kind(f"{name}: {node}: {trouble.strerror}; another program may hold it") from trouble
    if os.isatty(descriptor):
        tty.setraw(descriptor)
        settings = termios.tcgetattr(descriptor)
        settings[4] = settings[5] = _SPEEDS.get(baud, termios.B9600)
        termios.tcsetattr(descriptor, termios.TCSANOW, settings)
    return End(descriptor)


def open_pty(name: str, path: str) -> End:
    """A serial port of our own at ``path`` (a link): the POS opens it as its printer. Raises DeviceBusy, SettingsError."""
    link = Path(path)
    if link.exists() and not link.is_symlink():
        raise SettingsError(f"{name}: {path} is there already and is not ours; give `listen` a free path, like /run/posagent/tty/receipt")
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(slave))
    except OSError as trouble:
        os.close(master)
        os.close(slave)
        raise DeviceBusy(f"{name}: cannot make {path}: {trouble.strerror}; does its folder exist and belong to posagent?") from trouble
    return End(master, also=slave)  # our own hold on the slave keeps the line up while the POS closes and opens it


def address_of(name: str, key: str, text: str) -> tuple[str, int]:
    """host:port. Raises SettingsError."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise SettingsError(f"{name}: {key} must be an address like 192.168.1.50:9100 or a path like /dev/usb/lp0, not '{text}'")
    return host.strip("[]"), int(port)
