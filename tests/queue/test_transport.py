"""The lane over real sockets: the real receiver, signed; and servers that misbehave. No exchange outlives its deadline."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from offline_queue.errors import CloudBusy, CloudForbidden
from offline_queue.events import NewEvent
from offline_queue.journal import Journal
from offline_queue.pull import FilePull, pull
from offline_queue.signature import Key
from offline_queue.signed_file import FileShelf, SignedFile, headers_of, sign_file
from offline_queue.sync import Credentials, SyncLane
from offline_queue.transport import Reply, Transport, retry_after_s
from posagent.cloud.embedded import EmbeddedReceiver
from posagent.cloud.receiver import Settings

Grant = Callable[..., NewEvent]


@contextmanager
def _server(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads one request's head per connection and then does what the test wants."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65536)
                    behave(connection)
                except OSError:
                    pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def _grant_with_entries(number: int) -> NewEvent:
    said = {"points": 1, "entries": [{"account": "points", "delta": 1}]}
    return NewEvent("posagent.sale.granted.v1", "m:1", f"k{number}", "2026-11-22T12:00:00+09:00", said)


def test_the_lane_and_the_real_receiver_agree_through_an_outage(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / "cloud").mkdir()
    receiver = EmbeddedReceiver()
    url = receiver.start(tmp_path / "cloud")
    stop = threading.Event()
    lane = SyncLane(journal, url, credentials=Credentials, stop=stop)
    thread = threading.Thread(target=lane.run)
    thread.start()
    for number in range(700):
        last = journal.put([_grant_with_entries(number)])
    last.result(60)
    port = int(url.rpartition(":")[2])
    receiver.stop()
    journal.put([_grant_with_entries(700)]).result(60)
    receiver.start(tmp_path / "cloud", port)
    drained = threading.Event()
    journal.subscribe(lambda _seq: drained.set())
    until = time.monotonic() + 30
    while ((state := lane.state()).pending or state.link != "online") and time.monotonic() < until:
        drained.wait(0.2)
        drained.clear()
    assert lane.state().pending == 0
    assert lane.state().link == "online"
    assert lane.state().clock_offset_ms is not None
    stop.set()
    lane.wake()
    thread.join(20)
    receiver.stop()


def test_an_unknown_key_is_refused_by_the_real_receiver_and_the_lane_keeps_everything(journal: Journal, tmp_path: Path) -> None:
    receiver = EmbeddedReceiver(Settings(signed=True))
    url = receiver.start(tmp_path)
    journal.put([_grant_with_entries(1)]).result(60)
    lane = SyncLane(journal, url, credentials=lambda: Credentials(Key("nobody", b"x" * 32)), stop=threading.Event())
    with pytest.raises(CloudForbidden):
        lane.round()
    assert journal.reader().pending().count == 1
    lane._close_transport()
    receiver.stop()


def _silent(connection: socket.socket) -> None:
    connection.settimeout(2)
    connection.recv(1)


def _drips(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"x")
        if connection.recv(1) == b"":
            return


def _endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(bytes(65536))


def _bomb(connection: socket.socket) -> None:
    body = gzip.compress(bytes(200 << 20), 9)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


@pytest.mark.parametrize(
    "behave",
    [
        _silent,
        _drips,
        _endless,
        _bomb,
        lambda connection: None,
        lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"),
        lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9\r\n"),
    ],
    ids=["silent", "drips", "endless", "bomb", "hangs up", "short", "other protocol"],
)
def test_a_server_that_misbehaves_costs_at_most_the_deadline(behave: Callable[[socket.socket], None]) -> None:
    with _server(behave) as url:
        transport = Transport(url, Credentials(), connect_s=0.5, read_s=0.5)
        started = time.monotonic()
        with pytest.raises(CloudBusy):
            transport.get("/v1/streams/x")
        assert time.monotonic() - started < 5
        transport.close()


def test_nobody_at_the_address_and_no_such_name_are_said_in_words() -> None:
    with pytest.raises(CloudBusy, match="nobody answers"):
        Transport("http://127.0.0.1:9", Credentials()).get("/")
    with pytest.raises(CloudBusy):
        Transport("http://receiver.invalid", Credentials(), connect_s=1).get("/")
    with pytest.raises(CloudBusy):
        Transport("no address", Credentials()).get("/")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "17"}, 17),
        ({"retry-after": "99999999999"}, 3600),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
        ({"retry-after": "Sun, 22 Nov 2026 03:35:30 GMT", "date": "Sun, 22 Nov 2026 03:35:00 GMT"}, 30),
        ({"retry-after": "Sun, 22 Nov 2026 03:35:30 GMT"}, None),
        ({"retry-after": "٣"}, None),
    ],
)
def test_retry_after_is_understood_as_seconds_or_as_a_date_by_the_servers_own_clock(headers: dict[str, str], seconds: int | None) -> None:
    assert retry_after_s(Reply(503, headers, b"")) == seconds


class _Office:
    """A receiver that hands one file down."""

    url = "https://office.example"

    def __init__(self) -> None:
        self.file: SignedFile | None = None
        self.asked: list[str] = []

    def get(self, path: str, *, etag: str = "", most_bytes: int = 0) -> Reply:
        self.asked.append(etag)
        if self.file is None:
            return Reply(404, {}, b"")
        if etag == f'"v{self.file.version}"':
            return Reply(304, {}, b"")
        return Reply(200, {name.lower(): value for name, value in headers_of(self.file).items()}, self.file.content)

    def post(self, path: str, headers: object, payload: bytes) -> Reply:
        raise AssertionError

    def close(self) -> None:
        pass


def test_a_program_is_pulled_once_verified_and_never_goes_back(tmp_path: Path) -> None:
    private = bytes(range(32))
    public = Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    shelf = FileShelf(tmp_path, {"office": public})
    arrived: list[int] = []
    wanted = FilePull("program", shelf, lambda file: arrived.append(file.version))
    office = _Office()
    assert not pull(office, wanted)
    office.file = sign_file("program", 412, b"rules", "office", private)
    assert pull(office, wanted)
    assert not pull(office, wanted)
    office.file = sign_file("program", 411, b"old rules", "office", private)
    assert not pull(office, wanted)
    office.file = SignedFile("program", 413, "office", bytes(64), b"forged rules")
    assert not pull(office, wanted)
    assert arrived == [412]
    assert office.asked == ["", "", '"v412"', '"v412"', '"v412"']
    kept = shelf.load("program")
    assert kept is not None
    assert kept.content == b"rules"
