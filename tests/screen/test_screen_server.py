"""The server's life: asleep until somebody comes, served without a refused connection, asleep again, ended on request."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from posagent.errors import DeviceBusy, PortTaken, Refused, SettingsError, StorageError
from posagent.screen.server import ScreenServer

JSON = {"Content-Type": "application/json"}
OWN = {**JSON, "Sec-Fetch-Site": "same-origin"}  # what a browser says of our own page's requests


def ask(server: ScreenServer, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, http.client.HTTPMessage]:
    """One request on a connection of its own: (status, JSON or bytes, headers)."""
    host, _, port = server.address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    sent = {"Sec-Fetch-Site": "same-origin", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if method == "POST":
        sent = {**JSON, "Idempotency-Key": "key-0000", **sent}
    connection.request(method, path, json.dumps(body) if body is not None else None, sent)
    response = connection.getresponse()
    raw = response.read()
    connection.close()
    return response.status, json.loads(raw) if "json" in response.headers.get("content-type", "") else raw, response.headers


def test_nothing_of_the_web_server_is_loaded_before_the_first_connection() -> None:
    program = (
        "import sys, threading\nfrom posagent.screen.server import ScreenServer\n"
        "server = ScreenServer(None, '127.0.0.1:0')\nthread = threading.Thread(target=server.run)\nthread.start()\n"
        "server.stop()\nthread.join()\n"
        "print([name for name in ('asyncio', 'starlette', 'uvicorn', 'h11', 'anyio', 'ssl') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_and_its_files_are_served_in_the_registers_language(server: ScreenServer, counter: Any) -> None:
    status, page, headers = ask(server, "GET", "/")
    assert status == 200
    assert b'<html lang="ja">' in page
    assert headers["content-type"] == "text/html; charset=utf-8"
    counter.language = "en"
    assert b'<html lang="en">' in ask(server, "GET", "/")[1]
    assert ask(server, "GET", "/static/../server.py")[0] == 404
    assert ask(server, "GET", "/static/index.html")[0] == 404


def test_status_carries_the_words_of_its_codes(server: ScreenServer, counter: Any) -> None:
    counter.state["devices"][1].update(state="held", code="E210")
    counter.change(level="action", code="E210")
    status, body, _ = ask(server, "GET", "/v1/status")
    assert status == 200
    assert body["message"]["en"] == {"title": "The printer is out of paper", "todo": "Change the paper. Printing goes on by itself."}
    assert body["devices"][1]["message"]["ja"]["title"] == "プリンタの紙がありません"
    assert body["devices"][0]["message"] is None


def test_the_probes_say_alive_and_ready_and_name_what_is_degraded(server: ScreenServer, counter: Any) -> None:
    assert ask(server, "GET", "/livez")[0] == 200
    counter.change(degraded=["cloud"])
    assert ask(server, "GET", "/readyz")[:2] == (200, {"ready": True, "degraded": ["cloud"]})
    counter.change(ready=False)
    assert ask(server, "GET", "/readyz")[0] == 503


def test_a_scan_and_a_sale_make_a_grant(server: ScreenServer, counter: Any) -> None:
    assert ask(server, "POST", "/v1/scans", {"text": "2900000004821", "symbology": "E0"})[1]["state"] == "waiting"
    status, body, _ = ask(server, "POST", "/v1/sales", {"total": 4980, "source": "typed"}, Idempotency_Key="sale-0001")
    assert (status, body["state"]) == (200, "done")
    assert counter.journal[0][1]["amount"] == 4980


def test_a_repeated_key_gives_the_first_answer_and_another_body_is_refused(server: ScreenServer, counter: Any) -> None:
    counter.change(open={"member": "**** **** 4821", "amount": None})
    first = ask(server, "POST", "/v1/sales", {"total": 300}, Idempotency_Key="sale-0001")
    again = ask(server, "POST", "/v1/sales", {"total": 300}, Idempotency_Key="sale-0001")
    assert first[:2] == again[:2]
    assert (first[2]["idempotency-replayed"], again[2]["idempotency-replayed"]) == (None, "true")
    assert len(counter.journal) == 1
    assert ask(server, "POST", "/v1/sales", {"total": 301}, Idempotency_Key="sale-0001")[0] == 422


def test_a_scan_repeated_with_its_key_reaches_the_counter_once(server: ScreenServer, counter: Any) -> None:
    asked = threading.Barrier(2)
    counter.gate.clear()
    answers: list[tuple[int, Any, Any]] = []

    def scan() -> None:
        asked.wait(5)
        answers.append(ask(server, "POST", "/v1/scans", {"text": "2900000004821"}, Idempotency_Key="scan-0001"))

    threads = [threading.Thread(target=scan) for _ in range(2)]
    for thread in threads:
        thread.start()
    counter.gate.set()
    for thread in threads:
        thread.join(10)
    answers.append(ask(server, "POST", "/v1/scans", {"text": "2900000004821"}, Idempotency_Key="scan-0001"))
    assert [answer[:2] for answer in answers] == [answers[0][:2]] * 3
    assert sorted(answer[2]["idempotency-replayed"] or "" for answer in answers) == ["", "true", "true"]
    assert len(counter.calls) == 1
    assert ask(server, "POST", "/v1/scans", {"text": "2900000004822"}, Idempotency_Key="scan-0001")[0] == 422


def test_a_failed_request_may_be_tried_again_under_its_key(server: ScreenServer, counter: Any) -> None:
    counter.trouble = StorageError("journal: the disk is full; free some space", code="E502")
    status, problem, _ = ask(server, "POST", "/v1/scans", {"text": "2900000004821"}, Idempotency_Key="scan-0001")
    assert (status, problem["code"]) == (503, "E502")
    counter.trouble = None
    assert ask(server, "POST", "/v1/scans", {"text": "2900000004821"}, Idempotency_Key="scan-0001")[0] == 200


@pytest.mark.parametrize(
    "trouble, status",
    [
        (Refused("not a member; scan the card", code="E602"), 409),
        (Refused("no such sale", code="E608"), 404),
        (Refused("a manager must do this", code="E613"), 403),
        (DeviceBusy("scanner: held by cat (pid 7); stop it"), 503),
    ],
)
def test_typed_trouble_becomes_a_problem_document(server: ScreenServer, counter: Any, trouble: Exception, status: int) -> None:
    counter.trouble = trouble
    found, problem, headers = ask(server, "POST", "/v1/voids", {"sale_id": "S-1", "reason": "test"})
    assert found == problem["status"] == status
    assert headers["content-type"] == "application/problem+json"
    assert problem["detail"] == str(trouble)
    assert problem["ja"]["title"]


def test_a_counter_that_hangs_gives_a_typed_answer_and_the_same_key_may_ask_again(
    server: ScreenServer, counter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("posagent.screen.calls.DEADLINE_S", 0.2)
    counter.gate.clear()
    status, problem, _ = ask(server, "POST", "/v1/sales", {"total": 300}, Idempotency_Key="sale-0001")
    assert (status, problem["code"]) == (504, "E901")
    counter.gate.set()
    assert ask(server, "POST", "/v1/sales", {"total": 300}, Idempotency_Key="sale-0001")[0] == 200


def test_a_slip_is_a_picture_or_a_clear_no(server: ScreenServer, counter: Any) -> None:
    counter.slip = b"\x89PNG"
    status, picture, headers = ask(server, "GET", "/v1/slips/J-1.png")
    assert (status, picture, headers["content-type"]) == (200, b"\x89PNG", "image/png")
    assert ask(server, "GET", "/v1/slips/X-1.png")[0] == 404


def test_a_quote_needs_no_key_and_records_nothing(server: ScreenServer, counter: Any) -> None:
    host, port = server.address.split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    connection.request("POST", "/v1/quotes", json.dumps({"total": 4980}), OWN)
    assert json.loads(connection.getresponse().read()) == {"points": 49}
    connection.close()
    assert counter.journal == []


@pytest.mark.parametrize(
    "body",
    [
        {}, {"total": "4980"}, {"total": True}, {"total": 49.8}, {"total": 0}, {"total": 10**9}, {"total": 1, "colour": "red"},
        {"total": 1, "kind": "gift"}, {"total": 1, "receipt_no": ""}, {"total": 1, "receipt_no": "x" * 41},
        {"total": 1, "tax_split": {"ten": 1}}, {"total": 1, "tax_split": {"1000": "1"}},
        {"total": 1, "lines": [{"amount": 1}] * 501}, {"total": 1, "lines": [{"quantity": 1}]}, {"total": 1, "operator": "a\x00b"},
        {"total": 1, "operator": "\ud800"}, [], "4980", None,
    ],
)  # fmt: skip
def test_a_sale_that_does_not_fit_its_schema_is_refused(server: ScreenServer, counter: Any, body: Any) -> None:
    status, problem, _ = ask(server, "POST", "/v1/sales", body if body is not None else "")
    assert status == 422
    assert problem["code"] == "E706"
    assert counter.calls == []


def test_a_bug_in_a_request_ends_the_server_with_that_bug(counter: Any, serve: Any) -> None:
    counter.trouble = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError, match="a bug"), serve(counter) as server:
        assert ask(server, "POST", "/v1/sales", {"total": 300})[0] == 500


def test_the_server_sleeps_when_nobody_is_connected_and_refuses_nobody_meanwhile(counter: Any, serve: Any) -> None:
    with serve(counter, idle_s=0) as server:  # every pause ends the run: each request meets a start, an end, or the moment between
        for number in range(40):
            status, body, _ = ask(server, "POST", "/v1/sales", {"total": 300 + number}, Idempotency_Key=f"sale-{number:04}")
            assert status == 200, body


def test_stopping_ends_open_streams_within_two_seconds(counter: Any, serve: Any) -> None:
    with serve(counter) as server:
        host, port = server.address.split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=5)
        connection.request("GET", "/v1/events", headers=OWN)
        response = connection.getresponse()
        assert response.read1(100)
    while response.read1(65536):  # ends: the stream was closed properly, not left hanging
        pass
    connection.close()
    assert counter.watched == 0


def test_a_taken_port_names_who_holds_it(counter: Any) -> None:
    program = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        port = int(holder.stdout.readline())
        with pytest.raises(PortTaken, match=rf"127\.0\.0\.1:{port} is used by python\S* \(pid {holder.pid}\); stop python"):
            ScreenServer(counter, f"127.0.0.1:{port}")
        holder.communicate("\n")


@pytest.mark.parametrize("address", ["0.0.0.0:8931", "192.168.1.2:8931", "[::]:8931", "8931", "127.0.0.1:99999", "example.com:80", "127.0.0.1"])
def test_only_loopback_is_listened_on(counter: Any, address: str) -> None:
    with pytest.raises(SettingsError, match=r"give a loopback address with a port, like 127\.0\.0\.1:8931"):
        ScreenServer(counter, address)


@contextmanager
def unix_request(path: Path, head: bytes) -> Iterator[bytes]:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(path))
        client.sendall(head)
        yield client.recv(65536)


def test_a_unix_socket_needs_no_host_and_is_removed_at_the_end(counter: Any, serve: Any, tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with serve(counter, listen="", unix_path=str(path)):
        assert path.stat().st_mode & 0o777 == 0o660
        with unix_request(path, b"GET /livez HTTP/1.1\r\nHost: posagent\r\n\r\n") as answer:
            assert answer.startswith(b"HTTP/1.1 200 ")
        with pytest.raises(PortTaken, match="is used by another program"):
            ScreenServer(counter, "", unix_path=str(path))
    assert not path.exists()


def test_a_stale_unix_socket_is_replaced(counter: Any, serve: Any, tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with serve(counter, listen="", unix_path=str(path)), unix_request(path, b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n") as answer:
        assert answer.startswith(b"HTTP/1.1 200 ")


def test_sockets_from_outside_are_served_and_their_files_are_left_alone(counter: Any, serve: Any, tmp_path: Path) -> None:
    path = tmp_path / "systemd.sock"
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(path))
        unix.listen()
        with serve(counter, sockets=[tcp, unix], unix_path=str(path)) as server:  # the settings name the socket that systemd has made
            assert server.address == f"127.0.0.1:{tcp.getsockname()[1]}"
            assert ask(server, "GET", "/livez")[0] == 200
            with unix_request(path, b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n") as answer:
                assert answer.startswith(b"HTTP/1.1 200 ")
        assert path.exists()
