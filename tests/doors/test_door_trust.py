"""A door earns the right to grant: twenty confirmed sales, on disk, lost with the first that was read wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from posagent import door_trust
from posagent.door_trust import NO_TRUST_NEEDED, Standing, Trust, TrustBook


def sale(amount: int, *, key: str = "k1", door: str = "typed", paid: bool = True) -> dict[str, Any]:
    return {"key": key, "amount": amount, "door": door, "paid": paid}


def confirm(trust: Trust, times: int) -> None:
    for _ in range(times):
        trust.offered("n1", 1080)
        trust.recorded(sale(1080))


def test_twenty_confirmed_sales_earn_trust_and_it_outlives_a_restart(tmp_path: Path) -> None:
    trust = Trust(TrustBook(tmp_path / "doors.json"), "till/abc")
    confirm(trust, 19)
    assert not trust.earned
    confirm(Trust(TrustBook(tmp_path / "doors.json"), "till/abc"), 1)
    assert Trust(TrustBook(tmp_path / "doors.json"), "till/abc").earned
    assert not Trust(TrustBook(tmp_path / "doors.json"), "till/other-profile").earned


def test_one_wrong_amount_loses_it_and_is_told(tmp_path: Path) -> None:
    lost: list[Standing] = []
    trust = Trust(TrustBook(tmp_path / "doors.json"), "till/abc", lost=lost.append)
    confirm(trust, 20)
    trust.offered("n2", 1080)
    trust.recorded(sale(1800))
    assert not trust.earned
    assert lost[0].last_wrong == "read 1,080, recorded 1,800"
    assert not Trust(TrustBook(tmp_path / "doors.json"), "till/abc").earned


def test_what_was_on_record_before_it_was_read_is_not_compared_with_the_next_sale(tmp_path: Path) -> None:
    trust = Trust(TrustBook(tmp_path / "doors.json"), "till/abc")
    confirm(trust, 3)
    trust.offered("n42", 1080)
    trust.withdrawn("n41")
    trust.withdrawn("n42")
    trust.recorded(sale(500))
    assert (trust.standing.confirmed, trust.standing.mismatches) == (3, 0)


def test_the_poss_own_word_confirms_as_well(tmp_path: Path) -> None:
    trust = Trust(TrustBook(tmp_path / "doors.json"), "till/abc")
    trust.offered("n42", 1080)
    trust.recorded(sale(1080, key="n42", door="api"))
    assert trust.standing.confirmed == 1


def test_what_is_no_answer_to_it_neither_confirms_nor_loses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trust = Trust(TrustBook(tmp_path / "doors.json"), "till/abc")
    trust.recorded(sale(500))  # nothing was read
    trust.offered("n42", 1080)
    trust.recorded(sale(1080, key="n42", door="till", paid=False))  # our own pre-filled amount
    trust.recorded(sale(9999, key="n7", door="api"))  # another sale
    assert trust.standing == Standing()
    monkeypatch.setattr(door_trust, "WINDOW_S", -1.0)
    trust.recorded(sale(500))  # long after
    assert trust.standing == Standing()


def test_a_trusted_doors_own_word_proves_nothing_and_a_later_correction_still_counts(tmp_path: Path) -> None:
    trust = Trust(TrustBook(tmp_path / "doors.json"), "till/abc", needed=1)
    confirm(trust, 1)
    trust.offered("n42", 1080)
    trust.recorded(sale(1080, key="n42", door="till"))
    assert trust.standing.confirmed == 1
    trust.recorded(sale(1800))
    assert not trust.earned


def test_a_book_that_is_spoilt_begins_anew_and_one_that_cannot_be_written_earns_nothing(tmp_path: Path) -> None:
    (tmp_path / "doors.json").write_text("[1", "utf-8")
    assert TrustBook(tmp_path / "doors.json").standing("till/abc") == Standing()
    trust = Trust(TrustBook(tmp_path / "nowhere" / "doors.json"), "till/abc", needed=1)
    confirm(trust, 3)
    assert not trust.earned
    assert NO_TRUST_NEEDED.earned
