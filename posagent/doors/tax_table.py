"""Owns the split of a total by tax rate, as Japanese receipts have printed it since the reduced rate (10%対象, 8%対象). PURE.

A split is believed only when it adds up to the total: the bases themselves (tax included) or bases plus their taxes (tax on top).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from posagent.doors.amounts import Line

_RATE = re.compile(r"(?<![\d.])(10|8|5|0)(?:\.0)? ?%")
_BASE = re.compile(r"対象|課税|税率\d|税込|税抜|taxable|net|base|gross|売上|小計|subtotal")
_TAX = re.compile(r"税額|消費税|内税|外税|税等|^税$|うち税|tax|vat|gst")
_UNTAXED = re.compile(r"非課税|不課税|免税|taxexempt|nontaxable|zerorated")


def find_tax_split(lines: tuple[Line, ...], total: int) -> tuple[Mapping[int, int], tuple[str, ...]]:
    """({rate in basis points: gross}, why); ({}, …) where nothing adds up."""
    bases: dict[int, int] = {}
    taxes: dict[int, int] = {}
    rates: set[int] = set()
    rate: int | None = None
    for line in lines:
        here = _RATE.search(line.text)
        if here:
            rate = int(here[1]) * 100
            rates.add(rate)
        elif "軽減" in line.text and line.amounts:
            rate = 800
        elif _UNTAXED.search(line.squeezed) and line.amounts:
            bases.setdefault(0, line.amounts[-1].value)
            rate = None
            continue
        elif not any(_TAX.search(amount.label) or _BASE.search(amount.label) for amount in line.amounts):
            rate = None if line.amounts else rate
            continue
        if rate is None:
            continue
        spread = _columns(line)
        if spread:
            bases.setdefault(rate, spread[0])
            taxes.setdefault(rate, spread[1])
            continue
        for amount in line.amounts:
            if _UNTAXED.search(amount.label):
                bases.setdefault(0, amount.value)
            elif _is_base(amount.label):
                bases.setdefault(rate, amount.value)
            elif _TAX.search(amount.label) or (amount.label == "" and rate in bases):
                taxes.setdefault(rate, amount.value)
    return _judged(bases, taxes, rates, total)


def _is_base(label: str) -> bool:
    if "対象" in label or "taxable" in label:
        return not re.search(r"対象(?:消費税|税額|内税|外税)", label)
    return bool(_BASE.search(label)) and not _TAX.search(label)


def _columns(line: Line) -> tuple[int, int] | None:
    """A row of a table: ``8% 500 40 540``: net, tax, gross, or ``8% 540 40``."""
    values = [amount.value for amount in line.amounts]
    labels = [amount.label for amount in line.amounts]
    if len(values) < 2 or any(labels[1:]) or _TAX.search(labels[0]):
        return None
    if len(values) >= 3 and values[0] + values[1] == values[2]:
        return values[0], values[1]
    return values[0], values[1]


def _judged(bases: dict[int, int], taxes: dict[int, int], rates: set[int], total: int) -> tuple[Mapping[int, int], tuple[str, ...]]:
    bases = {rate: value for rate, value in bases.items() if value}
    if bases and sum(bases.values()) == total:
        return bases, ("the amounts per tax rate add up to the total",)
    on_top = {rate: value + taxes.get(rate, 0) for rate, value in bases.items()}
    if bases and sum(on_top.values()) == total:
        return on_top, ("the amounts per tax rate and their taxes add up to the total",)
    if len(rates) == 1 and len(taxes) == 1 and not (set(bases) - rates):
        (rate, tax), = taxes.items()
        if rate and abs(tax * (10_000 + rate) - total * rate) < 10_000 + rate:
            return {rate: total}, (f"the only tax, {tax:,}, is {rate // 100} % of the total",)
    if bases:
        return {}, ("the amounts per tax rate do not add up to the total: not used",)
    return {}, ()
