"""The process that carries a POS's bytes: whatever happens to the agent, or to itself, the POS sees what it would see of a printer."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from drivers.doors import capture_printer, relay
from drivers.doors.capture_printer import DRIVER, CapturePrinter
from drivers.doors.relay import Relay
from drivers.doors.relay_link import MOST_WORDS, PACKET, Understanding, trouble_of, trouble_word
from posagent.errors import DeviceBusy, DeviceError, DeviceForbidden, DeviceMissing, DeviceTimeout, PosagentError, SettingsError
from posagent.ports import Heard, Moment

DEADLINE_S = 30


def options(**given: Any) -> dict[str, Any]:
    return {name: option.default for name, option in DRIVER.options.items()} | given


@pytest.fixture
def printer() -> Iterator[socket.socket]:
    """The real printer's port; a test plays the printer itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(DEADLINE_S)
        yield server


@pytest.fixture
def port() -> int:
    """Where the POS finds its printer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def pair() -> tuple[socket.socket, socket.socket]:
    """The agent's end, the relay's."""
    agent, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    agent.settimeout(DEADLINE_S)
    return agent, theirs


def address(server: socket.socket) -> str:
    return f"127.0.0.1:{server.getsockname()[1]}"


def dial(port: int) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
    link.settimeout(DEADLINE_S)
    return link


def accepted(printer: socket.socket) -> socket.socket:
    link, _ = printer.accept()
    link.settimeout(DEADLINE_S)
    return link


def test_an_agent_that_stands_still_in_a_reading_delays_no_answer_of_the_printer(capture: Any, printer: socket.socket, port: int) -> None:
    reads, may_go_on = threading.Event(), threading.Event()

    def understand(raw: bytes, moment: Moment) -> Heard:
        reads.set()
        assert may_go_on.wait(DEADLINE_S)
        return Heard()

    running = capture(understand, listen=f"127.0.0.1:{port}", forward=address(printer))
    with dial(port) as pos, accepted(printer) as real:
        pos.sendall(b"a receipt\n")
        assert real.recv(64) == b"a receipt\n"
        assert reads.wait(DEADLINE_S)
        for number in range(20):
            pos.sendall(bytes([number]))
            assert real.recv(64) == bytes([number])
            real.sendall(b"\x12")
            assert pos.recv(64) == b"\x12"
        may_go_on.set()
    assert not running.troubles


def test_a_killed_relay_resets_the_pos_and_is_started_again(capture: Any, printer: socket.socket, port: int) -> None:
    whole = threading.Event()

    def understand(raw: bytes, moment: Moment) -> Heard:
        if raw == b"again\n":
            whole.set()
        return Heard()

    running = capture(understand, listen=f"127.0.0.1:{port}", forward=address(printer))
    with dial(port) as pos, accepted(printer) as real:
        pos.sendall(b"half a rec")
        assert real.recv(64) == b"half a rec"
        os.kill(running.door.pid, signal.SIGKILL)
        assert real.recv(64) == b""
        assert pos.recv(64) == b""
    running.until(lambda: running.troubles)
    assert running.troubles[0].code == "E305"
    running.until(lambda: running.opened == 2)
    with dial(port) as pos, accepted(printer) as real:
        pos.sendall(b"again\n")
        assert real.recv(64) == b"again\n"
        assert whole.wait(DEADLINE_S)


def test_a_relay_that_hangs_is_noticed_and_replaced(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setattr(capture_printer, "ASK_S", 0.0)
    door = CapturePrinter("till", options(listen=f"127.0.0.1:{port}"))
    for _ in range(3):
        assert door.read(0.1) == ()  # asks, and is answered
    monkeypatch.setattr(capture_printer, "HANGS_S", 0.0)
    os.kill(door.pid, signal.SIGSTOP)

    def reads_on() -> None:
        for _ in range(100):
            door.read(0.01)

    with pytest.raises(DeviceTimeout, match="hangs"):
        reads_on()
    door.close()
    with pytest.raises(ProcessLookupError):
        os.kill(door.pid, 0)


def test_a_relay_goes_with_its_agent_and_only_with_it(port: int) -> None:
    ours, theirs = pair()
    process = subprocess.Popen([sys.executable, "-m", "drivers.doors.relay", str(theirs.fileno())], pass_fds=[theirs.fileno()])
    theirs.close()
    ours.send(json.dumps({"name": "till", "options": options(listen=f"127.0.0.1:{port}")}).encode())
    assert ours.recv(64) == b"o"
    process.send_signal(signal.SIGTERM)  # systemd's, which goes to all of a service at once
    with dial(port) as pos:
        pos.sendall(b"a receipt")
        assert ours.recv(64) == b"ba receipt"
        ours.close()  # as the kernel does for a killed agent
        assert process.wait(DEADLINE_S) == 0
        assert pos.recv(64) == b""
    with socket.create_server(("127.0.0.1", port)):  # free for the next agent at once
        pass


def test_what_was_taken_for_a_slow_printer_still_reaches_it_when_the_agent_ends(
    monkeypatch: pytest.MonkeyPatch, printer: socket.socket, port: int
) -> None:
    monkeypatch.setattr(relay, "LAST_S", DEADLINE_S)
    agent, theirs = pair()
    carries = Relay("till", options(listen=f"127.0.0.1:{port}", forward=address(printer)), theirs)
    got = bytearray()
    printer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with agent, theirs, dial(port) as pos:
        pos.setblocking(False)
        carries.turn()
        while not carries._to_printer:  # until the printer, which reads nothing, takes no more
            with suppress(BlockingIOError):
                pos.send(bytes(65536))
            carries.turn()
        with accepted(printer) as real:

            def drain() -> None:
                while raw := real.recv(65536):
                    got.extend(raw)

            reader = threading.Thread(target=drain)
            reader.start()
            taken = carries._understanding.waiting
            carries.close()
            reader.join(DEADLINE_S)
    assert len(got) == taken


def test_bytes_are_told_in_order_in_packets_and_counted_until_they_are_understood() -> None:
    agent, theirs = pair()
    with agent, theirs:
        theirs.setblocking(False)
        telling = Understanding(theirs)
        raw = bytes(range(256)) * 70
        telling.take(raw)
        telling.tell(b"c")
        telling.speak()
        words = [agent.recv(65536) for _ in range(-(-len(raw) // PACKET) + 1)]
        assert b"".join(word[1:] for word in words[:-1]) == raw
        assert (words[-1], max(map(len, words))) == (b"c", PACKET + 1)
        for _ in words[:-1]:
            agent.send(b"u0\x1bt\x01")
        telling.listen()
        assert (telling.waiting, telling.behind, telling.between, telling.modes) == (0, True, False, b"\x1bt\x01")
        agent.send(b"u1")
        telling.listen()
        assert (telling.behind, telling.between, telling.modes) == (False, True, b"")


def test_an_agent_that_reads_nothing_makes_the_pos_wait_in_the_end() -> None:
    agent, theirs = pair()
    with agent, theirs:
        theirs.setblocking(False)
        telling = Understanding(theirs)
        told = 0
        while telling.room:
            telling.tell(b"c")
            telling.speak()
            told += 1
        assert told == MOST_WORDS
        for _ in range(told):
            telling.speak()
            assert agent.recv(64) == b"c"
            agent.send(b"u1")
            telling.listen()
        assert telling.room
        assert not telling.behind


@pytest.mark.parametrize("kind", [SettingsError, DeviceBusy, DeviceForbidden, DeviceMissing, DeviceError])
def test_trouble_arrives_as_what_it_was(kind: type[PosagentError]) -> None:
    told = trouble_of(trouble_word(kind("till: 9100 ist belegt; frei machen", code="E214")))
    assert (type(told), str(told), told.code) == (kind, "till: 9100 ist belegt; frei machen", "E214")


def test_a_port_that_is_taken_is_told_when_the_door_opens(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)), pytest.raises(DeviceBusy, match="free the port"):
        CapturePrinter("till", options(listen=f"127.0.0.1:{port}"))
