"""Owns the CSV form of past sales for `posagent program replay`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TextIO

from posagent.errors import PosagentError
from posagent.loyalty.model import Line, Member, Register, Sale, SaleRejected
from posagent.loyalty.records import moment
from posagent.loyalty.replay import Replay, replay
from posagent.loyalty.rules import Program

NEEDED = ("sale_id", "at", "amount")
KNOWN = (*NEEDED, "member", "rank", "category", "tax", "qty", "birth_month", "first", "flags", "tender")

Row = dict[str, str]


def replay_csv(program: Program, register: Register, name: str) -> Replay:
    """Replays a file, or standard input for "-". Rows that cannot be read are counted and named; raises PosagentError for the file itself."""
    unreadable = Replay("")
    try:
        with nullcontext(sys.stdin) if name == "-" else Path(name).open(encoding="utf-8-sig", newline="") as file:
            done = replay(program, register, _sales(file, name, unreadable))
    except OSError as wrong:
        raise PosagentError(f"sales file {name}: {wrong.strerror}; give a file that can be read") from wrong
    except UnicodeDecodeError as wrong:
        raise PosagentError(f"sales file {name}: not UTF-8; save it as UTF-8") from wrong
    except csv.Error as wrong:
        raise PosagentError(f"sales file {name}: {wrong}; see posagent program replay --help for its form") from wrong
    for message in unreadable.rejections:
        done.reject(message)
    done.rejected += unreadable.rejected - len(unreadable.rejections)
    return done


def _sales(file: TextIO, name: str, unreadable: Replay) -> Iterator[tuple[Sale, Member | None]]:
    reader = csv.reader(file)
    header = [column.strip() for column in next(reader, [])]
    lacking = [column for column in NEEDED if column not in header]
    unknown = [column for column in header if column not in KNOWN]
    if lacking or unknown:
        wrong = f"has no column {lacking[0]}" if lacking else f"has the unknown column {unknown[0]!r}"
        raise PosagentError(f"sales file {name}: {wrong}; known: {', '.join(KNOWN)}")
    seen: set[int] = set()
    for rows in _together(reader, header):
        sale_id = rows[0][1].get("sale_id", "")
        mark = hash(sale_id)
        if mark in seen:
            unreadable.reject(f"row {rows[0][0]}: the rows of sale {sale_id!r} do not stand together; sort the file by at and sale_id")
            continue
        seen.add(mark)
        try:
            yield _sale(rows)
        except (SaleRejected, ValueError) as wrong:
            unreadable.reject(f"row {rows[0][0]}: {wrong}")


def _together(reader: Iterable[list[str]], header: list[str]) -> Iterator[list[tuple[int, Row]]]:
    """Neighbouring rows of the same sale, with their line numbers; empty rows are passed over."""
    rows: list[tuple[int, Row]] = []
    for number, values in enumerate(reader, 2):
        if not values:
            continue
        row = dict(zip(header, values, strict=False))
        if rows and rows[-1][1]["sale_id"] != row["sale_id"]:
            yield rows
            rows = []
        rows.append((number, row))
    if rows:
        yield rows


def _sale(rows: list[tuple[int, Row]]) -> tuple[Sale, Member | None]:
    first = rows[0][1]
    if not first["sale_id"] or "amount" not in first:
        raise ValueError("sale_id, at and amount are needed")
    lines = tuple(
        Line(int(row["amount"]), row.get("category") or "*", int(row.get("tax") or 1000), int(row.get("qty") or 1)) for _, row in rows
    )
    tender = tuple(filter(None, first.get("tender", "").split("|")))
    sale = Sale(first["sale_id"], moment(first["at"], "at"), lines, tender=tender)
    token = first.get("member", "")
    if not token:
        return sale, None
    born = first.get("birth_month", "")
    flags = tuple(filter(None, first.get("flags", "").split("|")))
    month = int(born) if born else None
    return sale, Member(token, rank=first.get("rank") or None, birth_month=month, first=first.get("first") == "1", flags=flags)
