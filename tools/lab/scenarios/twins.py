"""Two equal scanners without serial numbers: bound by their ports, and refused by clear words where the settings do not say which."""

from __future__ import annotations

from tools.lab.devices import TWINS
from tools.lab.register import Failed, Register
from tools.lab.scenarios.scenario import Figures, Play

_TABLE = '\n[[scanner]]\nname = "{name}"\ndriver = "wedge"\ndevice = "usb:05f9:2206{port}"\n'


def play(register: Register, play: Play) -> Figures:
    """First without ports, then with them; the twins change nothing for the devices that were there."""
    for twin in TWINS:
        register.plug(twin)
    ports = register.hand.sure("udevadm settle; grep -l 2206 /sys/bus/usb/devices/*/idProduct | xargs -n1 dirname | xargs -n1 basename").split()
    if len(ports) != 2:
        raise Failed(f"two equal scanners are plugged in, the kernel shows {ports}")
    usual = register.settings()
    _use(register, usual + _TABLE.format(name="left", port=""))
    register.until(lambda: "2 devices match" in register.log_tail(60), 60, "the agent says that two devices match")
    _use(register, usual + "".join(_TABLE.format(name=name, port=f"@{port}") for name, port in zip(("left", "right"), ports, strict=True)))
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
    _use(register, usual)
    register.devices_ok("gun", "pos", "com")
    return {"ports": ports}


def _gone(register: Register, name: str) -> None:
    register.until(lambda: register.device(name).get("state") == "gone", 60, f"{name} is gone, and nobody else")


def _use(register: Register, settings: str) -> None:
    register.hand.write("/etc/posagent/posagent.toml", settings)
    register.hand.sure("cd /etc/posagent; chown root:posagent posagent.toml; chmod 640 posagent.toml; systemctl restart posagent", 200)
    register.wait_ready()
