"""Owns the driver `capture-printer`: a virtual ESC/POS printer between a POS and its real printer, and what is understood of what it prints.

The bytes are carried by a process of its own (`drivers.doors.relay`), which nothing that this one computes can hold up; here they are only
read, afterwards. When this process dies, so does the relay: nobody prints past an agent that does not read.
"""

from __future__ import annotations

import json
import logging
import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from drivers.doors.options import READING
from drivers.doors.relay_link import LONGEST, trouble_of
from posagent.errors import DeviceMissing, DeviceTimeout, PosagentError, SettingsError
from posagent.ports import CapturedSale, Carries, Driver, Heard, Moment, Option, Options, Understand

_log = logging.getLogger(__name__)
OPEN_S = 15.0
"""A process's start on a busy register, and its ports."""
SEND_S = 1.0
ASK_S, HANGS_S = 5.0, 10.0
"""After so long a silence the relay is asked whether it is there; one that does not answer for so long is replaced."""
CLOSE_S = 0.8
_RELAY = "the process that carries the POS's bytes"


class CapturePrinter:
    """See `posagent.ports.SaleDoor` and `ByteDoor`."""

    carries: Carries = "printer"

    def __init__(self, name: str, options: Options) -> None:
        """Raises DeviceError or SettingsError where the POS could not print."""
        if options["slips"] and not options["forward"]:
            raise SettingsError(f"{name}: slips needs a real printer; say which one in `forward`")
        self._name = name
        self._understand: Understand = lambda _raw, _moment: Heard()
        self._heard = time.monotonic()
        self._asked: float | None = None
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._link.settimeout(SEND_S)
        with theirs:
            alone = ["-I", "-X", "utf8"] if sys.flags.isolated else []  # as we were started: nothing of the current folder is run
            words = [sys.executable, *alone, "-m", "drivers.doors.relay", str(theirs.fileno())]
            try:
                self._relay = subprocess.Popen(words, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
            except OSError as trouble:
                self._link.close()
                raise DeviceMissing(f"{name}: cannot be started ({trouble}); check memory and the installation", code="E305") from trouble
        try:
            self._say(json.dumps({"name": name, "options": dict(options)}).encode())
            if (word := self._next(OPEN_S)) is None:
                raise DeviceTimeout(f"{name}: its process did not start within {OPEN_S:.0f} s; it is started again", code="E305")
            self._take(word)
        except PosagentError:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The process that carries the bytes."""
        return self._relay.pid

    def understand_with(self, understand: Understand) -> None:
        """See `posagent.ports.ByteDoor`."""
        self._understand = understand

    def read(self, timeout_s: float) -> Sequence[CapturedSale]:
        """See the port. Raises DeviceMissing when the real printer cannot be reached, after all that was printed before was told."""
        deadline = time.monotonic() + timeout_s
        while (word := self._next(max(0.0, deadline - time.monotonic()))) is not None:
            sales = self._take(word)
            if sales or time.monotonic() >= deadline:
                return sales
        self._look_after()
        return ()

    def close(self) -> None:
        """See the port. What the POS printed until now is still read."""
        deadline = time.monotonic() + CLOSE_S
        with suppress(OSError):
            self._link.shutdown(socket.SHUT_WR)
        with suppress(PosagentError):  # it ended, or told its trouble as we wanted to close
            while word := self._next(max(0.0, deadline - time.monotonic())):
                self._take(word)
        self._link.close()
        try:
            self._relay.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._relay.kill()
            self._relay.wait()

    def _next(self, timeout_s: float) -> bytes | None:
        """The relay's next word; None after so long. Raises DeviceMissing when it has ended."""
        poll = select.poll()
        poll.register(self._link, select.POLLIN)
        if not poll.poll(timeout_s * 1000):
            return None
        try:
            word = self._link.recv(LONGEST)
        except ConnectionResetError:  # it ended without having heard our last word; its own are still there
            word = self._link.recv(LONGEST)
        if not word:
            raise DeviceMissing(f"{self._name}: {_RELAY} ended; it is started again, print once more", code="E305")
        self._heard, self._asked = time.monotonic(), None
        return word

    def _take(self, word: bytes) -> Sequence[CapturedSale]:
        match word[:1]:
            case b"b":
                return self._understood(word[1:], "bytes")
            case b"s":
                return self._understood(b"", "silence")
            case b"c":
                return self._understood(b"", "closed")
            case b"t":
                raise trouble_of(word)
            case b"w":
                _log.warning("%s", word[1:].decode())
            case b"i":
                _log.info("%s", word[1:].decode())
        return ()

    def _understood(self, raw: bytes, moment: Moment) -> Sequence[CapturedSale]:
        heard = self._understand(raw, moment)
        self._say(b"u" + (b"1" if heard.between else b"0") + heard.modes)
        return heard.sales

    def _say(self, word: bytes) -> None:
        with suppress(OSError):  # it has ended: that is what it says next
            self._link.send(word)

    def _look_after(self) -> None:
        now = time.monotonic()
        if self._asked is None and now - self._heard >= ASK_S:
            self._asked = now
            self._say(b"?")
        elif self._asked is not None and now - self._asked >= HANGS_S:
            raise DeviceTimeout(f"{self._name}: {_RELAY} hangs; it is started again, print once more", code="E305")


DRIVER = Driver(
    name="capture-printer",
    kind="sale_door",
    title="virtual receipt printer between the POS and its printer",
    maturity="experimental",
    source="raw printing on TCP 9100; Epson ESC/POS command reference",
    options={
        "listen": Option(str, "where the POS prints to: host:port of this machine, or the path of a serial port to make", required=True),
        "forward": Option(str, "the real printer: host:port or a device node; empty: there is none, nothing is printed or answered", ""),
        "slips": Option(str, "a socket to make, where our own slip printer (driver captured-printer) takes its turn; empty: none does", ""),
        "peer": Option(str, "accept only this address (empty: any that can reach `listen`)", ""),
        "baud": Option(int, "of a real printer on a serial line", 9600, minimum=1200, maximum=115200),
        **READING,
    },
    open=CapturePrinter,
)
