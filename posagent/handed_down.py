"""Owns the files that head office hands down to this register (program, members): verified copies beside the journal, and who is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from offline_queue.pull import FilePull
from offline_queue.signed_file import FileShelf, SignedFile

_PLAIN = {"program": "program.handed.toml", "members": "members.json"}


class HandedDown:
    """``keys``: key name to raw Ed25519 public key, from the register's credentials. ``arrived`` is called in the cloud lane's thread."""

    def __init__(self, directory: Path, keys: Mapping[str, bytes], arrived: Callable[[str], None]) -> None:
        self._directory, self._arrived = directory, arrived
        self._shelf = FileShelf(directory / "handed", keys)

    def unpack(self) -> None:
        """At the start: plain copies of what still carries a good signature. A plain copy that somebody changed is replaced."""
        for name in _PLAIN:
            file = self._shelf.load(name)
            if file is not None:
                self._write(file)

    def pulls(self) -> list[FilePull]:
        """For the cloud lane."""
        return [FilePull(name, self._shelf, self._take) for name in _PLAIN]

    def _take(self, file: SignedFile) -> None:
        self._write(file)
        self._arrived(file.name)

    def _write(self, file: SignedFile) -> None:
        path = self._directory / _PLAIN[file.name]
        scratch = path.with_suffix(".new")
        with scratch.open("wb") as out:
            out.write(file.content)
            out.flush()
            os.fsync(out.fileno())
        scratch.replace(path)


def program_file(directory: Path, own: Path) -> Path:
    """The program that head office handed down, else the one that the settings name."""
    handed = directory / _PLAIN["program"]
    return handed if handed.exists() else own


def members_file(directory: Path) -> Path:
    """Where the handed-down member snapshot is, if there is one."""
    return directory / _PLAIN["members"]
