"""Each device loses its cable in the middle of what it does, and gets it back."""

from __future__ import annotations

import time
from typing import Any

from tools.lab import devices, moments
from tools.lab.devices import HIDPOS, SERIAL, WEDGE
from tools.lab.register import Failed, Register
from tools.lab.scenarios.scenario import Figures, Play

AWAY_S = 1.0
SHOWN_S = 180.0


def play(register: Register, play: Play) -> Figures:
    """Every scanner, then the printer. Milliseconds of the guest's clock, from the cable to the agent's own word; beside the scanners' what
    the kernel (cable out) and the kernel with udev (cable in) needed."""
    figures: Figures = {}
    register.devices_ok("gun", "pos", "com", "slips")
    for device in (WEDGE, HIDPOS, SERIAL):
        figures |= _scanner(register, device)
    figures |= _printer(register)
    return figures


def _half(device: dict[str, Any], text: str) -> list[bytes]:
    """The first half of a scan; a HID POS report cannot be cut, so there half of one is nothing."""
    if device["kind"] == "acm":
        return [f"]E0{text}"[:8].encode("ascii")]
    if device["protocol"] == 1:
        return devices.keyboard_reports(text)[:13]  # a key is held down when the cable goes
    return []


def _scanner(register: Register, device: dict[str, Any]) -> Figures:
    name = device["name"]
    register.wait_ready()
    before = register.till.status().body.get("open")
    half = _half(device, register.members[register.next_member()])
    if half:
        register.hand.feed(name, half, 0.002)
    out = register.unplug(name)
    _shown(register, name, "gone")
    noticed = moments.said(register, rf"\b{name} is gone", out)
    dropped = moments.kernel_said(register, "USB disconnect", out)
    time.sleep(AWAY_S)
    register.wait_ready()
    if register.till.status().body.get("open") != before:
        raise Failed(f"{name}: half a scan opened a checkout")
    plugged = register.plug(device)
    _shown(register, name, "ready")
    ready, made = moments.said(register, rf"\b{name} is ready", plugged), moments.udev_done(register, plugged)
    begun = len(register.listener.told("granted"))
    register.checkout(device, 1000)
    if len(register.listener.told("granted")) != begun + 1:
        raise Failed(f"{name}: one scan after the cable came back gave more than one grant")
    return {
        f"{name}_unplug_to_noticed_ms": _ms(noticed - out), f"{name}_unplug_kernel_ms": _ms(dropped - out),
        f"{name}_replug_to_scanning_ms": _ms(ready - plugged), f"{name}_replug_udev_ms": _ms(made - plugged),
    }  # fmt: skip


def _printer(register: Register) -> Figures:
    """The cable goes when 100 rows of the slip are on paper."""
    register.printer.at_row(100, lambda printer: printer.disconnect())
    granted = register.checkout(HIDPOS, 2200)
    _shown(register, "slips", "gone")
    register.say(f"slip {granted['slips']}: the printer's cable was pulled while it printed")
    time.sleep(AWAY_S)
    begun = time.monotonic()
    register.printer.reconnect()
    _shown(register, "slips", "ready")
    ready = time.monotonic() - begun
    wanted = set(granted["slips"])
    took = register.until(lambda: wanted <= register.slips_done(), SHOWN_S, "the slips came out")
    return {"printer_replug_to_ready_s": round(ready, 1), "printer_replug_to_slips_s": round(ready + took, 1)}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _shown(register: Register, name: str, state: str) -> None:
    """Waits until the agent's status shows the device so. Raises Failed."""
    register.until(lambda: register.device(name).get("state") == state, SHOWN_S, f"{name} shown as {state}")
