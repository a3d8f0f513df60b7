"""Owns the screen tests' own agent: a backend with a real order of events and fault knobs, and a server running on it."""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime
from typing import Any

import pytest

from posagent.errors import Refused
from posagent.screen.backend import Answer, Json, Notice, PageEvent, Status
from posagent.screen.problems import spoken
from posagent.screen.server import ScreenServer

AT = "2026-11-22T14:05:00+09:00"
COUPON = "C0123456789ABCDEF"


JOB = {"job": "7", "serial": "0001-R1-20261122-3", "copy": 1, "title": "お買い上げポイント", "sample": False, "state": "CONFIRMED",
       "certainty": "confirmed", "reason": "process id and cutter counter", "created": AT, "updated": AT}  # fmt: skip
ROOM = {
    "devices": [
        {"name": "front-scanner", "kind": "scanner", "driver": "serial", "state": "ready", "code": None, "detail": "", "as_of": 300, "beat": 1,
         "stale": False, "camera": False, "scanner": {"good": 12, "damaged": 0, "damaged_at": "", "why": "", "scan": None}, "printer": None},
        {"name": "phone-camera", "kind": "scanner", "driver": "camera", "state": "ready", "code": None, "detail": "", "as_of": 300, "beat": 1,
         "stale": False, "camera": True, "scanner": {"good": 3, "damaged": 0, "damaged_at": "", "why": "", "scan": None}, "printer": None},
        {"name": "front-printer", "kind": "printer", "driver": "escpos-tcp", "state": "ready", "code": None, "detail": "", "as_of": 2,
         "beat": 1, "stale": False, "camera": False, "scanner": None, "printer": {
             "says": {"online": True, "cover_open": False, "paper": "ok", "cutter_error": False, "other_error": False, "drawer_open": None},
             "capabilities": {"tier": 3, "maker": "EPSON", "model": "TM-T88VI", "firmware": "1.0", "serial": "A1", "kanji": True,
                              "process_id": True, "cut_counter": True},
             "waits_for": "", "jobs": [JOB]}},
    ],
    "test_mode": {"on": False, "left_s": 0},
    "journal": {"state": "ok", "notes": [], "found_at_start": [], "disk_free_mb": 20480, "reserve_percent": 100, "fsync_p99_us": 4200,
                "wal_mb": 1, "io_errors": 0, "last_success": 3},
    "cloud": {"configured": True, "link": "online", "last_success": 4, "pending": 0, "oldest": None, "blocked": "", "clock_offset_ms": 12},
    "agent": {"version": "0.1", "pid": 4711},
}  # fmt: skip


class Bench:
    """The technician's side: a room of devices that tests rearrange, and pictures that they hold in front of the camera."""

    def __init__(self, act: Callable[..., None]) -> None:
        self.state: Any = deepcopy(ROOM)
        self.pictures: dict[str, Json] = {}
        self.asked = 0
        self._act = act

    def device(self, name: str) -> Any:
        return next((device for device in self.state["devices"] if device["name"] == name), None)

    # posagent.screen.technician.TechnicianBackend

    def room(self) -> Any:
        self._act("room")
        return self.state

    def preview(self, device: str) -> Json:
        self.asked += 1
        if not (self.device(device) or {}).get("camera"):
            raise Refused("there is no camera of this name", code="E632")
        picture = self.pictures.get(device)
        return {"age_ms": 40 if picture else None, "picture": picture}

    def test_device(self, device: str, idempotency_key: str, doctor: Json | None = None) -> Answer:
        self._act("test", device, idempotency_key, *filter(None, [doctor]))
        if (self.device(device) or {}).get("kind") != "printer":
            raise Refused("there is no printer of this name", code="E632")
        jobs = self.device(device)["printer"]["jobs"]
        if any(job["state"] == "QUEUED" for job in jobs):
            return Answer("waiting", {"job": jobs[0]["job"], "serial": jobs[0]["serial"]})
        mine = {"job": str(7 + len(jobs)), "title": "テスト印字", "sample": True, "state": "QUEUED", "certainty": None, "reason": ""}
        jobs.insert(0, {**JOB, **mine})
        return Answer("done", {"job": jobs[0]["job"], "serial": jobs[0]["serial"]})

    def teach(self, device: str, on: bool) -> Answer:
        self._act("teach", device, on)
        if (self.device(device) or {}).get("kind") != "sale_door":
            raise Refused("there is no sale door of this name", code="E632")
        return Answer("done", {"on": on})

    def learn(self, device: str, name: str, known: Any) -> Answer:
        self._act("learn", device, name, known)
        return Answer("done", {"path": f"/etc/posagent/receipts/{name}.toml", "why": [], "totals": [total for _, total in known]})

    def use_profile(self, device: str, profile: str) -> Answer:
        self._act("profile", device, profile)
        found = self.device(device)
        found["door"] |= {"profile": profile, "chosen": profile}
        return Answer("done", {"profile": profile, "chosen": profile})

    def test_mode(self, on: bool) -> Answer:
        self._act("test mode", on)
        self.state = {**self.state, "test_mode": {"on": on, "left_s": 120 if on else 0}}
        return Answer("done", {"on": on})


class Desk:
    """The manager's side: what head office has not taken."""

    def __init__(self, act: Callable[..., None]) -> None:
        self.state: Json = {"pending": 0, "oldest": None, "link": "online", "blocked": "", "events": [], "more": False}
        self._act = act

    # posagent.screen.manager.ManagerBackend

    def unsettled(self) -> Json:
        self._act("unsettled")
        return self.state

    def decide(self, seq: int, what: str, reason: str, operator: str, role: str) -> Answer:
        self._act("decide", seq, what, reason, operator, role)
        if role != "manager":
            raise Refused("this needs a manager", code="E613")
        self.state = {**self.state, "events": [event for event in self.state["events"] if event["seq"] != seq]}
        return Answer("done", {"seq": seq, "said": "done"})


class Rights:
    """The counter's side of what is used up in a sale: it takes what the open checkout offers off its amount."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    # posagent.screen.counter_backend.CounterBackend, as far as the pages use it

    def redeem(self, kind: str, amount: int, code: str, idempotency_key: str) -> Answer:
        self._counter.act("redeem", kind, amount, code)
        opened: Any = dict(self._counter.state["open"] or {})
        name = f"r{len(opened['reductions']) + 1}"
        one: Json = {"id": name, "kind": kind, "label": None, "amount": amount, "gift": None, "points": amount or None}
        if kind == "coupon":
            own = (each["label"] for each in opened["coupons"] if each["key"] == code)
            one |= {"label": next(own, "次回100円引き"), "amount": 100, "code": code}
        elif kind == "value":
            opened["value"] = {**opened["value"], "usable": 0}
        else:
            opened["points"] = {**opened["points"], "redeemable": 0, "yen": 0}
        opened["coupons"] = [each for each in opened["coupons"] if each["key"] != code]
        self._show(opened, [*opened["reductions"], one])
        return Answer("done", {"payable": opened["payable"]})

    def release(self, redemption: str) -> Answer:
        self._counter.act("release", redemption)
        opened: Any = dict(self._counter.state["open"] or {})
        self._show(opened, [each for each in opened["reductions"] if each["id"] != redemption])
        return Answer("done", {})

    def check_coupon(self, code: str) -> Json:
        self._counter.act("check", code)
        opened = self._counter.state["open"] or {}
        if code.upper() != COUPON:
            return {"known": False, "usable": False, "code": "E643", "words": spoken("E643"), "authority": "register"}
        worth: Json = {"discount": 100, "per_rate": [], "gift": None} if opened else {}
        return {"known": True, "usable": True, "code": None, "words": None, "authority": "register", "label": "次回100円引き", "key": "c" * 32,
                "last_day": "2026-12-31", "member_only": False, **worth}  # fmt: skip

    def charge(self, amount: int, tender: str, operator: str, idempotency_key: str) -> Answer:
        self._counter.act("charge", amount, tender, idempotency_key)
        if amount > 30_000:
            raise Refused("above the limit", code="E663")
        self._counter.record({"kind": "charged", "member": "**** 4821", "amount": amount, "bonus": 300, "sale_id": f"C-{amount}", "slips": [],
                              "balance": {"value": amount, "as_of": AT}})  # fmt: skip
        return Answer("done", {"result": "charged", "sale_id": f"C-{amount}", "amount": amount})

    def refund(self, sale_id: str, lines: list[Json] | None, total: int | None, reason: str, operator: str, role: str) -> Answer:
        self._counter.act("refund", sale_id, lines, total, reason, role)
        if role != "manager":
            raise Refused("this needs a manager", code="E613")
        kept = {str(line["line"]): line["amount"] for line in lines or []} if total is None else {"1": total}
        self._counter.record({"kind": "refunded", "member": "**** 4821", "points": -19, "returned_points": 0, "value_back": 0,
                              "amount": sum(kept.values()), "sale_id": sale_id, "reason": reason, "kept": kept})  # fmt: skip
        return Answer("done", {"result": "refunded", "sale_id": sale_id, "points": -19, "amount": sum(kept.values())})

    def late_grant(self, sale_id: str, receipt_no: str) -> Answer:
        self._counter.act("late", sale_id, receipt_no)
        member = str((self._counter.state["open"] or {})["member"])
        sale = next(event for _, event in self._counter.journal if event.get("sale_id") == sale_id)
        self._counter.record(granted(member=member, amount=sale["amount"], points=7, sale_id=sale_id))
        return Answer("done", {"result": "granted", "member": member, "points": 7})

    def adjust(self, account: str, delta: int, reason: str, text: str, operator: str, role: str, idempotency_key: str) -> Answer:
        self._counter.act("adjust", account, delta, reason, text, role)
        if role != "manager":
            raise Refused("this needs a manager", code="E613")
        self._counter.record({"kind": "adjusted", "member": "**** 4821", "points": delta, "account": account, "reason": reason})
        return Answer("done", {"result": "adjusted", "account": account, "delta": delta, "member": "**** 4821"})

    def reprint(self, job: str, operator: str, role: str) -> Answer:
        self._counter.act("reprint", job, role)
        if role != "manager":
            raise Refused("this needs a manager", code="E613")
        return Answer("done", {"result": "queued", "job": "J9", "of": job})

    def _show(self, opened: Any, reductions: list[Json]) -> None:
        off = sum(each["amount"] for each in reductions)
        opened |= {"reductions": reductions, "payable": opened["amount"] - off,
                   "per_rate": [{"tax": 1000, "amount": opened["amount"], "discount": off}]}  # fmt: skip
        self._counter.change(open=opened)


class Counter:
    """A backend that keeps its journal in a list. ``trouble`` is raised by every call that acts; ``gate`` blocks them while it is clear."""

    def __init__(self, language: str = "ja") -> None:
        self.language: Any = language
        self.register_name = "レジ 1"
        self.store_name = "みどり書店 駅前店"
        self.journal: list[tuple[int, PageEvent]] = []
        self.passing: list[tuple[int, Notice]] = []
        self.state: Status = {
            "level": "ok",
            "code": None,
            "values": {},
            "devices": [
                {"name": "front scanner", "kind": "scanner", "driver": "serial", "state": "ready", "as_of": 2, "stale": False, "code": None},
                {"name": "front printer", "kind": "printer", "driver": "network", "state": "ready", "as_of": 2, "stale": False, "code": None},
            ],
            "queue": {"pending": 0, "oldest_s": None, "link": "online"},
            "open": None,
            "questions": [],
            "shift_start_seq": 0,
            "degraded": [],
            "ready": True,
        }
        self.trouble: BaseException | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.calls: list[tuple[Any, ...]] = []
        self.reads = 0
        self.slip: bytes | None = None
        self.report_answer: Any = {"result": "checked"}
        self.technician = Bench(self.act)
        self.manager = Desk(self.act)
        self.counter = Rights(self)
        self.on_unwatch: Callable[[], None] = lambda: None
        self._answers: dict[str, tuple[Json, Answer]] = {}
        self._wakers: set[Callable[[], None]] = set()
        self._lock = threading.Lock()

    # what tests do to it

    def record(self, event: PageEvent) -> int:
        with self._lock:
            seq = (self.journal[-1][0] if self.journal else 0) + 1
            self.journal.append((seq, {"at": datetime.now().astimezone().isoformat(timespec="seconds"), **event}))  # type: ignore[typeddict-item]
        self.wake()
        return seq

    def notify(self, notice: Notice) -> None:
        with self._lock:
            self.passing.append((len(self.passing) + 1, {"at": AT, **notice}))  # type: ignore[typeddict-item]
        self.wake()

    def change(self, **fields: Any) -> None:
        with self._lock:
            self.state = {**self.state, **fields}  # type: ignore[typeddict-item]
        self.wake()

    def wake(self) -> None:
        for waker in tuple(self._wakers):
            waker()

    @property
    def watched(self) -> int:
        return len(self._wakers)

    # posagent.screen.backend.Backend

    def status(self) -> Status:
        return self.state

    def events(self, after_seq: int, limit: int) -> list[tuple[int, PageEvent]]:
        self.reads += 1
        with self._lock:
            return [row for row in self.journal if row[0] > after_seq][:limit]

    def last_seq(self) -> int:
        return self.journal[-1][0] if self.journal else 0

    def subscribe(self, wake: Callable[[], None]) -> Callable[[], None]:
        self._wakers.add(wake)

        def stop() -> None:
            self._wakers.discard(wake)
            self.on_unwatch()

        return stop

    def notices(self, after: int) -> list[tuple[int, Notice]]:
        with self._lock:
            return [row for row in self.passing if row[0] > after]

    def last_notice(self) -> int:
        return len(self.passing)

    def post_sale(self, sale: Json, idempotency_key: str) -> Answer:
        self.act("sale", sale, idempotency_key)
        if idempotency_key in self._answers:
            first, answer = self._answers[idempotency_key]
            if first != sale:
                raise Refused("this key came with another sale; use a new key", code="E607")
            return Answer(answer.state, answer.body, replayed=True)
        opened = self.state["open"] or {}
        if sale.get("paid") is False:
            new: Any = {"member": None, "reductions": [], "coupons": [], "points": None, **opened}
            self.change(open={**new, "amount": sale["total"], "payable": sale["total"], "paid": False})
            return Answer("waiting", {"sale_id": "S-unpaid"})
        if member := opened.get("member"):
            seq = self.record(granted(member=member, amount=sale["total"], sale_id=f"S-{len(self._answers) + 1}"))
            self.change(open=None)
            answer = Answer("done", {"sale_id": f"S-{len(self._answers) + 1}", "seq": seq})
        else:
            self.change(open={"member": None, "amount": sale["total"]})
            answer = Answer("waiting", {"sale_id": f"S-{len(self._answers) + 1}"})
        self._answers[idempotency_key] = (sale, answer)
        return answer

    def post_scan(self, text: str, symbology: str | None) -> Answer:
        self.act("scan", text, symbology)
        if not text.startswith("29"):
            raise Refused("this barcode is not a member's; scan the member card", code="E602")
        self.change(open={**(self.state["open"] or {"amount": None}), "member": "**** **** " + text[-4:]})
        return Answer("waiting", {"member": "**** **** " + text[-4:]})

    def quote(self, sale: Json) -> Json:
        self.act("quote", sale)
        return {"points": sale["total"] // 100}

    def void(self, sale_id: str, reason: str, operator: str, role: str) -> Answer:
        self.act("void", sale_id, reason, operator, role)
        found = [event for _, event in self.journal if event.get("sale_id") == sale_id and event["kind"] == "granted"]
        if not found:
            raise Refused("there is no such sale; look for it in the list", code="E608")
        grant = found[0]
        self.record({"kind": "voided", "member": grant["member"], "points": -grant["points"], "sale_id": sale_id, "amount": grant["amount"],
                     "balance": {"value": 1191, "as_of": AT}, "reason": reason})  # fmt: skip
        return Answer("done", {"sale_id": sale_id})

    def report(self, kind: str, business_date: str | None, operator: str, role: str, idempotency_key: str) -> Answer:
        self.act("report", kind, business_date, operator, role)
        if isinstance(self.report_answer, Exception):
            raise self.report_answer
        return Answer("done", self.report_answer)

    def answer_print(self, job: str, came_out: bool, operator: str) -> Answer:
        self.act("answer", job, came_out, operator)
        self.record({"kind": "slip", "job": job, "state": "printed" if came_out else "not_printed"})
        self.change(questions=[asked for asked in self.state["questions"] if asked["job"] != job])
        return Answer("done", {"job": job})

    def slip_png(self, job: str) -> bytes | None:
        self.act("slip", job)
        return self.slip if job.startswith("J") else None

    def act(self, *call: Any) -> None:
        self.calls.append(call)
        self.gate.wait(30)
        if self.trouble is not None:
            raise self.trouble


def granted(**fields: Any) -> PageEvent:
    """A grant as the journal tells of it."""
    return {
        "kind": "granted", "member": "**** **** 4821", "points": 49, "balance": {"value": 1240, "as_of": "2026-11-22T09:12:00+09:00"},
        "amount": 4980, "coupons": [], "stamps": None, "sale_id": "S-1", "offline": False,
        "explain": {"ja": ["100 円ごとに 1 ポイント：4,980 円 → 49"], "en": ["1 point per 100 yen: 4,980 yen → 49"]}, **fields,
    }  # type: ignore[typeddict-item]  # fmt: skip


CONTRAST = """() => {
  const channel = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const parse = text => { const n = text.match(/[\\d.]+/g).map(Number); return {c: n.slice(0, 3), a: n[3] ?? 1}; };
  const luminance = c => .2126 * channel(c[0]) + .7152 * channel(c[1]) + .0722 * channel(c[2]);
  const over = (top, a, under) => top.map((v, i) => v * a + under[i] * (1 - a));
  const ground = node => { const stack = []; for (let n = node; n; n = n.parentElement) stack.push(parse(getComputedStyle(n).backgroundColor));
    return stack.reverse().reduce((under, {c, a}) => over(c, a, under), [255, 255, 255]); };
  const found = []; let seen = 0;
  const walk = document.createTreeWalker(document.querySelector('dialog[open]') ?? document.body, NodeFilter.SHOW_TEXT);
  for (let text; text = walk.nextNode();) {
    const node = text.parentElement, style = getComputedStyle(node);
    if (!text.data.trim() || !node.checkVisibility() || node.closest('.unseen, script, noscript, style, dialog:not([open])')) continue;
    const back = ground(node), {c, a} = parse(style.color), front = over(c, a, back);
    const [hi, lo] = [luminance(front), luminance(back)].sort((x, y) => y - x);
    const ratio = (hi + .05) / (lo + .05), px = parseFloat(style.fontSize);
    const large = px >= 24 || (px >= 18.66 && Number(style.fontWeight) >= 700);
    seen++;
    if (ratio < (large ? 3 : 4.5)) found.push(`${text.data.trim().slice(0, 20)} ${ratio.toFixed(2)} ${style.color} on ${back.map(Math.round)}`);
  }
  return {seen, found};
}"""
SMALL_TARGETS = """least => [...document.querySelectorAll('button, input:not([type=radio]), select')].filter(node => node.checkVisibility())
  .map(node => [node.id || node.textContent, node.closest('.field, label') ?? node]).map(([name, node]) => [name, node.getBoundingClientRect()])
  .filter(([, box]) => box.width < least || box.height < least).map(([name, box]) => `${name} ${box.width}x${box.height}`)"""


class PageChecks:
    """What every page must meet, as scripts for `Page.evaluate`: they answer what does not."""

    contrast = CONTRAST
    small_targets = SMALL_TARGETS


def png(width: int, height: int, grey: int = 255) -> bytes:
    """A plain picture."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + bytes([grey]) * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@contextmanager
def serving(counter: Any, **settings: Any) -> Iterator[ScreenServer]:
    """A server in its own thread; what its thread raised is raised here at the end."""
    server = ScreenServer(counter, settings.pop("listen", "127.0.0.1:0"), **settings)
    raised: list[BaseException] = []

    def run() -> None:
        try:
            server.run()
        except BaseException as bug:  # noqa: BLE001 - raised in the test's own thread below
            raised.append(bug)

    thread = threading.Thread(target=run, name="screen")
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        counter.gate.set()
        thread.join(10)
    assert not thread.is_alive()
    if raised:
        raise raised[0]


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def server(counter: Counter) -> Iterator[ScreenServer]:
    with serving(counter, foreign_origins=("https://pos.example.jp", "https://other.example.jp")) as running:
        yield running


@pytest.fixture
def serve() -> Any:
    return serving


@pytest.fixture
def picture() -> bytes:
    return png(384, 600)


@pytest.fixture
def page_checks() -> type[PageChecks]:
    return PageChecks
