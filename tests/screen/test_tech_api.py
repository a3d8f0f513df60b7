"""The technician's part of /v1: who may ask, what is refused, and that nothing is done twice."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from posagent.screen.access import Access
from posagent.screen.openapi import document
from posagent.screen.rules import scopes_of
from posagent.screen.tokens import TokenBook

TEACHING = ("/v1/devices/{device}/teach", "/v1/devices/{device}/profile", "/v1/devices/{device}/learn")
SCHEMAS = document()["components"]["schemas"]
PICTURE = {"jpeg": "AAAA", "width": 480, "height": 270, "strips": [[240.0, 130.0, 200.0, 40.0, 0.1]], "read": ["EAN13"], "sharpness": 0.6,
           "mean": 120, "burnt": 12, "px_per_module": 3.8, "hint": "good", "ja": "良好です。", "en": "Good."}  # fmt: skip


def ask(server: Any, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    host, _, port = server.address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    sent = {"Sec-Fetch-Site": "same-origin", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if body is not None:
        sent = {"Content-Type": "application/json", "Idempotency-Key": "key-0000", **sent}
    connection.request(method, path, json.dumps(body) if body is not None else None, sent)
    answer = connection.getresponse()
    raw = answer.read()
    told = {name.lower(): value for name, value in answer.getheaders()}
    connection.close()
    return answer.status, json.loads(raw) if "json" in told["content-type"] else raw, told


def test_the_room_has_words_for_every_code(counter: Any, server: Any) -> None:
    counter.technician.device("front-printer").update(state="held", code="E210")
    status, room, _ = ask(server, "GET", "/v1/devices")
    assert status == 200
    Draft202012Validator(SCHEMAS["Room"]).validate(room)
    printer = next(device for device in room["devices"] if device["name"] == "front-printer")
    assert printer["message"]["ja"]["title"] == "プリンタの紙がありません"
    assert (room["store_name"], room["language"]) == ("みどり書店 駅前店", "ja")


def test_a_picture_keeps_to_its_schema_and_no_picture_is_said_so(counter: Any, server: Any) -> None:
    assert ask(server, "GET", "/v1/devices/phone-camera/preview")[1] == {"age_ms": None, "picture": None}
    counter.technician.pictures["phone-camera"] = PICTURE
    shown = ask(server, "GET", "/v1/devices/phone-camera/preview")[1]
    Draft202012Validator(SCHEMAS["Preview"]).validate(shown)
    assert shown["picture"]["px_per_module"] == 3.8


@pytest.mark.parametrize("path", ["/v1/devices/front-scanner/preview", "/v1/devices/nobody/preview", "/v1/devices/%E2%98%83/preview"])
def test_what_is_no_camera_has_no_picture(server: Any, path: str) -> None:
    status, problem, _ = ask(server, "GET", path)
    assert (status, problem["code"]) == (404, "E632")


def test_a_repeated_key_prints_one_test_slip(counter: Any, server: Any) -> None:
    first = ask(server, "POST", "/v1/devices/front-printer/test", {})
    again = ask(server, "POST", "/v1/devices/front-printer/test", {})
    assert first[0] == again[0] == 200
    assert first[1] == again[1]
    assert again[2]["idempotency-replayed"] == "true"
    assert sum(call[0] == "test" for call in counter.calls) == 1


def test_a_second_wish_while_one_slip_waits_is_answered_with_that_slip(counter: Any, server: Any) -> None:
    first = ask(server, "POST", "/v1/devices/front-printer/test", {})[1]
    second = ask(server, "POST", "/v1/devices/front-printer/test", {}, Idempotency_Key="another-key")[1]
    assert second == {**first, "state": "waiting"}


def test_only_a_printer_prints(server: Any) -> None:
    status, problem, _ = ask(server, "POST", "/v1/devices/front-scanner/test", {})
    assert (status, problem["code"]) == (404, "E632")


@pytest.mark.parametrize("body", [{}, {"on": 1}, {"on": "true"}, {"on": True, "for": 600}, [], None])
def test_test_mode_takes_true_or_false_and_nothing_else(counter: Any, server: Any, body: Any) -> None:
    assert ask(server, "POST", "/v1/test-mode", body if body is not None else "on")[0] == 422
    assert counter.calls == []


def test_test_mode_goes_on_and_off(counter: Any, server: Any) -> None:
    assert ask(server, "POST", "/v1/test-mode", {"on": True}, Idempotency_Key="key-on-00")[1] == {"state": "done", "on": True}
    assert ask(server, "GET", "/v1/devices")[1]["test_mode"] == {"on": True, "left_s": 120}
    ask(server, "POST", "/v1/test-mode", {"on": False}, Idempotency_Key="key-off-0")
    assert ask(server, "GET", "/v1/devices")[1]["test_mode"]["on"] is False


def test_nothing_changes_without_a_key_or_by_a_get(counter: Any, server: Any) -> None:
    assert ask(server, "POST", "/v1/test-mode", {"on": True}, Idempotency_Key="")[0] == 400
    assert ask(server, "GET", "/v1/test-mode")[0] == 405
    assert ask(server, "GET", "/v1/devices/front-printer/test")[0] == 405
    assert counter.calls == []


def test_another_web_site_sees_no_picture_and_switches_nothing(counter: Any, server: Any) -> None:
    counter.technician.pictures["phone-camera"] = PICTURE
    for method, path, body in (("GET", "/v1/devices/phone-camera/preview", None), ("POST", "/v1/test-mode", {"on": True})):
        assert ask(server, method, path, body, Origin="https://evil.example")[0] == 403
    assert ask(server, "GET", "/v1/devices/phone-camera/preview", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")[0] == 403
    assert ask(server, "GET", "/tech", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="iframe")[0] == 403
    assert counter.technician.asked == 0
    assert counter.calls == []


def test_a_tills_token_does_not_open_the_technicians_room(counter: Any, serve: Any) -> None:
    origin, book = "https://pos.example.jp", TokenBook()
    pos, tech = book.add("till", origin, frozenset({"pos"})), book.add("tool", origin, frozenset({"tech"}))
    with serve(counter, access=Access(book)) as server:
        for path in ("/v1/devices", "/v1/devices/phone-camera/preview"):
            assert ask(server, "GET", path, Origin=origin, Authorization=f"Bearer {pos}")[0] == 403
            assert ask(server, "GET", path, Origin=origin, Authorization=f"Bearer {tech}")[0] == 200
        assert ask(server, "GET", "/v1/status", Origin=origin, Authorization=f"Bearer {pos}")[0] == 200


def test_the_technicians_paths_are_these() -> None:
    paths = [path for path in document()["paths"] if scopes_of(path) == {"tech"}]
    assert paths == ["/v1/devices", "/v1/devices/{device}/preview", "/v1/devices/{device}/test", *TEACHING, "/v1/test-mode", "/metrics"]


def test_the_page_and_its_parts_are_served_in_the_registers_language(counter: Any, server: Any) -> None:
    counter.language = "en"
    status, page, headers = ask(server, "GET", "/tech")
    assert status == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert b'<html lang="en">' in page
    assert ask(server, "GET", "/static/tech.html")[0] == 404
    assert ask(server, "GET", "/static/tech.js")[0] == 200
