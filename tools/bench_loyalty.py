"""Owns the loyalty figures of `make bench`: one quote, and a replay of many sales."""

from __future__ import annotations

import json
import random
import statistics
import sys
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter_ns, process_time_ns
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posagent.cli.program_sales import replay_csv
from posagent.loyalty import Line, Member, Program, Register, Sale, quote, read_program

ROOT = Path(__file__).resolve().parents[1]
SALES = 20_000


def twenty_rules() -> Program:
    """Fourteen earn rules (ranks, categories, days, a stamp) and six boosts on two accounts, tax excluded."""
    lines = [
        'schema = 1\n[program]\nid = "bench"\nversion = 1\n[basis]\ntax = "excluded"\nexclude = ["tobacco"]',
        "[accounts.points]\n[accounts.stamps]\n",
    ]
    lines += [f'[[earn]]\nid = "c{n}"\nlines = ["c{n}"]\nrate = "{n}%"\nwhen = {{ min_amount = {n * 100} }}' for n in range(1, 9)]
    lines += [f'[[earn]]\nid = "r{n}"\nwhen = {{ rank = ["rank{n}"] }}\nrate = "{n}%"' for n in range(1, 5)]
    lines += ['[[earn]]\nid = "base"\nevery = 100\ngive = 1', '[[earn]]\nid = "visit"\naccount = "stamps"\nvisit = 1']
    lines += [f'[[boost]]\nid = "b{n}"\ngroup = "g{n % 3}"\ntimes = "1.{n}"\nwhen = {{ hours = "09:00-22:00" }}' for n in range(1, 7)]
    program, problems = read_program("\n".join(lines))
    assert not problems, problems
    return program


def large_basket() -> Sale:
    """Fifty lines over twelve categories and two tax rates."""
    rows = tuple(Line(100 + 37 * n, f"c{n % 12}", 800 if n % 3 else 1000, 1 + n % 4) for n in range(50))
    return Sale("bench", datetime.fromisoformat("2026-06-02T15:00:00+09:00"), rows)


def quote_ms() -> float:
    """Median of one quote of the large basket, in milliseconds."""
    program, register, sale, member = twenty_rules(), Register(tax_rounding="floor"), large_basket(), Member("m", rank="rank3")
    samples = []
    for _ in range(500):
        start = perf_counter_ns()
        quote(program, register, sale, member)
        samples.append(perf_counter_ns() - start)
    return statistics.median(samples) / 1e6


def replay_seconds(sales: int) -> float:
    """Seconds to replay a CSV file of sales (1 to 8 lines each) by the example supermarket, as `posagent program replay` does."""
    program, problems = read_program((ROOT / "config/programs/supermarket-rate.toml").read_text(encoding="utf-8"))
    assert not problems
    with TemporaryDirectory() as folder:
        file = Path(folder) / "sales.csv"
        _write_sales(file, sales)
        start = process_time_ns()  # other work on the machine does not count
        done = replay_csv(program, Register("midori", "market"), str(file))
        seconds = (process_time_ns() - start) / 1e9
    assert (done.sales, done.rejected) == (sales, 0)
    return seconds


def _write_sales(file: Path, count: int) -> None:
    chance = random.Random(4)
    first = datetime.fromisoformat("2026-06-01T09:00:00+09:00")
    categories, ranks = ("own-brand", "fish", "meat", "vegetable", "tobacco", ""), ("green", "gold", "platinum")
    rows = ["sale_id,at,amount,member,rank,category,tax"]
    for number in range(count):
        at = (first + timedelta(seconds=number)).isoformat()
        member = f"m{chance.randrange(2000)},{chance.choice(ranks)}" if number % 3 else ","
        lines = range(chance.randrange(1, 9))
        head = f"s{number},{at}"
        rows += [f"{head},{chance.randrange(98, 1980)},{member},{chance.choice(categories)},{chance.choice((800, 1000))}" for _ in lines]
    file.write_text("\n".join(rows), encoding="utf-8")


def measure() -> list[dict[str, Any]]:
    """The figures. The replay is measured on fewer sales and scaled: its cost grows with their number alone."""
    seconds = replay_seconds(SALES)
    return [
        {
            "name": "loyalty quote, 50 lines and 20 rules, median",
            "value": round(quote_ms(), 3),
            "unit": "ms",
            "goal": 1,
            "better": "lower",
            "how": "500 quotes in this process, perf_counter",
        },
        {
            "name": "loyalty replay of 1,000,000 sales",
            "value": round(seconds * 1_000_000 / SALES, 1),
            "unit": "s",
            "goal": 180,
            "better": "lower",
            "how": f"a CSV of {SALES:,} sales of 1 to 8 lines, CPU time of one core, scaled by {1_000_000 // SALES}",
        },
    ]


if __name__ == "__main__":
    for figure in measure():
        print(json.dumps(figure))
