"""schemathesis against the running agent: good and bad requests made from the published document; every answer must be one it publishes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

CHECKED_IN = Path(__file__).parents[2] / "config" / "agent-openapi.json"
ENDLESS = {"GET /v1/events"}
LABELS = [
    label
    for path, item in json.loads(CHECKED_IN.read_text("utf-8"))["paths"].items()
    for method in item
    if (label := f"{method.upper()} {path}") not in ENDLESS
]
EXAMPLES = 8


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """The operations by their labels. Loading the tool takes a second: only when these tests run."""
    import schemathesis

    found = [result.ok() for result in schemathesis.openapi.from_path(CHECKED_IN).get_all_operations()]
    return {one.label: one for one in found}


@pytest.fixture(scope="module")
def caller(running: Any) -> Any:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {running.token}"
        yield session


@pytest.mark.parametrize("label", LABELS)
def test_every_answer_to_made_up_requests_is_one_that_is_published(label: str, described: dict[str, Any], running: Any, caller: Any) -> None:
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks as of_openapi

    checks = [not_a_server_error, of_openapi.status_code_conformance, of_openapi.content_type_conformance]
    checks += [of_openapi.response_schema_conformance, of_openapi.response_headers_conformance]
    operation = described[label]
    modes = [GenerationMode.POSITIVE]
    if operation.body or operation.headers:
        modes.append(GenerationMode.NEGATIVE)
    cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])

    @settings(max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(case=cases)
    def sound(case: Any) -> None:
        answer = case.call(base_url=running.url, session=caller, timeout=20)
        case.validate_response(answer, checks=checks)

    sound()
    assert running.agent.poll() is None
