"""What the page's history says of redemptions, charges and corrections, what the day's report counts, and a slip that is printed again."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from offline_queue.errors import JobChanged
from offline_queue.events import NewEvent, NewJob
from offline_queue.journal import Journal
from offline_queue.print_lane import PrintLane
from posagent import events as ev
from posagent.access_log import AccessLog, Paper
from posagent.authorise import Looked
from posagent.backend import ScreenBackend
from posagent.counter_desk import CounterDesk
from posagent.coupon_book import find_own
from posagent.day_report import Journal as Standing
from posagent.day_report import day_event, record_of, sections, totals_of
from posagent.errors import Refused
from posagent.events import Place
from posagent.handout import code_hash
from posagent.loyalty.model import Register
from posagent.page_events import page_event
from posagent.print_lane import reprint_job
from posagent.slip_texts import Head, coupon_slip
from posagent.slips import from_json, to_json

AT = "2026-11-22T12:00:00+09:00"
CODE = "C0000000000000000"
RULES: Any = SimpleNamespace(place=Place("acme", "cafe", "0042", "R2"), operator="C7", register=Register())


def entry(account: str, delta: int) -> dict[str, Any]:
    return {"account": account, "delta": delta}


EVENTS: list[tuple[str, dict[str, Any]]] = [
    (ev.COUPON_REDEEMED, {"label": "100円引き", "discount": 100, "sale_id": "s", "entries": []}),
    (ev.POINTS_REDEEMED, {"yen": 300, "sale_id": "s", "member": "m", "entries": [entry("points", -300)]}),
    (ev.VALUE_SPENT, {"yen": 500, "sale_id": "s", "member": "m", "entries": [entry("value", -500)]}),
    (ev.VALUE_CHARGED, {"amount": 3000, "bonus": 300, "masked": "**1", "sale_id": "c", "member": "m", "entries": [entry("value", 3000),
                        entry("bonus", 300)], "trace": {"at": AT, "balance": 3000, "slips": ["x-1"]}}),
    (ev.VALUE_VOIDED, {"amount": 3000, "masked": "**1", "sale_id": "c", "reason": "test", "member": "m", "entries": [entry("value", -3000),
                       entry("bonus", -300)]}),
    (ev.SALE_REFUNDED, {"points": -10, "returned_points": 50, "value_back": 0, "remaining": 900, "masked": "**1", "sale_id": "s",
                        "reason": "returned", "member": "m", "kept": [[1, 900, 1]],
                        "entries": [entry("points", -10), entry("points", 50)]}),
    (ev.POINTS_ADJUSTED, {"points": 5, "account": "points", "masked": "**1", "reason": "goodwill", "member": "m",
                          "entries": [entry("points", 5)]}),
    (ev.SALE_VOIDED, {"points": -20, "amount": 2000, "masked": "**1", "sale_id": "s", "reason": "test", "member": "m",
                      "entries": [entry("points", -20), entry("points", 250)], "coupons_back": ["a"], "coupons_back_yen": 100}),
]  # fmt: skip


def test_the_shifts_history_knows_every_kind_and_nothing_personal() -> None:
    shown = [page_event(type_, {"trace": {"at": AT}, **data}) or {} for type_, data in EVENTS]
    assert [one["kind"] for one in shown] == [
        "coupon_used", "points_used", "value_used", "charged", "charge_voided", "refunded", "adjusted", "voided",
    ]  # fmt: skip
    assert [one.get("points") for one in shown] == [None, -300, None, None, None, -10, 5, -20]
    assert not any("m" in one.values() for one in shown)
    assert shown[5]["kept"] == {"2": 900}


def test_the_days_report_counts_all_of_it_and_its_net_is_the_sum_of_the_entries() -> None:
    day = {"business_date": "2026-11-22", "operator": "C7"}
    totals = totals_of([day_event(n, type_, {**day, **data}) for n, (type_, data) in enumerate(EVENTS, 1)], "2026-11-22", Standing(9, "", 0, 0))
    points, value = totals.account("points"), totals.account("value")
    assert (points.redeemed, points.returned, points.voided, points.added) == (300, 300, 30, 5)
    assert (value.granted, value.redeemed, value.voided, totals.account("bonus").net) == (3000, 500, 3000, 0)
    assert (totals.coupons.redeemed, totals.coupons.redeemed_yen) == (1, 100)
    assert (totals.coupons.given_back, totals.coupons.given_back_yen) == (1, 100)
    assert (totals.operators["C7"].voids, totals.operators["C7"].refunds, totals.operators["C7"].adjustments) == (1, 1, 1)
    for account in ("points", "value", "bonus"):
        entries = [one["delta"] for _, data in EVENTS for one in data["entries"] if one["account"] == account]
        assert totals.account(account).net == sum(entries)
    rows = [row for one in sections({"totals": record_of(totals, {}), "unsynced": 0, "rejected": 0}, "ja") for row in one.rows]
    assert ("利用金額", "100円") in rows
    assert ("取消金額", "100円") in rows


def test_a_paid_sale_is_shown_to_who_grants_late_and_an_open_bill_is_not() -> None:
    sale = {"trace": {"at": AT}, "amount": 700, "sale_id": "s", "receipt_no": "3", "key": "n3", "door": "api"}
    shown = {"kind": "sale", "at": AT, "amount": 700, "sale_id": "s", "receipt_no": "3"}
    assert page_event(ev.SALE_SEEN, {**sale, "paid": True}) == shown
    assert page_event(ev.SALE_SEEN, {**sale, "paid": False}) is None


@pytest.mark.parametrize(("count", "told"), [(1, 0), (2, 2), (40, 40), (41, 0)])
def test_a_sale_of_several_lines_tells_their_amounts_and_no_more(count: int, told: int) -> None:
    line = {"category": "alcohol", "amount": 100, "tax": 1000, "qty": 2, "net": 91}
    trace = {"at": AT, "offline": False, "slips": [], "words": {}}
    grant = {"trace": trace, "masked": "**1", "points": 1, "amount": 100 * count, "coupons": [], "sale_id": "s", "number": 1,
             "receipt_no": None, "lines": [line] * count}  # fmt: skip
    shown = page_event(ev.SALE_GRANTED, grant)
    assert shown is not None
    assert shown["lines"] == [{"amount": 100, "tax": 1000, "qty": 2}] * told


# ---------------------------------------------------------------- printed again


class Desk:
    """A desk over a real journal and print lane, with one coupon that was issued, printed and confirmed."""

    def __init__(self, directory: Path) -> None:
        self.journal = Journal.open(directory, source="/t/acme/s/0042/r/R2", reserve_mb=0)
        self.lane = PrintLane(self.journal)
        at = datetime(2026, 11, 22, 12, 0, tzinfo=timezone(timedelta(hours=9)))
        slip = coupon_slip(Head("0042-R2-20261122-1", "喫茶", "R2", at), benefit="100円引き", last_day=date(2026, 12, 31), code=CODE)
        self.put(ev.COUPON_ISSUED, {"code_hash": code_hash(CODE), "def": "next", "coupon_id": "i", "label": "100円引き", "bearer": True,
                 "first_day": "2026-11-22", "last_day": None, "reach": "store"}, [NewJob("paper", slip.serial, to_json(slip))])  # fmt: skip
        job = self.lane.sending(self.lane.job(1), {})
        self.lane.settle(self.lane.handed(job, {}), "CONFIRMED", "confirmed", "proof")
        authoriser = SimpleNamespace(looked_up=self._looked_up)
        agent: Any = SimpleNamespace(journal=self.journal, rules=RULES, authoriser=authoriser, wake_listeners=lambda: None)
        self.desk = CounterDesk(agent, self.lane)
        nobody: Any = None
        self.backend = ScreenBackend(
            agent, self.journal, self.lane, language="ja", store_name="", register_name="", link=lambda: None, technician=nobody,
            slip_picture=lambda document: b"a picture", refunds=nobody,
        )  # fmt: skip

    def put(self, type_: str, data: dict[str, Any], jobs: list[NewJob] | None = None) -> None:
        self.journal.put([NewEvent(type_, "r:0042/R2", f"{type_}/{len(data)}", AT, data)], jobs or []).result(10)

    def _looked_up(self, digest: str, *, ask_head_office: bool) -> Future[Looked]:
        assert not ask_head_office
        answer: Future[Looked] = Future()
        reader = self.journal.reader()
        answer.set_result(Looked(find_own(reader.rows, digest, reader.head()[0], RULES)))
        return answer


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.journal.close()


def test_a_manager_prints_a_slip_again_as_a_marked_copy_with_the_same_number(desk: Desk) -> None:
    again = desk.desk.reprint("1", "boss", "manager")
    copy = desk.lane.job(int(again.body["job"]))
    assert (copy.serial, copy.copy, copy.state, copy.operator) == ("0042-R2-20261122-1", 2, "QUEUED", "boss")
    slip = from_json(copy.document)
    assert (slip.copy, slip.reason) == (2, "店長による再発行")
    assert desk.lane.job(1).state == "CONFIRMED"


@pytest.mark.parametrize(("job", "role", "code"), [("1", "cashier", "E613"), ("77", "manager", "E615"), ("x", "manager", "E615")])
def test_nobody_else_does_and_what_is_not_there_is_not_printed(desk: Desk, job: str, role: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        desk.desk.reprint(job, "boss", role)
    assert refused.value.code == code


def test_what_has_not_come_out_is_not_printed_twice(desk: Desk) -> None:
    number = reprint_job(desk.lane, 1, "boss")
    with pytest.raises(JobChanged):
        reprint_job(desk.lane, number, "boss")


@pytest.mark.parametrize(("type_", "code"), [(ev.COUPON_REDEEMED, "E646"), (ev.COUPON_VOIDED, "E643")])
def test_a_coupon_that_is_worth_nothing_any_more_is_not_printed_again(desk: Desk, type_: str, code: str) -> None:
    desk.put(type_, {"code_hash": code_hash(CODE)})
    with pytest.raises(Refused) as refused:
        desk.desk.reprint("1", "boss", "manager")
    assert refused.value.code == code


def doubted(desk: Desk, serial: str) -> str:
    """A slip of which a person is asked."""
    desk.put(ev.SLIP_TESTED, {"serial": serial}, [NewJob("paper", serial, desk.lane.job(1).document)])
    number = next(job.id for job in desk.lane.jobs() if job.serial == serial)
    sent = desk.lane.handed(desk.lane.sending(desk.lane.job(number), {}), {})
    desk.lane.settle(sent, "NEEDS_OPERATOR", None, "no proof")
    return str(number)


@pytest.mark.parametrize("came_out", [True, False])
def test_the_same_answer_again_is_a_repeat_after_a_restart_too_and_another_one_is_refused(desk: Desk, came_out: bool) -> None:
    job = doubted(desk, "0042-R2-20261122-2")
    first = desk.backend.answer_print(job, came_out, "C7")
    again = desk.backend.answer_print(job, came_out, "C7")
    assert (again.body, first.replayed, again.replayed) == (first.body, False, True)
    assert len([one for one in desk.lane.jobs() if one.serial == "0042-R2-20261122-2"]) == (1 if came_out else 2)
    with pytest.raises(Refused) as refused:
        desk.backend.answer_print(job, not came_out, "C7")
    assert refused.value.code == "E601"
    with pytest.raises(Refused):
        desk.backend.answer_print("1", False, "C7")  # nobody was asked about that one


def test_the_picture_of_a_slip_with_a_pairing_code_is_shown_to_nobody(desk: Desk) -> None:
    assert desk.backend.slip_png("1") == b"a picture"
    rules: Any = SimpleNamespace(place=RULES.place, register=RULES.register, day=lambda at: "2026-11-22")
    AccessLog(desk.journal, lambda: rules, {}).print_code(Paper("paper", "喫茶", "ja"), "12345678", "till", "")
    printed = [job for job in desk.lane.jobs() if "-P" in job.serial]
    assert len(printed) == 1
    assert desk.backend.slip_png(str(printed[0].id)) is None


# ---------------------------------------------------------------- the journal's coupons


def test_the_journal_tells_a_coupons_life_across_use_void_and_use(desk: Desk) -> None:
    digest, reader = code_hash(CODE), desk.journal.reader()

    def found() -> Any:
        one = find_own(reader.rows, digest, reader.head()[0], RULES)
        assert one is not None
        return one.coupon.state, one.given_back

    assert found() == ("issued", 0)
    desk.put(ev.COUPON_REDEEMED, {"code_hash": digest})
    assert found() == ("used", 0)
    desk.put(ev.SALE_VOIDED, {"coupons_back": [digest], "reason": "test"})
    assert found() == ("printed", 1)
    desk.put(ev.COUPON_VOIDED, {"code_hash": digest, "reason": "test", "x": 1})
    assert found() == ("void", 1)
    assert find_own(reader.rows, "f" * 32, reader.head()[0], RULES) is None


def test_a_members_coupon_stays_his(desk: Desk) -> None:
    digest = "b" * 32
    desk.put(ev.COUPON_ISSUED, {"code_hash": digest, "def": "d", "coupon_id": "j", "label": "l", "bearer": False, "member": "m1",
             "first_day": "2026-11-22", "last_day": "2026-12-31", "reach": "brand"})  # fmt: skip
    one = find_own(desk.journal.reader().rows, digest, desk.journal.reader().head()[0], RULES)
    assert one is not None
    assert (one.coupon.member, one.coupon.last_day, one.coupon.store) == ("m1", date(2026, 12, 31), "0042")
