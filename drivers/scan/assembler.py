"""Owns the way from a scanner's bytes to whole scans: terminators, pauses, glued and endless input, double reads. PURE: time is handed in.

    bytes --> Splitter (lines here; frames and packets in `stx_frames`, `ssi`) --> Piece --> Content --> Scan --> DoubleReads
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from drivers.scan.content import MAX_BYTES, Content, DoubleReads, Piece
from posagent.ports import Scan

TERMINATORS: dict[str, tuple[bytes, ...]] = {
    "any": (b"\r\n", b"\r", b"\n", b"\t", b"\x03"),
    "cr": (b"\r",),
    "lf": (b"\n",),
    "crlf": (b"\r\n",),
    "tab": (b"\t",),
    "etx": (b"\x03",),
    "enter-or-tab": (b"\r", b"\t"),
    "none": (),
}
MS = 1_000_000
NO_END = 'stopped in the middle: no terminator followed (if this scanner sends none, set terminator = "none")'


class Splitter(Protocol):
    """Cuts a stream into pieces."""

    def feed(self, chunk: bytes, now_ns: int) -> list[Piece]:
        """Pieces that these bytes complete."""

    def damage(self, reason: str, now_ns: int) -> None:
        """What is being received now is not whole: it will come out as a piece with this reason."""

    def idle(self, now_ns: int) -> list[Piece]:
        """Pieces that silence completes; call at `deadline_ns`."""

    @property
    def deadline_ns(self) -> int | None:
        """When `idle` has something to do, if nothing arrives before."""


class LineSplitter:
    """Cuts at terminators or, with none configured, at pauses.

    With terminators, a pause of ``pause_ms`` inside a scan makes it corrupt at once, and everything until a terminator or
    ``forget_ms`` of silence belongs to it: the tail of a stalled scan must not pass for a short good one. (A scan whose damage is known
    already ends at the pause: what is missing is its end.)

    ``exact_times``: the times handed in are the device's own (kernel events), so a pause between two feeds was one. Otherwise they are
    when we came round to reading, and a pause shorter than ``forget_ms`` between feeds may have been our own: only `idle`, called after
    a wait that ended in silence, counts.
    """

    def __init__(self, terminators: Sequence[bytes], *, pause_ms: int = 200, forget_ms: int = 1000, exact_times: bool = False) -> None:
        self._exact = exact_times
        self._terminators = tuple(sorted(terminators, key=len, reverse=True))
        self._pause_ns = pause_ms * MS
        self._forget_ns = max(forget_ms, pause_ms) * MS
        self._buffer = bytearray()
        self._reason = ""
        self._swallowing = False  # the damage is told already; what follows belongs to it
        self._last_ns = 0

    def feed(self, chunk: bytes, now_ns: int) -> list[Piece]:
        pieces = self.idle(now_ns) if self._exact or now_ns >= self._last_ns + self._forget_ns else []
        self._last_ns = now_ns
        self._buffer += chunk
        while cut := self._next_cut():
            start, end = cut
            pieces += self._finish(bytes(self._buffer[:start]), now_ns, bytes(self._buffer[start:end]))
            del self._buffer[:end]
        if len(self._buffer) > MAX_BYTES or self._swallowing:
            if not self._swallowing:
                pieces.append(Piece(b"", now_ns, self._reason or f"{MAX_BYTES} bytes without an end: no terminator, or wrong speed"))
                self._swallowing = True
            del self._buffer[: max(0, len(self._buffer) - 1)]  # one byte may be half of a terminator
        return pieces

    def damage(self, reason: str, now_ns: int) -> None:
        self._reason = self._reason or reason
        self._last_ns = now_ns

    def idle(self, now_ns: int) -> list[Piece]:
        due = self.deadline_ns
        if due is None or now_ns < due:
            return []
        if self._swallowing:
            self._reset()
            return []
        if not self._terminators:
            return self._finish_all()
        known = self._reason
        self._swallowing = True
        if known or now_ns >= self._last_ns + self._forget_ns:
            self._reset()
        return [Piece(b"", self._last_ns, known or NO_END)]

    @property
    def deadline_ns(self) -> int | None:
        if self._swallowing:
            return self._last_ns + self._forget_ns
        return self._last_ns + self._pause_ns if self._buffer or self._reason else None

    def _next_cut(self) -> tuple[int, int] | None:
        """(start, end) of the first terminator; of several at one place, the longest."""
        best: tuple[int, int] | None = None
        for terminator in self._terminators:
            at = self._buffer.find(terminator)
            if at >= 0 and (best is None or at < best[0]):
                best = (at, at + len(terminator))
        return best

    def _finish(self, payload: bytes, now_ns: int, end: bytes = b"") -> list[Piece]:
        reason, swallowed = self._reason, self._swallowing
        self._reason, self._swallowing = "", False
        if swallowed or not (payload or reason):
            return []
        return [Piece(payload, now_ns, reason, end)]

    def _finish_all(self) -> list[Piece]:
        payload = bytes(self._buffer)
        self._buffer.clear()
        return self._finish(payload, self._last_ns)

    def _reset(self) -> None:
        self._buffer.clear()
        self._reason = ""
        self._swallowing = False


class Assembler:
    """One device's way from bytes to scans."""

    def __init__(self, splitter: Splitter, content: Content, doubles: DoubleReads | None = None) -> None:
        self._splitter = splitter
        self._content = content
        self._doubles = doubles or DoubleReads()

    def feed(self, chunk: bytes, now_ns: int) -> list[Scan]:
        """Scans that these bytes complete, in order."""
        return self._scans(self._splitter.feed(chunk, now_ns))

    def damage(self, reason: str, now_ns: int) -> list[Scan]:
        """The scan under way is not whole (parity error, overrun): it is reported corrupt when it ends."""
        scans = self.feed(b"", now_ns)
        self._splitter.damage(reason, now_ns)
        return scans

    def idle(self, now_ns: int) -> list[Scan]:
        """Scans that silence completes."""
        return self._scans(self._splitter.idle(now_ns))

    def wait_s(self, now_ns: int, longest_s: float) -> float:
        """How long a read may block before `idle` is due."""
        due = self._splitter.deadline_ns
        return longest_s if due is None else min(longest_s, max(0, due - now_ns) / 1e9)

    def _scans(self, pieces: Sequence[Piece]) -> list[Scan]:
        return [scan for piece in pieces for scan in self._content.read(piece) if self._doubles.fresh(scan)]
