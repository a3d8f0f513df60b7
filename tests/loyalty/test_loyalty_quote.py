"""What a sale gives, by the example program."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from posagent.loyalty import Line, Member, Register, Sale, quote, read_program, to_json

EXAMPLE = Path(__file__).parents[2] / "config" / "program.example.toml"
PROGRAM, PROBLEMS = read_program(EXAMPLE.read_text(encoding="utf-8"))
REGISTER = Register("acme", "cafe", "s1", "r1")
NOON = datetime.fromisoformat("2026-06-01T12:00:00+09:00")


def test_the_example_program_has_no_problem() -> None:
    assert PROBLEMS == []


def test_an_amount_only_sale_gives_points_and_a_stamp() -> None:
    found = quote(PROGRAM, REGISTER, Sale.of_total("s1-1", NOON, 1980), Member("m"))
    assert (found.total("points"), found.total("stamps")) == (19, 1)
    assert found.program == "acme-cafe@12"


def test_the_same_inputs_give_the_same_bytes() -> None:
    sale = Sale("s1-2", NOON, (Line(1200, "drink", 800, 2), Line(900)))
    first, second = (to_json(quote(PROGRAM, REGISTER, sale, Member("m", rank="gold"))) for _ in range(2))
    assert first == second


def test_the_fifth_stamp_issues_its_coupon_and_a_large_sale_the_next_one() -> None:
    found = quote(PROGRAM, REGISTER, Sale.of_total("s1-3", NOON, 2500), Member("m", balances={"stamps": 4}))
    assert [(each.definition, each.cause) for each in found.coupons_issued] == [("half-off", "stamps"), ("next-100", "sale")]
