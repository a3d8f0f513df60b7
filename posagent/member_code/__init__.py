"""Owns the verdict on a scanned text: whose code is it, and what is its number? PURE.

`classify` tries every rule. Exactly one meaning: that is the verdict. Two different meanings: the cashier is asked. None: the refusal tells
what was nearest, in one line for the cashier. Numbers stay strings, for leading zeros count; the raw text is never part of a refusal's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from posagent.check_digits import is_valid, split
from posagent.member_code.rules import Kind, Rule, Rules, Timed, default_rules, read_rules
from posagent.member_code.symbologies import Symbology, normalise, symbology_of
from posagent.token_codes import Token, parse_signed, parse_window

__all__ = [
    "Ambiguous", "Coupon", "Explanation", "Kind", "Meaning", "Member", "Product", "Refused", "Rule", "Rules", "Staff", "Verdict",
    "classify", "default_rules", "explain", "parse_token", "read_rules",
]  # fmt: skip

LONGEST = 4296
"""Characters: a version 40 QR code holds no more (ISO/IEC 18004, table 7)."""


@dataclass(frozen=True, slots=True)
class Member:
    """``timed`` other than "no": the text is a time-limited token, which posagent.token_codes has to judge before the number counts
    (`parse_token` with the rule gives its parts)."""

    number: str
    rule: str
    symbology: Symbology | None
    timed: Timed = "no"


@dataclass(frozen=True, slots=True)
class Coupon:
    """Its value is never read from the code: the coupon book knows it."""

    code: str
    rule: str
    symbology: Symbology | None


@dataclass(frozen=True, slots=True)
class Product:
    gtin: str
    rule: str
    symbology: Symbology | None


@dataclass(frozen=True, slots=True)
class Staff:
    code: str
    rule: str
    symbology: Symbology | None


Meaning = Member | Coupon | Product | Staff

Reason = Literal[
    "empty", "too_long", "control", "symbology", "start_stop", "other_shop", "length", "prefix", "pattern", "check_digit", "denied", "no_rules"
]


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Two rules give it different meanings: ask, never guess."""

    candidates: tuple[Meaning, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """``near`` is the rule that came closest, "" when none came near. ``ja`` and ``en`` are for the cashier's screen."""

    reason: Reason
    ja: str
    en: str
    near: str = ""


Verdict = Member | Coupon | Product | Staff | Ambiguous | Refused


@dataclass(frozen=True, slots=True)
class Step:
    """One question of the explanation, in English for the technician. ``rule`` is "" for questions before the rules."""

    rule: str
    passed: bool
    words: str


@dataclass(frozen=True, slots=True)
class Explanation:
    verdict: Verdict
    steps: tuple[Step, ...]


_WORDS: dict[Reason, tuple[str, str]] = {
    "empty": ("コードが読み取れませんでした。もう一度スキャンしてください。", "Nothing was read. Scan again."),
    "too_long": ("コードが長すぎます。会員証をスキャンしてください。", "The code is too long. Scan the member card."),
    "control": ("コードが壊れています。もう一度スキャンしてください。", "The code arrived damaged. Scan again."),
    "symbology": ("当店のコードではありません。会員証をスキャンしてください。", "Not one of this shop's codes. Scan the member card."),
    "start_stop": ("コードの端が読めていません。もう一度スキャンしてください。", "An end of the code is missing. Scan again."),
    "other_shop": ("他のサービスのQRコードです。当店の会員証をスキャンしてください。", "A code of another service. Scan the member card."),
    "length": ("桁数が違います。会員証をもう一度スキャンしてください。", "The number of digits is wrong. Scan the member card again."),
    "prefix": ("当店の会員番号ではありません。会員証をスキャンしてください。", "Not one of this shop's numbers. Scan the member card."),
    "pattern": ("当店の会員番号の形ではありません。会員証をスキャンしてください。", "Not one of this shop's numbers. Scan the member card."),
    "check_digit": (
        "読み取りまたは入力に誤りがあります。もう一度スキャンするか、番号を確認してください。",
        "Misread or mistyped: the check digit is wrong. Scan again, or compare the number.",
    ),
    "denied": ("この番号は使えません。責任者に確認してください。", "This number may not be used. Ask the supervisor."),
    "no_rules": ("会員コードの設定がありません。店舗ITに連絡してください。", "No code rules are set up ([[code]]). Call store IT."),
}

# How far a text came with a rule before it failed; the furthest failure is the one that is told.
_DEPTH: dict[Reason, int] = {
    "symbology": 0, "start_stop": 1, "length": 2, "pattern": 3, "other_shop": 4, "prefix": 5, "check_digit": 6, "denied": 7,
}  # fmt: skip


def classify(text: str, aim: str | None, rules: Sequence[Rule]) -> Verdict:
    """The verdict on a whole scan. ``aim``: AIM symbology identifier without "]", None when the reader does not say or a person typed."""
    return explain(text, aim, rules).verdict


def explain(text: str, aim: str | None, rules: Sequence[Rule]) -> Explanation:
    """The verdict and every question that led to it."""
    early = _unfit(text, rules)
    if early:
        return Explanation(_refused(early), (Step("", False, f"the text is refused before any rule: {early}"),))
    symbology = symbology_of(aim)
    normal, done = normalise(text, aim)
    steps = [Step("", True, f"symbology: {symbology or 'not told, every rule is tried'}")]
    if done:
        steps.append(Step("", True, done))
    meanings: list[Meaning] = []
    misses: list[tuple[int, Reason, str]] = []
    for rule in rules:
        outcome, trail = _apply(rule, normal, symbology)
        steps += [Step(rule.name, passed, words) for passed, words in trail]
        if isinstance(outcome, str):
            misses.append((_DEPTH[outcome], outcome, rule.name))
        elif not any(_same(outcome, known) for known in meanings):
            meanings.append(outcome)
    if len(meanings) > 1:
        return Explanation(Ambiguous(tuple(meanings)), tuple(steps))
    if meanings:
        return Explanation(meanings[0], tuple(steps))
    depth, reason, near = max(misses, key=lambda miss: miss[0])
    return Explanation(_refused(reason, near if depth else ""), tuple(steps))


def _unfit(text: str, rules: Sequence[Rule]) -> Reason | None:
    if not rules:
        return "no_rules"
    if not text.strip():
        return "empty"
    if len(text) > LONGEST:
        return "too_long"
    # GS (29) separates GS1 elements; every other control character means that something other than a whole code arrived.
    if any((ord(character) < 32 and character != "\x1d") or 127 <= ord(character) < 160 for character in text):
        return "control"
    return None


Trail = list[tuple[bool, str]]


def _apply(rule: Rule, text: str, symbology: Symbology | None) -> tuple[Meaning | Reason, Trail]:
    """The meaning under one rule, or the reason why there is none; with the questions that were asked."""
    trail: Trail = []
    number, ends, failed = _number(rule, text, symbology, trail)
    if failed:
        return failed, trail
    questions: list[tuple[Reason, object, Callable[[], bool], str]] = [
        ("length", rule.lengths, lambda: len(number) in rule.lengths, f"length {len(number)} is one of {_listed(rule.lengths)}"),
        ("pattern", rule.pattern and rule.timed == "no", lambda: _matches(rule, number), f"form {rule.pattern and rule.pattern.pattern}"),
        ("prefix", rule.prefixes, lambda: _begins(number, rule.prefixes), f"begins with {', '.join(_range(*pair) for pair in rule.prefixes)}"),
        ("check_digit", rule.check.method != "none", lambda: _checks(rule, number, ends), f"check character by {rule.check.method}"),
        ("denied", rule.deny, lambda: not _denied(number, rule.deny), "is not on the deny list"),
    ]
    for reason, asked, holds, words in questions:
        if asked:
            passed = holds()
            trail.append((passed, words))
            if not passed:
                return reason, trail
    if rule.strip_check:
        number, _ = split(rule.check, number)
    return _meaning(rule, ends[:1] + number + ends[1:] if rule.start_stop == "keep" else number, symbology), trail


def _number(rule: Rule, text: str, symbology: Symbology | None, trail: Trail) -> tuple[str, str, Reason | None]:
    """(the number inside the text, NW-7 start and stop character, why there is none)."""

    def ask(passed: bool, words: str) -> bool:
        trail.append((passed, words))
        return passed

    if rule.symbologies and symbology and not ask(symbology in rule.symbologies, f"symbology is one of {', '.join(sorted(rule.symbologies))}"):
        return "", "", "symbology"
    number = text
    if symbology is None and rule.symbologies == {"ean13"} and len(text) == 12:
        number, _ = normalise(text, "E0")  # many readers drop the leading zero of UPC-A
    if rule.template:
        number = _inside(rule.template, text) or ""
        if not ask(number != "", f"text has the form {rule.template}"):
            return "", "", "other_shop" if symbology in {None, "qr"} and "://" in text else "symbology"
    if rule.timed != "no":
        token = _token(rule, number)
        if not ask(token is not None, f"has the form of a time-limited code ({rule.timed})"):
            return "", "", "pattern"
        number = token.member if token else ""
    if symbology == "nw7" or (symbology is None and "nw7" in rule.symbologies):
        number, ends, passed = _without_ends(rule, number)
        if not ask(passed, f"start and stop characters ({rule.guards or 'A to D'}, {rule.start_stop})"):
            return "", "", "start_stop"
        return number, ends, None
    return number, "", None


def parse_token(rule: Rule, text: str) -> Token | None:
    """The parts of a scanned time-limited token under a rule with ``timed``; None when it has not the form."""
    inner = _inside(rule.template, text) if rule.template else text
    return _token(rule, inner) if inner else None


def _token(rule: Rule, text: str) -> Token | None:
    if rule.timed == "signed":
        return parse_signed(text)
    return parse_window(text, rule.pattern) if rule.pattern else None


def _inside(template: str, text: str) -> str | None:
    """What stands at {id}; scheme and host compare without case, and a query or fragment that links gather on their way is passed over."""
    head, tail = template.split("{id}")
    if len(text) < len(head) or _folded(text[: len(head)]) != _folded(head):
        return None
    rest = text[len(head) :]
    if tail:
        found, at, _ = rest.partition(tail)
        return found if at else None
    if "://" in head and "?" not in head:
        rest = re.split(r"[?#]", rest, maxsplit=1)[0].removesuffix("/")
    return rest or None


def _folded(address: str) -> str:
    match = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*", address)
    return address[: match.end()].lower() + address[match.end() :] if match else address


def _without_ends(rule: Rule, text: str) -> tuple[str, str, bool]:
    """(number, start and stop character in capitals or "", whether they are as the rule wants them)."""
    ends = (text[:1] + text[-1:]).upper()
    there = len(text) > 2 and ends[0] in "ABCD" and ends[1] in "ABCD"
    if not there:
        return text, "", rule.start_stop == "either" and not any(character in "ABCDabcd" for character in text)
    return text[1:-1], ends, not rule.guards or ends == rule.guards


def _checks(rule: Rule, number: str, ends: str) -> bool:
    if rule.check.method == "mod16":
        both = ends or rule.guards
        return len(both) == 2 and is_valid(rule.check, both[0] + number + both[1])
    return is_valid(rule.check, number)


def _matches(rule: Rule, number: str) -> bool:
    return rule.pattern is not None and rule.pattern.fullmatch(number) is not None


def _begins(number: str, prefixes: Sequence[tuple[str, str]]) -> bool:
    return any(len(number) >= len(low) and low <= number[: len(low)] <= high for low, high in prefixes)


def _denied(number: str, deny: Sequence[str]) -> bool:
    return any(number.startswith(entry[:-1]) if entry.endswith("*") else number == entry for entry in deny)


def _meaning(rule: Rule, number: str, symbology: Symbology | None) -> Meaning:
    match rule.kind:
        case "member":
            return Member(number, rule.name, symbology, rule.timed)
        case "coupon":
            return Coupon(number, rule.name, symbology)
        case "product":
            return Product(number, rule.name, symbology)
        case "staff":
            return Staff(number, rule.name, symbology)
        case _:
            assert_never(rule.kind)


def _same(one: Meaning, other: Meaning) -> bool:
    """Two rules that agree on kind and number do not disagree."""
    match one, other:
        case (Member(number=a), Member(number=b)) | (Product(gtin=a), Product(gtin=b)):
            return a == b
        case (Coupon(code=a), Coupon(code=b)) | (Staff(code=a), Staff(code=b)):
            return a == b
        case _:
            return False


def _refused(reason: Reason, near: str = "") -> Refused:
    ja, en = _WORDS[reason]
    return Refused(reason, ja, en, near)


def _listed(lengths: frozenset[int]) -> str:
    return ", ".join(str(length) for length in sorted(lengths))


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low}-{high}"
