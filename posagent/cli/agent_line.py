"""Owns the line from a command to the running agent: one HTTP request over its Unix socket, and what its refusals become here."""

from __future__ import annotations

import http.client
import json
import socket
import uuid
from pathlib import Path
from typing import Any

from posagent.errors import PosagentError, SettingsError

ANSWER_S = 15.0


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


def ask_agent(path: Path | None, target: str, body: dict[str, Any]) -> dict[str, Any]:
    """POSTs to the agent and returns its answer. ``path``: [screen] socket of the settings.

    Raises SettingsError (no socket is set), AgentNotRunning, and PosagentError with the agent's own words and code."""
    if path is None:
        raise SettingsError('the settings name no socket for commands; add [screen] socket = "/run/posagent/api.sock" and restart posagent')
    line = _UnixConnection(path)
    try:
        headers = {"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex}
        line.request("POST", target, json.dumps(body), headers)
        answer = line.getresponse()
        said = json.loads(answer.read())
    except (FileNotFoundError, ConnectionRefusedError):
        raise AgentNotRunning(f"{path}: the agent is not running; start it with: systemctl start posagent") from None
    except PermissionError:
        denied = PosagentError(f"{path}: this user may not talk to the agent; use sudo, or add the user to the socket's group")
        denied.exit_code = 77
        raise denied from None
    except TimeoutError:
        raise PosagentError(f"{path}: the agent did not answer within {ANSWER_S:g} s; ask again", code="E901") from None
    except (OSError, http.client.HTTPException, ValueError) as broken:
        raise AgentNotRunning(f"{path}: the agent went away before it answered ({broken}); ask again when it is back") from None
    finally:
        line.close()
    if answer.status != 200:
        raise PosagentError(f"{said.get('detail', 'refused')}", code=said.get("code"))
    return dict(said)
