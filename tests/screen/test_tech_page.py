"""The technician's page in a real Chromium, on the fake agent: what it says, what its buttons do, and that it reads well."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from posagent.member_code import default_rules
from posagent.ports import Scan
from posagent.workbench import Workbench

STATES = """
    ready held gone opening unknown scanner printer display drawer sale_door journal_ok journal_degraded journal_failed
    QUEUED SENDING HANDED HELD CONFIRMED UNCONFIRMED NEEDS_OPERATOR SUPERSEDED CANCELLED confirmed weak assumed operator
    link_online link_offline link_unknown tier_0 tier_1 tier_2 tier_3 paper_ok paper_near_end paper_end
    verdict_member verdict_coupon verdict_product verdict_staff verdict_ambiguous verdict_refused verdict_damaged
"""
STATIC = Path(__file__).parents[2] / "posagent" / "screen" / "static"


@pytest.fixture
def open_tech(browser: Browser, console: Any) -> Iterator[Callable[..., Page]]:
    """Opens /tech; at the end the page may not have complained on its console (a lost line is not a complaint)."""
    pages: list[Page] = []
    console.excused += ("status of 5",)

    def opening(server: Any, **viewport: int) -> Page:
        page = console.watch(browser.new_page(viewport={"width": 1280, "height": 900, **viewport}))  # type: ignore[arg-type]
        pages.append(page)
        page.goto(f"{server.url}tech")
        expect(page.locator("body")).to_have_attribute("data-link", "on")
        return page

    yield opening
    for page in pages:
        page.close()


def jpeg(width: int = 480, height: int = 270, colour: tuple[int, int, int] = (200, 30, 30)) -> str:
    file = BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "JPEG")
    return base64.b64encode(file.getvalue()).decode()


def picture(**fields: Any) -> dict[str, Any]:
    return {"jpeg": jpeg(), "width": 480, "height": 270, "strips": [[240.0, 135.0, 200.0, 60.0, 0.0]], "read": ["EAN13"], "sharpness": 0.61,
            "mean": 121, "burnt": 12, "px_per_module": 3.8, "hint": "good", "ja": "良好です。", "en": "Good.", **fields}  # fmt: skip


def tried(text: str, aim: str | None = None) -> dict[str, Any]:
    """What the agent tells of a scan in test mode."""
    bench = Workbench()
    bench.test(on=True)
    assert bench.took("front-scanner", Scan(text, aim), default_rules())
    scan = bench.scans["front-scanner"]
    return {"at": scan.at, **scan.told}


def card(page: Page, name: str) -> Any:
    return page.locator(f'[data-card="device {name}"]')


def test_every_device_says_how_it_is_and_what_to_do(counter: Any, server: Any, open_tech: Any) -> None:
    bench = counter.technician
    bench.device("front-printer").update(state="held", code="E210", detail="paper end reported by DLE EOT 4")
    bench.device("front-scanner").update(stale=True, beat=45)
    page = open_tech(server)
    printer = card(page, "front-printer")
    trouble = ("E210", "プリンタの紙がありません", "紙を交換してください", "paper end reported")
    for words in (*trouble, "escpos-tcp", "T3", "TM-T88VI", "お買い上げポイント", "印刷済み"):
        expect(printer).to_contain_text(words)
    expect(printer).to_have_attribute("data-level", "action")
    expect(card(page, "front-scanner")).to_contain_text("応答がありません")
    expect(card(page, "front-scanner")).to_contain_text("45秒前")
    expect(page.locator("[data-card=office]")).to_contain_text("20,480 MB")
    expect(page.locator("#level")).to_have_text("対応が必要")


def test_a_change_is_seen_within_a_second(counter: Any, server: Any, open_tech: Any) -> None:
    page = open_tech(server)
    expect(card(page, "front-printer")).to_have_attribute("data-level", "ok")
    counter.technician.device("front-printer").update(state="held", code="E211")
    expect(card(page, "front-printer")).to_contain_text("E211")
    period = re.search(r"const ROOM_MS = (\d+);", (STATIC / "tech.js").read_text("utf-8"))
    assert period is not None
    assert int(period[1]) <= 900


def test_a_test_scan_is_explained_and_masked(counter: Any, server: Any, open_tech: Any) -> None:
    page = open_tech(server)
    scanner = card(page, "front-scanner")
    expect(scanner).to_contain_text("テストモードを入れてから")
    page.get_by_role("switch", name="テストモードを入れる").press("Enter")
    expect(page.locator("#test")).to_have_class("on")
    expect(scanner).to_contain_text("読み取りを待っています")
    counter.technician.device("front-scanner")["scanner"]["scan"] = tried("2012345678903", "E0")
    for words in ("*********8903", "会員証です", "ean13", "jan-member", "チェックデジット（mod10w3）"):
        expect(scanner).to_contain_text(words)
    assert "2012345" not in page.content()
    passed = scanner.locator("[data-passed=true] b").all_text_contents()
    assert passed == ["前処理", "jan-member"]
    page.click("#language")
    expect(scanner).to_contain_text("check character by mod10w3")
    page.get_by_role("switch", name="Switch test mode off").click()
    expect(page.locator("#test")).not_to_have_class("on")
    assert [call for call in counter.calls if call[0] == "test mode"] == [("test mode", True), ("test mode", False)]


def test_a_damaged_scan_is_counted_and_said(counter: Any, server: Any, open_tech: Any) -> None:
    found = {"good": 3, "damaged": 2, "damaged_at": "2026-11-22T14:05:00+09:00", "why": "2 parity errors",
             "scan": {"at": "2026-11-22T14:05:00+09:00", "verdict": "damaged", "why": "2 parity errors"}}  # fmt: skip
    counter.technician.device("front-scanner")["scanner"] = found
    scanner = card(open_tech(server), "front-scanner")
    for words in ("2 回 読み取り不良", "2 parity errors", "14:05", "最後まで届きませんでした"):
        expect(scanner).to_contain_text(words)


def test_a_wrong_digit_is_refused_with_the_cashiers_own_words(counter: Any, server: Any, open_tech: Any) -> None:
    counter.technician.device("front-scanner")["scanner"]["scan"] = tried("2012345678904", "E0")
    scanner = card(open_tech(server), "front-scanner")
    expect(scanner.locator(".scan")).to_have_attribute("data-level", "action")
    expect(scanner).to_contain_text("読み取りまたは入力に誤りがあります")


def test_the_picture_is_drawn_with_its_strip_and_its_figures(counter: Any, server: Any, open_tech: Any) -> None:
    counter.technician.pictures["phone-camera"] = picture()
    page = open_tech(server)
    camera = card(page, "phone-camera")
    for words in ("良好です。", "3.8", "0.61", "121", "EAN13"):
        expect(camera).to_contain_text(words)
    look = "canvas => { const all = canvas.getContext('2d').getImageData(0, 0, 480, 270).data; return (x, y) => all[4 * (480 * y + x) + 1]; }"
    greens = camera.locator("canvas").evaluate(f"canvas => {{ const green = ({look})(canvas); return [green(20, 20), green(240, 105)]; }}")
    assert greens[0] < 60, "the frame itself is red"
    assert greens[1] > 150, "the upper edge of the strip, 30 pixels above its middle"
    expect(camera.locator(".figures [data-level=ok]")).to_have_count(4)
    dark = {"strips": [], "read": [], "hint": "dark", "mean": 4, "px_per_module": 0.0, "ja": "暗すぎます。", "en": "Too dark"}
    counter.technician.pictures["phone-camera"] = picture(**dark)
    expect(camera.locator(".advice")).to_have_attribute("data-level", "action")


def test_no_picture_is_asked_for_while_nobody_looks(counter: Any, server: Any, open_tech: Any) -> None:
    page = open_tech(server)
    expect(card(page, "phone-camera")).to_contain_text("映像を待っています")
    page.evaluate("() => Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.wait_for_timeout(500)  # what was on its way arrives
    asked = counter.technician.asked
    page.wait_for_timeout(1200)  # the thing under test is that time passes and nothing happens
    assert counter.technician.asked == asked
    page.evaluate("() => { delete document.hidden; document.dispatchEvent(new Event('visibilitychange')); }")
    counter.technician.pictures["phone-camera"] = picture()
    expect(card(page, "phone-camera")).to_contain_text("良好です。")


def test_a_picture_that_is_no_picture_breaks_nothing(counter: Any, server: Any, open_tech: Any) -> None:
    counter.technician.pictures["phone-camera"] = picture(jpeg="AAAA")
    page = open_tech(server)
    page.wait_for_timeout(800)  # two pictures' time
    counter.technician.pictures["phone-camera"] = picture()
    expect(card(page, "phone-camera")).to_contain_text("良好です。")


def test_the_test_print_is_one_key_press_and_one_slip(counter: Any, server: Any, open_tech: Any) -> None:
    page = open_tech(server)
    printer = card(page, "front-printer")
    button = printer.get_by_role("button", name="テスト印字")
    button.focus()
    page.keyboard.press("Enter")
    expect(printer).to_contain_text("テスト印字を受け付けました")
    expect(printer.locator(".jobs li").first).to_contain_text("見本")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(printer).to_contain_text("前のテスト印字がまだ待っています")
    expect(printer.locator(".jobs li")).to_have_count(2)


def test_a_test_print_that_cannot_be_recorded_says_so(counter: Any, server: Any, open_tech: Any) -> None:
    from posagent.errors import Refused

    page = open_tech(server)
    expect(card(page, "front-printer")).to_contain_text("テスト印字")
    counter.trouble = Refused("no", code="E506")
    card(page, "front-printer").get_by_role("button", name="テスト印字").click()
    expect(page.locator("#alarm")).to_contain_text("ディスクがいっぱいです")
    counter.trouble = None
    expect(card(page, "front-printer").locator(".bad")).to_contain_text("E506")


def test_a_printer_that_has_not_been_asked_yet_is_not_called_one_that_cannot(counter: Any, server: Any, open_tech: Any) -> None:
    counter.technician.device("front-printer")["printer"]["capabilities"] = None
    page = open_tech(server)
    expect(card(page, "front-printer")).to_contain_text("最初の印刷のときに調べます")
    nothing = dict.fromkeys(("online", "cover_open", "paper", "cutter_error", "other_error", "drawer_open"))
    counter.technician.device("front-printer")["printer"]["says"] = nothing
    expect(card(page, "front-printer")).to_contain_text("状態を知らせません")


def test_names_from_the_settings_and_words_from_devices_are_text(counter: Any, server: Any, open_tech: Any) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    counter.technician.device("front-printer").update(detail=hostile, code="E200", state="held")
    counter.technician.device("front-printer")["printer"]["jobs"][0].update(reason=hostile, state="HELD")
    page = open_tech(server)
    expect(card(page, "front-printer").locator(".detail")).to_have_text(hostile)
    assert page.locator("img").count() == 0


def test_every_word_is_there_in_both_languages(server: Any, open_tech: Any) -> None:
    page = open_tech(server)
    assert page.evaluate("import('/static/tech_words.js').then(words => words.missing())") == []
    known = {word for name in ("tech_words", "words") for word in page.evaluate(f"import('/static/{name}.js').then(words => words.known())")}
    scripts = "".join((STATIC / name).read_text("utf-8") for name in ("tech.js", "tech_cards.js", "tech_camera.js"))
    assert set(re.findall(r'\b[wt]\("(\w+)"', scripts)) - known == set()
    states = {*STATES.split()}
    assert states - known == set()


CONTRAST = """() => {
  const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] > 0.9) return colour;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || !node.checkVisibility() || node.closest(".unseen, noscript")) continue;
    const style = getComputedStyle(node), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && +style.fontWeight >= 700);
    const [a, b] = [light(parse(style.color)), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < (large ? 3 : 4.5)) bad.push(`${node.className || node.tagName} "${node.textContent.slice(0, 30)}" ${ratio.toFixed(2)}`);
  }
  return bad;
}"""


def test_every_text_meets_wcag_aa_and_nothing_is_wider_than_a_telephone(counter: Any, server: Any, open_tech: Any) -> None:
    bench = counter.technician
    bench.pictures["phone-camera"] = picture(px_per_module=2.4)
    bench.device("front-scanner")["scanner"] = {"good": 3, "damaged": 2, "damaged_at": "2026-11-22T14:05:00+09:00", "why": "parity",
                                                "scan": tried("4901234567894", "E0")}  # fmt: skip
    bench.device("front-printer").update(state="held", code="E210")
    bench.state = {**bench.state, "test_mode": {"on": True, "left_s": 90}}
    page = open_tech(server, width=390)
    expect(card(page, "phone-camera")).to_contain_text("2.4")
    for verdict in (tried("2012345678903", "E0"), tried("2012345678904", "E0"), tried("4901234567894", "E0")):
        bench.device("front-scanner")["scanner"]["scan"] = verdict
        expect(card(page, "front-scanner").locator(".scan")).to_contain_text(verdict["ja"])
        assert page.evaluate(CONTRAST) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    heights = "[...document.querySelectorAll('button, a, summary')].map(node => node.getBoundingClientRect().height)"
    assert min(page.evaluate(heights)) >= 43.5


def test_a_lost_agent_is_told_and_found_again(counter: Any, server: Any, open_tech: Any) -> None:
    page = open_tech(server)
    page.context.set_offline(True)
    expect(page.locator("#level")).to_have_text("再接続中")
    page.context.set_offline(False)
    expect(page.locator("#level")).to_have_text("すべて正常")


def test_the_cashiers_page_leads_here_and_back(server: Any, open_tech: Any) -> None:
    page = open_tech(server)
    page.click("#back")
    expect(page.locator("#amount")).to_be_visible()
    page.click("#tech")
    expect(page.locator("#room")).to_be_visible()
