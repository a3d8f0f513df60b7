"""What the agent leaves behind when it may not clean up any more."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from posagent.screen.server import ScreenServer


def test_a_socket_whose_folder_is_somebody_elses_by_now_is_told_and_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    backend: Any = None  # nobody connects
    folder = tmp_path / "run"
    folder.mkdir()
    server = ScreenServer(backend, "", unix_path=str(folder / "api.sock"))
    folder.rename(tmp_path / "before")
    folder.write_text("", "ascii")
    server.stop()
    with caplog.at_level(logging.WARNING):
        server.run()
    assert f"{folder}/api.sock stays behind" in caplog.text
    assert "give its folder to the user that runs posagent" in caplog.text
