"""Owns the cloud lane's loop: one request at a time, from one thread, for ever; what leaves the register and what is learned from answers.

The order of things is one round after another: a batch if anything waits, a heartbeat if one is due. Transient trouble waits with jitter
inside `backoff.persist`; what needs a person is said in `SyncState.blocked` and looked at again after minutes. Nothing expires.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from offline_queue import wire
from offline_queue.answers import Answer, Problem, parse_answer, parse_problem
from offline_queue.backoff import CAP_S, about, persist
from offline_queue.batch import Batch, cut, encode
from offline_queue.cursor import Position, position, rewind, suspect, take, unix_ms
from offline_queue.decisions import carry_out_orders
from offline_queue.errors import CloudBusy, CloudForbidden, CloudHeld, CloudTrouble, JournalClosed, JournalDamaged, JournalError, WireError
from offline_queue.journal import Journal
from offline_queue.pull import FilePull, pull
from offline_queue.rotate import rotate, rotation_allowed
from offline_queue.schema import meta, meta_int
from offline_queue.signature import TOLERANCE_S
from offline_queue.transport import Credentials, Exchange, Reply, Transport, clock_off_s, retry_after_s

_log = logging.getLogger(__name__)

BREAKER: Final = 5  # consecutive transient failures, after which one event probes the way
ORDERS_S: Final = 2.0  # between two looks for an order of the command line: an idle register must hardly wake
CLOCK_AGAIN_S: Final = 20  # a clock that is set mends itself; nobody has to be asked for a new key
WRITE_TIMEOUT_S: Final = 120.0  # a rotation renumbers everything that is retained


class SyncState(NamedTuple):
    """For the screens. ``link``: what the last exchange showed; unknown until there was one."""

    link: Literal["online", "offline", "unknown"] = "unknown"
    last_success_ns: int = 0  # time.monotonic_ns(); 0: never in this run
    pending: int = 0
    oldest: str | None = None  # the oldest waiting event's own time
    blocked: str = ""  # why nothing is sent although the link is there, and who must do what; "" when all is well
    clock_offset_ms: int | None = None  # receiver's clock minus ours


class Timing(NamedTuple):
    """Seconds; tests shorten them."""

    heartbeat_s: float = 900.0
    forbidden_s: float = 300.0  # until the credentials are read again
    held_s: float = 900.0
    park_s: float = 720.0  # five more tries in an hour
    cap_s: float = CAP_S
    connect_s: float = 3.0
    read_s: float = 15.0


class SyncLane:
    """Make it anywhere, call `run` in one thread; `state` and `wake` may be called from any."""

    def __init__(
        self,
        journal: Journal,
        url: str,
        *,
        credentials: Callable[[], Credentials],
        stop: threading.Event,
        files: Sequence[FilePull] = (),
        vitals: Callable[[], Mapping[str, Any]] = dict,
        timing: Timing | None = None,
        sleep: Callable[[float], None] | None = None,
        connect: Callable[[Credentials], Exchange] | None = None,
    ) -> None:
        """``credentials`` is asked at the start and again after a refusal; ``vitals`` adds to what the receiver is told of this register's
        health. ``sleep`` and ``connect`` replace the waiting between tries and the HTTP exchange (virtual time, a receiver in memory)."""
        self._journal = journal
        self._url = url
        self._credentials = credentials
        self._stop = stop
        self._files = tuple(files)
        self._vitals = vitals
        self._timing = timing or Timing()
        self._sleep = sleep
        self._wake = threading.Event()
        self._reader = journal.reader()
        self._asking = journal.reader()
        self._asking_lock = threading.Lock()
        self._connect = connect or self._http
        self._transport: Exchange | None = None
        self._limit = wire.MAX_EVENTS
        self._ceiling = wire.MAX_EVENTS
        self._failures = 0
        self._beat_at = 0.0  # time.monotonic() of the next heartbeat and health report: at once
        self._health_at = 0.0
        self._link: Literal["online", "offline", "unknown"] = "unknown"
        self._last_success_ns = 0
        self._blocked = ""
        self.moved_ns = time.monotonic_ns()
        """When the lane last came round: for a watchdog."""
        journal.subscribe(lambda _seq: self._wake.set())

    # ---------------------------------------------------------------- any thread

    def wake(self) -> None:
        """Looks for work now; also after ``stop`` was set, to end at once."""
        self._wake.set()

    @property
    def link(self) -> Literal["online", "offline", "unknown"]:
        """What the last exchange showed: `state` without a look at the journal, for who asks at every sale."""
        return self._link

    def state(self) -> SyncState:
        """How the lane is. Raises JournalError when the journal cannot be read."""
        with self._asking_lock:
            waiting = self._asking.pending()
            offset = self._asking.meta().get("clock_offset_ms")
        return SyncState(
            link=self._link,
            last_success_ns=self._last_success_ns,
            pending=waiting.count,
            oldest=waiting.oldest_time,
            blocked=self._blocked,
            clock_offset_ms=offset if isinstance(offset, int) else None,
        )

    # ---------------------------------------------------------------- the lane's thread

    def run(self) -> None:
        """Returns when ``stop`` is set (at most an exchange's deadline later) or the journal is closed."""
        try:
            while not self._stop.is_set():
                try:
                    more = persist(
                        self.round, self._stop, cap_s=self._timing.cap_s, sleep=self._sleep, before_sleep=self._failed
                    )
                except CloudBusy:
                    break  # stopped while waiting
                except CloudForbidden as trouble:
                    self._block(str(trouble))
                    self._close_transport()
                    self._pause(self._timing.forbidden_s)
                except CloudHeld as trouble:
                    self._block(str(trouble))
                    self._pause(trouble.again_s)
                else:
                    if not more:
                        self._idle()
        except (JournalClosed, sqlite3.ProgrammingError):  # the latter from a reader that the journal has closed
            _log.info("the journal was closed: nothing more is sent")
        finally:
            self._close_transport()

    def round(self) -> bool:
        """One exchange, if one is due; whether there may be more at once. Raises CloudTrouble. For `run`, and for tests step by step."""
        self._wake.clear()
        self.moved_ns = time.monotonic_ns()
        try:
            carry_out_orders(self._journal)
            sent = position(self._reader.meta())
            batch = cut(self._reader, sent, 1 if self._failures >= BREAKER else self._limit)
            if batch is not None:
                self._send(batch)
            elif time.monotonic() >= self._beat_at:
                self._heartbeat(sent)
            else:
                if time.monotonic() >= self._health_at:
                    self._report()
                return False
        except JournalDamaged as trouble:
            self._journal.note("chain", str(trouble))
            raise CloudHeld(str(trouble), self._timing.held_s) from None
        except JournalClosed:
            raise
        except JournalError as trouble:
            raise CloudBusy(f"the journal cannot be used: {trouble}") from trouble
        return True

    # ---------------------------------------------------------------- exchanges

    def _send(self, batch: Batch) -> None:
        headers, payload = encode(batch)
        reply = self._open().post(f"/v1/streams/{batch.sent.stream}/events", headers, payload)
        if reply.status == 200:
            answer = _read(reply)
            if answer.acked <= batch.sent.acked:
                raise CloudBusy(f"{self._url}: acknowledged {answer.acked} although {batch.last} was sent")
            self._take(batch.sent, answer, min(answer.acked, batch.last))  # what it has beyond goes again: its verdicts are wanted
            self._limit = min(self._ceiling, self._limit * 2)
            self._interval(answer)
            return
        problem = parse_problem(reply.body, reply.status)
        match reply.status, problem.type:
            case (404, wire.UNKNOWN_STREAM) | (409, wire.GAP):
                self._gap(batch.sent, problem)
            case (409, wire.FORK):
                self._fork(batch.sent, "the receiver holds another history of this stream")
            case (400, wire.DIGEST) | (422, _):
                raise CloudBusy(f"{self._url}: what arrived is not what was sent ({problem.title}); something alters it on the way")
            case (400 | 413 | 415 | 500 | 501, _):
                self._refused(batch, problem)
            case _:
                self._trouble(reply, problem)

    def _heartbeat(self, sent: Position) -> None:
        """Compares both ends. Without it a receiver restored from a backup would never be healed by a store without new sales."""
        reply = self._open().get(f"/v1/streams/{sent.stream}")
        if reply.status == 200:
            self._take(sent, _read(reply), sent.acked)
        else:
            problem = parse_problem(reply.body, reply.status)
            if (reply.status, problem.type) != (404, wire.UNKNOWN_STREAM):
                self._trouble(reply, problem)
            self._succeeded()
            if sent.acked > 0:
                self._gap(sent, problem)
        self._beat_at = time.monotonic() + about(self._timing.heartbeat_s)

    def _report(self) -> None:
        """Health, which the receiver only keeps as the latest, and the files that head office hands down."""
        self._health_at = time.monotonic() + about(self._timing.heartbeat_s)
        waiting, health, facts = self._reader.pending(), self._journal.health(), self._reader.meta()
        oldest = unix_ms(waiting.oldest_time or "")
        said = {
            "pending": waiting.count,
            "oldest_age_s": max(0, time.time_ns() // 1_000_000 - oldest) // 1000 if oldest is not None else 0,
            "reserve_percent": health.reserve_percent,
            "disk_free_mb": health.disk_free_mb,
            "fsync_p99_us": health.fsync_p99_us,
            "journal": health.state,
            "sqlite": health.sqlite,
            "clock_offset_ms": meta_int(facts, "clock_offset_ms"),
            **self._vitals(),
        }
        payload = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", wire.CONTENT_DIGEST: wire.content_digest(payload)}
        if self._reader.head()[0] > 0:  # before its first event the receiver does not know the stream
            self._open().post(f"/v1/streams/{facts['stream_id']!s}/health", headers, payload)
        for one in self._files:
            pull(self._open(), one)

    # ---------------------------------------------------------------- what answers mean

    def _take(self, sent: Position, answer: Answer, until: int) -> None:
        wall_ms = time.time_ns() // 1_000_000
        done = self._journal.transact(lambda conn: take(conn, sent, answer, until, wall_ms)).result(WRITE_TIMEOUT_S)
        self._succeeded()
        match done:
            case "moved":
                self._beat_at = time.monotonic() + about(self._timing.heartbeat_s)
                self._journal.retention_due()
            case "behind":
                _log.warning("receiver holds less than it acknowledged: %d instead of %d; sending again", answer.acked, sent.acked)
                self._rewind(sent, answer.acked + 1, answer.chain)
            case "fork":
                self._fork(sent, "the receiver's link differs from ours")
            case "stale":
                pass

    def _gap(self, sent: Position, problem: Problem) -> None:
        if problem.expected < 1:
            raise CloudBusy(f"{self._url}: refused without saying from where to send ({problem.title})")
        if problem.expected == sent.acked + 1:
            raise CloudBusy(f"{self._url}: asks for number {problem.expected}, which was just sent")
        _log.warning("receiver asks for number %d, we stood at %d; sending again from there", problem.expected, sent.acked)
        self._rewind(sent, problem.expected, problem.chain)

    def _rewind(self, sent: Position, expected: int, link: bytes) -> None:
        done = self._journal.transact(lambda conn: rewind(conn, sent, expected, link)).result(WRITE_TIMEOUT_S)
        self._succeeded()
        if done == "fork":
            self._fork(sent, "the receiver's link differs from ours")
        elif done == "beyond":
            if sent.floor_proof:
                raise CloudHeld(
                    f"{self._url}: the receiver was restored to a point before what this register still holds, and does not accept to go on "
                    f"from there; call support (number {expected} is asked for, {sent.floor + 1} is the first that is kept)",
                    self._timing.held_s,
                )
            self._journal.note(
                "floor", f"the receiver was restored beyond what this register keeps: events {expected} to {sent.floor} exist only elsewhere"
            )

    def _fork(self, sent: Position, reason: str) -> None:
        """Another history under our stream: a clone, a restored image. Everything retained goes again under a new stream."""

        def work(conn: sqlite3.Connection) -> str:
            now = position(meta(conn))
            if now.stream != sent.stream:
                return now.stream
            if not rotation_allowed(conn, int(time.time())):
                return ""
            return rotate(conn, reason)

        stream = self._journal.transact(work).result(WRITE_TIMEOUT_S)
        if not stream:
            raise CloudHeld(
                "this register's stream was renewed three times today: another machine runs with a copy of this disk; find and stop it. "
                "Sales are recorded meanwhile",
                self._timing.held_s,
            )
        _log.warning("stream renewed: %s; %s is now %s, everything retained is sent again", reason, sent.stream, stream)

    def _refused(self, batch: Batch, problem: Problem) -> None:
        """The receiver cannot take the batch as it is: halve; what is refused on its own is tried for an hour, then parked."""
        if batch.size > 1:
            self._limit = max(1, batch.size // 2)
            _log.warning("receiver refused %d events (%d %s); sending %d", batch.size, problem.status, problem.title, self._limit)
            return
        seq = batch.last
        if problem.status >= 500 and self._open().get(f"/v1/streams/{batch.sent.stream}").status >= 500:
            raise CloudBusy(f"{self._url}: the receiver has trouble of its own ({problem.status})")
        reason = f"{problem.status} {problem.title or problem.type}"
        parked = self._journal.transact(lambda conn: suspect(conn, batch.sent, seq, reason)).result(WRITE_TIMEOUT_S)
        if parked and not batch.withheld:
            _log.error("event %d parked: %s; `posagent queue list` shows it", seq, reason)
            self._journal.note(f"parked-{seq}", f"event {seq} is not accepted by the receiver ({reason}); see `posagent queue list`")
            return
        self._blocked = f"event {seq} is refused by the receiver ({reason}); it is tried again, then parked, and the rest goes on"
        raise CloudBusy(self._blocked, int(self._timing.park_s), answered=True)

    def _trouble(self, reply: Reply, problem: Problem) -> None:
        said = f"{reply.status} {problem.title}"[:300]
        if problem.type == wire.SIGNATURE and abs(off := clock_off_s(reply)) > TOLERANCE_S:  # no new key would help
            ahead = "ahead" if off > 0 else "behind"
            where = f"this register's clock is {abs(off) // 3600} hours {ahead} of head office's"
            raise CloudBusy(f"{self._url}: {where}; set it (timedatectl), events are kept and sent by themselves", CLOCK_AGAIN_S)
        if reply.status in (401, 403):
            raise CloudForbidden(f"{self._url}: does not accept this register ({said}); enrol it again, events are kept meanwhile")
        if 300 <= reply.status < 500 and reply.status != 429:
            raise CloudBusy(f"{self._url}: answers {said}; is this the receiver's address?")
        raise CloudBusy(f"{self._url}: {said}", retry_after_s(reply))

    # ---------------------------------------------------------------- keeping score

    def _succeeded(self) -> None:
        if self._link != "online":
            _log.info("receiver reached: %s", self._url)
        self._link, self._failures, self._blocked = "online", 0, ""
        self._last_success_ns = time.monotonic_ns()

    def _failed(self, trouble: BaseException, wait_s: float) -> None:
        self._failures += 1
        if self._link != "offline" or self._blocked:
            _log.warning("receiver not reached: %s", trouble)
        else:
            _log.debug("receiver not reached: %s; next try in %.1f s", trouble, wait_s)
        if isinstance(trouble, CloudBusy) and trouble.answered:
            return
        self._link = "offline"
        self._beat_at = 0.0  # after a reconnect both ends are compared, if no batch does it

    def _block(self, why: str) -> None:
        if self._blocked != why:
            _log.error("nothing is sent: %s", why)
        self._blocked = why

    def _interval(self, answer: Answer) -> None:
        self._ceiling = min(wire.MAX_EVENTS, answer.max_batch)
        self._limit = min(self._limit, self._ceiling)
        if answer.min_interval_ms:
            self._pause(answer.min_interval_ms / 1000)

    def _pause(self, seconds: float) -> None:
        if self._sleep is not None:
            self._sleep(seconds)
        else:
            self._stop.wait(seconds)

    def _idle(self) -> None:
        """Until a put, a stop, an order from the command line, or the next heartbeat."""
        until = min(self._beat_at, self._health_at)
        while not self._stop.is_set() and not self._wake.wait(min(ORDERS_S, max(0.0, until - time.monotonic()))):
            if time.monotonic() >= until or carry_out_orders(self._journal):
                return

    def _open(self) -> Exchange:
        if self._transport is None:
            self._transport = self._connect(self._credentials())
        return self._transport

    def _http(self, credentials: Credentials) -> Exchange:
        return Transport(self._url, credentials, connect_s=self._timing.connect_s, read_s=self._timing.read_s)

    def _close_transport(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None


def _read(reply: Reply) -> Answer:
    try:
        return parse_answer(reply.body)
    except WireError as trouble:
        raise CloudBusy(f"the receiver's answer is not understood ({trouble}); is something in between, such as a log-in page?") from None


__all__ = ["CloudTrouble", "Credentials", "FilePull", "SyncLane", "SyncState", "Timing"]
