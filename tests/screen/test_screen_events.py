"""The event stream: replay and live, at each page's own pace, with dead pages noticed."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from posagent.errors import StorageError


class Reader:
    """A page that reads frames one by one."""

    def __init__(self, port: int, after: int | str | None = None, query: str = "") -> None:
        self.line = socket.create_connection(("127.0.0.1", port), 10)
        header = "Sec-Fetch-Site: same-origin\r\n" + (f"Last-Event-ID: {after}\r\n" if after is not None else "")
        self.line.sendall(f"GET /v1/events{query} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{header}\r\n".encode())
        self.stream = self.line.makefile("rb")
        self.status = int(self.stream.readline().split()[1])
        while self.stream.readline() != b"\r\n":
            pass
        self.frames = self._frames()

    def _frames(self) -> Iterator[tuple[str, Any, int | None]]:
        text = ""
        while True:
            size = int(self.stream.readline() or b"0", 16)
            if not size:
                return
            text += self.stream.read(size).decode()
            self.stream.readline()
            while "\n\n" in text:
                frame, _, text = text.partition("\n\n")
                if frame.startswith(":"):
                    yield "beat", None, None
                elif found := re.fullmatch(r"(?:id: (\d+)\n)?event: (\w+)\ndata: (.*)", frame):
                    yield found[2], json.loads(found[3]), int(found[1]) if found[1] else None

    def until(self, kind: str) -> list[tuple[str, Any, int | None]]:
        """All frames up to and with the first of a kind."""
        found = []
        for frame in self.frames:
            found.append(frame)
            if frame[0] == kind:
                return found
        raise AssertionError(f"the stream ended before {kind}: {found}")

    def close(self) -> None:
        self.stream.close()
        self.line.close()


@pytest.fixture
def read(server: Any) -> Iterator[Callable[..., Reader]]:
    port = int(server.address.rpartition(":")[2])
    with ExitStack() as stack:

        def reading(*arguments: Any, **options: Any) -> Reader:
            reader = Reader(port, *arguments, **options)
            stack.callback(reader.close)
            return reader

        yield reading


def test_a_page_without_a_number_gets_only_news(counter: Any, read: Any) -> None:
    counter.record({"kind": "granted", "points": 1})
    reader = read()
    assert [kind for kind, _, _ in reader.until("live")] == ["status", "live"]
    counter.record({"kind": "granted", "points": 2})
    kind, fact, seq = next(reader.frames)
    assert (kind, fact["points"], seq) == ("page", 2, 2)


@pytest.mark.parametrize("how", ["header", "query"])
def test_replay_is_whole_and_in_order_then_live(counter: Any, read: Any, how: str) -> None:
    for number in range(1, 351):  # several batches
        counter.record({"kind": "granted", "points": number})
    reader = read(after=50) if how == "header" else read(query="?after=50")
    history = [(seq, fact["points"]) for kind, fact, seq in reader.until("live") if kind == "page"]
    assert history == [(number, number) for number in range(51, 351)]
    counter.record({"kind": "voided", "points": -1})
    assert next(reader.frames)[2] == 351


def test_what_is_recorded_while_the_replay_runs_is_neither_lost_nor_doubled(counter: Any, read: Any) -> None:
    for number in range(500):
        counter.record({"kind": "granted", "points": number})
    stop = threading.Event()

    def more() -> None:
        for number in range(500, 900):
            counter.record({"kind": "granted", "points": number})
        stop.set()

    writer = threading.Thread(target=more)
    writer.start()
    reader = read(after=0)
    numbers: list[int | None] = []
    while len(numbers) < 900:
        kind, _, seq = next(reader.frames)
        if kind == "page":
            numbers.append(seq)
    writer.join()
    assert numbers == list(range(1, 901))


def test_a_number_of_another_journal_is_told_and_the_shift_comes_again(counter: Any, read: Any) -> None:
    for number in range(3):
        counter.record({"kind": "granted", "points": number})
    counter.change(shift_start_seq=1)
    frames = read(after=999).until("live")
    assert frames[0][:2] == ("reset", {"seq": 1})
    assert [seq for kind, _, seq in frames if kind == "page"] == [2, 3]


@pytest.mark.parametrize("number", ["-1", "abc", "1.5", "", "9" * 19, "１"])
def test_a_number_that_is_none_is_refused(read: Any, number: str) -> None:
    assert read(query=f"?after={number}" if number.isascii() else "?after=%EF%BC%91").status == 400


def test_notices_carry_words_and_no_id_and_are_not_repeated_to_a_new_page(counter: Any, read: Any) -> None:
    counter.notify({"kind": "trouble", "code": "E602"})
    reader = read()
    reader.until("live")
    counter.notify({"kind": "trouble", "code": "E301", "values": {"device": "front scanner"}})
    kind, fact, seq = next(reader.frames)
    assert (kind, seq) == ("notice", None)
    assert fact["message"]["en"]["title"] == "front scanner is not connected"


def test_status_comes_when_it_changed_and_only_then(counter: Any, read: Any) -> None:
    reader = read()
    reader.until("live")
    counter.wake()
    counter.change(level="offline", code="E400")
    kind, fact, _ = next(reader.frames)
    assert (kind, fact["level"], fact["message"]["code"]) == ("status", "offline", "E400")


def test_an_agent_that_wakes_us_without_end_costs_ten_looks_a_second_not_more(counter: Any, read: Any) -> None:
    reader = read()
    reader.until("live")
    looks: list[int] = []
    for number in range(300):
        counter.change(queue={"pending": number, "oldest_s": None, "link": "online"})
    while (frame := next(reader.frames))[1]["queue"]["pending"] != 299:
        looks.append(frame[1]["queue"]["pending"])
    assert len(looks) <= 5


def test_the_line_beats_while_nothing_happens(counter: Any, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posagent.screen.events.Streams.__init__.__defaults__", (0.05,))
    with serve(counter) as server:
        reader = Reader(int(server.address.rpartition(":")[2]))
        reader.until("live")
        assert [next(reader.frames)[0] for _ in range(3)] == ["beat"] * 3
        reader.close()


def test_a_page_that_goes_away_is_forgotten(counter: Any, read: Any) -> None:
    readers = [read() for _ in range(3)]
    for reader in readers:
        reader.until("live")
    assert counter.watched == 3
    gone = threading.Event()
    counter.on_unwatch = gone.set
    readers[0].line.shutdown(socket.SHUT_RDWR)
    assert gone.wait(5)
    assert counter.watched == 2


def test_a_page_that_takes_nothing_is_cut_off_and_holds_up_nobody(counter: Any, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posagent.screen.events.SEND_S", 0.3)
    gone = threading.Event()
    counter.on_unwatch = gone.set
    for number in range(3000):
        counter.record({"kind": "granted", "points": number, "member": "x" * 2000})  # more than any socket buffer holds
    with serve(counter) as server:
        port = int(server.address.rpartition(":")[2])
        stuck = Reader(port, 0)  # reads its head only
        lively = Reader(port)
        lively.until("live")
        counter.record({"kind": "granted", "points": 7})
        assert next(lively.frames)[1]["points"] == 7
        assert gone.wait(10)
        assert counter.watched == 1
        assert counter.reads < 40  # the stuck page's replay was not read on into memory
        stuck.close()
        lively.close()


def test_trouble_with_the_journal_ends_the_stream_with_a_problem(counter: Any, server: Any, read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(after_seq: int, limit: int) -> list[Any]:
        raise StorageError("journal: cannot be read; see posagent doctor", code="E503")

    monkeypatch.setattr(counter, "events", fails)
    kind, problem, _ = read(after=0).until("trouble")[-1]
    assert (kind, problem["code"]) == ("trouble", "E503")
