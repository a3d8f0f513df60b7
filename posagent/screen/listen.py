"""Owns the listening sockets: loopback addresses, Unix sockets, and who holds an address that is taken."""

from __future__ import annotations

import errno
import ipaddress
import logging
import os
import re
import socket
import stat
import struct
from contextlib import suppress
from pathlib import Path

from posagent.errors import PortTaken, SettingsError
from posagent.screen.peers import POS_GROUP, TECH_GROUP, group_number

log = logging.getLogger(__name__)

BACKLOG = 64


def open_tcp(address: str) -> socket.socket:
    """Listens on "127.0.0.1:8931", "[::1]:8931" or "localhost:8931"; port 0 lets the kernel choose.

    Raises SettingsError for anything that is not loopback, PortTaken (with the holder's name) where another program listens."""
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:]+)\]|([0-9A-Za-z.]+)):([0-9]{1,5})", address)
    host = (found[1] or found[2]) if found else ""
    host = "127.0.0.1" if host == "localhost" else host
    port = int(found[3]) if found else -1
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        ip = None
    if ip is None or not ip.is_loopback or not 0 <= port <= 65535:
        raise SettingsError(f"page: cannot listen on '{address}'; give a loopback address with a port, like 127.0.0.1:8931")
    listener = socket.socket(socket.AF_INET6 if ip.version == 6 else socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if ip.version == 6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as trouble:
        listener.close()
        if trouble.errno == errno.EADDRINUSE:
            holder = holder_of_port(port)
            who = f"is used by {holder}" if holder else "is used by another program"
            advice = f"stop {holder or 'it'} or choose another port in the setting 'listen'"
            raise PortTaken(f"page: {address} {who}; {advice}") from trouble
        advice = "choose another address in the setting 'listen'"
        raise SettingsError(f"page: cannot listen on {address}: {trouble.strerror}; {advice}") from trouble
    return listener


def open_unix(path: str) -> socket.socket:
    """Listens on a Unix socket that its owner and the groups posagent-pos and posagent-tech may connect to, and nobody else. A stale socket
    file is replaced; a living one raises PortTaken."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        if _is_socket(path):
            _refuse_living(path)
            Path(path).unlink()
        before = os.umask(0o117)
        try:
            listener.bind(path)
        finally:
            os.umask(before)
        _admit(path, [group for name in (POS_GROUP, TECH_GROUP) if (group := group_number(name)) is not None])
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as trouble:
        listener.close()
        raise SettingsError(f"page: cannot listen on {path}: {trouble.strerror or trouble}; check the folder and its rights") from trouble
    except PortTaken:
        listener.close()
        raise
    return listener


_ACL_VERSION, _NO_ID, _READ_WRITE = 2, 0xFFFFFFFF, 6  # linux/include/uapi/linux/posix_acl_xattr.h, posix_acl.h
_USER_OBJ, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x04, 0x08, 0x10, 0x20


def _admit(path: str, groups: list[int]) -> None:
    """Lets further groups connect, by an access control list: an owner may name any group there, but give the file only to his own."""
    if not groups:
        return
    rights = [(_USER_OBJ, _READ_WRITE, _NO_ID), (_GROUP_OBJ, _READ_WRITE, _NO_ID)]
    rights += [(_GROUP, _READ_WRITE, group) for group in sorted(groups)]
    rights += [(_MASK, _READ_WRITE, _NO_ID), (_OTHER, 0, _NO_ID)]
    packed = struct.pack("<I", _ACL_VERSION) + b"".join(struct.pack("<HHI", *entry) for entry in rights)
    try:
        os.setxattr(path, "system.posix_acl_access", packed)
    except OSError as trouble:
        log.warning("page: %s: the groups %s and %s cannot be let in (%s); use systemd's socket", path, POS_GROUP, TECH_GROUP, trouble.strerror)


def holder_of_port(port: int) -> str:
    """ "name (pid 812)" of the program that listens on a TCP port, as far as /proc may be read; empty where it may not."""
    inodes = set[str]()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text("ascii").splitlines()[1:]:
                column = line.split()
                if column[3] == "0A" and int(column[1].rpartition(":")[2], 16) == port:  # 0A: LISTEN (linux/include/net/tcp_states.h)
                    inodes.add(f"socket:[{column[9]}]")
    for process in list(Path("/proc").glob("[0-9]*")):
        with suppress(OSError):  # gone, or another user's
            if inodes & _links_in(process / "fd"):
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return ""


def _links_in(folder: Path) -> set[str]:
    found = set()
    for entry in list(folder.iterdir()):
        with suppress(OSError):  # closed meanwhile
            found.add(str(entry.readlink()))
    return found


def _refuse_living(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, suppress(ConnectionRefusedError):
        probe.settimeout(1)
        probe.connect(path)
        raise PortTaken(f"page: {path} is used by another program; stop it or choose another path in the setting 'socket'")


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except FileNotFoundError:
        return False
