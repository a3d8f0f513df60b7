"""Owns what the HTTP server sees of the agent: `posagent.screen.backend.Backend` over the inbox, the board and the journal's reader."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from hashlib import sha256
from typing import Any, cast

from offline_queue.errors import JobChanged, NoSuchEntry
from offline_queue.journal import Journal
from offline_queue.print_lane import PrintLane
from offline_queue.sync import SyncState
from posagent.access_log import PAIRING_SERIAL
from posagent.agent import Agent, Typed
from posagent.board import DeviceState
from posagent.checkout import Basket, Now, sale_id_of
from posagent.counter_desk import ANSWER_S, CounterDesk, ask_counter, replied
from posagent.counter_parts import ConfirmAsked, SaleArrived, VoidAsked
from posagent.day_report import Kind, Order
from posagent.errors import PosagentError, Refused
from posagent.events import Role
from posagent.loyalty.model import Line, Sale, SaleRejected
from posagent.loyalty.quote import check_sale, quote
from posagent.loyalty.records import plain
from posagent.metrics import metrics_page
from posagent.open_checkout import open_checkout
from posagent.page_events import SHOWN, page_event
from posagent.print_lane import answer_job, answered_before
from posagent.refunds import RefundDesk, RungUp
from posagent.reports import Report, Taken, answer_of, checked_date, read_day
from posagent.sale_lookup import find_sale, key_of_receipt
from posagent.screen.backend import Answer, DeviceStatus, Json, Language, Level, Notice, OpenCheckout, PageEvent, Question, RefundRungUp, Status
from posagent.screen.technician import TechnicianBackend
from posagent.unsettled import Unsettled


class ScreenBackend:
    """Called from the HTTP server's threads."""

    def __init__(
        self,
        agent: Agent,
        journal: Journal,
        lane: PrintLane,
        *,
        language: Language,
        store_name: str,
        register_name: str,
        link: Callable[[], SyncState | None],
        technician: TechnicianBackend,
        slip_picture: Callable[[bytes], bytes] | None,
        refunds: RefundDesk,
        lacks: tuple[str, ...] = (),
    ) -> None:
        """``lacks``: what this register's settings leave out, for ``degraded``."""
        self._lacks = lacks
        self.language: Language = language
        self.store_name, self.register_name = store_name, register_name
        self.technician = technician
        self.manager = Unsettled(journal, link)
        self._refunds = refunds
        self.counter = CounterDesk(agent, lane)
        self._agent, self._journal, self._lane, self._link, self._picture = agent, journal, lane, link, slip_picture
        self._reader = journal.reader()
        self._reading = threading.Lock()
        self._shift = ("", 0)

    # ------------------------------------------------------------ looking

    def status(self) -> Status:
        """The state now, from memory and one short read."""
        now_ns, agent = time.monotonic_ns(), self._agent
        link, worst = self._link(), agent.board.worst()
        with self._reading:
            pending = self._reader.pending()
        health, state = self._journal.health(), agent.state
        level: Level = "ok"
        code: str | None = None
        values: dict[str, Any] = {}
        if link is not None and link.link != "online":
            level, code = "offline", "E400"
        if agent.rules.program is None:
            level, code = "action", "E600"
        if worst is not None:
            level, code, values = "action", worst.code, {"device": worst.name}
        if agent.bench.testing_s:
            level, code, values = "action", "E630", {}
        if health.state != "ok":
            level, code = "action", "E500" if health.state == "failed" else "E502"
        asked: list[Question] = [{"job": str(job.id), "member": None, "at": job.created} for job in self._lane.jobs(("NEEDS_OPERATOR",))]
        oldest = pending.oldest_time and datetime.fromisoformat(pending.oldest_time)
        return {
            "level": level,
            "code": code,
            "values": values,
            "devices": [_device(device, now_ns) for device in agent.board.devices.values()],
            "queue": {
                "pending": pending.count,
                "oldest_s": int((datetime.now().astimezone() - oldest).total_seconds()) if oldest else None,
                "link": link.link if link else "unknown",
            },
            "open": cast("OpenCheckout | None", open_checkout(state, Now(datetime.now().astimezone(), 0, agent.is_offline()), agent.rules)),
            "questions": asked,
            "refunds": cast("list[RefundRungUp]", self._refunds.waiting()),
            "shift_start_seq": self._shift_start(),
            "degraded": [*([worst.name] if worst else []), *self._lacks],
            "ready": health.state != "failed",
        }  # fmt: skip

    def metrics(self) -> str:
        """Prometheus' text."""
        with self._reading:
            return metrics_page(self._agent, self._journal, self._reader, self._link())

    def events(self, after_seq: int, limit: int) -> list[tuple[int, PageEvent]]:
        """Page events after a number; reads on until ``limit`` are found or the journal ends."""
        found: list[tuple[int, PageEvent]] = []
        while len(found) < limit:
            with self._reading:
                batch = self._reader.events(after_seq, limit, types=SHOWN)
            for event in batch:
                shown = page_event(event.type, event.data)
                if shown is not None:
                    found.append((event.seq, shown))  # type: ignore[arg-type]  # a TypedDict of optional keys
            if len(batch) < limit:
                break
            after_seq = batch[-1].seq
        return found[:limit]

    def last_seq(self) -> int:
        """The journal's newest number."""
        with self._reading:
            return self._reader.head()[0]

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        """See `Backend.subscribe`."""
        return self._agent.listen(wake)

    def notices(self, after: int) -> list[tuple[int, Notice]]:
        """Passing notices after their own number."""
        return [
            (one.number, {"kind": "trouble", "at": one.at, "code": one.code, "values": one.fields})
            for one in tuple(self._agent.notices)
            if one.number > after
        ]

    def last_notice(self) -> int:
        """The newest notice's number; 0 when there is none."""
        kept = tuple(self._agent.notices)
        return kept[-1].number if kept else 0

    # ------------------------------------------------------------ asking

    def post_sale(self, sale: Json, idempotency_key: str) -> Answer:
        """A sale through this door. Its identity is the receipt number, else the key. A refund is proposed to the cashier, and is none yet."""
        if sale.get("kind") == "refund":
            refund = RungUp(idempotency_key, sale["total"], sale.get("refund_of", ""), sale.get("receipt_no", ""))
            return Answer("waiting", self._refunds.propose(refund))
        if named := sale.get("confirms"):
            return replied(ask_counter(self._agent, lambda now, reply: ConfirmAsked(now, named, sale["total"], reply)))
        basket = basket_of_request(sale, idempotency_key, datetime.now().astimezone())
        return replied(ask_counter(self._agent, lambda now, reply: SaleArrived(now, basket, reply)))

    def post_scan(self, text: str, symbology: str | None) -> Answer:
        """A typed or foreign code."""
        answer: Future[str] = Future()
        self._agent.post(Typed(text, symbology, answer))
        code = answer.result(ANSWER_S)
        if code:
            raise Refused("this code opens no checkout; see its code", code=code)
        return Answer("done", {"taken": True})

    def quote(self, sale: Json) -> Json:
        """What a sale would give the member who waits (or nobody), without recording anything."""
        rules, state = self._agent.rules, self._agent.state
        if rules.program is None:
            raise Refused("no program is in force: nothing can be computed", code="E600")
        basket = basket_of_request(sale, "quote", datetime.now().astimezone())
        try:
            asked = Sale(sale_id_of(basket, rules), basket.at, basket.lines, rules.operator)
            result = quote(rules.program, rules.register, asked, state.card.member if state.card else None)
        except SaleRejected as refused:
            raise Refused(str(refused), code="E622") from refused
        return {"points": result.total("points"), "entries": plain(result.entries), "explain": plain(result.explain)}

    def void(self, sale_id: str, reason: str, operator: str, role: str) -> Answer:
        """Takes a grant back."""
        by: Role = "manager" if role == "manager" else "staff"
        who = operator or self._agent.rules.operator
        try:
            return replied(ask_counter(self._agent, lambda now, reply: VoidAsked(now, sale_id, reason, who, by, reply)))
        except Refused as refused:
            if refused.code != "E608":
                raise
            with self._reading:
                found = find_sale(self._reader.find, sale_id, self._agent.rules)
            if found is not None and (live := found.live) is not None:  # older than what is kept in memory
                return replied(ask_counter(self._agent, lambda now, reply: VoidAsked(now, live.sale_id, reason, who, by, reply, live)))
            if found is None or (void := found.void) is None:
                raise
            told = {"result": "voided", "sale_id": found.sale_id, "points": void["points"], "member": void["masked"]}
            return Answer("done", told, replayed=True)

    def report(self, kind: str, business_date: str | None, operator: str, role: str, idempotency_key: str) -> Answer:
        """点検 or 精算. The day is read here, window by window, so that neither the till nor the page waits for it."""
        rules = self._agent.rules
        day = checked_date(business_date, rules.day(datetime.now().astimezone()))
        if kind == "z" and role != "manager":
            raise Refused("closing a business date needs a manager", code="E613")
        key = sha256(idempotency_key.encode()).hexdigest()[:16]
        by: Role = "manager" if role == "manager" else "staff"
        which: Kind = "z" if kind == "z" else "x"
        order = Order(which, day, operator or rules.operator, by, key)
        with self._reading:
            head = self._reader.head()
        answer: Future[Taken] = Future()
        self._agent.post(Report(order, read_day(self._rows, day, head), answer))
        try:
            taken = answer.result(ANSWER_S)
        except TimeoutError:
            raise PosagentError("the report was not taken in time; send the same again with the same key", code="E901") from None
        return Answer("done", answer_of(taken), replayed=taken.replayed)

    def answer_print(self, job: str, came_out: bool, operator: str) -> Answer:
        """A person's word on a slip; the same word again is answered the same, after a restart too."""
        number, told = _job_number(job), {"job": job, "came_out": came_out}
        try:
            answer_job(self._lane, number, came_out, operator or self._agent.rules.operator)
        except NoSuchEntry as unknown:
            raise Refused(str(unknown), code="E615") from unknown
        except JobChanged as changed:
            if answered_before(self._lane, number) is came_out:
                return Answer("done", told, replayed=True)
            raise Refused(str(changed), code="E601") from changed
        self._agent.wake_listeners()
        return Answer("done", told)

    def slip_png(self, job: str) -> bytes | None:
        """The slip as a picture, where a slip renderer is installed."""
        if self._picture is None:
            return None
        try:
            stored = self._lane.job(_job_number(job))
        except NoSuchEntry:
            return None
        return None if PAIRING_SERIAL.search(stored.serial) else self._picture(stored.document)  # its code is on the paper, and only there

    # ------------------------------------------------------------

    def _rows(self, sql: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        with self._reading:
            return self._reader.rows(sql, values)

    def _shift_start(self) -> int:
        """The number after which today's business date begins. Times rise with the numbers, so halving finds it; the events' own business
        dates need not: yesterday's closing or a late void may be recorded today."""
        rules = self._agent.rules
        today = rules.day(datetime.now().astimezone())
        if self._shift[0] != today:
            low, high = 0, self.last_seq()
            while low < high:
                middle = (low + high) // 2
                with self._reading:
                    found = self._reader.events(middle, 1)
                if found and rules.day(datetime.fromisoformat(found[0].time)) < today:
                    low = middle + 1
                else:
                    high = middle
            self._shift = (today, low)
        return self._shift[1]


def basket_of_request(sale: Mapping[str, Any], key: str, at: datetime) -> Basket:
    """A request's sale. Lines, else one line per tax rate, else one line; the POS's own total must be their sum. Raises Refused."""
    total, receipt_no = sale["total"], sale.get("receipt_no")
    if sale.get("kind", "sale") != "sale":
        raise Refused("a refund is not taken here yet; void the sale's grant instead", code="E601")
    try:
        if sale.get("lines"):
            lines = tuple(
                Line(line["amount"], line.get("category", "*"), line.get("rate_bp", 1000), line.get("quantity", 1)) for line in sale["lines"]
            )
            if sum(line.amount for line in lines) != total:
                raise Refused(f"the lines add up to {sum(line.amount for line in lines)}, not to the total {total}", code="E622")
        else:
            split = {int(rate): amount for rate, amount in sale.get("tax_split", {}).items()}
            lines = Sale.of_total("", at, total, tax_split=split).lines
        check_sale(Sale("", at, lines))
    except SaleRejected as wrong:
        raise Refused(str(wrong), code="E622") from wrong
    if not receipt_no:
        own = "k" + sha256(key.encode()).hexdigest()[:16]
    else:
        own = key_of_receipt(receipt_no)
    return Basket(own, lines, at, sale.get("paid", True), sale.get("source", "api"), receipt_no, sale.get("after_redemptions", False))


def _device(device: DeviceState, now_ns: int) -> DeviceStatus:
    return {
        "name": device.name,
        "kind": device.kind,
        "driver": device.driver,
        "state": device.state,
        "code": device.code or None,
        "as_of": (now_ns - device.as_of_ns) // 1_000_000_000 if device.as_of_ns else None,
        "stale": device.is_stale(now_ns),
    }


def _job_number(job: str) -> int:
    if not job.isascii() or not job.isdigit():
        raise Refused(f"there is no slip '{job[:20]}'", code="E615")
    return int(job)
