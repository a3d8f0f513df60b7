"""Owns the closed loop: the printer prints its test slip, every scanner reads a code from it. One gesture proves printer, paper, scanner,
decoder and agent together. D-302."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from posagent.doctor.finding import Finding, problem

Ask = Callable[..., dict[str, Any]]
"""(target) or (target, body) -> the agent's answer."""
LOOP_S = 60
LOOK_S = 0.5


def closed_loop(ask: Ask, say: Callable[[str], None], now: Callable[[], float], wait: Callable[[float], None]) -> Iterator[Finding]:
    """Prints on every printer and waits until every scanner has read something whole, `LOOP_S` at most. Test mode is on meanwhile, so that
    nothing reaches the counter. ``say`` gets the key of what the person should do now. Raises PosagentError where the agent cannot be asked."""
    before = ask("/v1/devices")["devices"]
    printers = [one["name"] for one in before if one.get("printer") is not None]
    seen = {one["name"]: _last(one) for one in before if one.get("scanner") is not None}
    if not printers or not seen:
        yield problem("loop_incomplete", printers=len(printers), scanners=len(seen))
        return
    ask("/v1/test-mode", {"on": True})
    try:
        jobs = {name: ask(f"/v1/devices/{name}/test", {})["job"] for name in printers}
        say("loop_scan")
        unprinted, unread, until = dict(jobs), set(seen), now() + LOOP_S
        while (unprinted or unread) and now() < until:
            room = {one["name"]: one for one in ask("/v1/devices")["devices"]}
            unprinted = {name: job for name, job in unprinted.items() if not _came_out(room.get(name, {}), job)}
            unread = {name for name in unread if not _read(room.get(name, {}), seen[name])}
            wait(LOOK_S)
    finally:
        ask("/v1/test-mode", {"on": False})
    for name in sorted(unprinted):
        yield problem("loop_unprinted", device=name, seconds=LOOP_S)
    for name in sorted(unread):
        yield problem("loop_unread", device=name, seconds=LOOP_S)


def _last(device: dict[str, Any]) -> str:
    return str(((device.get("scanner") or {}).get("scan") or {}).get("at", ""))


def _read(device: dict[str, Any], before: str) -> bool:
    scan = (device.get("scanner") or {}).get("scan") or {}
    return scan.get("at", "") > before and scan.get("verdict") != "damaged"


def _came_out(device: dict[str, Any], job: str) -> bool:
    jobs = (device.get("printer") or {}).get("jobs", [])
    return any(one["job"] == job and one["state"] in ("CONFIRMED", "UNCONFIRMED") for one in jobs)
