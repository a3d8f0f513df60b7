"""Owns random schedules of faults: a register with a print lane and a virtual printer, bad luck by seed, and the paper as the judge.

In virtual time (`run_schedule`) a seed tells the same story on every machine, with the driver's own patience, and whether a call outlives
its deadline is exact. On real lines (`run_on_a_real_line`: TCP, libusb, ptys) the story depends on the machine; there, nothing may be
lost, doubled or falsely confirmed, and no wait may be asked to last longer than its call, but nobody looks at a watch.

A clerk mends what is broken a little later. A kill is a BaseException out of the middle of a write or of a commit: nothing of the
worker's own survives it, and a new worker with a new connection takes over the journal, as after kill -9.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from counter_bench import LINES, Counter, TimelessCounter, small_coupon
from virtual_line import KINDS

from drivers.escpos.printer import EscposPrinter
from offline_queue.events import NewEvent, NewJob
from offline_queue.journal import Journal
from offline_queue.print_lane import FINAL, PrintLane
from posagent.errors import DeviceError
from posagent.ports import Evidence, Outcome, PrinterStatus, Ticket
from posagent.print_lane import SlipSpool
from posagent.slips import to_json
from virtual_counter.paper import PhysicalSlip
from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import PROFILES, PrinterProfile

PROFILE_NAMES = ("t3-80", "t3-80-180dpi", "t2-process-id", "t2-counter", "t1-80", "t1-one-bit-sensor", "t0-80")
GRACE_S = 0.2
MOST_STEPS = 600
FAULTS = ("cable", "cable silent", "power", "power silent", "paper", "cover", "cutter", "hot", "kill write", "kill commit",
          "lose answers", "double answers", "garble answers", "none")  # fmt: skip


T = TypeVar("T")


class Killed(BaseException):
    """kill -9."""


@dataclass
class Verdict:
    """What one schedule came to."""

    seed: int
    setting: str  # which printer on which line
    faults: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    false_confirmations: list[str] = field(default_factory=list)
    late_calls: list[str] = field(default_factory=list)
    labelled_wrong: list[str] = field(default_factory=list)  # weak or assumed, and not on paper: allowed, counted
    unfinished: list[str] = field(default_factory=list)
    asked: int = 0
    copies: int = 0
    steps: int = 0
    story: list[str] = field(default_factory=list)

    @property
    def wrong(self) -> bool:
        """Anything that must never be."""
        return bool(self.lost or self.doubled or self.false_confirmations or self.late_calls or self.unfinished)


class Watched:
    """A printer whose every call is watched, and which dies in the middle of a write when its time has come."""

    def __init__(self, inner: EscposPrinter, verdict: Verdict, kill_at: list[int], kill_commit: list[str], *, exact: bool) -> None:
        self._inner, self._verdict, self._kill_commit, self._exact = inner, verdict, kill_commit, exact
        talk, link = inner._talk, inner._talk.link
        write, read = link.write, link.read
        self._now = link.now

        def in_time(deadline: float) -> None:
            if deadline > talk.end:
                verdict.late_calls.append(f"a wait until {deadline - talk.end:.3f} s after the call's end")

        def doomed(body: bytes, deadline: float) -> int:
            in_time(deadline)
            if kill_at:
                kill_at[0] -= len(body)
                if kill_at[0] <= 0:
                    cut = len(body) + kill_at.pop()
                    write(body[:cut], deadline)
                    raise Killed
            return write(body, deadline)

        def heard(deadline: float) -> bytes:
            in_time(deadline)
            return read(deadline)

        link.write, link.read = doomed, heard  # type: ignore[method-assign]

    @property
    def capabilities(self) -> object:
        return self._inner.capabilities

    def status(self, timeout_s: float) -> PrinterStatus:
        return self._timed("status", timeout_s, lambda: self._inner.status(timeout_s))

    def print(self, ticket: Ticket, sending: Callable[[Evidence], None], timeout_s: float) -> Outcome:
        def committed(evidence: Evidence) -> None:
            if self._kill_commit == ["before"]:
                self._kill_commit.clear()
                raise Killed
            sending(evidence)
            if self._kill_commit:
                self._kill_commit.clear()
                raise Killed

        return self._timed("print", timeout_s, lambda: self._inner.print(ticket, committed, timeout_s))

    def resolve(self, ticket: Ticket, before: Evidence, timeout_s: float) -> Outcome:
        return self._timed("resolve", timeout_s, lambda: self._inner.resolve(ticket, before, timeout_s))

    def close(self) -> None:
        self._inner.close()

    def _timed(self, what: str, timeout_s: float, call: Callable[[], T]) -> T:
        begun = self._now()
        try:
            result = call()
        except DeviceError as lost:
            self._verdict.story.append(f"{what}: {type(lost).__name__} {lost}")
            raise
        finally:
            if self._exact and (took := self._now() - begun) > timeout_s + GRACE_S:
                self._verdict.late_calls.append(f"{what} took {took:.2f} s of {timeout_s}")
        self._verdict.story.append(f"{self._now():.2f} {what}: {result}" if self._exact else f"{what}: {result}")
        return result


# ---------------------------------------------------------------- one schedule


def run_schedule(seed: int, folder: Path) -> Verdict:
    """Prints two or three slips under one or two faults, until nothing is open any more, and judges by the paper. In virtual time."""
    rng = random.Random(seed)
    profile = _profile(rng)
    kind = rng.choice(KINDS)
    counter = TimelessCounter(profile, kind, rng.choice((960, 1920, 11_520)) if kind == "serial" else 0)
    return _schedule(rng, counter, Verdict(seed, f"{profile.name} on {kind}"), folder)


def run_on_a_real_line(seed: int, folder: Path) -> Verdict:
    """The same over a socket, a pty or a bus of USB devices, a hundred times as fast, with as little patience."""
    rng = random.Random(seed)
    profile = _profile(rng)
    line = rng.choice(LINES)
    folder.mkdir(parents=True, exist_ok=True)
    return _schedule(rng, Counter(profile, line=line, folder=folder), Verdict(seed, f"{profile.name} on {line}"), folder)


def _profile(rng: random.Random) -> PrinterProfile:
    profile = PROFILES[rng.choice(PROFILE_NAMES)]
    if rng.random() < 0.3:
        profile = replace(profile, reset_clears_downloads=True)
    if rng.random() < 0.3:
        profile = replace(profile, buffer_bytes=rng.choice((256, 1024)))
    return profile


def _schedule(rng: random.Random, counter: Counter | TimelessCounter, verdict: Verdict, folder: Path) -> Verdict:
    verdict.faults += [rng.choice(FAULTS) for _ in range(rng.choice((1, 1, 2)))]
    paper: VirtualPrinter = counter.paper
    journal = Journal.open(folder / "journal", source="/t/acme/s/01/r/1", reserve_mb=0)
    serials = []
    try:
        lane = PrintLane(journal)
        for number in range(1, rng.choice((2, 3)) + 1):
            slip = small_coupon(number)
            serials.append(slip.serial)
            body = to_json(slip)
            event = NewEvent("posagent.test.v1", "m:1", f"k{number}", "2026-11-22T12:34:56.123+09:00", {"n": number})
            journal.put([event], [NewJob("front", slip.serial, body)]).result(5)
        kill_at: list[int] = []
        kill_commit: list[str] = []
        for fault in verdict.faults:
            _arm(fault, rng, paper, kill_at, kill_commit)
        _work(rng, counter, lane, verdict, kill_at, kill_commit)
        counter.settle()
        _judge(lane, serials, paper.slips(), verdict)
    finally:
        journal.close()
        counter.stop()
    return verdict


def _arm(fault: str, rng: random.Random, paper: VirtualPrinter, kill_at: list[int], kill_commit: list[str]) -> None:
    byte, row, answer = rng.randrange(1, 2600), rng.randrange(1, 1500), rng.randrange(1, 40)
    acts: dict[str, Callable[[VirtualPrinter], None]] = {
        "cable": VirtualPrinter.disconnect, "cable silent": lambda p: p.disconnect(silent=True), "power": VirtualPrinter.power_cut,
        "power silent": lambda p: p.power_cut(silent=True), "paper": VirtualPrinter.paper_out, "cover": lambda p: p.cover(True),
        "cutter": VirtualPrinter.cutter_jam, "hot": lambda p: p.head_hot(True),
    }  # fmt: skip
    if fault in acts:
        rng.choice((lambda: paper.at_byte(byte, acts[fault]), lambda: paper.at_row(row, acts[fault]),
                    lambda: paper.after_answer(answer, acts[fault])))()  # fmt: skip
    elif fault == "kill write":
        kill_at.append(byte)
    elif fault == "kill commit":
        kill_commit.append(rng.choice(("before", "after")))
    elif fault != "none":
        chance = rng.choice((0.1, 0.4))
        bad = {"lose answers": lambda a: b"", "double answers": lambda a: a + a,
               "garble answers": lambda a: bytes([a[0] ^ (1 << rng.randrange(8))]) + a[1:]}[fault]  # fmt: skip
        paper.answer_filter = lambda answer: bad(answer) if rng.random() < chance else answer
        paper.at_row(row + 1200, lambda p: setattr(p, "answer_filter", None))


def _work(
    rng: random.Random, counter: Counter | TimelessCounter, lane: PrintLane, verdict: Verdict, kill_at: list[int], kill_commit: list[str]
) -> None:
    timeless = isinstance(counter, TimelessCounter)

    def spool() -> SlipSpool:
        def opened() -> Watched:
            return Watched(counter.open(), verdict, kill_at, kill_commit, exact=timeless)

        print_s, slice_s, poll_s, reopen_s = counter.pauses
        return SlipSpool("front", opened, lane, print_s=print_s, slice_s=slice_s, poll_s=poll_s, reopen_s=reopen_s)  # type: ignore[arg-type]

    clerk = Clerk(rng, counter.paper, verdict)
    if isinstance(counter, TimelessCounter):
        counter.clock.listeners.append(lambda: clerk.look(counter.clock.now()))
    worker = spool()
    for step in range(MOST_STEPS):
        if step == MOST_STEPS // 10:
            counter.paper.answer_filter = None
        try:
            counter.rest(worker.step())
        except Killed:
            verdict.story.append("KILLED")
            worker.close()
            worker = spool()
        if not timeless:
            clerk.look(step)
        if not lane.jobs(("QUEUED", "HELD", "SENDING", "HANDED", "UNCONFIRMED")):
            break
    verdict.steps = step + 1
    worker.close()


class Clerk:
    """Looks at the printer now and then, and mends what is broken a while after it broke. ``now`` in seconds or in looks."""

    def __init__(self, rng: random.Random, paper: VirtualPrinter, verdict: Verdict) -> None:
        self._rng, self._paper, self._verdict = random.Random(rng.random()), paper, verdict
        self._mend_at: float | None = None
        self._mended = 0

    def look(self, now: float) -> None:
        """Mends when the time has come."""
        state = self._paper.state()
        if self._mend_at is None and (not (state["powered"] and state["online"]) or self._paper.link_state != "up"):
            self._mend_at = now + self._rng.choice((0, 1, 2, 3, 20) if isinstance(now, float) else (0, 1, 2))
        if self._mend_at is None or now < self._mend_at:
            return
        self._verdict.story.append(f"clerk mends {state}")
        self._mended += 1
        if self._mended > 5:  # as the page says for a stuck cutter: switch it off, take the paper out, switch it on
            self._paper.power_cut()
        _mend(self._paper)
        self._mend_at = None


def _mend(paper: VirtualPrinter) -> None:
    paper.answer_filter = None
    paper.power_on()
    if paper.link_state != "up":
        paper.reconnect()
    state = paper.state()
    if state["cover_open"]:
        paper.cover(False)
    if state["paper_end"]:
        paper.load_paper()
    paper.head_hot(False)
    paper.clear_cutter()


# ---------------------------------------------------------------- the judge


def _judge(lane: PrintLane, serials: list[str], slips: list[PhysicalSlip], verdict: Verdict) -> None:
    for serial in serials:
        jobs = lane.of_serial(serial)
        open_jobs = [job for job in jobs if job.state not in (*FINAL, "NEEDS_OPERATOR")]
        verdict.unfinished += [f"{serial}: {job.state}" for job in open_jobs]
        verdict.asked += sum(job.state == "NEEDS_OPERATOR" for job in jobs)
        verdict.copies += len(jobs) - 1
        good = [slip for slip in slips if _carries(slip, serial)]
        unmarked = [slip for slip in good if _copy(slip) == 1]
        if len(unmarked) > 1:
            verdict.doubled.append(f"{serial}: {len(unmarked)} unmarked")
        for job in jobs:
            if job.state != "CONFIRMED":
                continue
            if not any(_copy(slip) == job.copy and slip.complete for slip in good):
                (verdict.false_confirmations if job.certainty == "confirmed" else verdict.labelled_wrong).append(f"{serial} copy {job.copy}")
        known = any(slip.complete for slip in good)
        doubtful = any(job.state == "NEEDS_OPERATOR" or job.certainty in {"weak", "assumed"} for job in jobs)
        if not known and not doubtful and not open_jobs:
            verdict.lost.append(serial)


def _carries(slip: PhysicalSlip, serial: str) -> bool:
    """Whether this paper can be redeemed: the code of this serial is on it, and it does not say of itself that it is void."""
    number = serial.rsplit("-", 1)[1]
    return not slip.void and any(code.text == f"CPN-{int(number):06}" for code in slip.codes)


def _copy(slip: PhysicalSlip) -> int:
    for line in slip.lines:
        if "再発行" in line:
            return int("".join(c for c in line.split("再発行", 1)[1] if c.isdigit())[:2])
    return 1
