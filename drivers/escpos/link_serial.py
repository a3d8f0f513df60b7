"""Owns the serial line to a printer, with flow control that works: RTS/CTS (a cable that joins the printer's DTR to our CTS) or XON/XOFF.

pyserial sets the line up; reading and writing go to its descriptor, with deadlines. Without flow control a printer drops what its buffer of
as little as 45 bytes cannot take, so there is no such setting.
"""

from __future__ import annotations

import struct
import termios
import time
from errno import EBUSY
from fcntl import ioctl
from typing import Literal

from drivers.escpos.link import DescriptorLink, open_trouble
from posagent.errors import DeviceBusy, DeviceError

_DRAIN_S = 0.1
TIOCOUTQ = 0x5411  # asm-generic/ioctls.h: bytes that have not left the port


def open_serial(name: str, node: str, baud: int, flow: Literal["rtscts", "xonxoff"]) -> DescriptorLink:
    """Opens the port for this process alone. Raises DeviceError."""
    import serial

    try:
        port = serial.Serial(node, baud, timeout=0, write_timeout=0, rtscts=flow == "rtscts", xonxoff=flow == "xonxoff", exclusive=True)
    except serial.SerialException as trouble:
        number = trouble.errno if isinstance(trouble.errno, int) else None
        cause = trouble.__context__
        if number is None and isinstance(cause, OSError):
            number = cause.errno
        if number is None and "exclusively lock" in str(trouble):
            number = EBUSY
        if number is not None:
            raise open_trouble(name, node, OSError(number, str(trouble))) from None
        raise DeviceError(f"{name}: cannot open {node}: {trouble}; check the cable and the settings", code="E200") from None
    except ValueError as wrong:
        raise DeviceBusy(f"{name}: {node}: {wrong}", code="E218") from None
    fd = port.fileno()
    try:
        for flow_command in (termios.TCOOFF, termios.TCOON):  # an XOFF from before says nothing of now; TCOON alone only undoes TCOOFF
            termios.tcflow(fd, flow_command)
    except termios.error as trouble:
        port.close()
        raise open_trouble(name, node, OSError(*trouble.args)) from None

    def queued() -> int:
        return int(struct.unpack("i", ioctl(fd, TIOCOUTQ, b"\0" * 4))[0])

    def shut() -> None:
        """Closing a port waits half a minute for what a printer does not take: what is still here after a moment is dropped first."""
        end = time.monotonic() + _DRAIN_S
        try:
            while queued() and time.monotonic() < end:
                time.sleep(_DRAIN_S / 10)
            termios.tcflush(fd, termios.TCOFLUSH)
        except (OSError, termios.error):  # unplugged
            pass
        port.close()

    return DescriptorLink(name, fd, shut, queued=queued)
