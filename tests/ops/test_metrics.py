"""What monitoring reads, from a running agent and from what is counted; and that no member number leaves by a log, a figure or a status."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posagent.metrics import BUCKETS_S, MOST_ROUTES, MOST_SERIES, Counts, Page
from posagent.screen.rules import is_open, scopes_of

LINE = re.compile(r'[a-z][a-z0-9_]*(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? -?[0-9.e+]+(inf)?')


def well_formed(text: str) -> dict[str, float]:
    """The page by its description: every line is a comment or one series, each series once. Returns the series."""
    found: dict[str, float] = {}
    typed: Counter[str] = Counter()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            typed[line.split()[2]] += 1
        elif not line.startswith("# HELP "):
            assert LINE.fullmatch(line), line
            series, _, value = line.rpartition(" ")
            assert series not in found
            found[series] = float(value)
    assert max(typed.values()) == 1
    return found


def test_there_are_never_more_than_200_series() -> None:
    page = Page()
    page.add("posagent_a", "gauge", "a", [({"device": f"d{number}"}, number) for number in range(150)])
    page.add("posagent_b", "gauge", "b", [({"device": f"d{number}"}, number) for number in range(150)])
    page.one("posagent_c", "gauge", "c", 1)
    series = well_formed(page.text())
    assert len(series) == MOST_SERIES
    assert series["posagent_series_left_out"] == 102


@given(st.lists(st.text(max_size=20), max_size=300))
def test_messages_are_counted_by_our_codes_only(texts: list[str]) -> None:
    counts = Counts()
    for text in texts:
        counts.message(text)
    assert sum(counts.told.values()) == len(texts)
    assert all(code == "other" or re.fullmatch(r"[A-Z][0-9]{3}", code, re.ASCII) for code in counts.told)


def test_how_long_a_scan_takes_is_a_histogram() -> None:
    counts = Counts()
    now = time.monotonic_ns()
    for ago_ms in (1, 1, 7, 60_000):
        counts.scan("front", "ok", now - ago_ms * 1_000_000)
    assert counts.handled[BUCKETS_S[-1]] == 0
    assert counts.handled[float("inf")] == 1
    assert sum(counts.handled.values()) == 4
    assert counts.scans == {("front", "ok"): 4}


def test_a_program_needs_a_technicians_token() -> None:
    assert not is_open("/metrics")
    assert scopes_of("/metrics") == {"tech"}


def test_requests_are_counted_by_route_and_status_and_refusals_by_their_code(till: Any) -> None:
    till.start()
    for target in ("/v1/status", "/v1/status", "/v1/nonsense-4901234567894", "/v1/", "/metrics", "/v1/status?" + "x" * 3000):
        till.get(target)
    series = well_formed(till.get("/metrics")[1])
    asked = {name.removeprefix("posagent_api_"): value for name, value in series.items() if name.startswith("posagent_api_")}
    assert asked == {
        'requests_total{route="status",code="200"}': 2,
        'requests_total{route="status",code="414"}': 1,
        'requests_total{route="other",code="404"}': 2,
        'requests_total{route="page",code="200"}': 1,
        'denied_total{reason="E707"}': 1,
    }


def test_whatever_is_asked_for_the_requests_stay_a_few_series() -> None:
    counts = Counts()
    for number in range(500):
        counts.request("status", 100 + number, "")
    assert len(counts.requests) == MOST_ROUTES + 1
    assert counts.requests["other", "other"] == 500 - MOST_ROUTES


def random_codes(seed: int, count: int) -> list[tuple[str, str]]:
    """(text, AIM identifier) of members' codes of three kinds, some with a wrong check digit; the number is what may never be seen again."""
    from random import Random

    from posagent.check_digits import Check, check_character

    dice, found = Random(seed), []
    for number in range(count):
        match number % 4:
            case 0 | 1:
                body = f"2{dice.randrange(10)}{dice.randrange(10**10):010d}"
                digit = check_character(Check("mod10w3"), body)
                found.append((body + (digit if number % 4 == 0 else str((int(digit) + 1) % 10)), "E0"))
            case 2:
                found.append((f"A{dice.randrange(10**9, 10**10)}B", "F0"))
            case _:
                found.append((f"https://m.example/c/{dice.randrange(10**9, 10**10)}", "Q1"))
    return found


@pytest.mark.parametrize("count", [60, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_member_number_leaves_by_log_figure_status_argument_or_journal(till, count: int) -> None:
    codes = random_codes(20261122, count)
    till.start("-v")
    page: dict[str, float] = {}
    deadline = time.monotonic() + 30 + count / 5
    for first in range(0, count, 60):  # no faster than they are taken: the driver throws a flood away
        for text, aim in codes[first : first + 60]:
            till.scanner.scan(text, aim)
        while sum(value for name, value in page.items() if name.startswith("posagent_scans_total")) < min(first + 60, count):
            assert time.monotonic() < deadline, page
            till.heard()  # as systemd does: it reads what it is told
            status, text = till.get("/metrics")
            assert status == 200
            page = well_formed(text)
    state = till.get("/readyz")[1]
    arguments = Path(f"/proc/{till.agent.pid}/cmdline").read_bytes().decode()
    assert till.stop() == 0
    told = till.heard()
    assert "STOPPING=1" in told
    assert any(line.startswith("WATCHDOG=1") for line in told)
    assert page['posagent_device_up{device="front",kind="scanner"}'] == 1
    assert page["posagent_scan_handle_seconds_count"] == count
    assert page["posagent_journal_seq"] >= count / 2
    assert json.loads(state)["ready"]
    journal = b"".join(path.read_bytes() for path in (till.directory / "journal").rglob("*") if path.is_file())
    said = "\n".join([till.log(), text, *told, arguments, state])
    numbers = [re.sub(r"\D", "", code.rpartition("/")[2]) for code, _ in codes]
    assert [number for number in numbers if number in said] == []
    assert [number for number in numbers if number.encode() in journal] == []
    assert len(set(numbers)) > count * 0.99
    assert "posagent" in said
    assert len(journal) > 100 * count  # there was something to find
