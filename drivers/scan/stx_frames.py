"""Owns framed serial output: header byte, data, terminator, and the block check character that some scanners add. PURE.

    STX data... ETX            or, with BCC:   STX data... ETX bcc
    bcc = XOR of every byte after the header, terminator included (Denso Wave AT20Q/QK20 manuals, section 9.4: only with a header)
"""

from __future__ import annotations

from functools import reduce
from operator import xor

from drivers.scan.assembler import MS
from drivers.scan.content import MAX_BYTES, Piece

STX, ETX = 0x02, 0x03


class FrameSplitter:
    """Cuts at frames; data outside a frame is noise and comes out as one damaged piece."""

    def __init__(self, *, bcc: bool = False, header: int = STX, terminator: int = ETX, forget_ms: int = 1000) -> None:
        self._bcc = bcc
        self._header = header
        self._terminator = terminator
        self._forget_ns = forget_ms * MS
        self._frame: bytearray | None = None  # what came after the header; None outside a frame
        self._ended = False  # the terminator is here, the BCC not yet
        self._noise = ""
        self._noise_told = False
        self._reason = ""
        self._last_ns = 0

    def feed(self, chunk: bytes, now_ns: int) -> list[Piece]:
        pieces = self.idle(now_ns)
        self._last_ns = now_ns
        for byte in chunk:
            if self._frame is None:
                self._outside(byte, pieces, now_ns)
            elif self._ended:
                wrong = reduce(xor, self._frame) != byte
                self._frame.pop()
                pieces.append(self._close("block check (BCC) does not match: bad cable or noise" if wrong else "", now_ns))
            elif byte == self._terminator:
                if self._bcc:
                    self._frame.append(byte)
                    self._ended = True
                else:
                    pieces.append(self._close("", now_ns))
            elif byte == self._header:  # a new frame inside one: the first lost its end
                pieces.append(self._close("a frame without an end", now_ns))
                self._frame = bytearray()
            else:
                self._frame.append(byte)
                if len(self._frame) > MAX_BYTES:
                    pieces.append(self._close(f"a frame of more than {MAX_BYTES} bytes", now_ns))
                    self._noise_told = True  # the rest of it is the same trouble
        return pieces

    def damage(self, reason: str, now_ns: int) -> None:
        self._last_ns = now_ns
        if self._frame is None:
            self._noise = self._noise or reason
        else:
            self._reason = self._reason or reason

    def idle(self, now_ns: int) -> list[Piece]:
        due = self.deadline_ns
        if due is None or now_ns < due:
            return []
        pieces = []
        if self._frame is not None:
            pieces.append(self._close("a frame without an end", self._last_ns))
        elif self._noise and not self._noise_told:
            pieces.append(Piece(b"", self._last_ns, self._noise))
        self._noise, self._noise_told = "", False
        return pieces

    @property
    def deadline_ns(self) -> int | None:
        waiting = self._frame is not None or self._noise or self._noise_told
        return self._last_ns + self._forget_ns if waiting else None

    def _outside(self, byte: int, pieces: list[Piece], now_ns: int) -> None:
        if byte == self._header:
            if self._noise and not self._noise_told:
                pieces.append(Piece(b"", now_ns, self._noise))
            self._noise, self._noise_told = "", False
            self._frame = bytearray()
        elif byte not in b"\r\n":  # some scanners end a frame with CR LF on top
            self._noise = self._noise or "bytes outside a frame: no header (STX) configured in the scanner, or noise"

    def _close(self, reason: str, now_ns: int) -> Piece:
        payload = bytes(self._frame or b"")
        reason = self._reason or reason
        self._frame, self._ended, self._reason = None, False, ""
        return Piece(payload, now_ns, reason)
