"""Owns what the technician's page asks of the agent, and the shapes of its answers. The same rules as `posagent.screen.backend` hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypedDict

from posagent.screen.backend import Answer, DeviceStatus, Json

LINES_SHOWN = 80
WATCH_S = 10
"""A camera sends pictures for so long after each request: nothing is sent when nobody looks."""


class Checked(TypedDict):
    """One rule's deciding question about a scan; ``rule`` "": what was done before any rule."""

    rule: str
    passed: bool
    ja: str
    en: str


class ScanShown(TypedDict, total=False):
    """The last scan in test mode. The number is masked everywhere; a damaged scan (``verdict`` "damaged") has only ``why``."""

    at: str
    verdict: str  # member, coupon, product, staff, ambiguous, refused, damaged
    masked: str
    length: int
    symbology: str | None
    aim: str | None
    rule: str
    ja: str
    en: str
    rules: list[Checked]
    why: str  # English, of the driver


class ScannerShown(TypedDict):
    """What one scanner has read in this run of the agent."""

    good: int
    damaged: int
    damaged_at: str
    why: str  # of the last damaged one
    scan: ScanShown | None


class JobShown(TypedDict):
    """A slip of the print lane."""

    job: str
    serial: str
    copy: int
    title: str
    sample: bool
    state: str  # offline_queue.print_lane.State
    certainty: str | None
    reason: str
    created: str
    updated: str


class PrinterShown(TypedDict):
    """``says``: posagent.ports.PrinterStatus, each None where the printer does not say; None while it is not connected."""

    says: dict[str, Any] | None
    capabilities: dict[str, Any] | None
    waits_for: str
    jobs: list[JobShown]


class CapturedShown(TypedDict):
    """A document that a door saw while it was taught. ``lines`` at most `LINES_SHOWN`."""

    number: int
    at: str
    lines: list[str]
    kind: str
    total: int | None
    receipt_no: str | None
    paid: bool
    why: list[str]


class DoorShown(TypedDict):
    """A sale door. ``trust``: {"confirmed", "needed"}; None: a technician vouches for it. ``chosen``: the profile that was chosen here, "": it
    reads as the settings say; ``profiles``: what could be chosen."""

    profile: str
    chosen: str
    profiles: list[str]
    trust: dict[str, int] | None
    teaching_s: int
    captured: list[CapturedShown]


class DeviceShown(DeviceStatus, total=False):
    """A device with everything that a technician asks of it."""

    beat: int | None  # seconds since its loop's last sign of life
    camera: bool
    scanner: ScannerShown | None
    printer: PrinterShown | None
    door: DoorShown | None


class Room(TypedDict):
    """The whole page, but for pictures."""

    devices: list[DeviceShown]
    test_mode: dict[str, Any]  # {"on": bool, "left_s": int}
    journal: dict[str, Any]
    cloud: dict[str, Any]
    agent: dict[str, Any]


class TechnicianBackend(Protocol):
    """The agent, as the technician's page sees it."""

    def room(self) -> Room:
        """Everything now, from memory and short reads."""

    def preview(self, device: str) -> Json:
        """A camera's last picture, and a request for more: {"age_ms": int or None, "picture": {"jpeg" (base64), "width", "height", "strips",
        "read", "sharpness", "mean", "burnt", "px_per_module", "hint", "ja", "en"} or None}. Raises Refused (E632)."""

    def test_device(self, device: str, idempotency_key: str, doctor: Json | None = None) -> Answer:
        """Queues a printer's test slip, or the doctor's ({"findings": [{"id", "level", "wrong", "todo"}], "code"}). While one waits already,
        that one is the answer. Raises Refused (E632)."""

    def test_mode(self, on: bool) -> Answer:
        """In test mode scans are explained here and not given to the counter. It ends by itself."""

    def teach(self, device: str, on: bool) -> Answer:
        """Teach mode of a sale door: what it reads is kept in memory and shown. It ends by itself. Raises Refused (E632)."""

    def learn(self, device: str, name: str, known: Sequence[tuple[int, int]]) -> Answer:
        """A profile from (number of a captured receipt, its total): {"path", "why", "totals"}. Raises Refused (E632, E636)."""

    def use_profile(self, device: str, profile: str) -> Answer:
        """A sale door reads by this profile from now on; "": as the settings say. Raises Refused (E632, E636)."""
