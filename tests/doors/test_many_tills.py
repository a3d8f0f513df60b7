"""A thousand receipts, bills, reports, orders and slips in `tills.txt`: told apart, and read without a wrong amount."""

import re
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
    assert len(CASES) > 1090
    assert len({case[0] for case in CASES}) == len(CASES)
