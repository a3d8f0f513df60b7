"""Owns cash drawers that hang on a printer's drawer connector and have a line of their own to us.

A drawer on a slip printer that the agent itself prints on is opened through that printer (`EscposPrinter.kick_drawer`): two programs, or
two connections, on one printer get in each other's way. Source: ESC p of Epson's ESC/POS reference (m = 0 or 1, times in units of 2 ms).
"""

from __future__ import annotations

from drivers.escpos.link import Link
from drivers.escpos.printer import drawer_pulse
from posagent.errors import DeviceTimeout, SettingsError
from posagent.ports import Drawer, Driver, Option, Options

_OPEN_S = 3.0


class PulseDrawer:
    """See `posagent.ports.Drawer`."""

    def __init__(self, name: str, link: Link, connector: int, on_ms: int) -> None:
        self._name, self._link, self._pulse = name, link, drawer_pulse(connector, on_ms)

    def open(self, timeout_s: float) -> None:
        """One pulse, never repeated: a drawer that opens by itself later frightens people. Raises DeviceTimeout when it could not be sent."""
        if self._link.write(self._pulse, self._link.now() + timeout_s) < len(self._pulse):
            raise DeviceTimeout(f"{self._name}: the line is full; the drawer was not opened. Is the printer out of paper?", code="E213")

    def close(self) -> None:
        """See the port."""
        self._link.close()


def _open(name: str, options: Options) -> Drawer:
    link: Link
    if options["host"]:
        from drivers.escpos.link_tcp import open_tcp

        link = open_tcp(name, options["host"], options["port"], _OPEN_S)
    elif options["node"].startswith("/dev/tty"):
        from drivers.escpos.link_serial import open_serial

        link = open_serial(name, options["node"], options["baud"], "rtscts")
    elif options["node"]:
        from drivers.escpos.link_lp import open_lp

        link = open_lp(name, options["node"])
    else:
        raise SettingsError(f"{name}: give host = \"…\" or node = \"/dev/…\"")
    return PulseDrawer(name, link, options["connector"], options["on_ms"])


DRIVER = Driver(
    name="drawer-escpos",
    kind="drawer",
    title="cash drawer on the connector of an ESC/POS printer",
    maturity="experimental",
    source="Epson ESC/POS command reference, ESC p",
    options={
        "host": Option(str, "the printer's address, where it is on the network", default=""),
        "port": Option(int, "its port", default=9100, minimum=1, maximum=65535),
        "node": Option(str, "/dev/usb/lpN or a serial port, where it is not", default=""),
        "baud": Option(int, "of a serial port", default=38400, minimum=1200, maximum=921600),
        "connector": Option(int, "pin 2 (0) or pin 5 (1)", default=0, choices=(0, 1)),
        "on_ms": Option(int, "length of the pulse", default=100, minimum=2, maximum=500),
    },
    open=_open,
)
