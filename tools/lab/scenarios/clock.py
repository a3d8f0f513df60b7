"""The register's clock jumps: three days on, then a day back. Checkouts go on; nothing is lost, nothing is doubled."""

from __future__ import annotations

from tools.lab.devices import SERIAL, WEDGE
from tools.lab.register import Register
from tools.lab.scenarios.scenario import Figures, Play

SENT_S = 600.0  # a register that head office refused, here for its clock, asks again after five minutes


def play(register: Register, play: Play) -> Figures:
    """A checkout after each jump; then the right time again."""
    for jump, device in (("+3 days", WEDGE), ("-4 days", SERIAL), ("+1 day", WEDGE)):
        register.hand.sure(f'date -s "$(date -d "{jump}")" >/dev/null')
        granted = register.checkout(device, 1400)
        register.say(f"clock {jump}: {granted['sale_id']}")
    if not play.long:
        return {"jumps": 3}
    waited = register.until(lambda: not register.till.status().body.get("queue", {}).get("pending", 1), SENT_S, "head office has everything")
    return {"jumps": 3, "clock_right_to_sent_s": round(waited)}
