"""Owns what the agent asks head office while a customer waits: to hold a coupon, points or value for a sale, and what became of the hold.

Two threads, so that neither waits for the other: one asks, with a deadline, and its answers go into the agent's inbox (and it looks coupons
up in the journal on the way); the other tells what became of holds, until head office has heard it or would have freed them by itself.
The dispatcher never waits here. Requests are signed as the cloud lane's are.

::

    POST /v1/authorisations               {id, kind, member, code_hash, amount, sale_id, ttl_s} -> {state, reason, balances, lots, coupon}
    POST /v1/authorisations/ID/commit     the event is on record and on its way        POST …/release      it was not used
    GET  /v1/coupons/CODE_HASH            a coupon as it stands; nothing is held
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from offline_queue import wire
from offline_queue.errors import CloudBusy, JournalError
from offline_queue.reader import JournalReader
from offline_queue.transport import Reply, Transport
from posagent.checkout import Rules
from posagent.counter_parts import Authorise, Settle
from posagent.coupon_book import find_own
from posagent.loyalty.model import Coupon
from posagent.redeeming import FoundCoupon

_log = logging.getLogger(__name__)

ASK_S = 2.0
"""The whole of an ask; what is left of it when its turn comes is what the call may take."""
LEAST_S = 0.2
SETTLE_S = 3.0
RETRY_S = 5.0
GIVE_UP_S = 1000.0
"""Longer than head office keeps an uncommitted hold (900 s): then it has freed it, or the event has come."""
MOST_SETTLES = 500
MOST_BYTES = 1 << 16

Word = Literal["held", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Head office's word on an ask; "unknown": none came in time, or none that can be understood."""

    id: str
    word: Word
    reason: str = ""
    balances: Mapping[str, int] | None = None
    lots: tuple[tuple[str, str, int], ...] = ()
    coupon: FoundCoupon | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What is known of a coupon. ``own``: by this register's journal; ``told``: by head office, with ``reason`` why not ("" when usable here).
    ``asked``: head office answered."""

    own: FoundCoupon | None
    told: FoundCoupon | None = None
    reason: str = ""
    asked: bool = False


@dataclass(frozen=True, slots=True)
class _LookUp:
    code_hash: str
    ask_head_office: bool
    then: Callable[[Looked], None]


@dataclass(frozen=True, slots=True)
class _Ask:
    what: Authorise
    until: float  # monotonic


class Authoriser:
    """``connect`` None: there is no head office, and every ask is answered "unknown". ``heard`` gets the verdicts, from a thread."""

    def __init__(
        self, connect: Callable[[float], Transport] | None, reader: JournalReader, rules: Callable[[], Rules], heard: Callable[[Verdict], None],
        stop: threading.Event,
    ) -> None:  # fmt: skip
        self._connect, self._reader, self._rules, self._heard, self._stop = connect, reader, rules, heard, stop
        self._asks: queue.SimpleQueue[_Ask | _LookUp | None] = queue.SimpleQueue()
        self._settles: OrderedDict[str, tuple[Settle, float]] = OrderedDict()
        self._news = threading.Condition()
        self.threads = (
            threading.Thread(target=self._run_asks, name="authorise", daemon=True),
            threading.Thread(target=self._run_settles, name="settle", daemon=True),
        )

    # ------------------------------------------------------------ from any thread, never blocking

    def ask(self, what: Authorise) -> None:
        """Its `Verdict` comes to ``heard``."""
        self._asks.put(_Ask(what, time.monotonic() + ASK_S))

    def settle(self, what: Settle) -> None:
        """Tells head office, now or later. A release gives way to a commit, never the other way round."""
        with self._news:
            known = self._settles.get(what.id)
            if known is None or known[0].word == "release":
                self._settles[what.id] = (what, time.monotonic() + GIVE_UP_S)
            while len(self._settles) > MOST_SETTLES:
                self._settles.popitem(last=False)
            self._news.notify_all()

    def look_up(self, code_hash: str, *, ask_head_office: bool, then: Callable[[Looked], None]) -> None:
        """``then`` is called from the thread that asked; it must not block."""
        self._asks.put(_LookUp(code_hash, ask_head_office, then))

    def looked_up(self, code_hash: str, *, ask_head_office: bool) -> Future[Looked]:
        """The same, for who may wait."""
        answer: Future[Looked] = Future()
        self.look_up(code_hash, ask_head_office=ask_head_office, then=answer.set_result)
        return answer

    def close(self) -> None:
        """Wakes both threads; they end when ``stop`` is set."""
        self._asks.put(None)
        with self._news:
            self._news.notify_all()

    # ------------------------------------------------------------ asking

    def _run_asks(self) -> None:
        line = _Line(self._connect)
        while (item := self._asks.get()) is not None or not self._stop.is_set():
            match item:
                case _Ask(what, until):
                    self._heard(self._asked(line, what, until))
                case _LookUp(code_hash, ask_head_office, then):
                    then(self._looked(line, code_hash, ask_head_office))
                case None:
                    pass
        line.close()

    def _asked(self, line: _Line, what: Authorise, until: float) -> Verdict:
        body = {
            "id": what.id, "kind": what.kind, "member": what.member, "code_hash": what.code_hash or None, "amount": what.amount,
            "sale_id": what.sale_id, "ttl_s": what.ttl_s,
        }  # fmt: skip
        reply = line.post("/v1/authorisations", body, until)
        found = _object(reply) if reply is not None and reply.status == 200 else None
        verdict = Verdict(what.id, "unknown") if found is None else _verdict(what, found)
        _log.info("authorisation %s %s: %s %s", what.kind, what.id, verdict.word, verdict.reason)
        return verdict

    def _looked(self, line: _Line, code_hash: str, ask_head_office: bool) -> Looked:
        try:
            own = find_own(self._reader.rows, code_hash, self._reader.head()[0], self._rules())
        except JournalError as trouble:
            _log.error("a coupon could not be looked up: %s", trouble)
            return Looked(None)
        if not ask_head_office:
            return Looked(own)
        reply = line.get(f"/v1/coupons/{code_hash}", time.monotonic() + ASK_S)
        if reply is not None and reply.status == 404:
            return Looked(own, None, "unknown", True)
        found = _object(reply) if reply is not None and reply.status == 200 else None
        told = _coupon(found, code_hash) if found is not None else None
        return Looked(own) if found is None or told is None else Looked(own, told, str(found.get("reason") or ""), True)

    # ------------------------------------------------------------ settling

    def _run_settles(self) -> None:
        line = _Line(self._connect)
        while not self._stop.is_set():
            with self._news:
                if not self._settles:
                    self._news.wait()
                waiting = list(self._settles.values())
            done = [what for what, until in waiting if not self._stop.is_set() and (self._settled(line, what) or time.monotonic() > until)]
            with self._news:
                for what in done:
                    if self._settles.get(what.id, (None, 0.0))[0] == what:
                        del self._settles[what.id]
                if self._settles and len(done) < len(waiting):
                    self._news.wait(RETRY_S)
        line.close()

    def _settled(self, line: _Line, what: Settle) -> bool:
        """Whether head office has heard it, or will never understand it."""
        if self._connect is None:
            return True
        reply = line.post(f"/v1/authorisations/{what.id}/{what.word}", {}, time.monotonic() + SETTLE_S)
        if reply is None or reply.status == 429 or reply.status >= 500:
            return False
        if reply.status not in (200, 404):  # 404: it never heard of the hold
            _log.warning("%s of hold %s: head office answers %d; the event on record says what counts", what.word, what.id, reply.status)
        return True


class _Line:
    """One thread's connection to head office. None instead of an answer, whatever was in the way."""

    def __init__(self, connect: Callable[[float], Transport] | None) -> None:
        self._connect = connect
        self._transport: Transport | None = None

    def post(self, path: str, body: Mapping[str, Any], until: float) -> Reply | None:
        payload = json.dumps(body, separators=(",", ":")).encode()
        headers = {"Content-Type": "application/json", wire.CONTENT_DIGEST: wire.content_digest(payload)}
        return self._call(until, lambda line: line.post(path, headers, payload))

    def get(self, path: str, until: float) -> Reply | None:
        return self._call(until, lambda line: line.get(path, most_bytes=MOST_BYTES))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _call(self, until: float, exchange: Callable[[Transport], Reply]) -> Reply | None:
        if self._connect is None or until - time.monotonic() < LEAST_S:
            return None
        try:
            if self._transport is None:
                self._transport = self._connect(ASK_S / 2)
            return exchange(self._transport)
        except CloudBusy as busy:
            _log.info("head office was asked in vain: %s", busy)
            self.close()
            return None


# ---------------------------------------------------------------- untrusted answers


def _object(reply: Reply) -> dict[str, Any] | None:
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _verdict(what: Authorise, found: Mapping[str, Any]) -> Verdict:
    """An answer that is not of the agreed form is none. One that stands under the same id as committed is held as well."""
    state, reason = found.get("state"), found.get("reason")
    if found.get("id") != what.id or state not in {"held", "committed", "refused", "released", "expired"}:
        return Verdict(what.id, "unknown")
    if state not in {"held", "committed"}:
        return Verdict(what.id, "refused", reason[:40] if isinstance(reason, str) else str(state))
    balances = found.get("balances")
    known = {name: amount for name, amount in balances.items() if type(amount) is int} if isinstance(balances, dict) else {}
    lots = _lots(found.get("lots"))
    if what.kind == "value" and sum(amount for _, _, amount in lots) != what.amount:
        return Verdict(what.id, "unknown")
    coupon = _coupon(found["coupon"], what.code_hash) if what.kind == "coupon" and isinstance(found.get("coupon"), dict) else None
    return Verdict(what.id, "held", "", known, lots, coupon)


def _lots(raw: object) -> tuple[tuple[str, str, int], ...]:
    """[["ACCOUNT/LOT", amount], …] as (account, lot, amount)."""
    found = []
    for one in raw if isinstance(raw, list) and len(raw) <= 100 else ():
        if isinstance(one, list) and len(one) == 2 and isinstance(one[0], str) and len(one[0]) <= 200 and type(one[1]) is int and one[1] > 0:
            account, _, lot = one[0].partition("/")
            found.append((account, lot, one[1]))
    return tuple(found)


def _coupon(found: Mapping[str, Any], code_hash: str) -> FoundCoupon | None:
    """A coupon as head office tells of it. Reach was its question, so here it counts as reached."""
    definition, label, member = found.get("def"), found.get("label"), found.get("member")
    try:
        last_day = date.fromisoformat(found["last_day"]) if found.get("last_day") else None
    except (TypeError, ValueError):
        return None
    if not isinstance(definition, str) or not (member is None or isinstance(member, str)):
        return None
    state: Literal["issued", "used", "void", "expired"] = "issued"
    if found.get("state") in {"used", "void", "expired"}:
        state = found["state"]
    named = label[:80] if isinstance(label, str) else definition
    coupon = Coupon(code_hash, definition[:80], None, last_day, "brand", state, member)
    return FoundCoupon(coupon, str(found.get("coupon_id") or "")[:80], named)
