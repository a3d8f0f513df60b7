"""A register in a temporary directory: the real agent as a process of its own, with virtual devices on its real ports."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from virtual_counter.plain_register import PlainRegister, settings
from virtual_counter.scanner import SerialScanner

sys.path.insert(0, str(Path(__file__).parent))  # for agent_shop: tests is no package

SCANNER = """\
[[scanner]]
name = "front"
driver = "serial"
port = "{directory}/scanner"
"""


class Register(PlainRegister):
    """One register with a serial scanner that can be plugged."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, settings(SCANNER))
        self.scanner: SerialScanner | None = None

    def plug_scanner(self) -> SerialScanner:
        self.scanner = SerialScanner(self.directory / "scanner")
        return self.scanner

    def device(self, name: str) -> dict[str, Any]:
        devices = self.till.status().body.get("devices", [])
        return next((device for device in devices if device["name"] == name), {})


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    made = Register(tmp_path)
    yield made
    made.end()
    if made.scanner is not None:
        made.scanner.close()
