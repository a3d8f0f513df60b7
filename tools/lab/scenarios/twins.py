"""Two equal scanners without serial numbers: bound by their ports, and refused by clear words where the settings do not say which."""

from __future__ import annotations

from tools.lab.devices import TWINS
from tools.lab.register import Register
from tools.lab.scenarios.scenario import Figures, Play

_TABLE = """
[[scanner]]
name = "{name}"
driver = "wedge"
device = "usb:05f9:2206{port}"
pause_ms = 3000                     # as the other keyboard scanner of the lab's settings
typing = true
"""
NODES_S = 60.0


def play(register: Register, play: Play) -> Figures:
    """First without ports, then with them; the twins change nothing for the devices that were there."""
    for twin in TWINS:
        register.plug(twin)
    register.until(lambda: len(_ports(register)) == len(TWINS), NODES_S, "the kernel shows both of two equal scanners")
    ports = _ports(register)
    usual = register.settings()
    register.use(usual + _TABLE.format(name="left", port=""))
    register.until(lambda: "2 devices match" in register.log_tail(60), 60, "the agent says that two devices match")
    register.use(usual + "".join(_TABLE.format(name=name, port=f"@{port}") for name, port in zip(("left", "right"), ports, strict=True)))
    register.devices_ok("gun", "pos", "com", "left", "right")
    left, right = TWINS
    for away, name, other in ((left, "left", right), (right, "right", left)):
        register.unplug(away["name"])
        _gone(register, name)
        register.checkout(other, 900)
        register.plug(away)
        register.devices_ok("left", "right")
    for twin in TWINS:
        register.put_away(twin["name"])
    register.use(usual)
    register.devices_ok("gun", "pos", "com")
    return {"ports": ports}


def _ports(register: Register) -> list[str]:
    """Where scanners of this kind hang, as the kernel names it, in the order of their controllers; those whose node udev has made."""
    shown = register.hand.sure("udevadm settle; ls -d /sys/bus/usb/devices/*/*/*/input/input*/event* || true")
    known = register.hand.sure("grep -ls 2206 /sys/bus/usb/devices/*/idProduct || true").split()
    return [port for path in known if f"/{(port := path.split('/')[-2])}/" in shown]


def _gone(register: Register, name: str) -> None:
    register.until(lambda: register.device(name).get("state") == "gone", 60, f"{name} is gone, and nobody else")
