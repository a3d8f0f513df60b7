"""Owns how far each file of a folder has been read, on disk, so that a restart in the middle of a file reads nothing twice and skips nothing.

A file is known by device, inode and its first bytes, not by its name: it may be renamed (rotation), cut short and begun anew (copytruncate),
or replaced. A mark moves only over what is finished.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from posagent.errors import DeviceError

HEAD = 256
"""Bytes at the beginning by which a file is known again."""
MOST_MARKS = 2000


@dataclass(frozen=True, slots=True)
class Mark:
    """How far one file was read."""

    offset: int
    head: str  # digest of the first bytes, as many as had been read when the mark was set
    head_size: int
    stamp: int = 0  # whole files: the time of the last change that was read (ns)


class Marks:
    """All marks of one door."""

    def __init__(self, name: str, path: Path) -> None:
        self._name, self._path = name, path
        self._marks: dict[str, Mark] = {}
        self.new = True  # no marks were ever kept here: what lies in the folder is history
        try:
            kept: Any = json.loads(path.read_text("utf-8"))
            self._marks = {key: Mark(**mark) for key, mark in kept["files"].items()}
            self.new = False
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as trouble:
            said = f"{name}: {path} cannot be read ({trouble}); move it away: the door then begins with what is written from now on"
            raise DeviceError(said, code="E200") from trouble

    def offset(self, key: str, file: int, size: int) -> int:
        """Where to go on in an open file; -1 where it is not the file that was read, or was begun anew."""
        mark = self._marks.get(key)
        if mark is None:
            return 0
        if size < mark.offset or head_of(file, mark.head_size) != mark.head:
            return -1
        return mark.offset

    def knows(self, key: str, size: int) -> bool:
        """Whether something may be left to read in a file that we began."""
        mark = self._marks.get(key)
        return mark is not None and size > mark.offset > 0

    def stamp(self, key: str) -> int:
        """Of a whole file: which change was read last."""
        mark = self._marks.get(key)
        return mark.stamp if mark is not None else 0

    def set(self, key: str, file: int, offset: int, stamp: int = 0) -> None:
        """So far it is read; `keep` makes it last."""
        size = min(offset, HEAD)
        self._marks.pop(key, None)
        self._marks[key] = Mark(offset, head_of(file, size), size, stamp)
        while len(self._marks) > MOST_MARKS:
            del self._marks[next(iter(self._marks))]

    def keep(self) -> None:
        """Durably. Raises DeviceError."""
        text = json.dumps({"files": {key: asdict(mark) for key, mark in self._marks.items()}})
        beside = self._path.with_name(self._path.name + ".new")
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8", closefd=False) as file:
                    file.write(text)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            beside.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as trouble:
            said = f"{self._name}: {self._path} cannot be written: {trouble.strerror}; nothing is read until it can"
            raise DeviceError(said, code="E200") from trouble
        self.new = False


def head_of(file: int, size: int) -> str:
    """The digest of a file's first bytes."""
    return sha256(os.pread(file, size, 0)).hexdigest()[:16]
