"""The request policy against hostile and clumsy callers, on a raw socket: the vectors of the specification's table, by their numbers."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from posagent.screen.access import Access
from posagent.screen.tokens import FAILURES_PER_MINUTE, Failures, TokenBook, digest_of

POS, OTHER = "https://pos.example.jp", "https://other.example.jp"
TOKENS = TokenBook()
T_POS = TOKENS.add("web POS", POS, frozenset({"pos"}))
T_CLI = TOKENS.add("cli", "", frozenset({"pos"}))
T_TECH = TOKENS.add("technician", POS, frozenset({"tech"}))
SALE = b'{"total":300}'
KEY = "Idempotency-Key: vector-0001"
TYPE = "Content-Type: application/json"
OWN = "Sec-Fetch-Site: same-origin"  # what a browser says of our own page's requests


def hashed(token: str) -> str:
    return sha256(token.encode()).hexdigest()


class Wire:
    """Sends bytes to the server and reads one answer to its end."""

    def __init__(self, port: int) -> None:
        self.host = f"127.0.0.1:{port}"
        self.port = port

    def raw(self, *parts: bytes) -> tuple[int, dict[str, str], bytes]:
        with socket.create_connection(("127.0.0.1", self.port), 10) as line:
            for part in parts:
                line.sendall(part)
            return read_answer(line)

    def ask(self, request: str, *headers: str, body: bytes = b"", host: str | None = None) -> tuple[int, dict[str, str], bytes]:
        lines = [f"{request} HTTP/1.1", f"Host: {self.host if host is None else host}", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return self.raw("\r\n".join([*lines, "", ""]).encode() + body)


def read_answer(line: socket.socket) -> tuple[int, dict[str, str], bytes]:
    received = b""
    while b"\r\n\r\n" not in received:
        more = line.recv(65536)
        assert more, received
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (row.partition(": ") for row in rest)}
    while len(body) < int(headers.get("content-length", 0)):
        body += line.recv(65536)
    return int(first.split()[1]), headers, body


@pytest.fixture
def wire(counter: Any, serve: Any) -> Iterator[Wire]:
    with serve(counter, foreign_origins=(POS, OTHER), access=Access(TOKENS)) as server:
        yield Wire(int(server.address.rpartition(":")[2]))


def bearer(token: str) -> str:
    return f"Authorization: Bearer {token}"


def test_v1_a_program_with_the_right_host_and_token_is_served(wire: Wire) -> None:
    status, headers, _ = wire.ask("GET /v1/status", bearer(T_CLI))
    assert status == 200
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"].startswith("default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
    assert "server" not in headers
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "host", ["evil.example:{port}", "127.0.0.1", "127.0.0.1:{port}.evil.com", "localhost", "127.0.0.1:1", "127.0.0.1:0{port}", ""]
)
def test_v2_v3_v4_a_host_that_is_not_ours_is_misdirected(wire: Wire, host: str) -> None:
    status, _, body = wire.ask("GET /v1/status", host=host.format(port=wire.port))
    assert status == 421
    assert json.loads(body)["code"] == "E701"
    assert b"evil" not in body


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"])
def test_each_loopback_name_with_the_exact_port_is_ours(wire: Wire, host: str) -> None:
    assert wire.ask("GET /livez", host=host.format(port=wire.port))[0] == 200


def test_v4_two_hosts_are_malformed_and_another_authority_is_misdirected(wire: Wire) -> None:
    assert wire.ask("GET /v1/status", f"Host: {wire.host}")[0] == 400
    assert wire.ask("GET /v1/status", "Host: evil.example")[0] == 400
    assert wire.ask("GET http://evil.example/v1/status")[0] == 421
    assert wire.raw(b"GET /v1/status HTTP/1.1\r\n\r\n")[0] == 400
    assert wire.raw(b"GET /v1/status HTTP/1.0\r\n\r\n")[0] == 421


@pytest.mark.parametrize(
    "origin", ["https://pos.example.jp.evil.com", "null", "http://pos.example.jp", "https://pos.example.jp:443", "https://POS.example.jp", ""]
)
def test_v5_v6_v7_an_origin_that_is_not_exactly_listed_is_refused(wire: Wire, origin: str) -> None:
    status, headers, _ = wire.ask("GET /v1/status", f"Origin: {origin}", bearer(T_POS))
    assert status == 403
    assert "access-control-allow-origin" not in headers


def test_two_origins_are_refused(wire: Wire) -> None:
    assert wire.ask("GET /v1/status", f"Origin: {POS}", f"Origin: {POS}", bearer(T_POS))[0] == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_v8_a_picture_tag_of_another_site_gets_nothing(wire: Wire, site: str) -> None:
    for path in ("/v1/slips/J1.png", "/v1/status", "/static/page.js", "/"):
        assert wire.ask(f"GET {path}", f"Sec-Fetch-Site: {site}", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image")[0] == 403


def test_a_link_may_open_the_page_but_a_frame_or_another_path_may_not(wire: Wire) -> None:
    visit = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate")
    assert wire.ask("GET /", *visit, "Sec-Fetch-Dest: document")[0] == 200
    assert wire.ask("GET /", *visit, "Sec-Fetch-Dest: iframe")[0] == 403
    assert wire.ask("GET /v1/status", *visit, "Sec-Fetch-Dest: document")[0] == 403


def test_a_frame_is_allowed_only_for_the_pages_of_the_setting(counter: Any, serve: Any) -> None:
    with serve(counter, frame_ancestors=(POS,)) as server:
        wire = Wire(int(server.address.rpartition(":")[2]))
        status, headers, _ = wire.ask("GET /", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe")
        assert status == 200
        assert f"frame-ancestors {POS};" in headers["content-security-policy"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "application/jsonp", ""]
)
def test_v9_a_simple_request_of_a_form_is_refused(wire: Wire, counter: Any, kind: str) -> None:
    assert wire.ask("POST /v1/sales", f"Origin: {POS}", bearer(T_POS), f"Content-Type: {kind}", KEY, body=SALE)[0] == 415
    assert counter.calls == []


def test_v10_a_foreign_page_without_a_token_is_refused(wire: Wire, counter: Any) -> None:
    status, headers, _ = wire.ask("POST /v1/sales", f"Origin: {POS}", TYPE, KEY, body=SALE)
    assert status == 401
    assert headers["www-authenticate"] == "Bearer"
    assert counter.calls == []


@pytest.mark.parametrize(
    "given", ["Bearer ", "Bearer null", "Bearer", "Basic abc", "", f"Bearer {T_POS}x", f"bearer {T_POS}", "Bearer " + "A" * 43]
)
def test_v11_an_empty_or_wrong_token_is_refused_even_from_a_program(wire: Wire, given: str) -> None:
    assert wire.ask("GET /v1/status", f"Authorization: {given}")[0] == 401
    assert wire.ask("GET /v1/status", f"Authorization: {given}", f"Origin: {POS}")[0] == 401


def test_v12_a_token_of_one_origin_is_worth_nothing_at_another(wire: Wire) -> None:
    assert wire.ask("GET /v1/status", f"Origin: {POS}", bearer(T_POS))[0] == 200
    assert wire.ask("GET /v1/status", f"Origin: {OTHER}", bearer(T_POS))[0] == 403
    assert wire.ask("GET /v1/status", bearer(T_POS))[0] == 403
    assert wire.ask("GET /v1/status", f"Origin: {POS}", bearer(T_CLI))[0] == 403


def test_a_token_of_another_scope_does_not_reach_the_counter(wire: Wire, counter: Any) -> None:
    assert wire.ask("GET /v1/events", f"Origin: {POS}", bearer(T_TECH))[0] == 403
    assert wire.ask("POST /v1/sales", f"Origin: {POS}", bearer(T_TECH), TYPE, KEY, body=SALE)[0] == 403
    assert counter.calls == []


def test_a_technician_sees_the_counters_state_without_the_member(wire: Wire, counter: Any) -> None:
    counter.change(open={"member": "**** **** 4821", "amount": 300}, questions=[{"job": "7", "member": "**** **** 4821"}])
    seen = {token: wire.ask("GET /v1/status", f"Origin: {POS}", bearer(token))[2] for token in (T_POS, T_TECH)}
    assert seen[T_POS].count(b"4821") == 2
    assert json.loads(seen[T_TECH])["open"] == {"member": None, "amount": 300}
    assert b"4821" not in seen[T_TECH]


def test_v13_a_preflight_of_an_unknown_origin_is_refused_without_a_word_of_cors(wire: Wire) -> None:
    for origin in ("Origin: https://evil.example", "Origin: null", "X-Nothing: 1"):
        status, headers, _ = wire.ask("OPTIONS /v1/sales", origin, "Access-Control-Request-Method: POST")
        assert status == 403
        assert not [name for name in headers if name.startswith("access-control")]


def test_v14_a_preflight_of_a_listed_origin_names_exactly_that_origin(wire: Wire) -> None:
    status, headers, body = wire.ask("OPTIONS /v1/sales", f"Origin: {POS}", "Access-Control-Request-Private-Network: true")
    assert (status, body) == (204, b"")
    assert headers["access-control-allow-origin"] == POS
    assert headers["vary"] == "Origin"
    assert headers["access-control-allow-private-network"] == "true"
    assert headers["access-control-max-age"] == "600"
    assert {"authorization", "content-type", "idempotency-key"} <= set(headers["access-control-allow-headers"].split(", "))
    assert "access-control-allow-credentials" not in headers


def test_an_answer_to_a_paired_page_may_be_read_there(wire: Wire) -> None:
    status, headers, _ = wire.ask("POST /v1/sales", f"Origin: {POS}", bearer(T_POS), TYPE, KEY, body=SALE)
    assert status == 200
    assert headers["access-control-allow-origin"] == POS
    assert headers["cross-origin-resource-policy"] == "cross-origin"


@pytest.mark.parametrize(
    "key", ["", "Idempotency-Key: short", "Idempotency-Key: " + "x" * 65, "Idempotency-Key: with space", f"{KEY}\r\n{KEY}"]
)
def test_v15_a_change_without_a_proper_key_is_refused(wire: Wire, counter: Any, key: str) -> None:
    assert wire.ask("POST /v1/sales", OWN, TYPE, *([key] if key else []), body=SALE)[0] == 400
    assert counter.calls == []


def test_v16_v17_the_same_key_gives_the_same_answer_and_another_body_none(wire: Wire, counter: Any) -> None:
    first = wire.ask("POST /v1/sales", OWN, TYPE, KEY, body=SALE)
    again = wire.ask("POST /v1/sales", OWN, TYPE, KEY, body=SALE)
    assert first[0] == again[0] == 200
    assert first[2] == again[2]
    assert ("idempotency-replayed" in first[1], again[1].get("idempotency-replayed")) == (False, "true")
    assert wire.ask("POST /v1/sales", OWN, TYPE, KEY, body=b'{"total":301}')[0] == 422


def test_v18_there_is_no_web_socket_for_anybody(wire: Wire) -> None:
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
    for origin in ((), (f"Origin: {POS}", bearer(T_POS)), ("Origin: https://evil.example",)):
        assert wire.ask("GET /v1/events", *upgrade, *origin)[0] == 403


def test_v19_nothing_is_changed_by_a_get(wire: Wire, counter: Any) -> None:
    for path in ("/v1/sales?total=300", "/v1/scans?text=2900000004821", "/v1/voids?sale_id=S-1", "/v1/print/J1/answer?came_out=true"):
        status, headers, _ = wire.ask(f"GET {path}", OWN)
        assert (status, headers["allow"]) == (405, "POST")
    assert wire.ask("PUT /v1/sales", OWN, TYPE, KEY, body=SALE)[0] == 405
    assert wire.ask("TRACE /v1/sales", OWN)[0] == 405
    assert counter.calls == []


def test_v20_too_much_is_refused_and_the_answer_arrives(wire: Wire, counter: Any) -> None:
    assert wire.ask("POST /v1/sales", OWN, TYPE, KEY, body=b" " * 65_536)[0] == 400  # fits, and is not JSON
    for size in (65_537, 200_000):
        assert wire.ask("POST /v1/sales", OWN, TYPE, KEY, body=b" " * size)[0] == 413
    assert wire.ask("POST /v1/sales", OWN, TYPE, KEY, "Content-Length: 5000000")[0] == 413  # at once, before a byte of it
    assert wire.ask("GET /v1/status?" + "x" * 2048)[0] == 414
    assert wire.ask("GET /v1/status", *[f"X-{number}: 1" for number in range(64)])[0] == 431
    assert wire.ask("GET /v1/status", "X-Long: " + "x" * 17_000)[0] in {400, 431}
    assert counter.calls == []


def test_v20_chunked_bodies_are_counted_too(wire: Wire) -> None:
    head = f"POST /v1/sales HTTP/1.1\r\nHost: {wire.host}\r\n{OWN}\r\n{TYPE}\r\n{KEY}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    assert wire.raw(head, chunk, chunk, b"1\r\n \r\n0\r\n\r\n")[0] == 413
    assert wire.raw(head, b"d\r\n" + SALE + b"\r\n0\r\n\r\n")[0] == 200


def test_v20_two_ways_of_saying_the_length_are_malformed(wire: Wire, counter: Any) -> None:
    request = f"POST /v1/sales HTTP/1.1\r\nHost: {wire.host}\r\n{OWN}\r\n{TYPE}\r\n{KEY}\r\n"
    request += "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert wire.raw(request.encode() + b"d\r\n" + SALE + b"\r\n0\r\n\r\n")[0] == 400
    assert counter.calls == []


def test_v20_a_head_or_body_that_comes_too_slowly_is_given_up(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wire.ask("GET /livez")[0] == 200  # the web server is loaded
    monkeypatch.setattr("posagent.screen.web.HEAD_S", 0.3)
    monkeypatch.setattr("posagent.screen.policy.BODY_S", 0.3)
    began = time.monotonic()
    assert wire.raw(b"GET /livez HTT")[0] == 408
    head = f"POST /v1/sales HTTP/1.1\r\nHost: {wire.host}\r\n{OWN}\r\n{TYPE}\r\n{KEY}\r\nContent-Length: 13\r\n\r\n"
    assert wire.raw(head.encode(), b'{"to')[0] == 408
    assert time.monotonic() - began < 5


def test_v20_the_second_request_of_a_connection_has_the_same_time_limit(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wire.ask("GET /livez")[0] == 200
    monkeypatch.setattr("posagent.screen.web.HEAD_S", 0.3)
    with socket.create_connection(("127.0.0.1", wire.port), 10) as line:
        line.sendall(f"GET /livez HTTP/1.1\r\nHost: {wire.host}\r\n\r\n".encode())
        assert read_answer(line)[0] == 200
        line.sendall(b"GET /li")
        assert read_answer(line)[0] == 408


def test_a_thirty_third_connection_is_told_so(wire: Wire) -> None:
    lines = [socket.create_connection(("127.0.0.1", wire.port), 10) for _ in range(33)]
    try:
        assert read_answer(lines[32])[0] == 503
        lines[0].sendall(f"GET /livez HTTP/1.1\r\nHost: {wire.host}\r\n\r\n".encode())
        assert read_answer(lines[0])[0] == 200
    finally:
        for line in lines:
            line.close()


@pytest.mark.parametrize(
    "junk",
    [b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"\r\n" * 20_000],
    ids=["control bytes", "no target", "a byte that is not ASCII", "TLS", "empty lines"],
)
def test_what_is_not_http_is_refused_and_the_server_goes_on(wire: Wire, junk: bytes) -> None:
    assert wire.raw(junk)[0] == 400
    assert wire.ask("GET /livez")[0] == 200


def test_ten_failed_tokens_lock_that_asker_for_a_minute_and_nobody_else(wire: Wire) -> None:
    for _ in range(FAILURES_PER_MINUTE):
        assert wire.ask("GET /v1/status", f"Origin: {OTHER}", bearer("A" * 43))[0] == 401
    status, headers, _ = wire.ask("GET /v1/status", f"Origin: {OTHER}", bearer("A" * 43))
    assert (status, headers["retry-after"]) == (429, "60")
    assert wire.ask("GET /v1/status", f"Origin: {POS}", bearer(T_POS))[0] == 200
    assert wire.ask("GET /v1/status", OWN)[0] == 200


def test_a_lock_ends_after_a_minute() -> None:
    now = [100.0]
    failures = Failures(clock=lambda: now[0])
    for _ in range(FAILURES_PER_MINUTE):
        assert not failures.locked("a")
        failures.note("a")
    assert failures.locked("a")
    now[0] += 61
    assert not failures.locked("a")
    for number in range(1000):
        failures.note(f"asker {number}")
    assert len(failures._times) <= 101


def test_only_whole_tokens_have_a_digest() -> None:
    assert digest_of(bearer(T_POS).removeprefix("Authorization: ")) == hashed(T_POS)
    assert [digest_of(text) for text in ("", "Bearer", "Bearer ", "Bearer null", f"Bearer {T_POS[:-1]}", f"Bearer {T_POS}=")] == [None] * 6


def test_no_problem_document_repeats_what_was_sent(wire: Wire) -> None:
    marker = "NEEDLE"
    answers = [
        wire.ask(f"GET /{marker}"),
        wire.ask(f"GET /v1/slips/{marker}.png", OWN),
        wire.ask("GET /v1/status", f"Origin: https://{marker}"),
        wire.ask("GET /v1/events", OWN, f"Last-Event-ID: {marker}"),
        wire.ask("POST /v1/sales", OWN, TYPE, KEY, body=json.dumps({"total": 1, marker: 1}).encode()),
        wire.ask("POST /v1/sales", OWN, TYPE, KEY, body=json.dumps({"total": 1, "kind": marker}).encode()),
        wire.ask("POST /v1/sales", OWN, TYPE, f"Idempotency-Key: {marker}-{marker} ?", body=SALE),
    ]
    assert [status for status, _, _ in answers] == [404, 404, 403, 400, 422, 422, 400]
    assert [body for _, _, body in answers if re.search(marker.encode(), body, re.IGNORECASE)] == []
