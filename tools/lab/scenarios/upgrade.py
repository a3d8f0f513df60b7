"""An upgrade and a rollback while customers come: nobody is refused, nothing is lost, and the till stands still for seconds only."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from tools.lab import moments
from tools.lab.devices import HIDPOS, SERIAL, WEDGE
from tools.lab.register import Failed, Register
from tools.lab.scenarios.scenario import Figures, Play
from tools.lab.wire import HandLost

NEXT = "99.0.0"
DPKG_S = 900.0
_LOOK_S = 1.0  # each look costs an emulated machine some of the time that is measured
RESCAN_S, SCANS = 15.0, 8
PAUSE_S = 4.0  # between two customers: a queue, and not a machine that does nothing else


def play(register: Register, play: Play) -> Figures:
    """The same package under a later version number, then the old one again."""
    later = repacked(play.package, register.share, NEXT)
    figures: Figures = {"package_mb": round(play.package.stat().st_size / 1e6, 1)}
    for what, package in (("upgrade", later), ("rollback", play.package)):
        figures |= {f"{what}_{name}": value for name, value in _under_load(register, f"dpkg -i /lab/{package.name}").items()}
        version = register.hand.sure("dpkg-query -W -f='${Version} ${Status}' posagent")
        register.say(f"{what}: {version}; {figures}")
        wanted = NEXT if what == "upgrade" else re.split("_", play.package.name)[1]
        if not version.startswith(f"{wanted} install ok installed"):
            raise Failed(f"after the {what} dpkg shows {version}")
    return figures


def _under_load(register: Register, command: str) -> Figures:
    """Runs it while the till sells; the longest time without an answer, and how many customers were served meanwhile."""
    ended = threading.Event()
    served: list[float] = []
    answered: list[float] = [time.monotonic()]
    troubles: list[str] = []
    repeated: list[int] = []

    def customers() -> None:
        turn = 0
        while not ended.is_set():
            turn += 1
            try:
                repeated.append(_customer(register, (WEDGE, HIDPOS, SERIAL)[turn % 3], 1000 + turn))
            except (Failed, HandLost, OSError) as trouble:
                troubles.append(str(trouble))
                return
            served.append(time.monotonic())
            ended.wait(PAUSE_S)

    def looks() -> None:
        while not ended.is_set():
            if register.till.status().status == 200:
                answered.append(time.monotonic())
            ended.wait(_LOOK_S)

    threads = [threading.Thread(target=each, daemon=True) for each in (customers, looks)]
    for thread in threads:
        thread.start()
    begun, since = time.monotonic(), moments.now(register)
    ran = register.hand.run(command, DPKG_S)
    took = time.monotonic() - begun
    register.wait_ready()
    register.devices_ok("gun", "pos", "com")
    ended.set()
    for thread in threads:
        thread.join(200)
    if ran.rc:
        raise Failed(f"{command} answered {ran.rc}: {ran.err or ran.out}")
    if troubles:
        raise Failed(troubles[0])
    gaps = [later - sooner for sooner, later in pairwise(answered)]
    restart = moments.said(register, "^Started posagent", since) - moments.said(register, "^Stopping posagent", since)
    return {
        "took_s": round(took, 1), "longest_silence_s": round(max(gaps, default=0.0), 1), "restart_s": round(restart, 1),
        "served_meanwhile": sum(begun <= at <= begun + took for at in served), "served": len(served), "scans_repeated": sum(repeated),
    }  # fmt: skip


def _customer(register: Register, device: dict[str, Any], total: int) -> int:
    """Rings up and scans; where nothing beeps (a keyboard scanner types for nobody while the agent is exchanged) the cashier scans again. How
    often that was. Raises Failed."""
    receipt, number = register.ring_up(total), register.members[register.next_member()]
    for repeats in range(SCANS):
        try:
            register.scan(device, number)
            register.granted(receipt, f"{device['name']} reads a card", within_s=RESCAN_S)
        except Failed:
            if repeats == SCANS - 1:
                raise
        else:
            break
    return repeats


def repacked(package: Path, target: Path, version: str) -> Path:
    """The same package, calling itself a later version."""
    tree = target / "repacked"
    subprocess.run(["dpkg-deb", "-R", str(package), str(tree)], check=True)
    own = re.split("_", package.name)[1]
    for name in ("control", "preinst"):
        path = tree / "DEBIAN" / name
        text = path.read_text("utf-8")
        path.write_text(text.replace(f"Version: {own}\n", f"Version: {version}\n").replace(f"NEW='{own}'", f"NEW='{version}'"), "utf-8")
    made = target / package.name.replace(f"_{own}_", f"_{version}_")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(tree), str(made)], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["rm", "-r", str(tree)], check=True)
    return made
