"""The lab's line into the guest, with a hand that sits in this process."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tools.lab.wire import Doorway, HandLine, HandLost


@contextmanager
def hand(line: HandLine, answers: dict[str, dict[str, Any]]) -> Iterator[socket.socket]:
    """A hand that gives one answer to each kind of order."""
    called = socket.create_connection(("127.0.0.1", line.port))
    called.sendall(b'{"hello": "boot-1", "uptime": 1.0}\n')

    def obey() -> None:
        for raw in called.makefile("rb"):
            order = json.loads(raw)
            if order["do"] in answers:
                called.sendall(json.dumps({"id": order["id"], **answers[order["do"]]}).encode() + b"\n")

    thread = threading.Thread(target=obey)
    thread.start()
    assert line.wait_up(10)
    try:
        yield called
    finally:
        with suppress(OSError):  # it hung up itself
            called.shutdown(socket.SHUT_RDWR)
        thread.join()
        called.close()


def test_an_order_is_answered_and_a_failed_command_says_what_it_said() -> None:
    with closing(HandLine()) as line, hand(line, {"run": {"rc": 3, "out": "", "err": "no such unit"}, "plug": {"at": 7.5}}):
        assert line.run("systemctl x").rc == 3
        assert line.plug({"name": "gun"}) == 7.5
        with pytest.raises(RuntimeError, match="systemctl x\nanswered 3: no such unit"):
            line.sure("systemctl x")


def test_trouble_of_the_hand_itself_is_no_answer_of_the_guest() -> None:
    answers = {"unplug": {"trouble": "KeyError: 'gun'"}}
    with closing(HandLine()) as line, hand(line, answers), pytest.raises(RuntimeError, match="could not unplug"):
        line.unplug("gun")


def test_a_guest_that_goes_away_in_the_middle_of_an_order_is_lost_at_once() -> None:
    with closing(HandLine()) as line:
        with hand(line, {}) as called:
            timer = threading.Timer(0.2, lambda: called.shutdown(socket.SHUT_RDWR))
            timer.start()
            with pytest.raises(HandLost):
                line.run("sleep 1000", timeout_s=1000)
            timer.join()
        with pytest.raises(HandLost):
            line.run("true")


def test_the_doorway_is_closed_while_the_machine_is_off_and_carries_when_it_is_on(tmp_path: Path) -> None:
    with (
        closing(HandLine()) as line,
        socket.create_server(("127.0.0.1", 0)) as inside,
        closing(Doorway(tmp_path / "api.sock", inside.getsockname()[1], line)),
    ):
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(10)
            caller.connect(str(tmp_path / "api.sock"))
            assert caller.recv(1) == b""
        with hand(line, {}), socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(10)
            caller.connect(str(tmp_path / "api.sock"))
            caller.sendall(b"GET")
            agent, _ = inside.accept()
            with agent:
                assert agent.recv(3) == b"GET"
                agent.sendall(b"200")
                assert caller.recv(3) == b"200"


def test_an_orders_limit_counts_the_time_that_the_machine_has_had_and_no_other() -> None:
    times = iter((0.0, 0.0, 0.0))  # others had the processors: the machine's clock stands still
    with closing(HandLine(lambda: next(times, 1e6))) as line, hand(line, {}):
        with pytest.raises(HandLost, match="gave no answer to run 'sleep 1'"):
            line.run("sleep 1", timeout_s=1)
        assert next(times, None) is None
