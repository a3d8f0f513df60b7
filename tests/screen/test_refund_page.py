"""A refund that the till rang up, on the cashier's page: its sale is shown, a manager confirms it, and nothing happens by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from posagent.screen.access import Access
from posagent.screen.unlocks import Unlocks
from posagent.staff import Staff, store_pin

AT = "2026-11-22T09:12:00+09:00"
GRANT: Any = {"kind": "granted", "member": "**** 4821", "points": 49, "amount": 4980, "coupons": [], "stamps": None, "sale_id": "S-1",
              "offline": False, "slips": [], "lines": [], "receipt_no": "77", "balance": None, "explain": {"ja": [], "en": []}}  # fmt: skip
RUNG_UP: Any = {"id": "r1", "amount": 1980, "sale_id": "S-1", "remaining_total": 3000, "total": 4980, "points": 49, "member": "**** 4821",
                "receipt_no": "77", "sold_at": AT}  # fmt: skip
WHOLE = RUNG_UP | {"amount": 4980, "remaining_total": 0}


@pytest.fixture
def look(browser: Browser, console: Any) -> Iterator[Callable[[Any], Page]]:
    """Opens the cashier's page of a server."""
    context = browser.new_context(viewport={"width": 1024, "height": 768})

    def opening(server: Any) -> Page:
        page: Page = console.watch(context.new_page())
        page.goto(server.url)
        expect(page.locator("body")).to_have_attribute("data-link", "on")
        return page

    yield opening
    context.close()


@pytest.fixture
def guarded(counter: Any, serve: Any) -> Iterator[Any]:
    """A register on which a manager has a PIN."""
    with serve(counter, access=Access(unlocks=Unlocks((Staff("M01", "manager", store_pin("47110815")),), lambda *_: None))) as server:
        yield server


def confirmed_by_the_manager(page: Page) -> None:
    page.keyboard.press("Enter")
    expect(page.locator("#pin")).to_be_visible()
    page.keyboard.type("M01")
    page.keyboard.press("Tab")
    page.keyboard.type("47110815")
    page.keyboard.press("Enter")
    expect(page.locator("#sale")).to_be_hidden()


def calls(counter: Any) -> list[Any]:
    return [call for call in counter.calls if call[0] in {"refund", "void"}]


def test_a_part_refund_of_the_tills_is_confirmed_under_the_managers_pin_with_its_amount_filled_in(
    counter: Any, guarded: Any, look: Any, tmp_path: Any
) -> None:
    counter.record(GRANT)
    page = look(guarded)
    counter.change(refunds=[RUNG_UP])
    box = page.locator("#refund")
    expect(box.locator("h2")).to_have_text("返品 ¥1,980 の元の会計")
    expect(box).to_contain_text("09:12　No. 77　¥4,980")
    expect(box).to_contain_text("**** 4821　残り ¥3,000")
    page.screenshot(path=tmp_path / "refund.png")
    assert calls(counter) == []
    box.locator("[data-refund=look]").focus()
    page.keyboard.press("Enter")
    expect(page.locator("[data-kept=total]")).to_have_value("3000")
    expect(page.locator("#sale-void")).to_be_focused()
    page.screenshot(path=tmp_path / "dialog.png")
    confirmed_by_the_manager(page)
    assert calls(counter) == [("refund", "S-1", None, 3000, "returned", "manager")]
    counter.change(refunds=[])
    expect(box).to_have_count(0)


def test_a_whole_refund_voids_the_sale_even_where_the_list_does_not_show_it_any_more(counter: Any, guarded: Any, look: Any) -> None:
    counter.record(GRANT)
    counter.change(refunds=[WHOLE], shift_start_seq=1)  # yesterday's, or one of too many
    page = look(guarded)
    expect(page.locator("#no-sales")).to_have_text("まだ会計がありません")
    page.locator("[data-refund=look]").click()
    expect(page.locator("#sale-facts")).to_contain_text("¥4,980")
    expect(page.locator("#sale-void")).to_have_text("この会計を取り消す")
    page.keyboard.press("Escape")
    assert calls(counter) == []  # looking takes nothing back
    page.locator("[data-refund=look]").click()
    confirmed_by_the_manager(page)
    assert calls(counter)[0][:3] == ("void", "S-1", "returned")


def test_of_several_lines_the_manager_says_which_came_back(counter: Any, server: Any, look: Any) -> None:
    counter.record(GRANT | {"lines": [{"amount": 3000, "tax": 1000, "qty": 1}, {"amount": 1980, "tax": 800, "qty": 2}]})
    counter.change(refunds=[RUNG_UP])
    page = look(server)
    page.locator("[data-refund=look]").click()
    expect(page.locator("[data-kept='1']")).to_be_focused()
    expect(page.locator("[data-kept='2']")).to_have_value("1980")
    expect(page.locator("#sale-note")).to_have_text("返品は ¥1,980 です")
    assert calls(counter) == []


def test_a_proposal_that_is_another_sales_goes_and_the_next_one_is_shown(counter: Any, server: Any, look: Any) -> None:
    counter.change(refunds=[RUNG_UP, WHOLE | {"id": "r2"}])
    page = look(server)
    box = page.locator("#refund")
    expect(box).to_contain_text("¥1,980")
    box.locator("[data-refund=not]").click()
    expect(box).to_contain_text("全部の返品")
    expect(page.locator("#amount")).to_be_focused()
    page.locator("#language").click()
    expect(box).to_contain_text("all of it comes back")
    box.locator("[data-refund=not]").click()
    expect(box).to_have_count(0)
    assert calls(counter) == []
