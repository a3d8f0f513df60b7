"""SIGHUP: what a running agent takes up, what it names, and that no scan is lost meanwhile."""

from __future__ import annotations

import json
import signal

import pytest

from posagent.check_digits import Check, check_character
from posagent.reload import compared, reload_settings
from posagent.settings import load_settings


@pytest.fixture
def settings(till):
    def read(*changes: tuple[str, str]):
        text = till.settings.read_text("utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        till.write(text)
        return load_settings(till.settings)[0]

    return read


def test_the_same_file_changes_nothing(settings) -> None:
    before = settings()
    done = compared(before, before)
    assert (done.settings, done.taken, done.waits) == (before, (), ())


@pytest.mark.parametrize(
    "old, new, taken",
    [
        ('store_name = "cafe"', 'store_name = "bar"', "[register] store_name, language, tax_rounding"),
        ('file = "program.toml"', 'file = "other.toml"', "[program]"),
        ('[screen]', '[checkout]\npair_window_s = 30\n[screen]', "[checkout]"),
        ('prefixes = ["20-29"]', 'prefixes = ["27"]', "[[code]]"),
        ('[screen]', '[members]\ntoken_scope = "x"\n[screen]', "[members] token_keys, token_scope"),
    ],
)  # fmt: skip
def test_what_touches_no_device_is_taken_up(settings, old, new, taken) -> None:
    before = settings()
    after = settings((old, new))
    done = compared(before, after)
    assert (done.settings, done.taken, done.waits) == (after, (taken,), ())


@pytest.mark.parametrize(
    "old, new, waits",
    [
        ('register = "R2"', 'register = "R3"', "[register]"),
        ('directory = "journal"', 'directory = "elsewhere"', "[journal]"),
        ('socket = "api.sock"', 'socket = "other.sock"', "[screen]"),
        ('[screen]', '[cloud]\nurl = "https://x.example"\n[screen]', "[cloud]"),
        ('[screen]', '[members]\nfile = "members.json"\n[screen]', "[members]"),
        ('role = "client"', 'role = "server"', "[[scanner]] front"),
        ('name = "front"', 'name = "back"', "[[scanner]] back"),
    ],
)  # fmt: skip
def test_the_rest_is_named_and_stays_as_it_was(settings, old, new, waits) -> None:
    before = settings()
    done = compared(before, settings((old, new)))
    assert done.settings == before
    assert waits in done.waits
    assert done.taken == ()


def test_a_file_with_problems_changes_nothing_and_says_which(settings, till) -> None:
    before = settings()
    till.settings.write_text("[register]\n")
    done = reload_settings(till.settings, before)
    assert done.settings is before
    assert "company" in done.trouble
    till.settings.unlink()
    assert "there is no settings file" in reload_settings(till.settings, before).trouble


def test_a_running_agent_takes_new_code_rules_and_loses_no_scan(till, settings) -> None:
    """Scans go on through the reload; each is counted once, and the new rule holds when systemd hears READY again."""
    till.start()
    settings(('prefixes = ["20-29"]', 'prefixes = ["27"]'), ('role = "client"', 'role = "client"\nencoding = "euc_jp"'))
    for number in range(30):
        body = f"20{number:010d}"
        till.scanner.scan(body + check_character(Check("mod10w3"), body), "E0")
        if number == 10:
            till.agent.send_signal(signal.SIGHUP)
    till.hear("RELOADING=1\nMONOTONIC_USEC=")
    till.hear("READY=1")
    till.until(lambda: 'posagent_scans_total{device="front",result="ok"} 30' in till.get("/metrics")[1])
    assert "taken up: [[code]]; needs 'systemctl restart posagent': [[scanner]] front" in till.log()
    before = json.loads(till.get("/v1/status")[1])
    till.scanner.scan("2012345678903", "E0")
    till.until(lambda: 'result="ok"} 31' in till.get("/metrics")[1])
    assert 'posagent_told_total{code="E602"}' in till.get("/metrics")[1]
    assert before["devices"][0]["state"] == "ready"
    assert till.log().count("front is ready") == 1  # the device was never let go
    assert till.stop() == 0
