"""The device process and the agent's side of it: real processes, real socket pairs, scripted devices and ptys."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.scan import serial_port
from posagent.ports import Scan
from posagent.remote import Lost, Opened, Preview, RemoteDevice, RemoteDevices, Report

FAKES = Path(__file__).parent / "process_fakes"
SERIAL = "drivers.scan.serial_port:DRIVER"


def until(devices: RemoteDevices, done: Callable[[list[tuple[str, Report]]], bool], seconds: float = 60) -> list[tuple[str, Report]]:
    """Everything that was reported until ``done`` says so."""
    got: list[tuple[str, Report]] = []
    deadline = time.monotonic() + seconds
    while not done(got):
        assert time.monotonic() < deadline, got
        got += devices.read(0.2)
    return got


def opened(got: list[tuple[str, Report]]) -> bool:
    return any(isinstance(report, Opened) for _, report in got)


def texts(got: list[tuple[str, Report]]) -> list[str]:
    return [report.text for _, report in got if isinstance(report, Scan)]


class Script:
    """A scripted device in a process of its own."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.fifo = folder / "fifo"
        os.mkfifo(self.fifo)
        self._keep = os.open(self.fifo, os.O_RDWR)
        self.devices = RemoteDevices("reader", [RemoteDevice("till", "odd_scanners:DRIVER", {"fifo": str(self.fifo)})], **options)

    def tell(self, line: str) -> None:
        os.write(self._keep, line.encode() + b"\n")

    def close(self) -> None:
        self.devices.close()
        os.close(self._keep)


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    monkeypatch.setenv("PYTHONPATH", str(FAKES))
    made = Script(tmp_path, beat_limit_s=3.0)
    yield made
    made.close()


def test_a_scan_on_a_serial_port_arrives_through_the_process(cable: Any, settings: Any) -> None:
    devices = RemoteDevices("reader", [RemoteDevice("counter", SERIAL, settings(serial_port.DRIVER, port=cable.path))])
    try:
        until(devices, opened)
        cable.send(b"]C1012345678901234\r")
        got = until(devices, texts)
    finally:
        devices.close()
    name, scan = got[-1]
    assert name == "counter"
    assert isinstance(scan, Scan)
    assert (scan.text, scan.aim, scan.quality) == ("012345678901234", "C1", "ok")
    assert 0 < time.monotonic_ns() - scan.at_ns < 5e9


def test_corrupt_scans_keep_their_reason(script: Script) -> None:
    until(script.devices, opened)
    script.tell("corrupt the kernel lost keys")
    (_, scan) = until(script.devices, lambda got: any(isinstance(report, Scan) for _, report in got))[-1]
    assert isinstance(scan, Scan)
    assert (scan.quality, scan.reason, scan.text) == ("corrupt", "the kernel lost keys", "")


def test_a_lost_device_is_told_once_and_opened_again(script: Script) -> None:
    until(script.devices, opened)
    script.tell("lost")
    got = until(script.devices, opened)
    assert [report for _, report in got if isinstance(report, Lost)] == [Lost("E301", "unplugged; plug it in")]


@pytest.mark.parametrize("knob", ["crash", "exit", "garbage"])
def test_a_process_that_dies_is_a_lost_device_and_a_new_process(script: Script, knob: str) -> None:
    until(script.devices, opened)
    first = script.devices.pid
    script.tell(knob)
    got = until(script.devices, opened)
    assert [report.code for _, report in got if isinstance(report, Lost)] == ["E305"]
    assert script.devices.pid != first
    assert texts(got) == []
    script.tell("scan 4901234567894")
    assert texts(until(script.devices, texts)) == ["4901234567894"]


def test_a_killed_process_loses_half_a_scan_and_invents_none(cable: Any, settings: Any) -> None:
    devices = RemoteDevices("reader", [RemoteDevice("counter", SERIAL, settings(serial_port.DRIVER, port=cable.path))])
    try:
        until(devices, opened)
        cable.send(b"490123")
        assert devices.pid is not None
        os.kill(devices.pid, signal.SIGKILL)
        until(devices, opened)
        cable.send(b"4912345678904\r")
        assert texts(until(devices, texts)) == ["4912345678904"]
    finally:
        devices.close()


def test_a_process_that_stands_still_is_killed_and_started_anew(script: Script) -> None:
    until(script.devices, opened)
    assert script.devices.pid is not None
    os.kill(script.devices.pid, signal.SIGSTOP)
    got = until(script.devices, opened)
    assert any(isinstance(report, Lost) and "does not answer" in report.message for _, report in got)


def test_a_device_that_hangs_is_named_or_stops_the_heartbeat_and_the_process_is_replaced(script: Script) -> None:
    until(script.devices, opened)
    script.tell("hang")
    got = until(script.devices, opened)
    assert any(isinstance(report, Lost) and ("device hangs" in report.message or "does not answer" in report.message) for _, report in got)


def test_the_process_ends_when_the_agent_is_gone(script: Script) -> None:
    until(script.devices, opened)
    pid = script.devices.pid
    assert pid is not None
    script.devices.close()
    assert not Path(f"/proc/{pid}").exists()


def test_previews_come_only_while_somebody_watches(script: Script) -> None:
    until(script.devices, opened)
    script.tell("scan 111")
    assert not any(isinstance(report, Preview) for _, report in until(script.devices, texts))
    script.devices.watch("till", 5)
    script.tell("scan 222")
    got = until(script.devices, lambda got: any(isinstance(report, Preview) for _, report in got))
    assert Preview({"jpeg": "AAAA"}) in [report for _, report in got]


def test_a_watch_from_another_thread_does_not_wait_for_the_read_to_end(script: Script) -> None:
    until(script.devices, opened)
    asking = threading.Timer(0.3, script.devices.watch, ("till", 5))
    asking.start()
    began = time.monotonic()
    got = script.devices.read(30.0)
    asking.join()
    assert [type(report) for _, report in got] == [Preview]
    assert time.monotonic() - began < 15
    script.devices.close()
    script.devices.watch("till", 5)  # a page may ask while the agent ends


def test_a_driver_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = RemoteDevices("reader", [RemoteDevice("till", "no_such_module:DRIVER")])
    try:
        ((name, lost),) = until(devices, bool)
    finally:
        devices.close()
    assert name == "till"
    assert isinstance(lost, Lost)
    assert "no_such_module" in lost.message


def test_the_threads_that_read_are_as_urgent_as_their_process(script: Script) -> None:
    """Real time, a better nice value, or neither, as the machine allows; but never the process's first thread alone."""
    until(script.devices, opened)
    pid = script.devices.pid
    assert pid is not None
    threads = [int(path.name) for path in Path(f"/proc/{pid}/task").iterdir()]
    assert len(threads) >= 2
    assert len({(os.sched_getscheduler(thread), os.getpriority(os.PRIO_PROCESS, thread)) for thread in threads}) == 1


def test_the_reader_process_stays_tiny(script: Script) -> None:
    until(script.devices, opened)
    pages = Path(f"/proc/{script.devices.pid}/smaps_rollup").read_text()
    own_kb = sum(int(line.split()[1]) for line in pages.splitlines() if line.startswith(("Private_Clean", "Private_Dirty")))
    assert own_kb < 14_000, pages


def test_a_process_that_cannot_be_started_is_a_lost_device_and_tried_again(tmp_path: Path) -> None:
    devices = RemoteDevices("reader", [RemoteDevice("till", "odd_scanners:DRIVER")], python=str(tmp_path / "no-python"))
    try:
        ((name, lost),) = until(devices, bool)
        assert name == "till"
        assert isinstance(lost, Lost)
        assert "cannot be started" in lost.message
        assert devices.read(0.5) == []
        assert devices.restarts >= 2
    finally:
        devices.close()


def test_a_scan_reaches_the_agent_in_milliseconds(cable: Any, settings: Any) -> None:
    """The median of fifty: single scans may wait for a busy test machine."""
    devices = RemoteDevices("reader", [RemoteDevice("counter", SERIAL, settings(serial_port.DRIVER, port=cable.path))])
    took_ms = []
    try:
        until(devices, opened)
        for number in range(50):
            before = time.monotonic_ns()
            cable.send(b"%013d\r" % number)
            until(devices, texts)
            took_ms.append((time.monotonic_ns() - before) / 1e6)
    finally:
        devices.close()
    assert sorted(took_ms)[25] < 5
