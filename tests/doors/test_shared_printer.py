"""One printer for the POS and for us: a coupon comes out behind the POS's cut, and never inside one of its jobs."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drivers.doors.captured_slips import DRIVER, CapturedPrinter
from drivers.doors.slip_turn import take_turn
from offline_queue.events import NewEvent, NewJob
from offline_queue.journal import Journal
from offline_queue.print_lane import PrintLane
from posagent.door_taps import Ears, ReceiptTap
from posagent.doors.profiles import PLAIN
from posagent.errors import DeviceMissing
from posagent.print_lane import SlipSpool
from posagent.slip_texts import Head, diagnostic_slip
from posagent.slips import to_json
from virtual_counter.printer import VirtualPrinter

CUT = b"\n\n\n\n\x1dV\x42\x00"
S1, S2 = "01-R1-20261122-0001", "01-R1-20261122-0002"
MODES = b"\x1b@\x1cC\x01\x1bR\x08\x1da\x0f"


def receipt(number: int, before: bytes = MODES) -> bytes:
    text = f"レシートNo.{number:04}\nブレンド \\1,080\n合計 \\1,080\nお預り \\2,000\nお釣り \\920\n"
    return before + text.encode("cp932") + CUT


def print_and_wait(port: int) -> None:
    """The reset may come as early as the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
        link.recv(1)


class Till:
    """A POS, its printer with a capture printer before it, and our spool on the same printer."""

    def __init__(self, printer: VirtualPrinter, port: int, pos: int, door: Any, folder: Path, journal: Journal) -> None:
        self.printer, self.pos, self.door, self.journal, self.lane = printer, pos, door, journal, PrintLane(journal)
        self.folder = folder
        options = {name: option.default for name, option in DRIVER.options.items()} | {"turns": str(folder / "turn"), "own_network": True}
        spool = SlipSpool("slips", lambda: CapturedPrinter("slips", options), self.lane, poll_s=0.02, reopen_s=0.05)
        self._stop, self._wake = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=spool.run, args=(self._stop, self._wake), daemon=True)
        self._thread.start()

    def connect(self) -> socket.socket:
        link = socket.create_connection(("127.0.0.1", self.pos), timeout=5)
        link.settimeout(15)
        return link

    def slip(self, serial: str) -> None:
        head = Head(serial, "喫茶", "R1", datetime(2026, 11, 22, tzinfo=UTC), "ja", sample=True)
        event = NewEvent("posagent.test.v1", "m:1", serial, "2026-11-22T12:34:56.123+09:00", {"n": 1})
        job = NewJob("slips", serial, to_json(diagnostic_slip(head, facts=[])))
        self.journal.put([event], [job]).result(5)
        self._wake.set()

    def until(self, holds: Callable[[], bool], seconds: float = 20) -> None:
        deadline, pause = time.monotonic() + seconds, threading.Event()
        while not holds():
            assert time.monotonic() < deadline, (self.papers(), [(job.state, job.reason) for job in self.lane.jobs()])
            pause.wait(0.01)

    def papers(self) -> list[str]:
        """What every whole piece of paper is: a receipt's number or a slip's serial."""
        found = []
        for paper in self.printer.slips():
            if not paper.blank:
                numbers = [line.split("No.")[1] for line in paper.lines if "レシートNo." in line]
                found.append("+".join([*numbers, *paper.serials]) + ("" if paper.complete else " …"))
        return found

    def confirmed(self) -> bool:
        return all(job.state == "CONFIRMED" for job in self.lane.jobs())

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        self._thread.join(10)
        assert not self._thread.is_alive()


@pytest.fixture
def till(capture: Any, real: Any, tmp_path: Path) -> Iterator[Till]:
    printer, server = real
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        pos = int(probe.getsockname()[1])
    tap = ReceiptTap("till", Ears(lambda: PLAIN, lambda _receipt: None))
    door = capture(tap.take, listen=f"127.0.0.1:{pos}", forward=f"127.0.0.1:{server.port}", slips=str(tmp_path / "turn"))
    journal = Journal.open(tmp_path / "journal", source="/t/acme/s/01/r/1", reserve_mb=0)
    made = Till(printer, server.port, pos, door, tmp_path, journal)
    yield made
    made.stop()
    journal.close()


def test_a_coupon_comes_out_between_two_receipts_and_is_proved(till: Till) -> None:
    with till.connect() as pos:
        pos.sendall(receipt(1))
        till.until(lambda: bool(till.door.sales))
    till.slip(S1)
    till.until(till.confirmed)
    with till.connect() as pos:
        pos.sendall(receipt(2))
        till.until(lambda: till.papers() == ["0001", S1, "0002"])
    assert [job.certainty for job in till.lane.jobs()] == ["confirmed"]
    assert not till.door.troubles


def test_a_pos_that_never_hangs_up_gets_its_printer_back_as_it_left_it(till: Till) -> None:
    with till.connect() as pos:
        pos.sendall(receipt(1))
        till.until(lambda: bool(till.door.sales))
        till.slip(S1)
        till.until(till.confirmed)
        pos.sendall(receipt(2, before=b""))  # it set its printer up once, and does not do it again
        till.until(lambda: till.papers() == ["0001", S1, "0002"])
        first, _, second = (paper.lines for paper in till.printer.slips() if not paper.blank)
        assert [line.replace("0002", "0001") for line in second] == list(first)
        till.until(lambda: till.printer.idle)
        while select.select([pos], [], [], 0.2)[0]:  # what came so far: its own automatic status
            pos.recv(4096)
        till.printer.cover(True)
        assert pos.recv(4096)  # it had asked for automatic status, and still has it
    assert till.papers() == ["0001", S1, "0002"]


def test_a_slip_waits_for_the_pos_and_the_pos_for_the_slip(till: Till) -> None:
    with till.connect() as pos:
        whole = receipt(1)
        pos.sendall(whole[:40])
        till.slip(S1)
        till.slip(S2)
        till.until(lambda: any(job.state in {"HELD", "QUEUED"} for job in till.lane.jobs()))
        threading.Event().wait(0.5)  # longer than any pause within a receipt: still its job
        pos.sendall(whole[40:])
        till.until(lambda: any(job.state in {"SENDING", "HANDED", "CONFIRMED"} for job in till.lane.jobs()))
        pos.sendall(receipt(2))
        pos.sendall(receipt(3))
        till.until(lambda: till.confirmed() and sorted(till.papers()) == ["0001", "0002", "0003", S1, S2])
    papers = till.papers()
    assert papers[0] == "0001"
    assert papers.index(S1) < papers.index(S2)


def test_paper_that_ends_in_a_coupon_makes_the_next_receipt_wait(till: Till) -> None:
    with till.connect() as pos:
        pos.sendall(receipt(1))
        till.until(lambda: till.papers() == ["0001"] and till.printer.idle)
    till.printer.paper_out(after_rows=150)
    till.slip(S1)
    till.until(lambda: any(job.state in {"UNCONFIRMED", "HANDED"} for job in till.lane.jobs()) and till.printer.state()["paper_end"])
    with till.connect() as pos:
        pos.sendall(receipt(2))
        assert till.door.sales[-1].receipt_no == "0001"
        till.printer.load_paper()
        till.until(lambda: till.confirmed() and till.papers()[-1] == "0002")
    assert [paper for paper in till.papers() if not paper.endswith("…")][-2:] == [S1, "0002"]


def test_without_a_capture_printer_the_slip_printer_says_what_is_wrong(tmp_path: Path) -> None:
    options = {name: option.default for name, option in DRIVER.options.items()} | {"turns": str(tmp_path / "nobody")}
    with pytest.raises(DeviceMissing, match="must be the same"):
        CapturedPrinter("slips", options).status(0.2)


def test_a_printer_that_is_off_costs_a_slip_its_turn_and_the_pos_nothing(capture: Any, tmp_path: Path) -> None:
    with socket.socket() as probe, socket.socket() as nobody:
        probe.bind(("127.0.0.1", 0))
        nobody.bind(("127.0.0.1", 0))
        pos, off = int(probe.getsockname()[1]), int(nobody.getsockname()[1])
    tap = ReceiptTap("till", Ears(lambda: PLAIN, lambda _receipt: None))
    door = capture(tap.take, listen=f"127.0.0.1:{pos}", forward=f"127.0.0.1:{off}", slips=str(tmp_path / "turn"))
    options = {name: option.default for name, option in DRIVER.options.items()} | {"turns": str(tmp_path / "turn")}
    with pytest.raises(DeviceMissing, match="cannot be reached"):
        CapturedPrinter("slips", options).status(1)
    assert not door.troubles  # the POS still finds its door open
    with pytest.raises(ConnectionResetError):
        print_and_wait(pos)


def test_a_slip_that_vanishes_in_its_turn_gives_the_printer_back(till: Till) -> None:
    line = take_turn("other", str(till.folder / "turn"), 5)
    assert line is not None
    line.sendall(b"\x1b@half a slip\n")
    with till.connect() as pos:
        pos.sendall(receipt(1))
        select.select([], [], [], 0.2)
        assert till.papers() == [] or "0001" not in till.papers()[0]
        line.close()
        till.until(lambda: bool(till.door.sales) and till.printer.idle)
    assert any("0001" in paper for paper in till.papers())
