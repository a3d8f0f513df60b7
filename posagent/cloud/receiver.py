"""Owns what every request shares: the database, the worker threads, the admission queue and the counts; and what registers may ask for.

Everything here blocks and runs in a worker thread; `posagent.cloud.app` is the asynchronous side.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import time

from offline_queue.answers import Answer, Problem, encode_answer
from offline_queue.chain import first_link
from offline_queue.errors import WireError
from offline_queue.wire import FORBIDDEN, FRAMING, UNKNOWN_STREAM
from posagent.cloud import reception
from posagent.cloud.admission import Admission
from posagent.cloud.engine import Engine, Work, open_engine
from posagent.cloud.ingest import Outcome, Refusal, Sender, ingest
from posagent.cloud.reception import Request
from posagent.cloud.rules import instant
from posagent.errors import StorageError

log = logging.getLogger(__name__)

MAX_HEALTH_BYTES = 16_384
_ALIVE_MS = 3 * 86_400_000  # silent for longer: a store that closed, a replaced stream
_OVERDUE_MS = 20 * 60_000  # a heartbeat comes every 15 minutes, give or take a tenth
_ASK_AGAIN_S = 5.0
_THREADS = {"sqlite": 4, "postgres": 8}


@dataclass(frozen=True, slots=True)
class Settings:
    """How a receiver was started. ``office_tokens``: company -> token; empty: head office's pages answer this machine only."""

    signed: bool = True
    office_tokens: Mapping[str, str] | None = None
    most_waiting: int = 400
    certificates: bool = False  # registers show client certificates
    public_url: str = ""  # where a proxy hides it: what registers see in front of the path


class Receiver:
    """One process' receiver. Everything that must last is in the database; several processes may share one PostgreSQL."""

    def __init__(self, database_url: str, settings: Settings, clock: Callable[[], float] = time, admission: Admission | None = None) -> None:
        self.settings = settings
        self.clock = clock
        self.engine: Engine = open_engine(database_url)
        self.admission = admission or Admission(settings.most_waiting)
        self.admission.expected = self.silent_streams
        self._silent = 0
        self._silent_asked = 0.0
        self.threads = ThreadPoolExecutor(_THREADS[self.engine.name], thread_name_prefix="receiver")
        self.trouble = False  # the database refused the last request; said once
        self._count_lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def close(self) -> None:
        """Waits for what is being worked on and closes the database."""
        self.threads.shutdown(wait=True, cancel_futures=True)
        self.engine.close()

    def silent_streams(self) -> int:
        """How many registers were alive lately and are overdue: after an outage they will all come. A few seconds old; never waits."""
        now = self.clock()
        if not 0 <= now - self._silent_asked < _ASK_AGAIN_S:
            self._silent_asked = now
            self.threads.submit(self._count_silent, int(now * 1000))
        return self._silent

    def _count_silent(self, now_ms: int) -> None:
        question = "SELECT count(*) FROM stream WHERE last_seen_ms > ? AND last_seen_ms < ?"
        try:
            self._silent = self.engine.read(lambda work: work.rows(question, now_ms - _ALIVE_MS, now_ms - _OVERDUE_MS))[0][0]
        except StorageError as trouble:
            log.warning("overdue registers cannot be counted: %s", trouble)

    def now_ms(self) -> int:
        """The receiver's wall clock."""
        return int(self.clock() * 1000)

    def count(self, name: str, by: int = 1) -> None:
        """Adds to a count that `/metrics` shows."""
        with self._count_lock:
            self._counts[name] += by

    def counts(self) -> dict[str, int]:
        """All counts since the start of this process."""
        with self._count_lock:
            return dict(self._counts)

    # ------------------------------------------------ what registers ask for

    def events(self, stream: str, request: Request) -> bytes:
        """POST /v1/streams/{stream}/events: the answer to a batch, after its commit. Raises Refusal, StorageError."""
        fields, sender = self.sender(request)
        batch = reception.receive(request, fields, reception.stream_id(stream), sender)
        outcome: Outcome = self.engine.write(lambda work: ingest(work, batch))
        self.count("events", outcome.fresh)
        for item in outcome.items:
            self.count(f"verdict_{item.status}")
        return encode_answer(Answer(outcome.acked, outcome.chain, self.server_time(), outcome.items))

    def state(self, stream: str, request: Request) -> bytes:
        """GET /v1/streams/{stream}: how far the receiver has it; the heartbeat. Raises Refusal (404 where it has nothing)."""
        _, sender = self.sender(request)
        reception.stream_id(stream)
        now_ms = request.now_ms

        def body(work: Work) -> tuple[int, bytes] | None:
            rows = work.rows("SELECT acked, chain, tenant FROM stream WHERE stream_id = ?", stream)
            if not rows:
                return None
            _same_company(sender, rows[0][2])
            work.run("UPDATE stream SET last_seen_ms = ? WHERE stream_id = ?", now_ms, stream)
            return rows[0][0], bytes(rows[0][1])

        found = self.engine.write(body)
        if found is None:
            title = "the receiver does not know this stream; send it from 1"
            raise Refusal(Problem(UNKNOWN_STREAM, title, status=404, expected=1, chain=first_link(stream)))
        return encode_answer(Answer(*found, self.server_time()))

    def health(self, stream: str, request: Request) -> bytes:
        """POST /v1/streams/{stream}/health: the register's own figures, kept as the latest only. Raises Refusal."""
        fields, sender = self.sender(request)
        reception.stream_id(stream)
        try:
            said = json.loads(reception.plain_body(request, fields))
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict) or len(request.payload) > MAX_HEALTH_BYTES:
            raise Refusal(Problem(FRAMING, f"health is one JSON object of at most {MAX_HEALTH_BYTES} bytes", status=400))
        text = json.dumps(said, ensure_ascii=True)
        pending, oldest_s = _count(said.get("pending")), _count(said.get("oldest_age_s"))
        oldest_ms = None if oldest_s is None else request.now_ms - oldest_s * 1000

        def body(work: Work) -> bool:
            rows = work.rows("SELECT tenant FROM stream WHERE stream_id = ?", stream)
            if rows:
                _same_company(sender, rows[0][0])
            touched = work.run(
                "UPDATE stream SET health = ?, health_ms = ?, pending = ?, oldest_pending_ms = ?, last_seen_ms = ? WHERE stream_id = ?",
                text, request.now_ms, pending, oldest_ms, request.now_ms, stream,
            )  # fmt: skip
            return touched == 1

        if not self.engine.write(body):
            title = "the receiver does not know this stream yet"
            raise Refusal(Problem(UNKNOWN_STREAM, title, status=404, expected=1, chain=first_link(stream)))
        return json.dumps({"server_time": self.server_time()}).encode()

    def sender(self, request: Request) -> tuple[dict[str, str], Sender]:
        """The request's headers and who sent it. Raises Refusal."""
        try:
            fields = request.fields()
        except WireError as trouble:
            raise reception.refusal(trouble) from None
        return fields, reception.identify(self.engine, request, fields, signed=self.settings.signed, certified=self.settings.certificates)

    def server_time(self) -> str:
        """RFC 3339, UTC, milliseconds: registers estimate their clock's offset from it."""
        return instant(self.now_ms())


def _same_company(sender: Sender, tenant: str) -> None:
    if sender.home is not None and sender.home.tenant != tenant:
        raise Refusal(Problem(FORBIDDEN, "this stream belongs to another company", status=403))


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 53 else None
