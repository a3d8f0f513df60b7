"""The manager's page in a real Chromium: the day in figures, reports under a PIN, and what head office has not taken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from posagent.errors import Refused

REFUSED: Any = {"seq": 37, "state": "rejected", "kind": "sale.granted", "at": "2026-11-22T09:12:00+09:00", "problem": "unknown member",
                "amount": 4980, "points": 49, "masked": "**** 4821", "sale_id": "S-1"}  # fmt: skip
PARKED: Any = {**REFUSED, "seq": 41, "state": "parked", "problem": "400 framing"}
REPORT: Any = {
    "result": "checked", "at": "2026-11-22T18:00:00+09:00", "business_date": "2026-11-22", "job": None,
    "sections": {lang: [{"title": title, "rows": [["会計数", "12"]]}] for lang, title in (("ja", "会計"), ("en", "Sales"))},
    "remark": {"ja": "未送信 0 件", "en": "0 to send"},
}  # fmt: skip


def granted(**fields: Any) -> Any:
    """A grant as the journal tells of it."""
    return {"kind": "granted", "member": "**** 4821", "points": 49, "amount": 4980, "coupons": [], "stamps": None, "sale_id": "S-1",
            "offline": False, "explain": {"ja": [], "en": []}, **fields}  # fmt: skip


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    opened = browser.new_context(viewport={"width": 1280, "height": 800})
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext, server: Any, console: Any) -> Page:
    opened: Page = console.watch(context.new_page())
    opened.goto(f"{server.url}manager")
    expect(opened.locator("body")).to_have_attribute("data-link", "on")
    return opened


def test_the_day_stands_there_in_figures_and_bars(counter: Any, page: Page) -> None:
    for number, at in enumerate(("09:10", "12:05", "12:40", "12:41"), 1):
        counter.record(granted(sale_id=f"S-{number}", amount=1000 * number, points=10 * number, at=f"2026-11-22T{at}:00+09:00"))
    counter.record({"kind": "voided", "sale_id": "S-4", "member": "*1", "points": -40, "amount": 4000, "at": "2026-11-22T12:50:00+09:00"})
    expect(page.locator("#figures")).to_contain_text("会員の会計3")
    expect(page.locator("#figures")).to_contain_text("¥6,000")
    expect(page.locator("#figures")).to_contain_text("100 ポイント")
    expect(page.locator("#figures")).to_contain_text("40 ポイント")
    expect(page.locator("#chart [title='12時 2'] i")).to_have_css("height", "130px")
    expect(page.locator("#chart [title='9時 1'] i")).to_have_css("height", "65px")


def test_a_report_is_taken_and_shown_in_the_words_of_the_slip(counter: Any, page: Page) -> None:
    counter.report_answer = REPORT
    page.click("#check")
    expect(page.locator("#report")).to_contain_text("会計数")
    expect(page.locator("#report caption")).to_have_text("会計")
    page.click("#language")
    expect(page.locator("#report caption")).to_have_text("Sales")
    assert counter.calls[-1][:2] == ("report", "x")


def test_closing_asks_first_and_then_for_the_pin_where_one_is_needed(counter: Any, page: Page) -> None:
    counter.report_answer = Refused("closing a business date needs a manager", code="E613")
    page.click("#close")
    expect(page.locator("#sure-title")).to_have_text("この営業日を締めますか？")
    page.keyboard.press("Enter")  # "no" holds the focus
    assert [call for call in counter.calls if call[0] == "report"] == []
    page.click("#close")
    page.click("#sure button[value=yes]")
    expect(page.locator("#pin")).to_be_visible()
    page.keyboard.type("M01")
    page.keyboard.press("Tab")
    page.keyboard.type("4711")
    page.keyboard.press("Enter")
    expect(page.locator("#pin .note")).to_contain_text("E711")  # nobody has a PIN on this register
    page.keyboard.press("Escape")
    expect(page.locator("#closing .note")).to_contain_text("E613")


def test_what_was_refused_is_explained_and_decided_here(counter: Any, page: Page) -> None:
    counter.manager.state = {**counter.manager.state, "pending": 3, "oldest": "2026-11-22T09:00:00+09:00", "events": [PARKED, REFUSED]}
    expect(page.locator("#undecided li")).to_have_count(2)
    expect(page.locator("[data-seq='37']")).to_contain_text("本部が受け付けません")
    expect(page.locator("[data-seq='37']")).to_contain_text("¥4,980")
    expect(page.locator("[data-seq='37'] button")).to_have_count(1)
    page.locator("[data-seq='41'] button").first.click()
    expect(page.locator("#undecided li")).to_have_count(1)
    page.locator("[data-seq='37'] button").click()
    page.keyboard.type("test sale")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#waiting")).to_contain_text("判断が必要な記録はありません")
    decisions = [call for call in counter.calls if call[0] == "decide"]
    assert decisions == [("decide", 41, "retry", "", "", "manager"), ("decide", 37, "drop", "test sale", "", "manager")]


def test_both_languages_have_all_words_and_every_word_that_is_used(page: Page) -> None:
    assert page.evaluate("import('/static/manager_words.js').then(words => words.missing())") == []
    static = Path(__file__).parents[2] / "posagent" / "screen" / "static"
    used = set(re.findall(r'\bw\("([\w.]+)"', (static / "manager.js").read_text()))
    known = set(page.evaluate("import('/static/manager_words.js').then(words => words.known())"))
    cashiers = set(page.evaluate("import('/static/words.js').then(words => [...words.known()])"))
    assert used - known - cashiers == set()


@pytest.mark.parametrize("size", [(1280, 800), (1024, 768), (800, 1280)], ids=["1280", "1024", "upright"])
def test_it_fits_and_its_targets_are_large(counter: Any, page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    counter.report_answer = REPORT
    counter.manager.state = {**counter.manager.state, "pending": 3, "events": [PARKED, REFUSED]}
    counter.record(granted())
    page.click("#check")
    expect(page.locator("#undecided li")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    small = """() => [...document.querySelectorAll("button, a, input")]
        .filter(node => node.offsetParent && node.getBoundingClientRect().height < 44)
        .map(node => node.id || node.outerHTML)"""
    assert page.evaluate(small) == []
