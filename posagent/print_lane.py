"""Owns the spool worker: takes slips out of the print lane, one at a time and in order, and settles each by what its printer can prove.

One worker for each printer, in a thread of its own; it opens the printer, uses it and closes it. Every state is on disk before the effect
that it announces, so that a worker that is killed anywhere is taken over by the next one: SENDING and HANDED are resolved by the printer's
witnesses before anything else is printed. What cannot be proved follows the policy: a marked copy, or a question to a person. Nothing is
ever repeated unmarked without proof that it is not on paper.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, assert_never

from offline_queue.errors import JobChanged
from offline_queue.events import NewEvent
from offline_queue.print_lane import NOT_SEEN, SEEN, Job, PrintLane
from posagent.errors import DeviceError
from posagent.ports import Capabilities, Evidence, Outcome, Printer, PrinterStatus, Ticket
from posagent.slips import Slip, from_json, reissued, to_json

_log = logging.getLogger(__name__)

Ambiguous = Literal["reprint_marked", "ask", "hold"]
"""What to do when nobody can prove whether a slip came out: print a marked copy; ask a person and go on with the next slip; ask and wait."""

POLL_S = 0.7  # an idle printer is asked so often: cover and paper show within a second
REOPEN_S = 1.0
SLICE_S = 1.0  # a waiting attempt is looked at so often
PRINT_S = 8.0  # first call of an attempt, with everything that is asked before it
STATUS_S = 1.0
MOST_COPIES = 3  # a slip that cannot be proved so often is a case for a person, and for a technician
_RECENT = 50


@dataclass(frozen=True, slots=True)
class PrinterReport:
    """What is known of a printer now. ``waits_for``: as PrinterStatus.holds, or "" (nothing), or why it cannot be opened."""

    printer: str
    connected: bool
    status: PrinterStatus | None = None  # None: not connected; all its fields None: it does not say
    capabilities: Capabilities | None = None
    job: int | None = None  # being printed or resolved
    waits_for: str = ""
    trouble: str = ""  # for the technician
    code: str = ""


def _no_events(job: Job, outcome: Outcome) -> Sequence[NewEvent]:
    return ()


class SlipSpool:
    """The worker of one printer. Drive it with `run`, or step by step in tests.

    ``report`` is called whenever something that a person may see has changed. ``events`` makes the journal's entries for a settled slip;
    they are written in the transaction that settles it.
    """

    def __init__(
        self, printer: str, open_printer: Callable[[], Printer], lane: PrintLane, *, ambiguous: Ambiguous = "reprint_marked",
        report: Callable[[PrinterReport], None] = lambda report: None, events: Callable[[Job, Outcome], Sequence[NewEvent]] = _no_events,
        print_s: float = PRINT_S, slice_s: float = SLICE_S, poll_s: float = POLL_S, reopen_s: float = REOPEN_S,
    ) -> None:  # fmt: skip
        self._name = printer
        self._open_printer = open_printer
        self._lane = lane
        self._ambiguous = ambiguous
        self._report = report
        self._events = events
        self._print_s, self._slice_s, self._poll_s, self._reopen_s = print_s, slice_s, poll_s, reopen_s
        self._printer: Printer | None = None
        self._last: PrinterReport | None = None
        self._known: dict[int, Evidence] = {}  # of attempts that this process began: what really left
        self._standing: int | None = None  # the job whose attempt is alive in the open printer and only waits
        self._able = _able_before(lane.remembered(printer))  # as this printer last showed itself, to this process or to an earlier one
        self._doubted: Capabilities | None = None  # what it could do on this connection was less than before
        self._dirty = self._left_dirty()

    # ---------------------------------------------------------------- running

    def run(self, stopping: threading.Event, wake: threading.Event) -> None:
        """Until ``stopping``. ``wake`` is set when there is a new job, or an answer of the cashier."""
        try:
            while not stopping.is_set():
                pause = self.step()
                if pause > 0:
                    wake.wait(pause)
                wake.clear()
        finally:
            self.close()

    def close(self) -> None:
        """Gives the printer back; what is under way is resolved by the next worker."""
        self._doubted = None
        if self._printer is not None:
            self._printer.close()
            self._printer = None

    def step(self) -> float:
        """One thing: open, resolve, print or look. Returns how many seconds there is nothing to do."""
        try:
            printer = self._opened()
            if unresolved := self._lane.unresolved(self._name):
                return self._resolve(printer, unresolved[0])
            job = self._lane.next(self._name)
            if job is not None and not self._blocked():
                return self._print(printer, job)
            self._look(printer)
            return self._poll_s
        except DeviceError as lost:
            return self._lost(lost)
        except JobChanged as changed:  # a person was faster: look again
            _log.info("printer %s: %s", self._name, changed)
            return 0.0

    # ---------------------------------------------------------------- the printer

    def _opened(self) -> Printer:
        if self._printer is None:
            self._printer = self._open_printer()
            _log.info("printer %s: connected", self._name)
        return self._printer

    def _look(self, printer: Printer) -> None:
        status = printer.status(STATUS_S)
        self._tell(PrinterReport(self._name, True, status, printer.capabilities, waits_for=status.holds))

    def _lost(self, trouble: DeviceError) -> float:
        self.close()
        self._standing = None
        for job in self._lane.unresolved(self._name):
            if job.state != "UNCONFIRMED":
                self._lane.settle(job, "UNCONFIRMED", None, "the printer cannot be reached")
        waiting = self._lane.next(self._name)
        if waiting is not None:
            self._lane.held(waiting, "offline")
        self._tell(PrinterReport(self._name, False, waits_for="offline", trouble=str(trouble), code=trouble.code))
        return self._reopen_s

    def _tell(self, report: PrinterReport) -> None:
        if report != self._last:
            if self._last is None or (report.trouble, report.waits_for) != (self._last.trouble, self._last.waits_for):
                _log.info("printer %s: %s", self._name, report.trouble or report.waits_for or "ready")
            self._last = report
            self._report(report)

    # ---------------------------------------------------------------- slips

    def _blocked(self) -> bool:
        return self._ambiguous == "hold" and any(job.printer == self._name for job in self._lane.jobs(("NEEDS_OPERATOR",), _RECENT))

    def _print(self, printer: Printer, job: Job) -> float:
        slip = _slip_of(job)
        if slip is None:
            self._lane.settle(job, "NEEDS_OPERATOR", None, "the stored slip is damaged")
            return 0.0
        current = job

        def sending(evidence: Evidence) -> None:
            nonlocal current
            seen = asdict(evidence)
            current = self._lane.handed(current, seen) if current.state == "SENDING" else self._lane.sending(current, seen)

        ticket = Ticket(str(job.id), mark_of(job.id), job.attempt + 1, slip, self._able, void_first=self._dirty)
        outcome = printer.print(ticket, sending, self._print_s)
        self._note_abilities(printer)
        for warning in outcome.warnings:
            _log.warning("printer %s: slip %s: %s", self._name, job.serial, warning)
        return self._settle(printer, current, slip, outcome)

    def _resolve(self, printer: Printer, job: Job) -> float:
        slip = _slip_of(job)
        if slip is None or job.evidence is None:
            self._lane.settle(job, "NEEDS_OPERATOR", None, "the stored slip is damaged")
            return 0.0
        evidence = self._known.get(job.id) or _after_restart(job.evidence)
        ticket = Ticket(str(job.id), mark_of(job.id), job.attempt, slip, self._able)
        outcome = printer.resolve(ticket, evidence, self._slice_s if job.id == self._standing else self._print_s)
        self._note_abilities(printer)
        return self._settle(printer, job, slip, outcome)

    def _note_abilities(self, printer: Printer) -> None:
        """Keeps what the printer can do. Where the same printer can do less than it could, all is forgotten and learned anew on the next
        connection: it may only have been a bad moment."""
        able = printer.capabilities
        if not able.tier or able in {self._able, self._doubted}:
            return
        if self._able is not None and able.tier < self._able.tier and _who(able) == _who(self._able):
            self._lane.remember(self._name, {})
            self._able, self._doubted = None, able
        else:
            self._lane.remember(self._name, asdict(able))
            self._able, self._doubted = able, None

    def _settle(self, printer: Printer, job: Job, slip: Slip, outcome: Outcome) -> float:
        """Writes down what became of an attempt, and says when to go on."""
        if outcome.evidence is not None:
            self._known[job.id] = outcome.evidence
        reason = outcome.reason
        match outcome.state:
            case "printed":
                self._lane.settle(job, "CONFIRMED", outcome.certainty, reason, self._events(job, outcome))
                self._dirty = False
            case "held":
                self._lane.held(job, reason)
                self._tell(self._seen(printer, None, reason))
                return self._poll_s
            case "not_printed":
                self._dirty = self._dirty or outcome.evidence is None or outcome.evidence.bytes_handed > 0
                self._lane.requeue(job, reason)
            case "refused":
                self._lane.settle(job, "NEEDS_OPERATOR", None, reason, self._events(job, outcome))
            case "unknown" if outcome.waiting:
                self._standing = job.id if reason in _STANDSTILLS else None  # others take more than a short look to settle
                self._tell(self._seen(printer, job.id, reason if reason in _HOLDS else ""))
                return 0.0 if reason == "still printing" else self._poll_s / 4
            case "unknown":
                self._dirty = True
                self._give_up(job, slip, outcome)
            case _:
                assert_never(outcome.state)
        self._known.pop(job.id, None)
        self._standing = None
        self._tell(self._seen(printer, None, ""))
        return 0.0

    def _give_up(self, job: Job, slip: Slip, outcome: Outcome) -> None:
        """Nobody can prove anything any more."""
        if self._ambiguous == "reprint_marked" and not outcome.reason.startswith("foreign") and job.copy < MOST_COPIES:
            copy = to_json(reissued(slip, _REPRINT_WORDS[slip.lang]))
            self._lane.reprint(job, copy, outcome.reason, "posagent", self._events(job, outcome))
        else:
            self._lane.settle(job, "NEEDS_OPERATOR", None, outcome.reason, self._events(job, outcome))

    def _seen(self, printer: Printer, job: int | None, waits_for: str) -> PrinterReport:
        status = self._last.status if self._last is not None and self._last.connected else None
        return PrinterReport(self._name, True, _held_by(waits_for, status), printer.capabilities, job, waits_for)

    def _left_dirty(self) -> bool:
        """Whether the attempt before this process may have left paper hanging."""
        begun = [job for job in self._lane.jobs(limit=_RECENT) if job.printer == self._name and job.attempt]
        return bool(begun) and max(begun, key=lambda job: (job.updated, job.id)).state != "CONFIRMED"


_HOLDS = frozenset({"paper", "cover", "cutter", "error", "offline"})
_STANDSTILLS = _HOLDS - {"offline"} | {"still printing"}
_AGAIN_WORDS: Mapping[str, str] = {"ja": "店長による再発行", "en": "reissued by the manager"}
_REPRINT_WORDS: Mapping[str, str] = {"ja": "印字の確認ができなかったため", "en": "the first copy could not be confirmed"}


def mark_of(number: int) -> str:
    """Two printable characters that tell one job's process ids from another's; they repeat after 8,836 jobs."""
    high, low = divmod(number % 8836, 94)
    return chr(0x21 + high) + chr(0x21 + low)


def answer_job(lane: PrintLane, number: int, came_out: bool, operator: str, events: Sequence[NewEvent] = ()) -> int | None:
    """A person's word on a slip: it came out, or it did not (then a marked copy is queued; its number). Raises NoSuchEntry, JobChanged."""
    job = lane.job(number)
    slip = _slip_of(job)
    if slip is None:
        raise JobChanged(f"print job {number}: the stored slip is damaged; only cancelling it is possible")
    if job.state not in {"NEEDS_OPERATOR", "UNCONFIRMED"}:  # a copy of what came out is a manager's to ask for
        raise JobChanged(f"print job {number} is {job.state}: nobody is asked about it")
    again = to_json(reissued(slip, "" if came_out else _REPRINT_WORDS[slip.lang]))
    return lane.answer(job, came_out, operator, again, events)


def answered_before(lane: PrintLane, number: int) -> bool | None:
    """Whether a person said that it came out; None: nobody was asked, or nobody has answered."""
    ends = [step.reason for step in lane.history(number) if step.state in {"CONFIRMED", "SUPERSEDED"}]
    said = [reason for reason in ends if reason in {SEEN, NOT_SEEN}]
    return said[-1] == SEEN if said else None


def reprint_job(lane: PrintLane, number: int, operator: str) -> int:
    """A marked copy of a slip that came out, for a customer who lost it or cannot read it; its number. Raises NoSuchEntry, JobChanged."""
    job = lane.job(number)
    slip = _slip_of(job)
    if slip is None or job.state != "CONFIRMED":
        raise JobChanged(f"print job {number} is {job.state}; only what came out can be printed again")
    return lane.reprint(job, to_json(reissued(slip, _AGAIN_WORDS[slip.lang])), "asked for", operator)


def _slip_of(job: Job) -> Slip | None:
    """The stored slip as this copy of it."""
    try:
        slip = from_json(job.document)
    except ValueError:
        return None
    return slip if slip.copy == job.copy else replace(slip, copy=job.copy)


def _who(able: Capabilities) -> tuple[str, ...]:
    return able.maker, able.model, able.firmware, able.serial


def _able_before(stored: Mapping[str, Any] | None) -> Capabilities | None:
    """What an earlier process remembered of the printer; None where that makes no sense to this version."""
    if stored is None:
        return None
    tier, kanji = stored.get("tier"), stored.get("kanji")
    if tier not in {1, 2, 3}:
        return None
    maker, model, firmware, serial = (str(stored.get(name, ""))[:80] for name in ("maker", "model", "firmware", "serial"))
    process_id, cut_counter = (stored.get(name) is True for name in ("process_id", "cut_counter"))
    return Capabilities(tier, maker, model, firmware, serial, kanji if isinstance(kanji, bool) else None, process_id, cut_counter)


def _after_restart(stored: Mapping[str, Any]) -> Evidence:
    """What an earlier process wrote before its first byte; how many bytes left afterwards nobody knows, so: all of them."""
    names = ("bytes_total", "cut_before", "checkpoint", "tier", "witness")
    known = {name: stored[name] for name in names if name in stored}
    total = max(int(known.pop("bytes_total", 1)), 1)
    return Evidence(**{"cut_before": None, "checkpoint": 0, **known}, bytes_total=total, bytes_handed=total)


def _held_by(reason: str, status: PrinterStatus | None) -> PrinterStatus | None:
    """The last status with the reason for a standstill in it."""
    seen = status or PrinterStatus()
    match reason:
        case "paper":
            return replace(seen, online=False, paper="end")
        case "cover":
            return replace(seen, online=False, cover_open=True)
        case "cutter":
            return replace(seen, online=False, cutter_error=True)
        case "error":
            return replace(seen, online=False, other_error=True)
        case "offline":
            return replace(seen, online=False)
        case _:
            return status


