"""Owns the screen's life in the agent: listening sockets from the start, a web server only while somebody is connected.

Until the first connection one thread sleeps in `select` and nothing of the web server is imported. Connections that arrive while a run of
the web server starts or ends wait in the kernel's queue; none is refused.
"""

from __future__ import annotations

import logging
import selectors
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from posagent.screen.access import Access
from posagent.screen.backend import Backend
from posagent.screen.listen import open_tcp, open_unix
from posagent.screen.peers import peers_here
from posagent.screen.rules import Count, Rules, hosts_of

if TYPE_CHECKING:
    from posagent.screen.calls import RecentAnswers
    from posagent.screen.web import Run

log = logging.getLogger(__name__)

IDLE_S = 30.0


class ScreenServer:
    """Serves the page and /v1. The agent gives it a thread of its own: ``Thread(target=server.run)``.

    ``listen`` is a loopback address ("" for none), ``sockets`` are already listening sockets (from systemd), ``unix_path`` a Unix socket.
    ``foreign_origins`` are web pages elsewhere that may call with a token; ``frame_ancestors`` pages that may show ours in a frame;
    ``access`` holds tokens, pairing and the staff's releases.
    Raises PortTaken and SettingsError.
    """

    def __init__(
        self,
        backend: Backend,
        listen: str = "127.0.0.1:8931",
        sockets: Sequence[socket.socket] | None = None,
        frame_ancestors: Sequence[str] = (),
        *,
        unix_path: str = "",
        foreign_origins: Sequence[str] = (),
        access: Access | None = None,
        idle_s: float = IDLE_S,
        count: Count = lambda route, status, refused: None,
    ) -> None:
        self._backend = backend
        self._idle_s, self._count = idle_s, count
        self._listeners = list(sockets or [])
        self._unix_path = ""  # ours to remove; a socket from systemd is not
        try:
            given = [listener.getsockname() for listener in self._listeners]
            for listener in self._listeners:
                listener.setblocking(False)
            if listen and not any(isinstance(name, tuple) for name in given):
                self._listeners.append(open_tcp(listen))
            if unix_path and unix_path not in given:
                self._listeners.append(open_unix(unix_path))
                self._unix_path = unix_path
        except BaseException:
            self._close()
            raise
        names = [listener.getsockname() for listener in self._listeners if listener.family in {socket.AF_INET, socket.AF_INET6}]
        host = f"[{names[0][0]}]" if names and ":" in names[0][0] else names[0][0] if names else ""
        self.address = f"{host}:{names[0][1]}" if names else unix_path
        self._rules = Rules(
            hosts_of(name[1] for name in names),
            frozenset(foreign_origins),
            tuple(frame_ancestors),
            access or Access(),
            peers_here(),
        )
        self._wake_in, self._wake_out = socket.socketpair()
        self._stopped = False
        self._now: Run | None = None

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{self.address}/"

    def run(self) -> None:
        """Serves until `stop`. Raises whatever bug a request ran into; the sockets are closed when it returns."""
        recent: RecentAnswers | None = None
        try:
            while self._connection_waits():
                from posagent.screen.calls import RecentAnswers
                from posagent.screen.web import Run

                recent = recent or RecentAnswers()
                self._now = Run(self._backend, self._listeners, self._rules, recent, self._idle_s, self._count)
                if self._stopped:
                    return
                log.debug("web server starts")
                self._now.serve()
                log.debug("web server ends")
        finally:
            self._close()
            self._wake_in.close()
            self._wake_out.close()

    def stop(self) -> None:
        """Ends `run`, from any thread, within about two seconds."""
        self._stopped = True
        try:
            self._wake_out.send(b"x")
        except OSError:  # it has ended already
            return
        if self._now is not None:
            self._now.stop()

    def _connection_waits(self) -> bool:
        """Sleeps until somebody connects; False when it is time to end."""
        with selectors.DefaultSelector() as selector:
            for waker in (*self._listeners, self._wake_in):
                selector.register(waker, selectors.EVENT_READ)
            selector.select()
        return not self._stopped

    def _close(self) -> None:
        if self._unix_path:
            try:
                Path(self._unix_path).unlink(missing_ok=True)
            except OSError as trouble:  # the folder has another owner by now; whoever listens there next takes the name over
                todo = "remove it, or give its folder to the user that runs posagent"
                log.warning("%s stays behind: %s; %s", self._unix_path, trouble.strerror, todo)
        for listener in self._listeners:
            listener.close()
