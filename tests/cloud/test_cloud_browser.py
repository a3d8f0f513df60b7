"""Head office's pages in a real browser: that a person can decide a case, and that nothing is blocked by the pages' own rules."""

from __future__ import annotations

import pytest
import requests

from posagent.cloud.embedded import EmbeddedReceiver
from tools.fleet import Stream, make_event


@pytest.fixture
def counter(tmp_path):
    cloud = EmbeddedReceiver()
    url = cloud.start(tmp_path)
    with requests.Session() as session:
        for register, points in (("1", 10), ("2", 99)):
            stream = Stream(("acme", "0001", register))
            stream.put(make_event(stream.place, "20261122/7/grant", "M1", {"points": points}, operator="07"))
            headers, coded = stream.batch(1, 1)
            session.post(f"{url}{stream.path}/events", coded, headers=dict(headers), timeout=10).raise_for_status()
    yield url
    cloud.stop()


def test_a_person_looks_at_the_stores_decides_a_case_and_sees_it_in_the_members_ledger(counter, browser, console):
    console.excused = ()
    page = console.watch(browser.new_page())
    page.goto(counter)
    assert page.locator("tbody tr").count() == 2
    assert page.evaluate("getComputedStyle(document.querySelector('table')).borderCollapse") == "collapse"  # the style sheet is let in
    page.click("text=要確認 To decide >> nth=0")
    assert page.locator("tr.differs", has_text="points +99").count() == 1
    page.fill("input[name=by]", "佐藤")
    page.click("button[value=apply]")
    page.wait_for_url("**/office/conflicts?tenant=acme")
    assert page.locator("section.case").count() == 0
    page.goto(f"{counter}/office/members?token=M1")
    assert page.locator(".sums b").inner_text() == "109"
    assert page.locator("td", has_text="apply by 佐藤").count() == 1
    page.close()
