"""A keyboard that is no scanner: the agent and its rules leave it alone; a scanner that looks like a keyboard types into nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tools.lab.devices import FOREIGN, WEDGE
from tools.lab.register import Failed, Register
from tools.lab.scenarios.scenario import Figures, Play

NODE_S, TYPED_S = 30.0, 60.0
# Reads an input node as a desktop would, until it is ended, and prints the codes of the keys that went down, after one line when it listens.
LISTENER = """
import os, struct, sys
node = os.open(sys.argv[1], os.O_RDONLY)
print('listening', flush=True)
while True:
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
    with _listening(register, FOREIGN) as keys:
        register.scan(FOREIGN, number)
        with suppress(Failed):
            register.until(lambda: len(keys()) > len(number), TYPED_S, "a desktop hears the foreign keyboard")
        heard = keys()
    if len(heard) != len(number) + 1:
        raise Failed(f"the foreign keyboard typed {len(number) + 1} keys, a desktop heard {len(heard)}: somebody grabbed it")
    if register.till.status().body.get("open") != status or len(register.listener.told("granted")) != told:
        raise Failed("the foreign keyboard opened a checkout")
    with _listening(register, WEDGE) as keys:
        register.scan(WEDGE, number)
        register.granted(register.ring_up(700), "the scanner's scan, which no desktop hears")
        taken = keys()
    if taken:
        raise Failed(f"the scanner typed {len(taken)} keys into the desktop")
    register.put_away("keyboard")
    return {"desktop_heard_foreign": len(heard), "desktop_heard_scanner": len(taken)}


def _node(register: Register, device: dict[str, Any]) -> str:
    """The device's event node in the guest."""
    numbers = f"{device['vendor']:04x}:{device['product']:04x}"
    found: list[str] = []

    def there() -> bool:
        found[:] = register.hand.sure(
            "udevadm settle; for n in /dev/input/event*; do udevadm info -q property -n $n | grep -q "
            f"'ID_VENDOR_ID={numbers[:4]}' && udevadm info -q property -n $n | grep -q 'ID_MODEL_ID={numbers[5:]}' && echo $n; done; true"
        ).split()
        return bool(found)

    register.until(there, NODE_S, f"the kernel makes an event node for {device['name']} ({numbers})")
    return found[0]


@contextmanager
def _listening(register: Register, device: dict[str, Any]) -> Iterator[Callable[[], list[str]]]:
    """A desktop that reads the device meanwhile; what it has heard so far."""
    node = _node(register, device)
    register.hand.sure(f"nohup python3 /root/listen.py {node} > /root/heard 2>&1 & echo $! > /root/listener")
    register.until(lambda: "listening" in register.hand.sure("cat /root/heard"), TYPED_S, f"something listens to {node}")
    try:
        yield lambda: register.hand.sure("grep -v listening /root/heard || true").split()
    finally:
        register.hand.run("kill $(cat /root/listener)")
