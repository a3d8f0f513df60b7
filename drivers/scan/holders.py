"""Owns the question who has a device node open, answered from /proc."""

from __future__ import annotations

import os
from pathlib import Path


def held_by(node: str, *, proc: Path = Path("/proc")) -> str:
    """"cupsd (pid 812), brltty (pid 90)"; empty when nobody holds it, or when we may not look (other users' processes need root)."""
    try:
        wanted = Path(node).stat()
    except OSError:
        return ""
    found = []
    for process in sorted(proc.iterdir(), key=lambda path: path.name):
        if not process.name.isdigit() or process.name == str(os.getpid()):
            continue
        try:
            if any(_same(descriptor, wanted) for descriptor in (process / "fd").iterdir()):
                found.append(f"{(process / 'comm').read_text().strip()} (pid {process.name})")
        except OSError:  # it ended meanwhile, or it is another user's
            continue
    return ", ".join(found)


def _same(descriptor: Path, wanted: os.stat_result) -> bool:
    try:
        held = descriptor.stat()
    except OSError:
        return False
    return (held.st_dev, held.st_ino) == (wanted.st_dev, wanted.st_ino) or (wanted.st_rdev != 0 and held.st_rdev == wanted.st_rdev)
