"""Owns the words in which `posagent scan` shows texts and verdicts on a terminal."""

from __future__ import annotations

from typing import assert_never

from posagent.member_code import Ambiguous, Coupon, Explanation, Meaning, Member, Product, Refused, Staff


def printable(text: str) -> str:
    """Codes are foreign text: nothing in them may steer the terminal."""
    return "".join(character if character.isprintable() else f"\\x{ord(character):02x}" for character in text)


def name_of(verdict: object) -> str:
    """"member", "refused" and so on."""
    return type(verdict).__name__.lower()


def in_words(found: Explanation) -> str:
    """A verdict in one line, or a few."""
    match found.verdict:
        case Refused(reason, ja, en, near):
            return f"refused ({reason}{f', nearest rule {near}' if near else ''})\n  {ja}\n  {en}"
        case Ambiguous(candidates):
            return "ambiguous: the cashier is asked\n" + "\n".join(f"  {_meaning(one)}" for one in candidates)
        case Member() | Coupon() | Product() | Staff():
            return _meaning(found.verdict)
        case _:
            assert_never(found.verdict)


def _meaning(meaning: Meaning) -> str:
    match meaning:
        case Member(number, rule, _, timed):
            return f"member {number} (rule {rule}{'' if timed == 'no' else ', time-limited: ' + timed})"
        case Coupon(code, rule):
            return f"coupon {code} (rule {rule})"
        case Product(gtin, rule):
            return f"product {gtin} (rule {rule})"
        case Staff(code, rule):
            return f"staff {code} (rule {rule})"
        case _:
            assert_never(meaning)
