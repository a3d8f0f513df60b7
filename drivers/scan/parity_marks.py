"""Owns the bytes that the terminal layer marks as damaged (termios PARMRK without IGNPAR). PURE.

    FF FF        one received byte 0xFF
    FF 00 x      byte x came with a parity or framing error
    FF 00 00     a break, or a damaged NUL                              (termios(3), "PARMRK")
"""

from __future__ import annotations

BAD_BYTE = "a byte with a parity or framing error: wrong parity, wrong speed, or a bad cable"


class ParityMarks:
    """Undoes the marking, also across reads that cut a mark in two."""

    def __init__(self) -> None:
        self._open = b""

    def split(self, chunk: bytes) -> list[bytes | None]:
        """Runs of good bytes, with None where a damaged byte stood."""
        stream = self._open + chunk
        self._open = b""
        runs: list[bytes | None] = []
        good = bytearray()
        at = 0
        while at < len(stream):
            if stream[at] != 0xFF:
                good.append(stream[at])
                at += 1
            elif stream[at + 1 : at + 2] == b"\xff":
                good.append(0xFF)
                at += 2
            elif stream[at + 1 : at + 2] == b"\x00" and at + 2 < len(stream):
                if good:
                    runs.append(bytes(good))
                    good.clear()
                runs.append(None)
                at += 3
            elif at + 1 == len(stream) or stream[at + 1] == 0:
                self._open = stream[at:]
                break
            else:  # a kernel or adapter that does not double 0xFF
                good.append(0xFF)
                at += 1
        if good:
            runs.append(bytes(good))
        return runs
