"""A sale door on the technician's page, in a real Chromium: what it has earned, and teaching from two known receipts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect


def door(**more: Any) -> dict[str, Any]:
    shown = {"profile": "", "chosen": "", "profiles": [], "trust": {"confirmed": 3, "needed": 20}, "teaching_s": 0, "captured": [], **more}
    plain = {"name": "till", "kind": "sale_door", "driver": "capture-printer", "state": "ready", "code": None, "detail": "", "as_of": 2}
    return {**plain, "beat": 1, "stale": False, "camera": False, "scanner": None, "printer": None, "door": shown}


def seen(number: int, text: str) -> dict[str, Any]:
    read = {"kind": "unknown", "total": None, "receipt_no": None, "paid": False, "why": ["no line says what the total is"]}
    return {"number": number, "at": "2026-11-22T14:05:00+09:00", "lines": text.split("\n"), **read}


@pytest.fixture
def page(counter: Any, server: Any, browser: Browser, console: Any) -> Iterator[Page]:
    counter.technician.state["devices"] = [door()]
    opened = console.watch(browser.new_page(viewport={"width": 1100, "height": 1200}))
    opened.goto(f"{server.url}tech")
    yield opened
    opened.close()


def test_two_known_receipts_are_taught_and_what_is_typed_survives_the_next_look(counter: Any, page: Page) -> None:
    bench = counter.technician
    expect(page.locator(".card").first).to_contain_text("3 / 20")
    page.click('[data-act="till/teach"]')
    expect(page.locator("#said")).to_contain_text("レシートを待っています")
    bench.state["devices"] = [door(teaching_s=890, captured=[seen(1, "おあいそ 1,200")])]
    page.fill('[data-act="till/1"]', "１，２００")
    bench.state["devices"] = [door(teaching_s=880, captured=[seen(1, "おあいそ 1,200"), seen(2, "<b>おあいそ</b> 2,350")])]
    page.fill('[data-act="till/2"]', "2350")
    expect(page.locator('[data-act="till/1"]')).to_have_value("１，２００")
    page.click('[data-act="till/text2"]')
    expect(page.locator(".captured pre").nth(1)).to_have_text("<b>おあいそ</b> 2,350")
    page.click('[data-act="till/learn"]')
    expect(page.locator("#alarm")).to_contain_text("名前")
    page.fill('[data-act="till/name"]', "acme")
    page.click('[data-act="till/learn"]')
    expect(page.locator("#said")).to_contain_text("/etc/posagent/receipts/acme.toml")
    assert [call for call in counter.calls if call[0] == "learn"] == [("learn", "till", "acme", [(1, 1200), (2, 2350)])]


def test_a_learned_profile_counts_at_once_and_can_be_taken_back(counter: Any, page: Page) -> None:
    counter.technician.state["devices"] = [door(profiles=["acme", "cafe"])]
    page.click('[data-act="till/use/acme"]')
    expect(page.locator("#said")).to_have_text("次のレシートから acme で読みます")
    expect(page.locator(".facts").first).to_contain_text("acme（ここで選択）")
    expect(page.locator('[data-act="till/use/acme"]')).to_have_count(0)
    page.click('[data-act="till/use/"]')
    expect(page.locator("#said")).to_have_text("設定の読み方に戻しました")
    assert [call for call in counter.calls if call[0] == "profile"] == [("profile", "till", "acme"), ("profile", "till", "")]
