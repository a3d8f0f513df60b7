"""Owns the minting of identifiers: UUID version 7 (RFC 9562 section 5.7). Time-ordered for people; nothing here orders by them."""

from __future__ import annotations

import os
import time


def uuid7() -> str:
    """A new identifier: 48 bits of Unix milliseconds, 74 random bits."""
    value = (time.time_ns() // 1_000_000 & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
