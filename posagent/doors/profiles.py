"""Owns receipt profiles: what a shop's receipts say otherwise than others do. PURE: TOML text in, `Profile` and problems out.

A profile adds words; it never takes away a rule by which a report or a reprint is told from a sale. Files can be shared between shops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from posagent.strict import Problem
from posagent.strict import Table as Toml

MOST_WORDS = 40


@dataclass(frozen=True, slots=True)
class Table:
    """Where a table (CSV) has what; columns are counted from 1, 0: there is none."""

    total: int
    receipt_no: int = 0
    kind: int = 0
    sales: tuple[str, ...] = ()  # what the column ``kind`` says of sales; empty: every row that is no refund
    refunds: tuple[str, ...] = ()
    delimiter: str = ","


@dataclass(frozen=True, slots=True)
class Profile:
    """How one kind of receipt is read. The default reads what most tills in Japan print."""

    name: str = ""
    total: tuple[str, ...] = ()  # further labels of the amount, as they are printed; they go before all others
    not_total: tuple[str, ...] = ()  # labels that are never the amount here
    receipt_no: tuple[str, ...] = ()  # words right before the receipt number; they go before all others
    ignore: tuple[str, ...] = ()  # lines with one of these are no sale
    points_used: Literal["before", "after"] = "after"
    decimals: Literal[0, 2] = 0
    paid: Literal["shown", "always"] = "shown"
    most: int = 1_000_000
    ends: tuple[str, ...] = ()  # files: a line that begins so ends a receipt
    number_form: str = ""  # as 9999-9999: what is not of this form is no receipt number (9 a digit, A a letter)
    table: Table | None = None


PLAIN = Profile()


def read_profile(text: str) -> tuple[Profile, list[Problem]]:
    """Reads a profile file. With problems, the profile is only good for looking at."""
    table = Toml.parse(text)
    if table.problems:
        return PLAIN, table.problems
    profile = Profile(
        name=table.text("name", longest=60),
        total=_words(table, "total"),
        not_total=_words(table, "not_total"),
        receipt_no=_words(table, "receipt_no"),
        ignore=_words(table, "ignore"),
        points_used=table.text("points_used", "after", choices=("before", "after")),
        decimals=2 if table.integer("decimals", 0, minimum=0, maximum=2) else 0,
        paid=table.text("paid", "shown", choices=("shown", "always")),
        most=table.integer("most", PLAIN.most, minimum=1, maximum=99_999_999),
        ends=_words(table, "ends"),
        number_form=table.text("number_form", "", longest=40),
        table=_table(table),
    )
    table.finish()
    return profile, table.problems


def _words(table: Toml, key: str) -> tuple[str, ...]:
    words: tuple[str, ...] = table.texts(key, ())
    if len(words) > MOST_WORDS or any(not 1 <= len(word.strip()) <= 40 for word in words):
        table.complain(key, f"takes at most {MOST_WORDS} texts of 1 to 40 characters")
        return ()
    return words


def _table(table: Toml) -> Table | None:
    if "table" not in table:
        return None
    own = table.table("table")
    delimiter = own.text("delimiter", ",", longest=1)
    found = Table(
        total=own.integer("total", minimum=1, maximum=200),
        receipt_no=own.integer("receipt_no", 0, minimum=0, maximum=200),
        kind=own.integer("kind", 0, minimum=0, maximum=200),
        sales=own.texts("sales", ()),
        refunds=own.texts("refunds", ()),
        delimiter=delimiter or ",",
    )
    own.finish()
    return found
