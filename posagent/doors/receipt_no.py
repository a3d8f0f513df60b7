"""Owns the search for a receipt's number. PURE."""

from __future__ import annotations

import re

from posagent.doors import words as w
from posagent.doors.amounts import Line
from posagent.doors.profiles import Profile

_LABEL_END = re.compile(r"(?:No|番号|number|#|ID)[.:]?$", re.IGNORECASE)
_ONLY_NUMBER = re.compile(r"[#№]?[A-Za-z]{0,6}[-_/]?\d[\w/-]{0,40}")


def find_receipt_no(lines: tuple[Line, ...], profile: Profile) -> tuple[str | None, str]:
    """(number, why). (None, reason) where two numbers of the same name differ: these are two receipts; (None, "") where there is none."""
    form = _form(profile.number_form) if profile.number_form else None
    own = tuple(re.compile(re.escape(" ".join(word.split())) + w.NUMBER_VALUE, re.IGNORECASE) for word in profile.receipt_no)
    for pattern in (*own, *w.RECEIPT_NUMBERS):
        found = _all(lines, pattern, form, weak=False)
        if len(found) > 1:
            return None, f"two receipts in one document: numbers {' and '.join(sorted(found)[:2])}"
        if found:
            (number, line), = found.items()
            return number, f"receipt number {number} in {line!r}"
    for pattern in w.WEAK_NUMBERS:
        found = _all(lines, pattern, form, weak=True)
        if len(found) == 1:
            (number, line), = found.items()
            return number, f"receipt number {number} in {line!r}"
    return None, ""


def form_of(number: str) -> str:
    """How a number looks: 9 for a digit, A for a letter, all else as it is."""
    return re.sub("[0-9]", "9", re.sub("[A-Za-z]", "A", number))


def _form(form: str) -> re.Pattern[str]:
    return re.compile("".join({"9": "[0-9]", "A": "[A-Za-z]"}.get(mark, re.escape(mark)) for mark in form))


def _all(lines: tuple[Line, ...], pattern: re.Pattern[str], form: re.Pattern[str] | None, *, weak: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    for line, below in zip(lines, (*lines[1:], None), strict=True):
        text = line.text
        if below is not None and not weak and _LABEL_END.search(text) and _ONLY_NUMBER.fullmatch(below.text):
            text = f"{text} {below.text}"
        for match in pattern.finditer(text):
            start = match.start() + (len(match[0]) - len(match[0].lstrip()))
            if w.NOT_RECEIPT_NO.search(text[:start]):
                continue
            if form is not None and not form.fullmatch(match["no"]):
                continue
            if weak and any(amount.sure for amount in line.amounts):
                continue
            found.setdefault(match["no"], text[:40])
    return found
