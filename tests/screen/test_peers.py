"""The Unix socket's roles by the kernel's word: real processes of other users and groups at the real socket file."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from posagent.screen.peers import POS_GROUP, TECH_GROUP, Peer, Peers, hidden_group, peer_of
from posagent.screen.web import CONNECTIONS_OF_ONE

POS, TECH, NOBODY = 61001, 61002, 65534
ASK = """
import json, socket, sys
line = socket.socket(socket.AF_UNIX)
try:
    line.connect(sys.argv[1])
except PermissionError:
    print(json.dumps(["EACCES"] * (len(sys.argv) - 2))); sys.exit()
said = []
for target in sys.argv[2:]:
    method, path = target.split()
    body = b'{"total":300}' if method == "POST" else b""
    line.sendall(f"{method} {path} HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: application/json\\r\\nIdempotency-Key: peer-key-1\\r\\n"
                 f"Content-Length: {len(body)}\\r\\n\\r\\n".encode() + body)
    answer = b""
    while b"\\r\\n\\r\\n" not in answer:
        answer += line.recv(65536)
    head, _, rest = answer.partition(b"\\r\\n\\r\\n")
    length = int(head.lower().split(b"content-length: ")[1].split()[0])
    while len(rest) < length:
        rest += line.recv(65536)
    said.append(int(answer.split()[1]))
print(json.dumps(said))
"""
TARGETS = ("GET /v1/status", "POST /v1/sales", "GET /v1/devices", "GET /v1/tokens")


@pytest.fixture
def socket_path(counter: Any, serve: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A served socket in a folder that every user may enter (pytest's own are root's alone), on a machine that has the two groups."""
    if os.geteuid() != 0:
        pytest.skip("only root can be other users")
    groups = {POS_GROUP: POS, TECH_GROUP: TECH}
    monkeypatch.setattr("posagent.screen.peers.group_number", groups.get)
    monkeypatch.setattr("posagent.screen.listen.group_number", groups.get)
    folder = Path(tempfile.mkdtemp(prefix="posagent-peers-"))
    folder.chmod(0o755)
    try:
        with serve(counter, listen="", unix_path=str(folder / "api.sock")):
            yield folder / "api.sock"
    finally:
        shutil.rmtree(folder)


def answers(path: Path, uid: int, *groups: int) -> list[Any]:
    """What a process of this user and these groups is told."""
    argv = ["/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable, "-I", "-c", ASK, str(path), *TARGETS]
    done = subprocess.run(argv, user=uid, group=groups[0], extra_groups=groups[1:], capture_output=True, text=True, timeout=30, cwd="/")
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def test_v21_a_user_outside_the_groups_cannot_even_connect(socket_path: Path) -> None:
    assert answers(socket_path, NOBODY, NOBODY) == ["EACCES"] * 4


def test_the_pos_group_sells_the_technicians_group_sees_devices_and_root_does_all(socket_path: Path) -> None:
    assert answers(socket_path, NOBODY, NOBODY, POS) == [200, 200, 403, 403]
    assert answers(socket_path, NOBODY, POS) == [200, 200, 403, 403]
    assert answers(socket_path, NOBODY, NOBODY, TECH) == [200, 403, 200, 403]
    assert answers(socket_path, NOBODY, TECH, POS) == [200, 200, 200, 403]
    assert answers(socket_path, 0, 0) == [200, 200, 200, 200]


def test_who_gets_at_the_socket_without_a_group_gets_nothing(socket_path: Path) -> None:
    socket_path.chmod(0o666)
    assert answers(socket_path, NOBODY, NOBODY) == [403] * 4


def test_a_technician_at_the_socket_sees_no_member(socket_path: Path, counter: Any) -> None:
    counter.change(open={"member": "**** **** 4821", "amount": 300})
    program = ASK.replace("said.append(int(answer.split()[1]))", "said.append('4821' in rest.decode())")
    found = []
    for group in (TECH, POS):
        argv = ["/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable, "-I", "-c", program, str(socket_path), TARGETS[0]]
        done = subprocess.run(argv, user=NOBODY, group=group, extra_groups=[], capture_output=True, text=True, timeout=30, cwd="/", check=True)
        found += json.loads(done.stdout)
    assert found == [False, True]


def test_one_process_has_eight_connections_and_a_ninth_is_told_so(counter: Any, serve: Any, tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with serve(counter, listen="", unix_path=str(path)), ExitStack() as lines:
        opened = []
        for _ in range(CONNECTIONS_OF_ONE + 1):
            line = lines.enter_context(socket.socket(socket.AF_UNIX))
            line.settimeout(10)
            line.connect(str(path))
            opened.append(line)
        assert opened[-1].recv(65536).startswith(b"HTTP/1.1 503 ")
        opened[0].sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        assert opened[0].recv(65536).startswith(b"HTTP/1.1 200 ")


def test_the_agents_own_user_is_an_administrator_wherever_it_runs() -> None:
    peers = Peers(own=991, pos=POS, tech=None)
    assert peers.scopes(Peer(1, 991, frozenset())) == {"pos", "tech", "admin"}
    assert peers.scopes(Peer(1, 1000, frozenset({POS}))) == {"pos"}
    assert peers.scopes(Peer(1, 1000, frozenset({TECH}))) == frozenset()


def test_a_group_that_does_not_exist_is_nobodys() -> None:
    assert Peers(own=991).scopes(Peer(1, 1000, frozenset({0, 5}))) == frozenset()


def test_only_a_unix_socket_has_a_peer() -> None:
    here, there = socket.socketpair()
    with here, there, socket.create_server(("127.0.0.1", 0)) as tcp:
        found = peer_of(here)
        assert found is not None
        assert (found.pid, found.uid) == (os.getpid(), os.geteuid())
        assert set(os.getgroups()) <= found.groups
        inet = peer_of(tcp)
        assert inet is None or inet.uid == 0xFFFFFFFF


def test_in_a_user_namespace_that_hides_groups_the_sockets_own_permissions_make_a_pos_program(tmp_path: Path) -> None:
    gid_map = tmp_path / "gid_map"
    gid_map.write_text("         0          0          1\n       997        997          1\n")
    hidden = hidden_group(gid_map)
    peers = Peers(own=997, pos=POS, tech=TECH, hidden=hidden)
    assert peers.scopes(Peer(1, 65534, frozenset({65534}))) == frozenset({"pos"})


def test_where_all_groups_are_shown_nobody_is_a_pos_program_by_a_hidden_one(tmp_path: Path) -> None:
    gid_map = tmp_path / "gid_map"
    gid_map.write_text("         0          0 4294967295\n")
    assert hidden_group(gid_map) is None
    assert Peers(own=997, pos=POS, hidden=None).scopes(Peer(1, 65534, frozenset({65534}))) == frozenset()
    assert hidden_group(tmp_path / "none") is None
