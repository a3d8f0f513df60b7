"""Owns the line from a command to the running agent: one HTTP request over its Unix socket, and what its refusals become here.

The exchange is written out by hand: http.client loads ssl and email, which takes longer than all the rest of `posagent status`.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from posagent.errors import PosagentError, SettingsError

ANSWER_S = 15.0
_LARGEST_ANSWER = 16 << 20
USUAL_SOCKET = Path("/run/posagent/api.sock")
TECH_SOCKET = "tech.sock"
"""The technicians' door, beside the one of the settings (posagent.screen.peers.TECH_SOCKET)."""


class AgentNotRunning(PosagentError):
    """Nobody listens on the agent's socket."""

    code = "E902"
    exit_code = 3


def agent_socket(settings: Path) -> Path | None:
    """[screen] socket of a settings file, without reading the rest: a look at the agent must not wait for the drivers. Where this user may not
    read them, as technicians may not, the package's. Raises SettingsError."""
    import tomllib

    try:
        top = tomllib.loads(settings.read_text("utf-8"))
    except PermissionError:
        return USUAL_SOCKET
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
    headers = {"posagent-unlock": unlock} if unlock else {}
    if body is not None:
        headers |= {"Content-Type": "application/json", "Idempotency-Key": key or os.urandom(16).hex()}
    try:
        status, raw = _exchange(path, "GET" if body is None else "POST", target, headers, b"" if body is None else json.dumps(body).encode())
        said = json.loads(raw)
    except (FileNotFoundError, ConnectionRefusedError):
        raise AgentNotRunning(f"{path}: the agent is not running; start it with: systemctl start posagent") from None
    except PermissionError:
        denied = PosagentError(f"{path}: this user may not talk to the agent; use sudo, or add the user to group posagent-pos or posagent-tech")
        denied.exit_code = 77
        raise denied from None
    except TimeoutError:
        raise PosagentError(f"{path}: the agent did not answer within {ANSWER_S:g} s; ask again", code="E901") from None
    except (OSError, ValueError) as broken:
        raise AgentNotRunning(f"{path}: the agent went away before it answered ({broken}); ask again when it is back") from None
    if status != 200:
        refused = PosagentError(f"{said.get('detail', 'refused')}", code=said.get("code"))
        refused.exit_code = {"E704": 77, "E705": 75, "E901": 75}.get(refused.code, refused.exit_code)
        raise refused
    return dict(said)


def _exchange(path: Path, method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
    """(status, body): the agent closes after its answer, as asked, so that the answer ends where the line does. Raises OSError, ValueError."""
    head = [f"{method} {target} HTTP/1.1", "Host: agent", "Connection: close", f"Content-Length: {len(body)}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    if any(mark in field for field in head for mark in "\r\n"):
        raise ValueError("a line break in a header")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(ANSWER_S)
        try:
            line.connect(str(path))
        except PermissionError:
            if not path.with_name(TECH_SOCKET).exists():
                raise
            line.connect(str(path.with_name(TECH_SOCKET)))
        line.sendall("\r\n".join([*head, "", ""]).encode("latin-1") + body)
        answer = b""
        while len(answer) <= _LARGEST_ANSWER and (more := line.recv(1 << 16)):
            answer += more
    found, _, rest = answer.partition(b"\r\n\r\n")
    words = found.split(b"\r\n", 1)[0].split()
    length = next((int(field[15:]) for field in found.split(b"\r\n") if field[:15].lower() == b"content-length:"), -1)
    if len(words) < 2 or not words[1].isdigit() or len(rest) != length:
        raise ValueError("no whole answer")
    return int(words[1]), rest


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
