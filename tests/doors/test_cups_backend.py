"""The CUPS backend, called as CUPS calls it, and by a real CUPS with a real `lp`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.doors.cups_backend import FAILED, HOLD, OK, RETRY, STOP, target_of
from posagent.door_taps import Ears, ReceiptTap
from posagent.doors.profiles import PLAIN

ROOT = Path(__file__).parent.parent.parent
RECEIPT = b"\x1b@" + "レシートNo.0042\n合計 \\1,080\n現金 \\1,080\n\n\n\n".encode("cp932") + b"\x1dV\x42\x00"


def run(uri: str, job: bytes = RECEIPT, *, file: str = "", copies: str = "1", **run_options: Any) -> subprocess.CompletedProcess[bytes]:
    argv = [sys.executable, "-m", "drivers.doors.cups_backend", "7", "lp", "receipt", copies, "", *([file] if file else [])]
    environment = {"DEVICE_URI": uri, "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    return subprocess.run(argv, input=b"" if file else job, env=environment, capture_output=True, timeout=30, check=False, **run_options)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def printed(capture: Any, real: Any) -> tuple[int, Any, Any]:
    """(the capture printer's port, its door, the real printer)"""
    printer, server = real
    port = free_port()
    tap = ReceiptTap("till", Ears(lambda: PLAIN, lambda _receipt: None))
    return port, capture(tap.take, listen=f"127.0.0.1:{port}", forward=f"127.0.0.1:{server.port}"), printer


def wait_for(holds: Any, seconds: float = 10) -> None:
    pause = threading.Event()
    for _ in range(int(seconds * 100)):
        if holds():
            return
        pause.wait(0.01)
    pytest.fail("the condition did not come true in time")


@pytest.mark.parametrize(
    "uri, target",
    [
        ("posagent://127.0.0.1:9100", ("127.0.0.1", 9100)),
        ("posagent:/127.0.0.1:9100", ("127.0.0.1", 9100)),
        ("posagent://[::1]:9100/", ("::1", 9100)),
        ("posagent:/run/posagent/tty/receipt", "/run/posagent/tty/receipt"),
        ("posagent:///run/posagent/tty/receipt", "/run/posagent/tty/receipt"),
        ("posagent://127.0.0.1:99999", None),
        ("socket://127.0.0.1:9100", None),
        ("posagent:", None),
    ],
)
def test_an_address_is_a_port_or_a_path(uri: str, target: Any) -> None:
    assert target_of(uri) == target


def test_a_job_is_printed_and_read(printed: tuple[int, Any, Any], tmp_path: Path) -> None:
    port, door, printer = printed
    done = run(f"posagent://127.0.0.1:{port}")
    assert done.returncode == OK, done.stderr
    wait_for(lambda: door.sales and len(printer.slips()) == 1)
    assert door.sales[0].receipt_no == "0042"
    (tmp_path / "job").write_bytes(RECEIPT)
    assert run(f"posagent:/127.0.0.1:{port}", file=str(tmp_path / "job"), copies="2").returncode == OK
    wait_for(lambda: len([slip for slip in printer.slips() if slip.complete]) == 3)


def test_before_anything_was_sent_the_job_is_tried_again_and_never_after() -> None:
    assert run(f"posagent://127.0.0.1:{free_port()}").returncode == RETRY
    server = socket.create_server(("127.0.0.1", 0))

    def take_some() -> None:
        link, _ = server.accept()
        link.recv(10)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        link.close()

    thread = threading.Thread(target=take_some, daemon=True)
    thread.start()
    done = run(f"posagent://127.0.0.1:{server.getsockname()[1]}", RECEIPT * 20_000)
    assert done.returncode == HOLD
    assert b"look what came out" in done.stderr
    thread.join(5)
    server.close()


def test_a_wrong_address_stops_the_queue_and_a_missing_file_fails_the_job() -> None:
    assert run("lpd://host").returncode == STOP
    assert run("posagent://127.0.0.1:9100", file="/nowhere").returncode == FAILED
    listed = subprocess.run([sys.executable, "-m", "drivers.doors.cups_backend"], cwd=ROOT, capture_output=True, check=True)
    assert listed.stdout.startswith(b"direct posagent ")


CUPSD = shutil.which("cupsd", path=f"{os.environ['PATH']}:/usr/sbin")


class Cups:
    """A CUPS of our own, beside any that runs here."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.socket = folder, folder / "cups.sock"
        for name in ("bin/backend", "cache", "state", "spool", "root"):
            (folder / name).mkdir(parents=True)
        for name in ("filter", "daemon", "driver", "monitor", "notifier"):
            (folder / "bin" / name).symlink_to(Path("/usr/lib/cups") / name)
        backend = folder / "bin/backend/posagent"
        backend.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m drivers.doors.cups_backend "$@"\n', "utf-8")
        backend.chmod(0o700)
        (folder / "cups-files.conf").write_text(
            f"ServerRoot {folder}/root\nServerBin {folder}/bin\nCacheDir {folder}/cache\nStateDir {folder}/state\nRequestRoot {folder}/spool\n"
            f"ErrorLog {folder}/error_log\nAccessLog {folder}/access_log\nPageLog {folder}/page_log\nUser lp\nGroup lp\nSystemGroup root\n",
            "utf-8",
        )
        (folder / "cupsd.conf").write_text(
            f"Listen {self.socket}\nBrowsing No\nWebInterface No\nLogLevel debug\n<Location />\nOrder allow,deny\nAllow all\n</Location>\n",
            "utf-8",
        )
        argv = [str(CUPSD), "-f", "-c", str(folder / "cupsd.conf"), "-s", str(folder / "cups-files.conf")]
        self._process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.socket.exists)

    def call(self, *argv: str, job: bytes = b"") -> str:
        environment = os.environ | {"CUPS_SERVER": str(self.socket)}
        done = subprocess.run([*argv], input=job, env=environment, capture_output=True, timeout=30, check=False)
        assert done.returncode == 0, (argv, done.stderr, self.log())
        return done.stdout.decode()

    def log(self) -> str:
        return (self.folder / "error_log").read_text("utf-8", "replace")if (self.folder / "error_log").exists() else ""

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


@pytest.fixture
def cups(tmp_path: Path) -> Iterator[Cups]:
    if CUPSD is None or os.geteuid() != 0:
        pytest.skip("needs cupsd (Debian: cups-daemon, cups-client) and root")
    made = Cups(tmp_path / "cups")
    yield made
    made.stop()


def test_lp_prints_through_the_capture_printer(cups: Cups, printed: tuple[int, Any, Any]) -> None:
    port, door, printer = printed
    cups.call("lpadmin", "-p", "receipts", "-E", "-v", f"posagent://127.0.0.1:{port}", "-m", "raw")
    cups.call("lp", "-d", "receipts", "-o", "raw", job=RECEIPT)
    wait_for(lambda: door.sales and any(slip.complete for slip in printer.slips()), 20)
    assert (door.sales[0].total, door.sales[0].receipt_no) == (1080, "0042")
    wait_for(lambda: not cups.call("lpstat", "-o", "receipts"))


def test_a_job_that_broke_off_is_held_by_cups(cups: Cups) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take_some() -> None:
            link, _ = server.accept()
            link.recv(10)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            link.close()

        thread = threading.Thread(target=take_some, daemon=True)
        thread.start()
        cups.call("lpadmin", "-p", "receipts", "-E", "-v", f"posagent://127.0.0.1:{server.getsockname()[1]}", "-m", "raw")
        cups.call("lp", "-d", "receipts", "-o", "raw", job=RECEIPT * 20_000)
        wait_for(lambda: "status 3 (hold job)" in cups.log(), 20)
        thread.join(5)
        assert "receipts-1" in cups.call("lpstat", "-o", "receipts")
        assert cups.call("lpstat", "-p", "receipts").split()[2:4] == ["is", "idle."]  # the queue itself goes on
