"""The capture printer between a POS and a printer: transparent both ways, and what it takes out of it."""

from __future__ import annotations

import os
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from posagent.door_taps import Ears, ReceiptTap
from posagent.doors.profiles import PLAIN
from posagent.doors.receipt import Receipt
from posagent.ports import Heard

CUT = b"\x1dV\x42\x00"
BODY = "レシートNo.0042\nブレンド ¥1,080\n合計 ¥1,080\nお預り ¥2,000\nお釣り ¥920\n".replace("¥", "\\").encode("cp932")
RECEIPT = b"\x1b@\x1cC\x01\x1bR\x08" + BODY + CUT


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ignore(_raw: bytes, _moment: str) -> Heard:
    return Heard()


class Told:
    """A tap with what it told."""

    def __init__(self) -> None:
        self.unclear: list[Receipt] = []
        self.take = ReceiptTap("till", Ears(lambda: PLAIN, self.unclear.append)).take


def dial(port: int) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port), timeout=5)
    link.settimeout(5)
    return link


def receive(link: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = link.recv(size - len(found))
        assert more, f"closed after {found!r}"
        found += more
    return found


def print_and_wait(port: int) -> None:
    """A POS that prints and waits for an answer; the reset may come as early as the connection."""
    with dial(port) as pos:
        receive(pos, 1)


def wait_for(holds: Any, timeout_s: float = 10) -> None:
    """Waits for another thread's work."""
    waiting = threading.Event()
    for _ in range(int(timeout_s / 0.005)):
        if holds():
            return
        waiting.wait(0.005)
    pytest.fail("the condition did not come true in time")


@contextmanager
def echo() -> Iterator[tuple[int, bytearray]]:
    """A printer that answers everything with itself: (port, what it got)."""
    got = bytearray()
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            with link:
                while raw := link.recv(65536):
                    got.extend(raw)
                    link.sendall(raw)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1], got
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(5)


def test_a_receipt_is_printed_by_the_real_printer_and_read(capture: Any, real: Any) -> None:
    printer, server = real
    port, told = free_port(), Told()
    running = capture(told.take, listen=f"127.0.0.1:{port}", forward=f"127.0.0.1:{server.port}")
    with dial(port) as pos:
        pos.sendall(RECEIPT)
        wait_for(lambda: running.sales)
    sale = running.sales[0]
    assert (sale.total, sale.kind, sale.receipt_no, sale.paid) == (1080, "sale", "0042", True)
    wait_for(printer.slips)
    assert printer.slips()[0].complete


def test_status_questions_are_answered_by_the_real_printer(capture: Any, real: Any) -> None:
    printer, server = real
    port = free_port()
    capture(ignore, listen=f"127.0.0.1:{port}", forward=f"127.0.0.1:{server.port}")
    with dial(port) as pos:
        pos.sendall(b"\x10\x04\x01")
        assert receive(pos, 1) == b"\x12"
        pos.sendall(b"\x1da\xff")
        assert receive(pos, 4)[2] & 0x0C == 0
        printer.paper_out()
        assert receive(pos, 4)[2] & 0x0C  # by itself: the printer was asked to say so
        pos.sendall(b"\x10\x04\x04")
        assert receive(pos, 1)[0] & 0x60


@pytest.mark.parametrize("seed", range(3))
def test_every_byte_passes_unchanged_in_both_directions(capture: Any, seed: int) -> None:
    random_bytes = random.Random(seed).randbytes(700_000)
    with echo() as (printer_port, got):
        port = free_port()
        running = capture(Told().take, listen=f"127.0.0.1:{port}", forward=f"127.0.0.1:{printer_port}")
        with dial(port) as pos:
            sender = threading.Thread(target=pos.sendall, args=(random_bytes,))
            sender.start()
            assert receive(pos, len(random_bytes)) == random_bytes
            sender.join(5)
            pos.shutdown(socket.SHUT_WR)
            assert pos.recv(1) == b""
        assert bytes(got) == random_bytes
        assert not running.troubles


def test_a_pos_that_says_all_and_closes_at_once_loses_nothing(capture: Any) -> None:
    whole = RECEIPT * 2000
    with echo() as (printer_port, got):
        port = free_port()
        running = capture(ignore, listen=f"127.0.0.1:{port}", forward=f"127.0.0.1:{printer_port}")
        with dial(port) as pos:
            reader = threading.Thread(target=lambda: receive(pos, len(whole)))
            reader.start()
            pos.sendall(whole)
            reader.join(10)
        wait_for(lambda: len(got) == len(whole))
        assert not running.troubles


def test_a_mistake_in_our_reading_does_not_stop_the_printing(capture: Any, real: Any, caplog: pytest.LogCaptureFixture) -> None:
    printer, server = real
    told = Told()
    tap = ReceiptTap("till", Ears(lambda: PLAIN, told.unclear.append))
    tap._paper = None  # type: ignore[assignment]  # the first receipt meets a bug
    port = free_port()
    running = capture(tap.take, listen=f"127.0.0.1:{port}", forward=f"127.0.0.1:{server.port}")
    with dial(port) as pos:
        pos.sendall(RECEIPT)
        wait_for(lambda: "could not be read" in caplog.text)
        pos.sendall(RECEIPT)
        wait_for(lambda: running.sales)
        wait_for(lambda: len(printer.slips()) == 2)


def test_without_the_real_printer_the_pos_is_reset_and_the_technician_is_told(capture: Any) -> None:
    port, nobody = free_port(), free_port()
    running = capture(ignore, listen=f"127.0.0.1:{port}", forward=f"127.0.0.1:{nobody}")
    with pytest.raises(ConnectionResetError):
        print_and_wait(port)
    wait_for(lambda: running.troubles)
    assert str(nobody) in str(running.troubles[0])
    assert running.troubles[0].code == "E214"


def test_a_printer_that_goes_away_in_the_middle_resets_the_pos(capture: Any, real: Any) -> None:
    printer, server = real
    port = free_port()
    capture(ignore, listen=f"127.0.0.1:{port}", forward=f"127.0.0.1:{server.port}")
    with dial(port) as pos:
        pos.sendall(b"\x10\x04\x01")
        receive(pos, 1)
        printer.disconnect()
        with pytest.raises(ConnectionResetError):
            pos.recv(1)


def test_a_second_pos_waits_until_the_first_is_done(capture: Any) -> None:
    with echo() as (printer_port, _):
        port = free_port()
        capture(ignore, listen=f"127.0.0.1:{port}", forward=f"127.0.0.1:{printer_port}")
        first, second = dial(port), dial(port)
        first.sendall(b"1")
        assert receive(first, 1) == b"1"
        second.sendall(b"2")
        second.settimeout(0.2)
        with pytest.raises(TimeoutError):
            second.recv(1)
        first.close()
        second.settimeout(5)
        assert receive(second, 1) == b"2"
        second.close()


def test_only_the_named_peer_may_print(capture: Any) -> None:
    port = free_port()
    capture(ignore, listen=f"127.0.0.1:{port}", peer="192.0.2.1")
    with dial(port) as pos:
        assert pos.recv(1) == b""


def test_a_receipt_without_its_cut_is_not_counted_where_cuts_are_usual(capture: Any) -> None:
    port, told = free_port(), Told()
    running = capture(told.take, listen=f"127.0.0.1:{port}")
    with dial(port) as pos:
        pos.sendall(RECEIPT + BODY.replace(b"0042", b"0043"))
    wait_for(lambda: running.sales)
    with dial(port) as pos:
        pos.sendall(RECEIPT.replace(b"0042", b"0044"))
        wait_for(lambda: len(running.sales) == 2)
    assert [sale.receipt_no for sale in running.sales] == ["0042", "0044"]


def test_a_printer_without_a_cutter_ends_its_receipts_with_the_connection(capture: Any) -> None:
    port, told = free_port(), Told()
    running = capture(told.take, listen=f"127.0.0.1:{port}")
    with dial(port) as pos:
        pos.sendall(b"\x1b@" + BODY)
    wait_for(lambda: running.sales)
    assert running.sales[0].receipt_no == "0042"


def test_an_image_receipt_asks_for_the_amount(capture: Any) -> None:
    port, told = free_port(), Told()
    capture(told.take, listen=f"127.0.0.1:{port}")
    with dial(port) as pos:
        pos.sendall(b"\x1b@\x1dv0\x00\x48\x00\x64\x00" + bytes(7200) + CUT)
    wait_for(lambda: told.unclear)
    assert "image receipt" in told.unclear[0].why[0]


def test_a_serial_port_of_our_own_serves_a_pos_that_prints_to_a_device(capture: Any, real: Any, tmp_path: Path) -> None:
    printer, server = real
    told = Told()
    running = capture(told.take, listen=str(tmp_path / "receipt"), forward=f"127.0.0.1:{server.port}")
    pos = os.open(tmp_path / "receipt", os.O_RDWR | os.O_NOCTTY)
    os.write(pos, RECEIPT + b"\x10\x04\x01")
    assert os.read(pos, 1) == b"\x12"
    wait_for(lambda: running.sales)
    os.close(pos)
    wait_for(printer.slips)


def test_a_path_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    from drivers.doors.capture_printer import DRIVER, CapturePrinter
    from posagent.errors import SettingsError

    (tmp_path / "file").write_text("precious")
    options = {name: option.default for name, option in DRIVER.options.items()}
    with pytest.raises(SettingsError, match="not ours"):
        CapturePrinter("till", options | {"listen": str(tmp_path / "file")})
    with pytest.raises(SettingsError, match="an address"):
        CapturePrinter("till", options | {"listen": "nonsense"})
    assert (tmp_path / "file").read_text() == "precious"
