"""Owns the serial port of a virtual printer: a pty with the speed and the flow control of RS-232.

``flow``   "rts"      the printer stops taking bytes while its buffer is full (the kernel's buffer then stops the host)
           "xonxoff"  the same, and XOFF (13h) and XON (11h) stand between the answers, also inside an automatic status
           "none"     nobody stops anybody: what has no room is lost, real-time commands are still seen
A serial cable knows nothing of power: a printer that is switched off takes bytes and says nothing. ``usb`` makes it a USB-serial
device instead, whose node goes away with power and cable.
"""

from __future__ import annotations

import os
import select
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from virtual_counter.serial_line import SerialLine
from virtual_counter.waker import Waker

if TYPE_CHECKING:
    from virtual_counter.link import Link
    from virtual_counter.printer import VirtualPrinter

Flow = Literal["rts", "xonxoff", "none"]

XON, XOFF = b"\x11", b"\x13"
_CHUNK = 4096
_TURN_S = 0.02
_IDLE_S = 1.0
_XOFF_ROOM = 128  # bytes left when the printer says stop


class SerialPort:
    """Serves until `stop`."""

    def __init__(self, printer: VirtualPrinter, link: Path, byte_rate: int | None, flow: Flow, usb: bool) -> None:
        self._printer = printer
        self._line = SerialLine(link)
        self._byte_rate = byte_rate
        self._flow: Flow = flow
        self._usb = usb
        self._link: Link | None = None
        self._stopped_host = False
        self._next_read = 0.0
        self._line.plug()
        self._waker = Waker()
        printer.on_change.append(self._waker.wake)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"virtual-printer:{link.name}", daemon=True)
        self._thread.start()

    @property
    def link(self) -> Path:
        """The device node for the settings."""
        return self._line.link

    def stop(self) -> None:
        """Takes the port away and waits for the thread."""
        self._stopping.set()
        self._waker.wake()
        self._thread.join()
        with self._printer.lock:
            self._printer.on_change.remove(self._waker.wake)
        self._waker.close()
        if self._link is not None:
            self._link.close()
        self._line.unplug()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._follow_link_state()
            due = self._printer.due_in_s()
            pause = min(self._next_read - time.monotonic() if self._next_read else _IDLE_S, _IDLE_S if due is None else due)
            readers: list[Waker | SerialLine] = [self._waker]
            if self._line.plugged and self._may_read():
                readers.append(self._line)
            ready, _, _ = select.select(readers, [], [], min(max(pause, 0.0), _IDLE_S))
            if self._waker in ready:
                self._waker.rest()
            if self._line in ready:
                self._read()
            self._printer.run()
            self._write()

    def _may_read(self) -> bool:
        if time.monotonic() < self._next_read:
            return False
        self._next_read = 0.0
        return self._flow == "none" or self._link is None or bool(self._printer.room())

    def _follow_link_state(self) -> None:
        state = self._printer.link_state
        if self._link is not None and not self._link.alive:
            self._link = None
        if self._usb and state == "refused":
            self._line.unplug()
        elif not self._line.plugged:
            self._line.plug()
        if self._link is None and state == "up":
            self._link = self._printer.connect(lossy=self._flow == "none")
            self._stopped_host = False

    def _read(self) -> None:
        self._follow_link_state()  # power may have come back while select slept
        if not self._line.plugged:
            return
        size = _CHUNK
        if self._byte_rate is not None:
            size = max(int(self._byte_rate * _TURN_S), 1)
        if self._flow != "none" and self._link is not None:
            size = min(size, self._printer.room())
        data = self._line.receive(max(size, 1))
        if self._byte_rate is not None:
            self._next_read = time.monotonic() + len(data) / self._byte_rate
        if self._link is not None and self._link.alive:
            self._link.send(data)
        if self._flow == "xonxoff" and self._printer.room() <= _XOFF_ROOM and not self._stopped_host:
            self._stopped_host = True
            self._transmit(XOFF)

    def _write(self) -> None:
        if self._stopped_host and self._printer.room() > self._printer.profile.buffer_bytes // 2:
            self._stopped_host = False
            self._transmit(XON)
        if self._link is not None and self._link.alive:
            answers = self._link.receive()
            if answers:
                self._transmit(answers)

    def _transmit(self, data: bytes) -> None:
        try:
            os.write(self._line.fileno(), data)
        except BlockingIOError:
            return  # nobody has read for 4 kB: a real host would have overrun as well


def serve_pty(
    printer: VirtualPrinter, link: Path, *, byte_rate: int | None = None, flow: Flow = "rts", usb: bool = False
) -> SerialPort:
    """Starts to serve on a pty named ``link``; ``byte_rate`` is in bytes per second of real time."""
    return SerialPort(printer, link, byte_rate, flow, usb)
