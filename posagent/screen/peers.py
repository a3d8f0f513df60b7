"""Owns who is at the other end of a Unix socket: the kernel's word on user and groups (SO_PEERCRED, SO_PEERGROUPS; unix(7)) as scopes."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from posagent.screen.tokens import Scope

POS_GROUP, TECH_GROUP = "posagent-pos", "posagent-tech"
TECH_SOCKET = "tech.sock"
"""The technicians' own door beside the one of the settings (systemd/posagent-tech.socket)."""
_SO_PEERGROUPS = 59  # linux/include/uapi/asm-generic/socket.h, since Linux 4.13; Python has no name for it
_OVERFLOW_GROUP = 65534
_GROUPS_BYTES = 1024
"""The most that Python reads of a socket option: 256 groups. Whoever is in more counts by the first group alone."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A connected process as it was when it connected."""

    pid: int
    uid: int
    groups: frozenset[int]
    through: str = ""
    """The name of the socket that it opened, without its folder."""


@dataclass(frozen=True, slots=True)
class Peers:
    """Who may do what: ``pos`` and ``tech`` are group numbers (None: this machine has no such group), ``own`` the agent's user."""

    own: int = field(default_factory=os.geteuid)
    pos: int | None = None
    tech: int | None = None
    hidden: int | None = None  # what the kernel shows us of groups that our user namespace does not map; None: it maps all

    def scopes(self, peer: Peer) -> frozenset[Scope]:
        """Empty for a process that is none of ours, however it got at the socket."""
        if peer.uid in {0, self.own}:
            return frozenset({"pos", "tech", "admin"})
        found: set[Scope] = set()
        if self.pos in peer.groups:
            found.add("pos")
        if self.tech in peer.groups:
            found.add("tech")
        if self.hidden is not None and self.hidden in peer.groups:
            # Whoever passed the socket's own permissions (0660 and its group, posagent.socket, posagent-tech.socket); more we cannot see of it.
            found.add("tech" if peer.through == TECH_SOCKET else "pos")
        return frozenset(found)


def peers_here() -> Peers:
    """The groups of this machine. Looked up once, for a name service may be slow."""
    return Peers(pos=group_number(POS_GROUP), tech=group_number(TECH_GROUP), hidden=hidden_group(Path("/proc/self/gid_map")))


def hidden_group(gid_map: Path) -> int | None:
    """The number that stands for every group that our user namespace does not map: under PrivateUsers=yes SO_PEERGROUPS shows nothing else.

    user_namespaces(7): the first namespace maps all 2^32 - 1 numbers, and what is not mapped is shown as 65534.
    """
    try:
        maps = [line.split() for line in gid_map.read_text("ascii").splitlines()]
    except (OSError, UnicodeDecodeError):
        return None
    return None if maps == [["0", "0", "4294967295"]] else _OVERFLOW_GROUP


def group_number(name: str) -> int | None:
    """A group's number; None where there is no such group."""
    import grp

    with suppress(KeyError):
        return grp.getgrnam(name).gr_gid
    return None


def peer_of(line: socket.socket) -> Peer | None:
    """The process at the other end; None where the kernel does not say (not a Unix socket)."""
    try:
        pid, uid, gid = struct.unpack("iII", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII")))
    except OSError:
        return None
    more = b""
    with suppress(OSError):
        more = line.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _GROUPS_BYTES)
    return Peer(pid, uid, frozenset({gid, *(group for (group,) in struct.iter_unpack("I", more))}), Path(str(line.getsockname())).name)
