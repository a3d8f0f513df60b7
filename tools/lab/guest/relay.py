"""Owns the register's doors to the lab: connections from outside to the agent's Unix socket and page, and from inside to head office.

    relay.py LISTEN TARGET [LISTEN TARGET ...]      LISTEN is HOST:PORT, TARGET as well, or a socket's path

It runs as the user of a point-of-sale program, so that the agent's socket sees what it would see of one.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import threading

_CONNECT_S = 10.0


def main(words: list[str]) -> None:
    """For ever."""
    for listen, target in zip(words[::2], words[1::2], strict=True):
        host, _, port = listen.rpartition(":")
        listener = socket.create_server((host, int(port)), backlog=64)
        threading.Thread(target=_serve, args=(listener, target)).start()


def _serve(listener: socket.socket, target: str) -> None:
    while True:
        caller, _ = listener.accept()
        threading.Thread(target=_join, args=(caller, target), daemon=True).start()


def _join(caller: socket.socket, target: str) -> None:
    """Whoever ends first ends both: a killed agent must look killed."""
    with caller:
        try:
            there = _open(target)
        except OSError:
            return
        with there:
            back = threading.Thread(target=_carry, args=(there, caller), daemon=True)
            back.start()
            _carry(caller, there)
            back.join()


def _open(target: str) -> socket.socket:
    if target.startswith("/"):
        door = socket.socket(socket.AF_UNIX)
        try:
            door.connect(target)
        except OSError:
            door.close()
            raise
        return door
    host, _, port = target.rpartition(":")
    line = socket.create_connection((host, int(port)), _CONNECT_S)
    line.settimeout(None)
    return line


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    main(sys.argv[1:])
