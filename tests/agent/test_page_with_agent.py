"""The cashier's page against the real agent, with a receiver beside it: what the fakes of the other tests claim, proven once end to end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from agent_shop import AgentShop
from playwright.sync_api import Browser, Page, expect

from virtual_counter.plain_register import MEMBER, free_port

OTHER = "2000000000015"


class Shop(AgentShop):
    """With its page on loopback and a key from head office, which knows the member."""

    def __init__(self, register: Any, directory: Path) -> None:
        super().__init__(register, directory)
        listen = f"127.0.0.1:{free_port()}"
        self.url = f"http://{listen}/"
        text = register.settings.read_text("utf-8").replace('listen = ""', f'listen = "{listen}"')
        register.write(text.replace("[cloud]\n", '[cloud]\ncredentials = "credentials.json"\n'))
        code = self._ask("/v1/enrolments?tenant=acme", store="0042", register="R2").json()["code"]
        credentials = register.directory / "credentials.json"
        credentials.touch(mode=0o600)
        credentials.write_text(self._ask("/v1/enrol", code=code).text, "utf-8")
        self._ask("/v1/members?tenant=acme", token="m-aoki", number=MEMBER)

    def _ask(self, path: str, **body: str) -> requests.Response:
        answer = requests.post(self.office_url + path, json=body, timeout=10)
        answer.raise_for_status()
        return answer

    def said(self, path: str, **body: Any) -> Any:
        return self.post(path, **body).body


@pytest.fixture
def shop(register: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    made = Shop(register, tmp_path_factory.mktemp("office"))
    register.start()
    register.until(made.online)
    register.until((register.directory / "journal" / "members.json").exists)
    yield made
    made.office.stop()


@pytest.fixture
def look(browser: Browser, console: Any) -> Iterator[Callable[[str], Page]]:
    """Opens an address; at the end no page may have complained on its console."""
    pages: list[Page] = []

    def opening(address: str) -> Page:
        page: Page = console.watch(browser.new_page(viewport={"width": 1280, "height": 800}))
        pages.append(page)
        page.goto(address)
        expect(page.locator("body")).to_have_attribute("data-link", "on")
        return page

    yield opening
    for page in pages:
        page.close()


def keys(page: Page, *typed: str) -> None:
    for one in typed:
        page.keyboard.press(one) if one in {"Enter", "Escape", "F4", "F8"} else page.keyboard.type(one)


def test_a_sale_is_typed_a_coupon_points_and_value_are_used_it_is_paid_and_a_part_comes_back(shop: Shop, look: Any) -> None:
    shop.scan()
    assert shop.said("/v1/sales", total=5000, receipt_no="1")["points"] == 500
    page = look(shop.url)
    customer = look(f"{shop.url}customer")
    page.bring_to_front()
    expect(page.locator("#sales li")).to_have_count(1)
    keys(page, shop.coupon_code(), "Enter")
    expect(page.locator("#stage")).to_have_attribute("data-kind", "coupon")
    keys(page, "1980", "Enter")
    expect(page.locator("#stage")).to_have_attribute("data-kind", "using")
    keys(page, "F4", "Enter")
    expect(page.locator(".due")).to_contain_text("¥1,880")
    expect(customer.locator(".due")).to_contain_text("¥1,880")
    shop.scan()
    expect(page.locator("#points")).to_be_visible()
    keys(page, "F8")
    expect(page.locator("#charge-sum")).to_be_focused()
    keys(page, "3000", "Enter")
    expect(page.locator("#stage")).to_have_attribute("data-kind", "charged")
    expect(page.locator("#amount")).to_be_focused()
    keys(page, "Escape")
    page.fill("#points", "80")
    page.locator("[data-use=points]").click()
    expect(page.locator(".due")).to_contain_text("¥1,800")
    page.fill("#value", "1000")
    page.locator("#value").press("Enter")
    expect(page.locator(".due")).to_contain_text("¥800")
    expect(page.locator(".taken")).to_have_count(3)
    expect(page.locator("#amount")).to_be_focused()
    keys(page, "Enter")  # an empty field: it is paid
    expect(page.locator("#stage")).to_have_attribute("data-kind", "granted")
    expect(customer.locator("body")).to_have_attribute("data-kind", "granted")
    second = shop.of("sale.granted")[1]
    assert (second["amount"], second["payable"], second["key"]) == (1980, 800, shop.of("sale.seen")[-1]["key"])
    assert len({one["key"] for one in shop.of("sale.seen")}) == 2, "paid under the key under which it was opened"
    assert [len(shop.of(name)) for name in ("coupon.redeemed", "points.redeemed", "value.spent", "value.charged")] == [1, 1, 1, 1]
    expect(page.locator("#sales li")).to_have_count(3)
    page.locator(f"[data-sale='{second['sale_id']}']").click()
    for words in ("100", "−¥80", "−¥1,000"):
        expect(page.locator("#sale-facts")).to_contain_text(words)
    page.click("#sale-refund")
    page.fill("[data-kept=total]", "0")
    page.locator("#void input[value=returned]").check(force=True)
    page.click("#sale-void")
    expect(page.locator("#sale")).to_be_hidden()
    expect(page.locator("#stage")).to_have_attribute("data-kind", "refunded")
    refunded = shop.of("sale.refunded")[0]
    assert (refunded["remaining"], refunded["value_back"], refunded["returned_points"]) == (0, 1000, 80)


def test_the_manager_grants_a_missed_sale_and_puts_an_account_right(shop: Shop, look: Any) -> None:
    shop.said("/v1/sales", total=700, receipt_no="12")
    shop.said("/v1/sales", total=900, receipt_no="13", lines=[{"amount": 500}, {"amount": 400, "rate_bp": 800}])
    page = look(f"{shop.url}manager")
    expect(page.locator("#late label")).to_have_count(2)
    shop.scan()
    expect(page.locator("#amend .note")).to_have_text("")
    expect(page.locator("#late label")).to_have_count(1)  # the newest was open and is granted by the scan
    shop.scan(OTHER)
    expect(page.locator("#late button")).to_be_enabled()
    page.locator("#late input").check()
    page.click("#late button")
    expect(page.locator("#amend .note")).to_contain_text("70 points given")
    expect(page.locator("#late label")).to_have_count(0)
    shop.scan()
    expect(page.locator("#adjust button")).to_be_enabled()
    page.select_option("#adjust [name=account]", "points")
    page.fill("#adjust [name=delta]", "-10")
    page.select_option("#adjust [name=reason]", "goodwill")
    page.click("#adjust button")
    expect(page.locator("#amend .note")).to_contain_text("adjusted by −10")
    assert [one["amount"] for one in shop.of("sale.granted")] == [900, 700]
    assert shop.of("points.adjusted")[0]["points"] == -10
    page.locator("#sales li", has_text="¥900").locator("button").click()
    page.click("#sale-refund")
    assert [field.input_value() for field in page.locator("[data-kept]").all()] == ["500", "400"]
    page.fill("[data-kept='2']", "100")
    page.locator("#void input[value=defect]").check(force=True)
    page.click("#sale-void")
    expect(page.locator("#sale")).to_be_hidden()
    assert shop.of("sale.refunded")[0]["kept"] == [[0, 500, 1], [1, 100, 1]]
