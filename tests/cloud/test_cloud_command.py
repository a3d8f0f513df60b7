"""`posagent cloud …` as it is typed."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from posagent.cli import main
from tools.fleet_runs import free_port

ROOT = Path(__file__).resolve().parents[2]


def cloud(*words):
    return main(["cloud", *map(str, words)])


@contextmanager
def serving(database, port):
    command = [sys.executable, "-m", "posagent", "cloud", "serve", "--database", database, "--listen", f"127.0.0.1:{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def database(tmp_path):
    return f"sqlite:///{tmp_path / 'r.db'}"


def test_it_serves_enrols_copies_and_stops_on_sigterm(database, tmp_path, capsys):
    port = free_port()
    with serving(database, port) as process:
        assert "/office" in process.stdout.readline()
        place = ("--company", "acme", "--store", "0042", "--register", "2")
        assert cloud("enrol", "--database", database, *place) == 75
        assert "--url" in capsys.readouterr().err
        assert cloud("enrol", "--url", f"http://127.0.0.1:{port}", *place) == 0
        code = capsys.readouterr().out.strip()
        given = requests.post(f"http://127.0.0.1:{port}/v1/enrol", json={"code": code}, timeout=10).json()
        assert given["register"] == "2"
        assert cloud("audit", "--database", database) == 0
        assert cloud("backup", "--database", database, tmp_path / "copy.db") == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert cloud("audit", "--database", f"sqlite:///{tmp_path / 'copy.db'}") == 0
    assert cloud("revoke", "--database", database, "--company", "acme", given["device"]) == 0
    assert cloud("revoke", "--database", database, "--company", "acme", "nobody") == 78


def test_a_program_is_published_only_when_it_can_be_read(database, tmp_path, capsys):
    good = ROOT / "config/program.example.toml"
    assert cloud("publish", "--database", database, "--company", "acme", good) == 0
    assert "for every store" in capsys.readouterr().out
    assert cloud("publish", "--database", database, "--company", "acme", good) == 78
    assert "not newer" in capsys.readouterr().err
    assert cloud("publish", "--database", database, "--company", "acme", tmp_path / "nothing.toml") == 78


@pytest.mark.parametrize(
    "words, said",
    [
        (("--listen", "nonsense"), "HOST:PORT"),
        (("--listen", "0.0.0.0:8940"), "--tls"),
        (("--tls-cert", "/nonexistent"), "belong together"),
        (("--client-ca", "/nonexistent"), "belong together"),
        (("--tls-cert", "/nonexistent", "--tls-key", "/nonexistent"), "No such file"),
        (("--listen", "0.0.0.0:8940", "--unsigned"), "refused"),
        (("--unsigned", "--client-ca", "/nonexistent"), "exclude each other"),
        (("--office-tokens", "/nonexistent"), "cannot be read"),
    ],
)
def test_settings_that_would_be_unsafe_or_cannot_work_are_refused(database, capsys, words, said):
    assert cloud("serve", "--database", database, *words) == 78
    assert said in capsys.readouterr().err


def test_looking_at_a_database_that_is_not_there_makes_none(tmp_path, capsys):
    assert cloud("audit", "--database", f"sqlite:///{tmp_path / 'no.db'}") == 69
    assert "is not there" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
