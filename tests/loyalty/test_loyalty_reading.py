"""The program file: what is read, and every problem with its line, path and remedy."""

# ruff: noqa: E501 - program texts and messages stand on one line, as they are written and printed

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from posagent.loyalty import Program, read_program
from posagent.loyalty.days import Expire, Window
from posagent.loyalty.lint import lint
from posagent.loyalty.numbers import OutOfRange
from posagent.loyalty.read_rules import _dates, _hours
from posagent.loyalty.rules import (
    Account,
    Approval,
    Basis,
    Benefit,
    Boost,
    Card,
    ChargeLimits,
    CouponRule,
    Earn,
    Limits,
    OfflineLimits,
    Ranks,
    Redeem,
    Scope,
    Tier,
    Valid,
    When,
)

Make = Callable[..., Program]
ROOT = Path(__file__).parents[2]
FILES = [ROOT / "config" / "program.example.toml", *sorted((ROOT / "config" / "programs").glob("*.toml"))]
HEAD = 'schema = 1\n[program]\nid = "p"\nversion = 1\n'
REST = '[accounts.points]\n[[earn]]\nrate = "1%"\n'


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_programs_we_ship_are_sound(path: Path) -> None:
    program, problems = read_program(path.read_text(encoding="utf-8"))
    assert problems == []
    assert [finding for finding in lint(program) if finding.level in "EW"] == []


def test_there_are_three_realistic_programs() -> None:
    assert [path.name for path in FILES[1:]] == ["cafe-stamps.toml", "ramen-points.toml", "supermarket-rate.toml"]


def test_every_table_and_key_is_read() -> None:
    program, problems = read_program(FILES[0].read_text(encoding="utf-8"))
    assert problems == []
    assert program == Program(
        id="acme-cafe",
        version=12,
        name="アクメカフェ ポイント",
        currency="JPY",
        timezone="Asia/Tokyo",
        day_start=300,
        first_day=date(2026, 4, 1),
        last_day=date(2027, 3, 31),
        scope=Scope("acme", "cafe", ("*",)),
        approvals_required=1,
        basis=Basis(
            "included",
            frozenset({"tobacco", "giftcard", "stamp-revenue", "utility", "charge", "shipping"}),
            frozenset({"discount", "coupon", "points"}),
        ),
        accounts=(
            Account("points", "ポイント", Expire(12, None, "activity", "month"), Redeem(1, 1, 1, 100_000)),
            Account("stamps", "スタンプ", Expire(6, None, "activity"), cooldown="day", card=Card(10, ((5, "half-off"), (10, "free-drink")))),
            Account(
                "value",
                "チャージ残高",
                Expire(6),
                charge=ChargeLimits(1000, 1000, 30_000, 50_000),
                issuer="株式会社アクメ",
                contact="お客様窓口 0120-000-000",
                places="アクメカフェ全店",
                balance_url="https://cafe.example/balance",
            ),
            Account("bonus", "ボーナス残高", Expire(3)),
        ),
        earn=(
            Earn("gold", "points", "rate", when=When(rank=("gold", "platinum")), rate=300),
            Earn("base", "points", "amount", every=100, give=1),
            Earn("visit-stamp", "stamps", "visit", when=When(min_amount=500), visit=1),
            Earn("charge-bonus", "bonus", "amount", on="charge", every=1000, give=100),
        ),
        boost=(
            Boost("rainy-tuesday", group="day", when=When(weekday=(1,), hours=(840, 1020)), times=2000),
            Boost("birthday", group="person", when=When(birth_month=True), times=1500),
        ),
        coupon=(
            CouponRule(
                "free-drink",
                "ドリンク1杯無料",
                Benefit(gift="drink", value=300),
                issue="stamps",
                lines=frozenset({"drink"}),
                valid=Valid(Expire(days=30)),
            ),
            CouponRule(
                "half-off", "次回50%引き (上限500円)", Benefit(off_rate=5000, max=500), issue="stamps", valid=Valid(Expire(days=30)), reach="brand"
            ),
            CouponRule(
                "next-100",
                "次回100円引き",
                Benefit(off=100),
                issue="sale",
                when=When(min_amount=2000),
                use_when=When(min_amount=500),
                valid=Valid(month_end=True),
                bearer=True,
            ),
        ),
        ranks=Ranks(
            Window(yearly="09-16"),
            (
                Tier("silver", "シルバー"),
                Tier("gold", "ゴールド", (("spend", 20_000),)),
                Tier("platinum", "プラチナ", (("spend", 50_000), ("visits", 12))),
            ),
        ),
        limits=Limits(10_000, 0, 30),
        offline=OfflineLimits(),
        approvals=(Approval(1, "area-manager-07", datetime.fromisoformat("2026-03-20T10:00:00+09:00"), "approved", "上限を500円に"),),
        caps=(("points", 10_000), ("stamps", 5)),
    )


def test_what_is_left_out_has_its_default(make: Make) -> None:
    program = make(REST)
    assert program == Program(
        "p", 1, (Account("points", "points"),), (Earn("earn-1", "points", "rate", rate=100),), basis=Basis(), limits=Limits(None, 0, 30)
    )
    assert program.basis == Basis("included", frozenset(), frozenset({"discount", "coupon", "points"}))
    assert (program.reference, program.account("points"), program.account("x"), program.coupon_rule("x")) == ("p@1", program.accounts[0], None, None)


def test_the_rarer_forms_are_read(make: Make) -> None:
    body = """
[basis]
tax = "excluded"
reduced_by = []
[accounts.points]
cooldown = "hours:3"
expire = { days = 30, round = "month" }
redeem = { yen = 2, unit = 10, min = 0 }
[accounts.visits]
charge = {}
card = { size = 3, rewards = { "3" = "b", "1" = "a" } }
[[earn]]
account = "points"
lines = ["x"]
give = 0
[[earn]]
lines = ["*", "y"]
rate = "1%"
round = "half_up"
per = "unit"
[[earn]]
id = "e"
account = "visits"
item = 2
[earn.when]
flag = ["f"]
store = ["s"]
dates = "2026-04-01..2026-04-30"
first = true
birth_month = true
category = ["c"]
tender = ["t"]
hours = "22:00-24:00"
[[boost]]
account = "visits"
add = 5
[[coupon]]
id = "a"
benefit = { off = 1 }
valid = { until = 2026-12-31 }
[[coupon]]
id = "b"
benefit = { off_rate = "5%" }
valid = { months = 2, round = "month" }
reach = "register"
group = "g"
[rank]
metric_window = { months = 6 }
tiers = [{ id = "x", need = { student = 1 } }]
[limits]
late_days = 3
refund_days = 5
per_sale = { visits = 2 }
"""
    program = make(body)
    assert program.basis == Basis("excluded", frozenset(), frozenset())
    assert program.accounts[0] == Account("points", "points", Expire(None, 30, "earn", "month"), Redeem(2, 10, 0, None), "hours:3")
    assert program.accounts[1] == Account("visits", "visits", card=Card(3, ((1, "a"), (3, "b"))), charge=ChargeLimits())
    assert program.earn[0] == Earn("earn-1", "points", "nothing", lines=frozenset({"x"}))
    assert program.earn[1] == Earn("earn-2", "points", "rate", rate=100, round="half_up", per="unit")
    when = When((), ("f",), ("s",), (), (1320, 1440), (date(2026, 4, 1), date(2026, 4, 30)), 0, True, True, ("c",), ("t",))
    assert program.earn[2] == Earn("e", "visits", "item", when=when, item=2)
    assert program.boost[0] == Boost("boost-1", "visits", "boost", add=5)
    assert program.coupon[0] == CouponRule("a", "a", Benefit(off=1), valid=Valid(until=date(2026, 12, 31)))
    assert program.coupon[1].valid == Valid(Expire(2, None, round="month"))
    assert (program.coupon[1].reach, program.coupon[1].group, program.coupon[1].benefit) == ("register", "g", Benefit(off_rate=500))
    assert program.ranks == Ranks(Window(months=6), (Tier("x", "x", (("student", 1),)),))
    assert (program.limits, program.caps) == (Limits(None, 3, 5), (("visits", 2),))
    assert make(REST + "[rank]\ntiers = []\n").ranks == Ranks(Window(), ())
    assert make(REST + '[rank]\nmetric_window = "lifetime"\ntiers = []\n').ranks == Ranks(Window(), ())


WRONG = """
schema = 2
colour = "red"
[program]
id = "no good"
version = 0
currency = "yen"
timezone = "Asia Tokyo"
day_start = "25:00"
from = 2026-05-01
until = 2026-04-01
approvals_required = 6
owner = "me"
scope = { city = "x" }
[basis]
tax = "without"
reduced_by = ["coupons"]
excluded = []
[accounts.points]
cooldown = "week"
expire = { months = 1, days = 1 }
colour = 1
redeem = { yen = 0, unit = 0, min = -1, max = 0, x = 1 }
charge = { unit = 0, min = 0, max = 0, max_balance = 0, x = 1 }
card = { size = 2, rewards = { "3" = "gone", "0" = "gone", "x" = "gone", "1" = "gone", "2" = 5 }, x = 1 }
[[earn]]
id = "same"
rate = "101%"
evry = 100
[[earn]]
id = "same"
every = 100
when = { weekday = ["tues"], hours = "9-5", dates = "2026-05-01..2026-04-01", rank = [], first = false, birth_month = false, min_amount = -1, x = 1 }
[[earn]]
give = 5
account = "stamps"
[[earn]]
visit = 1
give = 1
round = "ceil"
lines = []
[[earn]]
per = "kilo"
on = "sunday"
[[boost]]
times = "11"
account = "bonuses"
[[boost]]
times = "2"
add = 1
x = 1
[[boost]]
[[coupon]]
benefit = { off = 1, gift = "x" }
valid = { days = 1, until = "never" }
reach = "world"
issue = "sold"
bearer = "yes"
x = 1
[[coupon]]
benefit = { off = 1, value = 3, max = 5, x = 1 }
valid = { until = "never", x = 1 }
[[coupon]]
id = "same"
benefit = { off_rate = "x" }
[rank]
metric_window = { yearly = "9-16", months = 0, x = 1 }
tiers = [{ id = "a", x = 1, need = { spend = -1 } }, { id = "a" }]
x = 1
[limits]
points_per_sale = -1
late_days = 1000
per_sale = { gems = 5 }
x = 1
[offline]
redeem_yen = 501
charge_yen = 10001
queue_stop = 0
x = 1
[[approval]]
level = 6
at = "today"
decision = "maybe"
x = 1
[[approval]]
level = 1
by = "x"
at = 2026-05-01T10:00:00
decision = "approved"
"""


def test_all_problems_are_told_at_once(golden: Callable[[str, str], None]) -> None:
    _, problems = read_program(WRONG)
    golden("problems.txt", "\n".join(map(str, problems)))


def problems_of(body: str, head: str = HEAD) -> list[str]:
    return [str(problem) for problem in read_program(head + body)[1]]


def test_a_broken_or_huge_file_is_one_problem() -> None:
    assert problems_of("x =") == ["not TOML: Invalid value (at end of document)"]
    program, problems = read_program("x" * 1_000_001)
    assert [str(problem) for problem in problems] == ["the file has 1000001 characters; a program file has at most 1000000"]
    assert (program.reference, program.accounts, program.earn) == ("unreadable@0", (), ())
    broken, _ = read_program("x =")
    assert broken == program
    padded = HEAD + REST
    assert read_program(padded + "#" * (1_000_000 - len(padded)))[1] == []


@pytest.mark.parametrize(
    "body,problem",
    [
        ("[[earn]]\nrate = \"1%\"\n", "accounts: is missing; a program needs at least one account, like [accounts.points]"),
        ("[accounts.points]\n", "earn: is missing; a program needs at least one [[earn]] rule"),
        ("[accounts.points]\n[[earn]]\n", "line 6: earn[1]: needs a formula: every and give (per amount), rate, visit, or item; give = 0 alone excludes lines"),
        ("[accounts.points]\n[[earn]]\nevery = 5\n", "line 6: earn[1].give: is missing; every = 100 needs give = 1"),
        ("[accounts.points]\n[[earn]]\ngive = 5\n", "line 6: earn[1].every: is missing; give needs every"),
        ("[accounts.points]\n[[earn]]\nrate = \"1%\"\ngive = 1\n", "line 8: earn[1].give: belongs to every, not to rate"),
        ("[accounts.points]\n[[earn]]\nevery = 1\ngive = 1\nround = \"ceil\"\n",
         "line 9: earn[1].round: belongs to rate only; per-amount rules give for every full amount"),
        (REST + "[accounts.a]\nexpire = { days = 1, x = 1 }\n", "line 9: accounts.a.expire.x: is not a setting; known here: days, from, months, round"),
        (REST + '[accounts.a]\ncard = { size = 1, rewards = { "1" = "c" } }\n',
         "line 9: accounts.a.card: the reward at 1 names the coupon 'c', which is not defined; known: none"),
        (REST + '[rank]\ntiers = [{ id = "no good" }]\n', "line 9: rank.tiers[1].id: must be a short name like 'gold', not 'no good'"),
        (REST + "[accounts.a]\nexpire = {}\n", "line 9: accounts.a.expire: needs exactly one of months and days"),
        (REST + "[[boost]]\n", 'line 8: boost[1]: needs times = "2" or add = 100'),
        (REST + "[[coupon]]\nbenefit = { gift = \"x\" }\n",
         "line 9: coupon[1].benefit.value: is missing; a gift needs the value that it has at most, in yen (the law limits it)"),
        (REST + "[[coupon]]\nbenefit = {}\n", 'line 9: coupon[1].benefit: needs exactly one of off = 100, off_rate = "10%" and gift = "drink"'),
        (REST + "[[coupon]]\n[coupon.valid]\nuntil = 2026-01-01T10:00:00\n",
         'line 10: coupon[1].valid.until: must be "month_end" or a date like 2026-04-01 (without quotes)'),
        (REST + "[[coupon]]\nid = \"earn-1\"\nbenefit = { off = 1 }\n", "line 9: coupon[1].id: 'earn-1' is used already by earn[1]; every id is used once"),
        (REST + "[rank]\nmetric_window = {}\n", 'line 9: rank.metric_window: must be { yearly = "09-16" }, { months = 6 } or "lifetime"'),
        (REST + "[[boost]]\nadd = 1\nwhen = { hours = \"09:00-09:00\" }\n", "line 10: boost[1].when.hours: '09:00-09:00' holds no time"),
        (REST + "[[boost]]\nadd = 1\nwhen = { hours = \"24:00-09:00\" }\n", "line 10: boost[1].when.hours: '24:00-09:00' holds no time"),
        (REST + "[[boost]]\nadd = 1\nwhen = { dates = \"2026-05-01\" }\n",
         "line 10: boost[1].when.dates: dates are written like \"2026-04-01..2026-04-30\", not '2026-05-01'"),
        (REST + "[limits]\nper_sale = { points = 5, gems = 5 }\n", "line 9: limits.per_sale.gems: the account 'gems' is not defined; known: points"),
    ],
)
def test_a_problem_names_line_path_and_remedy(body: str, problem: str) -> None:
    assert problem in problems_of(body)


def test_a_program_that_ends_on_its_first_day_is_possible() -> None:
    assert problems_of(REST, 'schema = 1\n[program]\nid = "p"\nversion = 1\nfrom = 2026-04-01\nuntil = 2026-04-01\n') == []
    assert problems_of(REST, 'schema = 1\n[program]\nid = "p"\nversion = 1\nday_start = "24:00"\n') == ["line 5: program.day_start: must be before 24:00"]
    assert problems_of(REST, 'schema = 1\n[program]\nid = "p"\nversion = 1\nday_start = "23:59"\n') == []


# ---------------------------------------------------------------- the JSON Schema


def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "config" / "program.schema.json").read_text(encoding="utf-8"))
    return found


def as_json(value: object) -> object:
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, (date, datetime)) else value


def test_the_checked_in_schema_is_what_the_reader_says() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "make_program_schema.py"), "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "config/program.schema.json is up to date\n")


def test_the_reader_has_not_changed_without_the_schema() -> None:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import make_program_schema
    finally:
        sys.path.remove(str(ROOT / "tools"))
    assert make_program_schema.schema_text() == (ROOT / "config" / "program.schema.json").read_text(encoding="utf-8")


def test_a_cap_on_points_may_stand_once_or_twice(make: Make) -> None:
    assert make(REST + "[limits]\npoints_per_sale = 5\nper_sale = { points = 7 }\n").caps == (("points", 5),)
    assert make(REST + "[limits]\nper_sale = { points = 7 }\n").caps == (("points", 7),)


def test_the_parsers_of_a_rule_say_which_form_is_wrong() -> None:
    for parse, text, code in ((_hours, "09:00-09:00", "time"), (_dates, "x", "date"), (_dates, "2026-05-02..2026-05-01", "date")):
        with pytest.raises(OutOfRange) as refused:
            parse(text)  # type: ignore[operator]
        assert refused.value.code == code


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_schema_accepts_what_the_reader_accepts(path: Path) -> None:
    jsonschema.Draft202012Validator(schema()).validate(as_json(tomllib.loads(path.read_text(encoding="utf-8"))))


def test_the_schema_refuses_what_the_reader_refuses() -> None:
    wrong = as_json(tomllib.loads(WRONG))
    paths = {".".join(map(str, error.absolute_path)) for error in jsonschema.Draft202012Validator(schema()).iter_errors(wrong)}
    assert {"schema", "", "program.id", "program.version", "basis.tax", "accounts.points", "coupon.2.benefit.off_rate", "earn.1.when", "boost.0.times"} <= paths
