"""A refund of the till's finds its sale, or says how many it could be; nothing is taken back by itself. On a real journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from counter_till import Till

from offline_queue.journal import Journal
from posagent import refunds as refunds_module
from posagent.agent import Ask, Say
from posagent.counter_parts import Answered, Cleared, Commit, RefundAsked, VoidAsked
from posagent.doors.refund_of import original_no
from posagent.loyalty.model import Line
from posagent.recording import Recording
from posagent.refunds import RefundDesk, RungUp
from posagent.sale_lookup import find_sale


class Stored(Till):
    """A till on a real journal, with a desk for refunds; ``said``: what the page was told."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.journal = Journal.open(directory, source="/t/acme/s/0042/r/R2", reserve_mb=0)
        self._recording = Recording(self.journal, None, {})
        self.said: list[tuple[str, dict[str, Any]]] = []
        agent: Any = SimpleNamespace(journal=self.journal, rules=self.rules, post=self._posted)
        self.desk = RefundDesk(agent)

    def commit(self, commit: Commit) -> Answered:
        return self._recording.commit(commit, self.now)

    def _posted(self, item: Any) -> None:
        match item:
            case Say(code, fields):
                self.said.append((code, fields))
            case Ask(make, _):
                self.asked += 1
                self.feed(make(self.now(), self.asked))

    def rung_up(self, amount: int, of: str = "", number: str = "", key: str = "") -> dict[str, Any]:
        self.asked += 1
        return self.desk.propose(RungUp(key or f"refund-{self.asked}", amount, of, number, "till"))

    def granted(self, key: str, amount: int, member: str = "m1") -> str:
        self.scan(member)
        return str(self.sale(key, amount).fields["sale_id"])


@pytest.fixture
def till(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stored]:
    made = Stored(tmp_path)

    class Clock:
        """The desk's clock is the till's."""

        @staticmethod
        def now() -> Any:
            return SimpleNamespace(astimezone=lambda: made.now().at)

    monkeypatch.setattr(refunds_module, "datetime", Clock)
    yield made
    made.journal.close()


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("返品\n元レシートNo.0042\nNo.0050\n合計 -¥1,080", "0042"),
        ("返品\n原取引番号：００４２\n合計 -¥1,080", "0042"),
        ("REFUND\nOriginal receipt #A-0042\nTOTAL -1,080", "A-0042"),
        ("取消\n元伝票 番号 R2-0042", "R2-0042"),
        ("返品\n元取引日 2026/11/22\n合計 -¥1,080", None),
        ("返品\n元取引 2026/11/22 10:12", None),
        ("返品\n元会計 1,080円", None),
        ("返品\n元レシートNo.0042\n元レシートNo.0043", None),
        ("返品\nレシートNo.0042\n合計 -¥1,080", None),
    ],
)
def test_the_original_sales_number_is_read_where_the_slip_names_it_and_only_there(text: str, number: str | None) -> None:
    assert original_no(text) == number


def test_a_refund_that_names_its_sale_proposes_that_sale_and_takes_nothing_back(till: Stored) -> None:
    sale_id = till.granted("n0042", 1980)
    till.granted("n0043", 1980, "m2")
    answer = till.rung_up(1980, of="0042")
    assert (answer["sale_id"], answer["remaining_total"], answer["points"]) == (sale_id, 0, 19)
    assert till.said == [("E675", {"device": "till", **answer})]
    assert till.desk.waiting()[0]["sale_id"] == sale_id
    assert sale_id in till.state.live
    assert till.rung_up(500, of="0043")["remaining_total"] == 1480


def test_a_number_may_be_the_refunds_own_and_then_the_total_finds_the_only_sale(till: Stored) -> None:
    sale_id = till.granted("n0042", 1980)
    till.granted("n0043", 19800, "m2")
    assert till.rung_up(1980, number="0050")["sale_id"] == sale_id
    other = till.rung_up(19800, number="0042")  # its own number happens to be that of a sale which the amount does not fit
    assert other["sale_id"].endswith("-n0043")


def test_a_refund_that_names_a_sale_which_is_not_here_or_is_smaller_guesses_nothing(till: Stored) -> None:
    till.granted("n0042", 1980)
    for amount, of in ((1980, "0099"), (2000, "0042")):
        assert "sale_id" not in till.rung_up(amount, of=of)
    assert [code for code, _ in till.said] == ["E633", "E633"]
    assert till.desk.waiting() == []


def test_several_sales_of_one_total_are_counted_and_none_is_proposed(till: Stored) -> None:
    till.granted("n1", 500)
    till.sale("n2", 500)  # nobody's, but it may be the one that comes back
    answer = till.rung_up(500)
    assert answer == {"result": "refund_proposed", "amount": 500, "candidates": 2}
    assert (till.said[0][0], till.said[0][1]["count"]) == ("E676", 2)


def test_a_line_of_that_amount_and_a_total_that_begins_like_it_are_no_candidates(till: Stored) -> None:
    sale_id = till.granted("n1", 500)
    till.scan("m2")
    till.sale("n2", 0, lines=(Line(500), Line(700)))
    till.granted("n3", 5000, "m3")
    assert till.rung_up(500)["sale_id"] == sale_id


def test_a_proposal_that_is_over_does_not_hide_its_sale(till: Stored) -> None:
    sale_id = till.granted("n1", 500)
    assert till.rung_up(500)["sale_id"] == sale_id
    till.wait(601)
    assert till.rung_up(500)["sale_id"] == sale_id


def test_a_refund_of_a_sale_without_points_says_so_and_the_next_card_gets_none_for_it(till: Stored) -> None:
    till.sale("n7", 800)
    till.rung_up(800, number="0008")
    assert [code for code, _ in till.said] == ["E677"]
    assert till.state.basket is None
    till.scan()
    assert not till.state.live


def test_a_refund_of_another_sale_leaves_the_open_one_alone(till: Stored) -> None:
    till.sale("n6", 800)
    till.sale("n7", 900)
    till.rung_up(800, of="6")
    assert till.state.basket is not None
    assert till.state.basket.key == "n7"


def test_each_refund_is_proposed_once_and_two_of_one_amount_do_not_mean_one_sale(till: Stored) -> None:
    till.granted("n1", 500)
    first = till.rung_up(500, key="a")
    assert till.rung_up(500, key="a") is first
    assert "sale_id" not in till.rung_up(500, key="b")
    assert [one["id"] for one in till.desk.waiting()] == ["a"]
    assert [code for code, _ in till.said] == ["E675", "E633"]


@pytest.mark.parametrize("done", ["void", "refund", "time"])
def test_a_proposal_waits_until_the_sale_is_put_right_or_the_customer_is_gone(till: Stored, done: str) -> None:
    sale_id = till.granted("n1", 500)
    till.rung_up(200, of="1")
    assert len(till.desk.waiting()) == 1
    live = till.state.live[sale_id]
    if done == "void":
        till.feed(VoidAsked(till.now(), sale_id, "returned", "boss", "manager", 90))
    elif done == "refund":
        till.feed(RefundAsked(till.now(), live, None, 300, "returned", "boss", "manager", 91))
    else:
        till.wait(601)
    assert till.desk.waiting() == []


def test_what_was_voided_as_returned_is_not_proposed_again_and_no_next_card_gets_it(till: Stored) -> None:
    sale_id = till.granted("n1", 500)
    till.feed(VoidAsked(till.now(), sale_id, "returned", "boss", "manager", 90))
    assert till.state.basket is None
    assert "sale_id" not in till.rung_up(500)
    with_reason = till.granted("n2", 700)
    till.feed(VoidAsked(till.now(), with_reason, "wrong_member", "boss", "manager", 91))
    assert till.state.basket is not None  # the right card is scanned next
    found = find_sale(till.journal.reader().find, with_reason, till.rules)
    assert found is not None
    assert (found.live, found.voids, found.void_reason) == (None, 1, "wrong_member")


def test_a_sale_that_is_named_and_does_not_wait_clears_nothing(till: Stored) -> None:
    till.scan()
    till.feed(Cleared(till.now(), "0042-R2-2026-11-22-n9", 90))
    assert till.state.card is not None
    assert till.replies[90].status == "released"


def test_a_sale_older_than_the_memory_is_voided_from_the_journal_and_only_once(till: Stored) -> None:
    sale_id = till.granted("n1", 500)
    till.state = replace(till.state, live={}, last=None)  # two thousand sales later
    till.feed(VoidAsked(till.now(), sale_id, "wrong_amount", "boss", "manager", 90))
    assert till.replies[90].fields["code"] == "E608"
    found = find_sale(till.journal.reader().find, sale_id, till.rules)
    assert found is not None
    till.feed(VoidAsked(till.now(), sale_id, "wrong_amount", "boss", "manager", 91, found.live))
    assert (till.replies[91].status, till.replies[91].fields["points"]) == ("voided", -5)
    till.feed(VoidAsked(till.now(), sale_id, "wrong_amount", "boss", "manager", 92, found.live))  # two managers at once
    assert till.replies[92].fields["code"] == "E608"
    after = find_sale(till.journal.reader().find, sale_id, till.rules)
    assert after is not None
    assert (after.live, after.voids, after.void_reason) == (None, 1, "wrong_amount")
