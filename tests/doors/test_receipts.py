"""Receipts of many tills: kind, total, number, split. The first twenty are the published cases."""

import pytest

from posagent.doors.profiles import Profile
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
