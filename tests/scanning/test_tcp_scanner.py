"""The TCP driver against loopback sockets."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from drivers.scan.tcp import DRIVER, TcpScanner
from posagent.errors import DeviceBusy, DeviceError, DeviceMissing


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def client(server: socket.socket, settings: Any, **given: Any) -> tuple[TcpScanner, socket.socket]:
    scanner = TcpScanner("net", settings(DRIVER, tcp_port=server.getsockname()[1], **given))
    return scanner, server.accept()[0]


def test_as_client_lines_are_codes(server: socket.socket, settings: Any) -> None:
    scanner, peer = client(server, settings)
    with peer:
        peer.sendall(b"4901234567894\r\n491234")
        assert [scan.text for scan in scanner.read(2)] == ["4901234567894"]
        peer.sendall(b"5678904\r\n")
        assert [scan.text for scan in scanner.read(2)] == ["4912345678904"]
        before = time.monotonic()
        assert scanner.read(0.05) == []
        assert time.monotonic() - before < 0.3
    scanner.close()


def test_a_scanner_that_hangs_up_in_mid_scan_is_lost_and_nothing_is_delivered(server: socket.socket, settings: Any) -> None:
    scanner, peer = client(server, settings)
    peer.sendall(b"490123")
    peer.close()
    with pytest.raises(DeviceMissing, match="closed the connection"):
        scanner.read(2)
    scanner.close()


def test_nobody_there_is_a_missing_device(settings: Any) -> None:
    with pytest.raises(DeviceMissing, match="check"):
        TcpScanner("net", settings(DRIVER, tcp_port=free_port()))


def test_as_server_the_newest_connection_counts_and_half_a_scan_of_the_old_one_is_dropped(settings: Any) -> None:
    port = free_port()
    scanner = TcpScanner("net", settings(DRIVER, role="server", tcp_port=port))
    with socket.create_connection(("127.0.0.1", port)) as old:
        old.sendall(b"490123")
        scanner.read(0.05)
        with socket.create_connection(("127.0.0.1", port)) as new:
            new.sendall(b"4912345678904\r")
            assert [scan.text for scan in scanner.read(2)] == ["4912345678904"]
        assert scanner.read(0.05) == []
    scanner.close()


def test_as_server_a_stranger_is_cut_off(settings: Any) -> None:
    port = free_port()
    scanner = TcpScanner("net", settings(DRIVER, role="server", tcp_port=port, peer="127.0.0.9"))
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.sendall(b"4901234567894\r")
        assert scanner.read(0.1) == []
        with contextlib.suppress(ConnectionResetError):
            assert stranger.recv(1) == b""
    scanner.close()


def test_a_port_that_is_taken_is_busy(server: socket.socket, settings: Any) -> None:
    with pytest.raises(DeviceBusy):
        TcpScanner("net", settings(DRIVER, role="server", tcp_port=server.getsockname()[1]))


def test_a_peer_that_floods_is_cut_off(server: socket.socket, settings: Any) -> None:
    scanner, peer = client(server, settings)
    peer.settimeout(0.1)
    with peer, pytest.raises(DeviceError, match="really a scanner"):  # noqa: PT012 - the flood is the point
        for _ in range(200):
            with contextlib.suppress(TimeoutError):
                peer.send(b"x" * 4096)
            scanner.read(0)
    scanner.close()
