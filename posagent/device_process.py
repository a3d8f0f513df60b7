"""Owns the process that reads devices for the agent: `python -m posagent.device_process FD`, FD being its end of a socket pair.

It gets its device list as the first frame (see `posagent.frames`), runs one thread per device (open, read, close, again), and reports.
It ends when the agent's end of the pair is closed, so that a dead agent never keeps a scanner grabbed. It stays small on purpose: a device
whose kernel buffer holds 20 ms must not wait behind anything; so no logging set-up, no settings, no registry: the agent sends entry points.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol, cast

from posagent.errors import DeviceError, DeviceMissing
from posagent.frames import FrameError, Frames, encode
from posagent.held_scans import HeldScans, Judge, scan_fields
from posagent.ports import Driver, Scanner, Typist

READ_S = 0.5  # one read's time-out: how soon a stop or a request for previews is seen
BEAT_S = 1.0
STUCK_S = 5.0  # ten reads: a thread that has not come round for so long hangs in its device
HANGS_AFTER = 3  # beats that were missed in a row: after a stopped or sleeping machine all threads are late once
OPENING_S = 30.0  # a camera and its libraries take seconds
REOPEN_S = (0.5, 1.0, 2.0, 5.0)
SEND_S = 5.0
PREVIEW_S = 0.25
_JUDGE = "posagent.scan_router:judge_of"  # imported only where a scanner is routed
_TALLY_S = 60.0


class Wakeup(Protocol):
    """What the "wakeup" entry point makes: something that tells when devices came or went (udev)."""

    def wait(self, timeout_s: float) -> bool:
        """True when something changed."""


class Wire:
    """The agent's end of things: frames out, whole or not at all, from any thread."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._lock = threading.Lock()

    def send(self, kind: str, **fields: Any) -> None:
        """Blocks while the agent does not read; after SEND_S the process ends: half a frame can never be made good."""
        frame = encode(kind, **fields)
        try:
            with self._lock:
                self._link.sendall(frame)
        except OSError:  # the agent is gone or stands still: it starts a new process when it is back
            os._exit(75)


class DeviceLoop(threading.Thread):
    """Owns one device from open to close, for ever."""

    def __init__(
        self, name: str, driver: Driver, options: Mapping[str, Any], wire: Wire, route: Mapping[str, Any] | None = None
    ) -> None:
        """``route``: posagent.scan_router.Route as a table, and ``typist``, the entry point that makes a keyboard of it."""
        super().__init__(name=f"device {name}", daemon=True)
        self.device_name = name
        self.held: HeldScans | None = None
        """Where the scans of a routed scanner go."""
        self.judge: Judge | None = None
        """Whose a routed scan is; None: the agent is asked."""
        self._route = route
        self.changed = threading.Event()  # devices came or went: try to open now
        self.watched_until = 0.0
        self._driver = driver
        self._options = options
        self._wire = wire
        self._alive_until = time.monotonic() + OPENING_S
        self._told = ""

    @property
    def stuck(self) -> bool:
        """Whether the device holds its thread for longer than a driver may."""
        return time.monotonic() > self._alive_until

    def run(self) -> None:
        failures = 0
        while True:
            self._alive_until = time.monotonic() + OPENING_S
            try:
                # The keyboard first: a scanner that cannot be typed on is not taken away from the POS.
                self._hold()
                device = cast("Scanner", self._driver.open(self.device_name, self._options))
            except DeviceError as trouble:
                self._lost(trouble)
                pause = REOPEN_S[min(failures, len(REOPEN_S) - 1)]
                failures += 1
                self._alive_until = time.monotonic() + pause + STUCK_S
                self.changed.wait(pause)
                self.changed.clear()
                continue
            failures = 0
            self._told = ""
            self._wire.send("opened", device=self.device_name)
            try:
                self._read(device)
            except DeviceError as trouble:
                self._lost(trouble)
            finally:
                device.close()

    def _read(self, device: Scanner) -> None:
        next_preview = 0.0
        while True:
            self._alive_until = time.monotonic() + STUCK_S
            watched = self.watched_until > time.monotonic()
            for scan in device.read(PREVIEW_S if watched else READ_S):
                if self.held:
                    self.held.take(scan)
                else:
                    self._wire.send("scan", device=self.device_name, **scan_fields(scan))
            if self.held and self.held.trouble:
                raise self.held.trouble
            if self.watched_until > (now := time.monotonic()) >= next_preview and (picture := getattr(device, "preview", None)):
                next_preview = now + PREVIEW_S
                if shown := picture():
                    self._wire.send("preview", device=self.device_name, **shown)

    def _hold(self) -> None:
        """A routed scanner's keyboard, which stays while the scanner comes and goes."""
        if self._route is None or (self.held and not self.held.trouble):
            return
        typist = cast("Typist", load(self._route["typist"])(self.device_name, self._route))
        self.held = HeldScans(self.device_name, typist, self._route, self._wire.send, lambda: self.judge)
        self.held.start()

    def _lost(self, trouble: DeviceError) -> None:
        """Tells it once per state: a scanner that stays unplugged is one message."""
        if str(trouble) != self._told:
            self._told = str(trouble)
            self._wire.send("lost", device=self.device_name, code=trouble.code, message=self._told)


def load(entry: str) -> Any:
    """"module:ATTRIBUTE" -> the object."""
    module, _, attribute = entry.partition(":")
    return getattr(import_module(module), attribute)


def _loops(listed: list[dict[str, Any]], wire: Wire) -> list[DeviceLoop]:
    loops = []
    for device in listed:
        try:
            driver = load(device["entry"])
        except (ImportError, AttributeError) as broken:
            missing = DeviceMissing(f"{device['name']}: its driver cannot be loaded ({broken}); reinstall posagent or that driver")
            wire.send("lost", device=device["name"], code=missing.code, message=str(missing))
            continue
        loops.append(DeviceLoop(device["name"], driver, device["options"], wire, device.get("route")))
    return loops


def _wake(source: Wakeup, loops: list[DeviceLoop]) -> None:
    while True:
        if source.wait(60.0):
            for loop in loops:
                loop.changed.set()


def urgent() -> None:
    """Ahead of everything that computes: 64 events are full in 21 ms, and a loaded machine lets a fair share wait for longer.

    Real time at the lowest step (the unit's LimitRTPRIO=1 must allow it), else a better nice value (LimitNICE), else as it is. For this
    thread and those that it starts: with SCHED_RESET_ON_FORK the device threads would be left behind.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        try:
            os.setpriority(os.PRIO_PROCESS, 0, -10)
        except PermissionError:
            return


def serve(link: socket.socket) -> None:
    """Runs until the agent's end is closed."""
    link.settimeout(SEND_S)
    wire = Wire(link)
    frames = Frames()
    loops: list[DeviceLoop] = []
    judge: Judge | None = None
    next_beat, missed = 0.0, 0
    while True:
        now = time.monotonic()
        if now >= next_beat:
            next_beat = now + BEAT_S
            stuck = [loop.device_name for loop in loops if loop.stuck or not loop.is_alive()]
            missed = missed + 1 if stuck else 0
            if not stuck:
                wire.send("beat")
            elif missed == HANGS_AFTER:
                wire.send("hung", devices=stuck)
        if not select.select([link], [], [], max(0.0, next_beat - now))[0]:
            continue
        try:
            chunk = link.recv(65536)
        except ConnectionError:
            return
        if not chunk:
            return
        for frame in frames.feed(chunk):
            if frame["type"] == "codes":
                judge = load(_JUDGE)(frame["rules"]) if frame["rules"] else None
                for loop in loops:
                    loop.judge = judge
            elif frame["type"] == "devices" and not loops:
                loops = _start(frame, wire, judge)
            for loop in loops:
                if loop.device_name == frame.get("device"):
                    _obey(loop, frame)


def _obey(loop: DeviceLoop, frame: Mapping[str, Any]) -> None:
    match frame["type"]:
        case "watch":
            loop.watched_until = time.monotonic() + float(frame["for_s"])
        case "answer" if loop.held:
            loop.held.answer(int(frame["number"]), bool(frame["ours"]))


def _start(frame: Mapping[str, Any], wire: Wire, judge: Judge | None) -> list[DeviceLoop]:
    loops = _loops(frame["devices"], wire)
    if frame.get("urgent"):  # not while modules are imported: that computes for a while itself
        urgent()
    for loop in loops:
        loop.judge = judge
        loop.start()
    if frame.get("wakeup"):
        make = cast("Callable[[], Wakeup]", load(frame["wakeup"]))
        threading.Thread(target=_wake, args=(make(), loops), name="wakeup", daemon=True).start()
    return loops


def _thread_died(died: threading.ExceptHookArgs) -> None:
    """A bug in a driver ends the process, with its trace: the agent reports every device of it lost and starts it anew."""
    sys.excepthook(died.exc_type, died.exc_value or died.exc_type(), died.exc_traceback)
    os._exit(1)


def main(words: list[str]) -> int:
    """Entry point; returns the exit code."""
    if len(words) != 1 or not words[0].isdigit():
        sys.stderr.write("usage: python -m posagent.device_process FD   (started by the agent, not by hand)\n")
        return 2
    threading.excepthook = _thread_died
    with socket.socket(fileno=int(words[0])) as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        try:
            serve(link)
        except FrameError as wrong:
            sys.stderr.write(f"posagent.device_process: {wrong}\n")
            return 1
    os._exit(0)  # device threads are inside their drivers: the kernel releases grabs and locks with the descriptors


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
