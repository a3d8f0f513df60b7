"""`posagent demo --once`: a scripted day, as its user runs it, and the demo's page in a real browser."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, expect

from virtual_counter.demo_counter import Counter
from virtual_counter.demo_page import DemoPage


def test_a_scripted_day_ends_with_everything_promised_arrived_once(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "posagent", "demo", "--once", "--out", str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    story = json.loads((tmp_path / "story.json").read_text("utf-8"))
    assert story["agree"] is True
    assert story["agent_starts"] == 2
    assert len(story["grants"]) == 11
    assert all(row["acks"] == 1 for row in story["grants"])
    printed = [serial for serial, outcome in story["slip_outcomes"].items() if outcome == "printed"]
    assert sorted(printed) == sorted(story["promised_slips"])
    assert len(printed) + len(story["cancelled_slips"]) == 14
    assert all((tmp_path / slip["picture"]).stat().st_size > 1000 for slip in story["slips"])
    assert sum(row["type"] == "voided" for row in story["arrived"]) == 1


def wait_for_scanner(counter: Counter) -> None:
    deadline = time.monotonic() + 30
    while not any(d["kind"] == "scanner" and d["state"] == "ready" for d in counter.till.status().body.get("devices", [])):
        assert time.monotonic() < deadline, counter.log_tail()
        time.sleep(0.05)


def test_a_newcomer_can_play_both_sides_on_the_page(tmp_path: Path, browser: Browser) -> None:
    page = DemoPage(0)
    counter = Counter(tmp_path, frame_of=page.url.rstrip("/"))
    try:
        counter.start()
        page.serve(counter)
        view = browser.new_page(viewport={"width": 1500, "height": 1000})
        view.goto(page.url)
        cashier = view.frame_locator("#cashier")
        view.locator("#cards figure").nth(0).get_by_role("button").nth(0).click()
        expect(cashier.get_by_text("8903").first).to_be_visible(timeout=15_000)
        view.get_by_role("button", name="会計する").click()
        expect(cashier.get_by_text("+19").first).to_be_visible(timeout=15_000)
        expect(view.locator("#reckoning.good")).to_be_visible(timeout=20_000)
        view.get_by_role("button", name="kill -9").click()
        expect(view.locator("#said")).to_contain_text("強制終了")
        wait_for_scanner(counter)  # what is scanned while nobody listens is gone: the cashier scans again
        view.locator("#cards figure").nth(1).get_by_role("button").nth(0).click()
        expect(cashier.get_by_text("784").first).to_be_visible(timeout=20_000)
        view.get_by_role("button", name="会計する").click()
        expect(view.locator("#reckoning.good")).to_contain_text("2 件", timeout=25_000)
        view.close()
    finally:
        page.stop()
        counter.stop()
    assert counter.starts == 2
