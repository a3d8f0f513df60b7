"""Owns what is inside one whole piece of scanner output: prefix, AIM identifier, suffix, encoding, length. PURE.

A piece is what a splitter cut out of the stream, without its terminator:

    [prefix] [ ] c m ] text... [suffix]        AIM: "]", code letter, modifier (ISO/IEC 15424)

Nothing is repaired: what does not fit is a corrupt scan with its reason, never a shorter good one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from posagent.ports import Scan

# Code letters of ISO/IEC 15424 (also the symbol table of the GS1 General Specifications); "Z" is "other", Honeywell answers commands with it.
_AIM = re.compile(rb"\]([A-IK-LM-UXYZcdeopsz][0-9A-Za-z])")
MIN_LENGTH = 3  # a piece of one or two characters is noise: no retail or member symbology is that short
MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Piece:
    """What a splitter cut out. ``reason`` is empty when nothing was wrong with the transport; ``at_ns`` is the time of its last byte;
    ``end`` the terminator that closed it."""

    payload: bytes
    at_ns: int
    reason: str = ""
    end: bytes = b""


@dataclass(frozen=True, slots=True)
class Content:
    """How this scanner dresses its texts, and in which encoding it may send them.

    ``encoding`` is the last resort after strict UTF-8 and strict CP932 ("" for none); "ascii" allows nothing above 0x7E at all.
    ``fixed_length`` (0: off) says that every code of this scanner has that many characters: k times as many are k glued scans when each
    part has a valid GTIN check digit (modulus 10, weights 3-1), anything else is corrupt.
    ``controls`` are control bytes that may stand inside a text.
    """

    prefix: bytes = b""
    suffix: bytes = b""
    encoding: str = ""
    fixed_length: int = 0
    controls: frozenset[int] = frozenset({0x1D})  # GS: the separator of GS1 element strings

    def read(self, piece: Piece) -> Sequence[Scan]:
        """The scans of one piece: none for an empty piece or a command reply, several only for glued ones of fixed length."""
        if piece.reason:
            return [_corrupt(piece, piece.reason)]
        body = piece.payload
        if not body:
            return []
        if len(body) > MAX_BYTES:
            return [_corrupt(piece, f"longer than {MAX_BYTES} bytes")]
        if self.prefix and body.startswith(self.prefix):
            body = body[len(self.prefix) :]
            missing = False
        else:
            missing = bool(self.prefix)
        aim, body = split_aim(body)
        if missing and body.startswith(self.prefix):  # some scanners put the identifier in front of the prefix
            body = body[len(self.prefix) :]
            missing = False
        if missing:
            return [_corrupt(piece, "does not begin with the configured prefix")]
        if self.suffix:
            if not body.endswith(self.suffix):
                return [_corrupt(piece, "does not end with the configured suffix")]
            body = body[: -len(self.suffix)]
        if aim is not None and aim.startswith("Z"):
            return []  # reply to a maker's command (Honeywell "]Z6"), not a code that somebody scanned
        text, reason = self.decode(body)
        if reason:
            return [_corrupt(piece, reason)]
        if len(text) < MIN_LENGTH:
            return [_corrupt(piece, f"only {len(text)} characters")] if body else []
        return self._glued(text, aim, piece)

    def decode(self, body: bytes) -> tuple[str, str]:
        """(text, "") or ("", why not). Order: UTF-8, CP932, the configured encoding, each strict."""
        for byte in body:
            if (byte < 0x20 and byte not in self.controls) or byte == 0x7F:
                return "", f"control byte 0x{byte:02X} inside the code: wrong speed, wrong format, or noise"
            if byte >= 0x80 and self.encoding == "ascii":
                return "", f"byte 0x{byte:02X} is not ASCII: wrong speed, wrong parity, or noise"
        for encoding in ("utf-8-sig", "cp932", self.encoding):
            if encoding and (text := _strict(body, encoding)) is not None:
                return text, ""
        return "", "bytes are neither UTF-8 nor CP932" + (f" nor {self.encoding}" if self.encoding else "")

    def _glued(self, text: str, aim: str | None, piece: Piece) -> Sequence[Scan]:
        size, end = self.fixed_length, piece.end.decode("ascii")
        if not size or len(text) == size:
            return [Scan(text, aim, at_ns=piece.at_ns, sent=self._dressed(piece.payload) + end)]
        parts = [text[start : start + size] for start in range(0, len(text), size)]
        if len(text) % size == 0 and all(gtin_valid(part) for part in parts):
            return [Scan(part, aim, at_ns=piece.at_ns, sent=part + end) for part in parts]
        return [_corrupt(piece, f"{len(text)} characters where {size} are configured")]

    def _dressed(self, payload: bytes) -> str:
        """The whole piece as text, its prefix and suffix (which may be control bytes) included."""
        texts = (_strict(payload, encoding) for encoding in ("utf-8-sig", "cp932", self.encoding) if encoding)
        return next((text for text in texts if text is not None), "")


def split_aim(body: bytes) -> tuple[str | None, bytes]:
    """Takes a leading AIM identifier off: (b"]E0490...") -> ("E0", b"490...")."""
    found = _AIM.match(body)
    return (found[1].decode("ascii"), body[3:]) if found else (None, body)


def gtin_valid(digits: str) -> bool:
    """Whether the last digit is the GTIN check digit (GS1 General Specifications, 7.9: weights 3 and 1 from the right)."""
    if not (digits.isascii() and digits.isdigit()):
        return False
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return total % 10 == 0


class DoubleReads:
    """Tells a code that a scanner sends again and again, while it lies in front of it, from one that was scanned twice on purpose.

    The same text within the window after its last appearance is the same scan; every repetition opens the window anew. Corrupt scans pass.
    """

    def __init__(self, window_ms: int = 1000) -> None:
        self._window_ns = window_ms * 1_000_000
        self._last: tuple[str, str | None] | None = None
        self._last_ns = 0

    def fresh(self, scan: Scan) -> bool:
        """False for a repetition."""
        if scan.quality != "ok":
            return True
        code = (scan.text, scan.aim)
        repeated = code == self._last and scan.at_ns - self._last_ns < self._window_ns
        self._last, self._last_ns = code, scan.at_ns
        return not repeated


def _strict(body: bytes, encoding: str) -> str | None:
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError:
        return None
    # C1 controls and CP932's four private stand-ins (0x80, 0xA0, 0xFD-0xFF) are what line noise decodes to; no code carries them.
    return None if any("\x7f" <= character <= "\xa0" or "\ue000" <= character <= "\uf8ff" for character in text) else text


def _corrupt(piece: Piece, reason: str) -> Scan:
    return Scan("", None, "corrupt", reason, piece.at_ns)
