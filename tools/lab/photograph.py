"""Owns the pictures of the register's screens, taken through its own page by a headless browser."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tools.lab.machine import PAGE_DOOR
from tools.lab.register import Register

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGES = {"cashier": "/", "customer": "/customer", "technician": "/tech"}
OWN = "127.0.0.1:8931"  # the address that the page believes to be at; the browser is led to ours
_LOAD_MS = 90_000
_LOOK_MS = 1_500
_LOOKS = 20


def photograph(register: Register, out: Path) -> list[str]:
    """Writes screen-NAME.png for each page; the names of those that could be taken."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        print("no pictures of screens: playwright is not installed (make setup-dev)", file=sys.stderr)
        return []
    taken = []
    rules = f"--host-resolver-rules=MAP {OWN} 127.0.0.1:{register.machine.doors[PAGE_DOOR]}"
    with sync_playwright() as play:
        try:
            browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", rules])
        except Error as trouble:
            print(f"no pictures of screens: {trouble}", file=sys.stderr)
            return []
        page = browser.new_page(viewport={"width": 1280, "height": 800}, locale="ja-JP")
        for name, path in PAGES.items():
            try:
                page.goto(f"http://{OWN}{path}", timeout=_LOAD_MS, wait_until="load")
                _settle(page)
                page.screenshot(path=str(out / f"screen-{name}.png"))
                taken.append(f"screen-{name}.png")
            except Error as trouble:
                print(f"no picture of {path}: {str(trouble).splitlines()[0]}", file=sys.stderr)
        browser.close()
    return taken


def _settle(page: Page) -> None:
    """Until the page says the same twice in a row: what it shows comes piece by piece after it has loaded."""
    before = ""
    for _ in range(_LOOKS):
        page.wait_for_timeout(_LOOK_MS)
        words = page.inner_text("body")
        if words and words == before:
            return
        before = words
