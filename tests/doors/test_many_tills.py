"""A thousand receipts, bills, reports, orders and slips in `tills.txt`: told apart, and read without a wrong amount."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from posagent.doors.receipt import read_text

Case = tuple[str, set[str], int | None, str, str, str]


def cases() -> list[Case]:
    found = []
    for part in re.split(r"(?m)^@ ", (Path(__file__).parent / "tills.txt").read_text("utf-8"))[1:]:
        head, _, text = part.partition("\n")
        name, kinds, total, number, split = (field.strip() for field in head.split(" | "))
        found.append((name, set(kinds.split("|")), None if total == "-" else int(total), number, split, text))
    return found


CASES = cases()


def wrong_about(case: Case) -> str:
    name, kinds, total, number, split, text = case
    receipt = read_text(text)
    split_found = {f"{rate // 100}:{gross}" for rate, gross in receipt.tax_split.items()}
    right = (
        receipt.kind in kinds
        and (total is None or receipt.total == total)
        and number in {"-", receipt.receipt_no}
        and (split == "-" or split_found == set(split.split(",")))
    )
    return "" if right else f"{name}: {receipt}"


@pytest.mark.parametrize("kind", ["sale", "refund", "reprint", "prebill", "order", "report", "test", "unknown"])
def test_what_any_till_prints_is_told_and_read(kind: str) -> None:
    own = [case for case in CASES if kind in case[1]]
    assert own
    wrong = [found for case in own if (found := wrong_about(case))]
    assert not wrong, "\n".join(wrong)


def test_the_cases_are_many_and_of_every_kind() -> None:
    assert len(CASES) > 1180
    assert len({case[0] for case in CASES}) == len(CASES)


FULL_WIDTH = {mark: mark + 0xFEE0 for mark in range(0x21, 0x7F)}
SPELLINGS: dict[str, Callable[[str], str]] = {
    "full-width letters and digits": lambda text: text.translate(FULL_WIDTH),
    "full-width spaces": lambda text: text.replace(" ", "\u3000"),
    "a backslash for the yen": lambda text: text.replace("¥", "\\"),
    "dots to the amount": lambda text: re.sub(" {3,}", lambda gap: "." * len(gap[0]), text),
    "dashes to the amount": lambda text: re.sub(" {4,}", lambda gap: "-" * len(gap[0]), text),
    "words spread out": lambda text: re.sub(r"(?m)^(合計|小計|現金|釣銭|領収書|返品|精算|点検|再発行)", lambda word: "  ".join(word[0]), text),
    "empty lines": lambda text: text.replace("\n", "\r\n\r\n"),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_another_spelling_of_a_document_makes_no_other_document_of_it(name: str) -> None:
    wrong = []
    for case in CASES[len(name) % 8 :: 8]:
        plain, spelled = read_text(case[5]), read_text(SPELLINGS[name](case[5]))
        if (plain.kind, plain.total) != (spelled.kind, spelled.total):
            wrong.append(f"{case[0]}: {plain} became {spelled}")
    assert not wrong, "\n".join(wrong)
