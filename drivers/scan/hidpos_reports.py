"""Owns the way from HID POS reports to scans: several reports per code, AIM identifiers, replies to commands. PURE.

    most scanners:   [id 02][count][AIM: 3][data: 56][vendor: 2][flags, bit 0: more follows]       64 bytes
    some:            [id 02][AIM: 3][data: 56][flags]                                               61 bytes, data ends at the NULs
    where what stands is read from the report descriptor (`hid_descriptor`), never assumed
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers.scan.assembler import MS
from drivers.scan.content import MAX_BYTES, Content, DoubleReads, Piece
from drivers.scan.hid_descriptor import Layout
from posagent.ports import Scan

CONTINUATION_NS = 300 * MS
# The transport is binary-safe: a QR code may hold line ends, and what stands at the end of the data is the scanner's suffix.
HIDPOS_CONTROLS = frozenset({0x02, 0x03, 0x04, 0x09, 0x0A, 0x0D, 0x1C, 0x1D, 0x1E, 0x1F})
_SUFFIXES = b"\r\n\t"


class HidPosReports:
    """One device's state."""

    def __init__(self, layouts: Sequence[Layout], content: Content, double_read_ms: int = 1000) -> None:
        self._layouts = {layout.report_id: layout for layout in layouts}
        self._content = content
        self._doubles = DoubleReads(double_read_ms)
        self._parts = bytearray()
        self._aim = b""
        self._waiting = False
        self._last_ns = 0

    def feed(self, report: bytes, now_ns: int) -> list[Scan]:
        """One report, as one read of hidraw hands it over."""
        layout = self._layouts.get(None) or self._layouts.get(report[0] if report else None)
        if layout is None:
            return []
        if len(report) < layout.size:
            return self._broken(f"a report of {len(report)} bytes where its descriptor says {layout.size}", now_ns)
        chunk = report[layout.data : layout.data + layout.data_size]
        if layout.count is None:
            chunk = chunk.rstrip(b"\0")
        elif report[layout.count] > layout.data_size:
            return self._broken(f"a report says {report[layout.count]} bytes of data and has room for {layout.data_size}", now_ns)
        else:
            chunk = chunk[: report[layout.count]]
        aim = bytes(report[place] for place in layout.symbology)
        if aim[:2] == b"]Z":
            return []  # the scanner answers a command: no code, and no part of one
        scans = []
        if self._waiting and aim != self._aim:
            scans = self._broken("the rest of a long code did not come", now_ns)
        self._aim, self._last_ns = aim, now_ns
        self._parts += chunk
        more = layout.continued is not None and bool(report[layout.continued[0]] >> layout.continued[1] & 1)
        if len(self._parts) > MAX_BYTES:
            return scans + self._broken(f"longer than {MAX_BYTES} bytes", now_ns)
        self._waiting = more
        return scans if more else scans + self._deliver("", now_ns)

    def idle(self, now_ns: int) -> list[Scan]:
        """A long code whose rest did not come in time is corrupt."""
        if self._waiting and now_ns >= self._last_ns + CONTINUATION_NS:
            return self._broken("the rest of a long code did not come", self._last_ns)
        return []

    def wait_s(self, now_ns: int, longest_s: float) -> float:
        """How long a read may block before `idle` is due."""
        return min(longest_s, max(0, self._last_ns + CONTINUATION_NS - now_ns) / 1e9) if self._waiting else longest_s

    def _broken(self, reason: str, now_ns: int) -> list[Scan]:
        return self._deliver(reason, now_ns)

    def _deliver(self, reason: str, now_ns: int) -> list[Scan]:
        body = bytes(self._parts).rstrip(_SUFFIXES)
        aim = self._aim if self._aim[:1] == b"]" else b""
        self._parts.clear()
        self._waiting = False
        piece = Piece(aim + body if body else b"", now_ns, reason)
        return [scan for scan in self._content.read(piece) if self._doubles.fresh(scan)]
