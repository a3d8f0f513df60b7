"""Owns the talk with systemd (readiness, status, watchdog) and what a signal means. Works, and says nothing, where there is no systemd."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

EXIT_OK = 0
EXIT_BUG = 70
"""EX_SOFTWARE: an unknown exception ended the process; systemd starts it again, and nothing is lost because all state is in the journal."""

NOTIFY_S = 0.5
EXTEND_EVERY_S, EXTEND_S = 10.0, 40.0


def notify(**fields: str) -> None:
    """Sends sd_notify(3) fields, e.g. ``notify(READY="1", STATUS="ok")``. Never raises, and takes `NOTIFY_S` at most: a supervisor that is
    missing, or has frozen and reads no more, is no trouble of the till's."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    if fields.get("RELOADING") == "1":  # systemd ≥ 253 fails the reload without it; older ones ignore it
        fields["MONOTONIC_USEC"] = str(time.monotonic_ns() // 1000)
    message = "\n".join(f"{key}={' '.join(value.split())}" for key, value in fields.items())
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.settimeout(NOTIFY_S)
        out.connect(address)
        out.sendall(message.encode())


@contextlib.contextmanager
def starting() -> Iterator[None]:
    """While something that has no bound is being opened (a journal that must be repaired), systemd is asked for more time."""
    done = threading.Event()

    def ask() -> None:
        while not done.wait(EXTEND_EVERY_S):
            notify(EXTEND_TIMEOUT_USEC=str(int(EXTEND_S * 1e6)), STATUS="starting: the journal is being checked")

    asking = threading.Thread(target=ask, name="starting", daemon=True)
    asking.start()
    try:
        yield
    finally:
        done.set()
        asking.join()


def watchdog_period_s() -> float | None:
    """How often to feed the watchdog (a third of its limit), or None where there is none for this process."""
    limit = os.environ.get("WATCHDOG_USEC", "")
    if not limit.isdigit() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(limit) / 3_000_000


def listening_sockets() -> list[socket.socket]:
    """The sockets that systemd hands over (sd_listen_fds(3)); empty without socket activation."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = int(os.environ.get("LISTEN_FDS", "0"))
    return [socket.socket(fileno=fd) for fd in range(3, 3 + count)]


def on_signals(stop: Callable[[], None], reload: Callable[[], None]) -> None:
    """SIGTERM and SIGINT stop, SIGHUP reloads. They run between two bytecodes of the main thread: they may only put into a queue."""
    signal.signal(signal.SIGTERM, lambda *_: stop())
    signal.signal(signal.SIGINT, lambda *_: stop())
    signal.signal(signal.SIGHUP, lambda *_: reload())
