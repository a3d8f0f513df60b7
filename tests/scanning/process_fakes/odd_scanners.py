"""Scanners with fault knobs, for a device process that has this folder in PYTHONPATH. A fifo scripts them: one line is one command."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posagent.errors import DeviceMissing
from posagent.ports import Driver, Scan


class Scripted:
    """Reads commands from a fifo: `scan TEXT`, `corrupt WHY`, `lost`, `crash`, `exit`, `hang`, `garbage`."""

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        try:
            self._fifo = os.open(options["fifo"], os.O_RDONLY | os.O_NONBLOCK)
        except FileNotFoundError as missing:
            raise DeviceMissing(f"{name}: no fifo; make one") from missing
        self._buffer = b""
        self._options = options

    def read(self, timeout_s: float) -> Sequence[Scan]:
        if b"\n" not in self._buffer:
            if select.select([self._fifo], [], [], timeout_s)[0]:
                self._buffer += os.read(self._fifo, 65536)
            if b"\n" not in self._buffer:
                time.sleep(0.001)
                return []
        line, _, self._buffer = self._buffer.partition(b"\n")
        word, _, rest = line.decode().partition(" ")
        match word:
            case "scan":
                return [Scan(rest, at_ns=time.monotonic_ns())]
            case "corrupt":
                return [Scan("", quality="corrupt", reason=rest, at_ns=time.monotonic_ns())]
            case "lost":
                raise DeviceMissing("unplugged; plug it in")
            case "crash":
                raise ValueError("a bug in the driver")
            case "exit":
                os._exit(7)
            case "hang":
                time.sleep(600)
            case "garbage":
                for descriptor in [int(one.name) for one in Path("/proc/self/fd").iterdir()]:  # whatever number the agent gave it
                    try:
                        if str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith("socket:"):
                            os.write(descriptor, b"\xff" * 64)
                    except OSError:
                        continue
        return []

    def preview(self) -> dict[str, Any]:
        return {"jpeg": "AAAA"}

    def close(self) -> None:
        os.close(self._fifo)


DRIVER = Driver("scripted", "scanner", "scripted", "experimental", "none", {}, Scripted)
