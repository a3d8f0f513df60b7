"""The customer's screen in a real Chromium: what somebody on the other side of the counter sees, and what they must never see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

SCREENS = [(800, 480), (1024, 600), (1280, 800), (1920, 1080), (600, 1024)]
GRANT: Any = {
    "kind": "granted", "member": "**** **** 4821", "points": 49, "balance": {"value": 1240, "as_of": "2026-11-22T09:12:00+09:00"},
    "amount": 4980, "coupons": [{"label": {"ja": "次回 200 円引き", "en": "200 yen off next time"}, "last_day": "2026-12-31"}],
    "stamps": {"position": 6, "size": 10}, "sale_id": "S-1", "offline": True, "explain": {"ja": ["100 円ごと"], "en": ["per 100 yen"]},
}  # fmt: skip


@pytest.fixture
def screen(browser: Browser, server: Any, console: Any) -> Iterator[Page]:
    console.excused = ("net::ERR_",)
    context = browser.new_context(viewport={"width": 1024, "height": 600})
    page = console.watch(context.new_page())
    page.goto(f"{server.url}customer")
    expect(page.locator("body")).to_have_attribute("data-link", "on")
    yield page
    context.close()


def test_the_customer_is_greeted_in_two_languages(screen: Page) -> None:
    expect(screen.locator("header")).to_have_text("みどり書店 駅前店")
    expect(screen.locator("main")).to_contain_text("会員証やスマホの会員画面をお見せください")
    expect(screen.locator("main")).to_contain_text("Please show your member card")
    assert screen.locator("button, a, input").count() == 0


def test_the_total_stands_there_while_the_card_is_awaited(counter: Any, screen: Page) -> None:
    counter.change(open={"member": None, "amount": 4980})
    expect(screen.locator(".due")).to_contain_text("¥4,980")
    expect(screen.locator("h1")).to_have_text("会員証をお持ちでしたらお見せください")


def test_what_was_taken_off_stands_under_what_is_left_to_pay(counter: Any, screen: Page) -> None:
    taken = [{"kind": "coupon", "label": {"ja": "次回100円引き", "en": "100 yen off"}, "amount": 100, "id": "c1"}]
    counter.change(open={"member": "**** 4821", "amount": 1980, "payable": 1880, "reductions": taken})
    expect(screen.locator(".due b")).to_have_text("¥1,880")
    expect(screen.locator(".off")).to_contain_text("次回100円引き")
    expect(screen.locator(".off")).to_contain_text("−¥100")


def test_the_points_are_read_from_a_metre_away_and_make_room_for_the_next_customer(counter: Any, screen: Page) -> None:
    counter.record(GRANT)
    for words in ("+49", "ポイント", "1,240", "次回 200 円引き", "12/31まで", "ポイントは後で登録されます"):
        expect(screen.locator("main")).to_contain_text(words)
    assert screen.locator(".points b").evaluate("node => parseFloat(getComputedStyle(node).fontSize)") >= 140
    counter.change(open={"member": None, "amount": 300})
    expect(screen.locator("main")).not_to_contain_text("+49")
    expect(screen.locator(".due b")).to_have_text("¥300")


def test_neither_card_numbers_nor_our_troubles_are_shown(counter: Any, screen: Page) -> None:
    counter.change(open={"member": "**** **** 4821", "amount": None})
    expect(screen.locator("main")).to_contain_text("会員証を読み取りました")
    counter.notify({"kind": "trouble", "code": "E602"})
    counter.change(level="action", code="E210", values={"device": "front printer"})
    counter.record({**GRANT, "kind": "voided", "points": -49})
    counter.change(open=None)
    expect(screen.locator("main")).to_contain_text("取り消しました")
    shown = screen.content()
    for hidden in ("4821", "E210", "E602"):
        assert hidden not in shown


def test_a_page_that_comes_back_does_not_show_the_last_customers_result(counter: Any, screen: Page) -> None:
    counter.record({**GRANT, "at": "2026-11-22T09:12:00+09:00"})
    expect(screen.locator("main")).to_contain_text("+49")
    screen.reload()
    expect(screen.locator("body")).to_have_attribute("data-kind", "idle")


@pytest.mark.parametrize("size", SCREENS, ids=[f"{width}x{height}" for width, height in SCREENS])
def test_every_look_fits_on_every_second_screen(counter: Any, screen: Page, size: tuple[int, int]) -> None:
    screen.set_viewport_size({"width": size[0], "height": size[1]})
    fits = """() => { const main = document.querySelector('main'), whole = document.documentElement;
        return main.scrollHeight <= main.clientHeight + 1 && main.scrollWidth <= main.clientWidth + 1 && whole.scrollWidth <= innerWidth; }"""
    taken = [{"kind": "coupon", "label": {"ja": "次回ドリンク1杯無料クーポン", "en": "One free drink"}, "amount": 300, "id": "c1"}] * 2
    for opened, event in ((None, None), ({"member": None, "amount": 1234567}, None), ({"member": "*1", "amount": None}, None),
                          ({"member": "*1", "amount": 4980, "payable": 4380, "reductions": taken}, None), (None, GRANT)):  # fmt: skip
        counter.change(open=opened)
        if event:
            counter.record(event)
        kind = "granted" if event else "idle" if not opened else "paying" if opened["amount"] else "card_read"
        expect(screen.locator("body")).to_have_attribute("data-kind", kind)
        assert screen.evaluate(fits), (opened, event)
