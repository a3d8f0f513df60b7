"""The technician at a whole counter: the real agent on virtual devices, seen through a real Chromium."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from virtual_counter.cards import draw_phone
from virtual_counter.demo_counter import Counter

MEMBER, ON_THE_PHONE = "2012345678903", "4012345678901239"


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    made = Counter(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 1000})
    yield opened
    opened.close()


def status(counter: Counter) -> dict[str, Any]:
    return counter.till.status().body


def ready(counter: Counter, kind: str) -> bool:
    found = [device for device in status(counter).get("devices", []) if device["kind"] == kind]
    return bool(found) and all(device["state"] == "ready" for device in found)


def until(holds: Any, counter: Counter) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, counter.log_tail()
        time.sleep(0.05)


def test_picture_test_scan_and_test_slip_of_a_whole_counter(counter: Counter, page: Page) -> None:
    until(lambda: ready(counter, "scanner") and ready(counter, "printer"), counter)
    page.goto(f"{counter.page_url}tech")
    scanner, camera, printer = (page.locator(f'[data-card="device {name}"]') for name in ("counter-scanner", "phone-camera", "slip-printer"))

    page.get_by_role("switch", name="テストモードを入れる").click()
    expect(page.locator("#test")).to_have_class("on")
    assert (status(counter)["level"], status(counter)["code"]) == ("action", "E630")

    counter.camera.show(draw_phone("CODE128", ON_THE_PHONE, seed=7))
    expect(camera.locator("figure")).to_have_attribute("data-strips", "1")
    expect(camera.locator(".advice")).to_have_text("良好です。")
    px = float(camera.locator(".figures dd").first.inner_text())
    assert 2.0 <= px <= 5.0, "a telephone that fills a third of a 720-line picture"
    shown = page.evaluate("() => fetch('/v1/devices/phone-camera/preview').then(answer => answer.json())")["picture"]
    x, y, wide, high, _ = shown["strips"][0]
    assert shown["width"] / 3 < x < shown["width"] * 2 / 3, "the telephone lies in the middle"
    assert 0 < y < shown["height"]
    assert wide > high > 0
    light = """canvas => { const pen = canvas.getContext('2d'), all = pen.getImageData(0, 0, canvas.width, canvas.height).data;
      return all.filter((value, place) => place % 4 === 0 && value > 200).length; }"""
    assert camera.locator("canvas").evaluate(light) > 1000, "the telephone's white screen is in the picture"
    expect(camera.locator(".masked")).to_have_text("*" * 12 + ON_THE_PHONE[-4:])

    counter.scanner.scan(MEMBER, aim="E0")
    expect(scanner.locator(".masked")).to_have_text("*" * 9 + MEMBER[-4:])
    expect(scanner).to_contain_text("jan-member")
    assert status(counter)["open"] is None, "a test scan opens no checkout"

    printer.get_by_role("button", name="テスト印字").click()
    first = printer.locator(".jobs li").first
    expect(first).to_contain_text("見本")
    expect(first).to_have_attribute("data-level", "ok")
    expect(first).to_contain_text("証明あり")
    expect(printer).to_contain_text("T3")
    (slip,) = counter.printer.take_slips()
    assert any("見本" in line for line in slip.lines)

    counter.printer.cover(True)
    expect(printer.locator(".trouble")).to_contain_text("E211", timeout=5000)
    counter.printer.cover(False)
    expect(printer).to_have_attribute("data-level", "ok")

    page.get_by_role("switch", name="テストモードを切る").click()
    expect(page.locator("#test")).not_to_have_class("on")
    assert MEMBER not in page.content()
    counter.scanner.scan(MEMBER, aim="E0")
    until(lambda: status(counter)["open"] is not None, counter)
    assert status(counter)["open"]["member"] == "*" * 9 + MEMBER[-4:]
