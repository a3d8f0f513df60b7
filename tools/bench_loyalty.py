"""Owns the loyalty figures of `make bench`: one quote, and a replay of many sales."""

from __future__ import annotations

import json
import random
import statistics
import sys
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter_ns
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posagent.loyalty import Line, Member, Program, Register, Sale, quote, read_program
from posagent.loyalty.replay import replay

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
    """Seconds to replay a number of sales (1 to 8 lines) by the example supermarket, the records already built one by one."""
    program, problems = read_program((ROOT / "config/programs/supermarket-rate.toml").read_text(encoding="utf-8"))
    assert not problems
    start = perf_counter_ns()
    done = replay(program, Register("midori", "market", tax_rounding="floor"), _sales(sales))
    assert done.sales == sales
    return (perf_counter_ns() - start) / 1e9


def _sales(count: int) -> Any:
    chance = random.Random(4)
    first = datetime.fromisoformat("2026-06-01T09:00:00+09:00")
    categories = ("own-brand", "fish", "meat", "vegetable", "tobacco", "*")
    for number in range(count):
        prices = [chance.randrange(98, 1980) for _ in range(chance.randrange(1, 9))]
        rows = tuple(Line(price, chance.choice(categories), chance.choice((800, 1000))) for price in prices)
        sale = Sale(f"s{number}", first + timedelta(seconds=number), rows)
        yield sale, Member(f"m{chance.randrange(2000)}", rank=chance.choice(("green", "gold", "platinum"))) if number % 3 else None


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
            "how": f"{SALES:,} sales of 1 to 8 lines on one core, scaled by {1_000_000 // SALES}",
        },
    ]


if __name__ == "__main__":
    for figure in measure():
        print(json.dumps(figure))
