"""Owns the network line to a printer: raw TCP, as on port 9100.

Keepalive finds a printer that vanished while nothing is sent (first probe after 5 s, then every 2 s, three times); TCP_USER_TIMEOUT finds
one that vanished with bytes under way. Nothing is lost by closing: a link is closed only after the printer's last answer, or for good.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
import time
from fcntl import ioctl

from drivers.escpos.link import DescriptorLink
from posagent.errors import DeviceError, DeviceMissing

SIOCOUTQ = 0x5411  # linux/sockios.h: bytes that the other side has not acknowledged
USER_TIMEOUT_MS = 10_000


def open_tcp(name: str, host: str, port: int, timeout_s: float, *, own_network: bool = True) -> DescriptorLink:
    """Connects. ``own_network``: the socket is in the printer itself, so that it falls with the printer's power (not a print server)."""
    deadline = time.monotonic() + timeout_s
    where = f"{host}:{port}"
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as trouble:
        raise DeviceMissing(f"{name}: {host} is not known in this network ({trouble.strerror}); check the address", code="E214") from None
    sock = socket.socket(family, kind, proto)
    try:
        _connect(sock, address, name, where, deadline)
    except BaseException:
        sock.close()
        raise

    def queued() -> int:
        return int(struct.unpack("i", ioctl(sock.fileno(), SIOCOUTQ, b"\0" * 4))[0])

    return DescriptorLink(name, sock.fileno(), sock.close, queued=queued, session_proves_power=own_network)


def _connect(sock: socket.socket, address: tuple[object, ...], name: str, where: str, deadline: float) -> None:
    sock.setblocking(False)
    for level, option, value in (
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2), (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS), (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    ):  # fmt: skip
        sock.setsockopt(level, option, value)
    begun = sock.connect_ex(address)
    if begun not in {0, errno.EINPROGRESS}:
        raise _refused(name, where, begun)
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    if not poll.poll(max(deadline - time.monotonic(), 0) * 1000):
        raise DeviceMissing(f"{name}: no answer from {where}; is the printer on, and in this network?", code="E214")
    if failed := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise _refused(name, where, failed)


def _refused(name: str, where: str, number: int) -> DeviceError:
    match number:
        case errno.ECONNREFUSED:
            why = "is the printer just starting, is the port right, or is another program connected to it?"
            return DeviceMissing(f"{name}: {where} refuses the connection; {why}", code="E214")
        case errno.EHOSTUNREACH | errno.ENETUNREACH | errno.ETIMEDOUT:
            return DeviceMissing(f"{name}: {where} cannot be reached; check the network cable and the address", code="E214")
        case _:
            return DeviceError(f"{name}: cannot connect to {where} (error {number})", code="E200")


