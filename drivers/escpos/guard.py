"""Owns the real-time guard: no byte stream that goes to a printer may hold, by chance, a command that it obeys at reception.

A printer picks DLE EOT, DLE ENQ and DLE DC4 out of everything that arrives, also out of the middle of a picture, and across the border of
two commands. One dense Japanese picture in eight holds such a sequence by chance (measured). Sources: DLE commands of the TM series; the
reference says of DLE EOT that it is processed "even inside other data".
"""

from __future__ import annotations

import re

from drivers.escpos.paper import Unprintable

REAL_TIME = re.compile(rb"\x10(?:\x04[\x01-\x08\x12]|\x05[\x00-\x02]|\x14[\x01-\x03\x06-\x08])")


def is_safe(stream: bytes) -> bool:
    """Whether a stream holds nothing that acts at reception."""
    return REAL_TIME.search(stream) is None


def checked(stream: bytes) -> bytes:
    """The stream itself. Raises Unprintable when it must not leave: the encoder has tried everything that could have changed it."""
    if found := REAL_TIME.search(stream):
        raise Unprintable(f"the slip holds a real-time command ({found[0].hex(' ')}) at byte {found.start()}")
    return stream
