"""posagent.backend: a request's sale becomes a basket, or a refusal with a code."""

from datetime import UTC, datetime

import pytest

from posagent.backend import basket_of_request
from posagent.errors import Refused
from posagent.loyalty.model import Line

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_a_total_alone_is_one_line() -> None:
    basket = basket_of_request({"total": 1980, "receipt_no": "0077"}, "key-0001", AT)
    assert (basket.lines, basket.key, basket.paid) == ((Line(1980),), "n0077", True)


def test_a_tax_split_is_a_line_per_rate() -> None:
    basket = basket_of_request({"total": 1980, "tax_split": {"1000": 1100, "800": 880}}, "key-0001", AT)
    assert basket.lines == (Line(1100, tax=1000), Line(880, tax=800))


def test_without_a_receipt_number_the_key_is_the_sales_identity() -> None:
    one, same, other = (basket_of_request({"total": 1}, key, AT).key for key in ("key-0001", "key-0001", "key-0002"))
    assert one == same != other


def test_a_receipt_number_with_foreign_characters_does_not_get_into_the_key() -> None:
    basket = basket_of_request({"total": 1, "receipt_no": "№ 7/8\ud800"}, "key-0001", AT)
    assert basket.key.isascii()
    assert "/" not in basket.key


@pytest.mark.parametrize(
    ("sale", "code"),
    [
        ({"total": 1980, "lines": [{"amount": 1000}]}, "E622"),
        ({"total": 1980, "tax_split": {"1000": 1000}}, "E622"),
        ({"total": 100, "lines": [{"amount": 300}, {"amount": -200}]}, "E622"),
        ({"total": 100_000_000}, "E622"),
        ({"total": 100, "kind": "refund"}, "E601"),
    ],
)
def test_a_sale_that_cannot_be_true_is_refused_at_the_door(sale: dict[str, object], code: str) -> None:
    with pytest.raises(Refused) as refused:
        basket_of_request(sale, "key-0001", AT)
    assert refused.value.code == code
