"""Owns the rules that tell a shop's own codes from everything else that has bars: the `[[code]]` tables of the settings. PURE.

A rule names what a code is (member, coupon, product, staff) and how it is recognised. Length, prefix and pattern speak of the number itself:
after EAN/UPC were brought to 13 digits, NW-7 start and stop characters were taken off, and a template gave its {id}.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from posagent.check_digits import METHODS, Check, Method
from posagent.member_code.symbologies import SYMBOLOGIES, Symbology
from posagent.strict import Table

Kind = Literal["member", "coupon", "product", "staff"]
StartStop = Literal["keep", "strip", "either"]
Timed = Literal["no", "window", "signed"]

_SELF_CHECKED = {"ean13", "ean8"}
_WEAK: frozenset[Symbology] = frozenset({"nw7", "code39", "itf"})
"""Symbologies whose symbols carry no check of their own, so that a blurred one can be read as another."""


NO_CHECK = Check()


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[[code]]` table after checking.

    ``prefixes``   ranges of equal length, inclusive: ("20", "29"); empty: any
    ``guards``     NW-7: the start and stop character that the shop's cards carry, "AA"; "" when any will do
    ``template``   a text around the number: "https://shop.example/m/{id}"
    ``deny``       numbers, or beginnings of numbers with a trailing "*", that are never this kind
    ``timed``      the text is a time-limited token: its form is checked here, its time and signature by posagent.token_codes
    """

    name: str
    kind: Kind
    symbologies: frozenset[Symbology] = frozenset()
    lengths: frozenset[int] = frozenset()
    prefixes: tuple[tuple[str, str], ...] = ()
    pattern: re.Pattern[str] | None = None
    check: Check = NO_CHECK
    strip_check: bool = False
    start_stop: StartStop = "strip"
    guards: str = ""
    template: str = ""
    deny: tuple[str, ...] = ()
    timed: Timed = "no"

    @property
    def needs_second_reading(self) -> bool:
        """Whether a camera must see the code twice before it may be believed: nothing in the symbol or in the rule would notice an error."""
        weak = not self.symbologies or self.symbologies & _WEAK
        return bool(weak) and self.check.method == "none" and not self.template


Rules = tuple[Rule, ...]


def read_rules(tables: Sequence[Table]) -> Rules:
    """The rules of the `[[code]]` tables. Every complaint goes to the tables' problems, with what to write instead."""
    rules: list[Rule] = []
    for table in tables:
        rule = _read_rule(table)
        if rule.name in {other.name for other in rules}:
            table.complain("name", f"is used by two code rules; give each its own, not '{rule.name}' twice")
        rules.append(rule)
    return tuple(rules)


def default_rules() -> Rules:
    """The rules of the demonstration shop; config/codes.example.toml says the same in words (a test compares them)."""
    digits = re.compile("[0-9]+")
    link = "https://members.example/m/{id}"
    return (
        Rule("jan-member", "member", frozenset({"ean13"}), frozenset({13}), (("20", "29"),), check=Check("mod10w3")),
        Rule("nw7-card", "member", frozenset({"nw7"}), frozenset(range(8, 17)), pattern=digits, check=Check("mod10w3"), guards="AA"),
        Rule("code128-card", "member", frozenset({"code128"}), frozenset({16}), pattern=digits, check=Check("luhn")),
        Rule("qr-link", "member", frozenset({"qr"}), frozenset({16}), pattern=digits, check=Check("luhn"), template=link),
        Rule("qr-number", "member", frozenset({"qr"}), frozenset({16}), pattern=digits, check=Check("luhn")),
        Rule("coupon", "coupon", frozenset({"code128", "qr"}), frozenset({17}), pattern=re.compile("C[0-9A-HJKMNP-TV-Z]{16}")),
        Rule("product", "product", frozenset({"ean13"}), frozenset({13}), (("00", "19"), ("30", "99")), check=Check("mod10w3")),
        Rule("product-8", "product", frozenset({"ean8"}), frozenset({8}), check=Check("mod10w3")),
    )  # fmt: skip


def as_table(rule: Rule) -> dict[str, Any]:
    """A rule for JSON; `rule_of` makes it of that again."""
    changed = {"symbologies": sorted(rule.symbologies), "lengths": sorted(rule.lengths), "pattern": rule.pattern and rule.pattern.pattern}
    return asdict(rule) | changed


def rule_of(table: Mapping[str, Any]) -> Rule:
    """What `as_table` made, and nobody else: nothing is checked again."""
    pattern, check = table["pattern"], table["check"]
    changed = {
        "symbologies": frozenset(table["symbologies"]), "lengths": frozenset(table["lengths"]), "deny": tuple(table["deny"]),
        "prefixes": tuple((low, high) for low, high in table["prefixes"]),
        "pattern": None if pattern is None else re.compile(pattern), "check": Check(**{**check, "weights": tuple(check["weights"])}),
    }  # fmt: skip
    return Rule(**{**table, **changed})


def _read_rule(table: Table) -> Rule:
    kind = cast("Kind", table.text("kind", choices=("member", "coupon", "product", "staff")))
    name = table.text("name", pattern=r"[a-z0-9][a-z0-9-]{0,39}", wanted="a short name of small letters, digits and hyphens")
    symbologies = cast("frozenset[Symbology]", frozenset(table.texts("symbologies", (), choices=SYMBOLOGIES)))
    template = table.text("template", "", longest=300)
    if template and template.count("{id}") != 1:
        table.complain("template", "must hold {id} once, where the number stands")
        template = ""
    check = _read_check(table, symbologies)
    rule = Rule(
        name=name,
        kind=kind,
        symbologies=symbologies,
        lengths=_read_lengths(table),
        prefixes=_read_prefixes(table),
        pattern=_read_pattern(table),
        check=check,
        strip_check=table.boolean("strip_check", False),
        start_stop=cast("StartStop", table.text("start_stop", "strip", choices=("keep", "strip", "either"))),
        guards=table.text("guards", "", pattern="[A-Da-d]{2}", wanted="start and stop character, like 'AA'").upper(),
        template=template,
        deny=table.texts("deny", ()),
        timed=cast("Timed", table.text("timed", "no", choices=("no", "window", "signed"))),
    )
    if kind in {"member", "staff"} and not (rule.lengths or rule.pattern or rule.template or rule.timed == "signed"):
        table.complain("", f"accepts any text as a {kind} code; give length, lengths, pattern or template")
    if rule.strip_check and check.method == "none":
        table.complain("strip_check", "needs a check method")
    if check.method == "mod16" and rule.start_stop == "either" and not rule.guards:
        table.complain("guards", "is missing: mod16 counts the start and stop characters, and readers may leave them out; give them, like 'AA'")
    if rule.timed == "window" and not (rule.pattern and {"id", "time"} <= rule.pattern.groupindex.keys()):
        table.complain("pattern", "of a time-limited token must name its parts: (?P<id>…), (?P<time>…) and, if there is one, (?P<otp>…)")
    table.finish()
    return rule


def _read_lengths(table: Table) -> frozenset[int]:
    one = table.integer("length", None, minimum=1, maximum=4096)
    several = table.raw("lengths", [])
    if one is not None and several:
        table.complain("lengths", "stands beside length; give one of them")
    if not isinstance(several, list) or not all(isinstance(item, int) and not isinstance(item, bool) and 1 <= item <= 4096 for item in several):
        table.complain("lengths", "must be a list of whole numbers from 1 to 4096, like [10, 16]")
        several = []
    return frozenset(several if one is None else [one])


def _read_prefixes(table: Table) -> tuple[tuple[str, str], ...]:
    ranges = []
    for text in table.texts("prefixes", ()):
        low, dash, high = text.partition("-")
        if not dash:
            high = low
        if not low or len(low) != len(high) or low > high or (dash and not (low.isdigit() and high.isdigit())):
            table.complain("prefixes", f"must be beginnings like '29' or ranges of equal length like '20-29', not '{text}'")
            continue
        ranges.append((low, high))
    return tuple(ranges)


def _read_pattern(table: Table) -> re.Pattern[str] | None:
    text = table.text("pattern", None)
    if text is None:
        return None
    try:
        return re.compile(text)
    except re.error as wrong:
        table.complain("pattern", f"is not a regular expression: {wrong}")
        return None


def _read_check(table: Table, symbologies: frozenset[Symbology]) -> Check:
    # EAN and UPC always end in a check digit: nobody has to say so, and nobody can switch it off.
    own: Method = "mod10w3" if symbologies and symbologies <= _SELF_CHECKED else "none"
    method = cast("Method", table.text("check", own, choices=METHODS))
    if own == "mod10w3" and method != own:
        table.complain("check", "is always mod10w3 for EAN and UPC; leave it out")
        method = own
    zero = table.text("zero", None, choices=("0", "7", "9"))
    remainders = table.text("remainders", "0-1", pattern="[0-9X-]{3}", wanted="three characters for remainders 0, 1 and 10, like '0X1'")
    complement = table.boolean("complement", True)
    weights = table.raw("weights", [2, 3, 4, 5, 6, 7])
    if method in {"7dsr", "9dsr"}:
        modulus = method[0]
        if zero not in {"0", modulus}:
            table.complain("zero", f"must be '0' or '{modulus}' for {method}: issuers differ in what they print when the remainder is 0")
            zero = "0"
    elif zero is not None:
        table.complain("zero", "belongs to 7dsr and 9dsr only")
    if not isinstance(weights, list) or not weights or not all(isinstance(item, int) and 1 <= item <= 10 for item in weights):
        table.complain("weights", "must be a list of whole numbers from 1 to 10, from the right")
        weights = [2, 3, 4, 5, 6, 7]
    return Check(method, zero, remainders, complement, tuple(weights))
