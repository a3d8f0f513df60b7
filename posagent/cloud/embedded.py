"""Owns a receiver inside of another program: uvicorn in a thread on 127.0.0.1, with its database in a directory. For the demo and tests."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from posagent.cloud.app import CLIENT_SUBJECT, make_app
from posagent.cloud.receiver import Receiver, Settings
from posagent.errors import CloudUnavailable, PortTaken

START_S = 10.0


def bind(host: str, port: int) -> socket.socket:
    """A listening address that is ours, before anything else is opened. Raises PortTaken."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)  # from here on connections wait in the kernel until the application answers
    except OSError as trouble:
        listener.close()
        raise PortTaken(f"receiver: {host}:{port} cannot be used ({trouble.strerror}); choose another port") from trouble
    return listener


class _Server(uvicorn.Server):
    """Leaves the host program's signal handlers alone and says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files. ``client_ca``: registers show certificates of this authority; who shows none is head office, or is refused by the routes."""

    certificate: str
    key: str
    client_ca: str | None = None


class _CertifiedProtocol(H11Protocol):
    """Tells the application the subject of the client certificate, one ``kind=value`` a line; a line break in a value would forge one."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        shown = transport.get_extra_info("ssl_object")
        parts = (shown.getpeercert() or {}).get("subject", ()) if shown is not None else ()
        pairs = [(kind, value) for relative in parts for kind, value in relative]
        plain = all(value.isprintable() for _, value in pairs)
        self.app_state = dict(self.app_state) | {CLIENT_SUBJECT: "\n".join(f"{kind}={value}" for kind, value in pairs) if plain else ""}


def serve(app: Starlette, listener: socket.socket, tls: Tls | None = None) -> None:
    """Answers on ``listener`` until SIGTERM or Ctrl-C; what is in flight is finished. For a process of its own."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=5, server_header=False, proxy_headers=False,
        ssl_certfile=tls.certificate if tls else None, ssl_keyfile=tls.key if tls else None, ssl_ca_certs=tls.client_ca if tls else None,
        ssl_cert_reqs=ssl.CERT_OPTIONAL if tls and tls.client_ca else ssl.CERT_NONE,
        http=_CertifiedProtocol if tls and tls.client_ca else "auto",
    )  # fmt: skip
    server = _Server(config)

    def stop(_number: int, _frame: object) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    server.run(sockets=[listener])


class EmbeddedReceiver:
    """One receiver with SQLite. ``start`` and ``stop`` may alternate: the database stays, which is what an outage looks like."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings or Settings(signed=False)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.receiver: Receiver | None = None

    def start(self, directory: Path, port: int = 0) -> str:
        """Serves until `stop`; the address, such as ``http://127.0.0.1:8940``. ``port`` 0: any free one. Raises PortTaken, StorageError."""
        listener = bind("127.0.0.1", port)
        try:
            app = make_app(f"sqlite:///{directory / 'receiver.db'}", self._settings)
        except BaseException:
            listener.close()
            raise
        self.receiver = app.state.receiver
        server = _Server(uvicorn.Config(app, log_config=None, access_log=False, ws="none", proxy_headers=False, timeout_graceful_shutdown=2))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="receiver", daemon=True)
        thread.start()
        self._server, self._thread = server, thread
        if not server.ready.wait(START_S) or not server.started:
            self.stop()
            raise CloudUnavailable(f"receiver: did not start within {START_S:.0f} s")
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    def stop(self) -> None:
        """Answers what is in flight and closes the database. Does nothing when it is not running."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = True
        self._thread.join(START_S)
        self._server = self._thread = self.receiver = None
