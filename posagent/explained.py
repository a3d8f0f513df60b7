"""Owns the technician's words for a verdict on a code: who it belongs to and which question each rule ended with, in Japanese and English.

The number itself never appears: only its length, its last characters by `posagent.loyalty.masking`, and what the rules say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, assert_never

from posagent.loyalty.masking import mask, mask_code
from posagent.member_code import Ambiguous, Coupon, Member, Product, Refused, Rule, Staff, Step, Verdict, explain
from posagent.member_code.symbologies import symbology_of

LONGEST_SHOWN = 20
_SHOWN_RULES = 60

# What `posagent.member_code.explain` asks, in Japanese; the rest of the line is the rule's own.
_JA: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"symbology is one of (.*)", r"コードの種類が {} のどれか"),
        (r"symbology: not told, every rule is tried", r"コードの種類は不明。すべての規則を試します"),
        (r"symbology: (.*)", r"コードの種類：{}"),
        (r"length (\d+) is one of (.*)", r"桁数 {} が {} のどれか"),
        (r"form (.*)", r"形が {} に合う"),
        (r"begins with (.*)", r"先頭が {}"),
        (r"check character by (.*)", r"チェックデジット（{}）"),
        (r"is not on the deny list", r"使用停止の一覧にない"),
        (r"text has the form (.*)", r"文字列が {} の形"),
        (r"has the form of a time-limited code \((.*)\)", r"時間制限コードの形（{}）"),
        (r"start and stop characters \((.*)\)", r"スタート・ストップ文字（{}）"),
        (r"the text is refused before any rule: (.*)", r"規則の前に不合格：{}"),
        (r"add-on dropped", r"アドオンを外しました"),
        (r"UPC-A written as 13 digits", r"UPC-A を 13 桁にしました"),
        (r"UPC-E expanded to 13 digits", r"UPC-E を 13 桁に伸ばしました"),
        (r"GTIN taken from AI 01", r"AI 01 から GTIN を取り出しました"),
    )
)


def japanese(words: str) -> str:
    """A step's English words in Japanese; words that are not known stay as they are."""
    for pattern, ja in _JA:
        if found := pattern.fullmatch(words):
            return ja.format(*found.groups())
    return words


def explained(text: str, aim: str | None, codes: Sequence[Rule]) -> dict[str, Any]:
    """What a scan would have been: ``masked``, ``length``, ``symbology``, ``aim``, ``verdict`` (a word), ``rule``, ``ja``, ``en``, and
    ``rules``: one row per rule with the question that decided ({"rule", "passed", "ja", "en"}; "" names what was done before any rule)."""
    told = explain(text, aim, codes)
    word, rule, ja, en = _verdict(told.verdict)
    return {
        "masked": _masked(told.verdict, text),
        "length": len(text),
        "symbology": symbology_of(aim),
        "aim": aim,
        "verdict": word,
        "rule": rule,
        "ja": ja,
        "en": en,
        "rules": [{"rule": step.rule, "passed": step.passed, "ja": japanese(step.words), "en": step.words} for step in _deciding(told.steps)],
    }


def _deciding(steps: Sequence[Step]) -> list[Step]:
    """Of every rule the last question that it asked: the one that failed, or the one that made it certain."""
    before = [step for step in steps if not step.rule]
    last = {step.rule: step for step in steps if step.rule}
    return [*before, *last.values()][:_SHOWN_RULES]


def _masked(verdict: Verdict, text: str) -> str:
    number = mask(verdict.number) if isinstance(verdict, Member) else mask_code(text)
    shown = "".join(mark if mark.isprintable() else "?" for mark in number)
    return shown if len(shown) <= LONGEST_SHOWN else "…" + shown[-LONGEST_SHOWN:]


def _verdict(verdict: Verdict) -> tuple[str, str, str, str]:
    """(word, rule, Japanese, English)."""
    match verdict:
        case Member(rule=rule, timed="no"):
            return "member", rule, "会員証です。会計で使えます。", "A member's code. It would open a checkout."
        case Member(rule=rule):
            return "member", rule, "時間制限のある会員コードです。", "A member's time-limited code."
        case Coupon(rule=rule):
            return "coupon", rule, "クーポンのコードです。", "A coupon's code."
        case Product(rule=rule):
            return "product", rule, "商品のバーコードです。会員証ではありません。", "A product's barcode, not a member's."
        case Staff(rule=rule):
            return "staff", rule, "従業員のコードです。", "A staff code."
        case Ambiguous(candidates=candidates):
            rules = ", ".join(one.rule for one in candidates)
            return "ambiguous", rules, f"複数の規則（{rules}）に合い、決められません。", f"Two rules fit ({rules}); the cashier is asked."
        case Refused(ja=ja, en=en, near=near):
            return "refused", near, ja, en
        case _:
            assert_never(verdict)
