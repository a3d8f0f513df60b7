"""The words: programs described, quotes explained, findings of the lint."""

# ruff: noqa: E501 - program texts and messages stand on one line, as they are written and printed

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import get_args

import pytest

from posagent.loyalty import Coupon, Line, Member, Program, Reduction, Register, Sale, quote, read_program
from posagent.loyalty.describe import describe
from posagent.loyalty.lint import Finding, effective_rate, lint, max_gift
from posagent.loyalty.model import Reason, Refusal
from posagent.loyalty.rules import Earn
from posagent.loyalty.words import REFUSALS, explain, say

Make = Callable[..., Program]
Golden = Callable[[str, str], None]
ROOT = Path(__file__).parents[2]
FILES = [ROOT / "config" / "program.example.toml", *sorted((ROOT / "config" / "programs").glob("*.toml"))]
RARE = """
[basis]
tax = "excluded"
reduced_by = ["value"]
[accounts.points]
label = "ポイント"
cooldown = "hours:3"
expire = { days = 90 }
redeem = { yen = 2, unit = 50, min = 100 }
[accounts.stamps]
expire = { months = 6, from = "activity" }
card = { size = 5, rewards = { "5" = "b" } }
charge = {}
[[earn]]
id = "none"
lines = ["x", "w"]
give = 0
[[earn]]
id = "up"
rate = "1.5%"
round = "ceil"
per = "line"
[earn.when]
rank = ["gold"]
flag = ["student", "senior"]
store = ["s1"]
weekday = ["sun", "mon"]
hours = "22:00-02:30"
dates = "2026-04-01..2026-04-30"
min_amount = 1500
birth_month = true
first = true
category = ["tea"]
tender = ["cash", "card"]
[[earn]]
id = "half"
rate = "2%"
round = "half_up"
per = "unit"
[[earn]]
id = "each"
account = "stamps"
item = 2
[[boost]]
id = "more"
when = { weekday = ["wed", "thu", "fri"] }
add = 25
[[coupon]]
id = "a"
benefit = { off = 1000 }
reach = "register"
issue = "rank_up"
valid = { until = 2026-12-31 }
[[coupon]]
id = "b"
benefit = { off_rate = "5%" }
lines = ["tea", "cake"]
issue = "welcome"
valid = { days = 0 }
[[coupon]]
id = "c"
benefit = { gift = "cup", value = 150 }
issue = "survey"
valid = { months = 2, round = "month" }
[[coupon]]
id = "d"
benefit = { off = 1 }
issue = "birthday"
[[coupon]]
id = "e"
benefit = { off = 1 }
valid = { months = 1 }
[rank]
metric_window = "lifetime"
tiers = [{ id = "gold", label = "ゴールド", need = { points = 10, student = 1 } }]
[limits]
late_days = 3
[offline]
redeem_yen = 300
"""


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_program_in_words(path: Path, language: str, golden: Golden) -> None:
    program, _ = read_program(path.read_text(encoding="utf-8"))
    golden(f"{path.stem}.{language}.txt", "\n".join(describe(program, language)))  # type: ignore[arg-type]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_rare_rules_in_words(make: Make, language: str, golden: Golden) -> None:
    golden(f"rare.{language}.txt", "\n".join(describe(make(RARE), language)))  # type: ignore[arg-type]


def test_days_of_the_week_in_words(make: Make) -> None:
    def line(days: str, language: str) -> str:
        program = make(f'[accounts.points]\n[[earn]]\nrate = "1%"\nwhen = {{ weekday = {days} }}\n')
        return next(each for each in describe(program, language) if each.startswith("- [") or "曜" in each)  # type: ignore[arg-type]

    names = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    for short, name, letter in zip(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), names, "月火水木金土日", strict=True):
        assert line(f'["{short}"]', "en").startswith(f"- [on {name}] ")
        assert line(f'["{short}"]', "ja").startswith(f"- 【{letter}曜】")
    assert line('["tue", "mon"]', "en").startswith("- [on Monday or Tuesday] ")
    assert line('["mon", "tue", "wed"]', "en").startswith("- [Monday to Wednesday] ")


def test_japanese_is_the_language_of_the_store(make: Make) -> None:
    program = make(RARE)
    assert describe(program) == describe(program, "ja")
    found = quote(program, Register(), Sale.of_total("s", datetime.fromisoformat("2026-06-02T12:00:00+09:00"), 1500), Member("m"))
    assert explain(found, program) == explain(found, program, "ja")


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_quote_in_words(language: str, golden: Golden) -> None:
    program, _ = read_program(FILES[0].read_text(encoding="utf-8"))
    given = (Reduction("discount", 100), Reduction("coupon", 50), Reduction("points", 1200))
    coupons = (Coupon("CA", "next-100", store="s1"), Coupon("CB", "half-off"))
    at = datetime.fromisoformat("2026-06-02T15:00:00+09:00")
    sale = Sale("s", at, (Line(4200, "drink", qty=3), Line(1_000_000)), reductions=given, codes=("CA", "CB", "CX"), coupons=coupons)
    found = quote(program, Register("acme", "cafe", "s1"), sale, Member("m", birth_month=6, balances={"stamps": 9}))
    golden(f"quote.{language}.txt", "\n".join(explain(found, program, language)))  # type: ignore[arg-type]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_other_step_has_words(make: Make, language: str, golden: Golden) -> None:
    steps = [
        Reason("reduction", (("kind", "value"), ("yen", 5))),
        Reason("cooldown", (("account", "stamps"), ("policy", "day"))),
        Reason("charge", (("account", "gone"), ("yen", 5000))),
        Reason("no_member"),
        Reason("member_blocked"),
        Reason("member_unverified"),
        Reason("snapshot_old", (("hours", 72),)),
        Reason("program_grace", (("program", "p@1"),)),
        Reason("program_ended", (("program", "p@1"),)),
        Reason("program_not_yet", (("program", "p@1"),)),
        *[Reason("coupon_refused", (("code", "C1"), ("why", why))) for why in REFUSALS],
    ]
    program = make(RARE)
    golden(f"steps.{language}.txt", "\n".join(say(step, program, language) for step in steps))  # type: ignore[arg-type]


def test_every_refusal_of_a_coupon_has_words() -> None:
    assert tuple(REFUSALS) == get_args(Refusal)


# ---------------------------------------------------------------- lint

SOUND = '[basis]\nexclude = ["tobacco", "giftcard", "charge"]\n[accounts.points]\n[[earn]]\nid = "base"\nrate = "1%"\n'
HEAD = 'schema = 1\n[program]\nid = "p"\nversion = 2\nfrom = 2026-04-01\nuntil = 2026-12-31\n'
OLD = 'schema = 1\n[program]\nid = "p"\nversion = 1\nuntil = 2026-03-31\n'


def findings(make: Make, body: str, head: str = HEAD, old: str | None = None, old_head: str = OLD) -> list[str]:
    return [str(finding) for finding in lint(make(body, head), make(old, old_head) if old is not None else None)]


def test_a_sound_program_has_no_finding(make: Make) -> None:
    assert findings(make, SOUND) == []
    assert findings(make, SOUND, old=SOUND) == []


@pytest.mark.parametrize(
    "body,found",
    [
        (
            SOUND + "[accounts.value]\n",
            [
                "E accounts.value: has no issuer; 資金決済法 13条 wants it on the slip after a charge [value-issuer]",
                "E accounts.value: has no contact; 資金決済法 13条 wants it on the slip after a charge [value-contact]",
                "E accounts.value: has no expiry; the law wants the period of use stated to the customer [value-expire]",
                "W accounts.value: has no places; 資金決済法 13条 wants customers told where it is accepted and what is left [value-places]",
                "W accounts.value: has no balance_url; 資金決済法 13条 wants customers told where it is accepted and what is left [value-balance_url]",
            ],
        ),
        (
            SOUND + '[accounts.wallet]\ncharge = {}\nissuer = "i"\ncontact = "c"\nplaces = "p"\nbalance_url = "u"\nexpire = { months = 7 }\n'
            '[[earn]]\nid = "free"\non = "charge"\naccount = "wallet"\nrate = "1%"\n',
            [
                ("E earn[2] free: gives free money into 'wallet', where the law counts it as paid by the customer; give it to a bonus account"
                " [charge-value]"),
                ("N accounts.wallet: usable for more than 6 months: with above 10 million yen unused on 31 March or 30 September, 資金決済法 wants"
                " a notification and half of it deposited [value-law]"),
            ],
        ),
        (
            SOUND + '[accounts.value]\nissuer = "i"\ncontact = "c"\nplaces = "p"\nbalance_url = "u"\nexpire = { months = 6 }\n'
            '[[earn]]\nid = "free"\non = "charge"\naccount = "value"\nrate = "1%"\n',
            [
                ("E earn[2] free: gives free money into 'value', where the law counts it as paid by the customer; give it to a bonus account"
                " [charge-value]"),
                "N accounts.value: usable within 6 months of issue: exempt from 資金決済法 (no notification, no deposit) [value-exempt]",
            ],
        ),
        (
            SOUND + '[[earn]]\nid = "late"\nevery = 100\ngive = 1\nlines = ["a"]\n',
            ["W earn[2] late: never applies: 'base' before it takes every line; put the special rule first [unreachable]"],
        ),
        (
            SOUND.replace('rate = "1%"', 'rate = "1%"\nlines = ["tobacco"]'),
            ["W earn[1] base: never applies: all its categories are excluded in [basis] [unreachable]"],
        ),
        (
            SOUND.replace('rate = "1%"', 'rate = "5%"\nround = "ceil"'),
            ["W earn[1] base: rounds 5% up: 1 yen gives a whole point, so split payments gain [ceil]"],
        ),
        (
            '[basis]\nexclude = ["giftcard"]\n[accounts.points]\n[[earn]]\nid = "base"\nrate = "1%"\n',
            ["W basis.exclude: does not exclude tobacco, charge; tobacco has fixed prices (たばこ事業法), gift cards and charges earn twice [exclude]"],
        ),
        (
            SOUND + '[accounts.stamps]\n[[earn]]\nid = "v"\naccount = "stamps"\nvisit = 1\n',
            [
                "W earn[2] v: counts every receipt as a visit: a bill split in three gives three; give accounts.stamps cooldown = \"day\" [cooldown]",
            ],
        ),
        (SOUND + '[accounts.stamps]\ncooldown = "day"\n[[earn]]\nid = "v"\naccount = "stamps"\nvisit = 1\n', []),
        (
            SOUND + '[[coupon]]\nid = "c"\nbenefit = { off = 1 }\nbearer = true\nreach = "brand"\n',
            [
                "W coupon[1] c: never expires; give valid = { days = 30 }, or it is owed for ever [coupon-expiry]",
                ("W coupon[1] c: is good for whoever holds it in every store: offline, a copy of the slip can be used twice; give reach = \"store\""
                " [bearer]"),
            ],
        ),
        (SOUND + '[[coupon]]\nid = "c"\nbenefit = { off = 1 }\nbearer = true\nvalid = { until = "month_end" }\n', []),
        (SOUND + '[[coupon]]\nid = "c"\nbenefit = { off = 1 }\nreach = "brand"\nvalid = { until = 2026-12-31 }\n', []),
        (
            SOUND + '[[coupon]]\nid = "c"\nbenefit = { gift = "x", value = 201 }\nvalid = { days = 1 }\n',
            ["W coupon[1] c: gift worth 201 yen for a purchase of 100: 景品表示法 (総付) allows 200 [gift]"],
        ),
        (SOUND + '[[coupon]]\nid = "c"\nbenefit = { gift = "x", value = 200 }\nvalid = { days = 1 }\n', []),
        (
            SOUND + '[[coupon]]\nid = "c"\nissue = "sale"\nwhen = { min_amount = 2000 }\nbenefit = { gift = "x", value = 401 }\nvalid = { days = 1 }\n',
            ["W coupon[1] c: gift worth 401 yen for a purchase of 2,000: 景品表示法 (総付) allows 400 [gift]"],
        ),
        (
            SOUND + '[[earn]]\nid = "r"\naccount = "points"\nrate = "1%"\nwhen = { rank = ["gold", "gone"] }\n[rank]\ntiers = [{ id = "gold" }]\n',
            [
                "W earn[2] r: never applies: 'base' before it takes every line; put the special rule first [unreachable]",
                "W earn[2] r: names the rank 'gone', which [rank] does not define; it never applies to it [rank]",
            ],
        ),
        (
            SOUND.replace("1%", "20.01%"),
            ["W earn[1] base: gives back up to 20.01% with all boosts; above 20% somebody should have meant it [rate]"],
        ),
        (SOUND.replace("1%", "20%"), []),
        (SOUND.replace('rate = "1%"', 'rate = "4.99%"\nround = "ceil"'), []),
    ],
)
def test_what_the_lint_finds(make: Make, body: str, found: list[str]) -> None:
    assert findings(make, body) == found


def test_approvals_are_an_error(make: Make) -> None:
    head = HEAD + "approvals_required = 1\n"
    assert findings(make, SOUND, head) == ["E approval: this version needs 1 approvals and lacks level 1 [approvals]"]


CARD = SOUND + '[accounts.stamps]\ncooldown = "day"\ncard = { size = 10, rewards = { "10" = "c" } }\n'
GIFT = '[[coupon]]\nid = "c"\nissue = "stamps"\nvalid = { days = 9 }\nbenefit = { gift = "x", value = %d }\n'


@pytest.mark.parametrize(
    "rule,price",
    [
        ("visit = 1\nwhen = { min_amount = 500 }\n", 5000),
        ("visit = 3\nwhen = { min_amount = 500 }\n", 2000),
        ("visit = 1\nwhen = { min_amount = 500 }\n[[boost]]\naccount = \"stamps\"\nadd = 1\n", 2500),
        ("visit = 2\nwhen = { min_amount = 500 }\n[[boost]]\naccount = \"stamps\"\ntimes = \"1.5\"\n[[boost]]\naccount = \"stamps\"\nadd = 2\ngroup = \"g\"\n", 1000),
        ("visit = 1\nwhen = { min_amount = 500 }\n[[boost]]\nadd = 5\n", 5000),
        ("visit = 2\nwhen = { min_amount = 500 }\n[[boost]]\naccount = \"stamps\"\ntimes = \"1.5\"\n", 2000),
        ("visit = 1\nwhen = { min_amount = 500 }\n[[earn]]\naccount = \"stamps\"\nlines = [\"x\"]\ngive = 0\n", 5000),
        ("every = 700\ngive = 3\n", 2800),
        ("rate = \"1%\"\nwhen = { min_amount = 1200 }\n", 1200),
        ("item = 1\n", 100),
    ],
)
def test_the_purchase_behind_a_gift(make: Make, rule: str, price: int) -> None:
    most = max_gift(price)
    body = CARD + '[[earn]]\nid = "v"\naccount = "stamps"\n' + rule
    assert not [each for each in findings(make, body + GIFT % most) if "[gift]" in each]
    assert f"W coupon[1] c: gift worth {most + 1:,} yen for a purchase of {price:,}: 景品表示法 (総付) allows {most:,} [gift]" in findings(
        make, body + GIFT % (most + 1)
    )


def test_the_largest_gift() -> None:
    assert [max_gift(price) for price in (0, 999, 1000, 1004, 1005, 5000)] == [200, 200, 200, 200, 201, 1000]


def test_the_effective_rate_counts_worth_and_the_best_boost_of_each_group(make: Make) -> None:
    boosts = '[[boost]]\ngroup = "a"\ntimes = "2"\n[[boost]]\ngroup = "a"\ntimes = "1.5"\n[[boost]]\ngroup = "b"\ntimes = "1.5"\n[[boost]]\nadd = 900\n'
    boosts += '[accounts.other]\n[[boost]]\naccount = "other"\ntimes = "10"\n[[earn]]\naccount = "other"\nvisit = 1\n[[earn]]\naccount = "other"\nevery = 300\ngive = 10\n'
    program = make(SOUND.replace("[accounts.points]\n", "[accounts.points]\nredeem = { yen = 2 }\n") + boosts)
    assert [effective_rate(program, rule) for rule in program.earn] == [500, 0, 3330]
    assert effective_rate(make(SOUND), Earn("e", "points", "amount", every=1, give=1)) == 10_000


AGAINST = '[accounts.stamps]\nexpire = { months = 6 }\ncard = { size = 5, rewards = {} }\nredeem = { yen = 5 }\n[rank]\ntiers = [{ id = "a" }, { id = "b" }]\n'


def test_what_the_lint_finds_against_the_version_before(make: Make) -> None:
    expected = "E program.from: overlaps p@1 (the beginning to 2026-04-01); let this version begin after that one's last day [overlap]"
    assert findings(make, SOUND, old=SOUND, old_head=OLD.replace("03-31", "04-01")) == [expected]
    assert findings(make, SOUND, old=SOUND, old_head='schema = 1\n[program]\nid = "p"\nversion = 1\nfrom = 2027-01-01\n') == []
    late = findings(make, SOUND, old=SOUND, old_head='schema = 1\n[program]\nid = "p"\nversion = 1\nfrom = 2026-12-31\n')
    assert late == ["E program.from: overlaps p@1 (2026-12-31 to no end); let this version begin after that one's last day [overlap]"]
    open_end = findings(make, SOUND, 'schema = 1\n[program]\nid = "p"\nversion = 2\n', SOUND, OLD)
    assert open_end == ["E program.from: overlaps p@1 (the beginning to 2026-03-31); let this version begin after that one's last day [overlap]"]
    assert findings(make, SOUND, HEAD.replace("version = 2", "version = 1"), SOUND) == [
        "E program.version: is 1, but must be above 1 of p@1 [version]"
    ]
    assert findings(make, SOUND, HEAD.replace('"p"', '"q"'), SOUND) == [
        "E program.id: is 'q', but p@1 is another program; compare versions of one program [id]"
    ]
    assert findings(make, SOUND, old=SOUND + AGAINST) == [
        "E accounts.stamps: was in p@1 and is gone; members hold balances in it [account-dropped]",
        "W rank.tiers: the rank 'a' of p@1 is gone; members who hold it fall to no rank [rank-dropped]",
        "W rank.tiers: the rank 'b' of p@1 is gone; members who hold it fall to no rank [rank-dropped]",
    ]
    two = SOUND.replace("[accounts.points]", "[accounts.gone]\n[accounts.points]")
    assert [each.rpartition(" ")[2] for each in findings(make, SOUND.replace("[accounts.points]\n", "[accounts.points]\nexpire = { days = 1 }\n"), old=two)] == [
        "[account-dropped]",
        "[expire-shorter]",
    ]
    worse = AGAINST.replace("months = 6", "months = 5").replace("size = 5", "size = 6").replace("yen = 5", "yen = 4").replace(', { id = "b" }', "")
    assert findings(make, SOUND + worse, old=SOUND + AGAINST) == [
        "E accounts.stamps: expires sooner than in p@1; members were promised the longer period [expire-shorter]",
        "W accounts.stamps: is worth less than in p@1; announce it (usual: 30 days before) [redeem-lower]",
        "W accounts.stamps: the stamp card differs from p@1; cards that are half full change with it [card-changed]",
        "W rank.tiers: the rank 'b' of p@1 is gone; members who hold it fall to no rank [rank-dropped]",
    ]
    better = AGAINST.replace("months = 6", "months = 7").replace("yen = 5", "yen = 6")
    assert findings(make, SOUND + better, old=SOUND + AGAINST) == []
    without = AGAINST.replace("redeem = { yen = 5 }\n", "")
    assert "[redeem-lower]" in findings(make, SOUND + without, old=SOUND + AGAINST)[0]
    assert findings(make, SOUND + AGAINST, old=SOUND + without) == []


@pytest.mark.parametrize(
    "now,before,shorter",
    [
        ("", "", False),
        ("expire = { days = 9999 }", "", True),
        ("", "expire = { days = 1 }", False),
        ("expire = { days = 30 }", "expire = { months = 1 }", True),
        ("expire = { days = 31 }", "expire = { months = 1 }", False),
        ("expire = { months = 1 }", 'expire = { months = 1, round = "month" }', True),
        ("expire = { months = 9 }", 'expire = { months = 1, from = "activity" }', True),
        ('expire = { months = 1, from = "activity" }', "expire = { months = 1 }", False),
    ],
)
def test_when_an_expiry_is_shorter(make: Make, now: str, before: str, shorter: bool) -> None:
    old = SOUND.replace("[accounts.points]\n", f"[accounts.points]\n{before}\n")
    new = SOUND.replace("[accounts.points]\n", f"[accounts.points]\n{now}\n")
    assert any("[expire-shorter]" in each for each in findings(make, new, old=old)) is shorter


def test_value_is_exempt_only_when_no_purchase_outlives_six_months(make: Make) -> None:
    texts = 'issuer = "i"\ncontact = "c"\nplaces = "p"\nbalance_url = "u"\n'

    def law(expire: str) -> str:
        return findings(make, SOUND + f"[accounts.value]\n{texts}expire = {expire}\n")[0].rpartition(" ")[2]

    assert [law("{ days = 181 }"), law("{ days = 182 }"), law("{ months = 6, from = \"activity\" }")] == ["[value-exempt]", "[value-law]", "[value-law]"]
    assert law('{ months = 6, round = "month" }') == "[value-law]"


def test_a_finding_can_be_printed() -> None:
    assert str(Finding("W", "x", "a.b", "is odd")) == "W a.b: is odd [x]"
