"""A long time at the counter in compressed form: customers without a pause, a trouble every few of them. Memory must not grow."""

from __future__ import annotations

import time

from tools.lab.devices import HIDPOS, SERIAL, WEDGE
from tools.lab.register import Failed, Register
from tools.lab.scenarios import idle
from tools.lab.scenarios.scenario import Figures, Play

GROWTH_KB = 16_384
TROUBLE_EVERY = 5


def play(register: Register, play: Play) -> Figures:
    """Until the time is over; the resident memory after the first tenth against that at the end."""
    begun, customers, troubles = time.monotonic(), 0, 0
    warm: dict[str, int] = {}
    while (spent := time.monotonic() - begun) < play.soak_s:
        if not warm and spent > play.soak_s / 10:
            warm = idle.measured(register)
        register.checkout(play.dice.choice((WEDGE, HIDPOS, SERIAL)), play.dice.randrange(100, 9_000))
        customers += 1
        if customers % TROUBLE_EVERY == 0:
            _trouble(register, play)
            troubles += 1
    register.cloud(up=True)
    end = idle.measured(register)
    grown = end["rss_kb"] - warm.get("rss_kb", end["rss_kb"])
    if grown > GROWTH_KB or end["descriptors"] > warm.get("descriptors", end["descriptors"]) + 8:
        raise Failed(f"the agent grew by {grown} kB and to {end['descriptors']} descriptors (before: {warm})")
    seconds = round(time.monotonic() - begun)
    return {"customers": customers, "troubles": troubles, "seconds": seconds, "grown_kb": grown, "descriptors": end["descriptors"]}


def _trouble(register: Register, play: Play) -> None:
    match play.dice.randrange(5):
        case 0:
            device = play.dice.choice((WEDGE, HIDPOS, SERIAL))
            register.unplug(device["name"])
            time.sleep(1)
            register.plug(device)
            register.devices_ok(device["name"])
        case 1:
            register.printer.paper_out(after_rows=play.dice.randrange(1, 400))
            time.sleep(3)
            register.printer.load_paper()
        case 2:
            register.cloud(up=False)
            time.sleep(3)
            register.cloud(up=True)
        case 3:
            register.printer.disconnect()
            time.sleep(1)
            register.printer.reconnect()
        case _:
            register.printer.cover(True)
            time.sleep(2)
            register.printer.cover(False)
