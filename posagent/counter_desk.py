"""Owns what the HTTP server asks of the counter beyond sale, scan and void: `posagent.screen.counter_backend.CounterBackend` over the inbox."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from datetime import date, datetime
from hashlib import sha256
from typing import Any, cast

from offline_queue.errors import JobChanged, NoSuchEntry
from offline_queue.print_lane import Job, PrintLane
from posagent.agent import Agent, Ask
from posagent.authorise import ASK_S, Looked
from posagent.checkout import Live, Now
from posagent.counter_parts import AdjustAsked, ChargeAsked, Input, LateGrantAsked, RedeemAsked, RefundAsked, ReleaseAsked, Reply
from posagent.counter_redeem import code_of, reckoned, refusal_code
from posagent.errors import PosagentError, Refused
from posagent.events import Role
from posagent.handout import code_hash
from posagent.loyalty.coupons import read_code
from posagent.loyalty.model import SaleRejected
from posagent.messages import words
from posagent.print_lane import reprint_job
from posagent.redeeming import FoundCoupon, Redeemable, Redemption, fields_of
from posagent.sale_lookup import FoundSale, find_sale, sale_id_of_receipt
from posagent.screen.backend import Answer, Json
from posagent.slips import QR, Barcode, from_json

ANSWER_S = 12.0
"""A request's answer waits for the disk (`posagent.recording.COMMIT_S`) and a little more."""


def ask_counter(agent: Agent, make: Callable[[Now, int], Input]) -> Reply:
    """The counter's reply to an input that ``make`` builds of (Now, reply number). Raises PosagentError E901 after the deadline."""
    answer: Future[Reply] = Future()
    agent.post(Ask(make, answer))
    try:
        return answer.result(ANSWER_S)
    except TimeoutError:
        raise PosagentError("the counter did not answer in time; send the same again with the same key", code="E901") from None


class CounterDesk:
    """Called from the HTTP server's threads."""

    def __init__(self, agent: Agent, lane: PrintLane) -> None:
        self._agent, self._lane = agent, lane
        self._reader = agent.journal.reader()
        self._reading = threading.Lock()

    def check_coupon(self, code: str) -> Json:
        """See `CounterBackend.check_coupon`."""
        digest = _digest_of(code)
        agent = self._agent
        online = agent.rules.head_office and not agent.is_offline()
        looked = self._look(digest, ask_head_office=online)
        found = looked.told if looked.asked else looked.own
        refusal = code_of(looked.reason) if looked.asked and looked.reason else ""
        if found is None and not refusal:
            refusal = "E642" if agent.rules.head_office else "E643"
        answer: dict[str, Any] = {"known": found is not None, "authority": "cloud" if looked.asked else "register"}
        if found is not None:
            answer |= _shown_coupon(found)
            worth, here = self._worth(found)
            refusal = refusal or here
            answer |= worth
        return {**answer, "usable": not refusal, "code": refusal or None, "words": _words(refusal)}

    def redeem(self, kind: str, amount: int, code: str, idempotency_key: str) -> Answer:
        """See `CounterBackend.redeem`."""
        own, digest = None, ""
        if kind == "coupon":
            digest = _digest_of(code)
            own = self._look(digest, ask_head_office=False).own
        hold = hold_id(self._agent.rules.place.register, idempotency_key)
        what = cast("Redeemable", kind)
        return replied(self._ask(lambda now, reply: RedeemAsked(now, hold, what, amount, digest, own, reply)))

    def release(self, redemption: str) -> Answer:
        """See `CounterBackend.release`."""
        return replied(self._ask(lambda now, reply: ReleaseAsked(now, redemption, reply)))

    def charge(self, amount: int, tender: str, operator: str, idempotency_key: str) -> Answer:
        """See `CounterBackend.charge`."""
        place = self._agent.rules
        hold, who = hold_id(place.place.register, idempotency_key), operator or place.operator
        return replied(self._ask(lambda now, reply: ChargeAsked(now, hold, amount, tender, who, reply)))

    def late_grant(self, sale_id: str, receipt_no: str) -> Answer:
        """See `CounterBackend.late_grant`."""
        rules = self._agent.rules
        if not sale_id and not receipt_no:
            raise Refused("name the sale by its sale_id or its receipt_no", code="E608")
        wanted = sale_id or sale_id_of_receipt(receipt_no, rules.day(datetime.now().astimezone()), rules)
        found = self._found(wanted)
        return replied(self._ask(lambda now, reply: LateGrantAsked(now, found.basket, found.live, found.voids, reply)))

    def refund(self, sale_id: str, lines: list[Json] | None, total: int | None, reason: str, operator: str, role: str) -> Answer:
        """See `CounterBackend.refund`."""
        found = self._found(sale_id)
        live = found.live
        if live is None:
            raise Refused(f"sale {sale_id}: nothing is granted for it, so nothing can be refunded", code="E609" if found.voids else "E608")
        kept = None if lines is None else tuple(_kept_line(line, live) for line in lines)
        who = operator or self._agent.rules.operator
        return replied(self._ask(lambda now, reply: RefundAsked(now, live, kept, total, reason, who, _role(role), reply)))

    def adjust(self, account: str, delta: int, reason: str, text: str, operator: str, role: str, idempotency_key: str) -> Answer:
        """See `CounterBackend.adjust`."""
        who, key = operator or self._agent.rules.operator, sha256(idempotency_key.encode()).hexdigest()[:24]
        return replied(self._ask(lambda now, reply: AdjustAsked(now, key, account, delta, reason, text, who, _role(role), reply)))

    def reprint(self, job: str, operator: str, role: str) -> Answer:
        """See `CounterBackend.reprint`."""
        if role != "manager":
            raise Refused("printing a slip again needs a manager", code="E613")
        try:
            number = int(job) if job.isascii() and job.isdigit() else -1
            self._worth_printing(self._lane.job(number))
            again = reprint_job(self._lane, number, operator or self._agent.rules.operator)
        except NoSuchEntry as unknown:
            raise Refused(str(unknown), code="E615") from unknown
        except JobChanged as changed:
            raise Refused(str(changed), code="E601") from changed
        return Answer("done", {"result": "queued", "job": str(again), "of": job})

    # ------------------------------------------------------------

    def _worth_printing(self, job: Job) -> None:
        """A coupon that was used or voided is not printed again. Raises Refused."""
        slip = from_json(job.document)
        code = next((line.value for line in slip.lines if isinstance(line, (QR, Barcode))), None)
        own = self._look(code_hash(code), ask_head_office=False).own if code and not slip.sample else None
        if own is not None and own.coupon.state in ("used", "void"):
            raise Refused("this coupon is worth nothing any more", code="E646" if own.coupon.state == "used" else "E643")

    def _found(self, sale_id: str) -> FoundSale:
        with self._reading:
            found = find_sale(self._reader.find, sale_id, self._agent.rules)
        if found is None:
            raise Refused("this register's journal has no such sale; look at the list of sales", code="E608")
        return found

    def _ask(self, make: Callable[[Now, int], Input]) -> Reply:
        return ask_counter(self._agent, make)

    def _look(self, digest: str, *, ask_head_office: bool) -> Looked:
        try:
            return self._agent.authoriser.looked_up(digest, ask_head_office=ask_head_office).result(ASK_S + 1.0)
        except TimeoutError:
            raise PosagentError("the coupon could not be looked up in time; try again", code="E901") from None

    def _worth(self, found: FoundCoupon) -> tuple[Json, str]:
        """What the coupon would do in the open sale, and the code of why nothing; nothing at all where no sale is open."""
        agent = self._agent
        state, rules = agent.state, agent.rules
        basket = state.basket
        if basket is None or rules.program is None:
            return {}, ""
        now = Now(datetime.now().astimezone(), 0, agent.is_offline())
        one = Redemption("check", "coupon", "register", basket.key, member=found.coupon.member, found=found)
        try:
            reckoning = reckoned(now, state, basket, rules.program, rules, (one,))
        except SaleRejected:
            return {}, "E622"
        if one.id in reckoning.refused:
            return {}, refusal_code(reckoning.refused[one.id])
        fields = fields_of(reckoning, (one,), basket.lines, one)
        return {key: fields[key] for key in ("discount", "per_rate", "payable")} | {"gift": reckoning.shares[one.id].gift}, ""


def _role(role: str) -> Role:
    return "manager" if role == "manager" else "staff"


def _kept_line(line: Json, live: Live) -> tuple[int, int, int]:
    """(line, amount, pieces) from 0; all pieces where the request says none."""
    index = line["line"] - 1
    lines = live.basket.lines
    qty = line.get("quantity", lines[index].qty if index < len(lines) else 1)
    return index, line["amount"], qty


def hold_id(register: str, idempotency_key: str) -> str:
    """The UUID of a wish: the same wish again is the same hold, after a restart too."""
    return str(uuid.UUID(bytes=sha256(f"posagent/hold\n{register}\n{idempotency_key}".encode()).digest()[:16], version=4))


def replied(reply: Reply) -> Answer:
    """What became of a request; refusals are raised."""
    body = {"result": reply.status, **reply.fields}
    match reply.status:
        case "already":
            return Answer("done", body, replayed=True)
        case "waiting_for_member" | "waiting_for_payment":
            return Answer("waiting", body)
        case "unavailable":
            raise PosagentError("nothing was recorded; send the same again", code=reply.fields["code"])
        case "conflict" | "refused":
            code = reply.fields["code"]
            said = words(code, "en", reply.fields)
            raise Refused(str(reply.fields.get("why", f"{said.title}. {said.todo}")), code=code)
        case _:
            return Answer("done", body)


def _digest_of(code: str) -> str:
    """The hash that stands for a coupon: of the code on its paper, or as the status names it."""
    if re.fullmatch("[0-9a-f]{32}", code):
        return code
    if (read := read_code(code)) is None:
        raise Refused("this is no coupon's code: it is C and 16 characters, and its check character must fit", code="E643")
    return code_hash(read)


def _shown_coupon(found: FoundCoupon) -> Json:
    coupon = found.coupon
    day = coupon.last_day
    return {"label": found.label, "definition": coupon.definition, "last_day": day.isoformat() if isinstance(day, date) else None,
            "key": coupon.code, "member_only": coupon.member is not None}  # fmt: skip


def _words(code: str) -> Json | None:
    if not code:
        return None
    ja, en = words(code, "ja"), words(code, "en")
    return {"ja": {"title": ja.title, "todo": ja.todo}, "en": {"title": en.title, "todo": en.todo}}
