"""What is put right, charged and shown as a coupon, in a real Chromium: by keys alone, with the PIN where a manager is needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from posagent.screen.access import Access
from posagent.screen.unlocks import Unlocks
from posagent.staff import Staff, store_pin

STATIC = Path(__file__).parents[2] / "posagent" / "screen" / "static"
AT = "2026-11-22T09:12:00+09:00"
GRANT: Any = {"kind": "granted", "member": "**** 4821", "points": 49, "amount": 4980, "coupons": [], "stamps": None, "sale_id": "S-1",
              "offline": False, "slips": ["0042-R1-20261122-3"], "lines": [], "receipt_no": "77", "balance": None,
              "explain": {"ja": ["100 円ごとに 1 ポイント"], "en": ["1 point per 100 yen"]}}  # fmt: skip
LINES = [{"amount": 3000, "tax": 1000, "qty": 1}, {"amount": 1980, "tax": 800, "qty": 2}]
SLIP: Any = {"kind": "slip", "job": "J3", "state": "printed", "serial": "0042-R1-20261122-3", "copy": 1, "coupon": False}
OPEN: Any = {"member": "**** 4821", "amount": None, "paid": None, "payable": None, "per_rate": [], "reductions": [], "coupons": [],
             "points": None, "stamps": [], "value": {"label": "チャージ残高", "balance": 1200, "usable": 0},
             "charge": {"label": "チャージ残高", "unit": 1000, "min": 1000, "max": 50000},
             "accounts": [{"name": "points", "label": "ポイント"}, {"name": "stamps", "label": "スタンプ"}]}  # fmt: skip
COUPON = "C0123456789ABCDEF"
TOO_WIDE = """() => [...document.querySelectorAll('dialog[open], dialog[open] *, #stage-body')]
  .filter(node => node.clientWidth && node.tagName !== 'INPUT' && node.scrollWidth > node.clientWidth + 1)
  .map(node => node.id || node.outerHTML)"""


@pytest.fixture
def look(browser: Browser, console: Any) -> Iterator[Callable[..., Page]]:
    """Opens a page of a server; at the end none may have complained on its console."""
    contexts = []

    def opening(server: Any, path: str = "", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1024, "height": 768}, **options})
        contexts.append(context)
        page: Page = console.watch(context.new_page())
        page.goto(server.url + path)
        expect(page.locator("body")).to_have_attribute("data-link", "on")
        return page

    yield opening
    for context in contexts:
        context.close()


@pytest.fixture
def guarded(counter: Any, serve: Any) -> Iterator[Any]:
    """A register on which a manager has a PIN."""
    staff = (Staff("M01", "manager", store_pin("47110815")),)
    with serve(counter, access=Access(unlocks=Unlocks(staff, lambda *_: None))) as server:
        yield server


def calls(counter: Any, *names: str) -> list[Any]:
    return [call for call in counter.calls if call[0] in names]


def enter_pin(page: Page) -> None:
    expect(page.locator("#pin")).to_be_visible()
    page.keyboard.type("M01")
    page.keyboard.press("Tab")
    page.keyboard.type("47110815")
    page.keyboard.press("Enter")
    expect(page.locator("#pin")).to_have_count(0)


def open_sale(page: Page, name: str = "S-1") -> None:
    page.locator(f"[data-sale='{name}']").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#sale")).to_be_visible()


def test_a_part_comes_back_by_keys_alone_under_the_managers_pin(counter: Any, guarded: Any, look: Any) -> None:
    counter.record(GRANT)
    page = look(guarded)
    open_sale(page)
    expect(page.locator("#sale-close")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("#sale-refund")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("[data-kept=total]")).to_be_focused()
    page.keyboard.type("9999")
    page.locator("#sale-void").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#sale-note")).to_have_text("0 から 4,980 までの整数で入力してください")
    expect(page.locator("[data-kept=total]")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("3000")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.locator("#sale-void").focus()
    page.keyboard.press("Enter")
    enter_pin(page)
    expect(page.locator("#sale")).to_be_hidden()
    expect(page.locator("#stage")).to_have_attribute("data-kind", "refunded")
    assert calls(counter, "refund") == [("refund", "S-1", None, 3000, "returned", "manager")]
    expect(page.locator("[data-sale='S-1']")).to_contain_text("返品")
    expect(page.locator("[data-sale='S-1']")).to_contain_text("¥3,000")
    expect(page.locator("#totals")).to_have_text("1 件・30 ポイント")
    open_sale(page)
    expect(page.locator("#sale-facts")).to_contain_text("−19 ポイント（残り ¥3,000）")


def test_of_a_sale_of_several_lines_each_is_kept_or_not_and_a_second_refund_starts_where_the_first_ended(
    counter: Any, server: Any, look: Any
) -> None:
    counter.record({**GRANT, "lines": LINES})
    page = look(server, "manager")
    for kept, most in ((["3000", "990"], ["3000", "1980"]), (["0", "990"], ["3000", "990"])):
        open_sale(page)
        page.click("#sale-refund")
        fields = page.locator("[data-kept]")
        assert [field.input_value() for field in fields.all()] == most
        for field, value in zip(fields.all(), kept, strict=True):
            field.fill(value)
        page.locator("#void input[value=defect]").check(force=True)
        page.click("#sale-void")
        expect(page.locator("#sale")).to_be_hidden()
    assert [call[2] for call in calls(counter, "refund")] == [
        [{"line": 1, "amount": 3000}, {"line": 2, "amount": 990}], [{"line": 2, "amount": 990}],
    ]  # fmt: skip
    open_sale(page)
    page.click("#sale-refund")
    expect(page.locator("[data-kept]")).to_have_count(1)


def test_a_slip_is_printed_again_from_the_dialog_and_the_copy_is_the_one_that_is_known_then(counter: Any, guarded: Any, look: Any) -> None:
    counter.record(GRANT)
    counter.record({**SLIP, "serial": "0042-R1-20261122-4", "job": "J4", "state": "not_printed"})
    counter.record(SLIP)
    page = look(guarded)
    open_sale(page)
    expect(page.locator("#sale-slips li")).to_have_count(1)  # the other is another sale's
    page.locator("[data-job=J3]").focus()
    page.keyboard.press("Enter")
    enter_pin(page)
    expect(page.locator("#sale-note")).to_contain_text("再発行")
    assert calls(counter, "reprint") == [("reprint", "J3", "cashier"), ("reprint", "J3", "manager")]
    counter.record({**SLIP, "job": "J9", "copy": 2})
    expect(page.locator("#sale-slips")).to_contain_text("再発行 2")
    expect(page.locator("[data-job=J9]")).to_be_visible()


def test_the_history_tells_what_was_used_charged_refunded_and_put_right(counter: Any, server: Any, look: Any) -> None:
    used = {"sale_id": "S-1", "at": AT}
    counter.record({"kind": "coupon_used", "label": "次回100円引き", "amount": 100, "gift": None, **used})
    counter.record({"kind": "points_used", "points": -300, "amount": 300, **used})
    counter.record({"kind": "value_used", "amount": 500, **used})
    counter.record({**GRANT, "at": AT})
    counter.counter.charge(3000, "cash", "", "key")
    counter.counter.adjust("points", -10, "goodwill", "", "", "manager", "key")
    counter.record({"kind": "points_used", "points": -50, "amount": 50, "sale_id": "S-9", "at": AT})  # paid by somebody who has no grant
    page = look(server)
    expect(page.locator("#sales li")).to_have_count(4)
    expect(page.locator("#totals")).to_have_text("1 件・49 ポイント")
    open_sale(page)
    for words in ("次回100円引き −¥100", "−¥300", "−¥500"):
        expect(page.locator("#sale-facts")).to_contain_text(words)
    page.keyboard.press("Escape")
    open_sale(page, "C-3000")
    expect(page.locator("#sale-facts")).to_contain_text("¥3,000")
    expect(page.locator("#sale-void")).to_have_text("このチャージを取り消す")
    expect(page.locator("#sale-refund")).to_be_hidden()
    page.keyboard.press("Escape")
    page.locator("#sales li", has_text="調整").locator("button").click()
    expect(page.locator("#sale-facts")).to_contain_text("−10")
    expect(page.locator("#sale-void")).to_be_hidden()


def test_a_sale_that_was_missed_is_granted_late_to_the_member_whose_card_is_there(counter: Any, server: Any, look: Any) -> None:
    counter.record({"kind": "sale", "sale_id": "S-7", "amount": 700, "receipt_no": "12", "at": AT})
    counter.record({"kind": "sale", "sale_id": "S-8", "amount": 800, "receipt_no": None, "at": AT})
    counter.record({"kind": "sale", "sale_id": "S-1", "amount": 4980, "receipt_no": "77", "at": AT})
    counter.record(GRANT)
    page = look(server, "manager")
    expect(page.locator("#amend-who")).to_have_text("会員証を読み取ると使えます")
    expect(page.locator("#late button")).to_be_disabled()
    expect(page.locator("#late label")).to_have_count(2)
    counter.change(open=OPEN)
    expect(page.locator("#amend-who")).to_contain_text("**** 4821")
    page.locator("#late button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#amend .note")).to_have_text("会計を選んでください")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#late label:has(:checked)")).to_contain_text("No. 12")
    page.keyboard.press("Enter")
    expect(page.locator("#amend .note")).to_have_text("**** 4821 に 7 ポイントを付けました")
    assert calls(counter, "late") == [("late", "S-7", "")]
    expect(page.locator("#late label")).to_have_count(1)
    expect(page.locator("#late input")).not_to_be_checked()  # the only one is not chosen for that


def test_an_account_is_put_right_with_a_reason_under_the_pin(counter: Any, guarded: Any, look: Any) -> None:
    page = look(guarded, "manager")
    expect(page.locator("#adjust button")).to_be_disabled()
    counter.change(open=OPEN)
    expect(page.locator("#adjust button")).to_be_enabled()
    for fields, words in (
        ({}, "選んでください"), ({"account": "stamps"}, "0 以外の整数で入力してください"), ({"delta": "−１０"}, "選んでください"),
        ({"reason": "other"}, "「その他」には説明が必要です"),
    ):  # fmt: skip
        for name, value in fields.items():
            field = page.locator(f"#adjust [name={name}]")
            field.fill(value) if name == "delta" else field.select_option(value)
        page.locator("#adjust button").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#amend .note")).to_have_text(words)
    page.fill("#adjust [name=text]", "スタンプの押し間違い")
    page.locator("#adjust button").focus()
    page.keyboard.press("Enter")
    enter_pin(page)
    expect(page.locator("#amend .note")).to_have_text("**** 4821 のスタンプを −10 調整しました")
    assert calls(counter, "adjust") == [("adjust", "stamps", -10, "other", "スタンプの押し間違い", "manager")]


def test_value_is_charged_for_the_member_who_waits_and_a_wish_without_an_answer_keeps_its_key(counter: Any, server: Any, look: Any) -> None:
    counter.change(open=OPEN)
    page = look(server)
    expect(page.locator("#charge")).to_be_visible()
    page.keyboard.press("F8")
    expect(page.locator("#charge-sum")).to_be_focused()
    page.keyboard.type("1500")
    page.keyboard.press("Enter")
    expect(page.locator("#charging .note")).to_contain_text("1,000 円単位")
    page.fill("#charge-sum", "40000")
    page.keyboard.press("Enter")
    expect(page.locator("#charging .note")).to_contain_text("E663")
    page.fill("#charge-sum", "３,０００")
    page.locator("#charging [value=card]").check(force=True)
    lost = [True]
    page.route("**/v1/charges", lambda route: (route.fetch(), route.abort()) if lost and lost.pop() else route.continue_())
    page.keyboard.press("Enter")
    expect(page.locator("#charging")).to_have_count(0)
    expect(page.locator("#stage")).to_have_attribute("data-kind", "charged")
    expect(page.locator("#stage")).to_contain_text("¥3,000")
    assert [call[1:3] for call in calls(counter, "charge")] == [(40000, "cash"), (3000, "card")], "the second try got the first one's answer"
    expect(page.locator("#amount")).to_be_focused()


def test_prepaid_value_pays_a_part_of_the_open_sale(counter: Any, server: Any, look: Any) -> None:
    value = {"label": "チャージ残高", "balance": 1200, "usable": 1980}
    counter.change(open={**OPEN, "amount": 1980, "payable": 1980, "paid": False, "value": value})
    page = look(server)
    expect(page.locator("#value")).to_have_value("1200")
    page.locator("#value").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".due")).to_contain_text("¥780")
    expect(page.locator(".taken")).to_contain_text("チャージ残高")
    expect(page.locator("#value")).to_have_count(0)
    assert calls(counter, "redeem") == [("redeem", "value", 1200, "")]


def test_a_typed_coupon_says_what_it_is_worth_and_is_used_in_the_sale_that_is_typed_next(counter: Any, server: Any, look: Any) -> None:
    page = look(server)
    page.keyboard.type("C9999999999999999")
    page.keyboard.press("Enter")
    expect(page.locator("#stage")).to_contain_text("このクーポンは使えません")
    expect(page.locator("#stage")).to_contain_text("E643")
    page.keyboard.type(COUPON)
    page.keyboard.press("Enter")
    expect(page.locator("#stage")).to_contain_text("次回100円引き")
    expect(page.locator("#stage")).to_contain_text("使うときは、金額を入力してください")
    page.keyboard.type("1980")
    page.keyboard.press("Enter")
    expect(page.locator("#stage")).to_have_attribute("data-kind", "using")
    assert calls(counter, "sale")[0][1] == {"total": 1980, "source": "typed", "paid": False}
    page.keyboard.press("F4")
    page.keyboard.press("Enter")
    expect(page.locator(".due")).to_contain_text("¥1,880")
    assert calls(counter, "redeem") == [("redeem", "coupon", 0, "c" * 32)]
    page.keyboard.type(COUPON)
    page.keyboard.press("Enter")
    expect(page.locator("#stage h1")).to_have_text("値引き −¥100")
    assert page.evaluate("JSON.stringify([...Object.values({...localStorage, ...sessionStorage})])").count("C0123") == 0


def test_a_coupon_that_is_scanned_before_the_amount_makes_the_next_amount_an_open_one(counter: Any, server: Any, look: Any) -> None:
    page = look(server)
    counter.notify({"kind": "trouble", "code": "E640", "values": {"label": "次回100円引き"}})
    expect(page.locator("#stage")).to_contain_text("次回100円引き")
    page.keyboard.type("1980")
    page.keyboard.press("Enter")
    expect(page.locator("#stage")).to_have_attribute("data-kind", "wait_member")
    assert calls(counter, "sale")[0][1]["paid"] is False


def states(counter: Any, page: Page, manager: bool) -> Iterator[str]:
    """Every new look, one after the other."""
    counter.record({**GRANT, "lines": LINES})
    counter.record(SLIP)
    counter.record({"kind": "sale", "sale_id": "S-7", "amount": 700, "receipt_no": "12"})
    counter.change(open=OPEN)
    expect(page.locator("#sales li")).to_have_count(1)
    if manager:
        expect(page.locator("#adjust button")).to_be_enabled()
        page.locator("#late input").check()
        yield "put right"
    else:
        expect(page.locator("#charge")).to_be_visible()
        yield "a charge is offered"
        counter.counter.charge(3000, "cash", "", "key")
        expect(page.locator("#stage")).to_have_attribute("data-kind", "charged")
        yield "a charge"
        page.keyboard.press("F8")
        expect(page.locator("#charging")).to_be_visible()
        yield "charging"
        page.keyboard.press("Escape")
        expect(page.locator("#amount")).to_be_focused()
        page.keyboard.type(COUPON)
        page.keyboard.press("Enter")
        expect(page.locator("#stage")).to_have_attribute("data-kind", "coupon")
        yield "a coupon"
    open_sale(page)
    yield "a sale"
    page.click("#sale-refund")
    expect(page.locator("[data-kept]")).to_have_count(2)
    yield "a refund"
    page.locator("#void input[value=other]").check(force=True)
    page.click("#sale-void")
    expect(page.locator("#sale-note")).not_to_be_empty()
    yield "a refund is refused"


@pytest.mark.parametrize("path", ["", "manager"], ids=["cashier", "manager"])
@pytest.mark.parametrize(("language", "touch"), [("ja", True), ("en", False)])
def test_every_new_look_meets_wcag_aa_with_large_targets_in_both_languages(
    counter: Any, server: Any, look: Any, page_checks: Any, path: str, language: str, touch: bool
) -> None:
    counter.language = language
    page = look(server, path, has_touch=touch, is_mobile=touch, reduced_motion="reduce")
    for name in states(counter, page, path == "manager"):
        contrast = page.evaluate(page_checks.contrast)
        assert contrast["found"] == [], name
        assert contrast["seen"] >= 8, name
        assert page.evaluate(page_checks.small_targets, 44) == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert page.evaluate(TOO_WIDE) == [], name


@pytest.mark.parametrize("path", ["", "manager", "customer"])
def test_each_page_is_small_and_keeps_nothing_of_anybody(counter: Any, server: Any, look: Any, path: str) -> None:
    counter.record(GRANT)
    counter.change(open=OPEN)
    page = look(server, path)
    names = "performance.getEntriesByType('resource').map(one => new URL(one.name).pathname.split('/').pop())"
    loaded = {f"{path or 'index'}.html", *page.evaluate(names)}
    assert len(loaded) > 5
    assert sum(file.stat().st_size for file in STATIC.iterdir() if file.name in loaded) <= 75_000
    assert json.loads(page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})")) == {}
