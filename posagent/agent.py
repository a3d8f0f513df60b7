"""Owns the running agent: its threads, the one inbox, the order of things, and the end. The only file that knows which threads there are.

::

    scanner threads, device processes ──┐                     ┌─► journal.put (waits for the disk)
    print workers, cloud lane (reports) ┼─► inbox ─► dispatch ┤
    HTTP server (Ask)                   ┤     counter.step    ├─► then: notices, page, customer display, answers
    head office's word (Verdict)      ──┘                     └─► posagent.authorise: asks head office beside it

The dispatcher runs in the main thread. Device trouble stays in the loop that owns the device; any other exception, in any thread, ends the
process with exit code 70: systemd starts it again, and `posagent.counter.resume` goes on where the journal stands.
"""

from __future__ import annotations

import logging
import os
import queue
import secrets
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, assert_never

from offline_queue.journal import Journal
from offline_queue.transport import Transport
from posagent import counter, service
from posagent.authorise import Authoriser, Verdict
from posagent.board import Board, DeviceState, Reported
from posagent.checkout import Now, Rules
from posagent.code_reading import CodeReading
from posagent.counter_parts import (
    Authorise,
    Authorised,
    CancelSlips,
    CodeSeen,
    Commit,
    Input,
    RedeemAsked,
    Reply,
    Scanned,
    Settle,
    Show,
    State,
    Tell,
    Ticked,
)
from posagent.device_loops import Alive, DisplayFeed, ScanRead
from posagent.errors import PosagentError
from posagent.events import Source
from posagent.handout import code_hash
from posagent.loyalty.coupons import read_code
from posagent.member_code import Rule
from posagent.members import MemberDirectory
from posagent.metrics import Counts
from posagent.ports import Kind
from posagent.recording import Recording
from posagent.redeeming import FoundCoupon
from posagent.reports import Report, take
from posagent.supervision import Facts, Supervision
from posagent.timed_codes import TimedCodes
from posagent.workbench import Workbench

_log = logging.getLogger(__name__)

NOTICES = 100
END_S = 3.0
TICK_S = 1.0  # while a checkout is open
ASKING_S = 0.25  # while head office is asked
IDLE_S = 10.0
RESUME_EVENTS = 4000
COUNT_S = 10.0
CLOCK_SLACK = timedelta(minutes=5)
"""How far the clock may run back behind what is on record before conditions on the time of day are switched off."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request from another thread: ``make`` builds the counter's input from the circumstances and the reply number."""

    make: Callable[[Now, int], Input]
    answer: Future[Reply]


@dataclass(frozen=True, slots=True)
class Typed:
    """A code that was typed or read elsewhere; its answer is the code of what was told ("" when it was taken)."""

    text: str
    aim: str | None
    answer: Future[str]


@dataclass(frozen=True, slots=True)
class CouponShown:
    """A coupon's code was read and looked up; ``found``: what the journal knows of it."""

    code_hash: str
    found: FoundCoupon | None


@dataclass(frozen=True, slots=True)
class NewRules:
    """Another program or other settings are in force: compute with these from now on. ``codes``: how codes are read, None: as before."""

    rules: Rules
    codes: tuple[tuple[Rule, ...], TimedCodes] | None = None


@dataclass(frozen=True, slots=True)
class Say:
    """Something for the page from another thread."""

    code: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """SIGHUP: look at the files again."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End in good order."""


Item = ScanRead | Reported | Alive | Ask | Typed | CouponShown | Verdict | Report | NewRules | Say | Look | Stop


@dataclass(frozen=True, slots=True)
class Notice:
    """Something passing for the page, numbered on its own."""

    number: int
    at: str
    code: str
    fields: dict[str, Any]


class Agent:
    """One register's counter, on an open journal. Built by `posagent.start`; `run` returns the exit code."""

    def __init__(
        self,
        journal: Journal,
        rules: Rules,
        codes: tuple[Rule, ...],
        members: MemberDirectory,
        board: Board,
        *,
        printer: str | None,
        displays: tuple[DisplayFeed, ...],
        offline: Callable[[], bool],
        unsent: Callable[[], int],
        cancel_slips: Callable[[Sequence[str]], None],
        timed: TimedCodes,
        trace: dict[str, Any],
        head_office: Callable[[float], Transport] | None = None,
    ) -> None:
        """``head_office``: opens a line to it, with the seconds that connecting and reading may take; None: there is none to ask."""
        self.journal, self.rules, self.codes, self._members, self.board = journal, rules, codes, members, board
        self._reader = journal.reader()
        self._recording = Recording(journal, printer, trace)
        self._reading = CodeReading(codes, members, timed, self._recording.record, self._coupon_read)
        self._cancel_slips = cancel_slips
        self._count_unsent = unsent
        self._unsent, self._counted_at = 0, float("-inf")
        self._displays, self.is_offline, self.trace = displays, offline, trace
        self.inbox: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self.stopping = threading.Event()
        self.authoriser = Authoriser(head_office, journal.reader(), lambda: self.rules, self.post, self.stopping)
        self.look = threading.Event()
        """Set when the program file should be looked at now."""
        self.asked_to_reload = threading.Event()
        """Set when the settings should be looked at as well."""
        self.threads: list[threading.Thread] = [*self.authoriser.threads]
        """The loops. Those that sleep in a device's read are not waited for at the end: the kernel closes what they hold."""
        self.awaited: list[threading.Thread] = []
        """The loops whose last step matters: a slip under way, an answer on the wire."""
        self.closers: list[Callable[[], None]] = [self.authoriser.close]
        """Called at the end, before threads are waited for: what wakes a thread that no event wakes."""
        self.supervision = Supervision(lambda: Facts(self.board.devices.values(), self.board.worst()), ())
        """What systemd is told; `posagent.start` gives it more to look at."""
        self.bench = Workbench()
        self.counts = Counts()
        self.notices: deque[Notice] = deque(maxlen=NOTICES)
        self._noticed = 0
        self._asked: dict[int, Future[Reply]] = {}
        self._asks = 0
        self._listeners: tuple[Callable[[], None], ...] = ()
        self._bug: BaseException | None = None
        self.state = State()

    # ------------------------------------------------------------ from any thread

    def post(self, item: Item) -> None:
        """Puts something into the inbox. Never blocks."""
        self.inbox.put(item)

    def listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Calls ``wake`` whenever something changed that a page may want to see. Returns how to stop."""
        self._listeners = (*self._listeners, wake)

        def forget() -> None:
            self._listeners = tuple(other for other in self._listeners if other is not wake)

        return forget

    def wake_listeners(self, _seq: int = 0) -> None:
        """Tells the pages that there is news; also called by the journal's writer after each commit."""
        for wake in self._listeners:
            wake()

    def failed(self, bug: BaseException) -> None:
        """An unknown exception in any thread: the process ends."""
        self._bug = bug
        self.stopping.set()
        self.post(Stop())

    # ------------------------------------------------------------ the dispatcher

    def resume(self) -> None:
        """Takes up the checkout where the journal stands."""
        newest, _ = self._reader.head()
        stored = [(event.type, event.id, event.data) for event in self._reader.events(max(0, newest - RESUME_EVENTS), RESUME_EVENTS)]
        if stored:
            self._recording.newest = datetime.fromisoformat(stored[-1][2]["trace"]["at"])
        self.state = counter.resume(stored, self._now(), self.rules)

    def run(self) -> int:
        """Dispatches until stopped."""
        service.on_signals(stop=lambda: self.post(Stop()), reload=lambda: self.post(Look()))
        while not self.stopping.is_set():
            open_ = self.state.card or self.state.basket or self.state.redemptions or self.bench.testing_s
            waits = ASKING_S if self.state.asking else TICK_S if open_ else IDLE_S
            try:
                item = self.inbox.get(timeout=min(waits, self.supervision.wait_s))
            except queue.Empty:
                self._feed(Ticked(self._now()))
            else:
                self._turn(item)
            if self.bench.ran_out():
                self.wake_listeners()
            self.supervision.turn()
        return self._end()

    def _end(self) -> int:
        service.notify(STOPPING="1")
        self.stopping.set()
        self.look.set()
        for close in self.closers:
            close()
        deadline = time.monotonic() + END_S
        for thread in self.awaited:
            thread.join(timeout=max(0.0, deadline - time.monotonic()))
        for future in self._asked.values():
            future.cancel()
        self.journal.close()
        if self._bug is not None:
            _log.critical("ended by an unknown exception", exc_info=self._bug)
            return service.EXIT_BUG
        return service.EXIT_OK

    def _turn(self, item: Item) -> None:
        match item:
            case ScanRead(device, scan):
                self.board.beat(device)
                if tested := self.bench.took(device, scan, self.codes):
                    self._notice("E631", {"device": device})
                elif scan.quality == "corrupt":
                    self._notice("E320", {"device": device, "why": scan.reason})
                else:
                    self._code(scan.text, scan.aim, "camera" if self.board.devices[device].driver.startswith("camera") else "scan")
                self.counts.scan(device, "test" if tested else scan.quality, scan.at_ns)
            case Typed(text, aim, answer):
                answer.set_result(self._code(text, aim, "typed"))
            case Reported():
                self._reported(item)
            case Alive(device):
                self.board.beat(device)
            case Ask(make, answer):
                self._asks += 1
                self._asked[self._asks] = answer
                self._feed(make(self._now(), self._asks))
            case CouponShown() | Verdict():
                self._feed(_redeeming(item, self._now()))
            case Report():
                self._report(item)
            case NewRules():
                self._take_rules(item)
            case Say(code, fields):
                self._notice(code, fields)
            case Look():
                self.asked_to_reload.set()
                self.look.set()
            case Stop():
                self.stopping.set()
            case _:
                assert_never(item)

    def _take_rules(self, new: NewRules) -> None:
        self.rules = new.rules
        if new.codes is not None:
            self.codes, timed = new.codes
            self._reading = CodeReading(self.codes, self._members, timed, self._recording.record, self._coupon_read)
        self.wake_listeners()

    def _report(self, asked: Report) -> None:
        try:
            asked.answer.set_result(take(asked.order, asked.before, self._now(), self.rules, self._reader, self._recording.record))
        except PosagentError as trouble:
            asked.answer.set_exception(trouble)

    def _reported(self, report: Reported) -> None:
        state, changed = self.board.take(report)
        if changed:
            self.counts.opened[state.name] += state.state == "ready"
            level = logging.INFO if state.state == "ready" else logging.WARNING
            found_by = {"code": state.code, "device": state.name}
            _log.log(level, "%s is %s %s %s", state.name, state.state, state.code, state.detail, extra=found_by)
            if state.code:
                self._notice(state.code, {"device": state.name})
            self.wake_listeners()

    def _coupon_read(self, code: str) -> None:
        """A coupon's code: looked up beside the dispatcher, and used for the open sale when it comes back."""
        digest = code_hash(read_code(code) or code)
        self.authoriser.look_up(digest, ask_head_office=False, then=lambda looked: self.post(CouponShown(digest, looked.own)))

    def _code(self, text: str, aim: str | None, source: Source) -> str:
        """A whole code; returns the code of what was told instead of taking it, "" when a member was taken."""
        now = self._now()
        match self._reading.read(text, aim, source, now, self.state, self.rules):
            case None:
                return ""
            case Scanned() as scanned:
                told = self._feed(scanned)
                return next((one.code for one in told if one.code.startswith("E5") or one.code == "E603"), "")
            case CodeSeen() as seen:
                self._feed(seen)
                return seen.code

    def _feed(self, first: Input) -> list[Tell]:
        """Runs the counter until nothing more follows. Returns what was told."""
        told: list[Tell] = []
        inputs = deque([first])
        while inputs:
            before = self.state
            self.state, effects = counter.step(before, inputs.popleft(), self.rules)
            for effect in effects:
                match effect:
                    case Commit():
                        inputs.append(self._recording.commit(effect, self._now))
                    case Tell(code, fields):
                        told.append(effect)
                        self._notice(code, dict(fields))
                    case CancelSlips(serials):
                        self._cancel_slips(serials)
                    case Authorise():
                        self.authoriser.ask(effect)
                    case Settle():
                        self.authoriser.settle(effect)
                    case Show(upper, lower):
                        for display in self._displays:
                            display.show((upper, lower))
                    case Reply(reply):
                        self._asked.pop(reply).set_result(effect)
                    case _:
                        assert_never(effect)
            if self.state is not before:
                self.wake_listeners()
        return told

    def _notice(self, code: str, fields: dict[str, Any]) -> None:
        self._noticed += 1
        self.counts.message(code)
        self.notices.append(Notice(self._noticed, datetime.now().astimezone().isoformat(timespec="milliseconds"), code, fields))
        self.wake_listeners()

    def _now(self) -> Now:
        at = datetime.now().astimezone()
        if time.monotonic() - self._counted_at > COUNT_S:
            self._unsent, self._counted_at = self._count_unsent(), time.monotonic()
        known = max(self._recording.newest, self._members.as_of or self._recording.newest) - CLOCK_SLACK
        return Now(at, time.monotonic_ns() // 1_000_000, self.is_offline(), secrets.token_bytes(32), self._unsent, at >= known)


def _redeeming(item: CouponShown | Verdict, now: Now) -> Input:
    if isinstance(item, CouponShown):
        return RedeemAsked(now, str(uuid.uuid4()), "coupon", 0, item.code_hash, item.found)
    return Authorised(now, item.id, item.word, item.reason, item.balances or {}, item.lots, item.coupon)


def trace_of(version: str) -> dict[str, Any]:
    """What every event says of the process that wrote it."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as boot:
            boot_id = boot.read().strip()
    except OSError:
        boot_id = os.environ.get("INVOCATION_ID", "unknown")  # ProcSubset=pid hides the boot's; systemd names this start instead
    return {"agent": version, "boot": boot_id, "pid": os.getpid()}


def empty_board(devices: dict[str, tuple[Kind, str]]) -> Board:
    """A board on which every device is on its way: name -> (kind, driver)."""
    return Board({name: DeviceState(name, kind, driver) for name, (kind, driver) in devices.items()})
