"""The lab's scenarios: each one plays something at the register and raises `Failed` where the product does what it must not.

A scenario is a function (Register, Play) -> figures, named in `ALL`. The books are compared after the last one, over everything played.
"""

from __future__ import annotations

from tools.lab.scenarios import cables, camera, clock, day, disk, foreign, idle, paper, power, soak, twins, upgrade
from tools.lab.scenarios.scenario import Play, Scenario

__all__ = ["ALL", "Play", "Scenario"]

ALL: tuple[Scenario, ...] = (
    Scenario("day", "A day at the till", day.play),
    Scenario("cables", "Each device unplugged in mid-action and plugged in again", cables.play),
    Scenario("paper", "The paper ends, the cover is opened, the printer loses its power", paper.play),
    Scenario("foreign", "A foreign keyboard is left alone", foreign.play),
    Scenario("twins", "Two equal scanners without serial numbers", twins.play),
    Scenario("camera", "A camera reads cards, its cable pulled and put back", camera.play, short=False),
    Scenario("idle", "Nothing happens", idle.play),
    Scenario("clock", "The clock jumps", clock.play),
    Scenario("power", "The power is cut at random moments", power.play),
    Scenario("upgrade", "An upgrade and a rollback under load", upgrade.play),
    Scenario("disk", "The disk is full", disk.play),
    Scenario("soak", "Everything at once, for a long time", soak.play, short=False),
)
