"""Power cuts at random moments of a checkout, every other one in the middle of a slip.

Afterwards the POS asks again what was not answered, and the cashier scans what is still open.
"""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from typing import Any

from tools.lab import moments
from tools.lab.devices import HIDPOS, SERIAL, WEDGE
from tools.lab.register import READY_S, TOLD_S, Failed, Register
from tools.lab.scenarios.scenario import Figures, Play
from tools.lab.wire import HandLost

OFF_S = 300.0
SLIP_ROWS = 450
LONGEST_S = 6.0  # a checkout with its slips takes about so long where nothing accelerates


def play(register: Register, play: Play) -> Figures:
    """So many cuts; the times from power-on to the first grant, and the worst of them."""
    figures = _cold_boot(register)
    firsts: list[float] = []
    boots: list[float] = []
    basics: list[float] = []
    for number in range(play.cuts):
        open_sales = _cut_within(register, play.dice, within_slip=number % 2 == 1)
        boots.append(round(register.boot(), 1))
        powered = register.machine.powered_at
        register.wait_ready()
        register.until(lambda: register.device("pos").get("state") == "ready", READY_S, "a scanner is usable")
        before = len(register.listener.told("granted"))
        _close(register, open_sales)
        register.checkout(HIDPOS, 1100)
        firsts.append(round(time.monotonic() - powered, 1))
        basics.append(round(moments.start(register).basic, 1))
        found = len(register.listener.told("granted")) - before
        register.say(f"cut {number + 1}: up after {boots[-1]:.0f} s, granted {firsts[-1]:.0f} s after power-on ({found} grants since)")
    return figures | {"cuts": len(firsts), "boot_s": boots, "basic_s": basics, "power_on_to_grant_s": firsts, "worst_s": max(firsts)}


def _cold_boot(register: Register) -> Figures:
    """Switched off in good order, and on again: seconds from the switch to the first grant."""
    with suppress(HandLost):
        register.hand.run("systemctl poweroff", 5)
    if not register.machine.wait_off(OFF_S):
        raise Failed(f"the machine did not switch itself off within {OFF_S:.0f} s")
    register.boot()
    register.wait_ready()
    register.until(lambda: register.device("pos").get("state") == "ready", READY_S, "a scanner is usable")
    register.checkout(HIDPOS, 1100)
    took = time.monotonic() - register.machine.powered_at
    start = moments.start(register)
    register.say(f"a cold boot: granted {took:.0f} s after power-on, basic.target after {start.basic:.0f} s of the kernel's clock")
    return {
        "first_scan_s": round(took, 1), "cold_basic_s": round(start.basic, 1), "agent_start_s": round(start.ready - start.begun, 1),
        "agent_start_cpu_s": _start_cpu(register),
    }  # fmt: skip


def _start_cpu(register: Register) -> float:
    """Processor seconds (as the guest counts them) of one start of the agent, from a process to READY, in a machine that runs already."""
    restart = "systemctl restart posagent.service && systemctl show posagent.service -p CPUUsageNSec --value"
    nanoseconds = int(register.hand.sure(restart, READY_S))
    register.wait_ready()
    register.devices_ok("gun", "pos", "com")
    return round(nanoseconds / 1e9, 2)


def _cut_within(register: Register, dice: random.Random, *, within_slip: bool) -> list[str]:
    """Plays checkouts until the power goes, at a random moment of them or at a random row of a slip; the receipts whose grant the POS has not
    been told of."""
    moment, due = time.monotonic() + dice.uniform(0.2, LONGEST_S), threading.Event()
    if within_slip:
        register.printer.at_row(dice.randrange(10, SLIP_ROWS), lambda _: due.set())
    first = int(max(register.sales, key=int, default="1000")) + 1
    ended = threading.Event()

    def customers() -> None:
        with suppress(HandLost, Failed, RuntimeError, OSError):
            while not ended.is_set():
                device = dice.choice((WEDGE, HIDPOS, SERIAL))
                if dice.random() < 0.5:
                    register.scan(device, register.members[register.next_member()])
                    register.ring_up(dice.choice((880, 1980, 2750)))
                else:
                    register.ring_up(dice.choice((880, 1980, 2750)))
                    register.scan(device, register.members[register.next_member()])
                ended.wait(dice.uniform(0.3, 1.5))

    thread = threading.Thread(target=customers, name="customers", daemon=True)
    thread.start()
    try:
        if within_slip:
            register.until(due.is_set, TOLD_S, "a slip is being printed", look_s=0.005)
        while not within_slip and time.monotonic() < moment:
            time.sleep(0.005)
        register.cut_power()
    finally:
        ended.set()
        thread.join(60)
    return [receipt for receipt in register.sales if int(receipt) >= first]


def _close(register: Register, receipts: list[str]) -> None:
    """What a POS and a cashier do after a power failure: the sale is sent again with its key; where the card is missing, it is scanned."""
    for receipt in receipts:
        said: dict[str, Any] = {}
        deadline = register.machine.lived_s() + TOLD_S
        while register.machine.lived_s() < deadline:
            answer = register.ask_again(receipt)
            said = answer.body
            if answer.status == 200:
                break
            time.sleep(0.3)
        else:
            raise Failed(f"receipt {receipt} was not answered after the power failure: {said}")
        if said["result"] == "waiting_for_member":
            register.scan(HIDPOS, register.members[register.next_member()])
            register.granted(receipt, "its card, because it was open when the power went")
