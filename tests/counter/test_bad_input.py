"""What goes wrong at a till, one test for each: a printer's bytes through the door to the counter, and what is granted in the end.

The hostile page and the stolen token have theirs beside the request policy: tests/screen/test_screen_policy.py, tests/screen/test_pairing.py,
tests/api/test_api_browser.py.
"""

from __future__ import annotations

from typing import Any

import pytest
from counter_till import Till

from posagent import events as ev
from posagent.agent import Ask, Say
from posagent.counter_parts import CodeSeen
from posagent.door_sales import DoorSales
from posagent.page_events import page_event
from posagent.ports import Understand
from posagent.refunds import RungUp

CUT = b"\x1dV\x42\x00"


def receipt(no: str, total: str, *, more: str = "") -> bytes:
    return f"レシートNo.{no}\n{more}合計 \\{total}\nお預り \\10,000\n".encode("cp932") + CUT


class Counter(Till):
    """A till whose sales come from the paper of a printer."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.refunds: list[RungUp] = []
        self._door = DoorSales("printer", {}, self._post, refund=self.refunds.append)
        heard: list[Understand] = []
        device: Any = PrinterDoor(heard)
        self._door.prepare(device)
        self._understand = heard[0]

    def prints(self, *portions: bytes, closes: bool = False) -> None:
        """Each portion as it comes from the line."""
        for portion in portions:
            for sale in self._understand(portion, "bytes").sales:
                self._door.take(sale)
        if closes:
            for sale in self._understand(b"", "closed").sales:
                self._door.take(sale)

    def _post(self, item: Ask | Say) -> None:
        if isinstance(item, Say):
            self.said.append(item.code)
        else:
            self.asked += 1
            self.feed(item.make(self.now(), self.asked))

    def granted(self) -> list[tuple[str, str, int]]:
        """(member, sale's key, amount) of every grant."""
        return [(draft.data["member"], draft.data["sale_id"].split("-")[-1], draft.data["amount"]) for draft in self.grants()]

    def seen(self) -> list[int]:
        return [draft.data["amount"] for draft in self.of(ev.SALE_SEEN)]


class PrinterDoor:
    """A capture printer, as far as it says who understands its bytes."""

    carries = "printer"

    def __init__(self, heard: list[Understand]) -> None:
        self._heard = heard

    def understand_with(self, understand: Understand) -> None:
        self._heard.append(understand)


@pytest.fixture
def till() -> Counter:
    return Counter()


def test_of_two_sales_at_once_the_card_gets_the_one_on_the_page_and_the_other_waits_for_a_late_grant(till: Counter) -> None:
    till.prints(receipt("1", "1,980") + receipt("2", "500"))
    assert till.codes() == ["E621"]  # the page says that the amount is another now
    till.scan()
    assert till.granted() == [("m1", "n2", 500)]
    left = [page_event(draft.type, draft.data) for draft in till.of(ev.SALE_SEEN)]
    assert [one["amount"] for one in left if one] == [1980, 500]
    till.scan("m2")
    assert len(till.granted()) == 1


def test_a_sale_that_is_told_twice_by_two_copies_of_one_receipt_is_granted_once(till: Counter) -> None:
    till.prints(receipt("1", "1,980"), receipt("1", "1,980"))
    till.scan()
    till.prints(receipt("1", "1,980"))
    assert till.granted() == [("m1", "n1", 1980)]


def test_a_scan_for_a_sale_that_is_gone_waits_for_the_next_and_gets_nothing_of_it(till: Counter) -> None:
    till.prints(receipt("1", "1,980"))
    till.wait(121)
    till.scan()
    assert (till.codes(), till.granted()) == (["E611"], [])
    till.prints(receipt("2", "500"))
    assert till.granted() == [("m1", "n2", 500)]


def test_a_second_scan_of_one_card_changes_nothing_and_another_card_is_told(till: Counter) -> None:
    till.scan("m1")
    till.scan("m1")
    till.scan("m2")
    assert till.codes() == ["E606"]
    till.prints(receipt("1", "1,980"))
    till.scan("m2")
    assert till.granted() == [("m2", "n1", 1980)]


def test_a_foreign_barcode_is_told_and_takes_no_sale(till: Counter) -> None:
    till.prints(receipt("1", "1,980"))
    till.feed(CodeSeen(till.now(), "scan-x", "E602", "4901****", "a product"))
    assert (till.codes(), till.granted()) == (["E602"], [])
    till.scan()
    assert till.granted() == [("m1", "n1", 1980)]


def test_an_amount_that_changes_under_its_number_is_granted_as_it_was_first_paid_or_not_at_all(till: Counter) -> None:
    till.prints(receipt("1", "1,980"))
    till.scan()
    till.prints(receipt("1", "2,980"))
    assert till.granted() == [("m1", "n1", 1980)]
    assert till.codes() == ["E607"]
    till = Counter()
    till.prints("合計 \\1,980\n".encode("cp932") + CUT, receipt("7", "2,980"))  # shown, then paid
    till.scan()
    assert till.granted() == [("m1", "n7", 2980)]


@pytest.mark.parametrize("end", [b"", "** 取引中止 **\n".encode("cp932") + CUT])
def test_an_aborted_receipt_is_no_sale(till: Counter, end: bytes) -> None:
    till.prints(receipt("1", "100"))
    till.scan()
    till.prints(receipt("2", "1,980").removesuffix(CUT) + end, closes=True)
    assert till.seen() == [100]


@pytest.mark.parametrize(
    "paper",
    [
        "精算レポート\n純売上合計 \\152,300\n合計 \\152,300\n",
        "** 再発行 **\nレシートNo.2\n合計 \\1,980\nお預り \\2,000\n",
        "請求書\n株式会社みどり 御中\nご請求金額 \\1,980\nお支払期限 2026年12月31日\n",
        "仮締め(会計前)\n合計 \\1,980\n",
        "注文伝票 テーブル5\nブレンド x2\n",
    ],
    ids=["a closing report", "a reprint", "an invoice", "a bill before payment", "an order"],
)
def test_what_is_no_sale_neither_fills_nor_grants_anything(till: Counter, paper: str) -> None:
    till.scan()
    till.prints(paper.encode("cp932") + CUT, closes=True)
    assert (till.seen(), till.granted(), till.refunds) == ([], [], [])


def test_half_a_kanji_at_a_buffers_end_is_read_with_its_other_half(till: Counter) -> None:
    raw = receipt("42", "1,980", more="喫茶 珈琲表\n")
    start = raw.index("喫".encode("cp932"))
    for cut in range(start, start + 14):
        one = Counter()
        one.scan()
        one.prints(raw[:cut], raw[cut:])
        assert one.granted() == [("m1", "n42", 1980)], cut


def test_half_a_kanji_where_the_line_ends_grants_nothing_wrong(till: Counter) -> None:
    till.scan()
    till.prints(receipt("1", "1,980"))
    broken = "レシートNo.2\n合計 \\2,980\nお預".encode("cp932")
    till.prints(broken[:-1], closes=True)
    assert till.granted() == [("m1", "n1", 1980)]


def test_a_refund_takes_no_points_by_itself(till: Counter) -> None:
    till.prints(receipt("1", "1,980"))
    till.scan()
    till.prints("返品\n元レシートNo.1\n合計 -1,980\n".encode("cp932") + CUT)
    assert [refund.of for refund in till.refunds] == ["1"]
    assert not till.of(ev.SALE_VOIDED)
