"""Owns a command's ear at the running agent: its events, as they happen, through the Unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from posagent.cli.agent_line import ANSWER_S, AgentNotRunning
from posagent.errors import PosagentError

_LONGEST_LINE = 1 << 20


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def follow_agent(path: Path, target: str, *, silence_s: float) -> Generator[tuple[str, dict[str, Any]] | None, None, None]:
    """The frames of an event stream as (event, body); None after each ``silence_s`` without one. Ends when the agent does.

    Raises AgentNotRunning when nobody listens, PosagentError when the agent refuses."""
    line = _UnixConnection(path)
    link: socket.socket | None = None
    try:
        try:
            line.request("GET", target, headers={"Accept": "text/event-stream"})
            answer = line.getresponse()
        except (OSError, http.client.HTTPException) as broken:
            raise AgentNotRunning(f"{path}: the agent is not running ({broken}); start it with: systemctl start posagent") from broken
        if answer.status != 200:
            raise PosagentError(f"the agent refused its events: {answer.status} {answer.reason}; are you root, or in group posagent-tech?")
        link, heard = line.sock, SimpleQueue[tuple[str, dict[str, Any]] | None]()
        # A thread, because http.client gives a response up after its first time-out.
        Thread(target=_hear_events, args=(answer, heard), daemon=True).start()
        while True:
            try:
                frame = heard.get(timeout=silence_s)
            except Empty:
                yield None
                continue
            if frame is None:
                return
            yield frame
    finally:
        if link is not None:
            with suppress(OSError):  # the agent was first
                link.shutdown(socket.SHUT_RDWR)
        line.close()


def _hear_events(answer: http.client.HTTPResponse, heard: SimpleQueue[tuple[str, dict[str, Any]] | None]) -> None:
    event = ""
    try:
        while raw := answer.readline(_LONGEST_LINE):
            key, _, value = raw.decode("utf-8", "replace").rstrip("\r\n").partition(": ")
            if key == "event":
                event = value
            elif key == "data":
                heard.put((event, dict(json.loads(value))))
    except (OSError, http.client.HTTPException, ValueError, AttributeError):  # it ended, or we did: http.client then trips over its own close
        pass
    heard.put(None)
