"""Owns what the HTTP server sees for the technician's page: `posagent.screen.technician.TechnicianBackend` over the agent's own state."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from offline_queue.errors import JournalError, KeyConflict
from offline_queue.events import NewEvent, NewJob
from offline_queue.print_lane import OPEN, Job, PrintLane
from offline_queue.sync import SyncState
from posagent import events as ev
from posagent.agent import Agent, Say
from posagent.board import DeviceState
from posagent.errors import Refused, StorageError
from posagent.events import draft
from posagent.ports import Capabilities, PrinterStatus
from posagent.print_lane import PrinterReport
from posagent.screen.backend import Answer, Json, Language
from posagent.screen.technician import (
    LINES_SHOWN,
    WATCH_S,
    CapturedShown,
    DeviceShown,
    DoorShown,
    JobShown,
    PrinterShown,
    Room,
    ScannerShown,
    ScanShown,
)
from posagent.slip_texts import Head, diagnostic_slip, findings_slip
from posagent.slips import Slip, from_json, to_json
from posagent.workbench import Reads, TestScan

if TYPE_CHECKING:
    from posagent.door_room import Captured, Doors
    from posagent.doors.receipt import Receipt

JOBS = 8
"""So many of a printer's last slips are listed."""
_LOOKED_AT = 40
_PICTURE_KEPT_S = 30.0  # an older one tells nothing, and shows somebody who is gone
_PICTURE = ("jpeg", "width", "height", "strips", "read", "sharpness", "mean", "burnt", "px_per_module", "hint", "ja", "en")
_MOST_STRIPS = 12
_COMMIT_S = 8.0


class Technician:
    """Called from the HTTP server's threads."""

    def __init__(self, agent: Agent, lane: PrintLane, *, language: Language, store_name: str, link: Callable[[], SyncState | None]) -> None:
        self._agent, self._lane, self._language, self._store_name, self._link = agent, lane, language, store_name, link

    # ------------------------------------------------------------ looking

    def room(self) -> Room:
        """See `TechnicianBackend.room`."""
        now_ns, agent, health = time.monotonic_ns(), self._agent, self._agent.journal.health()
        jobs = self._lane.jobs(limit=_LOOKED_AT)
        left_s = agent.bench.testing_s
        return {
            "devices": [self._device(device, now_ns, jobs) for device in agent.board.devices.values()],
            "test_mode": {"on": left_s > 0, "left_s": math.ceil(left_s)},
            "journal": {
                "state": health.state,
                "notes": list(health.notes),
                "found_at_start": list(agent.journal.findings),
                "disk_free_mb": health.disk_free_mb,
                "reserve_percent": health.reserve_percent,
                "fsync_p99_us": health.fsync_p99_us,
                "wal_mb": health.wal_mb,
                "io_errors": health.io_errors,
                "last_success": _ago_s(health.last_success_ns, now_ns),
            },
            "cloud": _cloud(self._link(), now_ns),
            "agent": {"version": agent.trace["agent"], "pid": agent.trace["pid"]},
        }

    def preview(self, device: str) -> Json:
        """See `TechnicianBackend.preview`."""
        bench = self._agent.bench
        if device not in bench.watch:
            raise Refused("there is no camera of this name", code="E632")
        bench.watch[device](device, WATCH_S)
        picture = bench.pictures.get(device)
        age_s = (time.monotonic_ns() - picture.at_ns) / 1e9 if picture else None
        if picture is None or age_s is None or age_s > _PICTURE_KEPT_S:
            return {"age_ms": None, "picture": None}
        shown = {key: picture.fields[key] for key in _PICTURE if key in picture.fields}
        return {"age_ms": int(age_s * 1000), "picture": {**shown, "strips": list(shown.get("strips", ()))[:_MOST_STRIPS]}}

    # ------------------------------------------------------------ acting

    def test_mode(self, on: bool) -> Answer:
        """See `TechnicianBackend.test_mode`."""
        was_on = self._agent.bench.testing_s > 0
        self._agent.bench.test(on=on)
        if on and not was_on:
            self._agent.post(Say("E630", {}))  # and the dispatcher looks at the clock from now on
        self._agent.wake_listeners()
        return Answer("done", {"on": on})

    def test_device(self, device: str, idempotency_key: str, doctor: Json | None = None) -> Answer:
        """See `TechnicianBackend.test_device`."""
        found = self._agent.board.devices.get(device)
        if found is None or found.kind != "printer":
            raise Refused("there is no printer of this name", code="E632")
        for job in self._lane.jobs(OPEN, _LOOKED_AT):
            if job.printer == device and _is_sample(job):
                return Answer("waiting", {"job": str(job.id), "serial": job.serial})
        now, rules = datetime.now().astimezone(), self._agent.rules
        day, place = rules.day(now), rules.place
        serial = f"{place.store}-{place.register}-{day.replace('-', '')}-T{sha256(idempotency_key.encode()).hexdigest()[:8]}"
        head = Head(serial, self._store_name, place.register, now, self._language, sample=True)
        slip = diagnostic_slip(head, facts=self._facts(found)) if doctor is None else _findings(head, doctor)
        at = now.isoformat(timespec="milliseconds")
        asked = draft(
            ev.SLIP_TESTED,
            place=place,
            idemkey=f"test/{serial}",
            at=at,
            business_date=day,
            operator=rules.operator,
            role="staff",
            program=rules.register.program,
            offline=self._agent.is_offline(),
            data={"serial": serial, "printer": device},
            trace={"at": at, **self._agent.trace},
        )
        event = NewEvent(asked.type, asked.subject, asked.idemkey, asked.time, asked.data)
        replayed = False
        try:
            stored = self._agent.journal.put([event], [NewJob(device, serial, to_json(slip))]).result(_COMMIT_S)
            replayed = stored.duplicate
        except KeyConflict:
            replayed = True
        except (JournalError, TimeoutError) as trouble:
            raise StorageError(f"the test print was not recorded: {trouble or 'the disk did not answer in time'}; try again") from trouble
        copies = self._lane.of_serial(serial)
        return Answer("done", {"job": str(copies[0].id) if copies else "", "serial": serial}, replayed=replayed)

    def teach(self, device: str, on: bool) -> Answer:
        """See `TechnicianBackend.teach`."""
        self._doors().teach(device, on=on)
        return Answer("done", {"on": on})

    def learn(self, device: str, name: str, known: Sequence[tuple[int, int]]) -> Answer:
        """See `TechnicianBackend.learn`."""
        taught, path = self._doors().learn(device, name, known)
        return Answer("done", {"path": path, "why": list(taught.why), "totals": [receipt.total for receipt in taught.after]})

    def use_profile(self, device: str, profile: str) -> Answer:
        """See `TechnicianBackend.use_profile`."""
        self._doors().use(device, profile)
        return Answer("done", {"profile": self._doors().profile_name(device), "chosen": profile})

    def _doors(self) -> Doors:
        if self._agent.bench.doors is None:
            raise Refused("there is no sale door of this name", code="E632")
        return self._agent.bench.doors

    # ------------------------------------------------------------

    def _device(self, device: DeviceState, now_ns: int, jobs: Sequence[Job]) -> DeviceShown:
        bench = self._agent.bench
        own = [job for job in jobs if job.printer == device.name][:JOBS]
        return {
            "name": device.name,
            "kind": device.kind,
            "driver": device.driver,
            "state": device.state,
            "code": device.code or None,
            "detail": device.detail,
            "as_of": _ago_s(device.as_of_ns, now_ns),
            "beat": _ago_s(device.beat_ns, now_ns),
            "stale": device.is_stale(now_ns),
            "camera": device.name in bench.watch,
            "scanner": _scanner(bench.reads.get(device.name, Reads()), bench.scans.get(device.name)) if device.kind == "scanner" else None,
            "printer": _printer(bench.printers.get(device.name), own) if device.kind == "printer" else None,
            "door": _door(bench.doors, device.name) if device.kind == "sale_door" and bench.doors is not None else None,
        }

    def _facts(self, device: DeviceState) -> list[tuple[str, str]]:
        report = self._agent.bench.printers.get(device.name)
        able = _learned(report)
        ja = self._language == "ja"
        known = [
            ("プリンタ" if ja else "Printer", device.name),
            ("ドライバ" if ja else "Driver", device.driver),
            ("機種" if ja else "Model", " ".join(filter(None, (able.maker, able.model))) if able else ""),
            ("ファームウェア" if ja else "Firmware", able.firmware if able else ""),
            ("製造番号" if ja else "Serial", able.serial if able else ""),
            ("印字の証明" if ja else "Proof of printing", f"T{able.tier}" if able else ""),
            ("posagent", str(self._agent.trace["agent"])),
        ]
        return [(label, value) for label, value in known if value]


def _findings(head: Head, told: Json) -> Slip:
    return findings_slip(head, [(one["id"], one["wrong"], one["todo"]) for one in told["findings"]], told["code"])


def _door(doors: Doors, name: str) -> DoorShown:
    standing = doors.standing(name)
    return {
        "profile": doors.profile_name(name),
        "chosen": doors.chosen(name),
        "profiles": doors.profiles(name),
        "trust": {"confirmed": standing[0], "needed": standing[1]} if standing else None,
        "teaching_s": math.ceil(doors.teaching_s(name)),
        "captured": [_captured(one, receipt) for one, receipt in doors.captured(name)],
    }


def _captured(one: Captured, receipt: Receipt) -> CapturedShown:
    return {
        "number": one.number,
        "at": one.at,
        "lines": list(one.document.lines[:LINES_SHOWN]),
        "kind": receipt.kind,
        "total": receipt.total,
        "receipt_no": receipt.receipt_no,
        "paid": receipt.paid,
        "why": list(receipt.why),
    }


def _scanner(reads: Reads, scan: TestScan | None) -> ScannerShown:
    shown: ScanShown | None = None
    if scan is not None:
        shown = cast("ScanShown", {"at": scan.at, **(scan.told or {"verdict": "damaged", "why": scan.why})})
    return {"good": reads.good, "damaged": reads.damaged, "damaged_at": reads.damaged_at, "why": reads.why, "scan": shown}


def _learned(report: PrinterReport | None) -> Capabilities | None:
    """What the printer can do. A driver asks with the first slip: until then a printer that answers must not be called one that cannot."""
    able = report.capabilities if report else None
    answers = report is not None and report.status not in {None, PrinterStatus()}
    return None if answers and able == Capabilities(0) else able


def _printer(report: PrinterReport | None, jobs: Sequence[Job]) -> PrinterShown:
    able = _learned(report)
    return {
        "says": asdict(report.status) if report and report.status else None,
        "capabilities": asdict(able) if able else None,
        "waits_for": report.waits_for if report else "",
        "jobs": [_job(job) for job in jobs],
    }


def _job(job: Job) -> JobShown:
    slip = _slip(job)
    return {
        "job": str(job.id),
        "serial": job.serial,
        "copy": job.copy,
        "title": slip.title if slip else "",
        "sample": bool(slip and slip.sample),
        "state": job.state,
        "certainty": job.certainty,
        "reason": job.reason,
        "created": job.created,
        "updated": job.updated,
    }


def _is_sample(job: Job) -> bool:
    slip = _slip(job)
    return slip is not None and slip.sample


def _slip(job: Job) -> Slip | None:
    """None where the stored slip is damaged: the list says what it can."""
    try:
        return from_json(job.document)
    except ValueError:
        return None


def _cloud(link: SyncState | None, now_ns: int) -> dict[str, Any]:
    if link is None:
        return {"configured": False}
    return {
        "configured": True,
        "link": link.link,
        "last_success": _ago_s(link.last_success_ns, now_ns),
        "pending": link.pending,
        "oldest": link.oldest,
        "blocked": link.blocked,
        "clock_offset_ms": link.clock_offset_ms,
    }


def _ago_s(at_ns: int, now_ns: int) -> int | None:
    """Seconds since a monotonic time; None: never."""
    return (now_ns - at_ns) // 1_000_000_000 if at_ns else None
