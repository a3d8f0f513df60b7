"""Owns the checks of what is plugged in: each device of the settings there, allowed, free, and told from its twins; who else wants it."""

from __future__ import annotations

import os
import re
import socket
import stat
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from posagent.doctor.case import Case
from posagent.doctor.finding import Finding, problem, unknown, warning
from posagent.ports import Found
from posagent.settings import DeviceSettings

NODES = ("port", "device", "path", "node")
"""Options in which drivers keep the node or the selector of their device."""
CONNECT_S = 2.0
RULES = "71-posagent.rules"
_WRONG_RULE = re.compile(r"^(\S*posagent\S*\.rules):(\d+) (.+)$", re.MULTILINE)
"""How systemd-udevd names a line that it does not follow: "/etc/udev/rules.d/70-posagent-local.rules:3 Invalid key/value pair, ignoring."
(systemd, src/udev/udev-rules.c)."""
_PID = re.compile(r"(.+?) \(pid (\d+)\)(?:, )?")


def devices_are_there(case: Case) -> Iterator[Finding]:
    """D-201, D-202: present, readable by the agent's user, held by nobody else."""
    for device in case.settings.devices if case.settings else ():
        node = _node(case, device)
        found = _found(case, device, node)
        if node is not None and node.startswith("/") and not case.host.path(node).exists():
            near = [one for one in case.found if one.kind == device.kind]
            yield problem("device_gone", device=device.name, node=node, instead=near[0].node if near else "—")
            continue
        if node is not None and not node.startswith("/") and ":" in node and found is None and device.driver == "wedge":
            keyboards = [one.node for one in case.found if one.driver == "wedge"]
            yield problem("device_gone", device=device.name, node=node, instead=keyboards[0] if keyboards else "—")
            continue
        if found is not None and (holder := _strangers(case, found.held_by)):
            yield problem("device_held", device=device.name, node=found.node, holder=holder)
        if found is not None and found.note:
            yield warning("device_note", found.note, device=device.name, note=found.note)
        real = found.node if found is not None else node
        if real and real.startswith("/"):
            yield from _allowed(case, device.name, real)


def drivers_can_be_loaded(case: Case) -> Iterator[Finding]:
    """D-209: a driver that the settings name and nobody has is D-102's; here are those that are installed and broken."""
    for one in case.broken:
        yield warning("driver_broken", one.why, driver=one.name, distribution=one.distribution)


def network_devices_answer(case: Case) -> Iterator[Finding]:
    """D-208. A printer that serves one client at a time is the agent's while it runs: then D-301 speaks of it."""
    for device in case.settings.devices if case.settings is not None and case.agent != "running" else ():
        if device.options.get("host") and device.options.get("role") != "server":  # to a server the device comes by itself
            yield from _answers(device)


def twins_can_be_told_apart(case: Case) -> Iterator[Finding]:
    """D-204: two alike without serial numbers, bound by what both have in common."""
    alike = Counter((one.driver, one.identity) for one in case.found if one.identity)
    for (driver, identity), count in alike.items():
        if count > 1:
            yield problem("device_twins", driver=driver, identity=identity, count=count)


def nobody_else_wants_them(case: Case) -> Iterator[Finding]:
    """D-203: the programs that are known to take a till's devices."""
    settings = case.settings
    if settings is None:
        return
    serial = [device for device in settings.devices if "ttyUSB" in str(_node(case, device)) or "ttyACM" in str(_node(case, device))]
    host = case.host
    if serial and host.is_active("ModemManager.service") and not _ours(case, RULES):
        yield problem("modem_manager")
    braille = host.path("/usr/lib/udev/rules.d/85-brltty.rules").exists()
    if serial and braille and host.path("/etc/udev/rules.d/85-brltty.rules").resolve() != Path("/dev/null"):
        yield warning("brltty")
    for device in settings.devices:
        name = Path(str(_node(case, device))).name
        if name.startswith("tty") and host.is_active(f"serial-getty@{name}.service"):
            yield problem("getty", device=device.name, node=f"/dev/{name}", unit=f"serial-getty@{name}.service")
    queues = host.read("/etc/cups/printers.conf") or ""
    usb = [device for device in settings.of("printer") if device.driver in {"escpos-usb", "escpos-lp"}]
    if usb and "DeviceURI usb://" in queues:
        yield problem("cups_queue", device=usb[0].name)


def udev_knows_us(case: Case) -> Iterator[Finding]:
    """D-210: the rules and the group that give the agent its devices."""
    if case.settings is None or not any(str(_node(case, device)).startswith("/dev/") for device in case.settings.devices):
        return
    if not _ours(case, RULES):
        yield problem("no_udev_rules")
    if "posagent" not in {line.split(":")[0] for line in (case.host.read("/etc/group") or "").splitlines()}:
        yield problem("no_group")


def udev_follows_our_rules(case: Case) -> Iterator[Finding]:
    """D-211: a line that udev does not understand is left out, and said in its log alone."""
    told = case.host.run(["journalctl", "--unit=systemd-udevd", "--boot", "--output=cat", "--no-pager", "--lines=5000"])
    if wrong := _WRONG_RULE.findall(told.out):
        file, line, why = wrong[-1]
        yield problem("udev_rule_wrong", f"{file}:{line} {why}"[:200], file=file, line=line)


# ----------------------------------------------------------------


def _ours(case: Case, name: str) -> bool:
    """Whether udev follows this file of rules: one of /etc hides the package's, and a link to nowhere hides it for good (udev(7))."""
    if case.host.path(f"/etc/udev/rules.d/{name}").is_symlink():
        return case.host.path(f"/etc/udev/rules.d/{name}").resolve() != Path("/dev/null")
    return any(case.host.path(f"/{place}/udev/rules.d/{name}").exists() for place in ("usr/lib", "lib", "etc"))


def _strangers(case: Case, held_by: str) -> str:
    """Of "cupsd (pid 812), python3 (pid 90)" those that are not the agent and its processes: systemd starts it under the name of Python."""
    return ", ".join(f"{name} (pid {pid})" for name, pid in _PID.findall(held_by) if name != "posagent" and not _is_agent(case, pid))


def _is_agent(case: Case, pid: str) -> bool:
    words = (case.host.read(f"/proc/{pid}/cmdline") or "").split("\0")
    return any(before == "-m" and word.partition(".")[0] == "posagent" for before, word in pairwise(words))


def _node(case: Case, device: DeviceSettings) -> str | None:
    return next((value for key in NODES if isinstance(value := device.options.get(key), str) and value), None)


def _found(case: Case, device: DeviceSettings, node: str | None) -> Found | None:
    """What is plugged in for this device: by its selector, or by the node that the settings' path leads to."""
    for one in case.found:
        if one.driver == device.driver and any(one.settings.get(key) == device.options.get(key) for key in NODES if one.settings.get(key)):
            return one
    if node is None or not node.startswith("/"):
        return None
    real = case.host.path(node).resolve()
    return next((one for one in case.found if case.host.path(one.node).resolve() == real), None)


def _allowed(case: Case, name: str, node: str) -> Iterator[Finding]:
    """May the agent's user open the node: by owner, group or everybody. Root may always, so it is reckoned, not tried."""
    try:
        found = case.host.path(node).stat()
    except OSError as trouble:
        yield unknown("may_not_look", str(trouble), file=node)
        return
    user, groups = _agent_user(case)
    if user is None:
        if not os.access(case.host.path(node), os.R_OK):
            yield problem("device_denied", device=name, node=node, group=_group_name(case, found.st_gid))
        return
    mode = found.st_mode
    may = mode & stat.S_IROTH or (found.st_gid in groups and mode & stat.S_IRGRP) or (found.st_uid == user and mode & stat.S_IRUSR)
    if not may:
        yield problem("device_denied", device=name, node=node, group=_group_name(case, found.st_gid))


def _agent_user(case: Case) -> tuple[int | None, set[int]]:
    """(user id, group ids) of the user posagent; (None, …) where there is none: then it is run by hand."""
    for line in (case.host.read("/etc/passwd") or "").splitlines():
        fields = line.split(":")
        if fields[0] == "posagent" and len(fields) > 3:
            groups = {int(fields[3])}
            for group in (case.host.read("/etc/group") or "").splitlines():
                parts = group.split(":")
                if len(parts) > 3 and "posagent" in parts[3].split(","):
                    groups.add(int(parts[2]))
            return int(fields[2]), groups
    return None, set()


def _group_name(case: Case, gid: int) -> str:
    for line in (case.host.read("/etc/group") or "").splitlines():
        fields = line.split(":")
        if len(fields) > 2 and fields[2] == str(gid):
            return fields[0]
    return str(gid)


def _answers(device: DeviceSettings) -> Iterator[Finding]:
    host, port = str(device.options["host"]), int(device.options.get("tcp_port") or device.options.get("port", 9100))
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError as trouble:
        yield problem("network_device_silent", str(trouble), device=device.name, host=host, port=port)
