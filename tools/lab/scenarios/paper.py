"""What can happen to a printer while it prints: paper, cover, power. Nothing is printed twice, and everything comes out."""

from __future__ import annotations

import time
from collections.abc import Callable

from tools.lab.devices import SERIAL
from tools.lab.register import Failed, Register
from tools.lab.scenarios.scenario import Figures, Play

OUT_S = 180.0


def play(register: Register, play: Play) -> Figures:
    """Three troubles, each in the middle of a slip."""
    printer = register.printer
    return {
        "paper_to_slips_s": _trouble(register, lambda: printer.paper_out(after_rows=120), printer.load_paper, "E210"),
        "cover_to_slips_s": _trouble(register, lambda: printer.at_row(150, lambda it: it.cover(True)), lambda: printer.cover(False), "E211"),
        "power_to_slips_s": _trouble(register, lambda: printer.at_row(150, lambda it: it.power_cut()), printer.power_on, ""),
    }


def _trouble(register: Register, arm: Callable[[], None], mend: Callable[[], None], code: str) -> float:
    register.until(lambda: register.device("slips").get("state") == "ready", OUT_S, "the printer is usable")
    arm()
    granted = register.checkout(SERIAL, 2600)
    if code:
        register.until(lambda: register.device("slips").get("code") == code, OUT_S, f"the page says {code}")
        register.say(f"the page says {code}")
    else:
        register.until(lambda: register.device("slips").get("state") == "gone", OUT_S, "the page says that the printer is gone")
    time.sleep(1.0)
    if register.slips_done() >= set(granted["slips"]):
        raise Failed(f"the printer stands still, but the slips {granted['slips']} were told as done")
    mend()
    wanted = set(granted["slips"])
    return round(register.until(lambda: wanted <= register.slips_done(), OUT_S, f"slips {wanted} came out"), 1)
