"""The register's disk is full: the till goes on from the journal's reserve, says so, and recovers by itself."""

from __future__ import annotations

from tools.lab.devices import HIDPOS, WEDGE
from tools.lab.register import Failed, Register
from tools.lab.scenarios.scenario import Figures, Play

CHECKOUTS = 3


def play(register: Register, play: Play) -> Figures:
    """Fills the disk to its last block, sells, loses the power, sells again, makes room."""
    try:
        _fill(register)
        for device in (WEDGE, HIDPOS, WEDGE)[:CHECKOUTS]:
            register.checkout(device, 1300)
        status = register.till.status().body
        register.say(f"with a full disk the page says {status['level']} {status['code']}")
        if play.long:
            register.cut_power()
            register.boot()
            register.wait_ready()
            register.devices_ok("pos")
            register.checkout(HIDPOS, 1300)
    finally:
        register.hand.run("rm -f /var/filler /var/filler2; sync")
    register.wait_ready()
    register.checkout(HIDPOS, 1300)
    return {"full_disk_code": status["code"], "full_disk_level": status["level"], "checkouts_on_a_full_disk": CHECKOUTS}


def _fill(register: Register) -> None:
    room = "$(($(df --output=avail -B1 / | tail -1) - 65536))"
    register.hand.sure(f"fallocate -l {room} /var/filler; dd if=/dev/zero of=/var/filler2 bs=4k; sync; true", 300)
    left = int(register.hand.sure("df --output=avail -B1 / | tail -1"))
    if left > 4096:
        raise Failed(f"the disk was to be full, {left} bytes are left")
