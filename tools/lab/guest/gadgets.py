"""Owns the register's USB devices: each one a gadget of the kernel behind a controller of its own (dummy_hcd), plugged in and out by its UDC.

Runs in the guest with its plain Python. The kernel's host side sees real devices; what they send and receive comes from the lab over the hand.
Layout of configfs and the functions' attributes: Linux Documentation/ABI/testing/configfs-usb-gadget*, Documentation/usb/gadget_printer.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

CONFIGFS = Path("/sys/kernel/config/usb_gadget")
CONTROLLERS = 8
LAB = "10.0.2.2"
FEED_S = 15.0
"""How long a report may wait for the host to fetch the one before; an emulated machine is slow, and a scanner repeats itself for as long."""
_CHUNK = 4096
_NODE_S = 5.0
_REDIAL_S = 0.1


def load_modules() -> None:
    """The controllers and everything that speaks over them."""
    for line in (["dummy_hcd", f"num={CONTROLLERS}"], ["libcomposite"], ["uinput"]):
        subprocess.run(["modprobe", *line], check=True)
    if not CONFIGFS.exists():
        subprocess.run(["mount", "-t", "configfs", "none", "/sys/kernel/config"], check=False)


class Gadget:
    """One device. ``spec``: name, controller, vendor, product, serial, maker, title, kind ("hid", "acm", "printer"), and by kind
    ``protocol``, ``report_length``, ``descriptor`` (hexadecimal), or ``line`` (the printer's port on the lab's side)."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self._folder = CONFIGFS / spec["name"]
        self._function = f"{spec['kind']}.{spec['name']}"
        if not self._folder.exists():
            self._make()
        self._pump: _PrinterLine | None = None
        self._node: Path | None = None

    def _make(self) -> None:
        spec, folder = self.spec, self._folder
        strings, config = folder / "strings/0x409", folder / "configs/c.1"
        for path in (folder, strings, config):
            path.mkdir()
        (folder / "idVendor").write_text(f"0x{spec['vendor']:04x}")
        (folder / "idProduct").write_text(f"0x{spec['product']:04x}")
        (folder / "bcdUSB").write_text("0x0200")
        (strings / "manufacturer").write_text(spec["maker"])
        (strings / "product").write_text(spec["title"])
        if spec["serial"]:
            (strings / "serialnumber").write_text(spec["serial"])
        function = folder / "functions" / self._function
        function.mkdir()
        match spec["kind"]:
            case "hid":
                (function / "protocol").write_text(str(spec["protocol"]))
                (function / "subclass").write_text(str(spec["protocol"]))
                (function / "report_length").write_text(str(spec["report_length"]))
                (function / "report_desc").write_bytes(bytes.fromhex(spec["descriptor"]))
            case "printer":
                (function / "pnp_string").write_text(f"MFG:{spec['maker']};CMD:ESC/POS;MDL:{spec['title']};CLS:PRINTER;")
        (config / self._function).symlink_to(function)

    @property
    def plugged(self) -> bool:
        """It hangs on its cable."""
        return bool((self._folder / "UDC").read_text().strip())

    def plug(self) -> float:
        """Plugs it in; the guest's monotonic time at which the cable went in. A printer is plugged in when it answers on its line."""
        if self.spec["kind"] == "printer":
            if self._pump is None:
                self._pump = _PrinterLine(self)
            return time.monotonic()
        return self.connect()

    def unplug(self) -> float:
        """Pulls the cable; the time at which it went."""
        if self._pump is not None:
            self._pump.stop()
            self._pump = None
            return time.monotonic()
        return self.disconnect()

    def connect(self) -> float:
        """Binds the controller."""
        at = time.monotonic()
        if not self.plugged:
            (self._folder / "UDC").write_text(f"dummy_udc.{self.spec['controller']}")
        self._node = self._find_node()
        return at

    def disconnect(self) -> float:
        """Unbinds it."""
        at = time.monotonic()
        if self.plugged:
            (self._folder / "UDC").write_text("\n")
        return at

    def put_away(self) -> None:
        """Off its cable and out of the kernel, which keeps four HID gadgets and no more."""
        self.unplug()
        (self._folder / "configs/c.1" / self._function).unlink()
        for part in ("configs/c.1", f"functions/{self._function}", "strings/0x409", "."):
            (self._folder / part).rmdir()

    @property
    def node(self) -> Path:
        """The device's own end: /dev/hidgN, /dev/ttyGSN, /dev/g_printerN."""
        return self._node or self._find_node()

    def _find_node(self) -> Path:
        function = self._folder / "functions" / self._function
        deadline = time.monotonic() + _NODE_S
        while True:
            match self.spec["kind"]:
                case "acm":
                    found = Path("/dev/ttyGS" + (function / "port_num").read_text().strip())
                case "hid":
                    minor = (function / "dev").read_text().strip()
                    found = next((node for node in Path("/dev").glob("hidg*") if _device(node) == minor), Path("/nowhere"))
                case _:
                    found = Path("/dev/g_printer0")
            if found.exists():
                return found
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.spec['name']}: its own end did not appear")
            time.sleep(0.01)

    def feed(self, chunks: list[bytes], gap_s: float) -> tuple[float, int]:
        """The device sends: one report (or piece of text) after another. (time after the last one, how many went out)."""
        sent = 0
        with contextlib.suppress(OSError):  # unplugged meanwhile
            out = os.open(self.node, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                if self.spec["kind"] == "acm" and sent == 0:
                    _raw(out)
                for chunk in chunks:
                    if not select.select([], [out], [], FEED_S)[1]:
                        break
                    os.write(out, chunk)
                    sent += 1
                    if gap_s:
                        time.sleep(gap_s)
            finally:
                os.close(out)
        return time.monotonic(), sent


class _PrinterLine(threading.Thread):
    """Carries bytes between the printer gadget and the lab's printer. No line, no power: the gadget leaves the bus, and comes back with it."""

    def __init__(self, gadget: Gadget) -> None:
        super().__init__(name="printer-line", daemon=True)
        self._gadget = gadget
        self._ending = threading.Event()
        self.start()

    def stop(self) -> None:
        """Pulls the cable and waits."""
        self._ending.set()
        self.join(10)

    def run(self) -> None:
        """Until stopped."""
        while not self._ending.is_set():
            try:
                line = socket.create_connection((LAB, self._gadget.spec["line"]), 2.0)
            except OSError:
                self._ending.wait(_REDIAL_S)
                continue
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self._gadget.connect()
                self._carry(line)
            except OSError as trouble:
                print(f"printer line: {trouble}", flush=True)
            finally:
                line.close()
                self._gadget.disconnect()

    def _open(self) -> int:
        """The printer's own end; the kernel opens it only after its host side has configured the device."""
        while True:
            try:
                return os.open(self._gadget.node, os.O_RDWR | os.O_NONBLOCK)
            except OSError as trouble:
                if trouble.errno != errno.ENODEV or self._ending.wait(_REDIAL_S):
                    raise

    def _carry(self, line: socket.socket) -> None:
        paper = self._open()
        back = b""
        try:
            while not self._ending.is_set():
                ready = select.select([paper, line.fileno()], [paper] if back else [], [], 0.2)[0]
                if line.fileno() in ready:
                    said = line.recv(_CHUNK)
                    if not said:
                        return
                    back += said
                try:
                    if paper in ready:
                        line.sendall(os.read(paper, _CHUNK))
                    if back:
                        back = back[os.write(paper, back) :]
                except BlockingIOError:
                    continue
                except OSError as trouble:
                    if trouble.errno != errno.ENODEV:  # the host side resets it
                        raise
                    self._ending.wait(_REDIAL_S)
        finally:
            os.close(paper)


def _device(node: Path) -> str:
    with contextlib.suppress(OSError):
        number = node.stat().st_rdev
        return f"{os.major(number)}:{os.minor(number)}"
    return ""


def _raw(descriptor: int) -> None:
    import tty

    tty.setraw(descriptor)
