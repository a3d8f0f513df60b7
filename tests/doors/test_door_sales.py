"""From a captured sale to the counter's input, without an agent."""

from datetime import UTC, datetime
from typing import Any

import pytest

from posagent.agent import Ask, Say
from posagent.door_sales import DoorSales, basket_of
from posagent.door_taps import Ears, tap_of
from posagent.doors.profiles import PLAIN
from posagent.errors import SettingsError
from posagent.ports import CapturedSale, ReadSale
from posagent.receipt_profiles import load_profile
from posagent.refunds import RungUp

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def basket(sale: CapturedSale, *, grants: bool = False, now_ns: int = 1_000_000_000_000) -> Any:
    return basket_of(sale, "door", AT, now_ns, grants_without_number=grants)


def test_a_numbered_sale_has_the_key_that_the_api_would_give_it() -> None:
    made = basket(CapturedSale(1080, receipt_no="0042", tax_split={1000: 540, 800: 540}))
    assert (made.key, made.paid, made.total, made.receipt_no) == ("n0042", True, 1080, "0042")
    assert [line.tax for line in made.lines] == [1000, 800]


def test_without_a_number_a_sale_is_its_own_and_waits_for_a_person() -> None:
    sale = ReadSale(1080, digest="abc")
    first, second = basket(sale), basket(sale, now_ns=2_000_000_000_000)
    assert first.key != second.key
    assert first.key.endswith("abc")
    assert not first.paid
    assert basket(sale, grants=True).paid


def test_a_split_that_does_not_fit_leaves_the_total() -> None:
    assert basket(CapturedSale(1080, receipt_no="1", tax_split={1000: 1})).total == 1080


def test_a_number_that_is_too_long_is_no_number() -> None:
    assert basket(CapturedSale(1080, receipt_no="9" * 60)).receipt_no is None


def test_a_refund_goes_to_the_desk_for_refunds_and_never_to_the_counter() -> None:
    posted: list[Ask | Say] = []
    refunds: list[RungUp] = []
    door = DoorSales("door", {}, posted.append, refund=refunds.append)
    door.take(ReadSale(-1080, "refund", "0050", digest="abc", refund_of="0042"))
    door.take(CapturedSale(-1080, "refund", "0050"))
    assert posted == []
    assert refunds[0] == RungUp("door/abc", 1080, "0042", "0050", "door")
    assert refunds[1].key != refunds[0].key


def test_the_original_number_of_a_printed_refund_reaches_the_desk() -> None:
    ears = Ears(lambda: PLAIN, lambda receipt: None)
    heard = tap_of("printer", "door", ears)("返品\n元取引番号 0042\n取引No.0050\n合計 -1,080\n".encode("cp932") + b"\x1dV\x00", "bytes")
    (sale,) = heard.sales
    assert isinstance(sale, ReadSale)
    assert (sale.kind, sale.total, sale.receipt_no, sale.refund_of) == ("refund", -1080, "0050", "0042")


def test_a_profile_that_is_wrong_says_where(tmp_path: Any) -> None:
    (tmp_path / "p.toml").write_text('name = "x"\npoints_use = "after"\n', "utf-8")
    with pytest.raises(SettingsError, match="did you mean 'points_used'"):
        load_profile(str(tmp_path / "p.toml"))
    with pytest.raises(SettingsError, match="nowhere"):
        load_profile("nowhere")
    assert load_profile("restaurant").name == "restaurant"
