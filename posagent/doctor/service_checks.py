"""Owns the checks of the service: is it there, does it run, did it fall over, may it reach its devices, may strangers reach it."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from datetime import datetime, timedelta

from posagent.doctor.case import Case
from posagent.doctor.finding import Finding, problem, unknown, warning

UNIT = "posagent.service"
RESTARTS = 3
CLASSES = {"ttyUSB": "usbserial", "ttyACM": "cdc_acm", "usb": "usblp", "input": "evdev", "video4linux": "videodev", "hidraw": "hid"}
"""/proc/devices' names -> the module that brings them; the unit's DeviceAllow= names the classes."""
HOSTILE: tuple[dict[str, str], ...] = (
    {"Host": "evil.example:8931"}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
)  # fmt: skip


def the_agent_runs(case: Case) -> Iterator[Finding]:
    """D-101."""
    unit = case.host.shows(UNIT, "LoadState", "ActiveState", "SubState", "Result", "ExecMainStatus", "NRestarts", "WatchdogUSec")
    if case.agent == "no_socket":
        yield warning("no_socket", file=case.settings_file)
    if unit is None or unit.get("LoadState") == "not-found":
        if case.agent == "down":
            yield problem("agent_down_by_hand")
        elif case.agent != "running":
            yield unknown("no_service")
        return
    if unit.get("ActiveState") != "active" or case.agent == "down":
        status = unit.get("ExecMainStatus", "")
        words = "service_settings" if status == "78" else "service_down"
        yield problem(words, f"Result={unit.get('Result')} ExecMainStatus={status}", state=unit.get("ActiveState", "?"))
    elif int(unit.get("NRestarts", "0") or 0) >= RESTARTS:
        yield warning("service_restarts", count=unit["NRestarts"])
    if unit.get("ActiveState") == "active" and unit.get("WatchdogUSec", "0") in {"0", "infinity"}:
        yield warning("no_watchdog")
    if case.agent == "refused":
        yield unknown("may_not_ask")


def devices_are_allowed(case: Case) -> Iterator[Finding]:
    """D-205: systemd resolves DeviceAllow= when the unit starts; a class that came later is refused (systemd.resource-control(5))."""
    unit = case.host.shows(UNIT, "ActiveState", "DevicePolicy", "DeviceAllow", "ActiveEnterTimestamp")
    if unit is None or unit.get("ActiveState") != "active" or unit.get("DevicePolicy", "auto") == "auto":
        return
    allowed = unit.get("DeviceAllow", "")
    devices = (case.host.read("/proc/devices") or "").split("Block devices")[0]
    present = {line.split()[1] for line in devices.splitlines() if len(line.split()) == 2 and line.split()[0].isdigit()}
    began = _began(unit.get("ActiveEnterTimestamp", ""))
    for name, module in CLASSES.items():
        if name not in present or f"char-{name} " not in f"{allowed} ":
            continue
        loaded = case.host.path(f"/sys/module/{module}")
        if began is None or not loaded.is_dir():
            continue
        if datetime.fromtimestamp(loaded.stat().st_mtime).astimezone() > began + timedelta(seconds=5):
            yield problem("device_class_late", kind=name)


def _began(text: str) -> datetime | None:
    """systemd's "Sun 2026-11-22 10:19:52 UTC", in whatever zone it is written."""
    parts = text.split()
    try:
        return datetime.fromisoformat(f"{parts[1]}T{parts[2]}").astimezone()
    except (IndexError, ValueError):
        return None


def strangers_are_refused(case: Case) -> Iterator[Finding]:
    """D-501: asks the page's own port as a hostile page would (posagent.screen.policy refuses it)."""
    if case.settings is None or case.agent != "running" or not case.settings.screen.listen:
        return
    host, _, port = case.settings.screen.listen.rpartition(":")
    for wrong in HOSTILE:
        line = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=3.0)
        try:
            line.putrequest("GET", "/v1/status", skip_host="Host" in wrong)
            for name, value in wrong.items():
                line.putheader(name, value)
            line.endheaders()
            answer = line.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as trouble:
            yield unknown("page_silent", str(trouble), address=case.settings.screen.listen)
            return
        finally:
            line.close()
        if answer.status not in (403, 421):
            yield problem("stranger_let_in", f"{wrong} was answered {answer.status}", address=case.settings.screen.listen)


def the_browser_may_reach_us(case: Case) -> Iterator[Finding]:
    """D-502: a POS web page of another origin needs Chrome's leave to call this register (Local Network Access, Chrome 142)."""
    if case.settings is None:
        return
    for origin in case.settings.screen.allowed_origins:
        places = [f"/etc/{place}/policies/managed" for place in ("opt/chrome", "chromium", "chromium/policies")]
        files = [path for place in places if case.host.path(place).is_dir() for path in case.host.path(place).glob("*.json")]
        texts = [path.read_text("utf-8", "replace") for path in files]
        if not any("LocalNetworkAccess" in text and origin in text for text in texts):
            yield warning("no_browser_policy", origin=origin)


def the_last_version_is_kept(case: Case) -> Iterator[Finding]:
    """D-601: an upgrade that fails goes back to the package that was kept."""
    if not case.host.path("/var/lib/dpkg/info/posagent.list").exists():
        return
    state = case.host.run(["dpkg", "--audit", "posagent"])
    if state.code not in (0, 127) or state.out.strip():
        yield problem("package_half", state.out.strip()[:200])
