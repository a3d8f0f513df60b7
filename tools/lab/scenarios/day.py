"""A day at the till: every scanner, scan first and sale first, a lost line to head office, a killed agent, a void, a closing."""

from __future__ import annotations

import time

from tools.lab.devices import HIDPOS, SERIAL, WEDGE
from tools.lab.register import Failed, Register
from tools.lab.scenarios.scenario import Figures, Play


def play(register: Register, play: Play) -> Figures:
    """The scenes, one after another."""
    register.devices_ok("gun", "pos", "com", "slips")
    figures: Figures = {}
    for device, total in ((WEDGE, 1980), (HIDPOS, 2480), (SERIAL, 880)):
        begun = time.monotonic()
        granted = register.checkout(device, total)
        register.say(f"{device['name']}: {granted['member']} {total} yen, +{granted['points']} points")
        figures[f"{device['name']}_checkout_s"] = round(time.monotonic() - begun, 2)
        if granted["points"] != total // 100:
            raise Failed(f"{total} yen gave {granted['points']} points")
    _sale_first(register)
    _without_line(register)
    _killed(register, figures)
    _void(register)
    return figures


def _sale_first(register: Register) -> None:
    receipt = register.ring_up(3300)
    register.scan(HIDPOS, register.members[register.next_member()])
    register.granted(receipt, "the sale, then the card")


def _without_line(register: Register) -> None:
    register.cloud(up=False)
    for device in (WEDGE, SERIAL):
        register.checkout(device, 1200)
    waiting = register.till.status().body["queue"]["pending"]
    if not waiting:
        raise Failed("head office is down, but nothing waits for it")
    register.say(f"head office was down: {waiting} records wait")
    register.cloud(up=True)


def _killed(register: Register, figures: Figures) -> None:
    """SIGKILL between grant and slip: systemd starts the agent again, callers wait at the socket, the slip comes out once."""
    register.printer.cover(is_open=True)
    register.checkout(WEDGE, 2750)
    register.hand.sure("systemctl kill --signal=KILL posagent.service")
    begun = time.monotonic()
    register.wait_ready()
    figures["killed_to_answering_s"] = round(time.monotonic() - begun, 2)
    register.printer.cover(is_open=False)


def _void(register: Register) -> None:
    granted = register.checkout(SERIAL, 1500)
    voids = len(register.listener.told("voided"))
    said = register.till.void(granted["sale_id"], "wrong_member")
    if said.status != 200:
        raise Failed(f"the void was answered {said.status} {said.body}")
    register.told("voided", voids + 1, "the void")
    before = len(register.listener.told("granted"))
    register.scan(HIDPOS, register.members[register.next_member()])
    register.told("granted", before + 1, "the right card after the void")
