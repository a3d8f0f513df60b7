"""The register's clock jumps: three days on, then a day back. Checkouts go on; nothing is lost, nothing is doubled."""

from __future__ import annotations

from tools.lab.devices import SERIAL, WEDGE
from tools.lab.register import Register
from tools.lab.scenarios.scenario import Figures, Play


def play(register: Register, play: Play) -> Figures:
    """A checkout after each jump; then the right time again."""
    for jump, device in (("+3 days", WEDGE), ("-4 days", SERIAL), ("+1 day", WEDGE)):
        register.hand.sure(f'date -s "$(date -d "{jump}")" >/dev/null')
        granted = register.checkout(device, 1400)
        register.say(f"clock {jump}: {granted['sale_id']}")
    return {"jumps": 3}
