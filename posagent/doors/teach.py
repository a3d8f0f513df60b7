"""Owns the making of a receipt profile from receipts whose totals are known. PURE.

The total is looked for in each receipt; a label beside which it stands in all of them, and beside which nothing else ever stands, becomes the
profile's anchor. What is made is then tried on the same receipts: a profile that does not read them is not given out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from posagent.doors import words as w
from posagent.doors.amounts import Line, read_lines
from posagent.doors.escpos_text import Document
from posagent.doors.profiles import PLAIN, Profile, read_profile
from posagent.doors.receipt import MOST_LINES, Receipt, read_document
from posagent.doors.receipt_no import form_of

ENOUGH = 2


@dataclass(frozen=True, slots=True)
class Lesson:
    """A receipt, and the amount for which points are to be given."""

    document: Document
    total: int


@dataclass(frozen=True, slots=True)
class Taught:
    """``text``: the profile file; None where nothing could be learned. Both readings of every receipt, in order."""

    text: str | None
    why: tuple[str, ...]
    before: tuple[Receipt, ...] = ()
    after: tuple[Receipt, ...] = ()


def teach(name: str, lessons: Sequence[Lesson], base: Profile = PLAIN) -> Taught:
    """A profile of this name from at least two receipts with different totals."""
    before = tuple(read_document(lesson.document, base) for lesson in lessons)
    if len(lessons) < ENOUGH or len({lesson.total for lesson in lessons}) < ENOUGH:
        return Taught(None, ("two sales with different amounts are needed",), before)
    if any(lesson.document.pictures and not lesson.document.text.strip() for lesson in lessons):
        return Taught(None, ("these receipts are pictures: no text can be read from them",), before)
    pages = [read_lines(lesson.document.text, most=MOST_LINES) for lesson in lessons]
    anchors = _anchors(pages, lessons)
    missing = [lesson.total for lesson, page in zip(lessons, pages, strict=True) if not _standing_at(page, lesson.total)]
    if missing:
        return Taught(None, tuple(f"{total:,} stands nowhere on its receipt" for total in missing), before)
    why = []
    for anchor in [None, *anchors]:  # what is read already needs no words of its own
        text = _file(name, lessons, pages, anchor, before)
        profile, problems = read_profile(text)
        after = tuple(read_document(lesson.document, profile) for lesson in lessons)
        right = [(receipt.kind, receipt.total) == ("sale", lesson.total) for receipt, lesson in zip(after, lessons, strict=True)]
        if not problems and all(right):
            said = f"the amount stands beside {anchor!r}" if anchor else "the common words of receipts are enough"
            return Taught(text, (said, *_doubts(after)), before, after)
        why = [f"{receipt.kind}: {'; '.join(receipt.why)}" for receipt in after]
    if not anchors:
        why = [*why, "no words stand beside the amount on all of these receipts, and only there"]
    return Taught(None, tuple(why), before)


def _doubts(after: Sequence[Receipt]) -> list[str]:
    doubts = []
    if any(receipt.receipt_no is None for receipt in after):
        doubts.append("no receipt number was found: sales will only pre-fill")
    elif len({receipt.receipt_no for receipt in after}) < len(after):
        doubts.append("the receipt numbers are alike: are these copies of one sale?")
    if not all(receipt.paid for receipt in after):
        doubts.append('no payment stands on them: sales will only pre-fill, unless the profile says paid = "always"')
    return doubts


def _labels(page: Sequence[Line]) -> list[tuple[str, int]]:
    """(label, amount) of a receipt; an amount on a line of its own has the line above as its label."""
    found = []
    above = ""
    for line in page:
        found += [(amount.label or above, amount.value) for amount in line.amounts]
        above = line.squeezed if not line.amounts else ""
    return [(label, value) for label, value in found if 0 < len(label) <= 40]


def _standing_at(page: Sequence[Line], total: int) -> bool:
    return any(amount.value == total for line in page for amount in line.amounts)


def _anchors(pages: Sequence[Sequence[Line]], lessons: Sequence[Lesson]) -> list[str]:
    """Labels beside which the total stands on every receipt and nothing else does: those that mean a total first, payments last."""
    shared: set[str] | None = None
    for page, lesson in zip(pages, lessons, strict=True):
        labels = _labels(page)
        right = {label for label, value in labels if value == lesson.total}
        right -= {label for label, value in labels if value != lesson.total}
        shared = right if shared is None else shared & right
    return sorted(shared or set(), key=lambda label: (bool(w.PAYMENT.search(label)), not w.TOTAL.fullmatch(label), label))


def _file(name: str, lessons: Sequence[Lesson], pages: Sequence[Sequence[Line]], anchor: str | None, before: Sequence[Receipt]) -> str:
    totals = ", ".join(f"{lesson.total:,}" for lesson in lessons)
    lines = [f"# Learned from {len(lessons)} receipts; totals {totals}.", f"name = {_quoted(name)}"]
    if anchor is not None:
        lines.append(f"total = [{_quoted(anchor)}]")
        wrong = {
            label
            for page, lesson in zip(pages, lessons, strict=True)
            for label, value in _labels(page)
            if value != lesson.total and label != anchor and any(each.fullmatch(label) for each in (w.PAY, w.GRAND, w.TOTAL))
        }
        if wrong:
            lines.append(f"not_total = [{', '.join(map(_quoted, sorted(wrong)))}]")
    numbers = [receipt.receipt_no for receipt in before]
    forms = {form_of(number) for number in numbers if number}
    if len(forms) == 1 and None not in numbers and forms != {"9" * len(min(forms))}:
        lines.append(f"number_form = {_quoted(forms.pop())}")
    if all(lesson.document.ended == "end" for lesson in lessons) and (end := _last_line(lessons)):
        lines.append(f"ends = [{_quoted(end)}]  # in a journal file, a receipt ends here")
    encodings = sorted({lesson.document.encoding for lesson in lessons if lesson.document.encoding})
    cuts = "with a cut" if all(lesson.document.ended == "cut" for lesson in lessons) else "without a cut"
    lines.append(f"# They came {cuts}" + (f", in {', '.join(encodings)}." if encodings else "."))
    return "\n".join(lines) + "\n"


def _last_line(lessons: Sequence[Lesson]) -> str:
    """The line with which all of them end, where it is the same and no word of a receipt."""
    last = {next((line.strip() for line in reversed(lesson.document.lines) if line.strip()), "") for lesson in lessons}
    end = last.pop() if len(last) == 1 else ""
    once = all(sum(line.strip().startswith(end) for line in lesson.document.lines) == 1 for lesson in lessons)
    return end if end and len(end) <= 40 and once else ""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


