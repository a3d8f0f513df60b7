"""Owns the agent's side of a device process: starts it, watches it, restarts it, and hands out what its devices report.

A process that dies, or whose heartbeat stops, is a lost device for every device in it, and is started again after a growing pause. A device
that hangs in its driver takes the process with it once: then it is `Hung`, and whoever hosts it next does so apart from the others. Nothing is
made up in between: a scan is what came in one whole frame.
"""

from __future__ import annotations

import logging
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any

from posagent.errors import DeviceMissing
from posagent.frames import FrameError, Frames, encode
from posagent.member_code import Rules
from posagent.member_code.rules import as_table
from posagent.ports import Home, Scan
from posagent.registry import GROUP

_log = logging.getLogger(__name__)
BEAT_LIMIT_S = 8.0  # beats come every second; a machine that swaps or resumes gets some grace
START_LIMIT_S = 30.0  # until the first beat
RESTART_S = (0.2, 1.0, 5.0, 15.0, 60.0)
APART_S = 5.0  # before a device that hung is opened again: the kernel may still be letting go of it
KILL_S = 2.0
STEADY_S = 60.0  # a process that ran for so long starts again at the shortest pause


@dataclass(frozen=True, slots=True)
class RemoteDevice:
    """A device that a process hosts: ``entry`` is its driver's entry point, "module:ATTRIBUTE"."""

    name: str
    entry: str
    options: Mapping[str, Any] = field(default_factory=dict)
    route: Mapping[str, Any] | None = None  # posagent.scan_router.Route as a table, and "typist": an entry point


@dataclass(frozen=True, slots=True)
class Opened:
    """The device is ready (again). What was scanned before is gone: say so."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The device cannot be used now; its process keeps trying. ``code`` as in `posagent.errors`."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Hung:
    """The device did not come back from its driver. It is not hosted here any more, so that the others go on; it wants a process of its own."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a watched device shows a technician; the keys are the driver's."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """What the cashier must know of a routed scan. ``code`` as in `posagent.messages`."""

    code: str
    why: str


Report = Scan | Opened | Lost | Hung | Preview | Told


def entry_of(driver: str) -> str:
    """The entry point of a driver by its name. Raises DeviceMissing."""
    for point in entry_points(group=GROUP, name=driver):
        return point.value
    raise DeviceMissing(f"driver '{driver}' is not installed; `posagent devices --drivers` lists what is")


def wakeup_entry() -> str | None:
    """The entry point that tells device processes of hot-plug (group ``posagent.wakeup``), if one is installed."""
    return next((point.value for point in entry_points(group="posagent.wakeup")), None)


def typist_entry() -> str:
    """The entry point that types routed scans into the POS (group ``posagent.typist``). Raises DeviceMissing."""
    for point in entry_points(group="posagent.typist"):
        return point.value
    raise DeviceMissing("nothing that types into the POS is installed; install posagent again, or take `route` out of the settings")


class RemoteDevices:
    """The devices of one home. Used by one thread: `read` in a loop, then `close`; only `watch` may come from others.

    ``wakeup`` is what `wakeup_entry` found.
    """

    def __init__(
        self, home: Home, devices: Sequence[RemoteDevice], *, wakeup: str | None = None, python: str = sys.executable,
        beat_limit_s: float = BEAT_LIMIT_S, ours: Callable[[Scan], bool] = lambda scan: True, codes: Callable[[], Rules | None] = lambda: None,
        after_s: float = 0.0,
    ) -> None:
        """``codes``: by which rules the process itself judges the scans of routed scanners; looked at every second. While there are none,
        ``ours`` decides, quickly. What is not ours is typed into the POS. ``after_s``: when the process is started for the first time."""
        self.home = home
        self.restarts = 0
        self.last_beat_ns = 0  # time.monotonic_ns() of the last beat; 0: none yet
        self._devices = tuple(devices)
        self._wakeup = wakeup
        self._python = python
        self._beat_limit_s = beat_limit_s
        self._ours, self._codes = ours, codes
        self._shared: Rules | None = None  # what the process judges by
        self._process: subprocess.Popen[bytes] | None = None
        self._unended: list[subprocess.Popen[bytes]] = []
        self._link: socket.socket | None = None
        self._frames = Frames()
        self._watched: dict[str, float] = {}
        self._bell_in, self._bell_out = socket.socketpair()  # wakes `_receive` when `watch` has something to send
        self._bell_in.setblocking(False)
        self._lost: dict[str, bool] = {}
        self._failures = 0
        self._started_s = 0.0
        self._start_at_s = time.monotonic() + after_s
        self._beat_by_s = 0.0

    @property
    def pid(self) -> int | None:
        """The process now, if it runs."""
        return self._process.pid if self._process else None

    def read(self, timeout_s: float) -> list[tuple[str, Report]]:
        """(device name, what it reports), in order; empty after ``timeout_s`` of silence. Never raises DeviceError: trouble is a `Lost`."""
        deadline = time.monotonic() + timeout_s
        while True:
            now = time.monotonic()
            if self._link is None:
                if now < self._start_at_s:
                    if now >= deadline:
                        return []
                    time.sleep(min(deadline, self._start_at_s) - now)
                    continue
                if (trouble := self._start()) is not None:
                    return self._down(f"cannot be started ({trouble}); check memory and the installation")
            self._share_codes()
            reports = self._receive(max(0.0, min(deadline, self._beat_by_s) - now))
            if reports or time.monotonic() >= deadline:
                return reports

    def watch(self, device: str, for_s: float) -> None:
        """Asks a device for previews (`Preview` reports) for so long. From any thread; never blocks."""
        self._watched[device] = for_s
        with suppress(OSError):  # it rings already, or has been closed
            self._bell_in.send(b"!")

    def close(self) -> None:
        """Ends the process within a second. Never raises."""
        self._bell_in.close()
        self._bell_out.close()
        if self._link is not None:
            self._link.close()
            self._link = None
        if self._process is not None:
            end(self._process, 0.8)
            self._process = None

    def _start(self) -> OSError | None:
        """Starts the process; what stopped it from starting (no memory, no descriptors), if anything did."""
        self._started_s = time.monotonic()
        try:
            ours, theirs = socket.socketpair()
        except OSError as trouble:
            return trouble
        alone = ["-I", "-X", "utf8"] if sys.flags.isolated else []  # as we were started: nothing of the current folder is run
        words = [self._python, *alone, "-m", "posagent.device_process", str(theirs.fileno())]
        with theirs:
            try:
                self._process = subprocess.Popen(words, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
            except OSError as trouble:
                ours.close()
                return trouble
        ours.settimeout(1.0)
        self._link = ours
        self._frames = Frames()
        self._beat_by_s = self._started_s + max(START_LIMIT_S, self._beat_limit_s)
        named = ", ".join(device.name for device in self._devices)
        _log.info("%s process started: pid %d, for %s", self.home, self._process.pid, named)
        listed = [{"name": device.name, "entry": device.entry, "options": dict(device.options),
                   "route": dict(device.route) if device.route else None} for device in self._devices]  # fmt: skip
        self._shared = None
        self._share_codes()  # before there is anything to judge
        self._send(encode("devices", devices=listed, wakeup=self._wakeup, urgent=self.home == "reader"))
        return None

    def _share_codes(self) -> None:
        codes = self._codes()
        if codes == self._shared or not any(device.route for device in self._devices):
            return
        self._shared = codes
        try:
            frame = encode("codes", rules=codes and [as_table(rule) for rule in codes])
        except FrameError as too_long:
            _log.warning("the code rules are too many for the %s process, which asks for each scan instead (%s)", self.home, too_long)
            frame = encode("codes", rules=None)
        self._send(frame)

    def _send(self, frame: bytes) -> None:
        if self._link is not None:
            try:
                self._link.sendall(frame)
            except OSError:  # its end is seen, and reported, by the next read
                _log.debug("%s process does not take frames", self.home)

    def _receive(self, timeout_s: float) -> list[tuple[str, Report]]:
        assert self._link is not None  # noqa: S101 - read() has started it
        ready = select.select([self._link, self._bell_out], [], [], timeout_s)[0]
        if self._bell_out in ready:
            self._bell_out.recv(4096)
            while self._watched:  # other threads only add
                device, for_s = self._watched.popitem()
                self._send(encode("watch", device=device, for_s=for_s))
            if self._link not in ready:
                return []
        if not ready:
            if time.monotonic() >= self._beat_by_s:
                return self._down("does not answer any more (a device or its library hangs)")
            return []
        try:
            chunk = self._link.recv(1 << 16)
            if not chunk:
                return self._down("ended")
            return [report for frame in self._frames.feed(chunk) for report in self._report(frame)]
        except OSError as gone:
            return self._down(f"cannot be reached: {gone}")
        except (FrameError, KeyError, TypeError, ValueError) as wrong:
            return self._down(f"sent something that is not a frame: {wrong}")

    def _report(self, frame: Mapping[str, Any]) -> Iterable[tuple[str, Report]]:
        match frame["type"]:
            case "beat":
                self.last_beat_ns = time.monotonic_ns()
                self._beat_by_s = time.monotonic() + self._beat_limit_s
            case "scan":
                yield str(frame["device"]), _scan(frame)
            case "offer":
                ours = self._ours(_scan(frame))
                self._send(encode("answer", device=frame["device"], number=int(frame["number"]), ours=ours))
            case "told":
                yield str(frame["device"]), Told(str(frame["code"]), str(frame["why"]))
            case "opened":
                self._lost[frame["device"]] = False
                yield str(frame["device"]), Opened()
            case "hung":
                yield from self._hung([device.name for device in self._devices if device.name in frame["devices"]])
            case "lost":
                self._lost[frame["device"]] = True
                yield str(frame["device"]), Lost(str(frame["code"]), str(frame["message"]))
            case "preview":
                yield str(frame["device"]), Preview({key: value for key, value in frame.items() if key not in {"type", "device"}})
            case "log":
                _log.log(logging.getLevelNamesMapping().get(str(frame["level"]).upper(), logging.INFO), "%s: %s", self.home, frame["message"])
            case _:
                _log.debug("%s process sent a frame of unknown type %r", self.home, frame["type"])

    def _hung(self, names: Sequence[str]) -> list[tuple[str, Report]]:
        """A thread cannot be killed, its process can. What shared it with others leaves them."""
        if len(names) in {0, len(self._devices)}:
            return self._down("is ended, because its device hangs; unplug it and plug it in if this goes on")
        apart = f"hangs in its driver; in {APART_S:g} s it is opened in a process of its own; unplug it and plug it in if this goes on"
        _log.warning("%s %s", " and ".join(names), apart)
        reports: list[tuple[str, Report]] = [(name, Lost("E305", f"{name}: {apart}")) for name in names]
        self._devices = tuple(device for device in self._devices if device.name not in names)
        self._failures = 0  # it is not the others that failed
        reports += self._down(f"is ended, because {' and '.join(names)} hangs in it")
        return reports + [(name, Hung()) for name in names]

    def _down(self, what: str) -> list[tuple[str, Report]]:
        """Everything that was open is lost, once; the next start is due after a pause."""
        process, self._process = self._process, None
        if self._link is not None:
            self._link.close()
            self._link = None
        ended = ""
        self._unended = [one for one in self._unended if one.poll() is None]
        if process is not None and end(process, 0.2):
            ended = f" (exit status {process.returncode})"
        elif process is not None:
            self._unended.append(process)
            ended = " (it hangs in the kernel, and goes when the device is unplugged)"
        now = time.monotonic()
        if now - self._started_s > STEADY_S:
            self._failures = 0
        pause = RESTART_S[min(self._failures, len(RESTART_S) - 1)]
        self._failures += 1
        self.restarts += 1
        self._start_at_s = now + pause
        message = f"the {self.home} process {what}{ended}; it is started again in {pause:g} s, scan once more then"
        _log.warning("%s: %s", ", ".join(device.name for device in self._devices), message)
        fresh = [device.name for device in self._devices if not self._lost.get(device.name, False)]
        self._lost = {device.name: True for device in self._devices}
        return [(name, Lost("E305", f"{name}: {message}")) for name in fresh]


def end(process: subprocess.Popen[bytes], patience_s: float) -> bool:
    """Waits for a process, then kills it. False: not even that ends it now, for it hangs in the kernel; nobody waits for that."""
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        try:
            process.wait(KILL_S)
        except subprocess.TimeoutExpired:
            return False
    return True


def _scan(frame: Mapping[str, Any]) -> Scan:
    return Scan(
        str(frame["text"]),
        None if frame["aim"] is None else str(frame["aim"]),
        "ok" if frame["quality"] == "ok" else "corrupt",
        str(frame["reason"]),
        int(frame["at_ns"]),
    )
