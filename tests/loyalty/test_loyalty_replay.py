"""The rule simulator and its page."""

# ruff: noqa: E501 - program texts and messages stand on one line, as they are written and printed

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from xml.etree import ElementTree as ET

import pytest

from posagent.loyalty import Line, Member, Program, Reduction, Register, Sale, quote
from posagent.loyalty.replay import DayCost, Replay, RuleCost, benefit_worth, replay, unit_worth
from posagent.loyalty.replay_page import _round_up, chart, escape, page
from posagent.loyalty.rules import Benefit

Make = Callable[..., Program]
BODY = """
[accounts.points]
redeem = { yen = 2 }
[accounts.bonus]
[accounts.gift]
[accounts.stamps]
cooldown = "day"
card = { size = 2, rewards = { "2" = "free" } }
[[earn]]
id = "base"
every = 100
give = 1
[[earn]]
id = "visit"
account = "stamps"
visit = 1
[[earn]]
id = "charge"
on = "charge"
account = "gift"
rate = "1%"
[[boost]]
id = "double"
times = "2"
when = { min_amount = 1000 }
[[coupon]]
id = "free"
issue = "stamps"
benefit = { gift = "cup", value = 150 }
[limits]
points_per_sale = 30
"""
NOON = datetime.fromisoformat("2026-06-02T12:00:00+09:00")


def sales() -> list[tuple[Sale, Member | None]]:
    m, n = Member("m"), Member("n")
    return [
        (Sale("1", NOON, (Line(500),)), m),
        (Sale("2", NOON + timedelta(hours=1), (Line(2000),)), m),
        (Sale("3", NOON + timedelta(hours=2), (Line(300),)), None),
        (Sale("4", NOON + timedelta(hours=3), (Line(-1),)), m),
        (Sale("5", NOON + timedelta(days=1), (Line(900),)), m),
        (Sale("6", NOON + timedelta(days=1), (Line(100), Line(100)), reductions=(Reduction("discount", 50),)), n),
    ]


def test_the_cost_of_every_day_and_rule(make: Make) -> None:
    done = replay(make(BODY), Register(), sales())
    assert done.days == {
        "2026-06-02": DayCost(3, 2, 2800, (5 + 20 + 20 - 10) * 2),
        "2026-06-03": DayCost(2, 2, 1100, (9 + 1) * 2 + 150),
    }
    assert {key: (rule.kind, rule.account, rule.times, rule.amount, rule.cost_yen) for key, rule in done.rules.items()} == {
        ("earn", "base"): ("earn", "points", 4, 35, 70),
        ("earn", "visit"): ("earn", "stamps", 3, 3, 0),
        ("boost", "double"): ("boost", "points", 1, 20, 40),
        ("cap", "limit of points"): ("cap", "points", 1, -10, -20),
        ("coupon", "free"): ("coupon", "", 1, 1, 150),
    }
    assert done.accounts == {"points": 45, "stamps": 3}
    assert (done.sales, done.yen, done.cost_yen, done.cost_bp, done.program) == (5, 3900, 240, 615, "p@1")
    assert (done.rejected, done.rejections) == (1, ["sale 4, line 1: -1 is negative; send a return as a refund"])
    assert sum(rule.cost_yen for rule in done.rules.values()) == done.cost_yen


def test_an_empty_replay_costs_nothing(make: Make) -> None:
    done = replay(make(BODY), Register(), [])
    assert (done.sales, done.yen, done.cost_yen, done.cost_bp) == (0, 0, 0, 0)
    assert "p@1" in page(done)


def test_the_first_rejections_are_kept_and_all_are_counted() -> None:
    done = Replay("p@1")
    for number in range(30):
        done.reject(str(number))
    assert (done.rejected, done.rejections) == (30, [str(number) for number in range(20)])


def test_what_a_unit_and_a_coupon_are_worth(make: Make) -> None:
    assert unit_worth(make(BODY)) == {"points": 2, "bonus": 1, "gift": 1, "stamps": 0}
    worth = [benefit_worth(each) for each in (Benefit(off=5), Benefit(off_rate=100, max=7), Benefit(off_rate=100), Benefit(gift="x", value=9))]
    assert worth == [5, 7, 0, 9]


def test_without_cards_members_are_quoted_as_they_come(make: Make) -> None:
    program = make('[accounts.points]\n[[earn]]\nrate = "1%"')
    done = replay(program, Register(), sales())
    assert done.accounts == {"points": sum(quote(program, Register(), sale, member).total("points") for sale, member in sales() if sale.sale_id != "4")}


def small() -> Replay:
    done = Replay("p<1>@1")
    done.days = {f"2026-06-{day:02d}": DayCost(day, 1, day * 1000, day * 10) for day in range(1, 31)}
    done.rules = {("earn", "a"): RuleCost("a<b>", "earn", "points", 3, 1500, 450), ("cap", "c"): RuleCost("c", "cap", "points", 1, -5, -5)}
    return done


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_chart_is_one_svg_with_a_bar_per_day(language: str, golden: Callable[[str, str], None]) -> None:
    text = chart(small(), language)  # type: ignore[arg-type]
    root = ET.fromstring(text)  # noqa: S314 - our own text
    bars = list(root.iter("{http://www.w3.org/2000/svg}rect"))
    assert len(bars) == 30
    heights = [int(bar.attrib["height"]) for bar in bars]
    assert heights == sorted(heights)
    right = max(int(bar.attrib["x"]) + int(bar.attrib["width"]) for bar in bars)
    assert right <= 960
    assert all(int(bar.attrib["y"]) + int(bar.attrib["height"]) == 276 for bar in bars)
    golden(f"chart.{language}.svg", text)


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_page_needs_nothing_from_outside_and_trusts_no_name(language: str, golden: Callable[[str, str], None]) -> None:
    done = small()
    done.reject("x")
    text = page(done, language)  # type: ignore[arg-type]
    assert not re.search(r"(src|href)=|url\(|@import|<script", text)
    assert "a<b>" not in text
    assert "p<1>" not in text
    golden(f"replay.{language}.html", text.rstrip("\n"))
    assert text.endswith("</html>\n")


def test_a_chart_of_one_day_and_of_large_sums() -> None:
    done = Replay("p@1")
    done.days = {"2026-06-01": DayCost(1, 1, 1, 123_456)}
    assert ">200,000<" in chart(done)
    done.days["2026-06-01"].cost_yen = -5
    assert 'height="0"' in chart(done)
    for cost, top in ((1, "1"), (2, "2"), (3, "5"), (5, "5"), (6, "10"), (10, "10"), (11, "20"), (500, "500"), (501, "1,000")):
        done.days["2026-06-01"].cost_yen = cost
        assert f">{top}<" in chart(done)


def test_the_top_of_an_axis_is_a_round_number() -> None:
    assert [_round_up(value) for value in (1, 2, 3, 5, 6, 10, 11, 49, 50, 51)] == [1, 2, 5, 5, 10, 10, 20, 50, 50, 100]


def test_a_chart_without_days_or_with_very_many(golden: Callable[[str, str], None]) -> None:
    golden("chart-empty.svg", chart(Replay("p@1")))
    done = Replay("p@1")
    done.days = {f"{2000 + day // 300}-{day % 300:03d}": DayCost(1, 1, 1, day) for day in range(1500)}
    golden("chart-many.svg", chart(done))
    assert Replay("p", days={"d": DayCost(1, 1, 100_000, 100_000)}).cost_bp == 10_000


def test_names_cannot_break_out() -> None:
    assert escape("<a href=\"x\" title='y'>&") == "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;"
    assert escape(5) == "5"
