"""The virtual printer behind a real socket."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from virtual_counter.clock import RealClock
from virtual_counter.printer import VirtualPrinter
from virtual_counter.profiles import T3_80
from virtual_counter.tcp import PrinterServer, serve_tcp

h = bytes.fromhex


@pytest.fixture
def server() -> Iterator[tuple[VirtualPrinter, PrinterServer]]:
    printer = VirtualPrinter(T3_80, RealClock(speed=200))
    serving = serve_tcp(printer)
    yield printer, serving
    serving.stop()


def dial(serving: PrinterServer) -> socket.socket:
    conn = socket.create_connection(serving.address, timeout=5)
    conn.settimeout(5)
    return conn


def read(conn: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = conn.recv(size - len(data))
        assert more, f"closed after {data!r}"
        data += more
    return data


def test_a_slip_goes_in_and_its_proof_comes_back(server):
    printer, serving = server
    with dial(serving) as conn:
        conn.sendall(b"\x1b@hello\n" * 500 + h("1D564200") + h("1D284806003030") + b"AB01")
        assert read(conn, 7) == b"\x37\x22AB01\x00"
        assert [slip.complete for slip in printer.slips()] == [True]
        assert printer.slips()[0].lines == ("hello",) * 500


def test_a_pulled_cable_resets_the_line_and_refuses_until_it_is_back(server):
    printer, serving = server
    conn = dial(serving)
    conn.sendall(h("100401"))
    assert read(conn, 1) == b"\x12"
    printer.disconnect()
    with pytest.raises(ConnectionResetError):
        conn.recv(1)
    conn.close()
    with pytest.raises(ConnectionRefusedError):
        dial(serving)
    printer.reconnect()
    for _ in range(50):
        try:
            again = dial(serving)
            break
        except ConnectionRefusedError:  # the listener comes back with the thread's next turn
            printer.wait(0.1)
    with again:
        again.sendall(h("100401"))
        assert read(again, 1) == b"\x12"


def test_a_printer_that_falls_silent_keeps_the_line_and_says_nothing(server):
    printer, serving = server
    with dial(serving) as conn:
        conn.sendall(h("100401"))
        read(conn, 1)
        printer.disconnect(silent=True)
        conn.sendall(h("100401"))
        conn.settimeout(0.1)
        with pytest.raises(TimeoutError):
            conn.recv(1)


def test_a_full_printer_stops_reading_and_the_host_is_blocked(server):
    printer, serving = server
    printer.cover(True)
    with dial(serving) as conn:
        conn.settimeout(0.2)
        with pytest.raises(TimeoutError):
            conn.sendall(b"x" * 32_000_000)  # more than every socket buffer between the two
        assert printer.totals["bytes"] == T3_80.buffer_bytes


def test_what_was_received_is_printed_although_the_host_hangs_up(server):
    printer, serving = server
    with dial(serving) as conn:
        conn.sendall(b"goodbye\n" + h("1D564200"))
    for _ in range(100):
        if printer.totals["cuts"]:
            break
        printer.wait(0.1)
    assert printer.slips()[0].lines == ("goodbye",)
