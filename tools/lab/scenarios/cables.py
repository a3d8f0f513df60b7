"""Each device loses its cable in the middle of what it does, and gets it back."""

from __future__ import annotations

import time
from typing import Any

from tools.lab import devices
from tools.lab.devices import HIDPOS, SERIAL, WEDGE
from tools.lab.register import Failed, Register
from tools.lab.scenarios.scenario import Figures, Play

AWAY_S = 1.0
SHOWN_S = 180.0
LOOK_S = 0.02


def play(register: Register, play: Play) -> Figures:
    """Every scanner, then the printer. Figures in milliseconds, as the agent's status shows it to the page (each look costs some)."""
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
    register.unplug(name)
    noticed = _shown(register, name, "gone")
    time.sleep(AWAY_S)
    register.wait_ready()
    if register.till.status().body.get("open") != before:
        raise Failed(f"{name}: half a scan opened a checkout")
    register.plug(device)
    ready = _shown(register, name, "ready")
    begun = len(register.listener.told("granted"))
    register.checkout(device, 1000)
    if len(register.listener.told("granted")) != begun + 1:
        raise Failed(f"{name}: one scan after the cable came back gave more than one grant")
    return {f"{name}_unplug_to_noticed_ms": noticed, f"{name}_replug_to_scanning_ms": ready}


def _printer(register: Register) -> Figures:
    """The cable goes when 100 rows of the slip are on paper."""
    register.printer.at_row(100, lambda printer: printer.disconnect())
    granted = register.checkout(HIDPOS, 2200)
    _shown(register, "slips", "gone")
    register.say(f"slip {granted['slips']}: the printer's cable was pulled while it printed")
    time.sleep(AWAY_S)
    register.printer.reconnect()
    ready = _shown(register, "slips", "ready")
    wanted = set(granted["slips"])
    took = register.until(lambda: wanted <= register.slips_done(), SHOWN_S, "the slips came out")
    return {"printer_replug_to_ready_ms": ready, "printer_replug_to_slips_s": round(ready / 1000 + took, 1)}


def _shown(register: Register, name: str, state: str) -> int:
    """Milliseconds until the agent's status shows the device so. Raises Failed."""
    begun = time.monotonic()
    while register.device(name).get("state") != state:
        if time.monotonic() - begun > SHOWN_S:
            raise Failed(f"{name}: after {SHOWN_S:.0f} s not shown as {state}; the agent's log ends with:\n{register.log_tail()}")
        time.sleep(LOOK_S)
    return round((time.monotonic() - begun) * 1000)
