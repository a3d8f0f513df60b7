"""Each device loses its cable in the middle of what it does, and gets it back."""

from __future__ import annotations

import time
from typing import Any

from tools.lab import devices
from tools.lab.devices import HIDPOS, SERIAL, WEDGE
from tools.lab.register import Failed, Register
from tools.lab.scenarios.scenario import Figures, Play

AWAY_S = 1.0
LOGGED_S = 60.0


def play(register: Register, play: Play) -> Figures:
    """Every scanner, then the printer; figures in milliseconds of the guest's own clock, from its log."""
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
    before = register.till.status().body["open"]
    half = _half(device, register.members[register.next_member()])
    if half:
        register.hand.feed(name, half, 0.002)
    out = register.unplug(name)
    gone = _logged(register, out, f"{name} is gone")
    time.sleep(AWAY_S)
    if register.till.status().body["open"] != before:
        raise Failed(f"{name}: half a scan opened a checkout")
    back = register.plug(device)
    ready = _logged(register, back, f"{name} is ready")
    begun = len(register.listener.told("granted"))
    register.checkout(device, 1000)
    if len(register.listener.told("granted")) != begun + 1:
        raise Failed(f"{name}: one scan after the cable came back gave more than one grant")
    return {f"{name}_unplug_to_noticed_ms": round((gone - out) * 1000), f"{name}_replug_to_scanning_ms": round((ready - back) * 1000)}


def _printer(register: Register) -> Figures:
    """The cable goes when 100 rows of the slip are on paper."""
    register.printer.at_row(100, lambda printer: printer.disconnect())
    cut_at = float(register.hand.sure("cut -d' ' -f1 /proc/uptime"))
    granted = register.checkout(HIDPOS, 2200)
    gone = _logged(register, cut_at, "slips is gone")
    register.say(f"slip {granted['slips']}: the printer's cable was pulled while it printed")
    time.sleep(AWAY_S)
    register.printer.reconnect()
    back = float(register.hand.sure("cut -d' ' -f1 /proc/uptime"))
    ready = _logged(register, gone, "slips is ready")
    wanted = set(granted["slips"])
    took = register.until(lambda: wanted <= register.slips_done(), 180, "the slips came out")
    return {"printer_replug_to_ready_ms": round((ready - back) * 1000), "printer_replug_to_slips_s": round(took, 1)}


def _logged(register: Register, since_s: float, words: str) -> float:
    """When the agent said so, on the guest's clock. Raises Failed."""
    deadline = time.monotonic() + LOGGED_S
    while time.monotonic() < deadline:
        for at, text in register.log_since(since_s - 0.05):
            if words in text:
                return at
        time.sleep(1.0)
    raise Failed(f"the agent never said '{words}'; its log ends with:\n{register.log_tail()}")
