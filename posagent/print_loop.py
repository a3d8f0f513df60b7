"""Owns a slip printer's thread in the agent: drives `posagent.print_lane.SlipSpool`, reports the printer, and records what became of slips."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from offline_queue.errors import JobChanged
from offline_queue.events import NewEvent
from offline_queue.print_lane import READY, Job, PrintLane
from posagent import events as ev
from posagent.board import DeviceWord, Reported
from posagent.device_loops import Alive
from posagent.events import Place, draft
from posagent.handout import code_hash
from posagent.ports import Driver, Outcome, Printer, PrinterStatus
from posagent.print_lane import PrinterReport, SlipSpool
from posagent.settings import DeviceSettings
from posagent.slips import QR, Barcode, from_json

ALIVE_S = 5.0

_HELD_CODES = {"paper": "E210", "cover": "E211", "cutter": "E212", "error": "E200", "offline": "E213"}


@dataclass(frozen=True, slots=True)
class Recorder:
    """What a printed slip's event needs from the agent."""

    place: Place
    program: Callable[[], str]
    offline: Callable[[], bool]
    trace: Mapping[str, Any]

    def printed(self, job: Job, outcome: Outcome) -> Sequence[NewEvent]:
        """The event of a settled attempt: printed (with its certainty), or not known."""
        return self._event(job, "printed" if outcome.state == "printed" else "unknown", outcome.certainty, outcome.reason)

    def cancelled(self, job: Job, reason: str) -> Sequence[NewEvent]:
        """The event of a slip that was taken out of the lane before anybody began to print it."""
        return self._event(job, "cancelled", None, reason)

    def _event(self, job: Job, state: str, certainty: str | None, reason: str) -> Sequence[NewEvent]:
        at = datetime.now().astimezone().isoformat(timespec="milliseconds")
        slip = from_json(job.document)
        codes = (line.value for line in slip.lines if isinstance(line, (QR, Barcode)))
        code = None if slip.sample else next(codes, None)  # the codes of a test print are nobody's coupon
        day = job.serial.split("-")[-2]  # <store>-<register>-<yyyymmdd>-<n>
        recorded = draft(
            ev.COUPON_PRINTED if code else ev.SLIP_PRINTED,
            place=self.place,
            # The job's number as well: two papers with one serial are two facts, and a record that cannot be written must not stop the lane.
            idemkey=f"slip/{job.serial}/{job.id}/{job.copy}/{job.attempt}/{state}",
            at=at,
            business_date=f"{day[:4]}-{day[4:6]}-{day[6:]}",
            operator="system",
            role="system",
            program=self.program(),
            offline=self.offline(),
            data={
                "serial": job.serial,
                "copy": job.copy,
                "job": job.id,
                "printer": job.printer,
                "result": state,
                "certainty": certainty,
            }
            | ({"code_hash": code_hash(code)} if code else {})
            | ({"code": "E216"} if state == "unknown" else {}),
            trace={"at": at, "reason": reason, **self.trace},
        )
        return [NewEvent(recorded.type, recorded.subject, recorded.idemkey, recorded.time, recorded.data)]


class PrintLoop(threading.Thread):
    """One printer's thread. ``wake`` it when there may be a new job."""

    def __init__(
        self,
        device: DeviceSettings,
        driver: Driver,
        lane: PrintLane,
        recorder: Recorder,
        post: Callable[[Reported | Alive], None],
        stop: threading.Event,
        said: Callable[[PrinterReport], None] = lambda report: None,
    ) -> None:
        super().__init__(name=f"printer-{device.name}", daemon=True)
        self._device_name, self._post, self._stopping, self._said = device.name, post, stop, said
        self._wake = threading.Event()

        def opened() -> Printer:
            return driver.open(device.name, device.options)  # type: ignore[return-value]  # the settings reader has checked its kind

        self._spool = SlipSpool(
            device.name, opened, lane, ambiguous=device.ambiguous, report=self._reported, events=recorder.printed
        )

    def wake(self, _seq: int = 0) -> None:
        """Look for work now. From any thread."""
        self._wake.set()

    def run(self) -> None:
        """Until stopped."""
        alive_at = 0.0
        try:
            while not self._stopping.is_set():
                pause = self._spool.step()
                if time.monotonic() - alive_at >= ALIVE_S:
                    self._post(Alive(self._device_name))
                    alive_at = time.monotonic()
                if pause > 0:
                    self._wake.wait(pause)
                self._wake.clear()
        finally:
            self._spool.close()

    def _reported(self, report: PrinterReport) -> None:
        self._said(report)
        word, code = printer_word(report)
        self._post(Reported(self._device_name, word, code, report.trouble))


def printer_word(report: PrinterReport) -> tuple[DeviceWord, str]:
    """What the board shows of a printer: (state, message code). A printer that says nothing of itself is unknown, never ready."""
    if not report.connected:
        return "gone", "E214" if report.code in {"", "E301"} else report.code
    if report.waits_for:
        return "held", _HELD_CODES.get(report.waits_for, "E200")
    if report.status is None or report.status == PrinterStatus():
        return "unknown", ""
    return "ready", "E201" if report.status.paper == "near_end" else ""


def cancel_slips(lane: PrintLane, recorder: Recorder, serials: Sequence[str]) -> None:
    """Takes slips out of the lane that nobody has begun to print; the others come out, and what is voided is voided all the same."""
    for serial in serials:
        for job in lane.of_serial(serial):
            if job.state in READY:
                with suppress(JobChanged):  # its printer was faster
                    lane.cancel(job, "voided", "system", recorder.cancelled(job, "voided"))
