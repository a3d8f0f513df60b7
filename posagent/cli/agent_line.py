"""Owns the line from a command to the running agent: one HTTP request over its Unix socket, and what its refusals become here."""

from __future__ import annotations

import http.client
import json
import os
import socket
import sys
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from posagent.errors import PosagentError, SettingsError

ANSWER_S = 15.0
_LONGEST_LINE = 1 << 20


class AgentNotRunning(PosagentError):
    """Nobody listens on the agent's socket."""

    code = "E902"
    exit_code = 3


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def agent_socket(settings: Path) -> Path | None:
    """[screen] socket of a settings file, without reading the rest: a look at the agent must not wait for the drivers. Raises SettingsError."""
    import tomllib

    try:
        top = tomllib.loads(settings.read_text("utf-8"))
    except (OSError, ValueError) as trouble:
        raise SettingsError(f"{settings}: cannot be read: {trouble}; posagent check-config tells more", code="E105") from trouble
    screen = top.get("screen")
    named = screen.get("socket") if isinstance(screen, dict) else None
    return settings.parent / named if isinstance(named, str) and named else None


def ask_agent(path: Path | None, target: str, body: dict[str, Any] | None = None, *, key: str = "", unlock: str = "") -> dict[str, Any]:
    """The agent's answer to a POST of ``body``, or to a GET without one. ``path``: [screen] socket of the settings; ``key``: the request's
    Idempotency-Key (else a new one); ``unlock``: a release by PIN.

    Raises SettingsError (no socket is set), AgentNotRunning, and PosagentError with the agent's own words and code."""
    if path is None:
        raise SettingsError('the settings name no socket for commands; add [screen] socket = "/run/posagent/api.sock" and restart posagent')
    line = _UnixConnection(path)
    headers = {"posagent-unlock": unlock} if unlock else {}
    try:
        if body is None:
            line.request("GET", target, headers=headers)
        else:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": key or os.urandom(16).hex()}
            line.request("POST", target, json.dumps(body), headers)
        answer = line.getresponse()
        said = json.loads(answer.read())
    except (FileNotFoundError, ConnectionRefusedError):
        raise AgentNotRunning(f"{path}: the agent is not running; start it with: systemctl start posagent") from None
    except PermissionError:
        denied = PosagentError(f"{path}: this user may not talk to the agent; use sudo, or add the user to group posagent-pos or posagent-tech")
        denied.exit_code = 77
        raise denied from None
    except TimeoutError:
        raise PosagentError(f"{path}: the agent did not answer within {ANSWER_S:g} s; ask again", code="E901") from None
    except (OSError, http.client.HTTPException, ValueError) as broken:
        raise AgentNotRunning(f"{path}: the agent went away before it answered ({broken}); ask again when it is back") from None
    finally:
        line.close()
    if answer.status != 200:
        refused = PosagentError(f"{said.get('detail', 'refused')}", code=said.get("code"))
        refused.exit_code = {"E704": 77, "E705": 75, "E901": 75}.get(refused.code, refused.exit_code)
        raise refused
    return dict(said)


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


def ask_as_manager(path: Path | None, target: str, body: dict[str, Any]) -> dict[str, Any]:
    """The same for what only a manager may do: where the agent wants a PIN (E613), asks the person at the terminal for it, or takes one line of
    standard input, and sends the same again with the release. ``body``'s ``operator`` is whose PIN it is."""
    key = os.urandom(16).hex()
    try:
        return ask_agent(path, target, body, key=key)
    except PosagentError as refused:
        if refused.code != "E613":
            raise
        who = str(body.get("operator", ""))
        pin = _pin_of(who)
        if not pin:
            advice = "give --operator CODE of a manager, and the PIN when asked or on standard input"
            raise PosagentError(f"{refused}; {advice}", code="E613") from refused
    release = ask_agent(path, "/v1/unlock", {"operator": who, "pin": pin})
    return ask_agent(path, target, body, key=key, unlock=release["unlock"])


def _pin_of(who: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline(64).strip()
    import getpass

    return getpass.getpass(f"PIN of {who}: ")
