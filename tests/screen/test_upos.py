"""The words and numbers of UnifiedPOS, as javapos-contracts has them."""

from __future__ import annotations

import http.client
import json
import re
from typing import Any

import pytest

from posagent.screen.upos import upos_of


@pytest.mark.parametrize(
    "state, code, numbers",
    [
        ("ready", "", (2, 2001, None, None)),
        ("ready", "E201", (2, 2001, None, 25)),
        ("held", "E210", (4, 2001, 114, 24)),
        ("held", "E211", (4, 2001, 114, 11)),
        ("held", "E212", (4, 2001, 111, None)),
        ("held", "E213", (4, 2003, 108, None)),
        ("gone", "E301", (1, 2004, 107, None)),
        ("gone", "E302", (1, 2004, 102, None)),
        ("gone", "E304", (1, 2004, 112, None)),
        ("gone", "E303", (1, 2004, 111, None)),
        ("opening", "", (1, None, None, None)),
        ("unknown", "E215", (2, None, None, None)),
    ],
)
def test_a_devices_state_in_an_integrators_words(state: str, code: str, numbers: tuple[Any, ...]) -> None:
    said = upos_of(state, code)
    assert tuple(one and one["number"] for one in said.values()) == numbers
    assert all(re.fullmatch("[A-Z_]+", one["name"]) for one in said.values() if one)


def test_the_status_carries_them(counter: Any, serve: Any) -> None:
    counter.state["devices"][1].update(state="held", code="E210")
    with serve(counter) as server:
        line = http.client.HTTPConnection(*server.address.split(":"), timeout=10)
        line.request("GET", "/v1/status", headers={"Sec-Fetch-Site": "same-origin"})
        devices = json.loads(line.getresponse().read())["devices"]
        line.close()
    fine = {"state": {"name": "IDLE", "number": 2}, "power": {"name": "ONLINE", "number": 2001}, "error": None, "status": None}
    assert devices[0]["upos"] == fine
    assert devices[1]["upos"]["status"] == {"name": "REC_EMPTY", "number": 24}
