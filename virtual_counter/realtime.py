"""Owns the recognition of real-time commands: three-finger exercises on the raw stream, at reception, whatever surrounds them.

The printer looks for them in everything that arrives, also inside raster data: that is why an encoder has to guard its pictures.
Lengths: Epson ESC/POS reference, DLE EOT, DLE ENQ, DLE DC4 (fn 1, 2, 3, 6, 7, 8).
"""

from __future__ import annotations

DLE, EOT, ENQ, DC4 = 0x10, 0x04, 0x05, 0x14

CLEAR = bytes((DLE, DC4, 8, 1, 3, 20, 1, 6, 2, 8))
POWER_OFF = bytes((DLE, DC4, 2, 1, 8))


def length(head: bytes) -> int | None:
    """How long the command is that begins with these bytes: 0 when more bytes are needed to know, None when it is none."""
    if head[0] != DLE:
        return None
    if len(head) == 1:
        return 0
    match head[1]:
        case 0x04:
            if len(head) == 2:
                return 0
            return 3 if 1 <= head[2] <= 4 else 4 if head[2] in {7, 8, 18} else None
        case 0x05:
            return 3 if len(head) == 2 or head[2] <= 2 else None
        case 0x14:
            if len(head) == 2:
                return 0
            return {1: 5, 2: 5, 3: 8, 6: 8, 7: 4, 8: 10}.get(head[2])
        case _:
            return None


class RealTimeScanner:
    """Fed byte by byte; gives back each whole command."""

    def __init__(self) -> None:
        self._head = bytearray()

    @property
    def open(self) -> bool:
        """A command has begun."""
        return bool(self._head)

    def reset(self) -> None:
        """Power was lost."""
        self._head.clear()

    def feed(self, byte: int) -> bytes | None:
        """A real-time command when this byte completes one."""
        if not self._head and byte != DLE:
            return None
        self._head.append(byte)
        while self._head:
            wanted = length(bytes(self._head))
            if wanted == 0 or (wanted is not None and len(self._head) < wanted):
                return None
            if wanted is not None:
                command = bytes(self._head)
                self._head.clear()
                return command
            del self._head[0]  # not a command: a later DLE may begin one
            place = self._head.find(DLE)
            del self._head[: place if place >= 0 else len(self._head)]
        return None
