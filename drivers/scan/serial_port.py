"""Owns the driver `serial`: scanners on RS-232, USB-CDC and Bluetooth SPP ports, through pyserial.

pyserial opens and sets the port; reading is ours, for two reasons: its read with a time-out hands a scan over only when the whole time-out
is gone (measured on a pty), and every change of its time-out sets the port anew without PARMRK. RTS and DTR are raised on open, because
some hosts' scanners wait for CTS (Nixdorf B).
"""

from __future__ import annotations

import errno
import fcntl
import termios
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from drivers.scan.device_nodes import read_node, read_scans
from drivers.scan.options import BYTE_STREAM, stream_assembler
from drivers.scan.parity_marks import BAD_BYTE, ParityMarks
from drivers.scan.ssi import SsiSplitter
from posagent.errors import DeviceBusy, DeviceError, DeviceForbidden, DeviceMissing
from posagent.ports import Driver, Found, Option, Options, Scan

if TYPE_CHECKING:
    from serial import Serial

FORMATS = ("8N1", "8E1", "8O1", "8N2", "7E1", "7O1", "7N1", "7N2", "7E2", "7O2", "7S1", "7S2", "7M1", "7M2")
BAUDS = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)

SETTLE_S = 0.05
SETTLE_LIMIT_S = 1.0


def pause_for(baud: int) -> int:
    """Milliseconds of silence that end a code without a terminator: FTDI adapters deliver in chunks of 16 ms, so 50 ms and ten characters."""
    return 50 + -(-100_000 // baud)


class SerialScanner:
    """One open port. `posagent.ports.Scanner`."""

    def __init__(self, name: str, options: Options) -> None:
        self._name = name
        self._path = str(options["port"])
        self._port = open_port(name, self._path, options["baud"], options["format"])
        self._descriptor = self._port.fileno()
        self._marks = ParityMarks() if mark_bad_bytes(self._port) else None
        # With a terminator due, a pause only tells a broken scan from a slow one: Bluetooth and USB hubs stall for longer than adapters do.
        pause = pause_for(options["baud"]) if options["terminator"] == "none" else 250
        self._assembler, splitter = stream_assembler(options, pause_ms=pause)
        self._ssi = splitter if isinstance(splitter, SsiSplitter) else None
        try:
            self._settle()
        except DeviceError:
            self.close()
            raise

    def read(self, timeout_s: float) -> Sequence[Scan]:
        return read_scans(self._name, self._descriptor, 4096, self, timeout_s)

    def close(self) -> None:
        try:
            self._port.close()
        except (OSError, termios.error):  # unplugged: the descriptor is gone already
            return

    def feed(self, chunk: bytes, now_ns: int) -> list[Scan]:
        """The parser of `device_nodes.read_scans`: marks of the line, then the assembler, then the answers it owes."""
        if self._marks is None:
            scans = self._assembler.feed(chunk, now_ns)
        else:
            scans = []
            for run in self._marks.split(chunk):
                scans += self._assembler.damage(BAD_BYTE, now_ns) if run is None else self._assembler.feed(run, now_ns)
        self._answer()
        return scans

    def idle(self, now_ns: int) -> list[Scan]:
        scans = self._assembler.idle(now_ns)
        self._answer()
        return scans

    def wait_s(self, now_ns: int, longest_s: float) -> float:
        return self._assembler.wait_s(now_ns, longest_s)

    def _settle(self) -> None:
        """Throws away until a short silence: opened in the middle of a scan, its tail must not pass for a whole one."""
        give_up = time.monotonic() + SETTLE_LIMIT_S
        while read_node(self._name, self._descriptor, 4096, SETTLE_S) and time.monotonic() < give_up:
            continue

    def _answer(self) -> None:
        """Sends what SSI owes."""
        if not self._ssi or not (reply := self._ssi.take_reply()):
            return
        try:
            self._port.write(reply)
        except OSError as gone:
            raise DeviceMissing(f"{self._name}: cannot answer on {self._path} ({gone}); plug it in again") from gone


def open_port(name: str, path: str, baud: int, frame_format: str) -> Serial:
    """Opens for ourselves alone, DTR and RTS raised. What was received before is thrown away by pyserial.

    Raises DeviceMissing, DeviceBusy, DeviceForbidden or DeviceError.
    """
    from serial import Serial

    try:
        port = Serial(
            path, baud, bytesize=int(frame_format[0]), parity=frame_format[1], stopbits=int(frame_format[2]),
            timeout=0.5, write_timeout=0.5, exclusive=True, rtscts=False, dsrdtr=False,
        )
    except (OSError, ValueError, termios.error) as trouble:
        raise open_trouble(name, path, trouble) from trouble
    try:
        fcntl.ioctl(port.fileno(), termios.TIOCEXCL)  # pyserial's lock is advisory; this one refuses every later open
        port.rts = True
        port.dtr = True
    except OSError as trouble:
        if trouble.errno not in {errno.ENOTTY, errno.EINVAL}:  # a pty has no modem lines
            port.close()
            raise open_trouble(name, path, trouble) from trouble
    return port


def open_trouble(name: str, path: str, trouble: Exception) -> DeviceError:
    """Sorts what an open of a device node raised by who must act."""
    from drivers.scan.holders import held_by

    code = getattr(trouble, "errno", None)
    if code in {errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO}:
        return DeviceMissing(f"{name}: {path} is not there; plug the scanner in, or see `posagent devices` for its port")
    if code in {errno.EACCES, errno.EPERM}:
        return DeviceForbidden(f"{name}: permission denied on {path}; add user posagent to that node's group (usually dialout)")
    if code in {errno.EBUSY, errno.EAGAIN}:
        holder = held_by(path) or "another program"
        return DeviceBusy(f"{name}: {path} is used by {holder}; stop it, or give posagent another port")
    return DeviceError(f"{name}: cannot open {path}: {trouble}; check port, baud and format in its settings")


def mark_bad_bytes(port: Serial) -> bool:
    """Asks the terminal layer to mark bytes with parity and framing errors (PARMRK): the second tell a wrong speed even without parity.

    False where that is not possible.
    """
    try:
        settings = termios.tcgetattr(port.fileno())
        settings[0] = (settings[0] | termios.INPCK | termios.PARMRK) & ~(termios.IGNPAR | termios.ISTRIP)
        termios.tcsetattr(port.fileno(), termios.TCSANOW, settings)
        return bool(termios.tcgetattr(port.fileno())[0] & termios.PARMRK)
    except termios.error:
        return False


def find() -> Iterable[Found]:
    """Serial ports that are USB devices of scanner makers, and unassigned ones to choose from; nothing is opened."""
    from drivers.scan.serial_found import serial_ports

    return serial_ports()


DRIVER = Driver(
    name="serial",
    kind="scanner",
    title="scanner on a serial port (RS-232, USB-CDC, Bluetooth SPP)",
    maturity="tested",
    source="LS4208 PRG table 6-2; Denso Wave AT20Q/QK20 manual 9.4; Honeywell 4820 manual 2-2; SE-923 guide (SSI); termios(3)",
    options={
        "port": Option(str, "device node, best a stable one: /dev/serial/by-id/...", required=True),
        "baud": Option(int, "speed; USB-CDC ignores it", 9600, choices=BAUDS),
        "format": Option(str, "data bits, parity (None, Even, Odd, Space, Mark), stop bits", "8N1", choices=FORMATS),
        **BYTE_STREAM,
    },
    open=SerialScanner,
    find=find,
)
