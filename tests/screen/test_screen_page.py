"""The cashier's page in a real Chromium: what a person sees, hears and can do with keys alone."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from posagent.messages import CATALOGUE

REGISTER = {"width": 1024, "height": 768}
WIDE = {"width": 1280, "height": 800}
UPRIGHT = {"width": 800, "height": 1280}
LARGE = {"width": 1920, "height": 1080}
GRANT = {
    "kind": "granted", "member": "**** **** 4821", "points": 49, "balance": {"value": 1240, "as_of": "2026-11-22T09:12:00+09:00"},
    "amount": 4980, "coupons": [{"label": {"ja": "次回 200 円引き", "en": "200 yen off next time"}, "last_day": "2026-12-31"}],
    "stamps": {"position": 6, "size": 10}, "sale_id": "S-1", "offline": False,
    "explain": {"ja": ["100 円ごとに 1 ポイント"], "en": ["1 point per 100 yen"]},
}  # fmt: skip
QUESTION = [{"job": "J7", "member": "**** **** 4821", "at": "2026-11-22T14:05:00+09:00"}]


@pytest.fixture(scope="module")
def contexts(browser: Browser) -> Iterator[dict[str, BrowserContext]]:
    """Browser contexts by their options, for all tests: each server has a port, and so a storage, of its own."""
    opened: dict[str, BrowserContext] = {}
    yield opened
    for context in opened.values():
        context.close()


@pytest.fixture
def open_page(browser: Browser, contexts: dict[str, BrowserContext], console: Any) -> Iterator[Callable[..., Page]]:
    """Opens the page of a server; at the end no page may have complained on its console (a lost line is not a complaint)."""
    pages: list[Page] = []

    def opening(server: Any, viewport: Any = REGISTER, **options: Any) -> Page:
        name = f"{viewport} {options}"
        if name not in contexts:
            contexts[name] = browser.new_context(viewport=viewport, **options)
        page = console.watch(contexts[name].new_page())
        pages.append(page)
        page.goto(server.url)
        expect(page.locator("body")).to_have_attribute("data-link", "on")
        return page

    yield opening
    for page in pages:
        page.close()


def test_a_grant_is_seen_at_one_glance(counter: Any, server: Any, open_page: Any) -> None:
    page = open_page(server)
    expect(page.locator("#stage")).to_contain_text("会員証を読み取ってください")
    counter.record(GRANT)
    stage = page.locator("#stage")
    for words in ("**** **** 4821", "+49", "ポイント", "1,240", "次回 200 円引き", "12/31まで", "6/10", "¥4,980"):
        expect(stage).to_contain_text(words)
    assert page.locator(".points b").evaluate("node => parseFloat(getComputedStyle(node).fontSize)") >= 90
    expect(page.locator("#spoken")).to_have_text("**** **** 4821 +49 ポイント")
    expect(page.locator("body")).to_have_attribute("data-sounded", "good")
    expect(page.locator("#sales li")).to_have_count(1)


def test_the_page_speaks_english_where_the_register_does_and_switches_by_one_press(counter: Any, server: Any, open_page: Any) -> None:
    counter.language = "en"
    page = open_page(server)
    counter.record({**GRANT, "offline": True})
    expect(page.locator("#stage")).to_contain_text("200 yen off next time")
    expect(page.locator("#stage")).to_contain_text("Points are registered later")
    page.click("#language")
    expect(page.locator("#stage")).to_contain_text("ポイントは後で登録されます")
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "ja")


def test_both_languages_have_the_same_words_and_every_sign_of_the_page_has_some(server: Any, open_page: Any) -> None:
    page = open_page(server)
    assert page.evaluate("import('/static/words.js').then(words => words.missing())") == []
    static = Path(__file__).parents[2] / "posagent" / "screen" / "static"
    used = set(re.findall(r'\bt\("(\w+)"', "".join(path.read_text() for path in static.glob("*.js"))))
    known = set(page.evaluate("import('/static/words.js').then(words => [...words.known()])"))
    assert used - known == set()


def test_scan_amount_enter_makes_a_grant_by_keys_alone(counter: Any, server: Any, open_page: Any) -> None:
    page = open_page(server)
    counter.change(open={"member": "**** **** 4821", "amount": None})
    expect(page.locator("[data-half=member].there")).to_contain_text("**** **** 4821")
    page.keyboard.type("4980")
    expect(page.locator("#amount")).to_have_value("4,980")
    page.keyboard.press("Enter")
    expect(page.locator("#stage")).to_have_attribute("data-kind", "granted")
    assert counter.calls[0][:2] == ("sale", {"total": 4980, "source": "typed"})
    expect(page.locator("#amount")).to_have_value("")
    expect(page.locator("#amount")).to_be_focused()


def test_an_amount_before_the_scan_waits_for_the_card(counter: Any, server: Any, open_page: Any) -> None:
    page = open_page(server)
    page.keyboard.type("１２００")  # an input method left on
    page.keyboard.press("Enter")
    expect(page.locator("#stage")).to_have_attribute("data-kind", "wait_member")
    expect(page.locator("[data-half=amount].there")).to_contain_text("¥1,200")


def test_a_large_amount_is_asked_about_once_more(counter: Any, server: Any, open_page: Any) -> None:
    page = open_page(server)
    page.keyboard.type("498000")
    page.keyboard.press("Enter")
    expect(page.locator("#entry-note")).to_contain_text("498,000 円でよろしいですか")
    assert counter.calls == []
    page.keyboard.press("Enter")
    expect(page.locator("#stage")).to_have_attribute("data-kind", "wait_member")
    assert [call[1]["total"] for call in counter.calls] == [498000]


def test_what_is_no_amount_is_not_sent(counter: Any, server: Any, open_page: Any) -> None:
    page = open_page(server)
    for typed in ("0", "abc", "-5", "12.5", "四百"):
        page.locator("#amount").fill(typed)
        expect(page.locator("#entry-note")).to_be_hidden()
        page.keyboard.press("Enter")
        expect(page.locator("#entry-note")).to_have_text("数字で入力してください")
    assert counter.calls == []


def test_a_long_number_is_taken_as_a_member_code(counter: Any, server: Any, open_page: Any) -> None:
    page = open_page(server)
    page.keyboard.type("2900000004821")
    page.keyboard.press("Enter")
    expect(page.locator("[data-half=member].there")).to_contain_text("4821")
    page.keyboard.type("4901234567894")
    page.keyboard.press("Enter")
    expect(page.locator("#stage")).to_contain_text("E602")
    expect(page.locator("#stage")).to_contain_text("会員証ではないバーコードです")
    expect(page.locator("body")).to_have_attribute("data-sounded", "bad")


def test_what_is_typed_while_an_answer_is_awaited_is_the_next_entry(counter: Any, server: Any, open_page: Any) -> None:
    page = open_page(server)
    page.route("**/v1/scans", lambda route: (page.wait_for_timeout(600), route.continue_()))
    page.keyboard.type("2900000004821")
    page.keyboard.press("Enter")
    page.keyboard.type("1980")
    page.keyboard.press("Enter")
    expect(page.locator("#stage")).to_contain_text("¥1,980", timeout=15_000)


def test_three_levels_and_no_more(counter: Any, server: Any, open_page: Any) -> None:
    page = open_page(server)
    banner = page.locator("#banner")
    expect(banner).to_be_hidden()
    counter.change(level="offline", code="E400", queue={"pending": 3, "oldest_s": 740, "link": "offline"})
    expect(page.locator("body")).to_have_attribute("data-level", "offline")
    expect(banner).to_contain_text("そのまま会計してください。ポイントは後で登録されます。")
    expect(page.locator("#devices")).to_contain_text("未送信 3 件・最も古いもの 12分前")
    counter.state["devices"][1].update(state="held", code="E210")
    counter.change(level="action", code="E210")
    expect(page.locator("body")).to_have_attribute("data-level", "action")
    for words in ("E210", "プリンタの紙がありません", "紙を交換してください"):
        expect(banner).to_contain_text(words)
    expect(page.locator("#alarm")).to_contain_text("紙を交換してください")
    counter.state["devices"][1].update(state="ready", code=None)
    counter.change(level="ok", code=None)
    expect(banner).to_be_hidden()


def test_a_silent_device_is_never_shown_as_well(counter: Any, server: Any, open_page: Any) -> None:
    page = open_page(server)
    counter.state["devices"][0].update(stale=True, as_of=95)
    counter.wake()
    chip = page.locator("#devices li").first
    expect(chip).to_contain_text("1分前から応答なし")
    expect(chip).to_have_attribute("data-level", "action")


def test_a_working_device_that_wants_something_soon_is_amber_and_one_without_status_is_not_called_well(
    counter: Any, server: Any, open_page: Any
) -> None:
    page = open_page(server)
    counter.state["devices"][0].update(state="unknown")
    counter.state["devices"][1].update(code="E201")
    counter.wake()
    chips = page.locator("#devices li")
    expect(chips.nth(1)).to_contain_text("ロール紙が残りわずか")
    expect(chips.nth(1)).to_have_attribute("data-level", "offline")
    page.evaluate(
        "() => { window.codes = []; new MutationObserver(() => codes.push(document.querySelector('#stage .code')?.textContent))"
        ".observe(document.getElementById('stage-body'), {childList: true}); }"
    )
    counter.notify({"kind": "trouble", "code": "E201"})  # the strip says it; the stage belongs to the customer
    counter.notify({"kind": "trouble", "code": "E602"})
    expect(page.locator("#stage")).to_contain_text("E602")
    assert "E201" not in page.evaluate("codes")
    expect(chips.nth(0)).to_contain_text("状態不明")
    expect(chips.nth(0)).to_have_attribute("data-level", "offline")


def test_did_it_come_out_is_asked_and_answered(counter: Any, server: Any, open_page: Any, picture: bytes) -> None:
    counter.slip = picture
    counter.change(questions=QUESTION)
    page = open_page(server)
    expect(page.locator("#question")).to_contain_text("クーポンは出ましたか？")
    expect(page.locator("#slip-picture")).to_have_attribute("src", "/v1/slips/J7.png")
    page.wait_for_function("document.getElementById('slip-picture').naturalWidth > 0")
    for _ in range(3):  # amount -> number keys -> enter -> the question
        page.keyboard.press("Tab")
    expect(page.locator("[data-answer=yes]")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#question")).to_be_hidden()
    assert ("answer", "J7", False, "") in counter.calls


def test_a_sale_is_voided_with_a_reason_by_keys_alone(counter: Any, server: Any, open_page: Any) -> None:
    page = open_page(server)
    counter.record(GRANT)
    expect(page.locator("#sales li")).to_have_count(1)
    page.keyboard.press("F2")
    page.keyboard.press("Enter")
    expect(page.locator("#sale-why")).to_have_text("100 円ごとに 1 ポイント")
    page.locator("#sale-void").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#sale-note")).to_have_text("理由を選んでください")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")  # returned -> wrong amount
    page.keyboard.press("Tab")
    page.keyboard.type("田中")
    page.locator("#sale-void").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#sale")).to_be_hidden()
    expect(page.locator("#stage")).to_have_attribute("data-kind", "voided")
    expect(page.locator("#sales li.void")).to_contain_text("取消")
    assert counter.calls[-1] == ("void", "S-1", "wrong_amount", "田中", "cashier")
    expect(page.locator("#amount")).to_be_focused()


def test_news_does_not_disturb_who_is_in_the_list_or_in_a_dialog(counter: Any, server: Any, open_page: Any) -> None:
    page = open_page(server)
    counter.record(GRANT)
    expect(page.locator("#sales li")).to_have_count(1)
    page.keyboard.press("F2")
    counter.record({**GRANT, "sale_id": "S-2", "points": 7})
    expect(page.locator("#sales li")).to_have_count(2)
    expect(page.locator("[data-sale=S-1]")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.locator("[data-sale=S-2]")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("#void input").nth(2).focus()
    page.keyboard.press("Space")
    counter.change(level="offline", code="E400", queue={"pending": 9, "oldest_s": 1, "link": "offline"})
    expect(page.locator("#devices")).to_contain_text("未送信 9 件")
    expect(page.locator("#void input").nth(2)).to_be_focused()
    expect(page.locator("#void input").nth(2)).to_be_checked()


def test_nothing_is_missed_while_the_agent_was_away(counter: Any, serve: Any, open_page: Any) -> None:
    with serve(counter) as first:
        address = first.address
        page = open_page(first)
        counter.record({**GRANT, "sale_id": "A"})
        expect(page.locator("#sales li")).to_have_count(1)
    expect(page.locator("body")).to_have_attribute("data-link", "lost")
    expect(page.locator("#level")).to_have_text("再接続中")
    expect(page.locator("#banner")).to_contain_text("E902")
    for number in range(150):  # more than one batch
        counter.record({**GRANT, "sale_id": f"B{number}"})
    with serve(counter, listen=address):
        expect(page.locator("body")).to_have_attribute("data-link", "on")
        expect(page.locator("#totals")).to_have_text("151 件・7,399 ポイント")
        expect(page.locator("#banner")).to_be_hidden()


def test_a_sale_entered_while_the_agent_is_away_is_sent_once_when_it_is_back(counter: Any, serve: Any, open_page: Any) -> None:
    with serve(counter) as first:
        address = first.address
        page = open_page(first)
        counter.change(open={"member": "**** **** 4821", "amount": None})
        expect(page.locator("[data-half=member].there")).to_be_visible()
    expect(page.locator("body")).to_have_attribute("data-link", "lost")
    page.keyboard.type("4980")
    page.keyboard.press("Enter")
    expect(page.locator("#entry-note")).to_contain_text("二重にはなりません")
    with serve(counter, listen=address):
        expect(page.locator("#stage")).to_have_attribute("data-kind", "granted")
        page.reload()
        expect(page.locator("body")).to_have_attribute("data-link", "on")
        expect(page.locator("#sales li")).to_have_count(1)
    assert len([event for _, event in counter.journal if event["kind"] == "granted"]) == 1


def test_a_sale_whose_answer_was_lost_is_asked_again_under_its_key(counter: Any, server: Any, open_page: Any) -> None:
    page = open_page(server)
    counter.change(open={"member": "**** **** 4821", "amount": None})
    dropped: list[str] = []

    def drop_first_answer(route: Any) -> None:
        dropped.append(route.request.headers["idempotency-key"])
        if len(dropped) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/v1/sales", drop_first_answer)
    page.keyboard.type("4980")
    page.keyboard.press("Enter")
    expect(page.locator("#entry-note")).to_be_hidden()
    expect(page.locator("#stage")).to_have_attribute("data-kind", "granted")
    page.wait_for_function("sessionStorage.getItem('posagent.pending') === null")
    assert len(set(dropped)) == 1 < len(dropped)
    assert len(counter.journal) == 1


def test_a_sale_without_an_answer_keeps_its_key_when_it_is_entered_again_and_is_not_sent_to_the_next_customer(
    counter: Any, serve: Any, open_page: Any
) -> None:
    with serve(counter) as first:
        address = first.address
        page = open_page(first)
        kept = {"key": "kept-key-0001", "at": page.evaluate("Date.now()") - 1000, "body": {"total": 4980, "source": "typed"}}
        page.evaluate("kept => sessionStorage.setItem('posagent.pending', JSON.stringify(kept))", kept)
        page.keyboard.type("4980")
        page.keyboard.press("Enter")
        expect(page.locator("#stage")).to_have_attribute("data-kind", "wait_member")
        assert counter.calls[-1] == ("sale", {"total": 4980, "source": "typed"}, "kept-key-0001")
        page.wait_for_function("sessionStorage.getItem('posagent.pending') === null")  # the answer is in
        kept["at"] -= 200_000
        page.evaluate("kept => sessionStorage.setItem('posagent.pending', JSON.stringify(kept))", kept)
    expect(page.locator("body")).to_have_attribute("data-link", "lost")
    calls = len(counter.calls)
    with serve(counter, listen=address):
        expect(page.locator("body")).to_have_attribute("data-link", "on")
        expect(page.locator("#entry-note")).to_have_text("4,980 円は送れませんでした。必要ならもう一度入力してください")
    assert len(counter.calls) == calls


def test_a_notice_makes_room_again_after_a_while(counter: Any, server: Any, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.clock.install()
    page.goto(server.url)
    expect(page.locator("body")).to_have_attribute("data-link", "on")
    counter.notify({"kind": "trouble", "code": "E602"})
    expect(page.locator("#stage")).to_have_attribute("data-kind", "trouble")
    page.clock.fast_forward(31_000)
    expect(page.locator("#stage")).to_have_attribute("data-kind", "idle")
    context.close()


def test_yesterdays_sales_are_not_counted_with_todays(counter: Any, server: Any, open_page: Any) -> None:
    counter.record({**GRANT, "sale_id": "old", "at": "2001-01-01T14:05:00+09:00"})
    counter.record({**GRANT, "sale_id": "new"})
    page = open_page(server)
    expect(page.locator("#totals")).to_have_text("1 件・49 ポイント")
    expect(page.locator("#sales li")).to_have_count(1)


def test_the_page_works_in_a_frame_of_a_page_that_the_settings_name(counter: Any, serve: Any, browser: Browser) -> None:
    class Outer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f'<iframe src="{inner.url}" width="1000" height="700"></iframe>'.encode())

        def log_message(self, *_arguments: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Outer) as outer:
        address = f"http://127.0.0.1:{outer.server_port}"
        thread = threading.Thread(target=outer.serve_forever)
        thread.start()
        with serve(counter, frame_ancestors=(address,)) as inner:
            page = browser.new_page()
            page.goto(address)
            counter.record(GRANT)
            expect(page.frame_locator("iframe").locator("#totals")).to_have_text("1 件・49 ポイント")
            page.close()
        outer.shutdown()
        thread.join()


def test_what_happened_just_now_while_the_line_was_down_takes_the_stage_and_older_things_do_not(
    counter: Any, serve: Any, open_page: Any
) -> None:
    with serve(counter) as first:
        address = first.address
        page = open_page(first)
    expect(page.locator("body")).to_have_attribute("data-link", "lost")
    counter.record({**GRANT, "sale_id": "A", "at": "2001-01-01T14:05:00+09:00"})
    with serve(counter, listen=address):
        expect(page.locator("#sales li")).to_have_count(1)
        expect(page.locator("body")).to_have_attribute("data-link", "on")
        expect(page.locator("#stage")).to_have_attribute("data-kind", "idle")
    expect(page.locator("body")).to_have_attribute("data-link", "lost")
    counter.record({**GRANT, "sale_id": "B"})
    with serve(counter, listen=address):
        expect(page.locator("#stage")).to_have_attribute("data-kind", "granted")


def test_another_journal_starts_the_list_anew(counter: Any, serve: Any, open_page: Any) -> None:
    with serve(counter) as first:
        address = first.address
        page = open_page(first)
        for number in range(3):
            counter.record({**GRANT, "sale_id": f"A{number}"})
        expect(page.locator("#sales li")).to_have_count(3)
    counter.journal[:] = []
    counter.record({**GRANT, "sale_id": "restored", "member": "**** **** 0007"})
    with serve(counter, listen=address):
        expect(page.locator("#sales li")).to_have_count(1)
        expect(page.locator("#sales li")).to_contain_text("0007")


def test_the_keypad_opens_by_itself_on_a_touch_screen_and_is_enough(counter: Any, server: Any, open_page: Any, page_checks: Any) -> None:
    counter.change(open={"member": "**** **** 4821", "amount": None})
    page = open_page(server, WIDE, has_touch=True, is_mobile=True)
    for key in ("1", "2", "9", "00"):
        page.locator("#keypad").get_by_role("button", name=key, exact=True).tap()
    page.locator("#keypad").get_by_role("button", name="訂正").tap()
    expect(page.locator("#amount")).to_have_value("1,290")
    page.locator("#keypad").get_by_role("button", name="決定").tap()
    expect(page.locator("#stage")).to_have_attribute("data-kind", "granted")
    small = page.evaluate(page_checks.small_targets, 44)
    assert small == []


def test_data_that_looks_like_html_stays_text(counter: Any, server: Any, open_page: Any) -> None:
    page = open_page(server)
    hostile = '<img src=x onerror="document.title=1"><b>'
    counter.record({**GRANT, "member": hostile, "coupons": [{"label": hostile}], "explain": {"ja": [hostile]}, "sale_id": hostile})
    expect(page.locator("#stage")).to_contain_text(hostile)
    assert page.evaluate("document.querySelectorAll('#stage img, #sales img').length") == 0


def test_a_frame_of_another_site_does_not_show_the_page(browser: Browser, server: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.route("http://elsewhere.test/", lambda route: route.fulfill(content_type="text/html", body=f'<iframe src="{server.url}"></iframe>'))
    page.goto("http://elsewhere.test/")
    page.wait_for_load_state("networkidle")
    assert page.frames[1].locator("#stage").count() == 0
    context.close()


def test_a_hostile_page_in_the_same_browser_changes_nothing_and_learns_nothing(browser: Browser, counter: Any, server: Any) -> None:
    counter.slip = b"secret"
    context = browser.new_context()
    page = context.new_page()
    page.route("http://elsewhere.test/", lambda route: route.fulfill(content_type="text/html", body="<p>win a prize</p>"))
    page.goto("http://elsewhere.test/")
    tried = page.evaluate(
        """async (base) => {
             const sale = JSON.stringify({total: 9999});
             const attempt = (path, options) => fetch(base + path, options)
               .then(answer => answer.type === 'opaque' ? 'opaque' : answer.text(), () => 'blocked');
             const picture = path => new Promise(done => { const image = new Image(); image.src = base + path;
               image.onload = () => done('loaded'); image.onerror = () => done('blocked'); });
             return [
               await attempt('v1/sales', {method: 'POST', mode: 'no-cors', body: sale}),
               await attempt('v1/sales', {method: 'POST', body: sale,
                 headers: {'Content-Type': 'application/json', 'Idempotency-Key': 'hostile-1'}}),
               await attempt('v1/status', {}),
               await attempt('v1/events?after=0', {}),
               await picture('v1/slips/J1.png'),
               await picture('static/card.svg'),
             ];
           }""",
        server.url,
    )
    assert tried[1:] == ["blocked"] * 5
    assert tried[0] in {"opaque", "blocked"}  # an answer that the page cannot read: 415
    assert counter.calls == []
    context.close()


TOO_LONG = """() => { const box = node => node.getClientRects().length ? node.getBoundingClientRect() : box(node.parentElement);
  return [...document.querySelectorAll(
    '#stage-body, #halves li, #banner, #question, #entry, header, .place, #sales button, aside section, #keypad button')]
  .filter(node => node.checkVisibility() && (node.scrollWidth > node.clientWidth + 1
    || (node.scrollHeight > node.clientHeight + 1 && !node.matches('aside section'))
    || node.getBoundingClientRect().right > box(node.parentElement).right + 11))
  .map(node => `${node.id || node.className || node.tagName}: ${node.textContent.slice(0, 40)}`); }"""


def states(counter: Any, page: Page) -> Iterator[str]:
    """Every look of the page, one after the other."""
    yield "idle"
    counter.record({**GRANT, "offline": True})
    expect(page.locator("#stage")).to_have_attribute("data-kind", "granted")
    yield "granted offline"
    counter.void("S-1", "test", "", "")
    expect(page.locator("#stage")).to_have_attribute("data-kind", "voided")
    yield "voided"
    counter.change(open={"member": "**** **** 4821", "amount": None})
    expect(page.locator("#stage")).to_have_attribute("data-kind", "wait_amount")
    page.locator("#amount").fill("498000")
    page.keyboard.press("Enter")
    expect(page.locator("#entry-note")).to_be_visible()
    yield "asked once more"
    counter.change(level="offline", code="E400", queue={"pending": 3, "oldest_s": 740, "link": "offline"}, questions=QUESTION)
    counter.notify({"kind": "trouble", "code": "E621", "values": {"amount": 980}})
    expect(page.locator("#stage")).to_have_attribute("data-kind", "mild")
    expect(page.locator("#question")).to_be_visible()
    yield "offline, a question, a mild notice"
    counter.state["devices"][1].update(state="held", code="E210")
    counter.change(level="action", code="E210")
    counter.notify({"kind": "trouble", "code": "E602"})
    expect(page.locator("#stage")).to_have_attribute("data-kind", "trouble")
    expect(page.locator("#banner .code")).to_have_text("E210")
    yield "action and trouble"
    page.locator("#sales button").first.click()
    page.locator("#sale-close").click()
    counter.record({**GRANT, "sale_id": "S-2"})
    page.locator("[data-sale=S-2]").click()
    page.locator("#void .reasons span").nth(1).click()
    yield "the dialog of a sale"


@pytest.mark.parametrize(
    "viewport, touch, language",
    [(REGISTER, False, "ja"), (REGISTER, True, "en"), (WIDE, True, "ja"), (WIDE, False, "en"), (UPRIGHT, True, "en"), (LARGE, False, "ja")],
    ids=["1024-mouse-ja", "1024-touch-en", "1280-touch-ja", "1280-mouse-en", "upright-touch-en", "1920-mouse-ja"],
)
def test_every_look_meets_wcag_aa_and_fits(
    counter: Any, server: Any, open_page: Any, page_checks: Any, viewport: Any, touch: bool, language: str
) -> None:
    counter.language = language
    page = open_page(server, viewport, has_touch=touch, is_mobile=touch, reduced_motion="reduce")
    looks = []
    for look in states(counter, page):
        contrast = page.evaluate(page_checks.contrast)
        assert contrast["found"] == [], look
        assert contrast["seen"] >= 10, look
        assert page.evaluate(TOO_LONG) == [], look
        assert page.evaluate(page_checks.small_targets, 44) == [], look
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight && document.documentElement.scrollWidth <= innerWidth"), look
        looks.append(look)
    assert len(looks) == 7


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_message_of_the_catalogue_fits_on_the_stage(server: Any, open_page: Any, language: str) -> None:
    page = open_page(server, REGISTER, has_touch=True, is_mobile=True)  # the narrowest stage: with the keypad
    problems = [
        {"code": code, **{side: {"title": words.title, "todo": words.todo} for side, words in (("ja", row.ja), ("en", row.en))}}
        for code, row in CATALOGUE.items()
    ]
    too_long = page.evaluate(
        """async ([problems, language]) => {
             const {showStage} = await import('/static/stage.js'); const {choose} = await import('/static/words.js'); choose(language);
             const body = document.getElementById('stage-body');
             return problems.filter(message => { showStage({kind: 'trouble', fact: {message}}, null);
               return body.scrollHeight > body.clientHeight + 1 || body.scrollWidth > body.clientWidth + 1; }).map(message => message.code);
           }""",
        [problems, language],
    )
    assert too_long == []


def test_the_focus_goes_round_in_the_order_of_reading(counter: Any, server: Any, open_page: Any) -> None:
    counter.record(GRANT)
    counter.change(questions=QUESTION)
    page = open_page(server)
    expect(page.locator("#sales li")).to_have_count(1)
    expect(page.locator("#question")).to_be_visible()
    expect(page.locator("#amount")).to_be_focused()
    order = []
    for _ in range(5):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id || document.activeElement.dataset.answer || document.activeElement.dataset.sale"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", order
    assert order == ["pad", "submit", "yes", "no", "S-1"]


def test_the_page_is_small_and_holds_nothing_personal(server: Any, open_page: Any) -> None:
    static = Path(__file__).parents[2] / "posagent" / "screen" / "static"
    page = open_page(server)
    names = "performance.getEntriesByType('resource').map(one => new URL(one.name).pathname.split('/').pop())"
    loaded = {"index.html", *page.evaluate(names)}
    assert len(loaded) > 10
    assert sum(path.stat().st_size for path in static.iterdir() if path.name in loaded) <= 75_000
    assert json.loads(page.evaluate("JSON.stringify(Object.keys({...localStorage, ...sessionStorage}))")) == []
