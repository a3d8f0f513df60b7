"""Whole-number arithmetic."""

from __future__ import annotations

import pytest

from posagent.loyalty.numbers import (
    MAX_AMOUNT,
    MAX_BALANCE,
    MAX_LINES,
    MAX_QTY,
    MAX_RESULT,
    OutOfRange,
    allocate,
    net_of,
    parse_rate,
    parse_times,
    ratio,
    show_rate,
    show_times,
    tax_inside,
)


def test_the_limits_are_those_of_the_specification() -> None:
    assert (MAX_AMOUNT, MAX_LINES, MAX_QTY, MAX_RESULT, MAX_BALANCE) == (99_999_999, 500, 9_999, 999_999_990, 9_007_199_254_740_991)


@pytest.mark.parametrize(
    "amount,rounding,expected",
    [
        *[(0, "floor", 0), (149, "floor", 1), (150, "floor", 1), (149, "half_up", 1), (150, "half_up", 2)],
        *[(1, "ceil", 1), (100, "ceil", 1), (101, "ceil", 2)],
    ],
)
def test_a_ratio_is_rounded_as_asked(amount: int, rounding: str, expected: int) -> None:
    assert ratio(amount, 100, 10_000, rounding) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "amount,numerator,denominator,code", [(-1, 1, 1, "negative"), (1, -1, 1, "negative"), (1, 1, 0, "range"), (1, 1, -1, "range")]
)
def test_arguments_below_zero_are_an_error(amount: int, numerator: int, denominator: int, code: str) -> None:
    with pytest.raises(OutOfRange) as refused:
        ratio(amount, numerator, denominator)
    assert refused.value.code == code


def test_the_message_names_what_is_negative() -> None:
    with pytest.raises(OutOfRange, match=r"^an amount must not be negative, but is -3$"):
        ratio(-3, 1, 1)
    with pytest.raises(OutOfRange, match=r"^a rate must not be negative, but is -1$"):
        ratio(3, -1, 1)
    with pytest.raises(OutOfRange, match=r"^cannot divide by 0$"):
        ratio(3, 1, 0)
    with pytest.raises(OutOfRange, match=r"^a weight must not be negative, but is -1$"):
        allocate(1, [2, -1])
    with pytest.raises(OutOfRange, match=r"^an amount must not be negative, but is -1$"):
        allocate(-1, [2, 1])
    with pytest.raises(OutOfRange, match=r"^cannot spread 3 over lines that hold 2$") as refused:
        allocate(3, [1, 1])
    assert refused.value.code == "range"


@pytest.mark.parametrize("text,bp", [("0%", 0), ("1%", 100), ("1.2%", 120), ("1.25%", 125), ("0.01%", 1), ("100%", 10_000), ("99.99%", 9_999)])
def test_a_rate_is_read_as_basis_points_and_shown_again(text: str, bp: int) -> None:
    assert parse_rate(text) == bp
    assert parse_rate(show_rate(bp)) == bp


@pytest.mark.parametrize("text", ["", "1", "1.255%", "-1%", "01%", "1.%", ".5%", "1 %", "１%", "1e1%"])
def test_a_text_that_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(OutOfRange, match=r'^a rate is written like "1.25%", with at most two decimals, not ') as refused:
        parse_rate(text)
    assert refused.value.code == "rate"


def test_a_rate_above_one_hundred_is_refused() -> None:
    with pytest.raises(OutOfRange, match=r"^a rate is at most 100%, not 100.01%$") as refused:
        parse_rate("100.01%")
    assert refused.value.code == "rate"


@pytest.mark.parametrize(
    "text,thousandths", [("1", 1000), ("1.5", 1500), ("2.125", 2125), ("10", 10_000), ("10.000", 10_000), ("9.999", 9_999)]
)
def test_a_multiplier_is_read_as_thousandths_and_shown_again(text: str, thousandths: int) -> None:
    assert parse_times(text) == thousandths
    assert parse_times(show_times(thousandths)) == thousandths


@pytest.mark.parametrize("text", ["", "0.5", "0", "11", "10.001", "1.2345", "-2", "2x"])
def test_a_text_that_is_no_multiplier_is_refused(text: str) -> None:
    with pytest.raises(OutOfRange, match=r'^a multiplier is a text from "1" to "10" with at most three decimals, not ') as refused:
        parse_times(text)
    assert refused.value.code == "times"


def test_rates_and_multipliers_are_shown_without_trailing_zeros() -> None:
    assert [show_rate(bp) for bp in (0, 5, 50, 100, 125, 1000, 10_000)] == ["0%", "0.05%", "0.5%", "1%", "1.25%", "10%", "100%"]
    assert [show_times(times) for times in (1000, 1050, 1500, 2125, 10_000)] == ["1", "1.05", "1.5", "2.125", "10"]


@pytest.mark.parametrize(
    "gross,tax,rounding,expected",
    [(200, 800, "floor", 14), (200, 800, "half_up", 15), (200, 800, "ceil", 15), (1080, 800, "ceil", 80), (1000, 0, "ceil", 0)],
)
def test_the_tax_inside_an_amount_follows_the_registers_rounding(gross: int, tax: int, rounding: str, expected: int) -> None:
    assert tax_inside(gross, tax, rounding) == expected  # type: ignore[arg-type]
    assert net_of(gross, tax, rounding) == gross - expected  # type: ignore[arg-type]


def test_only_the_registers_own_rounding_finds_every_net_price_again() -> None:
    for tax, off in ((800, 19_200), (1000, 18_000)):  # of 19,999: 96 % and 90 %
        for rounding in ("floor", "half_up", "ceil"):
            gross = [(net, net + ratio(net, tax, 10_000, rounding)) for net in range(1, 20_000, 13)]
            assert all(net_of(amount, tax, rounding) == net for net, amount in gross)
        assert sum(net_of(net + net * tax // 10_000, tax, "ceil") != net for net in range(1, 20_000)) == off


@pytest.mark.parametrize(
    "amount,weights,shares",
    [
        (21, [540, 550], (10, 11)),  # the tax agency's example of points over two rates
        (1, [1, 1], (1, 0)),  # equal claims: the earlier line
        (2, [3, 3, 4], (1, 0, 1)),
        (1, [1, 3], (0, 1)),
        (5, [2, 3], (2, 3)),
        (0, [], ()),
        (3, [7], (3,)),
        (0, [7, 1], (0, 0)),
        (1, [4, 2, 4, 2], (1, 0, 0, 0)),
    ],
)
def test_an_amount_is_split_by_largest_remainder(amount: int, weights: list[int], shares: tuple[int, ...]) -> None:
    assert allocate(amount, weights) == shares


def test_equal_fractions_go_to_the_larger_weight() -> None:
    assert allocate(2, [1, 3]) == (0, 2)  # 0.5 and 1.5
    assert allocate(6, [1, 3, 4, 4]) == (0, 2, 2, 2)  # 0.5, 1.5, 2, 2
