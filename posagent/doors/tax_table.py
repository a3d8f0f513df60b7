"""Owns the split of a total by tax rate, as Japanese receipts have printed it since the reduced rate (10%対象, 8%対象). PURE.

A split is believed only when it adds up to the total: the bases themselves (tax included) or bases plus their taxes (tax on top).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from posagent.doors.amounts import Amount, Line

_RATE = re.compile(r"(?<![\d.])(10|8|5|0)(?:\.0)? ?%")
_BASE = re.compile(r"対象|課税|税率\d|税込|税抜|taxable|net|base|gross|売上|小計|subtotal")
_TAX = re.compile(r"税額|消費税|内税|外税|税等|^税$|うち税|tax|vat|gst")
_OUTSIDE = re.compile(r"外税|税抜|taxexcl|net")
_UNTAXED = re.compile(r"非課税|不課税|免税|taxexempt|nontaxable|zerorated")


def find_tax_split(lines: tuple[Line, ...], total: int) -> tuple[Mapping[int, int], tuple[str, ...]]:
    """({rate in basis points: gross}, why); ({}, …) where nothing adds up."""
    found = _Found()
    rate: int | None = None
    for line, amounts in _rows(lines):
        here = _RATE.search(line.text)
        if here:
            rate = int(here[1]) * 100
            found.rates.add(rate)
        elif "軽減" in line.text and amounts:
            rate = 800
        elif _UNTAXED.search(line.squeezed) and amounts:
            found.inside.setdefault(0, amounts[-1].value)
            rate = None
            continue
        elif not any(_TAX.search(amount.label) or _BASE.search(amount.label) for amount in amounts):
            rate = None if amounts else rate
            continue
        if rate is not None:
            found.read(rate, amounts)
    return found.judged(total)


def _rows(lines: tuple[Line, ...]) -> Iterator[tuple[Line, tuple[Amount, ...]]]:
    """Each line with its amounts; a label whose amount stands alone on the next line takes it (10%対象 / 12,650円)."""
    for line, below in zip(lines, (*lines[1:], None), strict=True):
        alone = below is not None and not line.amounts and len(below.amounts) == 1 and below.amounts[0].label == ""
        if alone and below is not None and (_RATE.search(line.text) or _TAX.search(line.squeezed)):
            yield line, (replace(below.amounts[0], label=line.squeezed),)
        else:
            yield line, line.amounts


@dataclass(slots=True)
class _Found:
    """What the rows say, by rate: bases with their tax inside, bases without it, taxes, and the taxes that come on top."""

    inside: dict[int, int] = field(default_factory=dict)
    outside: dict[int, int] = field(default_factory=dict)
    taxes: dict[int, int] = field(default_factory=dict)
    on_top: dict[int, int] = field(default_factory=dict)
    rates: set[int] = field(default_factory=set)

    def read(self, rate: int, amounts: tuple[Amount, ...]) -> None:
        """One row of this rate; the first row of a name counts."""
        spread = _columns(amounts)
        if spread:
            self.inside.setdefault(rate, spread[0])
            self.taxes.setdefault(rate, spread[1])
            return
        for amount in amounts:
            if _UNTAXED.search(amount.label):
                self.inside.setdefault(0, amount.value)
            elif _is_base(amount.label):
                (self.outside if _OUTSIDE.search(amount.label) else self.inside).setdefault(rate, amount.value)
            elif _TAX.search(amount.label) or (amount.label == "" and rate in self.inside | self.outside):
                self.taxes.setdefault(rate, amount.value)
                if _OUTSIDE.search(amount.label):
                    self.on_top.setdefault(rate, amount.value)

    def judged(self, total: int) -> tuple[Mapping[int, int], tuple[str, ...]]:
        """The reading of the rows that adds up to the total."""
        once = self.inside | {rate: value for rate, value in self.outside.items() if rate not in self.inside}
        for bases in (once, self.inside, self.outside):
            if bases and sum(bases.values()) == total:
                return _told(bases), ("the amounts per tax rate add up to the total",)
        for bases, taxes in ((once, self.taxes), (self.outside, self.taxes), (_sum(self.inside, self.outside), self.on_top)):
            gross = _sum(bases, {rate: taxes.get(rate, 0) for rate in bases})
            if gross and sum(gross.values()) == total:
                return _told(gross), ("the amounts per tax rate and their taxes add up to the total",)
        if len(self.rates) == 1 and len(self.taxes) == 1 and not (set(once) - self.rates):
            (rate, tax), = self.taxes.items()
            if rate and abs(tax * (10_000 + rate) - total * rate) < 10_000 + rate:
                return {rate: total}, (f"the only tax, {tax:,}, is {rate // 100} % of the total",)
        if any(once.values()):
            return {}, ("the amounts per tax rate do not add up to the total: not used",)
        return {}, ()


def _sum(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    return {rate: one.get(rate, 0) + other.get(rate, 0) for rate in [*one, *(rate for rate in other if rate not in one)]}


def _told(gross: Mapping[int, int]) -> dict[int, int]:
    return {rate: value for rate, value in gross.items() if value}


def _is_base(label: str) -> bool:
    if "対象" in label or "taxable" in label:
        return not re.search(r"対象(?:消費税|税額|内税|外税)", label)
    return bool(_BASE.search(label)) and not _TAX.search(label)


def _columns(amounts: tuple[Amount, ...]) -> tuple[int, int] | None:
    """A row of a table: ``8% 500 40 540``: net, tax, gross, or ``8% 540 40``."""
    values = [amount.value for amount in amounts]
    labels = [amount.label for amount in amounts]
    if len(values) < 2 or any(labels[1:]) or _TAX.search(labels[0]):
        return None
    return values[0], values[1]
