"""A device that hangs: it is named and replaced, and nobody else waits for it."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from posagent import device_loops, hanging
from posagent.board import Reported
from posagent.device_loops import Alive, RemoteLoop, ScanRead, scanner_loop
from posagent.errors import DeviceMissing
from posagent.hanging import HangingScanners
from posagent.ports import Driver, Scan
from posagent.remote import RemoteDevice, RemoteDevices, end

FAKES = Path(__file__).parents[1] / "scanning" / "process_fakes"
HASTY = """\
#!{python}
import sys
from pathlib import Path
from posagent import device_process
device_process.BEAT_S = 0.1
device_process.DeviceLoop.stuck = property(lambda loop: Path(loop._options["fifo"] + ".hangs").exists())
sys.exit(device_process.main(sys.argv[3:]))
"""
"""Stands in for Python, and runs the real device process; but which thread hangs the test says, not a clock that a busy machine holds up."""


class Post:
    """What device loops told the dispatcher."""

    def __init__(self) -> None:
        self.items: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def __call__(self, item: Any) -> None:
        if not isinstance(item, Alive):
            self.items.put(item)

    def next(self, wanted: Callable[[Any], bool]) -> list[Any]:
        """Everything up to and with the first that is wanted."""
        got = []
        while not got or not wanted(got[-1]):
            got.append(self.items.get(timeout=60))
        return got


def says(name: str, state: str) -> Callable[[Any], bool]:
    return lambda item: isinstance(item, Reported) and (item.name, item.state) == (name, state)


def until_ready(post: Post, names: set[str]) -> list[Any]:
    """What was told until all of them were ready."""
    got: list[Any] = []
    while not names <= {item.name for item in got if isinstance(item, Reported) and item.state == "ready"}:
        got += post.next(lambda item: isinstance(item, Reported) and item.state == "ready")
    return got


class Scripted:
    """A fifo that tells the scripted scanner of `process_fakes` what to do."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._end = os.open(path, os.O_RDWR)

    def tell(self, line: str) -> None:
        os.write(self._end, line.encode() + b"\n")

    def hangs(self, *, now: bool) -> None:
        """It hangs from now on; or the next one that is opened does not."""
        flag = Path(f"{self.path}.hangs")
        if now:
            self.tell("hang")
            flag.touch()
        else:
            flag.unlink()

    def close(self) -> None:
        os.close(self._end)


@pytest.fixture
def hasty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text(HASTY.format(python=sys.executable), "ascii")
    python.chmod(0o755)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(FAKES), str(Path(__file__).parents[2])]))
    monkeypatch.setattr(device_loops, "RemoteDevices", partial(RemoteDevices, python=str(python)))
    monkeypatch.setattr(device_loops, "APART_S", 0.1)


def test_a_scanner_that_hangs_in_a_shared_process_gets_one_of_its_own_and_the_other_goes_on(tmp_path: Path, hasty: None) -> None:
    bad, good = Scripted(tmp_path / "bad"), Scripted(tmp_path / "good")
    listed = [RemoteDevice(name, "odd_scanners:DRIVER", {"fifo": str(tmp_path / name)}) for name in ("bad", "good")]
    post, stop = Post(), threading.Event()
    loop = RemoteLoop("reader", listed, post, stop)
    loop.start()
    try:
        until_ready(post, {"bad", "good"})
        bad.hangs(now=True)
        told = post.next(says("bad", "gone"))
        bad.hangs(now=False)
        told += until_ready(post, {"bad", "good"})
        lost = [item.detail for item in told if item.state == "gone"]
        assert any("bad: hangs in its driver; in" in why and "a process of its own" in why for why in lost)
        assert any(why.startswith("good: ") and "because bad hangs in it" in why for why in lost)
        bad.hangs(now=True)  # again, alone: the other one is not touched
        told = post.next(says("bad", "gone"))
        bad.hangs(now=False)
        told += until_ready(post, {"bad"})
        assert not [item for item in told if item.name == "good" and "bad" in item.detail]
        good.tell("scan 4901234567894")
        assert post.next(lambda item: isinstance(item, ScanRead))[-1].scan.text == "4901234567894"
        bad.tell("scan 4912345678904")
        assert post.next(lambda item: isinstance(item, ScanRead))[-1].device == "bad"
    finally:
        stop.set()
        for thread in (loop, *loop._apart.values()):
            thread.join(20)
        bad.close()
        good.close()


class Stuck:
    """A process that not even SIGKILL ends."""

    def __init__(self) -> None:
        self.killed = False

    def wait(self, timeout: float) -> int:
        raise subprocess.TimeoutExpired("reader", timeout)

    def kill(self) -> None:
        self.killed = True


def test_a_process_that_hangs_in_the_kernel_is_left_behind_and_not_waited_for() -> None:
    process = Stuck()
    assert end(process, 0.0) is False  # type: ignore[arg-type]
    assert process.killed


class Cable:
    """A scanner whose driver hangs, in ``where``, until it is let go."""

    def __init__(self, where: str) -> None:
        self.where, self.inside, self.go_on, self.closed = where, threading.Event(), threading.Event(), threading.Event()

    def _hang(self, where: str) -> None:
        if where == self.where:
            self.inside.set()
            assert self.go_on.wait(60)

    def open(self, _name: str, _options: Mapping[str, Any]) -> Cable:
        self._hang("open")
        if self.where == "open and fail":
            self._hang("open and fail")
            raise DeviceMissing("gone")
        return self

    def read(self, _timeout_s: float) -> Sequence[Scan]:
        self._hang("read")
        return [Scan("4901234567894")]

    def close(self) -> None:
        self.closed.set()


@pytest.mark.parametrize("where", ["open", "read", "open and fail"])
def test_a_thread_that_was_given_up_says_nothing_more_and_lets_go_of_the_device(where: str) -> None:
    cable, post = Cable(where), Post()
    loop = scanner_loop("front", Driver("odd", "scanner", "odd", "experimental", "none", {}, cable.open), {}, post, threading.Event())
    loop.start()
    assert cable.inside.wait(30)
    before = post.items.qsize()
    loop.give_up()
    cable.go_on.set()
    loop.join(30)
    assert post.items.qsize() == before
    assert cable.closed.is_set() == (where != "open and fail")


class Loop:
    """As much of a scanner's thread as is looked at."""

    device_name = "front"

    def __init__(self) -> None:
        self.moved_s, self.given_up = 1000.0, False

    def give_up(self) -> None:
        self.given_up = True


def test_a_scanner_is_moved_into_a_process_once_when_it_hangs_and_not_after_a_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(hanging.time, "monotonic", lambda: now[0])
    told: list[Reported] = []
    started: list[str] = []
    scanners, loop = HangingScanners(told.append), Loop()
    scanners.watch(loop, lambda: started.append("front"))  # type: ignore[arg-type]
    for now[0] in range(1010, 1031, 10):
        scanners.look()
    assert not loop.given_up
    now[0] = 4000.0  # the register slept
    scanners.look()
    now[0] = 4015.0
    loop.moved_s = 4012.0
    scanners.look()
    assert not started
    for now[0] in range(4025, 4076, 10):
        scanners.look()
    assert loop.given_up
    assert started == ["front"]
    assert [(one.name, one.state, one.code) for one in told] == [("front", "gone", "E305")]
    assert "unplug it and plug it in" in told[0].detail


ODD = """\
import os
import select
import time
from posagent.ports import Driver, Option, Scan


class Odd:
    def __init__(self, name, options):
        self._fifo = os.open(options["fifo"], os.O_RDONLY | os.O_NONBLOCK)

    def read(self, timeout_s):
        text = os.read(self._fifo, 100).decode().strip() if select.select([self._fifo], [], [], timeout_s)[0] else ""
        if text == "hang":
            time.sleep(600)
        return [Scan(text, at_ns=time.monotonic_ns())] if text else []

    def close(self):
        os.close(self._fifo)


DRIVER = Driver("odd", "scanner", "odd", "experimental", "none", {"fifo": Option(str, "a path", required=True)}, Odd)
"""


@pytest.mark.slow
def test_a_third_partys_scanner_that_hangs_in_the_agent_is_replaced_while_the_till_goes_on(
    till: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "site"
    (theirs / "odd-1.0.dist-info").mkdir(parents=True)
    (theirs / "odd.py").write_text(ODD, "ascii")
    (theirs / "odd-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n", "ascii")
    (theirs / "odd-1.0.dist-info/entry_points.txt").write_text("[posagent.drivers]\nodd = odd:DRIVER\n", "ascii")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(theirs), str(Path(__file__).parents[2])]))
    fifo = Scripted(tmp_path / "fifo")
    settings = till.settings.read_text("utf-8")
    till.write(settings.replace("[[scanner]]", f'[[scanner]]\nname = "odd"\ndriver = "odd"\nfifo = "{fifo.path}"\n[[scanner]]', 1))
    till.start()

    def device(name: str) -> dict[str, Any]:
        till.heard()  # as systemd does: it reads what it is told
        return next(one for one in json.loads(till.get("/v1/devices")[1])["devices"] if one["name"] == name)

    till.until(lambda: device("odd")["state"] == "ready")
    fifo.tell("hang")
    till.until(lambda: device("odd")["state"] == "gone", 90)
    assert "has not come back from its driver for 30 s" in device("odd")["detail"]
    assert device("front")["state"] == "ready"
    till.until(lambda: device("odd")["state"] == "ready", 90)
    fifo.tell("4901234567894")
    till.until(lambda: till.heard() and 'posagent_scans_total{device="odd"' in till.get("/metrics")[1])
    assert till.stop() == 0
    fifo.close()
