"""A node that the kernel has just made belongs to root until udev gives it away: that is no missing rule."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from drivers.scan import device_nodes
from posagent.errors import DeviceForbidden, DeviceMissing


def test_a_new_node_that_is_not_ours_yet_is_being_set_up(tmp_path: Path) -> None:
    node = tmp_path / "event3"
    node.touch()
    trouble = device_nodes.sorted_trouble("gun", node, OSError(errno.EACCES, os.strerror(errno.EACCES)))
    assert isinstance(trouble, DeviceMissing)
    assert "being set up" in str(trouble)


def test_a_node_that_is_still_not_ours_later_is_a_missing_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = tmp_path / "event3"
    node.touch()
    later = time.time() + device_nodes.SET_UP_S + 1
    monkeypatch.setattr(device_nodes.time, "time", lambda: later)
    trouble = device_nodes.sorted_trouble("gun", node, OSError(errno.EACCES, os.strerror(errno.EACCES)))
    assert isinstance(trouble, DeviceForbidden)
    assert "udev rule" in str(trouble)
