"""Owns the driver `tcp-scanner`: scanners and terminals that send lines over the network, as our client or as our server.

Only configured addresses are spoken to: as a server, one connection at a time and only from ``peer`` when that is set; a peer that sends
64 kB without one code is cut off.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Sequence

from drivers.scan.options import BYTE_STREAM, stream_assembler
from posagent.errors import DeviceBusy, DeviceError, DeviceMissing
from posagent.ports import Driver, Option, Options, Scan

_CONNECT_S = 1.0
_FLOOD = 64 * 1024


class TcpScanner:
    """One configured address. `posagent.ports.Scanner`."""

    def __init__(self, name: str, options: Options) -> None:
        self._name = name
        self._options = options
        self._where = f"{options['host']}:{options['tcp_port']}"
        self._server: socket.socket | None = None
        self._link: socket.socket | None = None
        self._unread = 0
        self._assembler, _ = stream_assembler(options, pause_ms=250)
        try:
            if options["role"] == "client":
                self._link = socket.create_connection((options["host"], options["tcp_port"]), _CONNECT_S)
                self._link.setblocking(False)
                self._link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            else:
                self._server = socket.create_server((options["host"], options["tcp_port"]))
                self._server.setblocking(False)
        except TimeoutError as trouble:
            raise DeviceMissing(f"{name}: {self._where} does not answer; check the scanner's power and network") from trouble
        except OSError as trouble:
            kind = DeviceBusy if options["role"] == "server" else DeviceMissing
            raise kind(f"{name}: cannot use {self._where}: {trouble.strerror or trouble}; check host and tcp_port in its settings") from trouble

    def read(self, timeout_s: float) -> Sequence[Scan]:
        deadline = time.monotonic_ns() + int(timeout_s * 1e9)
        while True:
            now = time.monotonic_ns()
            waiting = [end for end in (self._server, self._link) if end is not None]
            ready = select.select(waiting, [], [], self._assembler.wait_s(now, max(0, deadline - now) / 1e9))[0]
            if self._server in ready:
                self._accept()
            now = time.monotonic_ns()
            chunk = self._receive() if self._link in ready else b""
            scans = self._assembler.feed(chunk, now) if chunk else [] if ready else self._assembler.idle(now)
            self._watch_flood(chunk, scans)
            if scans or now >= deadline:
                return scans

    def close(self) -> None:
        for end in (self._link, self._server):
            if end is not None:
                end.close()
        self._link = self._server = None

    def _accept(self) -> None:
        """A new connection replaces the old one: a scanner that lost its network does not say good-bye."""
        assert self._server is not None  # noqa: S101 - only called when it is ready
        try:
            link, (address, *_) = self._server.accept()
        except OSError:  # it was gone before we came
            return
        if self._options["peer"] and address != self._options["peer"]:
            link.close()
            return
        if self._link is not None:
            self._link.close()
        link.setblocking(False)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._link = link
        self._unread = 0
        self._assembler, _ = stream_assembler(self._options, pause_ms=250)  # half a scan of the old connection is dropped

    def _receive(self) -> bytes:
        assert self._link is not None  # noqa: S101 - only called when it is ready
        try:
            chunk = self._link.recv(4096)
        except BlockingIOError:
            return b""
        except OSError as gone:
            return self._gone(str(gone))
        return chunk or self._gone("it closed the connection")

    def _gone(self, why: str) -> bytes:
        if self._server is None:
            raise DeviceMissing(f"{self._name}: lost {self._where} ({why}); it is connected again by itself")
        if self._link is not None:
            self._link.close()
            self._link = None
        self._assembler, _ = stream_assembler(self._options, pause_ms=250)
        return b""

    def _watch_flood(self, chunk: bytes, scans: Sequence[Scan]) -> None:
        self._unread = 0 if any(scan.quality == "ok" for scan in scans) else self._unread + len(chunk)
        if self._unread > _FLOOD:
            self._unread = 0
            raise DeviceError(f"{self._name}: {self._where} sent {_FLOOD} bytes without one code; is this really a scanner?")


DRIVER = Driver(
    name="tcp-scanner",
    kind="scanner",
    title="scanner on the network (TCP)",
    maturity="tested",
    source="line protocol of network scanners: codes with a terminator over TCP",
    options={
        "role": Option(str, "client: we connect to the scanner; server: the scanner connects to us", "client", choices=("client", "server")),
        "host": Option(str, "its address, or ours to listen on", "127.0.0.1"),
        "tcp_port": Option(int, "port number", required=True, minimum=1, maximum=65535),
        "peer": Option(str, "as server: accept only this address (empty: any that can reach us)", ""),
        **BYTE_STREAM,
    },
    open=TcpScanner,
)
