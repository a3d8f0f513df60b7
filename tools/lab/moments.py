"""Owns when things happened inside of the register, in seconds of the guest's own monotonic clock, and how slow an emulated machine is.

A figure of the agent stands beside its floor of the same run: what the kernel, udev and systemd needed for the same thing. Where the processor
is emulated both are slow, and their ratio is not.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass

from tools.lab.register import Register

LOGGED_S = 30.0
_TRIES, _NUMBERS = 30, 8_000  # short ones: some of them run undisturbed by whoever else is busy here
# The same piece of Python in the guest and here: integers, a list, a dictionary. Processor seconds of the best of some tries.
_WORK = f"""
import time
def work():
    begun, found = time.thread_time(), {{}}
    for number in range({_NUMBERS}):
        found[number % 997] = (number * 31 + 7) & 0xFFFF
    sorted(found.values())
    return time.thread_time() - begun
print(min(work() for _ in range({_TRIES})))
"""


def slowness(register: Register) -> float:
    """How many times longer than here the guest's processor takes for the same Python (best of some tries on either side)."""
    there = float(register.hand.sure(f"python3 - <<'E'\n{_WORK}\nE"))
    return round(there / _here(), 1)


def _here() -> float:
    def work() -> float:
        begun = time.thread_time()
        found: dict[int, int] = {}
        for number in range(_NUMBERS):
            found[number % 997] = (number * 31 + 7) & 0xFFFF
        sorted(found.values())
        return time.thread_time() - begun

    return min(work() for _ in range(_TRIES))


def now(register: Register) -> float:
    """The guest's clock."""
    return float(register.hand.sure("cut -d' ' -f1 /proc/uptime"))


def said(register: Register, pattern: str, since: float, within_s: float = LOGGED_S) -> float:
    """When the agent's log first said something after ``since``; waits for it. Raises Failed when it does not."""
    return _first(register, "-u posagent", pattern, since, within_s)


def kernel_said(register: Register, pattern: str, since: float) -> float:
    """The same for the kernel's log."""
    return _first(register, "-k", pattern, since, LOGGED_S)


def _first(register: Register, which: str, pattern: str, since: float, within_s: float) -> float:
    found: list[float] = []

    def there() -> bool:
        shown = register.hand.sure(f"journalctl -b {which} -n 400 -o json --output-fields=MESSAGE --no-pager")
        entries = [json.loads(line) for line in shown.splitlines()]
        times = [(int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6, str(entry.get("MESSAGE", ""))) for entry in entries]
        found.extend(at for at, words in times if at >= since and re.search(pattern, words))
        return bool(found)

    register.until(there, within_s, f"the log ({which}) says {pattern!r} after {since:.3f} s")
    return found[0]


def udev_done(register: Register, since: float) -> float:
    """When udev was through with the last device node that it took in after ``since``: its rules done, the node ready for anybody."""
    shown = register.hand.sure("udevadm settle; grep -hs ^I: /run/udev/data/* || true")
    times = [int(line[2:]) / 1e6 for line in shown.split()]
    return max((at for at in times if at >= since), default=since)


@dataclass(frozen=True, slots=True)
class Start:
    """One start of the machine, in seconds since its kernel began. ``basic`` is systemd's basic.target: the machine without us."""

    basic: float
    begun: float  # the agent's process
    ready: float  # the agent said READY=1


def start(register: Register) -> Start:
    """Of the machine's and the agent's last one."""
    shown = register.hand.sure(
        "systemctl show basic.target posagent.service -p Id -p InactiveExitTimestampMonotonic -p ActiveEnterTimestampMonotonic"
    )
    found: dict[str, dict[str, str]] = {}
    for block in shown.strip().split("\n\n"):
        words = dict(line.split("=", 1) for line in block.splitlines())
        found[words["Id"]] = words
    agent, basic = found["posagent.service"], found["basic.target"]

    def at(words: dict[str, str], what: str) -> float:
        return int(words[f"{what}TimestampMonotonic"]) / 1e6

    return Start(at(basic, "ActiveEnter"), at(agent, "InactiveExit"), at(agent, "ActiveEnter"))
