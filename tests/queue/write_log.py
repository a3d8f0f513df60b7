"""Owns power cuts: records every write, truncation, name and sync of a program with strace, and rebuilds what a disk may hold at any moment.

The disk is the worst that POSIX allows: what was not synced may be there, not be there, or be there in some of its 512-byte sectors; a
name that was made, moved or removed is not durable before its directory is synced.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

SECTOR = 512
_CALLS = "openat,write,pwrite64,ftruncate,fallocate,fsync,fdatasync,unlink,unlinkat,rename,renameat,renameat2,link,linkat"
_LINE = re.compile(r"^\d+ +(?P<call>\w+)\((?P<rest>.*)$")
_RESUMED = re.compile(r"^(?P<pid>\d+) +<\.\.\. (?P<call>\w+) resumed>(?P<rest>.*)$")
_FD = re.compile(r"^(?P<fd>\d+)<(?P<path>[^>]*)>")
_TEXT = re.compile(r'"(?P<text>(?:\\x[0-9a-f]{2})*)"')


@dataclass(frozen=True)
class Op:
    """One effect, in order: ``told`` is a line that the program wrote to its standard output."""

    kind: Literal["create", "write", "truncate", "sync", "sync names", "unlink", "rename", "told"]
    path: str = ""
    to: str = ""
    offset: int = 0
    content: bytes = b""


def record(script: Path, directory: Path, *arguments: str) -> list[Op]:
    """Runs the script under strace with ``directory`` (which must not exist) as its first argument; its effects below it."""
    log = directory.with_suffix(".strace")
    watch = ["strace", "-f", "-y", "-xx", "-s", "4000000", "-e", f"trace={_CALLS}", "-o", str(log)]
    subprocess.run([*watch, sys.executable, str(script), str(directory), *arguments], check=True, stdout=subprocess.DEVNULL, timeout=120)
    return list(_parse(log.read_text("ascii", "replace").splitlines(), str(directory)))


def _parse(lines: Sequence[str], root: str) -> Iterator[Op]:
    begun: dict[tuple[str, str], str] = {}
    for line in lines:
        resumed = _RESUMED.match(line)
        if resumed:
            rest = begun.pop((resumed["pid"], resumed["call"]), "") + resumed["rest"]
            yield from _op(resumed["call"], rest, root)
            continue
        match = _LINE.match(line)
        if match is None:
            continue
        if match["rest"].endswith("<unfinished ...>"):
            rest = match["rest"].removesuffix("<unfinished ...>")
            if match["call"] in ("write", "pwrite64", "ftruncate"):  # may have happened from now on
                yield from _op(match["call"], rest + ") = 0", root)
            else:  # a sync holds only once it has returned
                begun[line.split(" ", 1)[0], match["call"]] = rest
            continue
        yield from _op(match["call"], match["rest"], root)


def _op(call: str, rest: str, root: str) -> Iterator[Op]:
    if re.search(r"= -1 E\w+", rest):
        return
    fd = _FD.match(rest)
    path = _plain(fd["path"]) if fd else ""
    texts = [_bytes(match["text"]) for match in _TEXT.finditer(rest)]
    numbers = rest.rsplit(")", 1)[0].rsplit('"', 1)[-1].split(",")
    match call:
        case "openat":
            name = texts[0].decode()
            if name.startswith(root) and ("O_CREAT" in rest or "O_TRUNC" in rest):
                yield Op("create", name)
        case "write":
            if fd and fd["fd"] == "1":
                yield from (Op("told", content=line) for line in texts[0].splitlines())
            elif path.startswith(root):
                yield Op("write", path, offset=-1, content=texts[0])
        case "pwrite64" if path.startswith(root):
            yield Op("write", path, offset=int(numbers[-1]), content=texts[0])
        case "ftruncate" if path.startswith(root):
            yield Op("truncate", path, offset=int(rest.split(")")[0].rsplit(",", 1)[1]))
        case "fsync" | "fdatasync" if path.startswith(root):
            yield Op("sync names" if Path(path).is_dir() else "sync", path)
        case "unlink" | "unlinkat" if texts[0].decode().startswith(root):
            yield Op("unlink", texts[0].decode())
        case "rename" | "renameat" | "renameat2" if texts[0].decode().startswith(root):
            yield Op("rename", texts[0].decode(), to=texts[1].decode())


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _plain(path: str) -> str:
    return _bytes(path).decode() if path.startswith("\\x") else path


@dataclass
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Op] = field(default_factory=list)
    size: int = 0  # as the program sees it: where an append goes


class Disk:
    """Replays effects; at any moment `survivors` writes out what a power cut could leave."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.files: dict[str, _File] = {}  # as the program sees them
        self.durable_names: dict[str, _File] = {}
        self.pending_names: list[dict[str, _File]] = []

    def apply(self, op: Op) -> None:
        match op.kind:
            case "create":
                if op.path not in self.files:
                    self.files[op.path] = _File()
                    self._named()
            case "write" | "truncate" if op.path in self.files:
                file = self.files[op.path]
                if op.kind == "truncate":
                    file.size = op.offset
                    file.pending.append(op)
                else:
                    offset = file.size if op.offset < 0 else op.offset
                    file.size = max(file.size, offset + len(op.content))
                    file.pending.append(Op("write", op.path, offset=offset, content=op.content))
            case "sync" if op.path in self.files:
                file = self.files[op.path]
                for one in file.pending:
                    _write(file.durable, one)
                file.pending = []
            case "sync names":
                self.durable_names = dict(self.files)
                self.pending_names = []
            case "unlink":
                if self.files.pop(op.path, None) is not None:
                    self._named()
            case "rename" if op.path in self.files:
                self.files[op.to] = self.files.pop(op.path)
                self._named()

    def _named(self) -> None:
        self.pending_names.append(dict(self.files))

    def survivors(self, how: Literal["none", "all", "torn"], target: Path, draw: random.Random) -> None:
        """Writes the directory as it may be after a power cut now: no unsynced effect, all of them, or a random part."""
        names = self.durable_names
        if how == "all":
            names = self.files
        elif how == "torn" and self.pending_names:
            names = draw.choice([names, *self.pending_names])
        for path, file in names.items():
            content = bytearray(file.durable)
            for op in file.pending if how != "none" else ():
                if how == "all":
                    _write(content, op)
                elif op.kind == "truncate":
                    if draw.random() < 0.5:
                        _write(content, op)
                else:
                    for start in range(0, len(op.content), SECTOR):
                        if draw.random() < 0.5:
                            _write(content, Op("write", offset=op.offset + start, content=op.content[start : start + SECTOR]))
            out = target / Path(path).relative_to(self.root)
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_bytes(content)


def _write(content: bytearray, op: Op) -> None:
    if op.kind == "truncate":
        del content[op.offset :]
        content.extend(bytes(op.offset - len(content)))
        return
    if len(content) < op.offset:
        content.extend(bytes(op.offset - len(content)))
    content[op.offset : op.offset + len(op.content)] = op.content
