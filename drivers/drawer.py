"""Owns cash drawers on the drawer connector of an ESC/POS printer: one pulse at a time, with a rest between two, and the sensor.

    ESC p m t1 t2    1B 70, connector (0: pin 2, 1: pin 5), on and off in units of 2 ms. All five bytes: a shorter form makes some
                     printers swallow what follows, so that every second pulse fails (node-escpos issue 151)
    DLE EOT 1        bit 2 is the level of pin 3; which level means open depends on the drawer

Nothing in the agent opens a drawer by itself: the POS does, and a technician's test (`posagent print drawer`). Every pulse is in the log.
The connector has a line of its own to us; a printer that takes one connection at a time cannot be printed on and kicked at once.
Source: Epson ESC/POS reference, ESC p and DLE EOT.
"""

from __future__ import annotations

import logging

from drivers.escpos.link import Link
from drivers.escpos.status import RealTime, StatusParser
from posagent.errors import DeviceBusy, DeviceTimeout, SettingsError
from posagent.ports import Drawer, Driver, Option, Options

_log = logging.getLogger(__name__)
_OPEN_S = 3.0
REST_S = 3.0
"""Between two pulses: a stuck key or a looping program shall not burn the solenoid, nor throw the drawer at somebody."""


class PulseDrawer:
    """See `posagent.ports.Drawer`. ``open_is_high``: pin 3 is high while the drawer is open; None: it has no sensor."""

    def __init__(self, name: str, link: Link, connector: int, on_ms: int, open_is_high: bool | None = None) -> None:
        self._name, self._link, self._connector, self._open_is_high = name, link, connector, open_is_high
        self._pulse = drawer_pulse(connector, on_ms)
        self._rested_at = link.now()

    def open(self, timeout_s: float) -> None:
        """One pulse, never repeated: a drawer that opens by itself later frightens people. Raises DeviceBusy within three seconds of the
        last one, DeviceTimeout when it could not be sent."""
        now = self._link.now()
        if now < self._rested_at:
            _log.warning("%s: a pulse within %d s of the last one was refused", self._name, REST_S)
            raise DeviceBusy(f"{self._name}: the drawer was opened just now; wait three seconds", code="E302")
        self._rested_at = now + REST_S
        if self._link.write(self._pulse, now + timeout_s) < len(self._pulse):
            raise DeviceTimeout(f"{self._name}: the line is full; the drawer was not opened. Is the printer out of paper?", code="E213")
        _log.info("%s: pulse on connector %d", self._name, self._connector)

    def is_open(self, timeout_s: float) -> bool | None:
        """See the port."""
        if self._open_is_high is None or not self._link.speaks:
            return None
        deadline = self._link.now() + timeout_s
        while self._link.read(self._link.now()):  # what was said before
            pass
        question = b"\x10\x04\x01"
        if self._link.write(question, deadline) < len(question):
            return None
        parser = StatusParser()
        while data := self._link.read(deadline):
            for frame in parser.feed(data):
                if isinstance(frame, RealTime):
                    return bool(frame.byte & 0x04) == self._open_is_high
        return None

    def close(self) -> None:
        """See the port."""
        self._link.close()


def drawer_pulse(connector: int, on_ms: int) -> bytes:
    """ESC p with both times."""
    return bytes([0x1B, 0x70, connector & 1, min(max(on_ms // 2, 1), 255), 250])


def _open(name: str, options: Options) -> Drawer:
    link: Link
    if options["host"]:
        from drivers.escpos.link_tcp import open_tcp

        link = open_tcp(name, options["host"], options["port"], _OPEN_S)
    elif options["node"].startswith("/dev/usb/"):
        from drivers.escpos.link_lp import open_lp

        link = open_lp(name, options["node"])
    elif options["node"]:
        from drivers.escpos.link_serial import open_serial

        link = open_serial(name, options["node"], options["baud"], "rtscts")
    else:
        raise SettingsError(f"{name}: give host = \"…\" or node = \"/dev/…\"")
    level = {"high": True, "low": False, "none": None}[options["open_level"]]
    return PulseDrawer(name, link, options["connector"], options["on_ms"], level)


DRIVER = Driver(
    name="drawer-escpos",
    kind="drawer",
    title="cash drawer on the connector of an ESC/POS printer",
    maturity="experimental",
    source="Epson ESC/POS command reference, ESC p and DLE EOT",
    options={
        "host": Option(str, "the printer's address, where it is on the network", default=""),
        "port": Option(int, "its port", default=9100, minimum=1, maximum=65535),
        "node": Option(str, "/dev/usb/lpN or a serial port, where it is not", default=""),
        "baud": Option(int, "of a serial port", default=38400, minimum=1200, maximum=921600),
        "connector": Option(int, "pin 2 (0) or pin 5 (1)", default=0, choices=(0, 1)),
        "on_ms": Option(int, "length of the pulse", default=100, minimum=2, maximum=500),
        "open_level": Option(str, "level of the sensor's pin while the drawer is open; none: no sensor", default="high",
                             choices=("high", "low", "none")),
    },
    open=_open,
)  # fmt: skip
