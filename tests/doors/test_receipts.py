"""Receipts of many tills: kind, total, number, split. The first twenty are the published cases."""

import json
from pathlib import Path
from typing import Any

import pytest

from posagent.doors.profiles import Profile, read_profile
from posagent.doors.receipt import read_text

TWENTY = [
    ("R1", "小計 ¥1,000\n(外税10% ¥100)\n合計 ¥1,100\nお預り ¥2,000\nお釣り ¥900", "sale", 1100),
    ("R2", "合  計     ¥1,080\n(内消費税等 ¥98)", "sale", 1080),
    ("R3", "合計 1,080円", "sale", 1080),
    ("R4", "合計 ￥１，０８０", "sale", 1080),
    ("R5", "合計\\1,080", "sale", 1080),
    ("R6", "お買上げ計 ¥3,240", "sale", 3240),
    ("R7", "合計点数 3点\n合計 ¥540", "sale", 540),
    ("R8", "合計 3点   ¥540", "sale", 540),
    ("R9", "割引合計 -100\n合計 ¥440", "sale", 440),
    ("R10", "現計 ¥980", "sale", 980),
    ("R11", "TOTAL JPY 2,160", "sale", 2160),
    ("R12", "** 再発行 **\n合計 ¥1,080", "reprint", 1080),
    ("R13", "返品\n合計 -¥1,080", "refund", -1080),
    ("R14", "返品レシート\n合計 ¥-1,080", "refund", -1080),
    ("R15", "精算レポート\n純売上合計 ¥152,300\n合計 ¥152,300", "report", None),
    ("R16", "注文伝票 テーブル5\nブレンド x2", "order", None),
    ("R17", "仮締め(会計前)\n合計 ¥1,080", "prebill", 1080),
    ("R18", "合計 ¥1,080\nポイント利用 -80\nお支払額 ¥1,000", "sale", 1000),
    ("R19", "合計 ¥1,080 ※軽減税率対象", "sale", 1080),
    ("R20", "領 収 証\n金額 ¥1,080-", "reprint", 1080),
]


@pytest.mark.parametrize("text, kind, total", [case[1:] for case in TWENTY], ids=[case[0] for case in TWENTY])
def test_the_twenty_published_receipts_are_read(text: str, kind: str, total: int | None) -> None:
    receipt = read_text(text)
    assert (receipt.kind, receipt.total) == (kind, total), receipt.why


def test_points_that_were_used_count_as_the_profile_says() -> None:
    assert read_text(TWENTY[17][1], Profile(points_used="before")).total == 1080
    assert read_text(TWENTY[17][1], Profile(points_used="after")).total == 1000


CORPUS = json.loads((Path(__file__).parent / "receipts.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CORPUS["sales"], ids=lambda case: case["text"].strip().splitlines()[0][:20])
def test_a_sale_gives_its_total_its_number_and_its_split(case: dict[str, Any]) -> None:
    receipt = read_text(case["text"])
    split = {str(rate): gross for rate, gross in receipt.tax_split.items()}
    found = (receipt.kind, receipt.total, receipt.receipt_no, split)
    assert found == (case["kind"], case["total"], case["receipt_no"], case["tax_split"]), receipt.why


@pytest.mark.parametrize("case", CORPUS["others"], ids=lambda case: case["text"].strip()[:20] or "empty")
def test_everything_else_is_told_from_a_sale(case: dict[str, Any]) -> None:
    assert read_text(case["text"]).kind == case["kind"]


@pytest.mark.parametrize("case", CORPUS["totals"], ids=lambda case: case["text"].splitlines()[0][:20])
def test_only_the_total_is_taken_for_the_total(case: dict[str, Any]) -> None:
    receipt = read_text(case["text"])
    assert (receipt.total if receipt.kind == "sale" else None) == case["total"], receipt.why


@pytest.mark.parametrize("text", CORPUS["never_sales"], ids=lambda text: text.splitlines()[0][:20])
def test_no_sale_is_seen_where_there_is_none(text: str) -> None:
    assert read_text(text).kind != "sale"


def test_no_report_has_a_total() -> None:
    assert {read_text(case["text"]).total for case in CORPUS["others"] if case["kind"] == "report"} == {None}


def test_what_is_asked_for_is_not_paid_and_cash_is() -> None:
    assert not read_text("合計 ¥1,080").paid
    assert not read_text("お支払額 ¥1,080").paid
    assert read_text("合計 ¥1,080\nお預り ¥2,000\nお釣り ¥920").paid


def test_payment_and_change_make_a_total_certain() -> None:
    assert read_text("合計 ¥1,080").confidence == "medium"
    assert read_text("合計 ¥1,080\nお預り ¥2,000\nお釣り ¥920").confidence == "high"


def test_a_profile_adds_labels_numbers_and_limits() -> None:
    profile, problems = read_profile('name = "x"\ntotal = ["おあいそ"]\nreceipt_no = ["整理"]\nignore = ["社内用"]\nmost = 5000\n')
    assert not problems
    found = read_text("おあいそ ¥1,080\n整理 77", profile)
    assert (found.kind, found.total, found.receipt_no, found.confidence) == ("sale", 1080, "77", "high")
    assert read_text("社内用\n合計 ¥1,080", profile).kind == "unknown"
    assert read_text("合計 ¥5,001", profile).kind == "unknown"


def test_a_profile_cannot_make_a_report_a_sale() -> None:
    profile, _ = read_profile('name = "x"\ntotal = ["純売上合計"]\n')
    assert read_text(TWENTY[14][1], profile).kind == "report"


def test_a_profiles_mistakes_are_all_told() -> None:
    _, problems = read_profile('name = "x"\npoint_used = "after"\ndecimals = 5\ntotal = [""]\n')
    assert [problem.path for problem in problems] == ["total", "decimals", "point_used"]


def test_decimals_are_not_yen_unless_the_profile_says_so() -> None:
    assert read_text("TOTAL $12.50").kind == "unknown"
    profile, _ = read_profile('name = "x"\ndecimals = 2\n')
    assert read_text("TOTAL $12.50", profile).total == 1250
