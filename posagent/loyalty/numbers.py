"""Owns whole-number arithmetic: rounding, rates, tax inside a gross amount, and splitting an amount over lines. PURE.

Money is in the currency's minor unit, rates are basis points (1 % = 100), multipliers thousandths. Negative amounts never enter a formula:
`//` floors towards minus infinity, so a refund of -150 would give -2 where a sale of 150 gives 1. A return is a recomputation instead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, assert_never

Rounding = Literal["floor", "half_up", "ceil"]

MAX_AMOUNT = 99_999_999  # a line, a sale, a charge
MAX_LINES = 500
MAX_QTY = 9_999
MAX_RESULT = 999_999_990  # of one rule; stays below 2**31
MAX_BALANCE = 2**53 - 1  # every JSON reader agrees up to here

RATE_PATTERN = r"(0|[1-9][0-9]{0,2})(\.[0-9]{1,2})?%"
TIMES_PATTERN = r"(10(\.0{1,3})?|[1-9](\.[0-9]{1,3})?)"


class OutOfRange(ValueError):
    """An argument outside the range of a formula. ``code`` names which rule was broken, for machines."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def not_negative(name: str, value: int) -> int:
    """The value itself; raises OutOfRange below zero."""
    if value < 0:
        raise OutOfRange("negative", f"{name} must not be negative, but is {value}")
    return value


def ratio(amount: int, numerator: int, denominator: int, rounding: Rounding = "floor") -> int:
    """``amount * numerator / denominator`` in whole numbers."""
    not_negative("an amount", amount)
    not_negative("a rate", numerator)
    if denominator <= 0:
        raise OutOfRange("range", f"cannot divide by {denominator}")
    match rounding:
        case "floor":
            return amount * numerator // denominator
        case "ceil":
            return -(-amount * numerator // denominator)
        case "half_up":
            return (2 * amount * numerator + denominator) // (2 * denominator)
        case _:
            assert_never(rounding)


def parse_rate(text: str) -> int:
    """``"1.25%"`` as 125 basis points; 0 to 100 %, at most two decimals."""
    if not re.fullmatch(RATE_PATTERN, text, re.ASCII):
        raise OutOfRange("rate", f'a rate is written like "1.25%", with at most two decimals, not {text!r}')
    whole, _, part = text[:-1].partition(".")
    rate_bp = int(whole) * 100 + int(part.ljust(2, "0"))
    if rate_bp > 10_000:
        raise OutOfRange("rate", f"a rate is at most 100%, not {text}")
    return rate_bp


def parse_times(text: str) -> int:
    """``"1.5"`` as 1500 thousandths; 1 to 10."""
    if not re.fullmatch(TIMES_PATTERN, text, re.ASCII):
        raise OutOfRange("times", f'a multiplier is a text from "1" to "10" with at most three decimals, not {text!r}')
    whole, _, part = text.partition(".")
    return int(whole) * 1000 + int(part.ljust(3, "0"))


def show_rate(rate_bp: int) -> str:
    """125 basis points as ``"1.25%"``, without trailing zeros."""
    whole, part = divmod(rate_bp, 100)
    return f"{whole}.{part:02d}".rstrip("0").rstrip(".") + "%"


def show_times(thousandths: int) -> str:
    """1500 thousandths as ``"1.5"``."""
    whole, part = divmod(thousandths, 1000)
    return f"{whole}.{part:03d}".rstrip("0").rstrip(".")


def tax_inside(gross: int, tax_bp: int, rounding: Rounding) -> int:
    """The consumption tax inside a tax-included amount. The rounding must be the register's own: with another, nearly every net price is
    one yen off and an item of 100 yen net loses its point."""
    return ratio(gross, tax_bp, 10_000 + tax_bp, rounding)


def net_of(gross: int, tax_bp: int, rounding: Rounding) -> int:
    """A tax-included amount without its tax."""
    return gross - tax_inside(gross, tax_bp, rounding)


def allocate(amount: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Splits an amount over lines in proportion to their remaining amounts, by largest remainder.

    Every share is floored; the leftover yen go to the largest fractions, ties to the larger weight, then to the earlier line. The shares
    add up to ``amount`` and none exceeds its weight. Raises OutOfRange for a negative argument or an amount above the sum of the weights.
    """
    not_negative("an amount", amount)
    total = 0
    for weight in weights:
        total += not_negative("a weight", weight)
    if amount > total:
        raise OutOfRange("range", f"cannot spread {amount} over lines that hold {total}")
    if amount == 0:
        return (0,) * len(weights)
    if len(weights) == 1:
        return (amount,)
    shares = [amount * weight // total for weight in weights]
    leftover = amount - sum(shares)
    if leftover:
        by_claim = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % total), -weights[i], i))
        for index in by_claim[:leftover]:
            shares[index] += 1
    return tuple(shares)
