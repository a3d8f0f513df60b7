"""Owns the CUPS backend `posagent:`: a queue keeps its name, and its jobs go through the capture printer. Standard library only.

    lpadmin -p receipts -v posagent://127.0.0.1:9100      (the capture printer's `listen`; posagent:/run/posagent/tty/receipt for a pty)

CUPS starts it once for each job, as user lp. What becomes of a job (backend(7)):

    0 done    every byte was taken, and the printer's side closed in its own time
    6 retry   nothing was sent: nobody listens yet. CUPS tries again
    3 hold    something was sent and the end is not known: a person decides. Never tried again by itself, or a receipt would come out twice
    4 stop    the queue's address is wrong
    1 failed  the job's own file cannot be read
"""

from __future__ import annotations

import os
import re
import select
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO

OK, FAILED, HOLD, STOP, RETRY = 0, 1, 3, 4, 6
CONNECT_S = 10.0
STALLED_S = 300.0
"""A printer without paper takes nothing; after so long a person is asked."""
CLOSING_S = 30.0
BACK_CHANNEL = 3
CHUNK = 16384
_LISTED = 'direct posagent "Unknown" "posagent capture printer" "" ""'


def main(argv: Sequence[str] | None = None) -> int:
    """As CUPS calls it: nothing (lists itself), or job, user, title, copies, options and, maybe, a file."""
    given = list(sys.argv if argv is None else argv)
    if len(given) == 1:
        sys.stdout.write(_LISTED + "\n")
        return OK
    if len(given) not in {6, 7}:
        _say("ERROR", "usage: posagent job user title copies options [file]; with DEVICE_URI=posagent://HOST:PORT")
        return FAILED
    uri = os.environ.get("DEVICE_URI", given[0])
    target = target_of(uri)
    if target is None:
        _say("ERROR", f"{uri} is no address of a capture printer; lpadmin -p QUEUE -v posagent://127.0.0.1:9100 sets one")
        return STOP
    if len(given) == 6:
        return send(target, [sys.stdin.buffer])
    copies = int(given[4]) if given[4].isdecimal() else 1
    try:
        with open(given[6], "rb") as file:
            return send(target, [file] * max(1, min(copies, 100)))
    except OSError as trouble:
        _say("ERROR", f"{given[6]} cannot be read: {trouble.strerror}")
        return FAILED


def target_of(uri: str) -> tuple[str, int] | str | None:
    """posagent://HOST:PORT or posagent:/HOST:PORT is an address, posagent:/path a serial port of the capture printer's own."""
    found = re.fullmatch(r"posagent:/{1,2}(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):(\d{1,5})/?", uri)
    if found:
        return (found[1].strip("[]"), int(found[2])) if 0 < int(found[2]) < 65536 else None
    path = re.fullmatch(r"posagent:(?://)?(/[^?#]+)", uri)
    return path[1] if path else None


def send(target: tuple[str, int] | str, parts: Sequence[BinaryIO]) -> int:
    """One job."""
    try:
        link = _Tcp(target) if isinstance(target, tuple) else _Port(target)
    except OSError as trouble:
        _say("STATE", "+connecting-to-device")
        _say("INFO", f"the capture printer at {target} does not answer ({trouble.strerror or trouble}); is posagent running?")
        return RETRY
    _say("STATE", "-connecting-to-device")
    sent = 0
    try:
        for part in parts:
            with suppress(OSError):
                part.seek(0)
            while raw := part.read(CHUNK):
                while raw:
                    count = link.write(raw)
                    sent += count
                    raw = raw[count:]
        link.finish()
    except OSError as trouble:
        if not sent:
            _say("INFO", f"the connection was closed before anything was sent ({trouble.strerror or trouble})")
            return RETRY
        why = trouble.strerror or trouble
        _say("ERROR", f"{sent} bytes were sent, then the line broke ({why}): look what came out, then release or cancel the job")
        return HOLD
    finally:
        link.close()
    _say("INFO", f"{sent} bytes were taken")
    return OK


class _Line:
    """One descriptor; what comes back goes to CUPS' back channel."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.set_blocking(descriptor, False)
        self._poll = select.poll()

    def write(self, raw: bytes) -> int:
        deadline = time.monotonic() + STALLED_S
        while True:
            self._poll.register(self._descriptor, select.POLLIN | select.POLLOUT)
            ready = dict(self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000)).get(self._descriptor, 0)
            if not ready:
                raise TimeoutError("nothing was taken for 5 minutes")
            if ready & select.POLLIN:
                self._listen()
            if ready & (select.POLLOUT | select.POLLERR | select.POLLHUP):
                with suppress(BlockingIOError):
                    return os.write(self._descriptor, raw)

    def _listen(self) -> bytes:
        """What came; b"": the other side has closed."""
        with suppress(BlockingIOError):
            raw = os.read(self._descriptor, CHUNK)
            with suppress(OSError):
                os.write(BACK_CHANNEL, raw)
            if not raw:
                raise ConnectionResetError("the printer's side closed the connection")
            return raw
        return b""


class _Tcp(_Line):
    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, CONNECT_S)
        super().__init__(self._socket.fileno())

    def finish(self) -> None:
        """Says that all is said, and waits until the printer's side says so too. A reset now means that something may be lost."""
        self._socket.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + CLOSING_S
        self._poll.register(self._descriptor, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0:
            if not self._poll.poll(left * 1000):
                return
            with suppress(BlockingIOError):
                raw = os.read(self._descriptor, CHUNK)
                if not raw:
                    return
                with suppress(OSError):
                    os.write(BACK_CHANNEL, raw)

    def close(self) -> None:
        self._socket.close()


class _Port(_Line):
    def __init__(self, path: str) -> None:
        super().__init__(os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))

    def finish(self) -> None:
        """A serial line has no end that could be told."""

    def close(self) -> None:
        os.close(self._descriptor)


def _say(level: str, text: str) -> None:
    sys.stderr.write(f"{level}: {text}\n")


if __name__ == "__main__":
    sys.exit(main())
