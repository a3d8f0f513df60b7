"""Owns the checks that only the running agent can answer: what each device says of itself now."""

from __future__ import annotations

from collections.abc import Iterator

from posagent.doctor.case import Case
from posagent.doctor.finding import Finding, problem, unknown, warning


def the_agent_can_be_asked(case: Case) -> Iterator[Finding]:
    """D-300: paper, covers and scans are known to the agent alone."""
    if case.room is None and case.settings is not None and case.settings.devices:
        yield unknown("room_unasked")


def devices_work(case: Case) -> Iterator[Finding]:
    """D-301: the code that the page shows too, so that cashier and technician speak of the same thing."""
    for device in (case.room or {}).get("devices", []):
        message, name = device.get("message"), device["name"]
        if message:
            level = problem if device["state"] in ("gone", "held") else warning
            yield level("device_says", device.get("detail", ""), device=name, code=message["code"], message=message)
        elif device["stale"] and device.get("beat") is not None:
            yield problem("device_silent", device=name, seconds=device["beat"])
        elif device["state"] == "opening":
            yield warning("device_opening", device=name)


def printers_prove_what_they_print(case: Case) -> Iterator[Finding]:
    """D-303: what a printer cannot say must be looked at by eye."""
    for device in (case.room or {}).get("devices", []):
        printer = device.get("printer")
        if not printer or device["state"] != "ready":
            continue
        says = printer.get("says") or {}
        if says.get("paper") is None:
            yield warning("printer_mute", device=device["name"])
        elif says["paper"] == "near_end":
            yield warning("paper_low", device=device["name"])
        if says.get("cover_open"):
            yield problem("cover_open", device=device["name"])
        if (printer.get("capabilities") or {}).get("kanji") is False:
            yield warning("no_kanji", device=device["name"])


def scanners_read_whole_codes(case: Case) -> Iterator[Finding]:
    """D-207: many damaged scans are a layout, a cable or a speed."""
    for device in (case.room or {}).get("devices", []):
        scanner = device.get("scanner")
        if scanner and scanner["damaged"] >= 5 and scanner["damaged"] * 10 >= scanner["good"]:
            yield problem("scans_damaged", scanner["why"], device=device["name"], damaged=scanner["damaged"], good=scanner["good"])


def nothing_waits_for_a_person(case: Case) -> Iterator[Finding]:
    """D-304."""
    if case.status is None:
        return
    if case.status["questions"]:
        yield warning("slips_in_doubt", count=len(case.status["questions"]))
    for name in case.status["degraded"]:
        if name == "manager_pin":
            yield warning("no_manager_pin")
    if case.room is not None and case.room["test_mode"]["on"]:
        yield warning("test_mode_on")
