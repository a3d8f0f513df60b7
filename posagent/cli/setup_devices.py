"""Owns which devices `posagent setup` puts into the settings: what is plugged in, what the file knows already, and who chooses."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import cast

from posagent.cli.setup_asking import Asking
from posagent.errors import PosagentError
from posagent.ports import Driver, Found, Kind
from posagent.setup_text import Device, place_of

NETWORK = "escpos-tcp"
ADDRESS = re.compile(r"[A-Za-z0-9.\-]+(:\d{1,5})?|\[[0-9a-fA-F:]+\](:\d{1,5})?")


def choose_devices(
    asking: Asking, found: list[Found], known: tuple[Device, ...], scanners: list[str] | None, printers: list[str] | None
) -> tuple[list[Device], list[Found]]:
    """(the tables for the settings, the scanners among what was found); ``known``: what the file has, ``scanners`` and ``printers``: flags."""
    present = [device for device in known if device.settings.get("driver") != NETWORK]
    reading = _choose(asking, "scanners", _with_present("scanner", found, present), scanners, present)
    printing = _choose(asking, "printers", _with_present("printer", found, present), printers, present)
    devices = [*_tables("scanner", reading, present), *_tables("printer", printing, present)]
    devices += _network(asking, printers, [device for device in known if device not in present], len(printing))
    return devices, reading


def find(drivers: Iterable[Driver]) -> list[Found]:
    """Everything that could be pasted into the settings; a driver that cannot look says so and the others go on."""
    found: list[Found] = []
    for driver in drivers:
        try:
            found += [one for one in driver.find() if one.settings]
        except (PosagentError, OSError) as trouble:
            print(f"! {driver.name}: {trouble}", file=sys.stderr)
    return sorted(found, key=lambda one: (one.kind, one.node))


def _with_present(kind: str, found: list[Found], present: list[Device]) -> list[Found]:
    """What is plugged in, and what the file names and is not there now: it may only be unplugged."""
    here = [one for one in found if one.kind == kind]
    places = {place_of(one.settings) for one in here}
    gone = (device for device in present if device.kind == kind and device.place not in places)
    where = ("port", "device", "node", "usb")
    return here + [
        Found(
            str(device.settings.get("driver", "")), cast("Kind", kind), device.name,
            next((str(device.settings[key]) for key in where if key in device.settings), ""), "", note="not plugged in now",
            settings=device.settings,
        )
        for device in gone
    ]  # fmt: skip


def _tables(kind: str, chosen: list[Found], present: list[Device]) -> list[Device]:
    """A device that the file knows keeps its name and everything that was set for it (a layout, a speed)."""
    known = {device.place: device for device in present if device.kind == kind}
    taken = {device.name for device in known.values()}
    names = (name for at in range(1, 1000) if (name := f"{kind}-{at}") not in taken)
    return [known.get(place_of(one.settings)) or Device(kind, next(names), one.settings) for one in chosen]


def _choose(asking: Asking, key: str, found: list[Found], flags: list[str] | None, present: list[Device]) -> list[Found]:
    """Those that the flags name, else those that the person picks: at first what the file has, or else every device without a remark."""
    places = {device.place for device in present}
    usual = [one for one in found if place_of(one.settings) in places] or [one for one in found if not one.note]
    if flags is not None:
        named = [one for one in found if {one.node, one.identity} & set(flags)]
        return usual if "auto" in flags else named
    if asking.silent:
        return usual
    asking.tell(key)
    if not found:
        asking.tell("none_found")
        return []
    for at, one in enumerate(found, 1):
        print(f"  {at}  {one.title}  {one.node}{f'  ({one.note})' if one.note else ''}{f'  held by {one.held_by}' if one.held_by else ''}")
    default = ",".join(str(found.index(one) + 1) for one in usual) or "0"

    def good(text: str) -> bool:
        return all(word.strip().isdigit() and int(word) <= len(found) for word in text.split(","))

    picked = asking.ask("choose", default, good)
    return [found[int(word) - 1] for word in picked.split(",") if int(word) > 0]


def _network(asking: Asking, flags: list[str] | None, present: list[Device], others: int) -> list[Device]:
    if flags is None and asking.silent:
        return present
    hosts = [flag for flag in flags or [] if flag not in {"auto", "none"} and not flag.startswith(("/", "usb:")) and ADDRESS.fullmatch(flag)]
    if flags is None:
        default = "{host}:{port}".format(**{"port": 9100, **present[0].settings}) if present else ""
        hosts = [typed] if (typed := asking.ask("network", default, lambda text: not text or ADDRESS.fullmatch(text))) else []
    found = []
    for at, host in enumerate(hosts, others + 1):
        name, _, port = host.rpartition(":") if re.search(r":\d+$", host) else (host, "", "")
        found.append(Device("printer", f"printer-{at}", {"driver": NETWORK, "host": name, **({"port": int(port)} if port else {})}))
    return found
