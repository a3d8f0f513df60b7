"""Redemptions in the real agent beside a real receiver: over the API, over the wire, and through a kill."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_shop import AgentShop

from offline_queue.journal import Journal
from posagent.authorise import Authoriser, Looked, Verdict
from posagent.checkout import Rules
from posagent.counter_parts import Authorise
from posagent.events import Place
from posagent.loyalty.model import Register as Where

COUPON = """\
[[code]]
name = "coupon"
kind = "coupon"
symbologies = ["qr"]
length = 17
pattern = "C[0-9A-Z]{16}"
"""


class Shop(AgentShop):
    """Whose scanner knows coupons, and whose receiver may be away."""

    def __init__(self, register: Any, directory: Path) -> None:
        super().__init__(register, directory)
        self._port = int(self.office_url.rsplit(":", 1)[1])
        register.write(register.settings.read_text("utf-8") + COUPON)

    def away(self) -> None:
        self.office.stop()

    def back(self) -> None:
        self.office.start(self.office_directory, self._port)

    def grant(self, total: int, receipt: str) -> Any:
        """A plain sale with points."""
        self.scan()
        said = self.post("/v1/sales", total=total, receipt_no=receipt)
        assert said.body["result"] == "granted"
        return said

    def at_office(self, sql: str) -> list[tuple[Any, ...]]:
        return sqlite3.connect(self.office_directory / "receiver.db").execute(sql).fetchall()

    def balance(self) -> int:
        return int((self.at_office("SELECT amount FROM balance WHERE account = 'points'") or [(0,)])[0][0])


@pytest.fixture
def shop(register: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    made = Shop(register, tmp_path_factory.mktemp("office"))
    register.start()
    register.until(made.online)
    yield made
    made.away()


def test_points_and_a_coupon_are_used_once_and_head_office_books_what_the_till_told(shop: Shop) -> None:
    shop.grant(5000, "1")
    shop.register.until(lambda: shop.balance() == 500)
    code = shop.coupon_code()
    sale = {"total": 1980, "receipt_no": "2"}
    assert shop.post("/v1/sales", **sale, paid=False).body["result"] == "waiting_for_payment"
    shop.scan()
    checked = shop.post("/v1/coupons/check", code=code.lower()).body
    assert (checked["usable"], checked["authority"], checked["discount"]) == (True, "cloud", 100)
    used = shop.post("/v1/redemptions", kind="coupon", code=code).body
    assert (used["result"], used["per_rate"], used["payable"]) == ("redeemed", [{"tax": 1000, "amount": 1980, "discount": 100}], 1880)
    assert shop.post("/v1/redemptions", kind="points", amount=300).body["payable"] == 1580
    assert [one["kind"] for one in shop.open()["reductions"]] == ["coupon", "points"]
    assert shop.post("/v1/sales", **sale).body["points"] == 158
    shop.register.until(lambda: shop.balance() == 500 - 300 + 158)
    shop.register.until(lambda: shop.at_office("SELECT count(*) FROM authorisation WHERE settled_ms IS NOT NULL") == [(2,)])
    assert shop.post("/v1/coupons/check", code=code).body["code"] == "E646"
    assert code not in json.dumps(shop.register.events())


def test_a_coupon_that_is_scanned_goes_into_the_open_sale_and_one_of_elsewhere_waits_for_head_office(shop: Shop) -> None:
    shop.grant(5000, "1")
    code = shop.coupon_code()
    shop.post("/v1/sales", total=800, receipt_no="2", paid=False)
    shop.scan(code)
    shop.register.until(lambda: shop.open()["reductions"])
    assert shop.open()["payable"] == 700
    redemption = shop.open()["reductions"][0]["id"]
    released = shop.post(f"/v1/redemptions/{redemption}/release")
    assert (released.body["result"], released.body["payable"]) == ("released", 800)
    shop.away()
    shop.register.until(lambda: not shop.online())
    assert shop.post("/v1/redemptions", kind="coupon", code="C0000000000000000").body["code"] == "E642"
    assert shop.post("/v1/redemptions", kind="coupon", code="C00000000000000O1").body["code"] == "E643"
    assert shop.post("/v1/redemptions", kind="coupon", code=code).body["authority"] == "register"
    shop.post("/v1/sales", total=800, receipt_no="2")
    assert shop.of("coupon.redeemed")[0]["discount"] == 100
    shop.back()
    shop.register.until(lambda: shop.at_office("SELECT count(*) FROM coupon WHERE used_ms IS NOT NULL") == [(1,)])


def test_killed_with_points_kept_the_next_life_uses_them_once(shop: Shop) -> None:
    shop.grant(5000, "1")
    shop.register.until(lambda: shop.balance() == 500)
    shop.post("/v1/sales", total=1000, receipt_no="2", paid=False)
    shop.scan()
    first = shop.post("/v1/redemptions", "wish-0001", kind="points", amount=300)
    shop.register.kill()
    shop.register.start()
    again = shop.post("/v1/redemptions", "wish-0001", kind="points", amount=300)
    assert again.body["id"] == first.body["id"]
    assert again.body["payable"] == 700
    assert shop.post("/v1/sales", total=1000, receipt_no="2").body["payable"] == 700
    shop.register.until(lambda: shop.balance() == 500 - 300 + 70)
    assert len(shop.of("points.redeemed")) == 1


def test_value_is_charged_and_spent_a_sale_refunded_granted_late_and_an_account_put_right(shop: Shop) -> None:
    manager = {"operator": "boss", "role": "manager"}
    shop.grant(1000, "1")
    shop.register.until(lambda: shop.balance() == 100)
    shop.post("/v1/sales", total=2000, receipt_no="2", paid=False)
    shop.scan()
    charged = shop.post("/v1/charges", amount=3000).body
    assert (charged["result"], charged["balance"]) == ("charged", 3000)
    shop.register.until(lambda: shop.at_office("SELECT amount FROM balance WHERE account = 'value'") == [(3000,)])
    assert shop.post("/v1/redemptions", kind="value", amount=1500).body["payable"] == 500
    sale_id = shop.post("/v1/sales", total=2000, receipt_no="2").body["sale_id"]
    assert shop.post("/v1/refunds", sale_id=sale_id, remaining_total=1000, reason="returned").body["code"] == "E613"
    refunded = shop.post("/v1/refunds", sale_id=sale_id, remaining_total=1000, reason="returned", **manager).body
    assert (refunded["points"], refunded["value_back"], refunded["coupons_cancelled"]) == (-100, 500, 1)
    proposed = shop.post("/v1/sales", kind="refund", total=400, refund_of="2").body
    assert (proposed["result"], proposed["sale_id"], proposed["remaining_total"]) == ("refund_proposed", sale_id, 600)
    assert shop.post("/v1/late-grants", receipt_no="99").body["code"] == "E608"
    shop.post("/v1/sales", total=700, receipt_no="3")
    shop.post("/v1/sales", total=800, receipt_no="4", paid=False)
    shop.scan()
    assert shop.post("/v1/late-grants", receipt_no="3").body["code"] == "E671"
    assert shop.post("/v1/adjustments", account="points", delta=-10, reason="goodwill", **manager).body["result"] == "adjusted"
    assert shop.post("/v1/voids", sale_id=charged["sale_id"], reason="wrong_amount", **manager).body["result"] == "voided"
    shop.register.until(lambda: shop.balance() == 100 + 200 - 100 - 10)
    shop.register.until(lambda: shop.at_office("SELECT amount FROM balance WHERE account = 'value'") == [(-1000,)])
    report = shop.post("/v1/reports", kind="x").body["totals"]
    points, value = report["accounts"]["points"], report["accounts"]["value"]
    assert (points["granted"], points["voided"], points["removed"], points["net"]) == (300, 100, 10, 190)
    assert (value["granted"], value["redeemed"], value["returned"], value["voided"], value["net"]) == (3000, 1500, 500, 3000, -1000)
    assert report["charges"] == 1


# ---------------------------------------------------------------- the shell's own part


RULES = Rules(Place("acme", "cafe", "0042", "R2"), None, Where("acme", "cafe", "0042", "R2"), None, "C7", head_office=True)
WISH = Authorise("0d5f7f3e-1111-4222-8333-444455556666", "points", "m1", "", 100, "s1", 900)


class Asking:
    """An authoriser with its threads running, on an empty journal."""

    def __init__(self, directory: Path, connect: Callable[[float], Any] | None) -> None:
        self.journal = Journal.open(directory, source="/t/acme/s/0042/r/R2", reserve_mb=0)
        self.heard: list[Verdict] = []
        self.news, self.stop = threading.Semaphore(0), threading.Event()
        self.authoriser = Authoriser(connect, self.journal.reader(), lambda: RULES, self._hear, self.stop)
        for thread in self.authoriser.threads:
            thread.start()

    def _hear(self, verdict: Verdict) -> None:
        self.heard.append(verdict)
        self.news.release()

    def close(self) -> None:
        self.stop.set()
        self.authoriser.close()
        for thread in self.authoriser.threads:
            thread.join(10)
            assert not thread.is_alive()
        self.journal.close()


class Line:
    """A line to a head office that answers with what it is told to."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.paths = list(answers), list[str]()
        self.empty = threading.Event()

    def post(self, path: str, _headers: Any, _payload: bytes) -> Any:
        self.paths.append(path)
        answer = self.answers.pop(0)
        if not self.answers:
            self.empty.set()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        pass


def answer(status: int = 200, body: Any = b"", **fields: Any) -> Any:
    from offline_queue.transport import Reply

    return Reply(status, {}, body or json.dumps({"id": WISH.id, "balances": {"points": 400}, "lots": [], "coupon": None, **fields}).encode())


@pytest.mark.parametrize(
    ("said", "word", "reason"),
    [
        (answer(state="held"), "held", ""),
        (answer(state="refused", reason="short"), "refused", "short"),
        (answer(state="released"), "refused", "released"),
        (answer(state="held", id="another"), "unknown", ""),
        (answer(state="sold"), "unknown", ""),
        (answer(503), "unknown", ""),
        (answer(body=b"\xff{"), "unknown", ""),
        (answer(body=b"[1]"), "unknown", ""),
    ],
)
def test_what_head_office_answers_is_read_strictly(tmp_path: Path, said: Any, word: str, reason: str) -> None:
    line = Line(said)
    asking = Asking(tmp_path, lambda _limit_s: line)
    asking.authoriser.ask(WISH)
    assert asking.news.acquire(timeout=10)
    asking.close()
    assert (asking.heard[0].word, asking.heard[0].reason) == (word, reason)


def test_without_head_office_every_ask_is_answered_at_once_with_nobody_knows(tmp_path: Path) -> None:
    asking = Asking(tmp_path, None)
    asking.authoriser.ask(WISH)
    assert asking.news.acquire(timeout=10)
    assert asking.authoriser.looked_up("a" * 32, ask_head_office=True).result(10) == Looked(None)
    asking.close()
    assert asking.heard[0].word == "unknown"


def test_a_settlement_that_is_not_heard_is_told_again_and_a_commit_wins_over_a_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from offline_queue.errors import CloudBusy
    from posagent import authorise
    from posagent.counter_parts import Settle

    monkeypatch.setattr(authorise, "RETRY_S", 0.01)
    line = Line(CloudBusy("away"), answer(503), answer(state="committed"))
    asking = Asking(tmp_path, lambda _limit_s: line)
    asking.authoriser.settle(Settle(WISH.id, "commit"))
    asking.authoriser.settle(Settle(WISH.id, "release"))
    assert line.empty.wait(10)
    asking.close()
    assert set(line.paths) == {f"/v1/authorisations/{WISH.id}/commit"}

