"""Owns what the tests of installation and service share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from posagent.cloud import enrol
from posagent.cloud.embedded import EmbeddedReceiver
from posagent.cloud.reading import Place
from posagent.cloud.receiver import Settings

ROOT = Path(__file__).parents[2]


class HeadOffice:
    """A receiver that asks for keys, with its database at hand."""

    def __init__(self, directory: Path) -> None:
        self._embedded = EmbeddedReceiver(Settings(signed=True))
        self.url = self._embedded.start(directory)

    @property
    def receiver(self):
        return self._embedded.receiver

    def code(self, store: str = "0042", register: str = "R2", company: str = "acme", *, now_ms: int | None = None) -> str:
        at = self.receiver.now_ms() if now_ms is None else now_ms
        return self.receiver.engine.write(lambda work: enrol.new_code(work, Place(company, store, register), at))

    def revoke(self, device: str, company: str = "acme") -> bool:
        return self.receiver.engine.write(lambda work: enrol.revoke(work, company, device, self.receiver.now_ms()))

    def stop(self) -> None:
        self._embedded.stop()


@pytest.fixture(scope="module")
def head_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeadOffice]:
    made = HeadOffice(tmp_path_factory.mktemp("receiver"))
    yield made
    made.stop()
