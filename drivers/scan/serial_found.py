"""Owns what `posagent devices` says of serial ports. Nothing is opened: a port may be a printer's, a modem's, or the till's own."""

from __future__ import annotations

from collections.abc import Iterator

from drivers.scan.holders import held_by
from drivers.scan.sysfs import Node, nodes, read
from drivers.scan.usb_table import mode_name, recognise
from posagent.ports import Found


def serial_ports() -> Iterator[Found]:
    """Every serial port that is really there, scanners of known makers with their mode."""
    for node in nodes("tty"):
        if _real(node):
            yield _found(node)


def _real(node: Node) -> bool:
    """USB and Bluetooth ports, and built-in ones that have a UART (the kernel lists four ttyS whether they are there or not)."""
    name = node.path.name
    if name.startswith(("ttyUSB", "ttyACM", "rfcomm")):
        return True
    return name.startswith("ttyS") and read(node.sys / "type") not in {"", "0"} and (node.sys / "device").exists()


def _found(node: Node) -> Found:
    known = recognise(node.vendor, node.product)
    name = node.name or (known.title if known else node.path.name)
    if known:
        title = f"{name} ({mode_name('serial')})"
        note = known.advice
    else:
        title = f"{name} (serial port)"
        note = "not known as a scanner: use it only if one is on this cable; `posagent devices --probe PORT` finds its speed and format"
    settings = {"driver": "serial", "port": node.link, "baud": 115200 if node.path.name.startswith("ttyACM") else 9600}
    return Found("serial", "scanner", title, str(node.path), node.selector, held_by(str(node.path)), note, settings)
