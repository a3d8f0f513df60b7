"""Owns what the scanning tests share: a pty with a scanner at its far end, and assemblers as the drivers build them."""

from __future__ import annotations

import os
import tty
from collections.abc import Iterator
from typing import Any

import pytest

from posagent.ports import Driver


class Cable:
    """A pty: the near end is what a driver opens, the far end is the scanner."""

    def __init__(self) -> None:
        self._far, self._near = os.openpty()
        tty.setraw(self._near)
        self.path = os.ttyname(self._near)

    def send(self, chunk: bytes) -> None:
        os.write(self._far, chunk)

    def receive(self) -> bytes:
        return os.read(self._far, 4096)

    def unplug(self) -> None:
        for descriptor in (self._far, self._near):
            try:
                os.close(descriptor)
            except OSError:
                continue


@pytest.fixture
def cable() -> Iterator[Cable]:
    made = Cable()
    yield made
    made.unplug()


def settings(driver: Driver, **given: Any) -> dict[str, Any]:
    """A driver's options with their defaults, as the settings file's reader hands them out."""
    return {name: given.get(name, option.default) for name, option in driver.options.items()}


@pytest.fixture(name="settings")
def settings_fixture() -> Any:
    return settings
