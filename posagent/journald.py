"""Owns how log lines reach systemd's journal: natively, with fields to search by, and no more of one kind than anybody reads.

    journalctl -u posagent POSAGENT_CODE=E210          every time the paper ran out
    journalctl -u posagent POSAGENT_DEVICE=front       everything of one device

A code (E210) and a device come with the record (``extra={"code": …, "device": …}``) or from the error that it carries. Where stderr is not
the journal's, lines go to stderr as before.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

SOCKET = "/run/systemd/journal/socket"
FIRST, EVERY_S, FORGET_S = 5, 60.0, 600.0
"""Of one kind the first five lines pass, then one a minute with the number of those that did not; after ten quiet minutes it begins anew."""
MOST_KINDS = 512
MOST_BYTES = 48_000
"""A datagram larger than the socket's buffer would be refused whole."""
_FAMILY = uuid.UUID("6e1f3ce2-6f0c-5d0c-9b0b-3c6f2d1f7a10")
_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


def message_id(code: str) -> str:
    """The journal's name of a code, the same on every register: 32 hex digits (journalctl MESSAGE_ID=…)."""
    return uuid.uuid5(_FAMILY, code).hex


def encode(fields: dict[str, str]) -> bytes:
    """The native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): ``NAME=value``, or with a newline inside ``NAME``, length, value."""
    out = bytearray()
    for name, value in fields.items():
        raw = value.encode("utf-8", "replace")
        if b"\n" in raw:
            out += name.encode() + b"\n" + struct.pack("<Q", len(raw)) + raw + b"\n"
        else:
            out += name.encode() + b"=" + raw + b"\n"
    return bytes(out)


class JournalHandler(logging.Handler):
    """Sends records to the journal. Never raises and never waits: a line that the journal does not take now is lost, a sale is not."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        self._socket.connect(address)
        self.setFormatter(logging.Formatter("%(message)s"))  # level and logger are fields; without it basicConfig would put them in front

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._socket.send(encode(fields_of(record, self.format(record))))
        except OSError:
            return

    def close(self) -> None:
        self._socket.close()
        super().close()


def fields_of(record: logging.LogRecord, message: str) -> dict[str, str]:
    """What the journal keeps of a record."""
    fields = {
        "MESSAGE": message[:MOST_BYTES],
        "PRIORITY": str(next((priority for level, priority in _PRIORITIES if record.levelno >= level), 7)),
        "SYSLOG_IDENTIFIER": "posagent",
        "LOGGER": record.name,
        "THREAD_NAME": record.threadName or "",
    }
    if code := code_of(record):
        fields |= {"POSAGENT_CODE": code, "MESSAGE_ID": message_id(code)}
    if device := getattr(record, "device", ""):
        fields["POSAGENT_DEVICE"] = str(device)
    return fields


def code_of(record: logging.LogRecord) -> str:
    """The code of the record itself, else of the exception that it carries, else of a trouble among its arguments; "" for none."""
    if code := getattr(record, "code", ""):
        return str(code)
    carried = [record.exc_info[1]] if record.exc_info else []
    values = record.args if isinstance(record.args, tuple) else ()
    return next((str(one.code) for one in (*carried, *values) if isinstance(one, Exception) and hasattr(one, "code")), "")


@dataclass(slots=True)
class _Kind:
    passed: int = 0
    held: int = 0
    seen: float = 0.0
    told: float = 0.0


class RateLimit(logging.Filter):
    """Lets of one kind (its code, or its text before the values are put in, and its device) only so many pass. Any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """What never repeats harmlessly (CRITICAL, a trace) always passes."""
        if record.levelno >= logging.CRITICAL or record.exc_info:
            return True
        code = code_of(record)
        with self._lock:
            held = self._count((code or f"{record.name} {record.msg}", str(getattr(record, "device", ""))))
        if held is None:
            return False
        if held:
            record.msg = f"{record.getMessage()} (and {held} more like this)"
            record.args = ()
        return True

    def _count(self, name: tuple[str, str]) -> int | None:
        """None: not now; else how many were held back since the last one of this kind."""
        now = self._clock()
        kind = self._kinds.get(name)
        if kind is None or now - kind.seen > FORGET_S:
            if len(self._kinds) >= MOST_KINDS:
                del self._kinds[min(self._kinds, key=lambda other: self._kinds[other].seen)]
            kind = self._kinds[name] = _Kind()
        kind.seen = now
        if kind.passed >= FIRST and now - kind.told < EVERY_S:
            kind.held += 1
            return None
        held, kind.held = kind.held, 0
        kind.passed += 1
        kind.told = now
        return held


def set_up(level: int) -> None:
    """Sends the log to the journal where stderr is the journal's (systemd.exec(5), $JOURNAL_STREAM), else to stderr."""
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    if stderr_is_the_journal():
        try:
            handler = JournalHandler(SOCKET)
        except OSError:  # the journal restarts: its stream on stderr goes on
            pass
        else:
            handler.addFilter(RateLimit())
    logging.basicConfig(level=level, handlers=[handler])


def stderr_is_the_journal() -> bool:
    """Whether systemd connected stderr to the journal itself, and nobody has redirected it since."""
    try:
        status = os.fstat(2)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
