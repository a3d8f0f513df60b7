"""Owns the slips that the golden pictures and the examples in config/slips show: one fictitious shop, in Japanese and English."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

from posagent.slip_texts import Balance, Card, Head, Section, Terms, charge_slip, coupon_slip, diagnostic_slip, grant_slip, report_slip
from posagent.slips import Slip, reissued

NOW = datetime(2026, 11, 22, 10, 31, tzinfo=timezone(timedelta(hours=9)))


def golden(lang: str) -> dict[str, Slip]:
    """Every kind of slip by its name."""
    return _japanese() if lang == "ja" else _english()


def _japanese() -> dict[str, Slip]:
    def head(number: int) -> Head:
        return Head(f"0042-2-20261122-{number}", "珈琲みなと 駅前店", "2", NOW, "ja", "佐々木", footer=("ご来店ありがとうございます",))

    coupon = coupon_slip(
        head(18), benefit="100円引き", detail="次回のお会計からご利用いただけます", last_day=date(2026, 12, 31), code="https://minato.example.jp/c/8KQ4-77ZP",
        conditions=["500円(税込)以上のお買い上げで", "店内・お持ち帰りのどちらでも"],
    )  # fmt: skip
    report = {
        "business_date": date(2026, 11, 22), "first_seq": 10241, "last_seq": 10722, "chain": "9f2c1a77d0b35e4802f1" * 3,
        "sections": [
            Section("売上", (("お会計", "120 件"), ("うち会員", "74 件"))),
            Section("ポイント", (("付与", "+3,512P"), ("取消", "-98P"), ("ご利用", "-1,200P"), ("差引", "+2,214P"))),
            Section("クーポン", (("発行", "21 枚"), ("再発行", "1 枚"), ("ご利用", "9 枚  900円"))),
            Section("チャージ", (("チャージ", "8 件  24,000円"), ("ご利用", "13 件  9,840円"))),
            Section("未送信", (("クラウド待ち", "0 件"), ("要確認", "0 件"))),
        ],
    }  # fmt: skip
    return {
        "grant": grant_slip(
            head(17), member="****-****-1234", granted=49, balance=Balance(1349, NOW), used=100, sale_total=1080, sale_id="0001-0457",
            cards=[Card("ドリンクカード", 7, 10, 1, "お好きなコーヒー 1杯")], expiry=(120, date(2026, 12, 31)),
            explain=[("通常ポイント 1%", "10P"), ("雨の日ボーナス", "39P")],
        ),
        "grant-offline": grant_slip(head(19), member="****-****-1234", granted=5, balance=Balance(None), sale_total=540, sale_id="0001-0458"),
        "coupon": coupon,
        "coupon-again": reissued(coupon, "紙詰まり"),
        "charge": charge_slip(
            head(20), member="****-****-1234", charged=3000, bonus=150, balance=Balance(4200, NOW), expires=date(2027, 5, 22),
            terms=Terms("株式会社みなと珈琲", "03-0000-1234 (9時から18時)", "みなと珈琲の全店", "https://minato.example.jp/z",
                        ("お釣りは出ません。",)),
        ),
        "report-x": report_slip(head(21), kind="x", **report),  # type: ignore[arg-type]
        "report-z": report_slip(head(22), kind="z", **report),  # type: ignore[arg-type]
        "test": diagnostic_slip(
            replace(head(23), sample=True),
            facts=[("プリンタ", "EPSON TM-m30II"), ("製造番号", "VC000001"), ("確認方法", "印字完了ID・カッター回数")],
        ),
    }  # fmt: skip


def _english() -> dict[str, Slip]:
    def head(number: int) -> Head:
        return Head(f"0042-2-20261122-{number}", "Minato Coffee Ekimae", "2", NOW, "en", "Sasaki", footer=("Thank you. See you soon.",))

    coupon = coupon_slip(
        head(18), benefit="¥100 OFF", detail="on your next visit", last_day=date(2026, 12, 31), code="CPN-2026-000123", symbology="code128",
        conditions=["with a purchase of ¥500 or more (tax included)", "eat in or take out"],
    )  # fmt: skip
    sections = [
        Section("Sales", (("Sales", "120"), ("with a member", "74"))),
        Section("Points", (("granted", "+3,512"), ("voided", "-98"), ("used", "-1,200"), ("net", "+2,214"))),
        Section("Coupons", (("issued", "21"), ("reissued", "1"), ("redeemed", "9   ¥900"))),
        Section("Not yet sent", (("waiting", "0"), ("needs a look", "0"))),
    ]
    chain = "9f2c1a77d0b35e4802f1" * 3
    return {
        "grant": grant_slip(
            head(17), member="****-****-1234", granted=49, balance=Balance(1349, NOW), used=100, sale_total=1080, sale_id="0001-0457",
            cards=[Card("Drink card", 7, 10, 1, "a coffee of your choice")], expiry=(120, date(2026, 12, 31)),
            explain=[("Regular points 1%", "10P"), ("Rainy day bonus", "39P")],
        ),
        "coupon": coupon,
        "charge": charge_slip(
            head(20), member="****-****-1234", charged=3000, bonus=150, balance=Balance(4200, NOW), expires=date(2027, 5, 22),
            terms=Terms("Minato Coffee K.K.", "03-0000-1234 (9:00 to 18:00)", "all Minato Coffee shops", "https://minato.example.jp/z",
                        ("No change is given.",)),
        ),
        "report-z": report_slip(
            head(22), kind="z", business_date=date(2026, 11, 22), sections=sections, first_seq=10241, last_seq=10722, chain=chain
        ),
        "test": diagnostic_slip(
            replace(head(23), sample=True), facts=[("Printer", "EPSON TM-m30II"), ("Serial", "VC000001"), ("Proof", "process id, cuts")]
        ),
    }  # fmt: skip
