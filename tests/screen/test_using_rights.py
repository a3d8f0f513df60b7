"""Coupons and points used in a sale, in a real Chromium: what the cashier sees and presses between the card and the payment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

OFF: Any = {"key": "a" * 32, "label": "次回100円引き", "benefit": {"ja": "100円引き", "en": "100 yen off"}, "last_day": "2026-12-31",
            "usable": True, "code": None}  # fmt: skip
OPEN: Any = {"member": "**** 4821", "amount": None, "paid": None, "payable": None, "per_rate": [], "reductions": [],
             "coupons": [OFF, {**OFF, "key": "b" * 32, "label": "夏のクーポン", "usable": False, "code": "E645"}],
             "points": {"balance": 1240, "as_of": "2026-11-22T09:12:00+09:00", "redeemable": 1240, "yen": 1240}, "stamps": []}  # fmt: skip


@pytest.fixture
def page(browser: Browser, server: Any, console: Any) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1024, "height": 768})
    opened = console.watch(context.new_page())
    opened.goto(server.url)
    expect(opened.locator("body")).to_have_attribute("data-link", "on")
    yield opened
    context.close()


def test_the_members_rights_are_seen_at_a_glance_and_nothing_is_asked_for(counter: Any, page: Page) -> None:
    counter.change(open=OPEN)
    expect(page.locator("#stage")).to_contain_text("1,240")
    expect(page.locator("#stage")).to_contain_text("次回100円引き")
    expect(page.locator("#stage")).not_to_contain_text("夏のクーポン")  # not usable now
    page.keyboard.type("1980")
    page.keyboard.press("Enter")
    expect(page.locator("#stage")).to_have_attribute("data-kind", "granted")  # three presses as ever, for who uses nothing


def test_a_coupon_and_points_are_used_by_keys_alone_before_the_payment(counter: Any, page: Page) -> None:
    counter.change(open=OPEN)
    expect(page.locator("#use")).to_be_visible()
    page.keyboard.press("F4")
    page.keyboard.type("1980")
    page.keyboard.press("Enter")
    expect(page.locator("#stage")).to_have_attribute("data-kind", "using")
    expect(page.locator(".due")).to_contain_text("¥1,980")
    page.keyboard.press("F4")
    page.keyboard.press("Enter")
    expect(page.locator(".due")).to_contain_text("¥1,880")
    expect(page.locator(".rates")).to_contain_text("10%")
    expect(page.locator(".rates")).to_contain_text("−¥100")
    page.locator("#points").select_text()
    page.keyboard.type("80")  # what is typed there stays there
    expect(page.locator("#points")).to_have_value("80")
    page.locator("[data-use=points]").click()
    expect(page.locator(".due")).to_contain_text("¥1,800")
    expect(page.locator("#amount")).to_be_focused()
    page.keyboard.press("Enter")  # an empty field: it is paid
    expect(page.locator("#stage")).to_have_attribute("data-kind", "granted")
    calls = [call for call in counter.calls if call[0] in {"sale", "redeem"}]
    assert [call[:2] for call in calls] == [
        ("sale", {"total": 1980, "source": "typed", "paid": False}), ("redeem", "coupon"), ("redeem", "points"),
        ("sale", {"total": 1980, "source": "typed", "paid": True}),
    ]  # fmt: skip
    assert calls[0][2] == calls[-1][2], "the payment is of the same sale"


def test_what_was_taken_by_mistake_is_taken_off_again(counter: Any, page: Page) -> None:
    counter.change(open={**OPEN, "amount": 1980, "payable": 1980, "paid": False})
    page.locator("[data-use^=coupon]").first.click()
    expect(page.locator(".taken")).to_contain_text("次回100円引き")
    page.locator("[data-release]").click()
    expect(page.locator(".taken")).to_have_count(0)
    expect(page.locator(".due")).to_contain_text("¥1,980")


def test_what_was_charged_stays_until_the_sale_moves_on_though_the_balance_comes_after_it(counter: Any, page: Page) -> None:
    using = {**OPEN, "amount": 1980, "payable": 1980, "paid": False}
    counter.change(open={**using, "asking": True})
    expect(page.locator("#stage")).to_have_attribute("data-kind", "using")
    counter.record({"kind": "charged", "member": "**** 4821", "amount": 3000, "bonus": 300, "sale_id": "C-1", "slips": []})
    expect(page.locator("#stage")).to_have_attribute("data-kind", "charged")
    counter.store_name = "then"  # seen on the page: this status has arrived
    counter.change(open={**using, "asking": False, "points": {**OPEN["points"], "redeemable": 900}})
    expect(page.locator("#store")).to_have_text("then")
    expect(page.locator("#stage")).to_have_attribute("data-kind", "charged")
    page.keyboard.press("F4")
    expect(page.locator("#stage")).to_have_attribute("data-kind", "using")
    expect(page.locator("#points")).to_have_value("900")
    page.fill("#points", "80")
    counter.store_name = "later"
    counter.change(open={**using, "points": {**OPEN["points"], "redeemable": 950}})
    expect(page.locator("#store")).to_have_text("later")
    expect(page.locator("#points")).to_have_value("80")  # what was typed outlives the new balance
    page.locator("[data-use^=coupon]").first.click()
    expect(page.locator(".due")).to_contain_text("¥1,880")


def test_why_something_could_not_be_used_stays_though_head_office_is_no_longer_asked(counter: Any, page: Page) -> None:
    using = {**OPEN, "amount": 1980, "payable": 1980, "paid": False}
    counter.change(open={**using, "asking": True})
    expect(page.locator("#stage")).to_have_attribute("data-kind", "using")
    page.route("**/v1/redemptions", lambda route: route.abort())
    page.locator("[data-use^=coupon]").first.click()
    expect(page.locator("#stage")).to_have_attribute("data-kind", "trouble")
    counter.store_name = "then"
    counter.change(open={**using, "asking": False})
    expect(page.locator("#store")).to_have_text("then")
    expect(page.locator("#stage")).to_have_attribute("data-kind", "trouble")


def test_a_sale_of_the_tills_own_waits_for_the_tills_payment(counter: Any, page: Page) -> None:
    counter.change(open={**OPEN, "amount": 1980, "payable": 1980, "paid": False})
    expect(page.locator("#stage")).to_contain_text("レジのお支払いを待っています")
    expect(page.locator("#paid")).to_have_count(0)
    page.keyboard.press("Enter")
    assert [call for call in counter.calls if call[0] == "sale"] == []


@pytest.mark.parametrize("size", [(1024, 768), (1280, 800), (800, 1280)], ids=["1024", "1280", "upright"])
def test_a_full_hand_fits(counter: Any, page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    many = [{**OFF, "key": f"{number:032x}"} for number in range(5)]
    one = {"kind": "coupon", "label": "次回100円引き", "amount": 100, "gift": None, "points": None}
    taken = [{**one, "id": f"r{number}"} for number in range(2)]
    rates = [{"tax": 1000, "amount": 1080, "discount": 120}, {"tax": 800, "amount": 900, "discount": 80}]
    counter.change(open={**OPEN, "amount": 1980, "payable": 1780, "paid": False, "coupons": many, "reductions": taken, "per_rate": rates})
    expect(page.locator(".rights li")).to_have_count(6)
    assert page.evaluate("(node => node.scrollHeight <= node.clientHeight + 1)(document.getElementById('stage-body'))")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
