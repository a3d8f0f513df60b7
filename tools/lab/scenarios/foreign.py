"""A keyboard that is no scanner: the agent and its rules leave it alone; a scanner that looks like a keyboard types into nothing else."""

from __future__ import annotations

import time
from typing import Any

from tools.lab.devices import FOREIGN, WEDGE, keyboard_reports
from tools.lab.register import Failed, Register
from tools.lab.scenarios.scenario import Figures, Play

_LISTEN_S = 3
# Reads an input node as a desktop would, for some seconds, and prints the codes of the keys that went down.
LISTENER = """
import os, select, struct, sys, time
node, until = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK), time.monotonic() + float(sys.argv[2])
while (left := until - time.monotonic()) > 0:
    if select.select([node], [], [], left)[0]:
        raw = os.read(node, 24 * 64)
        for place in range(0, len(raw), 24):
            kind, code, value = struct.unpack_from('HHi', raw, place + 16)
            if kind == 1 and value == 1: print(code, flush=True)
"""


def play(register: Register, play: Play) -> Figures:
    """Both keyboards are listened to as a desktop would; then the foreign one types a member's number."""
    register.hand.write("/root/listen.py", LISTENER)
    register.plug(FOREIGN)
    node = _node(register, FOREIGN)
    shown = register.hand.sure(f"stat -c '%G %a' {node}; udevadm info -q property -n {node}")
    if "posagent" in shown.split()[0] or "LIBINPUT_IGNORE_DEVICE=1" in shown:
        raise Failed(f"the rules took the foreign keyboard: {shown.splitlines()[0]}")
    gun = register.hand.sure(f"stat -c '%G %a' {_node(register, WEDGE)}; udevadm info -q property -n {_node(register, WEDGE)}")
    tags = next((line for line in gun.splitlines() if line.startswith("CURRENT_TAGS=")), "")
    if not gun.startswith("posagent 660") or "LIBINPUT_IGNORE_DEVICE=1" not in gun or "power-switch" in tags:
        raise Failed(f"the rules did not take the scanner: {gun}")
    number = register.members[register.next_member()]
    status, told = register.till.status().body.get("open"), len(register.listener.told("granted"))
    heard = _heard(register, FOREIGN, number)
    if len(heard) != len(number) + 1:
        raise Failed(f"the foreign keyboard typed {len(number) + 1} keys, a desktop heard {len(heard)}: somebody grabbed it")
    if register.till.status().body.get("open") != status or len(register.listener.told("granted")) != told:
        raise Failed("the foreign keyboard opened a checkout")
    taken = _heard(register, WEDGE, number)
    if taken:
        raise Failed(f"the scanner typed {len(taken)} keys into the desktop")
    register.ring_up(700)
    register.told("granted", told + 1, "the scanner's scan, which no desktop heard")
    register.put_away("keyboard")
    return {"desktop_heard_foreign": len(heard), "desktop_heard_scanner": len(taken)}


def _node(register: Register, device: dict[str, Any]) -> str:
    """The device's event node in the guest."""
    numbers = f"{device['vendor']:04x}:{device['product']:04x}"
    found = register.hand.sure(
        "udevadm settle; for n in /dev/input/event*; do udevadm info -q property -n $n | grep -q "
        f"'ID_VENDOR_ID={numbers[:4]}' && udevadm info -q property -n $n | grep -q 'ID_MODEL_ID={numbers[5:]}' && echo $n; done; true"
    ).split()
    if not found:
        raise Failed(f"{device['name']}: the kernel made no event node for {numbers}")
    return found[0]


def _heard(register: Register, device: dict[str, Any], text: str) -> list[str]:
    register.hand.sure(f"nohup python3 /root/listen.py {_node(register, device)} {_LISTEN_S + 10} > /root/heard 2>&1 & sleep 2")
    register.hand.feed(device["name"], keyboard_reports(text), 0.004)
    time.sleep(_LISTEN_S)
    return register.hand.sure("cat /root/heard; pkill -f '/root/[l]isten.py'; true").split()
