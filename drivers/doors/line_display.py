"""Owns the driver `line-display`: what a POS shows its customer, either passed on to the real display, or overheard on its line.

::

    POS ──► listen (a pty of ours) ──► forward (the real display)     pass-through: the POS's settings name our port
    POS ───────────┬─────────────────► the real display               tap: TX and ground of a second cable go to `tap`, nothing is ever sent
                   └──► tap

The display's own answers go back to the POS. A real display that is missing does not stop the till: what would be shown is lost on it, and
read all the same; it is looked for again.
"""

from __future__ import annotations

import logging
import select
import time
from collections.abc import Sequence

from drivers.doors.ends import End, open_node, open_pty
from drivers.doors.options import PROFILE
from posagent.errors import DeviceError, DeviceMissing, SettingsError
from posagent.ports import CapturedSale, Carries, Driver, Heard, Option, Options, Understand

_log = logging.getLogger(__name__)
SETTLED_S = 0.15
"""What has stood for so long is what the customer reads; before that a line may be half written (20 cells at 1200 baud: 0.17 s)."""
AGAIN_S = 5.0
"""A missing display is looked for so often."""


class DisplayTap:
    """See `posagent.ports.SaleDoor` and `ByteDoor`."""

    carries: Carries = "display"

    def __init__(self, name: str, options: Options) -> None:
        self._name, self._options = name, options
        if bool(options["listen"]) == bool(options["tap"]):
            raise SettingsError(f"{name}: give either listen = \"/run/posagent/tty/display\" (pass-through) or tap = \"/dev/serial/by-id/…\"")
        self._understand: Understand = lambda _raw, _moment: Heard()
        self._display: End | None = None
        self._look_at = 0.0
        self._settled = True
        self._heard = 0.0
        if options["listen"]:
            self._pos = open_pty(name, options["listen"])
        else:
            self._pos = open_node(name, options["tap"], options["baud"], listen_only=True)

    def understand_with(self, understand: Understand) -> None:
        """See `posagent.ports.ByteDoor`."""
        self._understand = understand

    def read(self, timeout_s: float) -> Sequence[CapturedSale]:
        """See the port. Raises DeviceMissing when the tapped line is gone."""
        deadline = time.monotonic() + timeout_s
        while (now := time.monotonic()) < deadline:
            if self._options["forward"] and self._display is None and now >= self._look_at:
                self._find_display(now)
            if not self._settled and now - self._heard >= SETTLED_S:
                self._settled = True
                if sales := self._understand(b"", "silence").sales:
                    return sales
            wait_s = deadline - now
            if not self._settled:
                wait_s = min(wait_s, self._heard + SETTLED_S - now)
            self._turn(max(0.0, wait_s))
        return ()

    def close(self) -> None:
        """See the port."""
        self._pos.close()
        if self._display is not None:
            self._display.close()
            self._display = None

    def _turn(self, wait_s: float) -> None:
        poll = select.poll()
        poll.register(self._pos.descriptor, select.POLLIN)
        if self._display is not None:
            poll.register(self._display.descriptor, select.POLLIN)
        ready = dict(poll.poll(wait_s * 1000))
        if self._display is not None and self._display.descriptor in ready:
            self._answer(self._display)
        if self._pos.descriptor in ready:
            self._hear()

    def _hear(self) -> None:
        try:
            raw = self._pos.read()
        except OSError:
            raw = b""
        if raw == b"":
            raise DeviceMissing(f"{self._name}: the line of the display is gone; check the cable at {self._options['tap']}", code="E304")
        if not raw:
            return
        if self._display is not None:
            self._show(self._display, raw)
        self._understand(raw, "bytes")
        self._settled, self._heard = False, time.monotonic()

    # ------------------------------------------------------------ the real display

    def _find_display(self, now: float) -> None:
        try:
            self._display = open_node(self._name, self._options["forward"], self._options["baud"])
            _log.info("%s: the display %s is there", self._name, self._options["forward"])
        except DeviceError as trouble:
            if self._look_at == 0.0:
                _log.warning("%s: %s; totals are read all the same", self._name, trouble)
            self._look_at = now + AGAIN_S

    def _show(self, display: End, raw: bytes) -> None:
        """What a slow or stopped display does not take is not shown: the POS must not wait for it."""
        try:
            while raw:
                sent = display.write(raw)
                raw = raw[sent:]
                if raw and not select.select([], [display.descriptor], [], 0.2)[1]:
                    return
        except OSError:
            self._lose_display()

    def _answer(self, display: End) -> None:
        try:
            raw = display.read()
            if raw:
                self._pos.write(raw)
            elif raw == b"":
                self._lose_display()
        except OSError:
            self._lose_display()

    def _lose_display(self) -> None:
        if self._display is not None:
            _log.warning("%s: the display %s went away; totals are read all the same", self._name, self._options["forward"])
            self._display.close()
            self._display = None
            self._look_at = time.monotonic() + AGAIN_S


def _open(name: str, options: Options) -> DisplayTap:
    return DisplayTap(name, options)


DRIVER = Driver(
    name="line-display",
    kind="sale_door",
    title="the POS's customer display: passed on, or overheard",
    maturity="experimental",
    source="Epson DM-D command reference; CD5220 command table",
    options={
        "listen": Option(str, "pass-through: the path of a serial port to make; the POS's settings name it as its display", ""),
        "tap": Option(str, "overhear: the serial port at which a receive-only cable ends", ""),
        "forward": Option(str, "pass-through: the real display's serial port; empty: there is none", ""),
        "baud": Option(int, "of the real line", 9600, minimum=1200, maximum=115200),
        **PROFILE,
    },
    open=_open,
)
