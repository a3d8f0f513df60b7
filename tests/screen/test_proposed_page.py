"""An amount that a door read, on the cashier's page: Enter on the empty field says that it is right; another amount is taken anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from posagent.errors import Refused

OPEN: Any = {"member": None, "amount": 1980, "paid": False, "door": "pole", "proposed": True, "sale_id": "S-c1", "payable": 1980,
             "per_rate": [], "reductions": [], "coupons": [], "points": None, "stamps": [], "value": None, "charge": None,
             "accounts": []}  # fmt: skip


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


def sales(counter: Any) -> list[Any]:
    return [call[1] for call in counter.calls if call[0] == "sale"]


def test_scan_and_one_key_make_the_slip(counter: Any, server: Any, look: Any, tmp_path: Any) -> None:
    page = look(server)
    counter.change(open=OPEN)
    expect(page.locator("#entry-note")).to_have_text("レジの表示 ¥1,980　Enter で確定")
    counter.change(open=OPEN | {"member": "**** 4821"})  # the card is read
    expect(page.locator("#stage")).to_have_attribute("data-kind", "using")
    page.screenshot(path=tmp_path / "proposed.png")
    expect(page.locator("#amount")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#stage")).to_have_attribute("data-kind", "granted")
    assert sales(counter) == [{"total": 1980, "source": "typed", "confirms": "S-c1"}]
    expect(page.locator("#entry-note")).to_have_text("")
    page.keyboard.press("Enter")  # one too many confirms nothing
    page.keyboard.type("5")
    expect(page.locator("#amount")).to_have_value("5")
    assert len(sales(counter)) == 1


def test_the_proposal_follows_the_till_and_gives_way_to_what_is_typed(counter: Any, server: Any, look: Any) -> None:
    page = look(server)
    counter.change(open=OPEN)
    note = page.locator("#entry-note")
    expect(note).to_contain_text("¥1,980")
    counter.change(open=OPEN | {"amount": 2100, "payable": 2100, "sale_id": "S-c2"})
    expect(note).to_contain_text("¥2,100")
    page.keyboard.type("2")
    expect(note).to_have_text("")
    page.keyboard.type("200")
    page.keyboard.press("Enter")
    expect(page.locator("[data-half=amount]")).to_contain_text("¥2,200")
    assert sales(counter) == [{"total": 2200, "source": "typed"}]
    counter.change(open=OPEN)
    page.locator("#language").click()
    expect(note).to_have_text("The till shows ¥1,980: Enter confirms it")


def test_what_the_pos_itself_will_tell_as_paid_waits_for_the_pos(counter: Any, server: Any, look: Any) -> None:
    page = look(server)
    counter.change(open=OPEN | {"door": "api", "proposed": False})
    expect(page.locator("[data-half=amount]")).to_contain_text("¥1,980")
    expect(page.locator("#entry-note")).to_have_text("")
    page.keyboard.press("Enter")
    page.keyboard.type("7")
    expect(page.locator("#amount")).to_have_value("7")
    assert sales(counter) == []


def test_where_the_till_has_moved_on_enter_says_so_and_the_new_amount_is_the_proposal(counter: Any, server: Any, look: Any) -> None:
    page = look(server)
    counter.change(open=OPEN)
    expect(page.locator("#entry-note")).to_contain_text("¥1,980")
    counter.trouble = Refused("the till shows another amount now", code="E678")
    page.keyboard.press("Enter")
    expect(page.locator("#stage")).to_contain_text("E678")
    expect(page.locator("#entry-note")).to_contain_text("¥1,980")  # and what the page shows next is what counts next
