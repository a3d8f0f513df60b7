"""Owns the real browser of the page tests: one Chromium a file, and a console on which nothing may have complained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
LIMIT_MS = 20_000  # a limit for a machine that does ten other things; nothing waits for it
LOST_LINE, REFUSED = "net::ERR_", "status of 4"  # what a browser says of an agent that is away, and of a plain no

expect.set_options(timeout=LIMIT_MS)


@pytest.fixture(scope="module")
def browser_arguments() -> list[str]:
    """What a file wants to tell its browser besides."""
    return []


@pytest.fixture(scope="module")
def browser(browser_arguments: list[str]) -> Iterator[Browser]:
    assert CHROMIUM.exists(), "chromium is missing; run: sh tools/debian-packages"
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *browser_arguments])
        yield running
        running.close()


class Console:
    """What the watched pages complained of. ``excused``: parts of complaints that are none in this test."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.excused: tuple[str, ...] = (LOST_LINE, REFUSED)

    def watch(self, page: Page) -> Page:
        page.set_default_timeout(LIMIT_MS)
        page.on("console", lambda said: self.said.append(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda bug: self.said.append(str(bug)))
        return page

    def complaints(self) -> list[str]:
        return [said for said in self.said if not any(part in said for part in self.excused)]


@pytest.fixture
def console() -> Iterator[Console]:
    made = Console()
    yield made
    assert made.complaints() == []
