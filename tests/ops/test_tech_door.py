"""Technicians come through a door of their own, and may do there what technicians may."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from posagent.cli.agent_line import TECH_SOCKET, USUAL_SOCKET, agent_socket, ask_agent
from posagent.doctor.examine import examine, gather
from posagent.errors import PosagentError
from posagent.screen import peers
from posagent.screen.peers import Peers, peer_of

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter; pytest's own are closed."""
    with tempfile.TemporaryDirectory() as made:
        path = Path(made)
        path.chmod(0o755)
        yield path


class Door:
    """A socket that answers every request with an empty object."""

    def __init__(self, path: Path, mode: int) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        path.chmod(mode)
        self.listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            with line:
                line.recv(4096)
                line.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self.listener.close()


@pytest.mark.parametrize(("name", "scopes"), [("api.sock", {"pos"}), ("tech.sock", {"tech"})])
def test_what_somebody_may_follows_from_the_door_where_the_kernel_hides_his_groups(tmp_path: Path, name: str, scopes: set[str]) -> None:
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as caller:
        listener.bind(str(tmp_path / name))
        listener.listen()
        caller.connect(str(tmp_path / name))
        with listener.accept()[0] as line:
            peer = peer_of(line)
    assert peer is not None
    hidden = next(iter(peer.groups))
    assert Peers(own=peer.uid + 1, pos=None, tech=None, hidden=hidden).scopes(peers.Peer(1, peer.uid + 2, peer.groups, peer.through)) == scopes
    assert Peers(own=peer.uid + 1).scopes(peers.Peer(1, peer.uid + 2, peer.groups, peer.through)) == set()  # its name alone opens nothing


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user that one socket refuses")
def test_a_command_of_a_technician_takes_the_door_that_is_open_to_him(folder: Path) -> None:
    pos, tech = Door(folder / "api.sock", 0o600), Door(folder / TECH_SOCKET, 0o666)
    try:
        os.seteuid(NOBODY)
        assert ask_agent(folder / "api.sock", "/v1/status") == {}
        os.seteuid(0)
        (folder / TECH_SOCKET).chmod(0o600)
        os.seteuid(NOBODY)
        with pytest.raises(PosagentError, match="add the user to group posagent-pos or posagent-tech") as refused:
            ask_agent(folder / "api.sock", "/v1/status")
        assert refused.value.exit_code == 77
    finally:
        os.seteuid(0)
        pos.close()
        tech.close()


def test_the_door_has_one_name_in_the_unit_the_agent_and_the_command() -> None:
    unit = (Path(__file__).parents[2] / "systemd/posagent-tech.socket").read_text("utf-8")
    assert f"ListenStream={USUAL_SOCKET.with_name(TECH_SOCKET)}\nSocketMode=0660\nSocketGroup={peers.TECH_GROUP}\n" in unit
    assert peers.TECH_SOCKET == TECH_SOCKET


def test_a_technician_who_may_not_read_the_settings_asks_the_agent_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(_self: Path, *_how: Any, **_more: Any) -> str:
        raise PermissionError(13, "Permission denied")

    room = {"devices": [], "test_mode": {"on": True}, "cloud": {}}
    asked: list[Path] = []

    def ask(path: Path) -> Any:
        asked.append(path)
        return "running", room, {"questions": [], "degraded": []}

    monkeypatch.setattr(Path, "read_text", refuses)
    assert agent_socket(tmp_path / "posagent.toml") == USUAL_SOCKET
    case = gather(tmp_path / "posagent.toml", ask, usual=USUAL_SOCKET)
    assert asked == [USUAL_SOCKET]
    found = {one.check.id: [each.words for each in one.findings] for one in examine(case, quick=True) if not one.skipped}
    assert found["D-102"] == ["may_not_look"]
    assert found["D-304"] == ["test_mode_on"]
