"""Owns what printers answer: one incremental parser that splits a byte stream into frames, and the meaning of each frame.

Sources: Epson ESC/POS reference (DLE EOT, GS a, GS r, GS I, GS ( H, GS g 2; appendix G tells the frames apart), Samsung SRP-350 p. 8,
TM-T88III specification p. 143, Citizen section 5.3; the Seiko frames as receiptio 4 reads them.

    0**1**10            one byte     answer to DLE EOT n (which n, only the order of the questions tells)
    0**1**00 + 3 bytes  four bytes   automatic status; XON and XOFF may stand between
    0**0****            one byte     answer to GS r or GS I 1-3
    35 37 3B 3D 5F … 00 a block      process id (37 22), buffer cleared (37 25), offline (37 23), text or counter (5F), lists (37 73)
    11 13               one byte     XON, XOFF
    Seiko: B* hello after ESC @, C* + 7 bytes automatic status, 8* answer to GS r
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from posagent.ports import Paper, PrinterStatus

XON, XOFF = 0x11, 0x13
_BLOCK_HEADS = frozenset(b"\x35\x37\x3b\x3d\x5f")
LONGEST_BLOCK = 512


@dataclass(frozen=True, slots=True)
class RealTime:
    """The answer to a DLE EOT."""

    byte: int


@dataclass(frozen=True, slots=True)
class Automatic:
    """An automatic status: four bytes, or eight of Seiko."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Queued:
    """The answer to a GS r or GS I 1-3."""

    byte: int


@dataclass(frozen=True, slots=True)
class Block:
    """An answer with a head; ``body`` is what stands between the head and the NUL."""

    head: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Hello:
    """Seiko's word after ESC @."""

    byte: int


@dataclass(frozen=True, slots=True)
class Flow:
    """XON or XOFF."""

    stop: bool


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that fit nothing; for the log."""

    body: bytes


Frame = RealTime | Automatic | Queued | Block | Hello | Flow | Garbage


class StatusParser:
    """Fed with whatever arrives, in any portions; yields whole frames. A frame that was cut off is given up with `give_up`."""

    def __init__(self, answers: Literal["epson", "seiko"] = "epson") -> None:
        self._seiko = answers == "seiko"
        self._open = bytearray()

    @property
    def waiting(self) -> bool:
        """A frame has begun and is not whole."""
        return bool(self._open)

    def give_up(self) -> Iterator[Frame]:
        """The rest will not come any more."""
        if self._open:
            broken = bytes(self._open)
            self._open.clear()
            yield Garbage(broken)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that these bytes complete."""
        for byte in data:
            yield from self._byte(byte)

    def _byte(self, byte: int) -> Iterator[Frame]:
        if byte in {XON, XOFF}:
            yield Flow(byte == XOFF)
        elif not self._open:
            yield from self._first(byte)
        elif self._open[0] in _BLOCK_HEADS:
            yield from self._in_block(byte)
        else:
            yield from self._in_automatic(byte)

    def _first(self, byte: int) -> Iterator[Frame]:
        if byte in _BLOCK_HEADS or (byte & 0x93 == 0x10) or (self._seiko and byte & 0xF0 == 0xC0):
            self._open.append(byte)
        elif byte & 0x93 == 0x12:
            yield RealTime(byte)
        elif byte & 0x90 == 0:
            yield Queued(byte)
        elif self._seiko and byte & 0xF0 == 0xB0:
            yield Hello(byte)
        elif self._seiko and byte & 0xF0 == 0x80:
            yield Queued(byte & 0x0F)
        else:
            yield Garbage(bytes([byte]))

    def _in_block(self, byte: int) -> Iterator[Frame]:
        if byte == 0:
            head, *body = self._open
            self._open.clear()
            yield Block(head, bytes(body))
        elif byte < 0x20 or len(self._open) >= LONGEST_BLOCK:  # not of a block: its end got lost
            yield from self.give_up()
            yield from self._first(byte)
        else:
            self._open.append(byte)

    def _in_automatic(self, byte: int) -> Iterator[Frame]:
        seiko = self._open[0] & 0xF0 == 0xC0 and self._seiko
        if not seiko and byte & 0x90:  # not of this frame: its end got lost
            yield from self.give_up()
            yield from self._first(byte)
            return
        self._open.append(byte)
        if len(self._open) == (8 if seiko else 4):
            whole = bytes(self._open)
            self._open.clear()
            yield Automatic(whole)


# ---------------------------------------------------------------- meaning


def of_real_time(status: PrinterStatus, n: int, byte: int) -> PrinterStatus:
    """The status with the answer to DLE EOT ``n`` read into it. Either paper bit counts: clones set one of the two."""
    match n:
        case 1:
            return replace(status, online=not byte & 0x08)
        case 2:
            paper: Paper | None = "end" if byte & 0x20 else status.paper
            return replace(status, cover_open=bool(byte & 0x04), paper=paper)
        case 3:
            return replace(status, cutter_error=bool(byte & 0x08), other_error=bool(byte & 0x60))
        case _:
            return replace(status, paper="end" if byte & 0x60 or status.paper == "end" else "near_end" if byte & 0x0C else "ok")


def of_automatic(frame: Automatic, *, drawer_high_is_open: bool = True) -> PrinterStatus:
    """An automatic status. The offline bit tells online; pin 3 of the drawer connector tells the drawer."""
    body = frame.body
    if len(body) == 8:
        return PrinterStatus(
            online=not (body[0] & 0x0B or body[1] & 0xF8 == 0xD8 or body[1] & 0xF1 == 0xD1),
            cover_open=body[1] & 0xF8 == 0xD8,
            paper="end" if body[1] & 0xF1 == 0xD1 else "near_end" if body[2] & 0x01 else "ok",
            other_error=bool(body[0] & 0x0B),
        )
    return PrinterStatus(
        online=not body[0] & 0x08,
        cover_open=bool(body[0] & 0x20),
        paper="end" if body[2] & 0x0C else "near_end" if body[2] & 0x03 else "ok",
        cutter_error=bool(body[1] & 0x08),
        other_error=bool(body[1] & 0x60),
        drawer_open=bool(body[0] & 0x04) == drawer_high_is_open,
    )


def of_queued(byte: int) -> Paper:
    """The answer to GS r 1."""
    return "end" if byte & 0x0C else "near_end" if byte & 0x03 else "ok"


def process_id(frame: Frame) -> bytes | None:
    """The four characters of a process id response (GS ( H fn 48); None for other frames."""
    match frame:
        case Block(0x37, body) if body[:1] == b"\x22" and len(body) == 5:
            return body[1:]
        case Block() | RealTime() | Automatic() | Queued() | Hello() | Flow() | Garbage():
            return None
        case _:
            assert_never(frame)
