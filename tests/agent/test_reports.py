"""点検 (X) and 精算 (Z): what they count, what they leave alone, and that a date is closed once."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from offline_queue.events import NewEvent, NewJob, Stored
from offline_queue.journal import Journal
from posagent import events as ev
from posagent.checkout import Now, Rules
from posagent.day_report import OTHERS, DayEvent, Order, day_event, record_of, sections, totals_of
from posagent.day_report import Journal as Standing
from posagent.errors import Refused, StorageError
from posagent.events import Draft, Place, draft
from posagent.handout import Stationery
from posagent.loyalty.model import Register as RegisterModel
from posagent.reports import DayRead, Taken, answer_of, checked_date, look, read_day, take
from posagent.screen.openapi import REPORT_ANSWER
from posagent.slips import Columns, Text, from_json

JST = timezone(timedelta(hours=9))
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=JST)
DAY = "2026-11-22"
PLACE = Place("acme", "cafe", "0042", "R2")
NOWHERE = Standing(0, "", 0, 0)
MEMBER = "2012345678903"


def record(type_: str, key: str, *, day: str = DAY, at: datetime = NOON, operator: str = "C7", **more: Any) -> Draft:
    envelope = {"data": {}, **more}
    return draft(type_, place=PLACE, idemkey=key, at=at.isoformat(), business_date=day, operator=operator, role="staff", program="shop@1",
                 trace={"at": at.isoformat()}, **envelope)  # fmt: skip


def seen(sale: str, amount: int, *, paid: bool = True, **more: Any) -> Draft:
    return record(ev.SALE_SEEN, f"{sale}/seen/{amount}/{paid}", sale_id=sale, data={"amount": amount, "paid": paid}, **more)


def granted(sale: str, amount: int, points: int, number: int = 1, **more: Any) -> Draft:
    entries = [{"account": "points", "delta": points}]
    return record(ev.SALE_GRANTED, f"{sale}/grant/{number}", sale_id=sale, member="m1", entries=entries, data={"amount": amount}, **more)


def voided(sale: str, points: int, **more: Any) -> Draft:
    entries = [{"account": "points", "delta": -points}]
    return record(ev.SALE_VOIDED, f"{sale}/void", sale_id=sale, member="m1", entries=entries, data={"amount": 1}, **more)


def coupon(number: int, result: str, copy: int = 1) -> Draft:
    return record(ev.COUPON_PRINTED, f"slip/{number}/{copy}", data={"result": result, "copy": copy}, operator="system")


def numbered(*drafts: Draft) -> list[DayEvent]:
    return [day_event(seq, one.type, one.data) for seq, one in enumerate(drafts, 1)]


# ---------------------------------------------------------------- figures


def test_a_sale_that_is_on_record_several_times_counts_once() -> None:
    events = numbered(seen("s1", 1980), granted("s1", 1980, 19), voided("s1", 19), granted("s1", 1980, 19, 2), seen("s2", 500))
    totals = totals_of(events, DAY, NOWHERE)
    assert (totals.sales_seen, totals.sales_with_member, totals.sales_yen) == (2, 1, 2480)
    points = totals.account("points")
    assert (points.granted, points.voided, points.net) == (38, 19, 19)


def test_an_open_bill_is_no_sale_until_it_is_paid() -> None:
    events = numbered(seen("s1", 300, paid=False), seen("s1", 900, paid=False))
    assert totals_of(events, DAY, NOWHERE).sales_seen == 0
    paid = totals_of([*events, *numbered(seen("s1", 1200))], DAY, NOWHERE)
    assert (paid.sales_seen, paid.sales_yen) == (1, 1200)


def test_other_dates_are_not_counted() -> None:
    events = numbered(seen("s1", 100, day="2026-11-21"), seen("s2", 200))
    totals = totals_of(events, DAY, Standing(9, "ab", 0, 0))
    assert (totals.sales_seen, totals.first_seq, totals.last_seq) == (1, 2, 9)


def test_printed_reprinted_and_uncertain_coupons_are_told_apart() -> None:
    events = numbered(record(ev.COUPON_ISSUED, "c"), coupon(1, "printed"), coupon(2, "unknown"), coupon(2, "printed", 2))
    totals = totals_of(events, DAY, NOWHERE)
    assert (totals.coupons.issued, totals.coupons.printed, totals.coupons.reprinted, totals.coupons.not_printed) == (1, 1, 1, 1)
    assert totals.operators["system"].reprints == 1


def test_what_each_operator_voided_and_adjusted_is_counted() -> None:
    adjusted = record(ev.POINTS_ADJUSTED, "a", operator="boss", member="m1", entries=[{"account": "points", "delta": -5}])
    totals = totals_of(numbered(granted("s1", 100, 1), voided("s1", 1, operator="boss"), adjusted), DAY, NOWHERE)
    assert (totals.operators["C7"].grants, totals.operators["boss"].voids, totals.operators["boss"].adjustments) == (1, 1, 1)
    assert totals.account("points").removed == 5


def test_names_from_a_till_are_bounded_in_number_and_cannot_move_a_terminal() -> None:
    many = [granted(f"s{number}", 100, 1, operator=f"op{number:04}") for number in range(200)]
    record_ = record_of(totals_of(numbered(*many, granted("x", 1, 1, operator="\x1b[31mred")), DAY, NOWHERE), {})
    assert len(record_["operators"]) == 41
    assert sum(counts["grants"] for counts in record_["operators"].values()) == 201
    assert OTHERS in record_["operators"]
    assert "\x1b" not in json.dumps(record_, ensure_ascii=False)


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_figure_has_words_in_both_languages(lang: Any) -> None:
    events = numbered(seen("s1", 1980), granted("s1", 1980, 19), record(ev.VALUE_CHARGED, "v", entries=[{"account": "value", "delta": 1000}]))
    totals = totals_of(events, DAY, Standing(3, "ab" * 32, 2, 1))
    envelope = {"totals": record_of(totals, {"points": "ポイント"}), "unsynced": 2, "rejected": 1}
    rows = {label: amount for section in sections(envelope, lang) for label, amount in section.rows}
    expected = {"会計金額": "1,980円", "未送信": "2", "本部が拒否": "1", "チャージ": "1"}
    if lang == "en":
        expected = {"Amount": "¥1,980", "Not sent yet": "2", "Refused": "1", "Charges": "1"}
    assert expected.items() <= rows.items()
    assert [section.title for section in sections(envelope, lang)][1:3] == ["ポイント", "value"]


# ---------------------------------------------------------------- on a journal


class Desk:
    """A journal, and reports taken on it as the agent takes them."""

    def __init__(self, directory: Path) -> None:
        self.journal = Journal.open(directory, source="/t/acme/s/0042/r/2", reserve_mb=0)
        self.reader = self.journal.reader()
        self.rules = Rules(PLACE, None, RegisterModel("acme", "cafe", "0042", "R2", program="shop@1"), None, "C7")
        self.jobs: list[NewJob] = []
        self.broken: Exception | None = None

    def put(self, *drafts: Draft) -> None:
        for one in drafts:
            self.journal.put([NewEvent(one.type, one.subject, one.idemkey, one.time, one.data)]).result(10)

    def record(self, one: Draft, jobs: tuple[Any, ...]) -> Stored:
        if self.broken:
            raise self.broken
        slips = [NewJob("front", job.serial, job.document) for job in jobs]
        self.jobs += slips
        return self.journal.put([NewEvent(one.type, one.subject, one.idemkey, one.time, one.data)], slips).result(10)

    def read(self, day: str = DAY) -> DayRead:
        return read_day(self.reader.rows, day, self.reader.head())

    def take(self, kind: Any = "x", *, key: str = "k1", day: str = DAY, before: DayRead | None = None, at: datetime = NOON) -> Taken:
        order = Order(kind, day, "C7", "manager", key)
        return take(order, before or self.read(day), Now(at, 0, offline=True), self.rules, self.reader, self.record)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.journal.close()


def test_a_sale_between_the_reading_and_the_report_is_in_it(desk: Desk) -> None:
    desk.put(seen("s1", 100), granted("s1", 100, 1))
    before = desk.read()
    desk.put(seen("s2", 200), granted("s2", 200, 2))
    said = desk.take("z", before=before).envelope
    assert said["totals"]["sales"] == {"seen": 2, "with_member": 2, "yen": 300}
    assert said["totals"]["accounts"]["points"]["net"] == 3


def test_the_chain_on_the_report_is_the_link_of_its_last_number(desk: Desk) -> None:
    desk.put(seen("s1", 100), seen("s2", 100))
    said = desk.take().envelope
    rows = {seq: link for seq, _, link in desk.reader.lines(0, 10)}
    assert (said["first_seq"], said["last_seq"], said["chain"]) == (1, 2, rows[2].hex())


def test_looking_changes_nothing_and_goes_on_counting(desk: Desk) -> None:
    desk.put(seen("s1", 100))
    first, second = desk.take(key="k1"), desk.take(key="k2")
    assert first.envelope["totals"] == second.envelope["totals"]
    assert second.envelope["last_seq"] == first.envelope["last_seq"] + 1
    assert [event.type for event in desk.reader.events(1, 10)] == [ev.DAY_CHECKED, ev.DAY_CHECKED]


def test_the_same_wish_again_is_the_first_report_and_nothing_new(desk: Desk) -> None:
    desk.put(seen("s1", 100))
    first = desk.take(key="k1")
    desk.put(seen("s2", 100))
    again = desk.take(key="k1")
    assert (again.replayed, again.event_id, again.envelope["totals"]) == (True, first.event_id, first.envelope["totals"])


def test_a_date_is_closed_once_and_its_closing_answers_every_further_one(desk: Desk) -> None:
    desk.put(seen("s1", 100))
    first = desk.take("z", key="k1")
    desk.put(seen("s2", 100))
    again = desk.take("z", key="k2")
    assert (first.replayed, again.replayed, again.event_id) == (False, True, first.event_id)
    assert again.envelope["totals"]["sales"]["seen"] == 1
    assert len(desk.reader.events(0, 10, (ev.DAY_CLOSED,))) == 1


def test_a_look_after_the_closing_says_that_and_when_the_date_was_closed(desk: Desk) -> None:
    desk.put(seen("s1", 100))
    desk.take("z")
    desk.put(seen("s2", 100))
    answer = answer_of(desk.take("x", key="k2"))
    assert answer["closed"] == {"at": NOON.isoformat(timespec="milliseconds"), "seq": 2}
    assert "精算済み" in answer["remark"]["ja"]
    assert "closed on 22 Nov 12:00" in answer["remark"]["en"]
    assert answer["totals"]["sales"]["seen"] == 2


def test_the_next_date_begins_at_nothing(desk: Desk) -> None:
    desk.put(seen("s1", 100))
    desk.take("z")
    tomorrow = desk.take("x", day="2026-11-23", at=NOON + timedelta(days=1)).envelope
    assert tomorrow["totals"]["sales"]["seen"] == 0
    assert tomorrow["first_seq"] == tomorrow["last_seq"] == 2


def test_a_void_of_yesterdays_sale_belongs_to_yesterday(desk: Desk) -> None:
    desk.put(granted("s1", 100, 5, day="2026-11-21", at=NOON - timedelta(days=1)), voided("s1", 5, day="2026-11-21"), granted("s2", 100, 1))
    assert desk.take(key="k1").envelope["totals"]["accounts"]["points"]["net"] == 1
    assert desk.take(key="k2", day="2026-11-21").envelope["totals"]["accounts"]["points"]["net"] == 0


def test_sales_under_a_clock_that_was_wrong_for_a_while_do_not_hide_the_others(desk: Desk) -> None:
    dead = datetime(1970, 1, 1, tzinfo=JST)
    desk.put(*[seen(f"a{number}", 100) for number in range(5)])
    desk.put(*[seen(f"b{number}", 100, at=dead, day="1970-01-01") for number in range(6)])
    desk.put(seen("c", 100))
    assert desk.take().envelope["totals"]["sales"]["seen"] == 6


def test_what_head_office_does_not_have_and_what_it_refused_stand_on_the_report(desk: Desk) -> None:
    desk.put(*[seen(f"s{number}", 100) for number in range(4)])

    def answered(conn: sqlite3.Connection) -> None:
        conn.execute("INSERT OR REPLACE INTO meta(k, v) VALUES('acked_seq', 3)")
        conn.execute("INSERT INTO verdict VALUES(1, 'rejected', 'x', '', 0, 'now', NULL)")
        conn.execute("INSERT INTO verdict VALUES(2, 'duplicate', '', 's', 1, 'now', NULL)")
        conn.execute("INSERT INTO parked VALUES(3, 'parked', 'too large', 3, 'now', NULL)")

    desk.journal.transact(answered).result(10)
    said = desk.take().envelope
    assert (said["unsynced"], said["rejected"]) == (2, 1)  # number 4, and number 3, which is withheld


def test_the_slip_carries_the_figures_the_digest_and_its_own_number(desk: Desk) -> None:
    desk.rules = Rules(PLACE, None, desk.rules.register, Stationery("0042", "R2", "喫茶ポス", "ja"), "C7")
    desk.put(seen("s1", 1980), granted("s1", 1980, 19))
    taken = desk.take("z")
    slip = from_json(desk.jobs[0].document)
    columns = {line.left.strip(): line.right for line in slip.lines if isinstance(line, Columns)}
    chain = taken.envelope["chain"]
    assert (slip.serial, taken.envelope["serial"], len(taken.jobs)) == ("0042-R2-20261122-Z", "0042-R2-20261122-Z", 1)
    assert (columns["会計数"], columns["会計金額"], columns["増減"], columns["未送信"]) == ("1", "1,980円", "19", "2")
    assert (columns["連番"], columns["照合値"]) == ("1 - 2", f"{chain[:4]} {chain[4:8]} {chain[8:12]} {chain[12:16]}")
    assert any(isinstance(line, Text) and "締めました" in line.text for line in slip.lines)
    desk.take("z", key="k2")
    assert len(desk.jobs) == 1


def test_two_looks_have_slips_of_different_numbers(desk: Desk) -> None:
    desk.rules = Rules(PLACE, None, desk.rules.register, Stationery("0042", "R2", "Cafe", "en"), "C7")
    assert [desk.take(key="k1").envelope["serial"], desk.take(key="k2").envelope["serial"]] == ["0042-R2-20261122-X0", "0042-R2-20261122-X1"]


def test_a_disk_that_does_not_answer_closes_nothing(desk: Desk) -> None:
    desk.broken = StorageError("nothing was recorded: the disk did not answer in time")
    with pytest.raises(StorageError, match="nothing was recorded"):
        desk.take("z")
    desk.broken = None
    assert not desk.take("z").replayed


def test_a_look_without_an_agent_records_nothing(desk: Desk) -> None:
    desk.put(seen("s1", 100))
    taken = look(DAY, Now(NOON, 0, offline=True), desk.rules, desk.reader)
    assert taken.envelope["totals"]["sales"]["seen"] == 1
    assert desk.reader.head()[0] == 1


@pytest.mark.parametrize("text", ["2026-11-23", "2026-10-21", "2026-13-01", "yesterday"])
def test_a_date_that_cannot_be_reported_is_refused_with_those_that_can(text: str) -> None:
    with pytest.raises(Refused, match=DAY):
        checked_date(text, DAY)


# ---------------------------------------------------------------- the agent and the command


def report(register: Any, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "posagent", "report", *words, "--settings", str(register.settings)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def sold(register: Any) -> None:
    scanner = register.plug_scanner()
    register.start()
    register.until(lambda: register.device("front").get("state") == "ready")
    scanner.scan(MEMBER)
    register.until(lambda: register.till.status().body.get("open"))
    assert register.till.ring_up(1980, receipt_no="1").body["result"] == "granted"
    register.till.ring_up(500, receipt_no="2")


def test_the_command_takes_reports_of_the_running_agent(register: Any) -> None:
    sold(register)
    first = report(register, "x", "--json", "--operator", "C7")
    assert first.returncode == 0, first.stderr
    found = json.loads(first.stdout)
    assert (found["result"], found["operator"], found["totals"]["sales"]) == ("checked", "C7", {"seen": 2, "with_member": 1, "yen": 2480})
    Draft202012Validator(REPORT_ANSWER).validate(found)
    table = report(register, "x", "--language", "ja").stdout
    assert "点検 (X)" in table
    assert "2,480円" in table
    beside = json.loads(report(register, "x", "--offline", "--json").stdout)
    assert beside["totals"] == found["totals"]
    closing = [report(register, "z", "--json"), report(register, "z", "--json"), report(register, "z")]
    assert [one.returncode for one in closing] == [0, 0, 0]
    assert [json.loads(one.stdout)["replayed"] for one in closing[:2]] == [False, True]
    assert "closed before" in closing[2].stdout


def test_without_the_agent_the_command_says_so_with_exit_3_and_can_still_look(register: Any) -> None:
    sold(register)
    register.stop()
    refused = report(register, "z")
    assert refused.returncode == 3
    assert "not running" in refused.stderr
    alone = report(register, "x", "--offline", "--json")
    assert alone.returncode == 0, alone.stderr
    assert json.loads(alone.stdout)["totals"]["sales"]["seen"] == 2
    closing = report(register, "z", "--offline")
    assert closing.returncode == 2
    assert "--offline" in closing.stderr


def test_a_register_without_a_socket_says_which_setting_is_missing(register: Any) -> None:
    register.write(register.settings.read_text("utf-8").replace('socket = "api.sock"\n', ""))
    refused = report(register, "x")
    assert refused.returncode == 78
    assert "[screen] socket" in refused.stderr


def test_a_wish_that_is_asked_again_after_a_restart_is_answered_with_its_first_report(register: Any) -> None:
    register.start()
    wish = {"kind": "x", "operator": "C7"}
    first = register.till._post("/v1/reports", wish, "report-0001")
    register.kill()
    register.start()
    again = register.till._post("/v1/reports", wish, "report-0001")
    assert (again.body["replayed"], again.body["at"], again.body["last_seq"]) == (True, first.body["at"], first.body["last_seq"])


def test_closing_yesterday_today_hides_nothing_of_today_on_the_page(register: Any) -> None:
    register.start()
    yesterday = (datetime.now().astimezone() - timedelta(days=1)).date().isoformat()
    closing = register.till._post("/v1/reports", {"kind": "z", "role": "manager", "business_date": yesterday})
    assert closing.body["business_date"] == yesterday
    register.till.ring_up(500, receipt_no="1")
    register.kill()
    register.start()
    assert register.till.status().body["shift_start_seq"] == 0


def test_an_order_that_cannot_be_carried_out_is_refused_and_records_nothing(register: Any) -> None:
    register.start()
    refusals = [
        ({"kind": "z"}, 403, "E613"),
        ({"kind": "z", "role": "cashier"}, 403, "E613"),
        ({"kind": "y"}, 422, "E706"),
        ({"kind": "x", "business_date": "2099-01-01"}, 409, "E601"),
        ({"kind": "x", "business_date": "9999-99-99"}, 409, "E601"),
    ]
    for order, status, code in refusals:
        said = register.till._post("/v1/reports", order)
        assert (said.status, said.body["code"]) == (status, code), order
    register.stop()
    rows = sqlite3.connect(register.directory / "journal" / "queue.db").execute("SELECT body FROM ev").fetchall()
    assert [json.loads(body)["type"] for (body,) in rows] == [ev.PROGRAM_APPLIED]
