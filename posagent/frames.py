"""Owns the framed protocol between the agent and a device process: length-prefixed JSON over a socket pair.

    [length: 4 bytes, big endian][JSON object, UTF-8]          length counts the JSON, at most 64 kB

    process -> agent   {"type": "opened",  "device": name}
                       {"type": "lost",    "device": name, "code": "E301", "message": "..."}
                       {"type": "scan",    "device": name, "text", "aim", "quality", "reason", "at_ns"}
                       {"type": "beat"}                      every second while every device thread is alive and well
                       {"type": "log",     "level": "warning", "message": "..."}
                       {"type": "preview", "device": name, ...}     what a device shows a technician (the camera's picture)
                       {"type": "offer",   "device": name, "number", and a scan's fields}     a routed scanner's scan: whose is it?
                       {"type": "told",    "device": name, "code": "E322", "why": "..."}      what the cashier must know of one
    agent -> process   {"type": "devices", "devices": [{"name", "entry", "options", "route": table | null}...],
                        "wakeup": "module:ATTRIBUTE" | null, "urgent": true for the reader}
                       {"type": "codes",   "rules": [rule...] | null}        whose a routed scan is (posagent.scan_router); null: offer each.
                                                                            Before "devices", and whenever they change
                       {"type": "answer",  "device": name, "number", "ours": bool}            to an offer
                       {"type": "watch",   "device": name, "for_s": 10}       asks for previews for so long

A half frame at the end of a connection is dropped; a frame that is too long or is not such an object ends the connection.
"""

from __future__ import annotations

import json
from typing import Any

from posagent.errors import PosagentError

MAX_FRAME = 64 * 1024
_PREFIX = 4


class FrameError(PosagentError):
    """The other side does not speak this protocol (or was killed in a write and restarted on the same socket): close the connection."""

    code = "E900"


def encode(kind: str, **fields: Any) -> bytes:
    """One frame. Raises FrameError when it would be longer than the other side accepts."""
    body = json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    if len(body) > MAX_FRAME:
        raise FrameError(f"a '{kind}' frame of {len(body)} bytes is longer than {MAX_FRAME}; this is a bug of the driver that sent it")
    return len(body).to_bytes(_PREFIX, "big") + body


class Frames:
    """Cuts frames out of what a socket hands over, in whatever portions."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> list[dict[str, Any]]:
        """The whole frames that are there now. Raises FrameError."""
        self._buffer += chunk
        frames = []
        while len(self._buffer) >= _PREFIX:
            size = int.from_bytes(self._buffer[:_PREFIX], "big")
            if size > MAX_FRAME:
                raise FrameError(f"a frame of {size} bytes was announced; the limit is {MAX_FRAME}")
            if len(self._buffer) < _PREFIX + size:
                break
            body = bytes(self._buffer[_PREFIX : _PREFIX + size])
            del self._buffer[: _PREFIX + size]
            frames.append(_parse(body))
        return frames


def _parse(body: bytes) -> dict[str, Any]:
    try:
        frame = json.loads(body)
    except (ValueError, RecursionError) as wrong:
        raise FrameError(f"a frame is not JSON: {wrong}") from wrong
    if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
        raise FrameError("a frame is not an object with a type")
    return frame
