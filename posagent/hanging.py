"""Owns what is done about a scanner that hangs in its driver: its thread is given up, and it is opened anew in a process, which can be killed.

A thread of ours cannot be ended from outside, so this is done once for each scanner; what hangs in a process afterwards is `posagent.remote`'s
to end and start again. Printers are not touched: half a slip may be on its way (see `posagent.supervision.printers_check`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from posagent.board import Reported
from posagent.device_loops import DeviceLoop

_log = logging.getLogger(__name__)
HANGS_S = 30.0
"""Six reads; no driver may take longer for anything (a call's deadline plus 0.2 s)."""
ASLEEP_S = 20.0
"""Nobody has looked for so long: the machine stood still, or the whole agent did. Then all loops are late, and none of them hangs."""


class HangingScanners:
    """The scanners that threads of the agent read. The dispatcher calls `look`, often enough and never from two threads."""

    def __init__(self, post: Callable[[Reported], None]) -> None:
        self._post = post
        self._loops: list[tuple[DeviceLoop, Callable[[], None]]] = []
        self._looked_s = self._awake_s = time.monotonic()

    def watch(self, loop: DeviceLoop, elsewhere: Callable[[], None]) -> None:
        """``elsewhere`` opens the device in a process."""
        self._loops.append((loop, elsewhere))

    def look(self) -> None:
        """Gives up what hangs."""
        now = time.monotonic()
        if now - self._looked_s > ASLEEP_S:
            self._awake_s = now
        self._looked_s = now
        hanging = [(loop, elsewhere) for loop, elsewhere in self._loops if now - max(loop.moved_s, self._awake_s) > HANGS_S]
        for loop, elsewhere in hanging:
            self._loops.remove((loop, elsewhere))
            loop.give_up()
            name = loop.device_name
            why = f"{name}: has not come back from its driver for {HANGS_S:.0f} s and is opened again in a process of its own; "
            why += "if it stays away, unplug it and plug it in, then restart posagent"
            self._post(Reported(name, "gone", "E305", why))
            elsewhere()
