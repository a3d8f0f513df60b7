"""Owns SSI, the packet protocol of Zebra (Symbol) decoders. PURE; the answers to send are handed out by `take_reply`.

    [len][opcode][source][status][data...][checksum hi][checksum lo]
     |    |       |       bit 0: this is a retransmission
     |    |       0 decoder, 4 host
     |    0xF3 decode data: [bar code type][text...]; 0xD0 CMD_ACK; 0xD1 CMD_NAK (data: 1 = resend)
     counts itself up to the end of the data; checksum = two's complement of the sum of those bytes        (SE-923 integration guide)
"""

from __future__ import annotations

from drivers.scan.assembler import MS
from drivers.scan.content import Piece

DECODE_DATA, ACK, NAK = 0xF3, 0xD0, 0xD1
_DECODER, _HOST = 0, 4
_RESEND = 1
# Bar code type byte -> AIM identifier, for the types that the guide's table and ISO/IEC 15424 agree on. Others: None.
_AIM_OF_TYPE = {0x01: "A0", 0x02: "F0", 0x03: "C0", 0x06: "I0", 0x07: "G0", 0x08: "E0", 0x09: "E0", 0x0A: "E4", 0x0B: "E0", 0x0F: "C1"}


def packet(opcode: int, payload: bytes = b"", *, source: int = _HOST, status: int = 0) -> bytes:
    """One packet with length and checksum."""
    head = bytes([4 + len(payload), opcode, source, status]) + payload
    return head + (-sum(head) & 0xFFFF).to_bytes(2, "big")


class SsiSplitter:
    """Cuts packets out, checks them, owes an answer for each; a retransmission of what was taken already is not a second scan.

    A damaged packet is asked for again, and becomes a corrupt scan only when no good one follows within ``forget_ms``.
    """

    def __init__(self, *, forget_ms: int = 1000) -> None:
        self._forget_ns = forget_ms * MS
        self._buffer = bytearray()
        self._reply = bytearray()
        self._last_payload: bytes | None = None
        self._reason = ""
        self._last_ns = 0

    def take_reply(self) -> bytes:
        """What the host has to send now (ACK, NAK)."""
        reply = bytes(self._reply)
        self._reply.clear()
        return reply

    def feed(self, chunk: bytes, now_ns: int) -> list[Piece]:
        pieces = self.idle(now_ns)
        self._last_ns = now_ns
        self._buffer += chunk
        while len(self._buffer) >= 1:
            size = self._buffer[0]
            if size < 4:
                self._resend("not an SSI packet: wrong speed, or the scanner is not in SSI mode")
                break
            if len(self._buffer) < size + 2:
                break
            raw = bytes(self._buffer[: size + 2])
            if (sum(raw[:size]) + int.from_bytes(raw[size:], "big")) & 0xFFFF:
                self._resend("SSI checksum does not match: bad cable or noise")
                break
            del self._buffer[: size + 2]
            pieces += self._packet(raw[:size], now_ns)
        return pieces

    def damage(self, reason: str, now_ns: int) -> None:
        self._last_ns = now_ns
        self._reason = self._reason or reason

    def idle(self, now_ns: int) -> list[Piece]:
        due = self.deadline_ns
        if due is None or now_ns < due:
            return []
        if self._buffer:
            self._resend("half an SSI packet")
        reason, self._reason = self._reason, ""
        return [Piece(b"", self._last_ns, reason)]

    @property
    def deadline_ns(self) -> int | None:
        return self._last_ns + self._forget_ns if self._buffer or self._reason else None

    def _packet(self, raw: bytes, now_ns: int) -> list[Piece]:
        opcode, source, status = raw[1], raw[2], raw[3]
        if source != _DECODER or opcode in (ACK, NAK):
            return []
        self._reply += packet(ACK)
        self._reason = ""
        if opcode != DECODE_DATA or len(raw) < 5:
            return []
        payload = raw[4:]
        repeated = bool(status & _RESEND) and payload == self._last_payload
        self._last_payload = payload
        if repeated:  # our ACK was lost, the scan was not
            return []
        text = payload[1:]
        aim = _AIM_OF_TYPE.get(payload[0])
        return [Piece(text if aim is None or text.startswith(b"]") else b"]" + aim.encode() + text, now_ns)]

    def _resend(self, reason: str) -> None:
        self._buffer.clear()
        self._reason = self._reason or reason
        self._reply += packet(NAK, bytes([1]))
