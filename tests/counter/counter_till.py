"""Owns what the counter's tests share: a till with a store that answers as the journal does, and a head office that holds and settles."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from typing import Any

from offline_queue.wire import business_digest
from posagent import events as ev
from posagent.checkout import Basket, Card, Now, Rules
from posagent.counter import resume, step
from posagent.counter_parts import (
    Answered,
    Authorise,
    Authorised,
    CancelSlips,
    Commit,
    Input,
    RedeemAsked,
    ReleaseAsked,
    Reply,
    SaleArrived,
    Scanned,
    Settle,
    Show,
    State,
    Tell,
    Ticked,
    VoidAsked,
)
from posagent.events import Draft, Place
from posagent.handout import Stationery
from posagent.loyalty.model import Coupon, Line, Member, Register
from posagent.loyalty.program import read_program
from posagent.redeeming import FoundCoupon

JST = timezone(timedelta(hours=9))
START = datetime(2026, 11, 22, 12, 0, tzinfo=JST)
PROGRAM = """
schema = 1
[program]
id = "shop"
version = 3
day_start = "05:00"
[accounts.points]
label = "ポイント"
[[earn]]
id = "base"
account = "points"
every = 100
give = 1
[[coupon]]
id = "next"
label = "次回100円引き"
issue = "sale"
when = { min_amount = 2000 }
benefit = { off = 100 }
valid = { days = 30 }
"""


SHOP = PROGRAM.replace('label = "ポイント"\n', 'label = "ポイント"\nredeem = { yen = 1, unit = 10, min = 10 }\n') + """
[[coupon]]
id = "half"
label = "50%引き"
benefit = { off_rate = "50%", max = 500 }
use_when = { min_amount = 500 }
[[coupon]]
id = "drink"
label = "ドリンク1杯"
benefit = { gift = "drink", value = 300 }
lines = ["drink"]
group = "gift"
[accounts.value]
label = "チャージ残高"
expire = { months = 6 }
issuer = "acme"
contact = "0120-000-000"
charge = { unit = 1000, min = 1000, max = 30000, max_balance = 50000 }
[accounts.bonus]
label = "ボーナス"
expire = { months = 3 }
"""


def rules(program: str = PROGRAM, *, printer: bool = True) -> Rules:
    read, problems = read_program(program)
    assert not problems, problems
    stationery = Stationery("0042", "R2", "喫茶ポス", "ja") if printer else None
    return Rules(Place("acme", "cafe", "0042", "R2"), read, Register("acme", "cafe", "0042", "R2", program="shop@3"), stationery, "C7")


@dataclass
class Office:
    """Head office: balances move by events alone; a hold keeps what others may not use. ``lost``: its answers do not arrive."""

    balances: dict[tuple[str, str], int] = field(default_factory=dict)
    coupons: dict[str, tuple[FoundCoupon, str]] = field(default_factory=dict)  # by hash: the coupon, and "usable" or why not
    holds: dict[str, tuple[Authorise, str, int]] = field(default_factory=dict)  # by id: what, state, expires at ms
    lost: bool = False
    asked: list[Authorise] = field(default_factory=list)
    settled: list[Settle] = field(default_factory=list)
    counted: set[str] = field(default_factory=set)

    def ask(self, what: Authorise, now: Now) -> Authorised | None:
        self.asked.append(what)
        if what.id not in self.holds:
            reason = self._reason(what, now.ms)
            self.holds[what.id] = (what, reason or "held", now.ms + what.ttl_s * 1000)
        state = self.holds[what.id][1]
        if self.lost:
            return None
        if state not in {"held", "committed"}:
            return Authorised(now, what.id, "refused", state)
        found = self.coupons[what.code_hash][0] if what.kind == "coupon" else None
        lots = (("bonus", "2026-12-31", min(what.amount, 200)), ("value", "", what.amount - 200)) if what.kind == "value" else ()
        return Authorised(now, what.id, "held", "", {}, tuple(lot for lot in lots if lot[2] > 0), found)

    def _reason(self, what: Authorise, ms: int) -> str:
        live = [held for held, state, until in self.holds.values() if state == "committed" or (state == "held" and ms < until)]
        if what.kind == "coupon":
            if what.code_hash not in self.coupons:
                return "unknown"
            _, state = self.coupons[what.code_hash]
            return "held_elsewhere" if any(held.code_hash == what.code_hash for held in live) else "" if state == "usable" else state
        accounts = ("points",) if what.kind == "points" else ("bonus", "value")
        there = sum(self.balances.get((what.member or "", account), 0) for account in accounts)
        kept = sum(held.amount for held in live if held.kind == what.kind and held.member == what.member)
        return "short" if what.amount > there - kept else ""

    def settle(self, what: Settle) -> None:
        self.settled.append(what)
        if what.id in self.holds:
            held, state, until = self.holds[what.id]
            if what.word == "commit" or state == "held":
                self.holds[what.id] = (held, "committed" if what.word == "commit" else "released", until)

    def ingest(self, draft: Draft) -> None:
        """An event as the sync brings it: once for ever, by its key."""
        if draft.idemkey in self.counted:
            return
        self.counted.add(draft.idemkey)
        for entry in draft.data["entries"]:
            key = (draft.data["member"], entry["account"])
            self.balances[key] = self.balances.get(key, 0) + entry["delta"]
        if (hold := draft.data.get("hold_id")) in self.holds and draft.type not in {ev.HOLD_PLACED, ev.HOLD_RELEASED}:
            self.holds[hold] = (self.holds[hold][0], "settled", 0)
        if draft.type == ev.COUPON_REDEEMED and draft.data["code_hash"] in self.coupons:
            self.coupons[draft.data["code_hash"]] = (self.coupons[draft.data["code_hash"]][0], "used")
        for code in draft.data.get("coupons_back", ()):
            if code in self.coupons:
                self.coupons[code] = (self.coupons[code][0], "usable")


def coupon(code: str = "a" * 32, definition: str = "next", **more: Any) -> FoundCoupon:
    """A coupon as the journal or head office tells of it."""
    made = Coupon(code, definition, date(2026, 11, 1), date(2026, 12, 31), "store", "printed", None, "cafe", "0042", "R2")
    return FoundCoupon(replace(made, **more), f"id-{code[:4]}", "次回100円引き")


class Till:
    """A counter with a store that answers as the journal does, by business key and content, and with a head office that may be there."""

    def __init__(self, own: Rules | None = None, office: Office | None = None) -> None:
        self.office = office or Office()
        self.connected = True  # False: what is asked gets no answer and is not heard
        self.rules, self.state, self.ms = own or rules(), State(), 1_000_000
        self.stored: list[Draft] = []
        self.keys: dict[str, Draft] = {}
        self.jobs: list[Any] = []
        self.told: list[Tell] = []
        self.shown: list[Show] = []
        self.replies: dict[int, Reply] = {}
        self.broken: str = ""
        self.offline, self.unsent, self.clock_ok = False, 0, True
        self.cancelled: list[str] = []
        self.asked = 0
        self.scans = 0
        self.jumped = timedelta()  # what the wall clock shows too much or too little

    def now(self) -> Now:
        at = START + timedelta(milliseconds=self.ms - 1_000_000) + self.jumped
        return Now(at, self.ms, self.offline, b"e" * 32, self.unsent, self.clock_ok)

    def feed(self, first: Input) -> None:
        inputs = deque([first])
        while inputs:
            self.state, effects = step(self.state, inputs.popleft(), self.rules)
            for effect in effects:
                if isinstance(effect, Commit):
                    inputs.append(self.commit(effect))
                elif isinstance(effect, Tell):
                    self.told.append(effect)
                elif isinstance(effect, Show):
                    self.shown.append(effect)
                elif isinstance(effect, CancelSlips):
                    self.cancelled += effect.serials
                elif isinstance(effect, Authorise):
                    if self.connected and (word := self.office.ask(effect, self.now())):
                        inputs.append(word)
                elif isinstance(effect, Settle):
                    if self.connected:
                        self.office.settle(effect)
                else:
                    self.replies[effect.reply] = effect

    def commit(self, commit: Commit) -> Answered:
        if self.broken and self.broken != "silent":
            return Answered(self.now(), commit.intent, self.broken, "", {})  # type: ignore[arg-type]
        lead = commit.drafts[0]
        if old := self.keys.get(lead.idemkey):
            same = digest(old) == digest(lead)
            return Answered(self.now(), commit.intent, "duplicate" if same else "conflict", f"id-{old.idemkey}", old.data)
        for draft in commit.drafts[1:]:
            if old := self.keys.get(draft.idemkey):
                return Answered(self.now(), commit.intent, "conflict", f"id-{old.idemkey}", old.data)
        for draft in commit.drafts:
            self.keys[draft.idemkey] = draft
            self.stored.append(draft)
        self.jobs += commit.jobs
        if self.broken == "silent":  # the disk has it, but did not say so in time
            return Answered(self.now(), commit.intent, "failed", "", {})
        shown = next((draft for draft in commit.drafts if draft.type == ev.SALE_GRANTED), lead)
        return Answered(self.now(), commit.intent, "stored", f"id-{shown.idemkey}", shown.data)

    def scan(self, token: str = "m1", **more: Any) -> None:
        self.scans += 1
        self.feed(Scanned(self.now(), Card(Member(token, **more), f"****{token}", "scan", f"scan-{self.scans}")))

    def sale(
        self, key: str = "n1", amount: int = 1980, *, paid: bool = True, lines: tuple[Line, ...] = (), door: str = "api", after: bool = False
    ) -> Reply:
        self.asked += 1
        basket = Basket(key, lines or (Line(amount),), self.now().at, paid, door, key, after)  # a repeated sale comes at another time
        self.feed(SaleArrived(self.now(), basket, self.asked))
        return self.replies[self.asked]

    def redeem(self, kind: Any, amount: int = 0, code: str = "", found: FoundCoupon | None = None, hold: str = "") -> Reply | None:
        """None: head office has not answered yet."""
        self.asked += 1
        self.feed(RedeemAsked(self.now(), hold or f"hold-{self.asked}", kind, amount, code, found, self.asked))
        return self.replies.get(self.asked)

    def use(self, kind: Any, amount: int = 0, code: str = "", found: FoundCoupon | None = None, hold: str = "") -> Reply:
        """As `redeem`, where an answer is expected."""
        reply = self.redeem(kind, amount, code, found, hold)
        assert reply is not None
        return reply

    def release(self, hold: str) -> Reply:
        self.asked += 1
        self.feed(ReleaseAsked(self.now(), hold, self.asked))
        return self.replies[self.asked]

    def synced(self) -> None:
        """Everything that is stored reaches head office."""
        for draft in self.stored:
            self.office.ingest(draft)

    def void(self, sale_id: str) -> Reply:
        self.asked += 1
        self.feed(VoidAsked(self.now(), sale_id, "wrong_member", "boss", "manager", self.asked))
        return self.replies[self.asked]

    def wait(self, seconds: float) -> None:
        self.ms += int(seconds * 1000)
        self.feed(Ticked(self.now()))

    def of(self, type_: str) -> list[Draft]:
        return [draft for draft in self.stored if draft.type == type_]

    def grants(self) -> list[Draft]:
        return [draft for draft in self.stored if draft.type == ev.SALE_GRANTED]

    def codes(self) -> list[str]:
        return [tell.code for tell in self.told]

    def restarted(self) -> State:
        return resume([(draft.type, f"id-{draft.idemkey}", draft.data) for draft in self.stored], self.now(), self.rules)


def digest(draft: Draft) -> str:
    return business_digest({"type": draft.type, "subject": draft.subject, "data": draft.data})
