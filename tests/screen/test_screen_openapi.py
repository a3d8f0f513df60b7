"""The checked-in description of /v1 is the server's own, and the server keeps to it."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from posagent.screen.api import _PAGES as PAGES
from posagent.screen.api import Api
from posagent.screen.openapi import document, text
from posagent.screen.problems import Problem
from posagent.screen.schemas import DEVICE_TEST, PRINT_ANSWER, SALE, SCAN, TEST_MODE, VOID, check, read

CHECKED_IN = Path(__file__).parents[2] / "config" / "agent-openapi.json"
SCHEMAS = document()["components"]["schemas"]
POSTS = {
    "/v1/sales": SALE, "/v1/quotes": SALE, "/v1/scans": SCAN, "/v1/voids": VOID, "/v1/print/J1/answer": PRINT_ANSWER,
    "/v1/devices/front-printer/test": DEVICE_TEST, "/v1/test-mode": TEST_MODE,
}  # fmt: skip


def test_the_checked_in_document_is_the_generated_one() -> None:
    remedy = "run: .venv/bin/python -m posagent.screen.openapi > config/agent-openapi.json"
    assert CHECKED_IN.read_text("utf-8") == text(), remedy


def test_every_route_is_described_and_every_description_has_a_route() -> None:
    routes = Api(None, None, None, None).app.routes  # type: ignore[arg-type]  # the routes do not touch them
    served = {(route.path, method) for route in routes for method in route.methods - {"HEAD"}}  # type: ignore[attr-defined]
    described = {(path, method.upper()) for path, item in document()["paths"].items() for method in item}
    assert served - {("/static/{name}", "GET"), *((path, "GET") for path in PAGES)} == described


def test_every_schema_is_a_valid_schema() -> None:
    for schema in SCHEMAS.values():
        Draft202012Validator.check_schema(schema)


def ask(address: str, method: str, path: str, body: bytes | None = None, key: str = "key-0000") -> tuple[int, Any]:
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    headers = {"Sec-Fetch-Site": "same-origin"}
    if body is not None:
        headers |= {"Content-Type": "application/json", "Idempotency-Key": key}
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


def test_answers_keep_to_their_schemas(counter: Any, server: Any) -> None:
    counter.state["devices"][1].update(state="held", code="E210")
    counter.change(level="action", code="E210", open={"member": None, "amount": 1})
    for path, name in (("/v1/status", "Status"), ("/v1/devices", "Room"), ("/readyz", "Ready"), ("/nothing", "Problem")):
        Draft202012Validator(SCHEMAS[name]).validate(ask(server.address, "GET", path)[1])
    Draft202012Validator(SCHEMAS["Answer"]).validate(ask(server.address, "POST", "/v1/sales", b'{"total":300}')[1])
    Draft202012Validator(SCHEMAS["Problem"]).validate(ask(server.address, "POST", "/v1/sales", b"{}")[1])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def bodies_near(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Objects with the schema's own field names and mostly wrong values, so that every check is reached."""
    fields = {name: json_values | st.sampled_from(rule.get("enum", ["x", 5, True])) for name, rule in schema["properties"].items()}
    return st.fixed_dictionaries({}, optional=fields) | json_values


@pytest.mark.parametrize("path", POSTS)
def test_our_check_and_the_published_schema_agree(path: str) -> None:
    schema = POSTS[path]
    validator = Draft202012Validator(schema)

    @settings(max_examples=60, deadline=None, database=None)
    @given(bodies_near(schema))
    def agree(value: Any) -> None:
        ours = check(value, schema, "body") == ""
        theirs = validator.is_valid(value)
        # ours is the stricter: characters that cannot be stored, and 1.0 where a whole number is meant
        assert theirs or not ours, value
        if theirs and not ours:
            raw = json.dumps(value)
            assert "\\u0000" in raw or "\\ud" in raw or ".0" in raw or "e+" in raw, value

    agree()


def test_no_body_whatsoever_makes_a_bug(counter: Any, server: Any) -> None:
    paths = st.sampled_from(sorted(POSTS))

    @settings(max_examples=80, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(paths, st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()), st.uuids())
    def fuzz(path: str, body: bytes, key: Any) -> None:
        status, answer = ask(server.address, "POST", path, body, key.hex)
        assert status in {200, 400, 404, 409, 422}, (path, body, answer)
        if status != 200:
            assert Draft202012Validator(SCHEMAS["Problem"]).is_valid(answer)

    fuzz()


@pytest.mark.parametrize(
    "raw", [b"", b"\xff", b"{", b'{"total":1,"total":2}', b'{"total":NaN}', b"[" * 20_000, b'{"total":' + b"9" * 10_000 + b"}"]
)
def test_what_is_not_one_plain_json_object_is_refused(raw: bytes) -> None:
    with pytest.raises(Problem) as refused:
        read(raw, SALE)
    assert refused.value.status == 400
