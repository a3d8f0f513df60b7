"""Owns the figures of the scanning half: lost and shortened wedge scans under load, and scan-to-event latency.

The kernel's evdev buffer is modelled: a ring of 64 events per reader; a writer process puts one HID report (3 events, or 2 with EV_MSC masked)
per millisecond into it; when it is full, everything in it is dropped and EV_SYN/SYN_DROPPED is queued, as drivers/input/evdev.c does. The
reader drains the ring through a socket pair of exactly that depth. Two readers run in the same minute under the same load: ours, in the
reader process; and the usual one, a thread of the busy process with one-event reads (what python-evdev's read_loop amounts to).

Everything runs on one core: keyboard models (real-time priority, as interrupts), readers and load. That is harder for the readers than a
till's two or four cores, and it keeps a virtual machine's host honest: when it stops one virtual core, it stops keyboard and reader alike;
with two cores the model would go on typing for a reader that does not exist for the moment, which no hardware does.
"""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

EVENT = struct.Struct("@llHHi")
RING = 64
SCANS = 10_000
DIGITS = 20
BURST_S = 0.05
_ENTER = 28
_KEY_OF = dict(zip("1234567890", range(2, 12), strict=True))
_DIGIT_OF = {key: digit for digit, key in _KEY_OF.items()}


def code_of(number: int) -> str:
    """The text of a scan: 20 digits, all different."""
    return f"{number:010d}{(number * 7919 + 13) % 10**10:010d}"


def play_keyboard(near: socket.socket, scans: int, *, masked: bool) -> None:
    """The kernel and the scanner in one: reports at 1 kHz into a ring of 64 events that the reader drains by asking.

    The reader's socket carries, per direction: reader -> "give me what is there" (1 byte), kernel -> [time of the last event: 8 bytes][events].
    """
    ring: list[bytes] = []
    near.recv(1)  # the reader is up
    asked = True
    due = time.monotonic()
    report = 0
    dropped = 0
    with suppress(PermissionError):  # the kernel's interrupts do not wait for a time slice
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))

    def put(kind: int, code: int, value: int, at: float) -> None:
        nonlocal dropped
        event = EVENT.pack(int(at), int(at % 1 * 1e6), kind, code, value)
        if len(ring) >= RING:
            ring[:] = [EVENT.pack(int(at), int(at % 1 * 1e6), 0, 3, 0)]
            dropped += 1
        ring.append(event)

    total = scans * (DIGITS + 1) * 2
    keys: list[int] = []
    number = 0
    while report < total or ring:
        now = time.monotonic()
        if report < total and due <= now:
            due = max(due + 0.001, now)  # a late model does not catch up in a burst that no scanner would send
            if not keys:
                keys = [key for digit in code_of(number) for key in (_KEY_OF[digit],)] + [_ENTER]
                number += 1
            key = keys[0]
            down = report % 2 == 0
            at = now
            if not masked:
                put(4, 4, 0x70000 + key, at)
            put(1, key, int(down), at)
            put(0, 0, 0, at)
            if not down:
                keys.pop(0)
            report += 1
        if asked and ring:
            near.sendall(b"".join(ring).ljust(RING * EVENT.size, b"\0") + struct.pack("<I", len(ring)))
            ring.clear()
            asked = False
        wait = max(0.0, due - time.monotonic()) if report < total else 0.05
        if select.select([near], [], [], wait)[0]:
            if not near.recv(1):
                break
            asked = True
    near.close()
    sys.stdout.write(json.dumps({"ring_overflows": dropped}) + "\n")


class RingReader:
    """`os.read` of the modelled device: everything that is in the ring, or one event at a time from a batch (the peer's way)."""

    def __init__(self, far: socket.socket) -> None:
        self._far = far

    def read(self) -> bytes:
        self._far.sendall(b"?")
        whole = b""
        size = RING * EVENT.size + 4
        while len(whole) < size:
            chunk = self._far.recv(size - len(whole))
            if not chunk:
                return b""
            whole += chunk
        (count,) = struct.unpack("<I", whole[-4:])
        return whole[: count * EVENT.size]


def reader_process(far: socket.socket, out: socket.socket) -> None:
    """Our reader: the driver's own parser, and frames to the agent."""
    from drivers.scan.wedge_keys import WedgeKeys, WedgeSettings
    from posagent.device_process import urgent
    from posagent.frames import encode

    keys = WedgeKeys(WedgeSettings())
    ring = RingReader(far)
    urgent()
    while chunk := ring.read():
        for scan in keys.feed(chunk, time.monotonic_ns()):
            out.sendall(encode("scan", device="till", text=scan.text, quality=scan.quality, at_ns=scan.at_ns))
    out.close()


def peer_thread(far: socket.socket, got: list[str]) -> None:
    """The usual in-process reader: a thread that turns events into text one by one and knows nothing of SYN_DROPPED."""
    ring = RingReader(far)
    text = ""
    while chunk := ring.read():
        for _, _, kind, code, value in EVENT.iter_unpack(chunk):
            if kind == 1 and value == 1:
                if code == _ENTER:
                    got.append(text)
                    text = ""
                else:
                    text += _DIGIT_OF.get(code, "")


def busy_agent(stop: threading.Event, folder: Path) -> dict[str, int]:
    """The load: serialises 5 MB of JSON, vacuums, sorts and collects garbage, again and again, holding the GIL in long C calls."""
    rows: list[dict[str, Any]] = [{"id": number, "name": f"member {number}", "points": number * 7} for number in range(80_000)]
    database = sqlite3.connect(folder / "load.sqlite3")
    database.execute("create table journal(id integer primary key, body text)")
    database.executemany("insert into journal(body) values (?)", [(json.dumps(row),) for row in rows[:20_000]])
    database.commit()
    done = {"json_mb": 0, "vacuums": 0, "collections": 0, "sorts": 0}
    while not stop.is_set():
        done["json_mb"] += len(json.dumps(rows)) // 1_000_000
        database.execute("vacuum")
        done["vacuums"] += 1
        knots = [[number] for number in range(300_000)]
        gc.collect()
        done["collections"] += 1
        sorted(rows, key=lambda row: -row["points"])
        done["sorts"] += 1
        del knots
    database.close()
    return done


def _child(role: str, *sockets: socket.socket, extra: str = "") -> subprocess.Popen[str]:
    numbers = [str(end.fileno()) for end in sockets]
    return subprocess.Popen(
        [sys.executable, "-m", "tools.bench_scanning", role, extra, *numbers], pass_fds=[end.fileno() for end in sockets],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


@contextmanager
def one_core() -> Iterator[None]:
    """This process and the children it starts, on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@one_core()
def wedge_under_load(scans: int = SCANS) -> list[dict[str, Any]]:
    """Both readers at once, each with a keyboard of its own, while this process works. Takes scans * 42 ms."""
    from posagent.frames import Frames

    keyboards, readers, stop = [], [], threading.Event()
    near, far = socket.socketpair()
    agent, theirs = socket.socketpair()
    keyboards.append(_child("keyboard", near, extra=f"{scans}:masked"))
    readers.append(_child("reader", far, theirs))
    for end in (near, far, theirs):
        end.close()
    peer_near, peer_far = socket.socketpair()
    keyboards.append(_child("keyboard", peer_near, extra=f"{scans}:plain"))
    peer_near.close()
    peer_got: list[str] = []
    peer = threading.Thread(target=peer_thread, args=(peer_far, peer_got))
    peer.start()
    loads: list[dict[str, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        load = threading.Thread(target=lambda: loads.append(busy_agent(stop, Path(folder))))
        load.start()
        frames, ours, waits_ms = Frames(), [], []
        while chunk := agent.recv(65536):
            for frame in frames.feed(chunk):
                ours.append(frame)
                waits_ms.append((time.monotonic_ns() - frame["at_ns"]) / 1e6)
        peer.join()
        stop.set()
        load.join()
    overflows = [json.loads(keyboard.communicate()[0])["ring_overflows"] for keyboard in keyboards]
    for reader in readers:
        reader.wait()
    expected = {code_of(number) for number in range(scans)}
    good = [frame["text"] for frame in ours if frame["quality"] == "ok"]
    return [
        {
            "bench": "wedge_under_load", "reader": "posagent reader process", "scans": scans, "lost": len(expected - set(good)),
            "wrong_or_shortened": sum(text not in expected for text in good), "flagged_corrupt": len(ours) - len(good),
            "ring_overflows": overflows[0], "load": loads[0],
        },
        {
            "bench": "wedge_under_load", "reader": "in-process thread (usual way)", "scans": scans, "lost": len(expected - set(peer_got)),
            "wrong_or_shortened": sum(text not in expected for text in peer_got), "flagged_corrupt": 0, "ring_overflows": overflows[1],
        },
    ]  # fmt: skip


def injected_drops(scans: int = 2000) -> dict[str, Any]:
    """SYN_DROPPED at a random place of every scan: how many come out flagged, and how many as a number that is not the code."""
    import random

    from drivers.scan.wedge_keys import WedgeKeys, WedgeSettings

    chance, keys, flagged, wrong, at = random.Random(5), WedgeKeys(WedgeSettings()), 0, 0, 1.0
    for number in range(scans):
        events = []
        for key in [*(_KEY_OF[digit] for digit in code_of(number)), _ENTER]:
            for value in (1, 0):
                at += 0.001
                events += [EVENT.pack(int(at), int(at % 1 * 1e6), 1, key, value), EVENT.pack(int(at), int(at % 1 * 1e6), 0, 0, 0)]
        first = chance.randrange(len(events) - 6)
        events[first : first + chance.randrange(1, 30)] = [EVENT.pack(int(at), int(at % 1 * 1e6), 0, 3, 0)]
        at += 1.0
        got = keys.feed(b"".join(events), 0) + keys.idle(int(at * 1e9))
        flagged += any(scan.quality == "corrupt" for scan in got)
        wrong += any(scan.quality == "ok" and scan.text != code_of(number) for scan in got)
    return {"bench": "injected_syn_dropped", "scans": scans, "flagged": flagged, "wrong_or_shortened": wrong}


def serial_latency(scans: int = 300, *, urgent_receiver: bool = False) -> dict[str, Any]:
    """Terminator written to a pty -> scan frame in the agent, through the device process: milliseconds."""
    import tty

    from drivers.scan import serial_port
    from posagent.ports import Scan
    from posagent.remote import Opened, RemoteDevice, RemoteDevices

    far, near = os.openpty()
    tty.setraw(near)
    options = {name: option.default for name, option in serial_port.DRIVER.options.items()} | {"port": os.ttyname(near)}
    devices = RemoteDevices("reader", [RemoteDevice("till", "drivers.scan.serial_port:DRIVER", options)])
    took: list[float] = []
    try:
        while not any(isinstance(report, Opened) for _, report in devices.read(10)):
            continue
        rollup = Path(f"/proc/{devices.pid}/smaps_rollup").read_text().splitlines()
        with at_once(urgent_receiver):
            for number in range(scans):
                before = time.monotonic_ns()
                os.write(far, code_of(number).encode() + b"\r")
                while not any(isinstance(report, Scan) for _, report in devices.read(5)):
                    continue
                took.append((time.monotonic_ns() - before) / 1e6)
    finally:
        devices.close()
    took.sort()
    sizes = {line.split(":")[0].lower(): int(line.split()[1]) for line in rollup if line.startswith(("Rss:", "Pss:"))}
    return {
        "bench": "serial_scan_to_event", "scans": scans, "p50_ms": round(took[len(took) // 2], 3),
        "p99_ms": round(took[len(took) * 99 // 100], 3), "max_ms": round(took[-1], 3),
        "process_rss_kb": sizes["rss"], "process_pss_kb": sizes["pss"], "machine_wakeup_p99_ms": wakeup_noise_ms(),
    }  # fmt: skip


class _TypedLine:
    """A scanner on a pty, whatever types its codes on in a process of its own, and the POS's keyboard."""

    def __init__(self, path: Path, role: str) -> None:
        import tty

        self._far, near = os.openpty()
        tty.setraw(near)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen(1)
            words = [sys.executable, "-m", "tools.bench_scanning", role, str(path), str(near)]
            self._process = subprocess.Popen(words, pass_fds=[near], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self._keys, _ = server.accept()
        os.close(near)
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def scan_ms(self, number: int) -> float:
        """From the terminator of an article's code to the last key event of its ENTER."""
        before = time.monotonic_ns()
        os.write(self._far, f"49{number:011d}\r".encode())
        typed = b""
        while not self._entered(typed):
            typed += self._keys.recv(4096)
        return (time.monotonic_ns() - before) / 1e6

    def close(self) -> None:
        os.close(self._far)
        self._process.communicate()
        self._keys.close()

    @staticmethod
    def _entered(typed: bytes) -> bool:
        return len(typed) >= 2 * EVENT.size and EVENT.unpack_from(typed, len(typed) - 2 * EVENT.size)[2:] == (1, _ENTER, 0)


def routed_latency(scans: int = 300) -> dict[str, dict[str, Any]]:
    """Terminator written to a pty -> ENTER at the POS's keyboard, in milliseconds: through reader process, agent and back, and through a
    process that types the same keys at once and asks nobody (the floor: what any router must take here), in turn. With an agent that has
    nothing else to do ("idle"), and with one that computes ("computes")."""
    noise, rows = wakeup_noise_ms(), {}
    for state in ("idle", "computes"):
        with tempfile.TemporaryDirectory() as folder:
            lines = {name: _TypedLine(Path(folder) / name, role) for name, role in (("routed", f"router-{state}"), ("floor", "typist"))}
            took: dict[str, list[float]] = {name: [] for name in lines}
            with at_once():
                for number in range(scans):
                    time.sleep(0.03)  # a POS has read its 64 events; two articles are further apart anyway
                    for name, line in lines.items():
                        took[name].append(line.scan_ms(number))
            for line in lines.values():
                line.close()
        rows[state] = {"scans": scans, "machine_wakeup_p99_ms": noise}
        for name, found in took.items():
            found.sort()
            rows[state] |= {f"{name}_p50_ms": round(found[scans // 2], 3), f"{name}_p99_ms": round(found[scans * 99 // 100], 3)}
    return rows


def floor_typist(port: int, path: str) -> None:
    """Types a code's keys as soon as its terminator is there."""
    from drivers.scan.keystrokes import event_bytes, key_reports
    from posagent.device_process import urgent

    with socket.socket(socket.AF_UNIX) as link:
        link.connect(path)
        urgent()
        _say_ready()
        line = ""
        with suppress(OSError):
            while chunk := os.read(port, 4096):
                line += chunk.decode()
                if line.endswith("\r"):
                    link.sendall(b"".join(event_bytes(report) for report in key_reports(line, "us")))
                    line = ""


def routing_agent(port: int, path: str, *, computes: bool) -> None:
    """The agent's part of the router, with its reader process; ``computes``: beside bursts of serialising and sorting. Ends with its input."""
    from dataclasses import asdict

    from drivers.scan import serial_port
    from posagent.member_code import default_rules
    from posagent.remote import Opened, RemoteDevice, RemoteDevices
    from posagent.scan_router import Route

    stop = threading.Event()
    options = {name: option.default for name, option in serial_port.DRIVER.options.items()} | {"port": os.ttyname(port), "double_read_ms": 0}
    route = {**asdict(Route(keyboard=f"unix:{path}", end="enter")), "typist": "drivers.scan.typist:open_typist"}
    devices = RemoteDevices(
        "reader", [RemoteDevice("till", "drivers.scan.serial_port:DRIVER", options, route)],
        codes=default_rules,
    )  # fmt: skip

    def serve() -> None:
        while not stop.is_set():
            if any(isinstance(report, Opened) for _, report in devices.read(0.5)):
                _say_ready()
        devices.close()

    threads = [threading.Thread(target=serve)]
    if computes:
        threads.append(threading.Thread(target=compute_in_bursts, args=(stop,)))
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stop.set()
    for thread in threads:
        thread.join()


def compute_in_bursts(stop: threading.Event) -> None:
    """What an agent does at its busiest: serialises and sorts for BURST_S, rests for as long, and again."""
    rows = [{"id": number, "name": f"member {number}", "points": number * 7} for number in range(2000)]
    while not stop.is_set():
        until = time.monotonic() + BURST_S
        while time.monotonic() < until:
            json.dumps(rows)
            sorted(rows, key=lambda row: -int(str(row["points"])))
        stop.wait(BURST_S)


def _say_ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def wakeup_noise_ms() -> float:
    """How late this machine wakes a process that does nothing (p99 of 500 sleeps of 1 ms): no latency below it can be seen here."""
    late = []
    for _ in range(500):
        before = time.monotonic()
        time.sleep(0.001)
        late.append((time.monotonic() - before) * 1000 - 1)
    return round(sorted(late)[495], 3)


@contextmanager
def at_once(wanted: bool = True) -> Iterator[None]:
    """This thread, and those that it starts meanwhile, run as soon as they may, as the reader process does: what is measured is our share, not
    this machine's queue. Where that is not allowed, they do not."""
    before = os.sched_getscheduler(0)
    with suppress(PermissionError):
        if wanted:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, before, os.sched_param(0))


def wedge_latency(scans: int = 300, *, urgent_receiver: bool = False) -> dict[str, Any]:
    """Last event in the modelled ring -> scan frame in the agent, without load of our own: milliseconds."""
    from posagent.frames import Frames

    near, far = socket.socketpair()
    agent, theirs = socket.socketpair()
    with one_core():
        keyboard, reader = _child("keyboard", near, extra=f"{scans}:masked"), _child("reader", far, theirs)
    for end in (near, far, theirs):
        end.close()
    frames, took = Frames(), []
    with at_once(urgent_receiver):
        while chunk := agent.recv(65536):
            took += [(time.monotonic_ns() - frame["at_ns"]) / 1e6 for frame in frames.feed(chunk)]
    keyboard.communicate()
    reader.wait()
    took.sort()
    return {
        "bench": "wedge_scan_to_event", "scans": len(took), "p50_ms": round(took[len(took) // 2], 3),
        "p99_ms": round(took[len(took) * 99 // 100], 3), "max_ms": round(took[-1], 3), "machine_wakeup_p99_ms": wakeup_noise_ms(),
    }  # fmt: skip


def _row(name: str, value: float, unit: str, goal: float | None, better: str, how: str) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "goal": goal, "better": better, "how": how}


def measure(scans: int = SCANS) -> list[dict[str, Any]]:
    """Every figure, as `tools.bench` wants them; about seven minutes, because 10,000 scans at 1 kHz take seven."""
    serial, wedge, drops, routed = serial_latency(), wedge_latency(), injected_drops(), routed_latency()
    port, reader = serial_latency(urgent_receiver=True), wedge_latency(urgent_receiver=True)
    ours, peer = wedge_under_load(scans)
    load = ", ".join(f"{count} {what.replace('_', ' ')}" for what, count in ours["load"].items())
    how = f"{scans} scans of {DIGITS} digits at 1 kHz reports into a modelled ring of {RING} events, on one core with {load}"
    usual = "same minute, same core, a keyboard of its own: a thread of the loaded process that reads event by event"
    noise = f"this machine wakes an idle process {serial['machine_wakeup_p99_ms']} ms late (p99)"
    return [
        _row("wedge scans lost under load", ours["lost"], "scans", 0, "lower", how),
        _row("wedge scans wrong or shortened under load", ours["wrong_or_shortened"], "scans", 0, "lower", how),
        _row("peer: wedge scans lost under load", peer["lost"], "scans", None, "lower", usual),
        _row("peer: wedge scans wrong or shortened under load", peer["wrong_or_shortened"], "scans", None, "lower", usual),
        _row("injected SYN_DROPPED flagged", 100 * drops["flagged"] / drops["scans"], "%", 100, "higher", f"{drops['scans']} scans"),
        _row("injected SYN_DROPPED wrong or shortened", drops["wrong_or_shortened"], "scans", 0, "lower", f"{drops['scans']} scans"),
        _row("serial scan to event p50", serial["p50_ms"], "ms", None, "lower", f"pty to frame in the agent; {noise}"),
        _row("serial scan to event p99", serial["p99_ms"], "ms", 5, "lower", f"pty to frame in the agent; {noise}"),
        _row("serial scan to event p99, reader's share", port["p99_ms"], "ms", 5, "lower",
             f"the same, received by a thread that does not wait for its turn; p50 {port['p50_ms']} ms, max {port['max_ms']} ms"),
        _row("wedge scan to event p50", wedge["p50_ms"], "ms", None, "lower", f"ENTER in the modelled ring to frame in the agent; {noise}"),
        _row("wedge scan to event p99", wedge["p99_ms"], "ms", 5, "lower", f"ENTER in the modelled ring to frame in the agent; {noise}"),
        _row("wedge scan to event p99, reader's share", reader["p99_ms"], "ms", 5, "lower",
             f"the same, received by a thread that does not wait for its turn; p50 {reader['p50_ms']} ms, max {reader['max_ms']} ms"),
        *_routed_rows(routed),
        _row("reader process PSS", serial["process_pss_kb"], "kB", 16_000, "lower", "smaps_rollup, serial driver open"),
    ]


def _routed_rows(routed: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for state, found in routed.items():
        beside = "" if state == "idle" else ", while the agent computes"
        for part, goal in (("p50", 1), ("p99", 20)):
            through, floor = found[f"routed_{part}_ms"], found[f"floor_{part}_ms"]
            how = (
                f"{found['scans']} articles on a pty, to ENTER at the POS's keyboard (a Unix socket in place of uinput): {through} ms, where a "
                f"process that asks nobody takes {floor} ms, in turn; this machine wakes an idle process {found['machine_wakeup_p99_ms']} ms "
                f"late (p99)"
            )
            rows.append(_row(f"scan router adds{beside}, {part}", round(through - floor, 3), "ms", goal, "lower", how))
    return rows


def _main(words: list[str]) -> None:
    if not words:
        for line in measure():
            sys.stdout.write(json.dumps(line) + "\n")
        return
    role, extra, *numbers = words
    if role == "typist":
        floor_typist(int(numbers[0]), extra)
        return
    if role.startswith("router-"):
        routing_agent(int(numbers[0]), extra, computes=role == "router-computes")
        return
    ends = [socket.socket(fileno=int(number)) for number in numbers]
    if role == "keyboard":
        scans, mode = extra.split(":")
        play_keyboard(ends[0], int(scans), masked=mode == "masked")
    elif role == "reader":
        reader_process(*ends)


if __name__ == "__main__":
    _main(sys.argv[1:])
